// Measures reading a long base: tokens per second, over the whole and for each stretch, and the memory that it takes.
import { type Bench, COMMON_OPTIONS, createLocalEngine, partsOfLength, readSetup, rounded } from "./measuring.ts";

/** Length of a stretch whose speed is reported, tokens. */
const SEGMENT_TOKENS = 16_384;

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

/** Speeds of the stretches that have been passed, tokens per second. */
class SegmentClock {
  readonly segments: number[] = [];
  readonly #report: (line: string) => void;
  #from = { tokens: 0, at: performance.now() };

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  tick(tokens: number): void {
    if (tokens - this.#from.tokens >= SEGMENT_TOKENS) this.finish(tokens);
  }

  /** Ends the last stretch, however short. */
  finish(tokens: number): void {
    if (tokens === this.#from.tokens) return;
    const now = performance.now();
    const speed = rounded(((tokens - this.#from.tokens) / (now - this.#from.at)) * 1000);
    this.segments.push(speed);
    this.#report(`${tokens} tokens, ${speed} per second`);
    this.#from = { tokens, at: now };
  }
}
