// Tests what tooltips say of files, folders and rests, and what a search says it found.
import assert from "node:assert/strict";
import {
  contentsOf,
  describe as describeNode,
  dominantForm,
  foundText,
  hasWords,
  searchWords,
} from "../../../media/contextMapDescription.ts";
import { layOut } from "../../../media/contextMapLayout.ts";
import type { ContextMapFile } from "../../../server/src/protocol/messages.ts";
import { file, treeOf } from "./mapFiles.ts";

function tooltip(one: ContextMapFile): string[] {
  return describeNode(treeOf([one]).children[0]!);
}

describe("tooltip", () => {
  const files: [ContextMapFile, string[]][] = [
    [file("a.ts", 1234, { reason: "open" }), ["a.ts", "Whole · 1,234 tokens", "open"]],
    [file("a.ts", 1), ["a.ts", "Whole · 1 token"]],
    [file("a.ts", 60, { form: "outline", reason: "long" }), ["a.ts", "Outline · 60 tokens", "long"]],
    [file("a.ts", 60, { form: "overlay" }), ["a.ts", "Changed · 60 tokens"]],
    [
      file("a.ts", 60, { form: "path", reason: "does not fit" }),
      ["a.ts", "Path only · about 60 tokens, not in the context", "does not fit"],
    ],
    [file("out/", 0, { form: "out", reason: "ignored" }), ["out/", "Left out · size unknown", "ignored"]],
  ];
  for (const [one, expected] of files) it(expected.join(" | "), () => assert.deepEqual(tooltip(one), expected));

  it("of a folder counts files by form; one estimate makes the sum an estimate", () => {
    const [folder] = treeOf([file("s/a", 1000), file("s/b", 500, { form: "outline" })]).children;
    assert.deepEqual(describeNode(folder!), ["s/", "2 files · 1,500 tokens", "whole: 1, outline: 1"]);
    const [mixed] = treeOf([file("s/a", 1000), file("s/b", 500, { form: "path" })]).children;
    assert.deepEqual(describeNode(mixed!), ["s/", "2 files · about 1,500 tokens", "whole: 1, path only: 1"]);
  });
  it("of a rest names its folder", () => {
    const many = Array.from({ length: 30 }, (_, index) => file(`s/f${index}`, 1));
    const restsOf = (files: ContextMapFile[]) =>
      layOut(treeOf(files), 800, 500).flatMap(({ node }) => (node.kind === "rest" ? [describeNode(node)] : []));
    assert.deepEqual(restsOf([file("s/large", 1e6), ...many]), [["30 more files of s", "30 tokens", "whole: 30"]]);
    const atTop = many.map((each) => ({ ...each, path: each.path.slice(2) }));
    assert.deepEqual(restsOf([file("large", 1e6), ...atTop]), [
      ["30 more files of this folder", "30 tokens", "whole: 30"],
    ]);
  });
  it("says what is in the shown folder", () => {
    assert.equal(contentsOf(treeOf([file("a", 1)])), "1 file · 1 token");
    assert.equal(contentsOf(treeOf([file("a", 900), file("b", 100)])), "2 files · 1,000 tokens");
    assert.equal(contentsOf(treeOf([])), "0 files · 0 tokens");
  });
});

describe("the form of a folder that is one tile", () => {
  it("is the one with most tokens, not with most files", () => {
    const files = [file("a", 10), file("b", 10), file("c", 50, { form: "outline" })];
    assert.equal(dominantForm(treeOf(files)), "outline");
    assert.equal(dominantForm(treeOf([])), "path");
  });
});

describe("search", () => {
  const all = [file("src/Alpha.ts", 1), file("src/beta.ts", 1), file("lib/alphabet.ts", 1, { form: "out" })];
  it("looks for all words anywhere in the path, in any case", () => {
    const hits = (text: string) => all.filter(({ path }) => hasWords(path, searchWords(text))).map(({ path }) => path);
    assert.deepEqual(hits("ALPHA"), ["src/Alpha.ts", "lib/alphabet.ts"]);
    assert.deepEqual(hits("  ts  src "), ["src/Alpha.ts", "src/beta.ts"]);
    assert.deepEqual(hits(".*"), []);
    assert.deepEqual(searchWords("  "), []);
  });
  const texts: [text: string, nHere: number, expected: string][] = [
    ["", 0, ""],
    ["beta", 1, "1 file"],
    ["ts", 3, "3 files"],
    ["alpha", 1, "1 file, 1 not shown"],
    ["alphabet", 0, "nothing here, 1 not shown"],
    ["gamma", 0, "nothing here"],
  ];
  for (const [text, nHere, expected] of texts) {
    it(`for "${text}" says "${expected}"`, () => assert.equal(foundText(searchWords(text), nHere, all), expected));
  }
});
