// Tests how changes are written for the model: each form to the letter, renamings, and that all can be read back without guessing.
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Change,
  type Differ,
  type Entry,
  entriesOf,
  namedText,
  unifiedDiff,
} from "../../../server/src/codebase/overlayText.ts";
import { textHash } from "../../../server/src/codebase/readText.ts";
import type { BaseFile, BaseForm } from "../../../server/src/codebase/workspaceFile.ts";
import { readSeen } from "./seenText.ts";

const LIST = "All files, by folder:\n./: a.ts\n";
const differ: Differ = (before, after) => unifiedDiff(before.text, after.text);
const lines = (count: number, word = "line") =>
  Array.from({ length: count }, (_, index) => `${word} ${index}\n`).join("");

/** Lines that look like the marks of base and overlay. */
const TRICKY = fc.constantFrom(
  "",
  "a",
  "b",
  "@@ -1,2 +1,3 @@",
  "a.ts // changed: only in these places, all else is as above",
  "a.ts // gone: deleted, or not to be read any more",
  "\\ No newline at end of file",
  "+a",
  "-a",
  " a",
  "// These files changed too; their newest text is not shown:",
  "All files, by folder:",
  "<|file_sep|>",
  "é 文 😀\u2028",
);
const TEXT = fc.tuple(fc.array(TRICKY, { maxLength: 20 }), fc.constantFrom("", "\n")).map(([all, end]) => {
  return all.join("\n") + (all.length > 0 ? end : "");
});
const PATH = fc.constantFrom("a.ts", "src/with space.ts", 'src/quo"te, d;.ts', "docs/ünï — 文.md");

function inBase(path: string, text: string, form: BaseForm = "whole"): BaseFile {
  return { path, form, text: form === "path" ? "" : text, hash: textHash(text), tokens: 0, reason: "" };
}

function changed(path: string, text: string | undefined): Change {
  return { path, text, hash: text === undefined ? "" : textHash(text) };
}

function entries(base: BaseFile[], changes: Change[], by: Differ = differ): Entry[] {
  return entriesOf(changes, new Map(base.map((file) => [file.path, file])), by);
}

/** Kind and text of each form of the only entry. */
function formsOf(base: BaseFile[], ...changes: Change[]): [string, string][] {
  const [entry, more] = entries(base, changes);
  assert.equal(more, undefined);
  return entry!.forms.map(({ kind, text }) => [kind, text]);
}

/** What is read of base and entries when each entry has this form, if it has it. */
function readBack(base: BaseFile[], found: readonly Entry[], form: number) {
  const parts = base.map(({ path, text }) => `${path}\n${text}\n`);
  return readSeen([...parts, LIST, ...found.map(({ forms }) => (forms[form] ?? forms[0]!).text)]);
}

describe("the text of changes", () => {
  it("gives a changed file whole, and as the lines that changed", () => {
    const [before, after] = [lines(9), lines(9).replace("line 4", "new 4")];
    assert.deepEqual(formsOf([inBase("a.ts", before)], changed("a.ts", after)), [
      ["whole", `a.ts // changed: its whole text now, which replaces all of it above\n${after}\n`],
      [
        "hunks",
        "a.ts // changed: only in these places, all else is as above\n" +
          "@@ -2,7 +2,7 @@\n line 1\n line 2\n line 3\n-line 4\n+new 4\n line 5\n line 6\n line 7\n",
      ],
    ]);
  });

  it("counts like unified diffs where there is no line before or after", () => {
    assert.equal(unifiedDiff("", "a\n"), "@@ -0,0 +1,1 @@\n+a\n");
    assert.equal(unifiedDiff("a\n", ""), "@@ -1,1 +0,0 @@\n-a\n");
  });

  it("says which text has no line end at its end", () => {
    const mark = "\\ No newline at end of file\n";
    assert.equal(unifiedDiff("a\n", "a"), `@@ -1,1 +1,1 @@\n-a\n+a\n${mark}`);
    assert.equal(unifiedDiff("a", "b\na"), `@@ -1,1 +1,2 @@\n+b\n a\n${mark}`);
  });

  it("gives a new file whole, with the line end that it has or not", () => {
    assert.deepEqual(formsOf([], changed("a.ts", "a")), [["new", "a.ts // new: its whole text\na\n"]]);
    assert.deepEqual(formsOf([], changed("a.ts", "a\n")), [["new", "a.ts // new: its whole text\na\n\n"]]);
    assert.deepEqual(formsOf([], changed("a.ts", "")), [["new", "a.ts // new: its whole text\n\n"]]);
  });

  it("says that a file is gone", () => {
    const gone = "a.ts // gone: deleted, or not to be read any more\n";
    assert.deepEqual(formsOf([inBase("a.ts", "a\n")], changed("a.ts", undefined)), [["deleted", gone]]);
  });

  it("gives whole what the base has no whole text of, and what differs too much", () => {
    for (const form of ["outline", "path"] as const) {
      const kinds = formsOf([inBase("a.ts", "a\n", form)], changed("a.ts", "b\n")).map(([kind]) => kind);
      assert.deepEqual(kinds, ["whole"]);
    }
    const [before, after] = [lines(600, "old"), lines(600, "new")];
    assert.equal(unifiedDiff(before, after), undefined);
    assert.equal(formsOf([inBase("a.ts", before)], changed("a.ts", after)).length, 1);
  });

  it("names as many files as wanted and counts the rest", () => {
    const head = "// These files changed too; their newest text is not shown:\n";
    assert.equal(namedText(["a", "b", "c"], 3), `${head}a\nb\nc\n`);
    assert.equal(namedText(["a", "b", "c"], 1), `${head}a\n// and 2 more\n`);
    assert.equal(namedText(["a", "b", "c"], 0), `${head}// and 3 more\n`);
  });

  it("can be read back in each form, whatever the texts hold", () => {
    fc.assert(
      fc.property(
        PATH,
        fc.option(TEXT, { nil: undefined }),
        fc.option(TEXT, { nil: undefined }),
        (path, before, after) => {
          fc.pre(before !== after);
          const base = before === undefined ? [] : [inBase(path, before)];
          const found = entries(base, [changed(path, after)]);
          for (const form of [0, 1]) {
            const { texts, notShown } = readBack(base, found, form);
            assert.deepEqual([texts.get(path), [...notShown]], [after, []]);
          }
        },
      ),
      { numRuns: 500, seed: 21 },
    );
  });

  it("can be read back when a file became another one with nearly its text", () => {
    fc.assert(
      fc.property(TEXT, TEXT, (more, end) => {
        const base = [inBase("old.ts", `${more}\n${lines(40)}${end}`)];
        const after = `${lines(40)}${end}${more}`;
        const found = entries(base, [changed("old.ts", undefined), changed("new.ts", after)]);
        assert.deepEqual([...readBack(base, found, 0).texts], [["new.ts", after]]);
      }),
      { numRuns: 300, seed: 22 },
    );
  });
});

