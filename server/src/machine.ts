// What is known of this machine while the engine does not run: enough for the doctor and to choose another model.
import { availableParallelism, cpus, freemem, platform, release, totalmem } from "node:os";
import type { Hardware } from "../../engine/src/api.ts";

/** As the engine's `hardware` says it, without a GPU: only the runtime finds one. */
export function machineWithoutEngine(): Hardware {
  return {
    platform: `${platform()} ${release()} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cores: availableParallelism(),
    totalMemoryBytes: totalmem(),
    freeMemoryBytes: process.availableMemory?.() ?? freemem(),
    gpu: undefined,
    cudaFound: false,
    runtime: "",
    residentBytes: 0,
  };
}
