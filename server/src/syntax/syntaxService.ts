// Analyses files in worker threads: cuts them into batches and gives each to the thread with the least to do.
import { batches } from "../codebase/batches.ts";
import type { FileSyntax, SourceText } from "./fileSyntax.ts";
import { ParsingThread, type SyntaxLimits } from "./parsingThread.ts";

const DEFAULT_LIMITS: SyntaxLimits = { fileMs: 15_000, startMs: 60_000, idleMs: 60_000 };

export interface SyntaxServiceOptions {
  /** Path of the thread's entry: syntaxWorker.ts, or its bundle. */
  workerEntry: string;
  /** Folder with the files tree-sitter-NAME.wasm. */
  grammarDir: string;
  /** Also cut each file into chunks, for the index. */
  withParts?: true;
  /** Most threads, each started only when those before it are busy; by default 1. */
  threads?: number;
  limits?: Partial<SyntaxLimits>;
}

export class SyntaxService {
  readonly #threads: readonly ParsingThread[];
  readonly #disposed = new AbortController();

  constructor({ workerEntry, grammarDir, withParts, threads = 1, limits }: SyntaxServiceOptions) {
    const options = { grammarDir, withParts: withParts === true };
    const allLimits = { ...DEFAULT_LIMITS, ...limits };
    this.#threads = Array.from({ length: threads }, () => new ParsingThread(workerEntry, options, allLimits));
  }

  /**
   * Outline and names of each file. A file that is too long, hangs or ends its thread gives an empty syntax, like a
   * language without rules.
   * @returns As many results as files, in their order.
   * @throws The signal's reason when aborted; an AbortError after dispose; an Error if a thread cannot start or lacks a
   *   grammar, which a new installation mends.
   */
  async analyse(files: readonly SourceText[], signal?: AbortSignal): Promise<FileSyntax[]> {
    const ended = signal === undefined ? this.#disposed.signal : AbortSignal.any([signal, this.#disposed.signal]);
    const results: FileSyntax[] = [];
    for (const batch of batches(files, ({ text }) => text.length)) {
      ended.throwIfAborted();
      results.push(...(await untilAborted(this.#leastBusy().analyse(batch, ended), ended)));
    }
    return results;
  }

  /** Ends the threads; calls under way are rejected. */
  async dispose(): Promise<void> {
    this.#disposed.abort();
    await Promise.all(this.#threads.map((thread) => thread.dispose()));
  }

  #leastBusy(): ParsingThread {
    return this.#threads.reduce((least, thread) => (thread.load < least.load ? thread : least));
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
