// Answers about pictures: queues requests, keeps the child process while it is of use, turns its messages into results.
import {
  EngineError,
  type Figures,
  type GenerateChunk,
  type StopReason,
  type VisionRequest,
  type VisionResult,
} from "./api.ts";
import { defaultThreads } from "./hardware.ts";
import { type ChildAnswer, VisionChild } from "./visionChild.ts";
import { checkProjector, readImageSize } from "./visionInput.ts";
import type { ChildMessage, DoneMessage, SeeMessage } from "./visionMessages.ts";

/** Long enough for a second question about the same picture, short enough to give the memory back. */
const DEFAULT_IDLE_MS = 60_000;

const GPU_NOTE = "The GPU could not load the vision model, so pictures are read on the CPU, which is slower.";

export interface VisionOptions {
  /** Path of the child's script. */
  entry: string;
  /** How long an idle child is kept for a next request with the same model, milliseconds. Default a minute. */
  idleMs?: number;
}

export interface SeeHooks {
  signal?: AbortSignal;
  onChunk?: (chunk: GenerateChunk) => void;
}

export interface SeenImage extends VisionResult {
  /** Sentences about things that did not work but did not stop the work. */
  notes: string[];
}

/**
 * The vision side of the engine. There is one child process at most: a second model and projector in memory would cost
 * more than waiting. It is started for a request and ended when it is idle, cancelled, or another model is asked for.
 */
export class Vision {
  readonly #entry: string;
  readonly #idleMs: number;
  /** The first one is being answered. */
  readonly #jobs: Job[] = [];
  #child: VisionChild | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  /** Set once the GPU failed to load a model; it would fail again. */
  #gpuFailed = false;
  #disposed = false;

  constructor(options: VisionOptions) {
    this.#entry = options.entry;
    this.#idleMs = options.idleMs ?? DEFAULT_IDLE_MS;
  }

  /** True while there is a child process, working or idle. */
  get running(): boolean {
    return this.#child !== undefined;
  }

