// Tests that further texts for one place are whole, different, and each judged by itself.
import assert from "node:assert/strict";
import type { Figures, GenerateResult } from "../../../engine/src/api.ts";
import { moreCandidates } from "../../../server/src/completion/candidates.ts";
import { placeBetween } from "../../../server/src/completion/place.ts";
import { StreamStops } from "../../../server/src/completion/streamStops.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";
import { FIGURES, type Script, ScriptedEngine } from "../../fakes/scriptedEngine.ts";

const PLACE = placeBetween("x = ", "\n", "a.ts", "typescript");

describe("completion: further candidates", () => {
  /** Two further texts are asked for, and come as the scripts say. */
  async function made(tell: ((script: Script) => void)[], multiLine = false) {
    const engine = new ScriptedEngine();
    const clock = new FakeClock();
    const worked: Figures[] = [];
    const texts = moreCandidates(
      {
        engine,
        syntax: { errorsAdded: async (_path, _text, _offset, candidates) => candidates.map(() => 0) },
        place: PLACE,
        first: "first",
        prepared: {
          request: { kind: "completion", parts: [], sampling: { temperature: 0 }, maxTokens: 9 },
          newStops: () => new StreamStops(PLACE, { multiLine, reason: "as the test wants it" }),
        },
        count: tell.length,
        onWorked: (figures) => worked.push(figures),
      },
      new AbortController().signal,
    );
    for (const say of tell) {
      await clock.settle();
      say(engine.newest);
    }
    return { texts: await texts, worked };
  }
  const saying = (text: string, stopReason?: GenerateResult["stopReason"]) => (script: Script) => {
    script.say(text);
    script.end(stopReason);
  };

  it("are each stopped by themselves", async () => {
    const { texts } = await made([saying("one\nmore"), saying("two\nmore")]);
    assert.deepEqual(texts, ["one", "two"]);
  });

  it("are not the first one, nor empty", async () => {
    const { texts } = await made([saying("first"), saying("")]);
    assert.deepEqual(texts, []);
  });

  it("are never half a text", async () => {
    const { texts } = await made([saying("hal", "cancelled"), saying("whole")]);
    assert.deepEqual(texts, ["whole"]);
  });

  it("are whole lines where the length limit ended them", async () => {
    const { texts } = await made([saying("a(\n  b,\n  c", "maxTokens")], true);
    assert.deepEqual(texts, ["a(\n  b,"]);
  });

  it("tell what they cost", async () => {
    const { worked } = await made([saying("one"), saying("two\nmore")]);
    assert.deepEqual(worked, [FIGURES, FIGURES]);
  });
});
