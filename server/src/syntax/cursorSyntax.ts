// Asks the parsing thread what stands around a cursor; the newest question wins, and no question is waited for longer than a limit.
import { Worker } from "node:worker_threads";
import type { CursorAnswer, CursorQuestion, CursorSyntax } from "./cursorMessages.ts";
import { rulesFor } from "./languages.ts";
import type { WorkerOptions } from "./workerMessages.ts";

/** Longer texts are data; parsing them would hold up every keystroke. */
const MAX_TEXT_CHARS = 2 * 1024 * 1024;

export interface CursorSyntaxLimits {
  /** Whoever asks is waiting to suggest something; the thread goes on, so that the next question finds its tree. */
  answerMs: number;
  /** The thread is taken for hung after this time; longer than it may parse. */
  hangMs: number;
  /** Longest wait for the thread to start. */
  startMs: number;
  /** A file that took too long is not tried again for this time. */
  restMs: number;
  /** The thread is ended after this time without questions: grammars and trees take tens of megabytes. */
  idleMs: number;
}

const DEFAULT_LIMITS: CursorSyntaxLimits = {
  answerMs: 150,
  hangMs: 6000,
  startMs: 30_000,
  restMs: 60_000,
  idleMs: 300_000,
};

export interface CursorSyntaxOptions {
  /** Path of the thread's entry: syntaxWorker.ts, or its bundle. */
  workerEntry: string;
  /** Folder with the files tree-sitter-NAME.wasm. */
  grammarDir: string;
  /** Told once for each trouble, as a sentence: suggestions go on without the parser. */
  onTrouble: (message: string) => void;
  limits?: Partial<CursorSyntaxLimits>;
}

/** One question waits of each kind. */
type Kind = "facts" | "errors";

interface Asked {
  question: CursorQuestion;
  /** Takes undefined where there is no answer. */
  settle: (answer: CursorAnswer | undefined) => void;
}

export class CursorSyntaxService {
  readonly #options: CursorSyntaxOptions;
  readonly #limits: CursorSyntaxLimits;
  readonly #waiting = new Map<Kind, Asked>();
  readonly #troubles = new Set<string>();
  /** Paths, and grammars that cannot be loaded, with the time until which they are left alone. */
  readonly #resting = new Map<string, number>();
  #worker: Worker | undefined;
  #isRunning = false;
  #isDisposed = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: CursorSyntaxOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  /**
   * What stands around a cursor.
   * @param text Line feeds only. @param offset In UTF-16 units.
   * @returns Undefined if the parser has nothing to say: no grammar, too long, too late, aborted, or asked anew meanwhile.
   */
  async factsAt(path: string, text: string, offset: number, signal?: AbortSignal): Promise<CursorSyntax | undefined> {
    const answer = await this.#ask("facts", { path, text, offset }, signal);
    return answer !== undefined && "facts" in answer ? answer.facts : undefined;
  }

  /**
   * How many more parse errors the text has with each candidate inserted; negative where a candidate mends some.
   * @returns As many numbers as candidates; undefined as for `factsAt`.
   */
  async errorsAdded(
    path: string,
    text: string,
    offset: number,
    candidates: readonly string[],
    signal?: AbortSignal,
  ): Promise<number[] | undefined> {
    const answer = await this.#ask("errors", { path, text, offset, candidates }, signal);
    return answer !== undefined && "errors" in answer ? answer.errors : undefined;
  }

