// Analyses files in one worker thread that is started when needed, ended when idle, and replaced when a file hangs it.
import { Worker } from "node:worker_threads";
import { batches } from "../codebase/batches.ts";
import { emptySyntax, type FileSyntax, type SourceText } from "./fileSyntax.ts";
import type { WorkerAnswer, WorkerBatch, WorkerOptions } from "./workerMessages.ts";

/** Longer files are data, and would hold up the others; by length and not by time, so that the answer is always the same. */
const MAX_FILE_CHARS = 2 * 1024 * 1024;

export interface SyntaxLimits {
  /** Longest wait for one file; longer than the limit of its parse, since the rest needs time too. */
  fileMs: number;
  /** Longest wait for the thread to start. */
  startMs: number;
  /** The thread is ended after this time without work: its grammars take tens of megabytes. */
  idleMs: number;
}

const DEFAULT_LIMITS: SyntaxLimits = { fileMs: 15_000, startMs: 60_000, idleMs: 60_000 };

export interface SyntaxServiceOptions {
  /** Path of the thread's entry: syntaxWorker.ts, or its bundle. */
  workerEntry: string;
  /** Folder with the files tree-sitter-NAME.wasm. */
  grammarDir: string;
  /** Also cut each file into chunks, for the index. */
  withParts?: true;
  limits?: Partial<SyntaxLimits>;
}

export class SyntaxService {
  readonly #options: SyntaxServiceOptions;
  readonly #limits: SyntaxLimits;
  readonly #disposed = new AbortController();
  #worker: Worker | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  /** Ends when all batches before have: the thread has one at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SyntaxServiceOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  /**
   * Outline and names of each file. A file that is too long, hangs or ends the thread gives an empty syntax, like a
   * language without rules.
   * @returns As many results as files, in their order.
   * @throws The signal's reason when aborted; an AbortError after dispose; an Error if the thread cannot start or lacks a
   *   grammar, which a new installation mends.
   */
  async analyse(files: readonly SourceText[], signal?: AbortSignal): Promise<FileSyntax[]> {
    const ended = signal === undefined ? this.#disposed.signal : AbortSignal.any([signal, this.#disposed.signal]);
    const results: FileSyntax[] = [];
    for (const batch of batches(files, ({ text }) => text.length)) {
      ended.throwIfAborted();
      const turn = this.#turn.then(() => (ended.aborted ? [] : this.#runBatch(batch)));
      // The next caller waits for the end of this batch, however it ends; the error is this caller's.
      this.#turn = turn.catch(() => undefined);
      results.push(...(await untilAborted(turn, ended)));
    }
    return results;
  }

  /** Ends the thread; calls under way are rejected. */
  async dispose(): Promise<void> {
    this.#disposed.abort();
    await this.#endWorker();
  }

  async #runBatch(batch: readonly SourceText[]): Promise<FileSyntax[]> {
    clearTimeout(this.#idleTimer);
    const results = batch.map(emptySyntax);
    const wanted = batch
      .map((file, index) => ({ file, index }))
      .filter(({ file }) => file.text.length <= MAX_FILE_CHARS);
    let next = 0;
    while (next < wanted.length && !this.#disposed.signal.aborted) {
      const rest = wanted.slice(next);
      const answers = await this.#feed(rest.map(({ file }) => file));
      for (const [offset, syntax] of answers.entries()) results[rest[offset]!.index] = syntax;
      next += answers.length;
      // The first file without an answer hung or ended the thread: it keeps its empty result.
      if (next < wanted.length) next++;
    }
    this.#idleTimer = setTimeout(() => void this.#endWorker(), this.#limits.idleMs).unref();
    return results;
  }

  /** @returns Answers for the first files; fewer than files if the thread hung or died, which has then been ended. */
  async #feed(files: readonly SourceText[]): Promise<FileSyntax[]> {
    this.#worker ??= await this.#startWorker();
    // Ended while it started.
    if (this.#disposed.signal.aborted) {
      await this.#endWorker();
      return [];
    }
    const worker = this.#worker;
    const answers: FileSyntax[] = [];
    let failed: string | undefined;
    worker.postMessage({ files } satisfies WorkerBatch);
    const isWhole = await listen(worker, this.#limits.fileMs, (message) => {
      if ("syntax" in message) answers.push(message.syntax);
      if ("failed" in message) failed = message.failed;
      return answers.length === files.length || failed !== undefined;
    });
    if (!isWhole || failed !== undefined) await this.#endWorker();
    if (failed !== undefined) throw new Error(`Source files could not be parsed: ${failed}. Install Fathom again.`);
    return answers;
  }

  async #startWorker(): Promise<Worker> {
    const { grammarDir, withParts = false } = this.#options;
    const workerData: WorkerOptions = { grammarDir, withParts };
    const worker = new Worker(this.#options.workerEntry, { workerData });
    // Else the thread alone would keep a finished process alive.
    worker.unref();
    // An error without a listener would end this process; what follows from it is seen by the exit.
    let reason = "it did not answer";
    worker.on("error", (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    if (await listen(worker, this.#limits.startMs, (message) => "ready" in message)) return worker;
    await worker.terminate();
    throw new Error(`The parsing thread could not start: ${reason}. Install Fathom again.`);
  }

  async #endWorker(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

/**
 * Takes messages until `isLast` says so.
 * @returns Whether it did; false if the thread ended or was silent for `silenceMs`.
 */
function listen(worker: Worker, silenceMs: number, isLast: (message: WorkerAnswer) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (isWhole: boolean) => {
      clearTimeout(timer);
      worker.off("message", onMessage);
      worker.off("exit", onExit);
      resolve(isWhole);
    };
    const timer = setTimeout(() => finish(false), silenceMs);
    const onExit = () => finish(false);
    const onMessage = (message: WorkerAnswer) => {
      timer.refresh();
      if (isLast(message)) finish(true);
    };
    worker.on("message", onMessage);
    worker.on("exit", onExit);
  });
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
