// Tests that results count until the deadline and not after it, whatever a task does.
import assert from "node:assert/strict";
import { gathered } from "../../../../server/src/completion/context/gathering.ts";
import { deferred } from "../../../fakes/deferred.ts";
import { FakeClock } from "../../../fakes/fakeClock.ts";

function begin(run: () => Promise<number>) {
  const clock = new FakeClock();
  const missing: string[] = [];
  const typing = new AbortController();
  const results = gathered(
    [
      { name: "quick", run: async () => 1 },
      { name: "slow", run },
    ],
    {
      clock,
      deadlineMs: 100,
      signal: typing.signal,
      onMissing: (name, why) => missing.push(`${name}: ${why ?? "late"}`),
    },
  );
  return { clock, missing, typing, results };
}

describe("gathering", () => {
  it("ends with the last result, before the deadline", async () => {
    const { results, missing } = begin(async () => 2);
    assert.deepEqual(
      [...(await results)],
      [
        ["quick", 1],
        ["slow", 2],
      ],
    );
    assert.deepEqual(missing, []);
  });

  it("takes no result and no failure after the deadline", async () => {
    for (const late of ["result", "failure"]) {
      const slow = deferred<number>();
      const { clock, results, missing } = begin(() => slow.promise);
      await clock.pass(100);
      const there = await results;
      if (late === "result") slow.resolve(2);
      else slow.reject(new Error("too late to matter"));
      await clock.settle();
      assert.deepEqual([...there], [["quick", 1]]);
      assert.deepEqual(missing, ["slow: late"]);
    }
  });

  it("ends at once with what is there when the signal aborts, and blames nobody", async () => {
    const { clock, results, missing, typing } = begin(() => new Promise(() => {}));
    await clock.settle();
    typing.abort();
    assert.deepEqual([...(await results)], [["quick", 1]]);
    assert.deepEqual(missing, []);
  });
});
