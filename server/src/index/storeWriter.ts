// Adds to a store and removes from it so that nothing counts twice after a write that failed half-way.
import type { ChunkStore, StoredChunk, StoredFile } from "./chunkStore.ts";

export class StoreWriter {
  readonly #store: Pick<ChunkStore, "add" | "remove">;
  /** Keys of which something may be in the store that does not count: adding or removing them failed. */
  readonly #broken = new Set<string>();
  #mending: Promise<void> | undefined;

  constructor(store: Pick<ChunkStore, "add" | "remove">) {
    this.#store = store;
  }

  /**
   * Adds files that the store does not have.
   * @throws LanceDB's error; what was written of them by then does not count, and goes before they are added again.
   */
  async add(files: readonly StoredFile[], chunks: readonly StoredChunk[]): Promise<void> {
    while (files.some(({ key }) => this.#broken.has(key))) await this.#mend();
    try {
      await this.#store.add(files, chunks);
    } catch (error) {
      for (const { key } of files) this.#broken.add(key);
      throw error;
    }
  }

  /** From now on these keys do not count. @throws LanceDB's error; the next removal tries again. */
  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#broken.add(key);
    // One that is under way does not have these keys.
    await this.#mending;
    await this.#mend();
  }

  /** One at a time: a second removal of a key might end after it was added again. */
  #mend(): Promise<void> {
    this.#mending ??= this.#removeBroken().finally(() => {
      this.#mending = undefined;
    });
    return this.#mending;
  }

  async #removeBroken(): Promise<void> {
    const keys = [...this.#broken];
    await this.#store.remove(keys);
    for (const key of keys) this.#broken.delete(key);
  }
}
