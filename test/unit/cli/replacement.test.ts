// Tests of proposed changes: whether they still fit, their line ends, and the unified diff that shows them.
import assert from "node:assert/strict";
import { applyPatch, parsePatch } from "diff";
import { replaceIn, unifiedDiff } from "../../../server/src/cli/replacement.ts";

const SECOND_LINE = { start: { line: 1, character: 0 }, end: { line: 1, character: 3 } };

describe("cli replacement", () => {
  it("replaces the range if the original still stands there", () => {
    const replacement = { range: SECOND_LINE, original: "two", proposal: "2\n2b" };
    assert.equal(replaceIn("one\ntwo\nthree\n", replacement), "one\n2\n2b\nthree\n");
    assert.equal(replaceIn("one\ntow\nthree\n", replacement), undefined);
    assert.equal(replaceIn("one\n", replacement), undefined);
  });

  it("keeps the line ends of the file", () => {
    const lines = { start: { line: 0, character: 0 }, end: { line: 1, character: 3 } };
    const replacement = { range: lines, original: "one\ntwo", proposal: "1\n2" };
    assert.equal(replaceIn("one\r\ntwo\r\nthree\r\n", replacement), "1\r\n2\r\nthree\r\n");
    const withReturns = { ...replacement, proposal: "1\r\n2" };
    assert.equal(replaceIn("one\r\ntwo\r\n", withReturns), "1\r\n2\r\n");
    assert.equal(replaceIn("one\ntwo\n", withReturns), "1\n2\n");
  });

  it("counts characters as LSP does, in UTF-16", () => {
    const range = { start: { line: 0, character: 2 }, end: { line: 0, character: 3 } };
    assert.equal(replaceIn("🙂x", { range, original: "x", proposal: "y" }), "🙂y");
  });

  it("shows a change as a unified diff", () => {
    const before = "1\n2\n3\n4\n5\n6\n7\n8\n";
    const diff = unifiedDiff("src/a.ts", before, before.replace("5\n", "five\n"));
    assert.equal(diff, "--- a/src/a.ts\n+++ b/src/a.ts\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  });

  it("shows no diff for no change", () => {
    assert.equal(unifiedDiff("a", "same\n", "same\n"), "");
  });

  it("writes diffs that can be applied, with any line ends and without the last one", () => {
    const cases: [string, string][] = [
      ["a\nb", "a\nc"],
      ["a\r\nb\r\n", "a\r\nb\r\nc\r\n"],
      ["", "new\n"],
      ["only\n", ""],
    ];
    for (const [before, after] of cases) {
      const [patch] = parsePatch(unifiedDiff("a.txt", before, after));
      assert.ok(patch);
      assert.equal(applyPatch(before, patch), after, JSON.stringify(before));
    }
  });
});
