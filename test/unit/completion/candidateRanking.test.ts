// Tests the order of several texts for one cursor.
import assert from "node:assert/strict";
import { rankCandidates } from "../../../server/src/completion/candidateRanking.ts";

describe("ranking of candidates", () => {
  it("puts those that break the syntax least first and keeps the model's order among equals", () => {
    assert.deepEqual(rankCandidates(["a", "b", "c", "d", "e"], [2, 0, 2, -1, 0]), ["d", "b", "e", "a", "c"]);
  });

  it("keeps the order where the parser has no say, and leaves its input alone", () => {
    const candidates = Object.freeze(["b", "a"]);
    assert.deepEqual(rankCandidates(candidates, undefined), ["b", "a"]);
    assert.deepEqual(rankCandidates(candidates, [1, 0]), ["a", "b"]);
    assert.deepEqual(rankCandidates([], []), []);
  });
});
