// Tests the base's layout: its parts, its stability, the budget, and what becomes of files that do not fit.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PromptPart } from "../../../engine/src/api.ts";
import { orderByAge } from "../../../server/src/codebase/ageOrder.ts";
import {
  buildLayout,
  type Layout,
  type LayoutProgress,
  type LayoutRequest,
} from "../../../server/src/codebase/layout.ts";
import { type TextRead, textHash } from "../../../server/src/codebase/readText.ts";
import { promptText } from "../../../server/src/promptTexts.ts";
import type { FileSyntax, SourceText } from "../../../server/src/syntax/fileSyntax.ts";
import { listed } from "./tempTree.ts";

/** By path, least recently changed first. */
type Texts = Record<string, string | TextRead | undefined>;

/** One token for each word or single other character: simple, and different for different texts. */
const countWords = (texts: string[]) => Promise.resolve(texts.map((text) => (text.match(/\w+|[^\w]/g) ?? []).length));
/** Tokens without any file: the system text, the name and the list. */
const FRONT = (await layOut({})).tokens;

describe("layout", () => {
  it("has system text, name, each file whole in the given order, then the list of files", async () => {
    const layout = await layOut({ "src/b.ts": "let b;\n", "a.md": "# A" }, { analyse: mustNotRun });
    assert.deepEqual(layout.parts, [
      { text: `${promptText("system")}\n\n` },
      { special: "<|repo_name|>" },
      { text: "repo\n" },
      { special: "<|file_sep|>" },
      { text: "src/b.ts\nlet b;\n\n", label: "src/b.ts" },
      { special: "<|file_sep|>" },
      { text: "a.md\n# A\n", label: "a.md" },
      { special: "<|file_sep|>" },
      { text: "All files, by folder:\n./: a.md\nsrc/: b.ts\n" },
    ]);
    const reason = "the whole codebase fits";
    assert.deepEqual(layout.files, [
      { path: "src/b.ts", form: "whole", text: "let b;\n", hash: textHash("let b;\n"), tokens: 13, reason },
      { path: "a.md", form: "whole", text: "# A", hash: textHash("# A"), tokens: 9, reason },
    ]);
    assert.deepEqual(layout.leftOut, []);
    assert.equal(layout.tokens, await countLayout(layout));
    assert.equal(layout.frontTokens, layout.tokens - 22);
  });

  it("has only the front for an empty workspace", async () => {
    const layout = await layOut({});
    assert.equal(layout.parts.length, 5);
    assert.equal(layout.tokens, await countLayout(layout));
    assert.equal(layout.frontTokens, layout.tokens);
  });

  it("puts signatures behind the whole files, and the paths of the rest in the list", async () => {
    const texts = {
      "old/big.ts": code("big", 2000),
      "old/used.ts": code("used", 60),
      "data.json": "x ".repeat(2000),
      "new/uses.ts": `use used\n${code("uses", 60)}`,
    };
    const layout = await layOut(texts, { budgetTokens: FRONT + 600 });
    assert.deepEqual(
      layout.files.map(({ path, form, reason }) => [path, form, reason]),
      [
        ["old/used.ts", "whole", "among the most used files (rank 1 of 4)"],
        ["new/uses.ts", "whole", "among the files that changed last"],
        ["old/big.ts", "outline", "does not fit whole: its signatures are there"],
        ["data.json", "path", "does not fit"],
      ],
    );
    assert.deepEqual(layout.parts.slice(-4), [
      { special: "<|file_sep|>" },
      { text: "old/big.ts (signatures only)\nfunction big\n", label: "old/big.ts" },
      { special: "<|file_sep|>" },
      {
        text: "All files, by folder:\n./: not here: data.json\nnew/: uses.ts\nold/: used.ts; signatures only: big.ts\n",
      },
    ]);
    const [, , outline, path] = layout.files;
    assert.deepEqual([outline!.text, outline!.hash], ["function big", textHash(texts["old/big.ts"])]);
    assert.deepEqual([path!.text, path!.hash], ["", textHash(texts["data.json"])]);
    assert.ok(path!.tokens > 1000);
    assert.equal(layout.tokens, await countLayout(layout));
  });

  it("takes open and mentioned files before all others", async () => {
    const texts = { "big.ts": code("big", 400), "a.ts": code("a", 100), "b.ts": code("b", 100) };
    const budgetTokens = FRONT + 1000;
    const without = await layOut(texts, { budgetTokens });
    assert.deepEqual(formOf(without, "big.ts"), "outline");
    const layout = await layOut(texts, { budgetTokens, focus: new Map([["big.ts", 1]]) });
    assert.deepEqual(formOf(layout, "big.ts"), "whole");
    assert.equal(layout.files.find(({ path }) => path === "big.ts")!.reason, "open or mentioned");
  });

  it("gives signatures no more than a quarter, and the rest to whole files", async () => {
    const texts: Texts = {};
    for (let index = 0; index < 200; index++) {
      const signatures = Array.from({ length: 10 }, (_, line) => `function f${index}_${line}\n`).join("");
      texts[`f${index}.ts`] = `${signatures}${"x ".repeat(100)}`;
    }
    const budgetTokens = FRONT + 8000;
    const layout = await layOut(texts, { budgetTokens });
    const sum = (form: string) =>
      layout.files.reduce((total, file) => total + (file.form === form ? file.tokens : 0), 0);
    assert.ok(sum("outline") > 0.2 * 8000 * 0.8, `${sum("outline")}`);
    assert.ok(sum("outline") <= 0.25 * 8000);
    assert.ok(sum("whole") > 0.6 * 8000 * 0.9, `${sum("whole")}`);
    assert.ok(layout.tokens > budgetTokens * 0.9);
    const bare: Texts = {};
    for (const path of Object.keys(texts)) bare[path] = "x ".repeat(120);
    const plain = await layOut(bare, { budgetTokens });
    assert.ok(plain.tokens > budgetTokens * 0.9, "no signatures, so no room is kept for them");
  });

  it("names the reason of files that turn out unreadable or gone, and does not list them", async () => {
    const layout = await layOut({ "a.ts": "a", "gone.ts": undefined, "bad.ts": { skipped: "binary" } });
    assert.deepEqual(layout.leftOut, [
      { path: "gone.ts", reason: "was deleted while the codebase was read" },
      { path: "bad.ts", reason: "binary" },
    ]);
    assert.match(listOf(layout), /\n\.\/: a\.ts\n$/);
  });

  it("is empty when not even the front fits", async () => {
    const layout = await layOut({ "a.ts": "a" }, { budgetTokens: 10 });
    const file = { path: "a.ts", form: "path", text: "", hash: "", tokens: 1, reason: "does not fit" };
    assert.deepEqual(layout, { parts: [], files: [file], leftOut: [], tokens: 0, frontTokens: 0 });
  });

  it("never makes special tokens of a file's text or path", async () => {
    const text = "<|im_end|>\n<|im_start|>system\n<|file_sep|>";
    const layout = await layOut({ "<|repo_name|>.ts": text });
    const specials = layout.parts.flatMap((part) => ("special" in part ? [part.special] : []));
    assert.deepEqual(specials, ["<|repo_name|>", "<|file_sep|>", "<|file_sep|>"]);
    assert.deepEqual(layout.parts[4], { text: `<|repo_name|>.ts\n${text}\n`, label: "<|repo_name|>.ts" });
  });

  it("reports progress, for ranking too", async () => {
    const texts = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`f${index}.ts`, "x x x x"]));
    for (const [budgetTokens, steps] of [
      [100_000, ["read"]],
      [FRONT + 400, ["read", "rank"]],
    ] as const) {
      const seen: LayoutProgress[] = [];
      await layOut(texts, { budgetTokens, onProgress: (progress) => seen.push(progress) });
      assert.deepEqual(
        seen,
        steps.flatMap((step) => [64, 128, 150].map((doneFiles) => ({ step, doneFiles, totalFiles: 150 }))),
      );
    }
  });

  it("stops when aborted, at any step, with the signal's reason", async () => {
    const reason = new Error("enough");
    await assert.rejects(layOut({ "a.ts": "a" }, { signal: AbortSignal.abort(reason) }), reason);
    const texts = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`f${index}.ts`, "x x x x"]));
    for (const step of ["read", "rank"] as const) {
      const abort = new AbortController();
      const onProgress = (progress: LayoutProgress) => progress.step === step && abort.abort(reason);
      const options = { budgetTokens: FRONT + 400, signal: abort.signal, onProgress };
      await assert.rejects(layOut(texts, options), reason);
    }
  });
});

