// The index as the server uses it: starts the index thread when it is needed and again after a crash; never computes itself.
import { Worker } from "node:worker_threads";
import type { Clock } from "../codebase/clock.ts";
import type { LeftOut } from "../codebase/workspaceFile.ts";
import type { EmbeddingProgress, IndexStatus, Place } from "../protocol/messages.ts";
import type { IndexedText } from "./codeIndex.ts";
import type {
  EmbeddingChoice,
  EmbedTexts,
  FromIndexThread,
  IndexCalls,
  IndexMethod,
  IndexReport,
  IndexSource,
  IndexThreadOptions,
  SearchCall,
  SymbolsCall,
  ToIndexThread,
} from "./indexMessages.ts";
import type { SymbolEntry } from "./symbolTable.ts";

/** Waiting before the thread is started again after its first crash, its second, milliseconds. */
const BACKOFF_MS = [200, 1000];
/** So many crashes without a whole indexing in between end the attempts. */
const MAX_CRASHES = BACKOFF_MS.length + 1;
/** Longest wait for the thread to put everything away; an editor waits about as long for its server, milliseconds. */
const CLOSE_MS = 1500;
/** The same before the index is removed; then a person waits, and nothing else does, milliseconds. */
const RESTART_MS = 30_000;
/** LanceDB's full-text index deadlocks with fewer (lancedb issue 3568); read when its code is loaded. */
const LANCE_THREADS = "4";

const SHUTTING_DOWN = "Fathom is shutting down.";
const RESTARTING = "The search index is being removed already.";
const BUSY = "The search index is busy and was not removed. Try again in a moment.";

/** The part of a worker that is used. */
export type IndexThread = Pick<Worker, "postMessage" | "terminate"> & {
  on(event: "message", listener: (message: FromIndexThread) => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "exit", listener: () => void): unknown;
};

export interface IndexServiceOptions {
  start: () => IndexThread;
  clock: Clock;
  /** Vectors of the chosen embedding model. @throws Error with a sentence; the thread asks again later. */
  embed: (texts: EmbedTexts, signal: AbortSignal) => Promise<Float32Array[]>;
  onStatus: (status: IndexStatus) => void;
  /** Hears sentences for people; the same may come again. */
  onNotice: (sentence: string) => void;
}

interface Call {
  method: IndexMethod;
  params: () => IndexCalls[IndexMethod]["params"];
  resolve: (result: never) => void;
  reject: (error: unknown) => void;
}

/** @param entry Script of the thread. */
export function startIndexThread(entry: string, workerData: IndexThreadOptions): IndexThread {
  // The process's own environment, not the thread's copy, is what native code sees.
  process.env.LANCE_CPU_THREADS ??= LANCE_THREADS;
  // Else LanceDB warns on stderr each time it is asked how much is not in an index yet.
  process.env.LANCE_INCLUDE_VECTOR_CENTROIDS ??= "false";
  const worker = new Worker(entry, { workerData });
  // Else the thread alone would keep a finished process alive.
  worker.unref();
  return worker;
}

export class IndexService {
  readonly #options: IndexServiceOptions;
  readonly #calls = new Map<number, Call>();
  #nextId = 1;
  #thread: IndexThread | undefined;
  #source: (() => IndexSource) | undefined;
  #choice: EmbeddingChoice | undefined;
  /** Vectors that the thread waits for, by its numbers. */
  readonly #embeds = new Map<number, AbortController>();
  #status: IndexStatus = { phase: "ready", files: 0, totalFiles: 0, chunks: 0 };
  #crashes = 0;
  /** Between the end of a thread and the start of the next one. */
  #isWaiting = false;
  /** Takes the next start after a crash back. */
  #stopBackoff: () => void = () => {};
  /** The thread ends because it was told so; what it cannot answer any more is asked of the next one. */
  #isRestarting = false;
  #failure: string | undefined;
  #isDisposed = false;

  constructor(options: IndexServiceOptions) {
    this.#options = options;
  }

