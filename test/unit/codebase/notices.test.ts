// Tests that each thing that failed is told once, whatever details it comes with.
import assert from "node:assert/strict";
import { Notices } from "../../../server/src/codebase/notices.ts";

describe("notices", () => {
  it("tell and log what was not told before", () => {
    const logged: string[] = [];
    const notices = new Notices((line) => logged.push(line));
    const full = (mb: number) => `The disk is full: ${mb} MB are free.`;
    assert.deepEqual(notices.tell([full(3), "Another thing.", full(2)]), [full(3), "Another thing."]);
    assert.deepEqual(notices.tell([full(1), "Another thing."]), []);
    assert.deepEqual(notices.tell(["The disk is slow: 1 MB."]), ["The disk is slow: 1 MB."]);
    assert.deepEqual(notices.tell(["The disk is full (error 28), nothing was saved."]), []);
    assert.deepEqual(notices.tell([]), []);
    assert.deepEqual(logged, [full(3), "Another thing.", "The disk is slow: 1 MB."]);
  });
});
