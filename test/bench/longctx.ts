// Measures the longest window read whole: speed of each stretch, and the memory of the engine process against the plan.
import { existsSync } from "node:fs";
import type { Hardware, LoadOptions, ModelFacts } from "../../engine/src/api.ts";
import { EngineHost } from "../../server/src/engineHost.ts";
import { type FitPlan, planFits } from "../../server/src/models/fit.ts";
import { ENGINE_ENTRY } from "../model/harness.ts";
import {
  type Bench,
  BUILT_ENGINE,
  COMMON_OPTIONS,
  partsOfLength,
  ROOM_TOKENS,
  readSetup,
  rounded,
  SegmentClock,
} from "./measuring.ts";

const BYTES_PER_MB = 1e6;
const DEFAULT_WINDOW_TOKENS = 262_144;

/** Memory of a machine on which every plan fits, so that the plan is about the model alone, bytes. */
const ROOMY_BYTES = 1e12;

export const longContextBench: Bench = {
  summary: "the longest window read whole: speed of each 16,384 tokens, memory of the engine process against the plan",
  options: {
    ...COMMON_OPTIONS,
    tokens: `tokens of the window (default: ${DEFAULT_WINDOW_TOKENS}); the base fills it but for ${ROOM_TOKENS}`,
  },
  async run(values, report) {
    const { tokens: windowTokens, load } = readSetup(values, DEFAULT_WINDOW_TOKENS);
    const entry = existsSync(BUILT_ENGINE) ? BUILT_ENGINE : ENGINE_ENTRY;
    const ignore = () => {};
    const engine = new EngineHost({ entry, log: ignore, onCrash: ignore, onRestarted: ignore });
    try {
      const before = await engine.hardware({ gpu: load.gpu });
      const facts = await engine.inspect(load.modelFile);
      const plan = planFor(facts, before, load, windowTokens);
      const info = await engine.load({ ...load, ...sizesOf(plan) });
      const tokens = windowTokens - ROOM_TOKENS;
      report(`making ${tokens} tokens`);
      const parts = await partsOfLength(engine, tokens);
      const clock = new SegmentClock(report);
      const { figures } = await engine.prefill(
        { parts },
        { onProgress: ({ phase, doneTokens }) => phase === "prefill" && clock.tick(doneTokens) },
      );
      clock.finish(figures.promptTokens);
      const { residentBytes } = await engine.hardware({ gpu: load.gpu });
      const { checkpoints, checkpointBytes } = await engine.longContext();
      return {
        windowTokens: info.contextTokens,
        tokens: figures.promptTokens,
        ms: rounded(figures.totalMs),
        tokPerSec: rounded((figures.evaluatedTokens / figures.totalMs) * 1000),
        segments: clock.segments,
        residentMb: rounded(residentBytes / BYTES_PER_MB, 1),
        planMb: rounded(plan.needBytes / BYTES_PER_MB, 1),
        deviation: rounded(residentBytes / plan.needBytes - 1, 4),
        /** The process before it had a model. */
        startMb: rounded(before.residentBytes / BYTES_PER_MB, 1),
        checkpoints,
        checkpointMb: rounded(checkpointBytes / BYTES_PER_MB, 1),
        plan: plan.parts.map(({ what, bytes }) => `${what}: ${rounded(bytes / BYTES_PER_MB, 1)} MB`).join("; "),
        kvType: info.kvType,
        threads: info.threads,
        model: info.name,
      };
    } finally {
      await engine.dispose();
    }
  },
};

function planFor(facts: ModelFacts, hardware: Hardware, load: LoadOptions, windowTokens: number): FitPlan {
  const roomy = { ...hardware, totalMemoryBytes: ROOMY_BYTES, freeMemoryBytes: ROOMY_BYTES };
  const [plan] = planFits(facts, roomy, { maxTokens: windowTokens, kvType: load.kvType, gpu: load.gpu });
  if (plan?.contextTokens !== windowTokens) {
    throw new Error(`The model has no window of ${windowTokens} tokens, only of ${plan?.contextTokens ?? 0}.`);
  }
  return plan;
}

function sizesOf({ contextTokens, completionContextTokens, checkpointBytes }: FitPlan) {
  return { contextTokens, completionContextTokens, checkpointBytes };
}
