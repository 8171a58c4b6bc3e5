// Tests that a generation survives typing what it says, and ends at once otherwise.
import assert from "node:assert/strict";
import type { CompletionRequest } from "../../../engine/src/api.ts";
import {
  type Outcome,
  type Prepared,
  RunningCompletion,
  type Stops,
} from "../../../server/src/completion/runningCompletion.ts";
import type { Cursor } from "../../../server/src/completion/typingThrough.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";
import { FIGURES, ScriptedEngine } from "../../fakes/scriptedEngine.ts";

const NO_STOPS: Stops = { push: (text) => ({ stop: false, text }) };
const REQUEST: CompletionRequest = { kind: "completion", parts: [], sampling: { temperature: 0 }, maxTokens: 50 };
const at = (textBefore: string, textAfter = ";"): Cursor => ({ path: "a.ts", textBefore, textAfter });

describe("completion: a generation on its way", () => {
  async function started(stops = NO_STOPS, cursor = at("x = ")) {
    const engine = new ScriptedEngine();
    const clock = new FakeClock();
    const run = new RunningCompletion({
      engine,
      clock,
      cursor,
      prepare: async () => ({ request: REQUEST, newStops: () => stops }),
    });
    await clock.settle();
    return { engine: engine.newest, clock, run };
  }
  const textOf = (outcome: Outcome) => (outcome.kind === "said" ? outcome.text : outcome.kind);

  it("says what the model said", async () => {
    const { engine, run } = await started();
    engine.say("foo");
    engine.say("(1)");
    engine.end("end");
    assert.deepEqual(await run.outcome, { kind: "said", text: "foo(1)", figures: FIGURES });
    assert.ok(run.isOver);
  });

  it("goes on while the user types what it says", async () => {
    const { engine, run } = await started();
    run.follow(at("x = f"));
    engine.say("foo");
    run.follow(at("x = foo"));
    engine.say("(1)");
    assert.ok(!engine.signal?.aborted);
    engine.end("end");
    assert.equal(textOf(await run.outcome), "foo(1)");
  });

  it("ends in the same turn when the user types something else", async () => {
    const { engine, run } = await started();
    engine.say("foo");
    run.follow(at("x = b"));
    assert.ok(engine.signal?.aborted);
    assert.equal(textOf(await run.outcome), "dropped");
  });

  it("ends when it says something else than was typed meanwhile", async () => {
    const { engine, run } = await started();
    run.follow(at("x = b"));
    assert.ok(!engine.signal?.aborted);
    engine.say("f");
    assert.ok(engine.signal?.aborted);
    assert.equal(textOf(await run.outcome), "dropped");
  });

  it("ends when something else follows than when it was asked", async () => {
    const { engine, run } = await started();
    run.follow(at("x = ", "!"));
    assert.ok(engine.signal?.aborted);
    assert.equal(textOf(await run.outcome), "dropped");
  });

  it("never reaches the engine when it is dropped while it is prepared", async () => {
    const engine = new ScriptedEngine();
    let prepared = (_prepared: Prepared) => {};
    const run = new RunningCompletion({
      engine,
      clock: new FakeClock(),
      cursor: at("x = "),
      prepare: () =>
        new Promise((resolve) => {
          prepared = resolve;
        }),
    });
    run.drop();
    prepared({ request: REQUEST, newStops: () => NO_STOPS });
    assert.equal(textOf(await run.outcome), "dropped");
    assert.equal(engine.scripts.length, 0);
  });

  it("ends the engine's work at a stop, and keeps what the rules keep", async () => {
    const stops: Stops = { push: (text) => ({ stop: text.includes("\n"), text: text.split("\n")[0] ?? "" }) };
    const { engine, run } = await started(stops);
    engine.say("foo");
    assert.ok(!engine.signal?.aborted);
    engine.say("()\nbar");
    assert.ok(engine.signal?.aborted);
    assert.equal(textOf(await run.outcome), "foo()");
  });

  it("shows the whole lines of what takes too long", async () => {
    const { engine, clock, run } = await started();
    engine.say("one()\ntwo()\nthr");
    await clock.pass(2000);
    assert.ok(engine.signal?.aborted);
    assert.equal(textOf(await run.outcome), "one()\ntwo()");
  });

  it("waits on for the first line", async () => {
    const { engine, clock, run } = await started();
    engine.say("one(");
    await clock.pass(60_000);
    assert.ok(!engine.signal?.aborted);
    engine.say(")");
    engine.end("end");
    assert.equal(textOf(await run.outcome), "one()");
  });

  it("shows the first whole line that comes later", async () => {
    const { engine, clock, run } = await started();
    engine.say("one(");
    await clock.pass(2000);
    engine.say(")\ntw");
    assert.ok(engine.signal?.aborted);
    assert.equal(textOf(await run.outcome), "one()");
  });

  it("shows no part of a line behind a line feed", async () => {
    const { engine, clock, run } = await started();
    engine.say("\n  on");
    await clock.pass(2000);
    assert.ok(!engine.signal?.aborted);
    engine.say("e()\n  tw");
    assert.equal(textOf(await run.outcome), "\n  one()");
  });

  it("counts no time in which it waits for its turn", async () => {
    const { engine, clock, run } = await started();
    await clock.pass(5000);
    engine.say("one()\ntw");
    assert.ok(!engine.signal?.aborted);
    engine.say("o()");
    engine.end("end");
    assert.equal(textOf(await run.outcome), "one()\ntwo()");
  });

  it("drops the broken line at the length limit, but never the only one", async () => {
    for (const [said, kept] of [
      ["one()\ntw", "one()"],
      ["one(", "one("],
    ] as const) {
      const { engine, run } = await started();
      engine.say(said);
      engine.end("maxTokens");
      assert.equal(textOf(await run.outcome), kept);
    }
  });

  it("tells of a failure", async () => {
    const broken = { generate: () => Promise.reject(new Error("no engine")) };
    const run = new RunningCompletion({
      engine: broken,
      clock: new FakeClock(),
      cursor: at("x"),
      prepare: async () => ({ request: REQUEST, newStops: () => NO_STOPS }),
    });
    const outcome = await run.outcome;
    assert.equal(outcome.kind === "failed" && (outcome.error as Error).message, "no engine");
  });
});
