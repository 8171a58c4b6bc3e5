// Tests that what the user has done is told each time anew, and never stays.
import assert from "node:assert/strict";
import { Milestones } from "../../../extension/src/milestones.ts";

describe("a milestone", () => {
  it("is a key that is true for a moment, each time", () => {
    const set: [key: string, value: boolean][] = [];
    const milestones = new Milestones((...change) => set.push(change));
    for (const milestone of ["modelChosen", "questionAnswered", "modelChosen"] as const) milestones.reach(milestone);
    const keys = ["fathom.modelChosen", "fathom.questionAnswered", "fathom.modelChosen"];
    assert.deepEqual(
      set,
      keys.flatMap((key) => [
        [key, true],
        [key, false],
      ]),
    );
  });
});
