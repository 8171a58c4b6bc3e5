// The index as the server uses it: starts the index process when it is needed and again after a crash; never computes itself.
import type { Clock } from "../codebase/clock.ts";
import type { LeftOut } from "../codebase/workspaceFile.ts";
import type { EmbeddingProgress, IndexStatus, Place } from "../protocol/messages.ts";
import type { IndexedText } from "./codeIndex.ts";
import type {
  EmbeddingChoice,
  EmbedTexts,
  FromIndexProcess,
  IndexCalls,
  IndexMethod,
  IndexReport,
  IndexSource,
  SearchCall,
  SymbolsCall,
  ToIndexProcess,
} from "./indexMessages.ts";
import type { IndexProcess, IndexProcessListener } from "./startIndexProcess.ts";
import type { SymbolEntry } from "./symbolTable.ts";

/** Waiting before the process is started again after its first crash, its second, milliseconds. */
const BACKOFF_MS = [200, 1000];
/** So many crashes without a whole indexing in between end the attempts. */
const MAX_CRASHES = BACKOFF_MS.length + 1;
/** Longest wait for the process to put everything away; an editor waits about as long for its server, milliseconds. */
const CLOSE_MS = 1500;

const SHUTTING_DOWN = "Fathom is shutting down.";
const RESTARTING = "The search index is being removed already.";

export interface IndexServiceOptions {
  start: (listener: IndexProcessListener) => IndexProcess;
  clock: Clock;
  /** Vectors of the chosen embedding model. @throws Error with a sentence; the process asks again later. */
  embed: (texts: EmbedTexts, signal: AbortSignal) => Promise<Float32Array[]>;
  onStatus: (status: IndexStatus) => void;
  /** Hears what the process writes. */
  onLog: (text: string) => void;
  /** Hears sentences for people; the same may come again. */
  onNotice: (sentence: string) => void;
}

interface Call {
  method: IndexMethod;
  params: () => IndexCalls[IndexMethod]["params"];
  resolve: (result: never) => void;
  reject: (error: unknown) => void;
  /** Processes that ended while it was under way. */
  ends: number;
}

export class IndexService {
  readonly #options: IndexServiceOptions;
  readonly #calls = new Map<number, Call>();
  #nextId = 1;
  #process: IndexProcess | undefined;
  #source: (() => IndexSource) | undefined;
  #choice: EmbeddingChoice | undefined;
  /** Vectors that the process waits for, by its numbers. */
  readonly #embeds = new Map<number, AbortController>();
  #status: IndexStatus = { phase: "ready", files: 0, totalFiles: 0, chunks: 0 };
  #crashes = 0;
  /** Between the end of a process and the start of the next one. */
  #isWaiting = false;
  /** Takes the next start after a crash back. */
  #stopBackoff: () => void = () => {};
  /** The process ends because it was told so; what it cannot answer any more is asked of the next one. */
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
   * @param source Called now, and again whenever the process had to be started anew.
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

  /** Ends the process; calls under way are rejected. What is cut off is computed again at the next start. */
  async dispose(): Promise<void> {
    const ended = this.#end();
    this.#isDisposed = true;
    await ended;
    this.#rejectAll(SHUTTING_DOWN);
  }

