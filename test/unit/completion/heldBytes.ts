// Measures how much memory a piece of work leaves taken, for tests that nothing keeps large texts alive.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** @returns Bytes of the heap that are taken after the work and were not before, garbage aside. */
export async function heldBytes(work: () => void | Promise<void>): Promise<number> {
  collect();
  const before = process.memoryUsage().heapUsed;
  await work();
  collect();
  return process.memoryUsage().heapUsed - before;
}

/** Half a megabyte in one piece, another one for each version. */
export function largeDocument(version: number): string {
  return Buffer.alloc(500_000, `version ${version} of a line\n`).toString();
}