  /** Ends the thread; questions under way get undefined. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    for (const { settle } of this.#waiting.values()) settle(undefined);
    this.#waiting.clear();
    await this.#endWorker();
  }

  #ask(kind: Kind, question: CursorQuestion, signal?: AbortSignal): Promise<CursorAnswer | undefined> {
    const { path, text } = question;
    const mayAsk = !this.#isDisposed && signal?.aborted !== true && text.length <= MAX_TEXT_CHARS;
    const grammar = rulesFor(path)?.grammar;
    if (!mayAsk || grammar === undefined || this.#rests(path) || this.#rests(grammar))
      return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const giveUp = () => asked.settle(undefined);
      const timer = setTimeout(giveUp, this.#limits.answerMs);
      signal?.addEventListener("abort", giveUp, { once: true });
      const asked: Asked = {
        question,
        settle: (answer) => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", giveUp);
          resolve(answer);
        },
      };
      this.#waiting.get(kind)?.settle(undefined);
      this.#waiting.set(kind, asked);
      void this.#run();
    });
  }

  /** Answers what waits, one question at a time, until nothing does. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    clearTimeout(this.#idleTimer);
    for (let asked = this.#next(); asked !== undefined; asked = this.#next()) {
      const { question, settle } = asked;
      settle(this.#rests(question.path) ? undefined : await this.#answer(question));
    }
    this.#isRunning = false;
    this.#idleTimer = setTimeout(() => void this.#endWorker(), this.#limits.idleMs).unref();
  }

  #next(): Asked | undefined {
    const [kind, asked] = this.#waiting.entries().next().value ?? [];
    if (kind !== undefined) this.#waiting.delete(kind);
    return asked;
  }

  /** Also for a caller who has given up, unless it is replaced: the tree that it leaves serves the next one. */
  async #answer(question: CursorQuestion): Promise<CursorAnswer | undefined> {
    this.#worker ??= await this.#startWorker(question.path);
    const worker = this.#worker;
    // Ended while it started.
    if (this.#isDisposed) await this.#endWorker();
    if (worker === undefined || this.#isDisposed) return undefined;
    worker.postMessage(question);
    const answer = await nextMessage<CursorAnswer>(worker, this.#limits.hangMs);
    if (answer === undefined) {
      this.#rest(question.path);
      await this.#endWorker();
    } else if ("late" in answer) {
      this.#rest(question.path);
    } else if ("unusable" in answer) {
      this.#rest(rulesFor(question.path)!.grammar, Number.POSITIVE_INFINITY);
      this.#trouble(answer.unusable);
    }
    return answer;
  }

  async #startWorker(path: string): Promise<Worker | undefined> {
    const { workerEntry, grammarDir } = this.#options;
    const workerData: WorkerOptions = { grammarDir, withParts: false };
    const worker = new Worker(workerEntry, { workerData });
    // Else the thread alone would keep a finished process alive.
    worker.unref();
    // An error without a listener would end this process; what follows from it is seen by the exit.
    let reason = "it did not answer";
    worker.on("error", (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    if ((await nextMessage(worker, this.#limits.startMs)) !== undefined) return worker;
    await worker.terminate();
    if (!this.#isDisposed) this.#trouble(`the parsing thread could not start: ${reason}`);
    this.#rest(path);
    return undefined;
  }

  #trouble(what: string): void {
    if (this.#troubles.has(what)) return;
    this.#troubles.add(what);
    this.#options.onTrouble(`Suggestions go on without the parser (${what}). Install Fathom again to have it back.`);
  }

  #rest(name: string, forMs = this.#limits.restMs): void {
    this.#resting.set(name, performance.now() + forMs);
  }

  #rests(name: string): boolean {
    const until = this.#resting.get(name);
    if (until !== undefined && until <= performance.now()) this.#resting.delete(name);
    return this.#resting.has(name);
  }

  async #endWorker(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

/** @returns Undefined if the thread ended or was silent for `silenceMs`. */
function nextMessage<T>(worker: Worker, silenceMs: number): Promise<T | undefined> {
  return new Promise((resolve) => {
    const finish = (message: T | undefined) => {
      clearTimeout(timer);
      worker.off("message", finish);
      worker.off("exit", onExit);
      resolve(message);
    };
    const onExit = () => finish(undefined);
    const timer = setTimeout(onExit, silenceMs);
    worker.on("message", finish);
    worker.on("exit", onExit);
  });
}