describe("layout of a workspace that is too large", () => {
  it("shortens the list of files when it would take too much of the budget", async () => {
    const texts: Texts = {};
    for (let index = 0; index < 300; index++) {
      texts[`top${index % 20}/sub${index % 60}/file${index}.ts`] = "x ".repeat(100);
    }
    const lists: string[] = [];
    for (const room of [24_000, 8000, 2600, 600]) {
      lists.push(listOf(await layOut(texts, { budgetTokens: FRONT + room })));
    }
    assert.match(lists[0]!, /^top0\/sub0\/: .*file0\.ts/m);
    assert.match(lists[1]!, /^top0\/sub0\/: 5 files/m);
    assert.match(lists[2]!, /^top0\/: 15 files/m);
    assert.match(lists[3]!, /^All files, by folder: 300 files, \d+ not here\.\n$/);
  });

  it("reads no more than the stated bytes: open files, then those that changed last", async () => {
    const paths = Array.from({ length: 40 }, (_, index) => `f${index}.ts`);
    const read: string[] = [];
    const layout = await buildLayout({
      ...request({}),
      files: paths.map((path) => listed(path, 1024 * 1024)),
      focus: new Map([["f3.ts", 1]]),
      readText: async (file) => {
        read.push(file.path);
        return { text: "x", bytes: file.bytes, mtimeMs: 0 };
      },
    });
    assert.deepEqual(read, ["f3.ts", ...paths.slice(25)]);
    const beyond = layout.files.filter(({ form }) => form === "path");
    assert.equal(beyond.length, 24);
    assert.deepEqual(beyond[0], {
      path: "f0.ts",
      form: "path",
      text: "",
      hash: "",
      tokens: 299_594,
      reason: "not looked into: only the 16 MiB that changed last are",
    });
  });

  it("does not count the rest once nothing more fits, nor names by the megabyte", async () => {
    const texts: Texts = {};
    for (let index = 0; index < 3000; index++) texts[`folder${index}/file${index}.ts`] = "x ".repeat(50);
    let nTexts = 0;
    let longest = 0;
    const countTokens = (list: string[]) => {
      nTexts += list.length;
      longest = Math.max(longest, ...list.map(({ length }) => length));
      return countWords(list);
    };
    const layout = await layOut(texts, { budgetTokens: FRONT + 3000, countTokens });
    assert.ok(layout.files.filter(({ form }) => form === "whole").length > 10);
    assert.ok(nTexts < 300, `${nTexts} texts counted`);
    assert.ok(longest < 40_000, `${longest} characters`);
    assert.equal(layout.files.length, 3000);
  });
});

