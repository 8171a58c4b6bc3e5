// Asks all sources at once and takes what is there at the deadline; a source that fails, hangs or is late is missing alone.
import type { Clock } from "../../codebase/clock.ts";

export interface Task<Name extends string, Result> {
  name: Name;
  run: (signal: AbortSignal) => Promise<Result>;
}

export interface GatheringOptions {
  clock: Clock;
  /** From the start, milliseconds. */
  deadlineMs: number;
  /** Ends the waiting before the deadline, with what is there. */
  signal: AbortSignal;
  /** Hears of each task that is missing: with its failure, or undefined if it is late. */
  onMissing: (name: string, failure: string | undefined) => void;
}

/** @returns The results by name, as far as they are there in time. Never throws. */
export async function gathered<Name extends string, Result>(
  tasks: readonly Task<Name, Result>[],
  { clock, deadlineMs, signal, onMissing }: GatheringOptions,
): Promise<Map<Name, Result>> {
  const results = new Map<Name, Result>();
  const over = new AbortController();
  const pending = new Set<Name>(tasks.map(({ name }) => name));
  let isOver = false;
  const runs = tasks.map(async ({ name, run }) => {
    try {
      const result = await run(over.signal);
      if (!isOver) results.set(name, result);
    } catch (error) {
      if (!isOver) onMissing(name, error instanceof Error ? error.message : String(error));
    }
    pending.delete(name);
  });
  await untilFirst(Promise.all(runs), clock, deadlineMs, signal);
  isOver = true;
  over.abort();
  if (!signal.aborted) for (const name of pending) onMissing(name, undefined);
  return results;
}

function untilFirst(work: Promise<unknown>, clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      stopWaiting();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const stopWaiting = clock.after(ms, finish);
    if (signal.aborted) return finish();
    signal.addEventListener("abort", finish, { once: true });
    void work.then(finish);
  });
}