  /** Why nothing can be found any more; undefined: something can. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /**
   * Makes the workspace's files the whole content of the index.
   * @param source Called now, and again whenever the thread had to be started anew.
   * @returns What could not be indexed, once everything else is.
   * @throws Error with the sentence of {@link failure}.
   */
  async collect(source: () => IndexSource): Promise<LeftOut[]> {
    this.#source = source;
    if (this.#failure === undefined) this.#show({ phase: "indexing" });
    const leftOut = await this.#call("collect", source);
    this.#crashes = 0;
    const { bytes } = await this.statistics();
    this.#show({ phase: "ready", bytes });
    return leftOut;
  }

  /** Takes in new texts, before everything that is still to be indexed. */
  put(texts: readonly IndexedText[]): void {
    this.#tell("put", { texts });
  }

  remove(paths: readonly string[]): void {
    this.#tell("remove", { paths });
  }

  /** Finds what was put before, and while a large workspace is indexed what there is so far. */
  search(call: SearchCall, signal?: AbortSignal): Promise<Place[]> {
    return this.#call("search", () => call, signal);
  }

  symbols(call: SymbolsCall, signal?: AbortSignal): Promise<SymbolEntry[]> {
    return this.#call("symbols", () => call, signal);
  }

  /** Definitions of exactly these names, in the order of the names. */
  named(names: readonly string[], signal?: AbortSignal): Promise<SymbolEntry[]> {
    return this.#call("named", () => ({ names }), signal);
  }

  /** Paths of the files of the workspace that a file imports. */
  imported(path: string, signal?: AbortSignal): Promise<string[]> {
    return this.#call("imported", () => ({ path }), signal);
  }

  /** Searches by this model's vectors once enough chunks have one; meanwhile by the bundled embedder's. */
  embedWith(choice: EmbeddingChoice): void {
    this.#choose(choice, { model: choice.name, chunks: 0, totalChunks: 0, inUse: false });
  }

  /** Searches by the bundled embedder. @param failed The embedding model that is set and cannot be used, and why. */
  embedBundled(failed?: { model: string; problem: string }): void {
    this.#choose(undefined, failed && { ...failed, chunks: 0, totalChunks: 0, inUse: false });
  }

  statistics(): Promise<IndexReport> {
    return this.#call("statistics", () => null);
  }

  /**
   * Ends the thread; calls under way are rejected. One that is late is left to the end of the process: ended in the middle
   * of LanceDB's work, it would take the process down before the client has its answer.
   */
  async dispose(): Promise<void> {
    const closed = this.#close();
    this.#isDisposed = true;
    // What is cut off is computed again.
    if (await this.#within(CLOSE_MS, closed)) await this.#thread?.terminate();
    this.#rejectAll(SHUTTING_DOWN);
  }

  /**
   * Ends the thread, and starts it again with the workspace as it is then if there was one. What failed before is forgotten.
   * @param meanwhile Has the folder of the index to itself.
   * @throws What `meanwhile` throws, once the thread is started again; a sentence if the thread does not end soon, which is
   *   then started again once it has.
   */
  async restart(meanwhile: () => Promise<void>): Promise<void> {
    if (this.#isDisposed || this.#isRestarting) throw new Error(this.#isDisposed ? SHUTTING_DOWN : RESTARTING);
    this.#stopBackoff();
    this.#isWaiting = true;
    this.#isRestarting = true;
    const closed = this.#close();
    if (!(await this.#within(RESTART_MS, closed))) {
      // After a disposal the end of the process ends the thread.
      void closed.then(() => (this.#isDisposed ? undefined : this.#restarted()));
      throw new Error(BUSY);
    }
    if (this.#isDisposed) throw new Error(SHUTTING_DOWN);
    await this.#restarted(meanwhile);
  }

  async #restarted(meanwhile = async () => {}): Promise<void> {
    await this.#thread?.terminate();
    this.#failure = undefined;
    this.#crashes = 0;
    try {
      await meanwhile();
    } finally {
      this.#isRestarting = false;
      this.#startAgain();
    }
  }

  /** Resolves when the thread has put everything away. Never rejects. */
  async #close(): Promise<void> {
    if (this.#thread !== undefined) await this.#call("close", () => null).catch(() => undefined);
  }

  /** @returns False if it takes longer. */
  async #within(ms: number, work: Promise<void>): Promise<boolean> {
    let stopWaiting = () => {};
    const late = new Promise<boolean>((resolve) => {
      stopWaiting = this.#options.clock.after(ms, () => resolve(false));
    });
    const isDone = await Promise.race([work.then(() => true), late]);
    stopWaiting();
    return isDone;
  }

  #choose(choice: EmbeddingChoice | undefined, embedding: IndexStatus["embedding"]): void {
    const changes = choice?.identity !== this.#choice?.identity;
    this.#choice = choice;
    if (changes || choice === undefined) this.#status = { ...this.#status, embedding };
    // Before the first collection there is nothing to say of the index.
    if (this.#source !== undefined) this.#show({});
    // A thread that is still to be started is told then.
    if (changes && this.#thread !== undefined) this.#tellChoice();
  }

  #tellChoice(): void {
    this.#call("embedWith", () => this.#choice ?? null).catch((error: unknown) => {
      if (!this.#isDisposed) this.#options.onNotice(`Vectors of the embedding model cannot be kept: ${error}`);
    });
  }

  /** What it tells is part of the source if the thread has to be started anew. */
  #tell<Method extends "put" | "remove">(method: Method, params: IndexCalls[Method]["params"]): void {
    if (this.#thread !== undefined) this.#call(method, () => params).catch(() => undefined);
  }

  async #call<Method extends IndexMethod>(
    method: Method,
    params: () => IndexCalls[Method]["params"],
    signal?: AbortSignal,
  ): Promise<IndexCalls[Method]["result"]> {
    signal?.throwIfAborted();
    if (this.#failure !== undefined || this.#isDisposed) throw new Error(this.#failure ?? SHUTTING_DOWN);
    const id = this.#nextId++;
    const answer = new Promise<IndexCalls[Method]["result"]>((resolve, reject) => {
      this.#calls.set(id, { method, params, resolve, reject });
    });
    const onAbort = () => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      this.#thread?.postMessage({ cancel: id } satisfies ToIndexThread);
      call?.reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#send(id, this.#calls.get(id)!);
    try {
      return await answer;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Between a crash and the next start calls wait. */
  #send(id: number, { method, params }: Call): void {
    if (this.#thread === undefined && !this.#isWaiting) this.#start();
    this.#thread?.postMessage({ id, method, params: params() } satisfies ToIndexThread);
  }

  #start(): void {
    const thread = this.#options.start();
    let reason = "it ended without an error";
    this.#thread = thread;
    thread.on("message", (message) => this.#receive(message));
    thread.on("error", (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    thread.on("exit", () => this.#ended(reason));
    if (this.#choice !== undefined) this.#tellChoice();
  }

  #receive(message: FromIndexThread): void {
    if ("notice" in message) this.#options.onNotice(message.notice);
    else if ("progress" in message) this.#show(message.progress);
    else if ("embedding" in message) this.#showEmbedding(message.embedding);
    else if ("embed" in message) void this.#embed(message.embed, message);
    else if ("cancelEmbed" in message) this.#embeds.get(message.cancelEmbed)?.abort();
    else {
      // Of a call that was taken back nothing is known any more.
      const call = this.#calls.get(message.id);
      if (this.#isRestarting && "error" in message && call?.method !== "close") return;
      this.#calls.delete(message.id);
      // Without it nothing can be found, and the next attempt would end in the same way.
      if ("error" in message && call?.method === "collect") this.#giveUp(message.error);
      if ("error" in message) call?.reject(new Error(message.error));
      else call?.resolve(message.result as never);
    }
  }

  /** Never rejects: the thread gets the reason. */
  async #embed(embedded: number, { texts, role }: EmbedTexts): Promise<void> {
    const thread = this.#thread;
    const controller = new AbortController();
    this.#embeds.set(embedded, controller);
    const answer = (message: ToIndexThread) => {
      // Another thread has other numbers.
      if (this.#thread === thread) thread?.postMessage(message);
    };
    try {
      answer({ embedded, vectors: await this.#options.embed({ texts, role }, controller.signal) });
    } catch (error) {
      answer({ embedded, error: error instanceof Error ? error.message : String(error) });
    } finally {
      if (this.#embeds.get(embedded) === controller) this.#embeds.delete(embedded);
    }
  }

  #ended(reason: string): void {
    this.#thread = undefined;
    for (const controller of this.#embeds.values()) controller.abort();
    this.#embeds.clear();
    if (this.#isDisposed) this.#rejectAll(SHUTTING_DOWN);
    if (this.#isDisposed || this.#isRestarting || this.#failure !== undefined) return;
    this.#crashes += 1;
    const waitMs = BACKOFF_MS[this.#crashes - 1];
    if (waitMs === undefined) {
      const stopped = `The search index stopped ${MAX_CRASHES} times in a row (${reason})`;
      this.#giveUp(`${stopped} and stays off. Restart the editor to try again.`);
      return;
    }
    this.#options.onNotice(`The search index stopped and is started again (${reason}).`);
    this.#isWaiting = true;
    this.#stopBackoff = this.#options.clock.after(waitMs, () => this.#startAgain());
  }

  /** The thread knows nothing: it gets the workspace as it is now, and then what was asked. */
  #startAgain(): void {
    this.#isWaiting = false;
    if (this.#isDisposed) return;
    const calls = [...this.#calls];
    const collects = calls.filter(([, { method }]) => method === "collect");
    for (const [id, call] of collects) this.#send(id, call);
    if (collects.length === 0 && this.#source !== undefined) this.collect(this.#source).catch(() => undefined);
    for (const [id, call] of calls) {
      if (call.method === "put" || call.method === "remove") this.#calls.delete(id);
      else if (call.method !== "collect") this.#send(id, call);
    }
  }

  #show(change: Partial<IndexStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#options.onStatus(this.#status);
  }

  /** What comes after the choice was taken back is of no interest. */
  #showEmbedding(progress: EmbeddingProgress): void {
    const { embedding } = this.#status;
    if (embedding !== undefined && this.#choice !== undefined) this.#show({ embedding: { ...embedding, ...progress } });
  }

  #giveUp(sentence: string): void {
    this.#failure = sentence;
    this.#options.onNotice(sentence);
    this.#show({ phase: "off", files: 0, chunks: 0 });
    this.#rejectAll(sentence);
  }

  #rejectAll(sentence: string): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { reject } of calls) reject(new Error(sentence));
  }
}