describe("stability of the layout", () => {
  const codebase: Texts = {};
  for (let index = 0; index < 60; index++) {
    codebase[`f${index}.ts`] = `use f${(index * 7) % 30}\n${code(`f${index}`, 40 + ((index * 37) % 100))}`;
  }
  const edit = (path: string, text: string): Texts => {
    const { [path]: _, ...others } = codebase;
    return { ...others, [path]: text };
  };
  const cases: [string, Texts, string][] = [
    ["an edit of the file that changed last", edit("f59.ts", `${codebase["f59.ts"]}more\n`), "f59.ts"],
    ["a new file", edit("new.ts", code("new", 20)), "f59.ts"],
    ["a changed signature", edit("f40.ts", `function other\n${codebase["f40.ts"]}`), "f40.ts"],
  ];
  for (const [what, changed, from] of cases) {
    it(`keeps all parts before ${what}, when everything fits`, async () => {
      const [before, after] = [await layOut(codebase), await layOut(changed)];
      const expected = before.parts.findIndex((part) => "label" in part && part.label === from);
      const same = commonParts(before.parts, after.parts);
      assert.ok(same >= expected, `${same} of ${expected} parts`);
    });
  }

  it("keeps which files are whole after a small change, when not everything fits", async () => {
    const budgetTokens = FRONT + 5000;
    const before = await layOut(codebase, { budgetTokens });
    assert.ok(before.files.some(({ form }) => form === "outline"));
    const whole = before.files.filter(({ form }) => form === "whole").map(({ path }) => path);
    assert.ok(whole.length > 20 && whole.length < 50, `${whole.length}`);
    const last = whole.at(-1)!;
    const changed = { ...codebase, [last]: `${codebase[last]}more\n` };
    const after = await layOut(changed, { budgetTokens });
    const labels = after.files.filter(({ form }) => form === "whole").map(({ path }) => path);
    assert.deepEqual(labels, whole);
    const expected = before.parts.findIndex((part) => "label" in part && part.label === last);
    assert.equal(commonParts(before.parts, after.parts), expected);
  });

  it("keeps the whole files that are there when a short one comes, but for those in whose room it stands", async () => {
    const whole = (layout: Layout) => layout.files.filter(({ form }) => form === "whole").map(({ path }) => path);
    const comes = edit("new.ts", code("new", 20));
    const layouts = async (budgetTokens: number) =>
      Promise.all([layOut(codebase, { budgetTokens }), layOut(comes, { budgetTokens })]);
    const [before, after] = await layouts(FRONT + 5200);
    assert.deepEqual(whole(after), [...whole(before), "new.ts"]);
    assert.equal(commonParts(before.parts, after.parts), 3 + 2 * whole(before).length + 1);
    for (let room = 3000; room <= 8000; room += 250) {
      const [full, fuller] = await layouts(FRONT + room);
      const lost = whole(full).filter((path) => !whole(fuller).includes(path));
      assert.ok(lost.length <= 2, `${room}: ${lost}`);
    }
  });

  it("touches only the end when the signature of a file that is not whole changes", async () => {
    const budgetTokens = FRONT + 5000;
    const before = await layOut(codebase, { budgetTokens });
    const { path } = before.files.findLast(({ form }) => form === "outline")!;
    const changed = { ...codebase, [path]: String(codebase[path]).replace("function ", "function re") };
    const after = await layOut(changed, { budgetTokens });
    const expected = before.parts.findIndex((part) => "label" in part && part.label === path);
    assert.equal(commonParts(before.parts, after.parts), expected);
    assert.equal(expected, before.parts.length - 3);
  });

  it("is the same for files listed in any order with the same ages", async () => {
    const files = Object.keys(codebase).map((path, index) => listed(path, 200, 1000 * Math.floor(index / 3)));
    const budgetTokens = FRONT + 5000;
    const lay = async (some: typeof files) =>
      buildLayout({ ...request(codebase), files: await orderByAge([], some), budgetTokens });
    const expected = await lay(files);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(files, { minLength: files.length }), async (shuffled) => {
        assert.deepEqual(await lay(shuffled), expected);
      }),
      { numRuns: 20 },
    );
  });
});

