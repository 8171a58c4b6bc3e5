// Tests on storms of 500 edits, with questions in between, that what the model has seen is the workspace as it is.
import { AMPLE, checkStorms, TIGHT } from "../unit/codebase/storm.ts";

const ACTIONS = 500;

describe("what the model has seen, after storms of 500 edits", () => {
  it("equals the workspace where everything has room", () => checkStorms(ACTIONS, 3, AMPLE));

  it("equals the workspace or is named as not shown where it does not fit", () => checkStorms(ACTIONS, 2, TIGHT));
});
