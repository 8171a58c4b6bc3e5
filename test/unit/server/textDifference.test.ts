// Tests that the stretch in which two texts differ turns one into the other, and cuts no character or line end apart.
import assert from "node:assert/strict";
import fc from "fast-check";
import { differenceBetween } from "../../../server/src/textDifference.ts";

describe("text difference", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "\n", "\r\n", "😀", "😁", "é"), maxLength: 12 });

  it("turns one text into the other", () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const { start, beforeEnd, afterEnd } = differenceBetween(before, after);
        assert.equal(before.slice(0, start) + after.slice(start, afterEnd) + before.slice(beforeEnd), after);
        assert.ok(start <= beforeEnd && start <= afterEnd);
      }),
      { numRuns: 2000 },
    );
  });

  it("cuts nothing apart", () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const { start, beforeEnd, afterEnd } = differenceBetween(before, after);
        const cuts: [string, number][] = [
          [before, start],
          [before, beforeEnd],
          [after, start],
          [after, afterEnd],
        ];
        for (const [whole, at] of cuts) {
          assert.doesNotMatch(whole.slice(Math.max(0, at - 1), at + 1), /^(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|\r\n)$/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("is empty where nothing differs", () => {
    assert.deepEqual(differenceBetween("same", "same"), { start: 4, beforeEnd: 4, afterEnd: 4 });
  });
});
