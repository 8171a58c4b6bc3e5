// What this machine offers to the engine: cores, memory, GPU; measures, decides nothing.
import { availableParallelism, cpus, freemem, platform, release, totalmem } from "node:os";
import type { Hardware } from "./api.ts";
import type { Backend } from "./backend.ts";

/**
 * One core is left to the editor and everything else. llama.cpp's threads wait for each other in spin loops after every
 * operation, so a thread that loses its core holds up all: with one of two cores busy, 3,874 tokens of the demo model
 * took 26.3 s with two threads and 1.0 s with one; four threads on two idle cores were 13 times slower than two.
 */
export function defaultThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

export async function readHardware(backend: Backend, gpu: "auto" | "cpu"): Promise<Hardware> {
  return {
    platform: `${platform()} ${release()} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cores: availableParallelism(),
    totalMemoryBytes: totalmem(),
    freeMemoryBytes: freeMemoryBytes(),
    gpu: gpu === "cpu" ? undefined : await backend.gpu(),
    cudaFound: await backend.cudaFound(),
    runtime: backend.runtime,
    residentBytes: process.memoryUsage.rss(),
  };
}

/** On Linux this counts reclaimable caches as free, as the kernel's MemAvailable does; elsewhere free pages only. */
function freeMemoryBytes(): number {
  return process.availableMemory?.() ?? freemem();
}
