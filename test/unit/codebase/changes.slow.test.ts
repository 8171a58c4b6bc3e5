// Tests what is looked at to find what differs from a base: as little as possible, and never so much that a question waits.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TextDocument } from "vscode-languageserver-textdocument";
import { Changes } from "../../../server/src/codebase/changes.ts";
import { MANY_FILES } from "../../../server/src/codebase/difference.ts";
import type { FileSet } from "../../../server/src/codebase/fileSet.ts";
import { textHash } from "../../../server/src/codebase/readText.ts";
import { uriOf } from "../../../server/src/codebase/workspace.ts";
import type { BaseFile, WorkspaceFile } from "../../../server/src/codebase/workspaceFile.ts";
import { countingReads, overlaid, sections } from "./overlaid.ts";
import { withTree } from "./tempTree.ts";

const NO_DOCUMENTS = { all: (): TextDocument[] => [] };

/** Trees of so many files. */
function filesOf(count: number, text = "text"): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [nameOf(index), `${text} ${index}\n`]));
}

const nameOf = (index: number) => `f${String(index).padStart(4, "0")}.ts`;

describe("looking for changes", () => {
  it("reads only what changed of 5,000 files, and that once", async () => {
    await withTree(filesOf(20, "new"), async (root) => {
      const files: WorkspaceFile[] = Array.from({ length: 5000 }, (_, index) => {
        const path = nameOf(index);
        return { folder: "repo", path, absolutePath: join(root, path), bytes: 1, mtimeMs: 0 };
      });
      const byUri = new Map(files.map((file) => [uriOf(file), file]));
      const base = files.map(({ path }): BaseFile => {
        return { path, form: "whole", text: "old\n", hash: textHash("old\n"), tokens: 0, reason: "" };
      });
      const fileSet: FileSet = { files, leftOut: [] };
      let told: string[] = [];
      const workspace = {
        files: async () => fileSet,
        fileOf: (uri: string) => byUri.get(uri),
        takeChangedOnDisk: () => told.splice(0),
      };
      const changes = new Changes({ workspace, files: base, byUri, changedUris: [] });
      const find = async () => (await changes.find(NO_DOCUMENTS)).changes.length;
      assert.equal(await countingReads(find), 0);
      told = files.slice(0, 20).map(uriOf);
      assert.equal(await countingReads(async () => assert.equal(await find(), 20)), 20);
      for (let question = 0; question < 3; question++) {
        assert.equal(await countingReads(async () => assert.equal(await find(), 20)), 0);
      }
      // Told again: it is read again, because an editor may keep the time and the length.
      told = [uriOf(files[3]!)];
      assert.equal(await countingReads(find), 1);
      await writeFile(files[4]!.absolutePath, "another text, of which no event told\n");
      assert.equal(await countingReads(find), 1);
    });
  });

  it("finds none among many files that were touched and are the same", async () => {
    const tree = filesOf(3 * MANY_FILES);
    await overlaid(tree, async (place) => {
      for (const [path, text] of Object.entries(tree)) await place.save(path, text);
      const { parts, onlyNamed, tooMany } = await place.parts();
      assert.deepEqual([parts, onlyNamed, tooMany], [[], 0, false]);
    });
  });

  it("reads no more once so many files differ that it is another branch", async () => {
    const tree = filesOf(2 * MANY_FILES);
    await overlaid(tree, async (place) => {
      for (const path of Object.keys(tree)) await place.save(path, "other\n");
      await place.workspace.files();
      const reads = await countingReads(async () => {
        const { entries, onlyNamed, tooMany, parts } = await place.parts();
        assert.deepEqual([entries.length, onlyNamed, tooMany], [0, 2 * MANY_FILES, true]);
        assert.ok("text" in parts[1]! && parts[1].text.includes("\nf0000.ts\n"), "they are named");
      });
      assert.equal(reads, MANY_FILES);
      assert.equal(await countingReads(() => place.parts()), 0);
      for (const [path, text] of Object.entries(tree)) await place.save(path, text);
      assert.deepEqual((await place.parts()).parts, [], "back on the first branch");
    });
  });

  it("shows of another branch only what is open, and names the rest", async () => {
    const tree = filesOf(2 * MANY_FILES);
    await overlaid(tree, async (place) => {
      for (const path of Object.keys(tree)) await place.save(path, "other\n");
      place.type("f0003.ts", "typed\n");
      const { entries, onlyNamed } = await place.parts();
      assert.deepEqual([entries.map(({ path }) => path), onlyNamed], [["f0003.ts"], 2 * MANY_FILES - 1]);
      assert.equal(place.overlay.isInBase("f0003.ts"), true);
      assert.equal(place.overlay.isInBase("f0004.ts"), false);
    });
  });

  it("is one file short of another branch", async () => {
    const tree = filesOf(MANY_FILES);
    await overlaid(tree, async (place) => {
      for (const path of Object.keys(tree).slice(1)) await place.save(path, "other\n");
      const { tooMany, onlyNamed } = await place.parts();
      assert.deepEqual([tooMany, onlyNamed], [false, 0]);
    });
  });

  it("names what is unsaved beyond that, too", async () => {
    const tree = filesOf(MANY_FILES + 2);
    await overlaid(tree, async (place) => {
      for (const path of Object.keys(tree)) place.type(path, "typed\n");
      const parts = await place.parts();
      assert.deepEqual([parts.entries.length, parts.onlyNamed], [MANY_FILES, 2]);
      const named = sections(parts)[0]!.split("\n").slice(1, -1);
      assert.equal(named.length, 2);
      for (const path of named) assert.equal(place.overlay.isInBase(path), false, path);
    });
  });

  it("compares a file that was never read with what it was when it was listed", async () => {
    await withTree({ "a.ts": "a\n" }, async (root) => {
      const file: WorkspaceFile = { folder: "", path: "a.ts", absolutePath: join(root, "a.ts"), bytes: 2, mtimeMs: 0 };
      const byUri = new Map([[uriOf(file), file]]);
      const unread: BaseFile = { path: "a.ts", form: "path", text: "", hash: "", tokens: 1, reason: "" };
      let told: string[] = [];
      const workspace = {
        files: async () => fileSet,
        fileOf: (uri: string) => byUri.get(uri),
        takeChangedOnDisk: () => told.splice(0),
      };
      const fileSet: FileSet = { files: [file], leftOut: [] };
      const changes = new Changes({ workspace, files: [unread], byUri, changedUris: [] });
      const document = (text: string, version: number) =>
        ({ uri: uriOf(file), version, getText: () => text }) as TextDocument;
      const find = async (...open: TextDocument[]) =>
        (await changes.find({ all: () => open })).changes.map(({ text }) => text);
      assert.deepEqual(await find(document("a\n", 1)), [], "only opened");
      assert.deepEqual(await find(document("b\n", 2)), ["b\n"]);
      assert.deepEqual(await find(), [], "closed without saving");
      told = [uriOf(file)];
      await writeFile(file.absolutePath, "c\n");
      assert.deepEqual(await find(), ["c\n"]);
    });
  });

  it("applies the limits of files to unsaved text, in bytes", async () => {
    await overlaid({ "a.ts": "a\n" }, async (place) => {
      place.type("a.ts", "ü\n".repeat(200_000));
      assert.deepEqual(await place.entries(), ["deleted a.ts"]);
    });
  });

  it("lets .fathomignore allow more, as soon as it says so", async () => {
    await overlaid({ "a.ts": "a\n" }, async (place) => {
      place.type("a.ts", "// @generated\nlet a;\n");
      assert.deepEqual(await place.entries(), ["deleted a.ts"]);
      await place.create(".fathomignore", "!a.ts\n");
      assert.deepEqual((await place.entries()).sort(), ["new .fathomignore", "whole a.ts"]);
    });
  });
});
