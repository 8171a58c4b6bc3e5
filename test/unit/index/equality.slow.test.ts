// Tests that the index equals a fresh one, whatever happened to the files since it was made.
import { checkIndexStorms } from "./indexStorm.ts";
import { indexStormsOf } from "./indexStormActions.ts";

describe("the index after 1,000 things that happened to files", () => {
  it("has the rows of a fresh one and finds the same", () => checkIndexStorms(indexStormsOf(1000), 1)).timeout(600_000);
});
