// Tests when a crashed server is started again.
import assert from "node:assert/strict";
import { RESTART_WINDOW_MS, RestartPolicy } from "../../../extension/src/restartPolicy.ts";

function check(crashTimesMs: number[], expected: boolean[]): void {
  const policy = new RestartPolicy();
  assert.deepEqual(
    crashTimesMs.map((time) => policy.mayRestart(time)),
    expected,
  );
}

describe("RestartPolicy", () => {
  it("stops at the fifth crash in three minutes", () =>
    check([0, 1, 2, 3, 4, 5], [true, true, true, true, false, false]));
  it("forgets crashes that are three minutes old", () => {
    check([0, 1, 2, 3, RESTART_WINDOW_MS], [true, true, true, true, true]);
    check([0, 1, 2, 3, RESTART_WINDOW_MS - 1], [true, true, true, true, false]);
  });
  it("goes on for ever with rare crashes", () => {
    const rare = Array.from({ length: 20 }, (_, idx) => idx * 60_000);
    check(
      rare,
      rare.map(() => true),
    );
  });
  it("begins anew when the user asks", () => {
    const policy = new RestartPolicy();
    for (let time = 0; time < 5; time++) policy.mayRestart(time);
    policy.reset();
    assert.equal(policy.mayRestart(6), true);
  });
});
