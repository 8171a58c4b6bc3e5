// Tests where a proposal is applied: at its place, moved with its text, or nowhere.
import assert from "node:assert/strict";
import { type Located, locateOriginal, withProposal } from "../../../extension/src/applyProposal.ts";

/** `║` marks where the original was when the proposal was made; it is taken out of the text. */
function check(marked: string, original: string, expected: Located): void {
  const hint = marked.indexOf("║");
  assert.deepEqual(locateOriginal(marked.replace("║", ""), original, hint), expected);
}

function found(start: number, end: number): Located {
  return { kind: "found", span: { start, end } };
}

describe("locateOriginal", () => {
  it("finds the text at its place, even if it occurs elsewhere too", () => {
    check("a = 1\n║a = 1\n", "a = 1", found(6, 11));
  });
  it("follows the text when lines were added before it", () => {
    check("x\ny\n║z = 2\nb = 1\n", "b = 1", found(10, 15));
  });
  it("does not guess between two places", () => {
    check("a\nb\n║c\nb\n", "b\n", { kind: "ambiguous" });
  });
  it("counts overlapping places as two", () => {
    check("║xabab_", "abab".slice(0, 2), { kind: "ambiguous" });
    check("║x aaa", "aa", { kind: "ambiguous" });
  });
  it("says that the text is gone", () => {
    check("a\n║c\n", "b", { kind: "missing" });
  });
  it("finds a text with other line ends", () => {
    check("x\r\n║a\r\nb\r\n", "a\nb", found(3, 7));
    check("x\n║a\nb\n", "a\r\nb", found(2, 5));
  });
  it("finds an empty text at its old place only", () => {
    check("ab║c", "", found(2, 2));
    assert.deepEqual(locateOriginal("abc", "", 9), { kind: "missing" });
    assert.deepEqual(locateOriginal("abc", "", -1), { kind: "missing" });
  });
  it("bears a place beyond the end", () => {
    assert.deepEqual(locateOriginal("short", "short", 400), found(0, 5));
  });
});

describe("withProposal", () => {
  const cases: [string, number, number, string, string][] = [
    ["abc", 1, 2, "XY", "aXYc"],
    ["a\r\nb\r\n", 3, 4, "x\ny", "a\r\nx\r\ny\r\n"],
    ["a\nb\n", 2, 3, "x\r\ny", "a\nx\ny\n"],
    ["", 0, 0, "new\n", "new\n"],
    ["gone", 0, 4, "", ""],
  ];
  for (const [text, start, end, proposal, expected] of cases) {
    it(`${JSON.stringify(text)} becomes ${JSON.stringify(expected)}`, () => {
      assert.equal(withProposal(text, { start, end }, proposal), expected);
    });
  }
});