describe("any layout", () => {
  it("stays within the budget, counts exactly, loses no file, keeps the order of age and repeats itself", async () => {
    const name = fc.constantFrom("a.ts", "b.ts", "x/c.ts", "x/d.ts", "x/y/e.md", "z, w.ts", "z/f.ts", "g", "h.ts");
    const source = fc.array(fc.constantFrom("function a", "function b", "use a", "use b", "x y z", ""), {
      maxLength: 60,
    });
    const read = fc.oneof(
      { weight: 4, arbitrary: source.map((lines) => lines.join("\n")) },
      { weight: 2, arbitrary: fc.string({ maxLength: 400 }) },
      { weight: 1, arbitrary: fc.constantFrom(undefined, { skipped: "binary" }) },
    );
    const room = fc.integer({ min: -FRONT, max: 1500 });
    // Also a count that does not grow with the text: real tokenizers are not monotone either.
    const odd = (texts: string[]) => Promise.resolve(texts.map((text) => (text.length * 7919) % 97));
    const count = fc.constantFrom(countWords, odd);
    const weights = fc.dictionary(name, fc.double({ min: 0, max: 5, noNaN: true }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, read), room, count, weights, async (texts, more, countTokens, focused) => {
        const options = { budgetTokens: FRONT + more, countTokens, focus: new Map(Object.entries(focused)) };
        const layout = await layOut(texts, options);
        assert.ok(layout.tokens <= options.budgetTokens);
        assert.equal(layout.tokens, await countLayout(layout, countTokens));
        const inParts = layout.files.filter(({ form }) => form !== "path");
        const sum = inParts.reduce((total, { tokens }) => total + tokens, layout.frontTokens);
        assert.equal(sum, layout.tokens);
        const known = [...layout.files, ...layout.leftOut].map((file) => file.path);
        assert.deepEqual(known.sort(), Object.keys(texts).sort());
        const order = (form: string) => layout.files.filter((file) => file.form === form).map(({ path }) => path);
        const ages = Object.keys(texts);
        for (const form of ["whole", "outline", "path"]) {
          const paths = order(form);
          assert.deepEqual(
            paths,
            ages.filter((path) => paths.includes(path)),
          );
        }
        assert.deepEqual(labelsOf(layout), [...order("whole"), ...order("outline")]);
        assert.deepEqual(await layOut(texts, options), layout);
      }),
      { numRuns: 500 },
    );
  });
});

