// Counts work that is under way, so that who closes can wait for it; knows nothing of what is done.

/** LanceDB goes on with what it has begun after a table is closed: who opens the table anew would come in between. */
export class PendingWork {
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
