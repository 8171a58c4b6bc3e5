// Tests what is asked of git: names of any spelling, folders inside repositories, cut histories, and no repository.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, rename } from "node:fs/promises";
import { join, sep } from "node:path";
import { readHistory } from "../../../server/src/codebase/gitHistory.ts";
import { GIT_ENVIRONMENT } from "../../fakes/gitEnvironment.ts";
import { withTree, writeInto } from "./tempTree.ts";

describe("git history", () => {
  it("has the last commit of every file and the id of its content, whatever its name", () => {
    const names = ["a b.ts", "sub/é.ts", 'quo"te.ts', "日本.ts", "-x.ts", ":(top)y.ts", "tab\tname.ts", "line\nend.ts"];
    return withTree(Object.fromEntries(names.map((name) => [name, "1"])), async (root) => {
      commit(root, 1000);
      await writeInto(root, "日本.ts", "2");
      commit(root, 2000);
      const { seconds, whole, blobs } = await readHistory(root, undefined);
      const expected = names.map((name) => [name, name === "日本.ts" ? 2000 : 1000]);
      assert.deepEqual(new Map([...seconds].sort()), new Map((expected as [string, number][]).sort()));
      assert.equal(whole, true);
      assert.deepEqual([...blobs!.keys()].sort(), names.toSorted());
      assert.equal(blobs!.get("日本.ts"), git(root, ["rev-parse", "HEAD:日本.ts"]).trim());
    });
  });

  it("has the paths of a folder inside a repository relative to it, and nothing from beside it", () =>
    withTree({ "app/src/a.ts": "1", "lib/b.ts": "1", "app2/c.ts": "1" }, async (root) => {
      commit(root, 1000);
      const { root: at, seconds, blobs } = await readHistory(join(root, "app"), undefined);
      assert.equal(at, join(root, "app") + sep);
      assert.deepEqual([...seconds], [["src/a.ts", 1000]]);
      assert.deepEqual([...blobs!.keys()], ["src/a.ts"]);
      const slash = await readHistory(join(root, "lib") + sep, undefined);
      assert.deepEqual([slash.root, ...slash.seconds.keys()], [join(root, "lib") + sep, "b.ts"]);
    }));

  it("has a renamed file as new, and deleted ones without content", () =>
    withTree({ "old.ts": "same text", "gone.ts": "1" }, async (root) => {
      commit(root, 1000);
      await rename(join(root, "old.ts"), join(root, "new.ts"));
      git(root, ["rm", "--quiet", "gone.ts"]);
      commit(root, 2000);
      const { seconds, blobs } = await readHistory(root, undefined);
      assert.equal(seconds.get("new.ts"), 2000);
      assert.deepEqual([...blobs!.keys()], ["new.ts"]);
    }));

  it("has the merge's side branches too", () =>
    withTree({ "a.ts": "1" }, async (root) => {
      commit(root, 1000);
      git(root, ["checkout", "--quiet", "-b", "side"]);
      await writeInto(root, "side.ts", "1");
      commit(root, 2000);
      git(root, ["checkout", "--quiet", "main"]);
      await writeInto(root, "main.ts", "1");
      commit(root, 3000);
      git(root, ["merge", "--quiet", "--no-edit", "side"], 4000);
      const { seconds } = await readHistory(root, undefined);
      assert.deepEqual(Object.fromEntries(seconds), { "main.ts": 3000, "side.ts": 2000, "a.ts": 1000 });
    }));

  it("takes what a shallow clone has for all there is", () =>
    withTree({ "repo/a.ts": "1", "repo/b.ts": "1" }, async (root) => {
      const repo = join(root, "repo");
      commit(repo, 1000);
      await writeInto(repo, "b.ts", "2");
      commit(repo, 2000);
      git(root, ["clone", "--quiet", "--depth", "1", `file://${repo}`, "copy"]);
      const { seconds, whole, blobs } = await readHistory(join(root, "copy"), undefined);
      assert.deepEqual(Object.fromEntries(seconds), { "a.ts": 2000, "b.ts": 2000 });
      assert.equal(whole, true);
      assert.equal(blobs!.size, 2);
    }));

  it("reads no more than the last 20,000 commits, and says that there are more", function () {
    this.timeout(60_000);
    return withTree({}, async (root) => {
      git(root, ["-c", "init.defaultBranch=main", "init", "--quiet"]);
      const commits = Array.from({ length: 20_010 }, (_, index) => {
        const change =
          index === 0 ? "M 100644 inline old.ts\ndata 1\n1\n" : `M 100644 inline new.ts\ndata 5\n${10_000 + index}\n`;
        const author = `committer T <t@example.invalid> ${1000 + index} +0000`;
        return `commit refs/heads/main\n${author}\ndata 1\nx\n${change}\n`;
      });
      git(root, ["fast-import", "--quiet"], 0, commits.join(""));
      const { seconds, whole, blobs } = await readHistory(root, undefined);
      assert.deepEqual([...seconds], [["new.ts", 1000 + 20_009]]);
      assert.equal(whole, false);
      assert.deepEqual([...blobs!.keys()].sort(), ["new.ts", "old.ts"]);
    });
  });

  const nothing: Record<string, (root: string) => Promise<unknown>> = {
    "is no repository": async () => {},
    "has no commit": async (root) => git(root, ["init", "--quiet"]),
    "has a broken repository": (root) => mkdir(join(root, ".git")),
    "has a repository without its objects": (root) => {
      commit(root, 1000);
      return rename(join(root, ".git/objects"), join(root, ".git/lost"));
    },
  };
  for (const [what, make] of Object.entries(nothing)) {
    it(`is empty where a folder ${what}`, () =>
      withTree({ "a.ts": "1" }, async (root) => {
        await make(root);
        const { seconds, whole, blobs } = await readHistory(root, undefined);
        assert.deepEqual([seconds.size, whole, blobs], [0, true, undefined]);
      }));
  }

  it("is empty without git, without the folder, and when aborted", () =>
    withTree({ "a.ts": "1" }, async (root) => {
      commit(root, 1000);
      const empty = { root: root + sep, seconds: new Map(), whole: true, blobs: undefined };
      assert.deepEqual(await readHistory(root, AbortSignal.abort()), empty);
      assert.equal((await readHistory(join(root, "gone"), undefined)).seconds.size, 0);
      const { PATH } = process.env;
      process.env.PATH = root;
      try {
        assert.deepEqual(await readHistory(root, undefined), empty);
      } finally {
        process.env.PATH = PATH;
      }
    }));

  it("asks about the folder's own repository, whatever a hook's variables name", () =>
    withTree({ "one/a.ts": "1", "two/b.ts": "1" }, async (root) => {
      commit(join(root, "one"), 1000);
      commit(join(root, "two"), 2000);
      process.env.GIT_DIR = join(root, "one", ".git");
      try {
        assert.deepEqual([...(await readHistory(join(root, "two"), undefined)).seconds], [["b.ts", 2000]]);
      } finally {
        delete process.env.GIT_DIR;
      }
    }));

  it("is there for a user whose home is not", async function () {
    // Windows does not ask HOME.
    if (process.platform === "win32") this.skip();
    await withTree({ "a.ts": "1" }, async (root) => {
      commit(root, 1000);
      const { HOME } = process.env;
      process.env.HOME = join(root, "nowhere");
      try {
        assert.deepEqual([...(await readHistory(root, undefined)).seconds], [["a.ts", 1000]]);
      } finally {
        if (HOME === undefined) delete process.env.HOME;
        else process.env.HOME = HOME;
      }
    });
  });
});

function commit(root: string, seconds: number): void {
  git(root, ["-c", "init.defaultBranch=main", "init", "--quiet"]);
  git(root, ["add", "--all"]);
  git(root, ["commit", "--quiet", "--message", "change"], seconds);
}

function git(root: string, args: string[], seconds = 0, input = ""): string {
  const identity = ["-c", "user.name=T", "-c", "user.email=t@example.invalid"];
  const date = `@${seconds} +0000`;
  const env = { ...GIT_ENVIRONMENT, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  return execFileSync("git", ["-C", root, ...identity, ...args], { input, env }).toString();
}
