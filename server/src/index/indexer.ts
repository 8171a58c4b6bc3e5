// Brings the index to where the workspace is: which files are still to be read, in which order, a few batches at a time.
import type { Clock } from "../codebase/clock.ts";
import type { readTextFile } from "../codebase/readText.ts";
import type { LeftOut, WorkspaceFile } from "../codebase/workspaceFile.ts";
import { fileUri } from "../uris.ts";
import type { CodeIndex, IndexedText } from "./codeIndex.ts";
import type { IndexSource } from "./indexMessages.ts";

/** Files of one batch, and their bytes: each batch is an addition to the store, and what changes meanwhile waits for one. */
const BATCH_FILES = 128;
const BATCH_BYTES = 768 * 1024;
/** While two batches are parsed, the next one is read, and the one before is embedded and stored: no thread waits. */
const LANES = 4;
/** So little is indexed within a second or two: a search waits for it rather than answer from a part, bytes. */
const WORTH_WAITING_BYTES = 4 * 1024 * 1024;
/** Chunks at which the store is tidied while there is more to come, and how many times as many the next time. */
const FIRST_TIDY_CHUNKS = 20_000;
const NEXT_TIDY = 4;
/** The store is tidied after this time without work, milliseconds. */
const QUIET_MS = 3000;
/** What could not be stored is tried again after this time, milliseconds: a disk may have room again. */
const RETRY_MS = 60_000;
/** Files of other branches and of earlier times that stay in the store: about as many as a large workspace has. */
const MAX_UNUSED_FILES = 10_000;

/** A file to be indexed, with its text unless it is to be read. */
interface Todo {
  path: string;
  uri: string;
  changedMs: number;
  bytes: number;
  file?: WorkspaceFile;
  text?: string;
}

interface Waiting {
  isOver: () => boolean;
  resolve: () => void;
}

export interface IndexerOptions {
  index: Pick<CodeIndex, "put" | "remove" | "keepOnly" | "statistics" | "forgetUnused" | "tidy" | "refreshGraph">;
  read: typeof readTextFile;
  clock: Clock;
  /** Called after each step. */
  onProgress: () => void;
  /** Something failed, with a sentence for people; everything goes on. */
  onTrouble: (sentence: string) => void;
}