describe("renamed files", () => {
  const forms = (base: BaseFile[], ...changes: Change[]) =>
    entries(base, changes).map(({ path, from, forms: [form] }) => [form!.kind, path, from]);

  it("are one entry where a deleted and a new file have the same text", () => {
    const base = [inBase("old.ts", "a\n")];
    assert.deepEqual(formsOf(base, changed("old.ts", undefined), changed("new.ts", "a\n")), [
      ["renamed", "new.ts // renamed from old.ts // the same text\n"],
    ]);
  });

  it("bring what little changed along", () => {
    const after = lines(40).replace("line 20\n", "");
    const head = "new.ts // renamed from old.ts // its text is changed only in these places\n";
    const diff = "@@ -18,7 +18,6 @@\n line 17\n line 18\n line 19\n-line 20\n line 21\n line 22\n line 23\n";
    const found = formsOf([inBase("old.ts", lines(40))], changed("new.ts", after), changed("old.ts", undefined));
    assert.deepEqual(found, [["renamed", head + diff]]);
  });

  it("have the same text although the base knows them by signatures or path only", () => {
    for (const form of ["outline", "path"] as const) {
      const found = forms([inBase("old.ts", "a\n", form)], changed("old.ts", undefined), changed("new.ts", "a\n"));
      assert.deepEqual(found, [["renamed", "new.ts", "old.ts"]]);
    }
  });

  it("are told apart by their names where texts are equal", () => {
    const base = [inBase("x/a.ts", "same\n"), inBase("x/b.ts", "same\n")];
    const gone = base.map(({ path }) => changed(path, undefined));
    assert.deepEqual(forms(base, ...gone, changed("y/b.ts", "same\n"), changed("y/a.ts", "same\n")), [
      ["renamed", "y/b.ts", "x/b.ts"],
      ["renamed", "y/a.ts", "x/a.ts"],
    ]);
  });

  it("are no renamed ones if the text is another, the ending differs, or the old one was never read", () => {
    const both = (before: BaseFile, path: string, text: string) =>
      forms([before], changed(before.path, undefined), changed(path, text)).map(([kind]) => kind);
    assert.deepEqual(both(inBase("old.ts", lines(20)), "new.ts", lines(20, "other")), ["deleted", "new"]);
    assert.deepEqual(both(inBase("old.ts", lines(20)), "new.md", `${lines(20)}more\n`), ["deleted", "new"]);
    assert.deepEqual(both({ ...inBase("old.ts", "", "path"), hash: "" }, "new.ts", ""), ["deleted", "new"]);
  });

  it("stand where the later of the two changes stands", () => {
    const base = [inBase("old.ts", "a\n"), inBase("b.ts", "b\n")];
    const order = (...changes: Change[]) => entries(base, changes).map(({ path }) => path);
    const [gone, added, other] = [changed("old.ts", undefined), changed("new.ts", "a\n"), changed("b.ts", "c\n")];
    assert.deepEqual(order(gone, other, added), ["b.ts", "new.ts"]);
    assert.deepEqual(order(added, other, gone), ["b.ts", "new.ts"]);
    assert.deepEqual(order(gone, added, other), ["new.ts", "b.ts"]);
  });

  it("are looked for by comparing a bounded number of pairs", () => {
    const texts = Array.from({ length: 40 }, (_, index) => lines(20, `file ${index}`));
    const base = texts.map((text, index) => inBase(`old${index}.ts`, text));
    const gone = base.map(({ path }) => changed(path, undefined));
    let compared = 0;
    const counting: Differ = (before, after) => {
      compared += 1;
      return differ(before, after);
    };
    entries(base, [...gone, ...texts.map((text, index) => changed(`new${index}.ts`, `x\n${text}`))], counting);
    assert.equal(compared, 64);
  });
});
