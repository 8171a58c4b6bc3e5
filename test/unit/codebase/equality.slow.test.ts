// Tests on short storms that what the model has seen is the workspace as it is; test/model has the long ones.
import { AMPLE, checkStorms, TIGHT } from "./storm.ts";

describe("what the model has seen, after short storms of edits", () => {
  it("equals the workspace where everything has room", () => checkStorms(30, 10, AMPLE));

  it("equals the workspace or is named as not shown where it does not fit", () => checkStorms(30, 5, TIGHT));
});
