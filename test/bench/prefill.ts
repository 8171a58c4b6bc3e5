// Measures reading a long base: tokens per second, over the whole and for each stretch, and the memory that it takes.
import {
  type Bench,
  COMMON_OPTIONS,
  createLocalEngine,
  partsOfLength,
  readSetup,
  rounded,
  SegmentClock,
} from "./measuring.ts";

const BYTES_PER_MB = 1e6;

export const prefillBench: Bench = {
  summary: "speed and memory of reading a base in chunks",
  options: {
    ...COMMON_OPTIONS,
    tokens: "tokens of the base (default: 32768)",
    chunk: "tokens of one chunk (default: adapted to the speed)",
  },
  async run(values, report) {
    const { tokens, load } = readSetup(values, 32_768);
    const engine = createLocalEngine();
    const info = await engine.load(load);
    report(`making ${tokens} tokens`);
    const parts = await partsOfLength(engine, tokens);
    const clock = new SegmentClock(report);
    const { figures, chunkTokens } = await engine.prefill(
      { parts },
      { onProgress: ({ phase, doneTokens }) => phase === "prefill" && clock.tick(doneTokens) },
    );
    clock.finish(figures.promptTokens);
    const rssMb = process.memoryUsage.rss() / BYTES_PER_MB;
    await engine.dispose();
    return {
      tokens: figures.promptTokens,
      tokPerSec: rounded((figures.evaluatedTokens / figures.totalMs) * 1000),
      ms: rounded(figures.totalMs),
      chunk: chunkTokens,
      chunks: figures.chunks,
      rssMb: rounded(rssMb),
      kvType: info.kvType,
      contextTokens: info.contextTokens,
      threads: info.threads,
      model: info.name,
      segments: clock.segments,
    };
  },
};
