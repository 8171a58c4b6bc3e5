// Tests that a question about one base is not answered behind another, and that a reading says whether its base serves.
import assert from "node:assert/strict";
import type { Engine, PrefillProgress, PromptPart } from "../../../engine/src/api.ts";
import { createEngine } from "../../../engine/src/engine.ts";
import { createFakeBackend } from "../../fakes/fakeBackend.ts";
import { fails, loadOptions, question } from "../../model/harness.ts";

const partsOf = (name: string): PromptPart[] => [{ text: `${name}\n`.padEnd(500, "x"), label: name }];

describe("the base that serves", () => {
  let engine: Engine;

  beforeEach(async () => {
    engine = createEngine({ backend: createFakeBackend(), visionEntry: "" });
    await engine.load(loadOptions({ contextTokens: 4000, chunkTokens: 100 }));
  });

  afterEach(() => engine.dispose());

  it("answers questions about itself, and none about another one", async () => {
    const first = await engine.prefill({ parts: partsOf("first") });
    await engine.generate({ ...question("Q"), base: first.layoutHash });
    const second = await engine.prefill({ parts: partsOf("second") });
    const late = engine.generate({ ...question("Q"), base: first.layoutHash });
    await assert.rejects(late, fails("baseReplaced", /ask again/));
    await engine.generate({ ...question("Q"), base: second.layoutHash });
    await engine.generate(question("Q"));
  });

  it("is named by its reading from when it serves", async () => {
    const reports: PrefillProgress[] = [];
    const onProgress = (report: PrefillProgress) => reports.push(report);
    const { layoutHash, serving } = await engine.prefill({ parts: partsOf("first") }, { onProgress });
    assert.equal(serving, true);
    assert.deepEqual(
      [...new Set(reports.map((report) => `${report.serving} ${report.layoutHash}`))],
      ["false ", `true ${layoutHash}`],
    );
  });

  it("is the old one if the reading was stopped before it took over, else the new one, however little was read", async () => {
    const { layoutHash } = await engine.prefill({ parts: partsOf("first") });
    const early = await engine.prefill({ parts: partsOf("second") }, { signal: AbortSignal.abort() });
    assert.deepEqual([early.cancelled, early.serving], [true, false]);
    await engine.generate({ ...question("Q"), base: layoutHash });
    const stop = new AbortController();
    const onProgress = ({ phase }: PrefillProgress) => phase === "prefill" && stop.abort();
    const late = await engine.prefill({ parts: partsOf("second") }, { signal: stop.signal, onProgress });
    assert.deepEqual([late.cancelled, late.serving], [true, true]);
    await engine.generate({ ...question("Q"), base: late.layoutHash });
  });
});
