// Counts the work that native code does for a thread, which must not end meanwhile; knows nothing of what is done.

/**
 * LanceDB 0.31 goes on with a query when the JavaScript thread that asked ends, reads freed memory, and takes the whole
 * process down. Whoever ends a thread waits here first.
 */
export class NativeWork {
  readonly #running = new Set<Promise<unknown>>();
  #isOver = false;

  /** @throws What the work throws; once {@link end} was called, an error at once. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#isOver) throw new Error("The search index is closed.");
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Lets nothing new begin, and resolves when all that runs has ended, however it does. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.allSettled(this.#running);
  }
}