  /**
   * Answers about a picture, after the requests before it.
   * @returns The answer; when aborted, what there was of it, with stopReason "cancelled".
   * @throws EngineError badImage, mmprojUnusable, modelMissing, modelUnreadable or modelUnsupported, before a child is
   *   started where the header tells; promptTooLong; visionFailed if the child died; engineStopped after dispose.
   */
  async see(request: VisionRequest, hooks: SeeHooks = {}): Promise<SeenImage> {
    const job = new Job(request, hooks);
    if (hooks.signal?.aborted) return job.cancelledResult();
    const onAbort = () => this.#cancel(job);
    hooks.signal?.addEventListener("abort", onAbort, { once: true });
    this.#jobs.push(job);
    if (this.#jobs.length === 1) void this.#answerAll();
    return job.outcome.finally(() => hooks.signal?.removeEventListener("abort", onAbort));
  }

  /** Ends the child; requests that are open fail with engineStopped. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#idleTimer);
    await this.#endChild();
  }

  /** Never rejects: each job carries its own failure to its own caller. */
  async #answerAll(): Promise<void> {
    clearTimeout(this.#idleTimer);
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      try {
        job.resolve(await this.#answer(job));
      } catch (error) {
        job.reject(error);
      }
      this.#jobs.shift();
    }
    this.#idleTimer = setTimeout(() => void this.#endChild(), this.#idleMs).unref();
  }

  async #answer(job: Job): Promise<SeenImage> {
    if (job.cancelled) return job.cancelledResult();
    if (this.#child?.key !== job.key || this.#child.ending) {
      // Not for a child with the same files: the header of a large vocabulary takes a third of a second to read.
      await checkProjector(job.message.modelFile, job.message.mmprojFile);
      await this.#endChild();
    }
    let answer = await this.#ask(job);
    if (answer.kind === "died" && this.#gpuFailed && job.message.gpu === "auto" && !this.#isOver(job)) {
      job.notes.push(GPU_NOTE);
      await this.#endChild();
      answer = await this.#ask(job);
    }
    if (answer.kind === "done") return job.result(answer);
    await this.#endChild();
    if (this.#disposed) throw stopped();
    if (job.cancelled) return job.cancelledResult();
    if (answer.kind === "failed") throw new EngineError(answer.code, answer.message);
    throw new EngineError(
      "visionFailed",
      `The picture was not read: the vision process ${answer.reason}. Everything else goes on; ask again, ` +
        "with a smaller context if memory is short.",
    );
  }

  async #ask(job: Job): Promise<ChildAnswer> {
    if (this.#disposed) throw stopped();
    if (this.#isOver(job)) return { kind: "died", reason: "was not started" };
    const child = this.#child ?? this.#startChild(job.key);
    if (this.#gpuFailed) job.message.gpu = "cpu";
    const answer = await child.ask(job.message, (message) => job.receive(message));
    if (answer.kind === "died" && child.loadingOntoGpu && !this.#isOver(job)) this.#gpuFailed = true;
    return answer;
  }

  #isOver(job: Job): boolean {
    return job.cancelled || this.#disposed;
  }

  #startChild(key: string): VisionChild {
    const child = new VisionChild(this.#entry, key);
    this.#child = child;
    void child.gone.then(() => {
      if (this.#child === child) this.#child = undefined;
    });
    return child;
  }

  /** The runtime does not look at cancellations while it reads the prompt, so cancelling is ending the process. */
  #cancel(job: Job): void {
    job.cancelled = true;
    if (this.#jobs[0] === job) void this.#endChild();
    else job.resolve(job.cancelledResult());
  }

  async #endChild(): Promise<void> {
    const child = this.#child;
    await child?.end();
    if (this.#child === child) this.#child = undefined;
  }
}

/** One request, from its arrival to its result. */
class Job {
  readonly message: SeeMessage;
  readonly key: string;
  readonly notes: string[] = [];
  readonly outcome: Promise<SeenImage>;
  cancelled = false;
  resolve!: (result: SeenImage) => void;
  reject!: (error: unknown) => void;
  readonly #hooks: SeeHooks;
  readonly #arrivedAt = performance.now();
  #text = "";
  #nChunks = 0;
  #firstTokenMs = 0;
  #promptTokens = 0;
  #reusedTokens = 0;

  /** @throws EngineError badImage. */
  constructor(request: VisionRequest, hooks: SeeHooks) {
    this.message = { ...request, threads: request.threads ?? defaultThreads(), image: readImageSize(request) };
    const { modelFile, mmprojFile, contextTokens, gpu, threads } = this.message;
    this.key = JSON.stringify([modelFile, mmprojFile, contextTokens, gpu, threads]);
    this.#hooks = hooks;
    this.outcome = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  receive(message: ChildMessage): void {
    if (message.kind === "started") {
      this.#promptTokens = message.promptTokens;
      this.#reusedTokens = message.reusedTokens;
    } else if (message.kind === "chunk" && !this.cancelled) {
      if (this.#nChunks === 0) this.#firstTokenMs = this.#elapsedMs();
      this.#nChunks++;
      this.#text += message.text;
      this.#hooks.onChunk?.({ text: message.text, thinking: false });
    }
  }

  result(done: DoneMessage): SeenImage {
    return this.#result(done.stopReason, {
      evaluatedTokens: this.#promptTokens - this.#reusedTokens,
      generatedTokens: done.generatedTokens,
      chunks: 1,
      prefillMs: done.prefillMs,
      decodeMs: done.decodeMs,
    });
  }

  /** The child took its own figures with it: what is not known is 0, and a piece of text counts as a token. */
  cancelledResult(): SeenImage {
    const answering = this.#nChunks > 0;
    return this.#result("cancelled", {
      evaluatedTokens: answering ? this.#promptTokens - this.#reusedTokens : 0,
      generatedTokens: this.#nChunks,
      chunks: answering ? 1 : 0,
      prefillMs: 0,
      decodeMs: 0,
    });
  }

  #result(
    stopReason: StopReason,
    figures: Omit<Figures, "promptTokens" | "reusedTokens" | "firstTokenMs" | "totalMs">,
  ): SeenImage {
    const own = { promptTokens: this.#promptTokens, reusedTokens: this.#reusedTokens };
    const times = { firstTokenMs: this.#firstTokenMs, totalMs: this.#elapsedMs() };
    return { text: this.#text, stopReason, figures: { ...own, ...figures, ...times }, notes: this.notes };
  }

  #elapsedMs(): number {
    return performance.now() - this.#arrivedAt;
  }
}

function stopped(): EngineError {
  return new EngineError(
    "engineStopped",
    "The engine was stopped before the picture was read. Start it and ask again.",
  );
}