  /**
   * Ends the process, and starts it again with the workspace as it is then if there was one. What failed before is forgotten.
   * @param meanwhile Has the folder of the index to itself.
   * @throws What `meanwhile` throws, once the process is started again.
   */
  async restart(meanwhile: () => Promise<void>): Promise<void> {
    if (this.#isDisposed || this.#isRestarting) throw new Error(this.#isDisposed ? SHUTTING_DOWN : RESTARTING);
    this.#stopBackoff();
    this.#isWaiting = true;
    this.#isRestarting = true;
    await this.#end();
    if (this.#isDisposed) throw new Error(SHUTTING_DOWN);
    this.#failure = undefined;
    this.#crashes = 0;
    try {
      await meanwhile();
    } finally {
      this.#isRestarting = false;
      this.#startAgain();
    }
  }

  /** Resolves when there is no process any more: one that is late with putting everything away is killed. Never rejects. */
  async #end(): Promise<void> {
    if (this.#process === undefined) return;
    let stopWaiting = () => {};
    const late = new Promise<void>((resolve) => {
      stopWaiting = this.#options.clock.after(CLOSE_MS, resolve);
    });
    await Promise.race([this.#call("close", () => null).catch(() => undefined), late]);
    stopWaiting();
    await this.#process?.kill();
  }

  #choose(choice: EmbeddingChoice | undefined, embedding: IndexStatus["embedding"]): void {
    const changes = choice?.identity !== this.#choice?.identity;
    this.#choice = choice;
    if (changes || choice === undefined) this.#status = { ...this.#status, embedding };
    // Before the first collection there is nothing to say of the index.
    if (this.#source !== undefined) this.#show({});
    // A process that is still to be started is told then.
    if (changes && this.#process !== undefined) this.#tellChoice();
  }

  #tellChoice(): void {
    this.#call("embedWith", () => this.#choice ?? null).catch((error: unknown) => {
      if (!this.#isDisposed) this.#options.onNotice(`Vectors of the embedding model cannot be kept: ${error}`);
    });
  }

  /** What it tells is part of the source if the process has to be started anew. */
  #tell<Method extends "put" | "remove">(method: Method, params: IndexCalls[Method]["params"]): void {
    if (this.#process !== undefined) this.#call(method, () => params).catch(() => undefined);
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
      this.#calls.set(id, { method, params, resolve, reject, ends: 0 });
    });
    const onAbort = () => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      this.#process?.send({ cancel: id });
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
    if (this.#process === undefined && !this.#isWaiting) this.#start();
    this.#process?.send({ id, method, params: params() });
  }

  #start(): void {
    this.#process = this.#options.start({
      onMessage: (message) => this.#receive(message),
      onLog: this.#options.onLog,
      onEnd: (reason) => this.#ended(reason),
    });
    if (this.#choice !== undefined) this.#tellChoice();
  }

  #receive(message: FromIndexProcess): void {
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

  /** Never rejects: the process gets the reason. */
  async #embed(embedded: number, { texts, role }: EmbedTexts): Promise<void> {
    const asking = this.#process;
    const controller = new AbortController();
    this.#embeds.set(embedded, controller);
    const answer = (message: ToIndexProcess) => {
      // Another process has other numbers.
      if (this.#process === asking) asking?.send(message);
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
    this.#process = undefined;
    for (const controller of this.#embeds.values()) controller.abort();
    this.#embeds.clear();
    if (this.#isDisposed) this.#rejectAll(SHUTTING_DOWN);
    this.#reject(({ method }) => method === "close", reason);
    if (this.#isDisposed || this.#isRestarting || this.#failure !== undefined) return;
    this.#crashes += 1;
    const waitMs = BACKOFF_MS[this.#crashes - 1];
    if (waitMs === undefined) {
      const stopped = `The search index stopped ${MAX_CRASHES} times in a row (${reason})`;
      this.#giveUp(`${stopped} and stays off. Restart the editor to try again.`);
      return;
    }
    // One question that ends every process must not do so for ever.
    for (const call of this.#calls.values()) call.ends += 1;
    const asked = `The search index stopped ${MAX_CRASHES} times at this (${reason}). What else is asked is answered.`;
    this.#reject(({ ends }) => ends >= MAX_CRASHES, asked);
    this.#options.onNotice(`The search index stopped and is started again (${reason}).`);
    this.#isWaiting = true;
    this.#stopBackoff = this.#options.clock.after(waitMs, () => this.#startAgain());
  }

  /** The process knows nothing: it gets the workspace as it is now, and then what was asked. */
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
    this.#reject(() => true, sentence);
  }

  #reject(isMeant: (call: Call) => boolean, sentence: string): void {
    for (const [id, call] of [...this.#calls].filter(([, each]) => isMeant(each))) {
      this.#calls.delete(id);
      call.reject(new Error(sentence));
    }
  }
}