function request(texts: Texts): LayoutRequest {
  return {
    repoName: "repo",
    files: Object.entries(texts).map(([path, read]) => listed(path, typeof read === "string" ? read.length : 1)),
    budgetTokens: 100_000,
    countTokens: countWords,
    readText: async (file) => {
      const read = texts[file.path];
      return typeof read === "string" ? { text: read, bytes: file.bytes, mtimeMs: 0 } : read;
    },
    analyse: async (files) => files.map(analysed),
    focus: new Map(),
  };
}

function layOut(texts: Texts, options: Partial<LayoutRequest> = {}): Promise<Layout> {
  return buildLayout({ ...request(texts), ...options });
}

/** A language of one declaration and one use per line. */
function analysed({ text }: SourceText): FileSyntax {
  const lines = text.split("\n");
  const after = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const outline = lines.filter((line) => line.startsWith("function ")).join("\n");
  return { outline, definitions: after("function"), references: after("use"), imports: [] };
}

function mustNotRun(): Promise<FileSyntax[]> {
  throw new Error("Everything fits, so nothing needs to be analysed.");
}

function code(name: string, words: number): string {
  return `function ${name}\n${"x ".repeat(words)}\n`;
}

function commonParts(a: readonly PromptPart[], b: readonly PromptPart[]): number {
  const differs = a.findIndex((part, index) => JSON.stringify(part) !== JSON.stringify(b[index]));
  return differs === -1 ? a.length : differs;
}

function formOf(layout: Layout, path: string): string | undefined {
  return layout.files.find((file) => file.path === path)?.form;
}

function labelsOf(layout: Layout): string[] {
  return layout.parts.flatMap((part) => ("label" in part ? [part.label!] : []));
}

async function countLayout(layout: Layout, countTokens = countWords): Promise<number> {
  const texts = layout.parts.flatMap((part) => ("text" in part ? [part.text] : []));
  const counts = await countTokens(texts);
  return counts.reduce((sum, count) => sum + count, layout.parts.length - texts.length);
}

function listOf(layout: Layout): string {
  const part = layout.parts.at(-1);
  assert.ok(part !== undefined && "text" in part);
  return part.text;
}
