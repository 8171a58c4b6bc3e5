// Tests where a range of lines is after an edit of its document.
import assert from "node:assert/strict";
import { moved } from "../../../../server/src/completion/context/lineRanges.ts";

describe("a range of the lines 10 to 20", () => {
  const cases: [what: string, line: number, removed: string, inserted: string, expected: [number, number]][] = [
    ["stays when something changes below", 21, "a\n\n", "", [10, 20]],
    ["stays when a line changes above", 5, "a", "b", [10, 20]],
    ["moves down with lines that come above", 9, "", "\n\n", [12, 22]],
    ["moves up with lines that go above", 5, "\n\n\n", "", [7, 17]],
    ["grows with lines that come into it", 12, "", "\n\n", [10, 22]],
    ["shrinks with lines that go out of it", 12, "\n\n\n", "", [10, 17]],
    ["grows at its last line", 20, "", "\n", [10, 21]],
    ["begins where what reaches into it from above begins", 8, "\n\n\n", "", [8, 17]],
    ["ends where what reaches out of it ends", 18, "\n\n\n\n", "\n", [10, 19]],
    ["is what replaces all of it", 5, "\n".repeat(30), "\n\n", [5, 7]],
  ];
  for (const [what, line, removed, inserted, expected] of cases) {
    it(what, () => {
      const range = { uri: "u", startLine: 10, endLine: 20, atMs: 0 };
      const { startLine, endLine } = moved(range, { uri: "u", offset: 0, line, removed, inserted });
      assert.deepEqual([startLine, endLine], expected);
    });
  }
});
