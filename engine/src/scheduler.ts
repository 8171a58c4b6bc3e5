// Decides whose step runs next on the one inference machine; knows priorities and cancellation, nothing of models.
import { PRIORITIES, type Priority } from "./api.ts";

interface Waiting {
  rank: number;
  start: () => void;
  signal: AbortSignal | undefined;
  abandon: () => void;
}

/** What one step did: its value and the time it held the machine, milliseconds. */
export interface StepResult<T> {
  value: T;
  ms: number;
}

/**
 * Runs steps one at a time, the highest priority first, first come first served within one priority.
 * Long work is a loop of steps, so an urgent step waits for at most the running one.
 */
export class Scheduler {
  readonly #waiting: Waiting[] = [];
  #busy = false;
  /** Set while background work is held: resolves when it may go on. */
  #held: { over: Promise<void>; end: () => void } | undefined;

  /** Number of steps that are waiting. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for its turn, then runs the step alone.
   * @returns The step's value and duration.
   * @throws The signal's reason when aborted before the step began; a step that began is not interrupted.
   */
  async run<T>(priority: Priority, step: () => Promise<T>, signal?: AbortSignal): Promise<StepResult<T>> {
    signal?.throwIfAborted();
    await this.#turn(PRIORITIES.indexOf(priority), signal);
    const begin = performance.now();
    try {
      const value = await step();
      return { value, ms: performance.now() - begin };
    } finally {
      // Give the caller one turn of the event loop to ask for its next step: otherwise work of a lower
      // priority would slip in between every two tokens of a running answer.
      setImmediate(() => this.#next());
    }
  }

  /**
   * Holds background work, or lets it go on. Steps that wait already are not held: whoever waits may hold a lease that an
   * urgent request needs. So background work asks {@link whenReleased} between two steps, before it takes the lease.
   */
  hold(hold: boolean): void {
    if (!hold) {
      this.#held?.end();
      this.#held = undefined;
      return;
    }
    if (this.#held !== undefined) return;
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#held = { over, end };
  }

  /**
   * Waits while background work is held.
   * @throws The signal's reason when aborted.
   */
  async whenReleased(signal?: AbortSignal): Promise<void> {
    while (this.#held !== undefined) {
      signal?.throwIfAborted();
      const { over } = this.#held;
      await new Promise<void>((resolve, reject) => {
        const abort = () => reject(signal?.reason);
        signal?.addEventListener("abort", abort, { once: true });
        void over.then(() => {
          signal?.removeEventListener("abort", abort);
          resolve();
        });
      });
    }
  }

  #turn(rank: number, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#busy) {
      this.#busy = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { rank, start: resolve, signal, abandon: () => this.#abandon(waiting, reject) };
      this.#waiting.push(waiting);
      signal?.addEventListener("abort", waiting.abandon, { once: true });
    });
  }

  #abandon(waiting: Waiting, reject: (reason: unknown) => void): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    reject(waiting.signal?.reason);
  }

  #next(): void {
    let best: Waiting | undefined;
    for (const waiting of this.#waiting) {
      if (best === undefined || waiting.rank < best.rank) best = waiting;
    }
    if (best === undefined) {
      this.#busy = false;
      return;
    }
    this.#waiting.splice(this.#waiting.indexOf(best), 1);
    best.signal?.removeEventListener("abort", best.abandon);
    best.start();
  }
}
