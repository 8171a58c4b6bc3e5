// Tests that files are ordered by their last commit, else by their time on disk, and that nothing makes it throw.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, rename, utimes } from "node:fs/promises";
import { join } from "node:path";
import { orderByAge } from "../../../server/src/codebase/ageOrder.ts";
import { collectFiles } from "../../../server/src/codebase/fileSet.ts";
import { GIT_ENVIRONMENT } from "../../fakes/gitEnvironment.ts";
import { listed, withTree, writeInto } from "./tempTree.ts";

describe("age order", () => {
  it("has the least recently committed file first, whatever the times on disk", () =>
    withTree({ "a.ts": "1", "b c.ts": "1", "sub/é.ts": "1" }, async (root) => {
      commit(root, 1000);
      await writeInto(root, "b c.ts", "2");
      commit(root, 2000);
      await writeInto(root, "a.ts", "2");
      commit(root, 3000);
      await setTime(root, "a.ts", 1);
      assert.deepEqual(await order(root), ["sub/é.ts", "b c.ts", "a.ts"]);
    }));

  it("uses the time on disk for files that are not in the history", () =>
    withTree({ "a.ts": "1", "b.ts": "1" }, async (root) => {
      commit(root, 2000);
      await writeInto(root, "older.ts", "1");
      await writeInto(root, "newer.ts", "1");
      await setTime(root, "older.ts", 1000);
      await setTime(root, "newer.ts", 3000);
      assert.deepEqual(await order(root), ["older.ts", "a.ts", "b.ts", "newer.ts"]);
    }));

  it("counts files that differ from the last commit as changed at their time on disk, staged or not", () =>
    withTree({ "a.ts": "1", "b.ts": "1", "c.ts": "1", "d.ts": "1" }, async (root) => {
      commit(root, 1000);
      for (const name of ["a.ts", "b.ts", "c.ts"]) await writeInto(root, name, "2");
      git(root, ["add", "b.ts", "c.ts"]);
      await writeInto(root, "c.ts", "1");
      await setTime(root, "a.ts", 3000);
      await setTime(root, "b.ts", 2000);
      await setTime(root, "c.ts", 4000);
      // c.ts is staged, but its content on disk is the last commit's.
      assert.deepEqual(await order(root), ["c.ts", "d.ts", "b.ts", "a.ts"]);
    }));

  it("does not take other times on disk or other line ends for changes", () =>
    withTree({ "a.ts": "1\n2\n", "b.ts": "1", "c.ts": "1" }, async (root) => {
      commit(root, 1000);
      await writeInto(root, "c.ts", "2");
      commit(root, 2000);
      await writeInto(root, "a.ts", "1\r\n2\r\n");
      await setTime(root, "a.ts", 9000);
      await setTime(root, "b.ts", 8000);
      assert.deepEqual(await order(root), ["a.ts", "b.ts", "c.ts"]);
    }));

  it("is the same in every clean checkout and for files in any order", () =>
    withTree({ "b.ts": "1", "a.ts": "1", "sub/c.ts": "1" }, async (root) => {
      commit(root, 1000);
      await writeInto(root, "a.ts", "2");
      commit(root, 2000);
      await withTree({}, async (other) => {
        git(other, ["clone", "--quiet", root, "copy"]);
        const copy = join(other, "copy");
        await setTime(copy, "b.ts", 5000);
        assert.deepEqual(await order(copy), await order(root));
        const folders = [{ name: "repo", path: root }];
        const { files } = await collectFiles(folders);
        const ordered = await orderByAge(folders, files);
        assert.deepEqual(await orderByAge(folders, files.reverse()), ordered);
      });
    }));

  it("counts a renamed file as changed", () =>
    withTree({ "a.ts": "1", "b.ts": "1" }, async (root) => {
      commit(root, 1000);
      await rename(join(root, "a.ts"), join(root, "c.ts"));
      commit(root, 2000);
      assert.deepEqual(await order(root), ["b.ts", "c.ts"]);
    }));

  it("works for a folder inside a repository and for several folders", () =>
    withTree({ "app/a.ts": "1", "lib/b.ts": "1" }, async (root) => {
      commit(root, 2000);
      await writeInto(root, "app/a.ts", "2");
      commit(root, 3000);
      await writeInto(root, "app/c.ts", "1");
      commit(root, 1000);
      const folders = ["app", "lib"].map((name) => ({ name, path: join(root, name) }));
      const { files } = await collectFiles(folders);
      assert.deepEqual(
        (await orderByAge(folders, files)).map((file) => file.path),
        ["app/c.ts", "lib/b.ts", "app/a.ts"],
      );
    }));

  it("uses the times on disk without a repository, ties in the order of the paths", () =>
    withTree({ "a.ts": "1", "b.ts": "1", "c.ts": "1" }, async (root) => {
      await setTime(root, "a.ts", 2000);
      await setTime(root, "b.ts", 1000);
      await setTime(root, "c.ts", 1000);
      assert.deepEqual(await order(root), ["b.ts", "c.ts", "a.ts"]);
    }));

  it("uses the times on disk where git fails, is not found, or is aborted", () =>
    withTree({ "a.ts": "1", "b.ts": "1" }, async (root) => {
      await setTime(root, "a.ts", 2000);
      await setTime(root, "b.ts", 1000);
      await mkdir(join(root, ".git"));
      assert.deepEqual(await order(root), ["b.ts", "a.ts"]);
      assert.deepEqual(await order(root, AbortSignal.abort()), ["b.ts", "a.ts"]);
      const path = process.env.PATH;
      process.env.PATH = root;
      try {
        assert.deepEqual(await order(root), ["b.ts", "a.ts"]);
      } finally {
        process.env.PATH = path;
      }
    }));

  it("runs no program that a repository's settings name", () =>
    withTree({ "a.ts": "1", "b.ts": "1" }, async (root) => {
      commit(root, 1000);
      // A signed commit: with log.showSignature, git log runs gpg.program on it.
      const signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----\n";
      const plain = git(root, ["cat-file", "commit", "HEAD"]);
      const signed = git(
        root,
        ["hash-object", "-t", "commit", "-w", "--stdin"],
        plain.replace(/\n\n/, `\n${signature}\n`),
      );
      git(root, ["update-ref", "HEAD", signed.trim()]);
      await writeInto(root, "trap.sh", `#!/bin/sh\ntouch '${join(root, "ran.ts")}'\n`);
      await chmod(join(root, "trap.sh"), 0o700);
      const programs = ["gpg.program", "core.fsmonitor", "core.pager", "diff.external"];
      // A clean filter runs when git compares a file that may have changed with what it has.
      for (const key of [...programs, "filter.trap.clean", "filter.trap.process", "diff.trap.textconv"]) {
        git(root, ["config", key, join(root, "trap.sh")]);
      }
      await writeInto(root, ".git/info/attributes", "* filter=trap diff=trap\n");
      await writeInto(root, "a.ts", "2");
      await setTime(root, "a.ts", 900);
      git(root, ["config", "log.showSignature", "true"]);
      assert.deepEqual(await order(root), ["a.ts", "b.ts", "trap.sh"]);
      assert.deepEqual(await order(root), ["a.ts", "b.ts", "trap.sh"], "no ran.ts");
    }));

  it("takes folders and files that do not exist", async () => {
    const files = [listed("b.ts", 1, 5000), listed("a.ts", 1, 9000)];
    const ordered = await orderByAge([{ name: "gone", path: "/no/such/folder\0" }], files);
    assert.deepEqual(ordered, files);
  });
});

async function order(root: string, signal?: AbortSignal): Promise<string[]> {
  const folders = [{ name: "repo", path: root }];
  const { files } = await collectFiles(folders);
  return (await orderByAge(folders, files, signal)).map((file) => file.path);
}

function commit(root: string, seconds: number): void {
  const date = `@${seconds} +0000`;
  const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  git(root, ["init", "--quiet"]);
  git(root, ["add", "--all"]);
  git(root, ["commit", "--quiet", "--message", "change"], "", env);
}

function git(root: string, args: string[], input = "", env: NodeJS.ProcessEnv = {}): string {
  const identity = ["-c", "user.name=T", "-c", "user.email=t@example.invalid"];
  return execFileSync("git", ["-C", root, ...identity, ...args], {
    input,
    env: { ...GIT_ENVIRONMENT, ...env },
  }).toString();
}

function setTime(root: string, path: string, seconds: number): Promise<void> {
  return utimes(join(root, path), seconds, seconds);
}
