// Tests when a new base is built, what postpones it, and that failing attempts grow rarer.
import assert from "node:assert/strict";
import {
  BACKOFF_MS,
  Compaction,
  HELD_MS,
  IDLE_MS,
  QUIET_MS,
  SWITCH_IDLE_MS,
} from "../../../server/src/codebase/compaction.ts";
import { mostChanges } from "../../../server/src/codebase/difference.ts";
import type { OverlayLoad } from "../../../server/src/codebase/workspaceReader.ts";
import { deferred } from "../../fakes/deferred.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";

const BASE_TOKENS = 100_000;
const NO_CHANGES: OverlayLoad = {
  tokens: 0,
  onlyNamed: 0,
  tooMany: false,
  holdsForbidden: false,
  baseTokens: BASE_TOKENS,
};
const LONG: OverlayLoad = { ...NO_CHANGES, tokens: mostChanges(BASE_TOKENS) + 1 };
const SWITCH: OverlayLoad = { ...NO_CHANGES, tooMany: true };

type Outcome = "done" | "nothing" | "interrupted" | "fails";

/** A compaction whose attempts end as `outcomes` say; after the last one the rest are done. */
function compactionWith(load: OverlayLoad | undefined, outcomes: (Outcome | Promise<Outcome>)[] = []) {
  const clock = new FakeClock();
  const state = { load, busy: false, mayStart: true as boolean | Promise<boolean>, measured: 0, logs: [] as string[] };
  /** When each attempt began. */
  const attempts: number[] = [];
  const signals: AbortSignal[] = [];
  const compaction = new Compaction({
    reader: {
      get busy() {
        return state.busy;
      },
      measureOverlay: async () => {
        state.measured += 1;
        return state.load;
      },
      compact: async (signal) => {
        attempts.push(clock.now());
        signals.push(signal);
        const outcome = (await outcomes[attempts.length - 1]) ?? "done";
        if (outcome === "fails") throw new Error("the engine stopped");
        if (outcome === "done") state.load = NO_CHANGES;
        return outcome;
      },
    },
    gate: { mayStart: async () => state.mayStart },
    clock,
    log: (line) => state.logs.push(line),
  });
  return { compaction, clock, state, attempts, signals };
}

describe("compaction is due", () => {
  const check = (what: string, load: OverlayLoad | undefined, isDue: boolean) =>
    it(`${isDue ? "" : "not "}${what}`, async () => {
      const { compaction, clock, attempts } = compactionWith(load);
      compaction.changed();
      await clock.pass(QUIET_MS + IDLE_MS);
      assert.equal(attempts.length, isDue ? 1 : 0);
    });
  check("without a base", undefined, false);
  check("without changes", NO_CHANGES, false);
  check("at the share of the base", { ...NO_CHANGES, tokens: mostChanges(BASE_TOKENS) }, false);
  check("beyond the share of the base", LONG, true);
  check("while a small base has few changes", { ...NO_CHANGES, baseTokens: 100, tokens: mostChanges(100) }, false);
  check("when a changed file has no room", { ...NO_CHANGES, onlyNamed: 1 }, true);
  check("when many files changed at once", SWITCH, true);
  check("when the base holds what must not be read any more", { ...NO_CHANGES, holdsForbidden: true }, true);
});

describe("compaction waits", () => {
  it("until changes have been quiet, then looks once", async () => {
    const { compaction, clock, state } = compactionWith(NO_CHANGES);
    for (let change = 0; change < 5; change++) {
      compaction.changed();
      await clock.pass(QUIET_MS - 1);
    }
    assert.equal(state.measured, 0);
    await clock.pass(1);
    assert.equal(state.measured, 1);
    await clock.pass(10 * IDLE_MS);
    assert.equal(state.measured, 1);
  });

  it("until nobody has typed for a while", async () => {
    const { compaction, clock, attempts } = compactionWith(LONG);
    compaction.typed();
    await clock.pass(IDLE_MS - 1);
    compaction.typed();
    await clock.pass(IDLE_MS - 1);
    assert.deepEqual(attempts, []);
    await clock.pass(1);
    assert.deepEqual(attempts, [2 * IDLE_MS - 1]);
  });

  it("for who types while the battery is asked about", async () => {
    const { compaction, clock, state, attempts } = compactionWith(LONG);
    const { promise, resolve } = deferred<boolean>();
    state.mayStart = promise;
    compaction.changed();
    await clock.pass(QUIET_MS);
    compaction.typed();
    resolve(true);
    await clock.pass(IDLE_MS - 1);
    assert.deepEqual(attempts, []);
    await clock.pass(1);
    assert.deepEqual(attempts, [QUIET_MS + IDLE_MS]);
  });

  it("less after a switch of branches", async () => {
    const { compaction, clock, attempts } = compactionWith(SWITCH);
    compaction.typed();
    await clock.pass(SWITCH_IDLE_MS);
    assert.deepEqual(attempts, [SWITCH_IDLE_MS]);
  });

  it("until every request has ended and the machine is idle again", async () => {
    const { compaction, clock, attempts } = compactionWith(LONG);
    const [first, second] = [compaction.requested(), compaction.requested()];
    compaction.changed();
    await clock.pass(10 * IDLE_MS);
    first();
    await clock.pass(10 * IDLE_MS);
    assert.deepEqual(attempts, []);
    second();
    await clock.pass(IDLE_MS);
    assert.deepEqual(attempts, [21 * IDLE_MS]);
  });

  it("while something is read or reading is held, and looks again later", async () => {
    const { compaction, clock, state, attempts } = compactionWith(LONG);
    state.busy = true;
    compaction.changed();
    await clock.pass(QUIET_MS);
    state.busy = false;
    state.mayStart = false;
    await clock.pass(HELD_MS);
    state.mayStart = true;
    await clock.pass(HELD_MS - 1);
    assert.deepEqual(attempts, []);
    await clock.pass(1);
    assert.deepEqual(attempts, [QUIET_MS + 2 * HELD_MS]);
  });

  it("no longer once the changes were undone", async () => {
    const { compaction, clock, state, attempts } = compactionWith(LONG);
    compaction.typed();
    await clock.pass(QUIET_MS);
    state.load = NO_CHANGES;
    compaction.typed();
    await clock.pass(10 * IDLE_MS);
    assert.deepEqual(attempts, []);
  });
});