export class Indexer {
  readonly #options: IndexerOptions;
  /** Paths that shall be in the index. */
  #wanted = new Set<string>();
  /** By path. Changes come before the rest. */
  readonly #changes = new Map<string, Todo>();
  readonly #rest = new Map<string, Todo>();
  /** Batches under way, by path: an older text of a file must not overtake a newer one. */
  readonly #busy = new Map<string, Todo>();
  readonly #leftOut = new Map<string, LeftOut>();
  /** The same files, for another attempt. */
  readonly #failed = new Map<string, Todo>();
  readonly #waiting = new Set<Waiting>();
  #lanes = 0;
  /** The index by words is made once there is something to find. */
  #firstTidy: Promise<void> | undefined;
  #nextTidyChunks = FIRST_TIDY_CHUNKS;
  /** Nothing is put while unused files are removed. */
  #forgetting: Promise<void> = Promise.resolve();
  #stopQuiet: () => void = () => {};
  #stopRetry: (() => void) | undefined;
  #isClosed = false;
  #tellClosed: () => void = () => {};
  readonly #closed = new Promise<void>((resolve) => {
    this.#tellClosed = resolve;
  });

  constructor(options: IndexerOptions) {
    this.#options = options;
  }

  /** Files that shall be in the index. */
  get totalFiles(): number {
    return this.#wanted.size;
  }

  /** What could not be indexed, with the reason. */
  get leftOut(): LeftOut[] {
    return [...this.#leftOut.values()];
  }

  /** Makes these files the whole content of the index; what the store has of them is not computed again. */
  collect({ files, texts }: IndexSource): void {
    this.#wanted = new Set(files.map(({ path }) => path));
    this.#options.index.keepOnly(this.#wanted);
    this.#changes.clear();
    this.#rest.clear();
    this.#leftOut.clear();
    this.#failed.clear();
    for (const file of files) {
      const { path, mtimeMs: changedMs, bytes } = file;
      const text = texts.get(path);
      this.#rest.set(path, {
        path,
        uri: fileUri(file.absolutePath),
        changedMs,
        bytes,
        file,
        ...(text !== undefined && { text }),
      });
    }
    // How much there is to do is known before the first of it is done.
    this.#tell();
    this.#work();
  }

  /** Takes texts in before everything else. */
  put(texts: readonly IndexedText[]): void {
    for (const text of texts) {
      this.#wanted.add(text.path);
      this.#rest.delete(text.path);
      this.#failed.delete(text.path);
      this.#changes.set(text.path, { ...text, bytes: text.text.length });
    }
    this.#work();
  }

  remove(paths: readonly string[]): void {
    for (const path of paths) {
      this.#wanted.delete(path);
      this.#changes.delete(path);
      this.#rest.delete(path);
      this.#leftOut.delete(path);
      this.#failed.delete(path);
    }
    this.#options.index.remove(paths);
    this.#tell();
  }

  /**
   * Resolves once all that was put is in the index, and everything else too if that is little or `whole` is wanted.
   * @throws The signal's reason when aborted.
   */
  settled(whole: boolean, signal: AbortSignal): Promise<void> {
    const left = [...this.#rest.values(), ...this.#busy.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    const all = whole || left <= WORTH_WAITING_BYTES;
    return this.#until(() => (all ? this.#isDone : this.#hasChanges), signal);
  }

  /** Ends after the batches under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#tellClosed();
    this.#stopQuiet();
    this.#stopRetry?.();
    this.#changes.clear();
    this.#rest.clear();
    await this.#until(() => this.#lanes === 0, new AbortController().signal);
    await this.#forgetting;
  }

  get #isDone(): boolean {
    return this.#changes.size === 0 && this.#rest.size === 0 && this.#busy.size === 0;
  }

  /** A change under way has no file to be read. */
  get #hasChanges(): boolean {
    return this.#changes.size === 0 && [...this.#busy.values()].every(({ file }) => file !== undefined);
  }

  #until(isOver: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { isOver, resolve };
      const onAbort = () => {
        this.#waiting.delete(waiting);
        reject(signal.reason);
      };
      if (signal.aborted) onAbort();
      else if (isOver()) resolve();
      else {
        this.#waiting.add(waiting);
        signal.addEventListener("abort", onAbort, { once: true });
      }
    });
  }

  #tell(): void {
    this.#options.onProgress();
    for (const waiting of this.#waiting) {
      if (!waiting.isOver()) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  #work(): void {
    this.#stopQuiet();
    while (this.#lanes < LANES && !this.#isClosed) void this.#lane();
  }

  /** Takes batches until there are no more. Never rejects. */
  async #lane(): Promise<void> {
    this.#lanes += 1;
    await this.#forgetting;
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      for (const todo of batch) this.#busy.set(todo.path, todo);
      await this.#index(batch);
      if (this.#isLastOfRest(batch)) await Promise.race([this.#options.index.refreshGraph(), this.#closed]);
      for (const { path } of batch) this.#busy.delete(path);
      if (this.#options.index.statistics.chunks >= this.#nextTidyChunks) void this.#tidy();
      this.#tell();
    }
    this.#lanes -= 1;
    this.#tell();
    if (this.#lanes === 0 && !this.#isClosed) {
      this.#stopQuiet = this.#options.clock.after(QUIET_MS, () => this.#putInOrder());
    }
  }

  /** With this batch everything is indexed that is no change: the first answer about everything knows who uses whom. */
  #isLastOfRest(batch: readonly Todo[]): boolean {
    const own = new Set(batch);
    const isRest = ({ file }: Todo) => file !== undefined;
    return (
      isRest(batch[0]!) && this.#rest.size === 0 && [...this.#busy.values()].every((t) => own.has(t) || !isRest(t))
    );
  }

  /** Changes or others, never both. A file that is under way waits for that, and for the lane that does it. */
  #nextBatch(): Todo[] {
    for (const todos of [this.#changes, this.#rest]) {
      const batch: Todo[] = [];
      let bytes = 0;
      for (const todo of todos.values()) {
        if (this.#busy.has(todo.path)) continue;
        if (batch.length === BATCH_FILES || (batch.length > 0 && bytes + todo.bytes > BATCH_BYTES)) break;
        batch.push(todo);
        bytes += todo.bytes;
      }
      for (const { path } of batch) todos.delete(path);
      if (batch.length > 0) return batch;
    }
    return [];
  }

  async #index(batch: readonly Todo[]): Promise<void> {
    const { index, onTrouble, clock } = this.#options;
    const texts = (await Promise.all(batch.map((todo) => this.#textOf(todo)))).filter((text) => text !== undefined);
    const readable = new Set(texts.map(({ path }) => path));
    let reason: string | undefined;
    try {
      await index.put(texts);
      // Of nothing no index can be made.
      if (index.statistics.chunks > 0) this.#firstTidy ??= this.#tidy();
      await this.#firstTidy;
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      reason = `not searched: ${cause}`;
      onTrouble(`Files could not be indexed: ${cause}`);
    }
    for (const todo of batch) {
      const { path } = todo;
      this.#leftOut.delete(path);
      this.#failed.delete(path);
      const isGone = !this.#wanted.has(path) || !readable.has(path);
      if (isGone || reason !== undefined) index.remove([path]);
      if (isGone || reason === undefined) continue;
      this.#leftOut.set(path, { path, reason });
      this.#failed.set(path, todo);
      this.#stopRetry ??= clock.after(RETRY_MS, () => this.#tryAgain());
    }
  }

  /** What was put meanwhile is newer. */
  #tryAgain(): void {
    this.#stopRetry = undefined;
    for (const [path, todo] of this.#failed) {
      if (!this.#changes.has(path) && !this.#busy.has(path)) this.#rest.set(path, todo);
    }
    this.#failed.clear();
    this.#work();
  }

  /** @returns Undefined for a file that went or became unreadable: its event is on the way. */
  async #textOf({ path, uri, changedMs, file, text }: Todo): Promise<IndexedText | undefined> {
    if (text !== undefined) return { path, uri, changedMs, text };
    const read = file === undefined ? undefined : await this.#options.read(file);
    return read !== undefined && "text" in read ? { path, uri, changedMs, text: read.text } : undefined;
  }

  /** Never rejects: without it, searches are slower and everything is found all the same. */
  async #tidy(): Promise<void> {
    const { index, onTrouble } = this.#options;
    this.#nextTidyChunks = Math.max(FIRST_TIDY_CHUNKS, NEXT_TIDY * index.statistics.chunks);
    await index.tidy().catch((error: unknown) => onTrouble(`The search index could not be tidied: ${error}`));
  }

  #putInOrder(): void {
    const { index, onTrouble } = this.#options;
    this.#forgetting = index.forgetUnused(MAX_UNUSED_FILES).catch((error: unknown) => {
      onTrouble(`The search index could not be tidied: ${error}`);
    });
    void this.#forgetting.then(() => (this.#isClosed ? undefined : this.#tidy()));
  }
}
