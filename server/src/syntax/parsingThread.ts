// One worker thread that analyses batches of files: started when needed, ended when idle, replaced when a file hangs it.
import { Worker } from "node:worker_threads";
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

export class ParsingThread {
  readonly #entry: string;
  readonly #options: WorkerOptions;
  readonly #limits: SyntaxLimits;
  #worker: Worker | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #isDisposed = false;
  /** Ends when all batches before have: the thread has one at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @param entry Path of the thread's script: syntaxWorker.ts, or its bundle. */
  constructor(entry: string, options: WorkerOptions, limits: SyntaxLimits) {
    this.#entry = entry;
    this.#options = options;
    this.#limits = limits;
  }

  /** Batches under way or waiting. */
  get load(): number {
    return this.#waiting;
  }

  /**
   * Analyses a batch after those before it.
   * @param ended When aborted, a batch that has not begun gives nothing.
   * @returns As many results as files, in their order; fewer after an abort.
   * @throws Error if the thread cannot start or lacks a grammar.
   */
  async analyse(batch: readonly SourceText[], ended: AbortSignal): Promise<FileSyntax[]> {
    this.#waiting++;
    const turn = this.#turn.then(() => (ended.aborted ? [] : this.#run(batch)));
    // The next caller waits for the end of this batch, however it ends; the error is this caller's.
    this.#turn = turn.then(
      () => this.#waiting--,
      () => this.#waiting--,
    );
    return turn;
  }

  /** Ends the thread and takes no more batches. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await this.#end();
  }

  async #run(batch: readonly SourceText[]): Promise<FileSyntax[]> {
    clearTimeout(this.#idleTimer);
    const results = batch.map(emptySyntax);
    const wanted = batch
      .map((file, index) => ({ file, index }))
      .filter(({ file }) => file.text.length <= MAX_FILE_CHARS);
    let next = 0;
    while (next < wanted.length && !this.#isDisposed) {
      const rest = wanted.slice(next);
      const answers = await this.#feed(rest.map(({ file }) => file));
      for (const [offset, syntax] of answers.entries()) results[rest[offset]!.index] = syntax;
      next += answers.length;
      // The first file without an answer hung or ended the thread: it keeps its empty result.
      const silent = wanted[next++];
      if (silent !== undefined) results[silent.index] = { ...emptySyntax(), unfinished: true };
    }
    this.#idleTimer = setTimeout(() => void this.#end(), this.#limits.idleMs).unref();
    return results;
  }

  /** @returns Answers for the first files; fewer than files if the thread hung or died, which has then been ended. */
  async #feed(files: readonly SourceText[]): Promise<FileSyntax[]> {
    this.#worker ??= await this.#start();
    // Ended while it started.
    if (this.#isDisposed) {
      await this.#end();
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
    if (!isWhole || failed !== undefined) await this.#end();
    if (failed !== undefined) throw new Error(`Source files could not be parsed: ${failed}. Install Fathom again.`);
    return answers;
  }

  async #start(): Promise<Worker> {
    const worker = new Worker(this.#entry, { workerData: this.#options });
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

  async #end(): Promise<void> {
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
