// Tests how long a completion waits: by rhythm, place and the model's speed.
import assert from "node:assert/strict";
import { Debounce } from "../../../server/src/completion/debounce.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";

const MOST_MS = 250;
const LEAST_MS = 10;

describe("completion: debounce", () => {
  async function typist(intervalMs: number, keys = 60): Promise<{ clock: FakeClock; debounce: Debounce }> {
    const clock = new FakeClock();
    const debounce = new Debounce(clock);
    for (let key = 0; key < keys; key++) {
      debounce.typed();
      await clock.pass(intervalMs);
    }
    return { clock, debounce };
  }

  it("learns the rhythm", async () => {
    assert.equal(Math.round((await typist(80)).debounce.intervalMs), 80);
    assert.equal(Math.round((await typist(300)).debounce.intervalMs), 300);
  });

  it("takes a long pause for no part of the rhythm", async () => {
    const { clock, debounce } = await typist(80);
    await clock.pass(60_000);
    debounce.typed();
    assert.equal(Math.round(debounce.intervalMs), 80);
  });

  it("waits less where something new begins, and longer where the user types on", async () => {
    const { debounce } = await typist(100);
    const waits = ["  const total = sum(", "  const total ", "  const tot", "  total();"].map((lineBefore) =>
      debounce.waitMs({ lineBefore }),
    );
    assert.deepEqual(
      waits,
      [...waits].sort((a, b) => a - b),
    );
    assert.equal(new Set(waits).size, waits.length);
    assert.equal(debounce.waitMs({ lineBefore: "    " }), waits[0]);
  });

  it("takes the model's time off the wait", async () => {
    const { debounce } = await typist(100);
    const before = debounce.waitMs({ lineBefore: "wor" });
    debounce.answered(60);
    assert.equal(debounce.waitMs({ lineBefore: "wor" }), before - 60);
    debounce.answered(10_000);
    assert.equal(debounce.waitMs({ lineBefore: "wor" }), LEAST_MS);
  });

  it("never waits longer than can be felt", async () => {
    const { debounce } = await typist(900);
    assert.equal(debounce.waitMs({ lineBefore: "done();" }), MOST_MS);
  });
});