describe("compaction", () => {
  it("looks at the changes again when it is done, and rests", async () => {
    const { compaction, clock, state, attempts } = compactionWith(LONG);
    compaction.changed();
    await clock.pass(100 * IDLE_MS);
    assert.equal(attempts.length, 1);
    assert.equal(state.measured, 2);
  });

  for (const outcome of ["nothing", "interrupted", "fails"] as const) {
    it(`is tried more and more rarely when it ends with “${outcome}”`, async () => {
      const { compaction, clock, state, attempts } = compactionWith(LONG, Array(20).fill(outcome));
      compaction.changed();
      await clock.pass(QUIET_MS);
      for (const backoff of [...BACKOFF_MS, BACKOFF_MS.at(-1)!]) {
        const before = attempts.length;
        // Neither changes nor typing nor requests bring it forward.
        compaction.changed();
        compaction.requested()();
        await clock.pass(backoff - 1);
        assert.equal(attempts.length, before);
        await clock.pass(1);
        assert.equal(attempts.length, before + 1);
      }
      assert.equal(state.logs.length, outcome === "fails" ? attempts.length : 0);
    });
  }

  it("starts over with short waits after one that was done", async () => {
    const { compaction, clock, state, attempts } = compactionWith(LONG, ["fails", "fails", "done", "fails"]);
    compaction.changed();
    await clock.pass(QUIET_MS + BACKOFF_MS[0]! + BACKOFF_MS[1]!);
    assert.equal(attempts.length, 3);
    state.load = LONG;
    compaction.changed();
    await clock.pass(QUIET_MS);
    assert.equal(attempts.length, 4);
    await clock.pass(BACKOFF_MS[0]!);
    assert.equal(attempts.length, 5);
  });

  it("runs once at a time, whatever happens meanwhile", async () => {
    const { promise, resolve } = deferred<Outcome>();
    const { compaction, clock, attempts } = compactionWith(LONG, [promise]);
    compaction.changed();
    await clock.pass(QUIET_MS);
    compaction.changed();
    compaction.requested()();
    await clock.pass(100 * IDLE_MS);
    assert.equal(attempts.length, 1);
    resolve("done");
    await clock.pass(100 * IDLE_MS);
    assert.equal(attempts.length, 1);
  });

  it("takes changes that cannot be measured for none", async () => {
    const { compaction, clock, state, attempts } = compactionWith(LONG);
    Object.defineProperty(state, "load", {
      get: () => {
        throw new Error("no engine");
      },
    });
    compaction.changed();
    await clock.pass(10 * IDLE_MS);
    assert.deepEqual(attempts, []);
    assert.deepEqual(state.logs, ["What changed could not be measured: no engine"]);
  });

  it("aborts what runs when it is disposed of, and does nothing afterwards", async () => {
    const { promise, resolve } = deferred<Outcome>();
    const { compaction, clock, state, attempts, signals } = compactionWith(LONG, [promise]);
    const end = compaction.requested();
    compaction.changed();
    await clock.pass(QUIET_MS);
    end();
    await clock.pass(IDLE_MS);
    compaction.dispose();
    assert.equal(signals[0]!.aborted, true);
    resolve("interrupted");
    await clock.settle();
    const { measured } = state;
    compaction.changed();
    compaction.typed();
    compaction.requested()();
    await clock.pass(100 * IDLE_MS);
    assert.equal(attempts.length, 1);
    assert.equal(state.measured, measured);
  });
});
