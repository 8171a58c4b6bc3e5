// Vectors of the chunks by an embedding model, beside those of the bundled embedder: fills them in in the background and searches by them.
import type { Clock } from "../codebase/clock.ts";
import type { EmbeddingProgress } from "../protocol/messages.ts";
import type { ChunkStore, FoundChunk, SearchLimits, StoredChunk, StoredFile } from "./chunkStore.ts";
import { shownText } from "./codeIndex.ts";
import { LEAST_SIMILARITY } from "./searchEngine.ts";
import { StoreWriter } from "./storeWriter.ts";
import { VectorNoise } from "./vectorNoise.ts";

/** Texts of one request: little to lose when it is cut off, and enough that crossing the processes costs nothing. */
const BATCH_TEXTS = 32;
/** Chunks that are stored at once, a file at least: each addition is a version of the tables. */
const GROUP_CHUNKS = 128;
/** With this share of the chunks the model's vectors find more than the bundled embedder's; words find the others. */
const ENOUGH = 0.9;
/** Longest wait for the vector of a question; later the bundled embedder answers, milliseconds. */
const QUERY_MS = 2000;
/** Longer questions say nothing new, characters. */
const MAX_QUERY_CHARS = 4000;
/** After a failure it is tried again so much later, and each time twice as late, up to the longest, milliseconds. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 5 * 60_000;

/** What is known of a file of the workspace: its content's key and its chunks. */
export interface FileContent {
  key: string;
  chunks: number;
  changedMs: number;
}

export interface ModelVectorsOptions {
  /** Where the model's vectors are kept; closed with this. */
  store: ChunkStore;
  /** Where the chunks themselves are. */
  chunks: Pick<ChunkStore, "chunksOf">;
  index: {
    /** The files of the workspace now. */
    contents(): FileContent[];
    /** True for a file whose chunks are stored, of the workspace or of another branch. */
    isStored(key: string): boolean;
  };
  /** @throws Error when there are no vectors now; it is tried again later. */
  embed: (texts: readonly string[], role: "query" | "document", signal: AbortSignal) => Promise<Float32Array[]>;
  clock: Clock;
  onProgress: (progress: EmbeddingProgress) => void;
  /** All chunks have their vectors. */
  onWhole: () => Promise<void>;
  /** Something failed, with a sentence for people; everything goes on. */
  onTrouble: (sentence: string) => void;
}

export class ModelVectors {
  readonly #options: ModelVectorsOptions;
  readonly #writer: StoreWriter;
  /** Files that have all their vectors, by key. */
  readonly #done: Set<string>;
  readonly #noise: VectorNoise;
  readonly #closing = new AbortController();
  #filling: Promise<void> | undefined;
  /** Files may have come while it fills. */
  #isStale = false;
  #stopRetry: () => void = () => {};
  #retryMs = FIRST_RETRY_MS;
  #progress: EmbeddingProgress = { chunks: 0, totalChunks: 0, inUse: false };

  private constructor(options: ModelVectorsOptions, done: readonly StoredFile[], noise: VectorNoise) {
    this.#options = options;
    this.#writer = new StoreWriter(options.store);
    this.#done = new Set(done.map(({ key }) => key));
    this.#noise = noise;
  }

  /** @throws LanceDB's error. */
  static async open(options: ModelVectorsOptions): Promise<ModelVectors> {
    const done = await options.store.files();
    const noise = new VectorNoise(await options.store.sampleVectors(VectorNoise.SAMPLE));
    return new ModelVectors(options, done, noise);
  }

