// Measures what a snapshot saves: writing it, starting from it, and computing the same base without it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, COMMON_OPTIONS, createLocalEngine, partsOfLength, readSetup, rounded } from "./measuring.ts";

const BYTES_PER_MB = 1e6;
/** Room for any base that is measured here. */
const QUOTA_BYTES = 100e9;

export const snapshotBench: Bench = {
  summary: "writing a snapshot, and starting from it against computing anew (whole requests, tokenizing included)",
  options: { ...COMMON_OPTIONS, tokens: "tokens of the base (default: 32768)" },
  async run(values, report) {
    const { tokens, load } = readSetup(values, 32_768);
    const root = await mkdtemp(join(tmpdir(), "fathom-bench-"));
    const snapshots = { dir: join(root, "workspace"), quotaBytes: QUOTA_BYTES };
    const engine = createLocalEngine();
    try {
      const info = await engine.load(load);
      report(`making ${tokens} tokens`);
      const parts = await partsOfLength(engine, tokens);
      report("computing and saving");
      const cold = await engine.prefill({ parts, snapshots });
      if (cold.saved === undefined) throw new Error(`Nothing was saved. ${cold.notes.join(" ")}`);
      // Loading anew empties the context; the state file may still be in the system's page cache.
      await engine.load(load);
      report("restoring");
      const warm = await engine.prefill({ parts, snapshots });
      if (warm.restored === undefined) throw new Error(`Nothing was restored. ${warm.notes.join(" ")}`);
      const coldMs = cold.figures.totalMs - cold.saved.ms;
      const restoreMs = warm.figures.totalMs;
      return {
        tokens: cold.figures.promptTokens,
        saveMs: rounded(cold.saved.ms, 1),
        restoreMs: rounded(restoreMs, 1),
        /** Verifying and loading the state alone. */
        stateMs: rounded(warm.restored.ms, 1),
        coldMs: rounded(coldMs, 1),
        bytes: warm.restored.bytes,
        ratio: rounded(coldMs / restoreMs, 2),
        mbPerSec: rounded(warm.restored.bytes / BYTES_PER_MB / (warm.restored.ms / 1000)),
        kvType: info.kvType,
        threads: info.threads,
        model: info.name,
      };
    } finally {
      await engine.dispose();
      await rm(root, { recursive: true });
    }
  },
};
