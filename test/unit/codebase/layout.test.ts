// Tests the base's layout: its parts, its stability, the budget, and what becomes of files that do not fit.
import assert from "node:assert/strict";
import fc from "fast-check";
import { buildLayout, type Layout, type LayoutProgress } from "../../../server/src/codebase/layout.ts";
import type { TextRead } from "../../../server/src/codebase/readText.ts";
import { repositoryTree } from "../../../server/src/codebase/repositoryTree.ts";
import { promptText } from "../../../server/src/promptTexts.ts";
import { listed } from "./tempTree.ts";

type Texts = Record<string, string | TextRead | undefined>;

interface Options {
  budgetTokens?: number;
  countTokens?: (texts: string[]) => Promise<number[]>;
  onProgress?: (progress: LayoutProgress) => void;
  signal?: AbortSignal;
}

/** One token for each word or single other character: simple, and different for different texts. */
const countWords = (texts: string[]) => Promise.resolve(texts.map((text) => (text.match(/\w+|[^\w]/g) ?? []).length));

describe("layout", () => {
  it("has system text, name, list of files, then each file whole, in the given order", async () => {
    const layout = await layOut({ "src/b.ts": "let b;\n", "a.md": "# A" });
    assert.deepEqual(layout.parts, [
      { text: `${promptText("system")}\n\n` },
      { special: "<|repo_name|>" },
      { text: "repo\n" },
      { text: "Files by folder; those not here do not fit the context:\n./: a.md\nsrc/: b.ts\n" },
      { special: "<|file_sep|>" },
      { text: "src/b.ts\nlet b;\n\n", label: "src/b.ts" },
      { special: "<|file_sep|>" },
      { text: "a.md\n# A\n", label: "a.md" },
    ]);
    assert.deepEqual(layout.included, [
      { path: "src/b.ts", tokens: 13 },
      { path: "a.md", tokens: 9 },
    ]);
    assert.deepEqual(layout.leftOut, []);
    assert.equal(layout.tokens, await countLayout(layout));
  });

  it("has only the front for an empty workspace", async () => {
    const layout = await layOut({});
    assert.equal(layout.parts.length, 4);
    assert.equal(layout.tokens, await countLayout(layout));
  });

  it("leaves out large and long unchanged files first and keeps their paths", async () => {
    const word = (count: number) => "word ".repeat(count);
    const texts = {
      "old/small.ts": word(20),
      "old/mid.ts": word(200),
      "new/mid.ts": word(200),
      "new/large.ts": word(900),
    };
    const front = (await layOut({})).tokens;
    const layout = await layOut(texts, { budgetTokens: front + 600 });
    assert.deepEqual(
      layout.included.map((file) => file.path),
      ["old/small.ts", "new/mid.ts"],
    );
    assert.deepEqual(layout.leftOut, [
      { path: "old/mid.ts", reason: "does not fit the context" },
      { path: "new/large.ts", reason: "does not fit the context" },
    ]);
    const list = textOf(layout, 3);
    assert.match(list, /^new\/: mid\.ts; not here: large\.ts$/m);
    assert.match(list, /^old\/: small\.ts; not here: mid\.ts$/m);
  });

  it("fills what a large file leaves with smaller ones", async () => {
    const texts = { "a.ts": "x ".repeat(10), "b.ts": "x ".repeat(5000), "c.ts": "x ".repeat(20) };
    const layout = await layOut(texts, { budgetTokens: 1000 });
    assert.deepEqual(
      layout.included.map((file) => file.path),
      ["a.ts", "c.ts"],
    );
  });

  it("names the reason of files that turn out unreadable or gone, and does not list them", async () => {
    const layout = await layOut({ "a.ts": "a", "gone.ts": undefined, "bad.ts": { skipped: "binary" } });
    assert.deepEqual(layout.leftOut, [
      { path: "gone.ts", reason: "was deleted while the codebase was read" },
      { path: "bad.ts", reason: "binary" },
    ]);
    assert.match(textOf(layout, 3), /\n\.\/: a\.ts\n$/);
  });

  it("is empty when not even the front fits", async () => {
    const layout = await layOut({ "a.ts": "a" }, { budgetTokens: 10 });
    assert.deepEqual(layout, {
      parts: [],
      included: [],
      leftOut: [{ path: "a.ts", reason: "does not fit the context" }],
      tokens: 0,
    });
  });

  it("does not read the rest once nothing more fits", async () => {
    const texts: Texts = {};
    for (let index = 0; index < 2000; index++) texts[`f${index}.ts`] = "x ".repeat(50);
    let nCounted = 0;
    const countTokens = (list: string[]) => {
      nCounted += list.length;
      return countWords(list);
    };
    const layout = await layOut(texts, { budgetTokens: 4000, countTokens });
    assert.ok(layout.included.length > 5);
    assert.ok(nCounted < 300, `${nCounted} texts counted`);
    assert.equal(layout.included.length + layout.leftOut.length, 2000);
  });

  it("reports progress up to all files", async () => {
    const seen: LayoutProgress[] = [];
    const texts = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`f${index}.ts`, "x"]));
    await layOut(texts, { onProgress: (progress) => seen.push(progress) });
    assert.ok(seen.length > 1);
    assert.deepEqual(seen.at(-1), { doneFiles: 150, totalFiles: 150 });
  });

  it("stops when aborted, with the signal's reason", async () => {
    const reason = new Error("enough");
    await assert.rejects(layOut({ "a.ts": "a" }, { signal: AbortSignal.abort(reason) }), reason);
  });

  it("stays within any budget, counts exactly, loses no file and repeats itself byte for byte", async () => {
    const name = fc.constantFrom("a.ts", "b.ts", "x/c.ts", "x/d.ts", "x/y/e.md", "z, w.ts", "z/f.ts");
    const read = fc.oneof(
      { weight: 6, arbitrary: fc.string({ maxLength: 400 }) },
      { weight: 1, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constant({ skipped: "binary" }) },
    );
    const allTokens = (await layOut({})).tokens;
    const budget = fc.integer({ min: 0, max: allTokens * 3 });
    // Also a count that does not grow with the text: real tokenizers are not monotone either.
    const odd = (texts: string[]) => Promise.resolve(texts.map((text) => (text.length * 7919) % 97));
    const count = fc.constantFrom(countWords, odd);
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, read), budget, count, async (texts, budgetTokens, countTokens) => {
        const layout = await layOut(texts, { budgetTokens, countTokens });
        assert.ok(layout.tokens <= budgetTokens);
        assert.equal(layout.tokens, await countLayout(layout, countTokens));
        const known = [...layout.included, ...layout.leftOut].map((file) => file.path);
        assert.deepEqual(known.sort(), Object.keys(texts).sort());
        assert.deepEqual(await layOut(texts, { budgetTokens, countTokens }), layout);
      }),
      { numRuns: 300 },
    );
  });
});