  /** Fills in what is missing; called whenever files may have come. */
  wake(): void {
    this.#isStale = true;
    this.#stopRetry();
    if (this.#closing.signal.aborted) return;
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
  }

  /**
   * Chunks nearest to a question.
   * @returns With scores on the bundled embedder's scale; undefined while too much is missing, or the model does not answer.
   */
  async search(text: string, limits: SearchLimits, signal?: AbortSignal): Promise<FoundChunk[] | undefined> {
    if (!this.#progress.inUse) return undefined;
    try {
      const { store, embed } = this.#options;
      const until = [this.#closing.signal, AbortSignal.timeout(QUERY_MS), ...(signal === undefined ? [] : [signal])];
      const [vector] = await embed([text.slice(0, MAX_QUERY_CHARS)], "query", AbortSignal.any(until));
      if (vector === undefined) return undefined;
      const shift = LEAST_SIMILARITY - this.#noise.levelOf(vector, this.#progress.chunks);
      const found = await store.searchVector(vector, limits);
      return found.map((chunk) => ({ ...chunk, score: chunk.score + shift }));
    } catch {
      // The bundled embedder answers; what is wrong shows when vectors are filled in.
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#stopRetry();
    await this.#filling;
    await this.#options.store.close();
  }

  /** Never rejects. */
  async #fill(): Promise<void> {
    const { clock, onTrouble } = this.#options;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        await this.#fillAll(this.#missing());
      }
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      onTrouble(`Vectors could not be made: ${error instanceof Error ? error.message : error}`);
      this.#stopRetry = clock.after(this.#retryMs, () => this.wake());
      this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
    }
  }

  /** Files without vectors, what changed last first, and how far it all is. */
  #missing(): FileContent[] {
    const all = this.#options.index.contents();
    const missing = all.filter(({ key, chunks }) => chunks > 0 && !this.#done.has(key));
    missing.sort((a, b) => b.changedMs - a.changedMs || (a.key < b.key ? -1 : 1));
    const sum = (files: readonly FileContent[]) => files.reduce((total, { chunks }) => total + chunks, 0);
    const totalChunks = sum(all);
    this.#show(totalChunks - sum(missing), totalChunks);
    return missing;
  }

  async #fillAll(missing: readonly FileContent[]): Promise<void> {
    for (let start = 0; start < missing.length && !this.#isStale; ) {
      let end = start;
      for (let chunks = 0; end < missing.length && chunks < GROUP_CHUNKS; end++) chunks += missing[end]!.chunks;
      await this.#fillGroup(missing.slice(start, end));
      start = end;
    }
    if (this.#isStale) return;
    if (missing.length > 0) await this.#putInOrder();
    if (this.#progress.chunks === this.#progress.totalChunks) await this.#options.onWhole();
  }

  async #fillGroup(files: readonly FileContent[]): Promise<void> {
    const { chunks: source } = this.#options;
    const found = new Map<string, FoundChunk[]>(files.map(({ key }) => [key, []]));
    for (const chunk of await source.chunksOf([...found.keys()])) found.get(chunk.key)?.push(chunk);
    // What was removed meanwhile is passed over until files may have come again.
    const whole = files.filter(({ key, chunks }) => found.get(key)!.length === chunks);
    const chunks = whole.flatMap(({ key }) => found.get(key)!);
    const vectors = await this.#vectorsOf(chunks);
    const rows = chunks.map((chunk, index): StoredChunk => ({ ...chunk, terms: "", vector: vectors[index]! }));
    const pathOf = (key: string) => found.get(key)![0]!.path;
    const done = whole.map(({ key, chunks }) => ({ key, path: pathOf(key), syntax: "", chunks }));
    await this.#writer.add(done, rows);
    for (const { key } of whole) this.#done.add(key);
    this.#retryMs = FIRST_RETRY_MS;
    this.#show(this.#progress.chunks + chunks.length, this.#progress.totalChunks);
  }

  async #vectorsOf(chunks: readonly FoundChunk[]): Promise<Float32Array[]> {
    const { signal } = this.#closing;
    const vectors: Float32Array[] = [];
    for (let start = 0; start < chunks.length; start += BATCH_TEXTS) {
      const texts = chunks.slice(start, start + BATCH_TEXTS).map((chunk) => shownText(chunk, chunk.text));
      for (const vector of await this.#options.embed(texts, "document", signal)) {
        vectors.push(vector);
        this.#noise.add(vector);
      }
      signal.throwIfAborted();
    }
    return vectors;
  }

  /** Vectors of files that are stored no more go, and what was added is merged where that is worth it. */
  async #putInOrder(): Promise<void> {
    const { store, index } = this.#options;
    const gone = [...this.#done].filter((key) => !index.isStored(key));
    for (const key of gone) this.#done.delete(key);
    await this.#writer.remove(gone);
    await store.tidy();
  }

  #show(chunks: number, totalChunks: number): void {
    // Nothing is enough of nothing.
    const inUse = totalChunks > 0 && chunks >= ENOUGH * totalChunks;
    this.#progress = { chunks, totalChunks, inUse };
    this.#options.onProgress(this.#progress);
  }
}
