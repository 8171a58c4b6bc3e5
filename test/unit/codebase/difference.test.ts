// Tests how far a workspace on disk is from bases that were laid out earlier, and what telling it is reckoned to cost.
import assert from "node:assert/strict";
import { join } from "node:path";
import { MANY_FILES, mostChanges, WorkspaceNow } from "../../../server/src/codebase/difference.ts";
import { textHash } from "../../../server/src/codebase/readText.ts";
import type { BaseFile, BaseForm, WorkspaceFile } from "../../../server/src/codebase/workspaceFile.ts";
import { fileUri } from "../../../server/src/uris.ts";
import { countingReads } from "./overlaid.ts";
import { type Tree, withTree } from "./tempTree.ts";

const LONG = "let value = 1;\n".repeat(100);
/** Reckoned for the line that says what an entry replaces, and characters a token. */
const HEAD = 32;
const PER_TOKEN = 3;

function inBase(path: string, text: string, form: BaseForm = "whole"): BaseFile {
  return { path, form, text: form === "whole" ? text : "", hash: textHash(text), tokens: 0, reason: "" };
}

const baseOf = (tree: Record<string, string>) => Object.entries(tree).map(([path, text]) => inBase(path, text));

async function compared(
  now: Tree,
  bases: BaseFile[][],
  check: (found: Awaited<ReturnType<WorkspaceNow["differenceTo"]>>[], root: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  await withTree(now, async (root) => {
    const files = Object.entries(now).map(([path, content]): WorkspaceFile => {
      return { folder: "", path, absolutePath: join(root, path), bytes: content.length, mtimeMs: 0 };
    });
    const workspace = new WorkspaceNow(files, (path) => (path.startsWith("closed/") ? undefined : join(root, path)));
    const found = [];
    for (const base of bases) found.push(await workspace.differenceTo({ files: base }, signal));
    check(found, root);
  });
}

/** Names of the files that differ, and the tokens. */
async function check(now: Tree, base: BaseFile[], expected: { changed: string[]; tokens: number } | undefined) {
  await compared(now, [base], ([found], root) => {
    const paths = found?.changed.map((uri) => uri.slice(fileUri(`${root}/`).length)).sort();
    assert.deepEqual(found === undefined ? undefined : { changed: paths, tokens: found.tokens }, expected);
    for (const uri of found?.changed ?? []) assert.ok(found?.byUri.has(uri), uri);
  });
}

describe("the difference to an earlier base", () => {
  it("is none where nothing changed", () =>
    check({ "a.ts": LONG }, baseOf({ "a.ts": LONG }), { changed: [], tokens: 0 }));

  it("is told by what stands between the first and the last line that differ", () =>
    check({ "a.ts": `${LONG}new\n${LONG}` }, baseOf({ "a.ts": `${LONG}old one\n${LONG}` }), {
      changed: ["a.ts"],
      tokens: HEAD + Math.ceil("newold one".length / PER_TOKEN),
    }));

  it("is at most the whole text, and always that where the base has only signatures", async () => {
    await check({ "a.ts": "short\n" }, baseOf({ "a.ts": LONG }), { changed: ["a.ts"], tokens: HEAD + 2 });
    await check({ "a.ts": LONG }, [inBase("a.ts", `${LONG}x`, "outline")], { changed: ["a.ts"], tokens: HEAD + 500 });
  });

  it("counts files that came and went; a renamed one costs only what says so", async () => {
    await check({ "new.ts": LONG }, [], { changed: ["new.ts"], tokens: HEAD + 500 });
    await check({}, baseOf({ "old.ts": LONG }), { changed: ["old.ts"], tokens: HEAD });
    await check({ "new.ts": LONG }, baseOf({ "old.ts": LONG }), { changed: ["new.ts", "old.ts"], tokens: 2 * HEAD });
  });

  it("takes a file that must not be read any more for changed", () =>
    check({ "a.ts": Uint8Array.from([0]) }, baseOf({ "a.ts": "a\n" }), { changed: ["a.ts"], tokens: HEAD }));

  it("does not look at files that the base has only the path of", () =>
    check({ "a.ts": LONG }, [inBase("a.ts", "other\n", "path")], { changed: [], tokens: 0 }));

  it("is no longer asked for once very many files differ, in whatever way", async () => {
    const many = Object.fromEntries(Array.from({ length: MANY_FILES }, (_, index) => [`f${index}.ts`, "a\n"]));
    const { "f0.ts": _, ...fewer } = many;
    const edited = Object.fromEntries(Object.keys(many).map((path) => [path, "b\n"]));
    for (const [now, base] of [
      [many, {}],
      [{}, many],
      [edited, many],
    ] as const)
      await check(now, baseOf(base), undefined);
    await compared(fewer, [[]], ([found]) => assert.equal(found?.changed.length, MANY_FILES - 1));
    await compared({ ...many, "f0.ts": "b\n" }, [baseOf(many)], ([found]) => assert.equal(found?.changed.length, 1));
    const half = Object.fromEntries(Object.entries(edited).slice(0, 25));
    const added = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`n${index}.ts`, "a\n"]));
    await check({ ...many, ...half, ...added }, baseOf(many), undefined);
  });

  it("cannot be told if a file is gone whose folder is not open", () =>
    check({}, baseOf({ "closed/a.ts": "a\n" }), undefined));

  it("reads each file once, however many bases are compared", async () => {
    const now = { "a.ts": "a\n", "b.ts": "b\n", "c.ts": "c\n" };
    const base = baseOf(now);
    const reads = await countingReads(() =>
      compared(now, [base, base, base], (found) => assert.equal(found.length, 3)),
    );
    assert.equal(reads - (await countingReads(() => compared(now, [], () => {}))), 3);
  });

  it("ends when aborted", async () => {
    const reason = new Error("enough");
    const aborted = compared({ "a.ts": "a\n" }, [baseOf({ "a.ts": "a\n" })], assert.fail, AbortSignal.abort(reason));
    await assert.rejects(aborted, reason);
  });

  it("may be a tenth of a long base, and a few files of a short one", () => {
    assert.deepEqual([0, 20_479, 20_490, 200_000].map(mostChanges), [2048, 2048, 2049, 20_000]);
  });
});