describe("repository tree", () => {
  const paths = ["src/b.ts", "a.md", "src/a.ts", "src/x/c.ts", 'odd, "name".ts'];
  const included = new Set(["a.md", "src/a.ts", "src/b.ts"]);
  const head = "Files by folder; those not here do not fit the context:\n";
  const cases = [
    ["files", `${head}./: a.md; not here: "odd, \\"name\\".ts"\nsrc/: a.ts, b.ts\nsrc/x/: not here: c.ts\n`],
    ["folders", `${head}./: 2 files, 1 not here\nsrc/: 2 files\nsrc/x/: 1 file, 1 not here\n`],
    ["topFolders", `${head}./: 2 files, 1 not here\nsrc/: 3 files, 1 not here\n`],
    ["count", "5 files, 2 not here.\n"],
  ] as const;
  for (const [detail, expected] of cases) {
    it(`is the same for any order of the paths: ${detail}`, () => {
      assert.equal(repositoryTree(paths, included, detail), expected);
      assert.equal(repositoryTree([...paths].reverse(), included, detail), expected);
    });
  }

  it("gets shorter when it would take too much of the budget", async () => {
    const texts: Texts = {};
    for (let index = 0; index < 300; index++) texts[`top${index % 20}/sub${index % 60}/file${index}.ts`] = "x";
    const lists = [];
    for (const budgetTokens of [20_000, 5000, 1500, 800]) lists.push(textOf(await layOut(texts, { budgetTokens }), 3));
    const sizes = lists.map((list) => list.split("\n").length);
    assert.match(lists[0]!, /^top0\/sub0\/: file0\.ts, file120\.ts/m);
    assert.match(lists[1]!, /^top0\/sub0\/: 5 files/m);
    assert.match(lists[2]!, /^top0\/: 15 files/m);
    assert.match(lists[3]!, /^300 files, \d+ not here\.\n$/);
    assert.deepEqual(
      sizes,
      [...sizes].sort((a, b) => b - a),
    );
  });
});

function layOut(texts: Texts, options: Options = {}): Promise<Layout> {
  const files = Object.entries(texts).map(([path, read]) => listed(path, typeof read === "string" ? read.length : 10));
  return buildLayout({
    repoName: "repo",
    files,
    budgetTokens: 100_000,
    countTokens: countWords,
    readText: async (file) => {
      const read = texts[file.path];
      return typeof read === "string" ? { text: read, bytes: file.bytes, mtimeMs: 0 } : read;
    },
    ...options,
  });
}

async function countLayout(layout: Layout, countTokens = countWords): Promise<number> {
  const texts = layout.parts.flatMap((part) => ("text" in part ? [part.text] : []));
  const counts = await countTokens(texts);
  return counts.reduce((sum, count) => sum + count, layout.parts.length - texts.length);
}

function textOf(layout: Layout, index: number): string {
  const part = layout.parts[index];
  assert.ok(part !== undefined && "text" in part);
  return part.text;
}
