// One token history: aligning it with a wanted prompt, prefilling the rest in chunks, checkpoints; knows no text.
import { EngineError, type Priority } from "./api.ts";
import type { BackendSequence, DecodeOptions, Token, TokenStream } from "./backend.ts";
import type { Scheduler } from "./scheduler.ts";

/** An urgent request waits for at most one chunk; longer than this feels like a hang (DESIGN 3.2). */
const TARGET_CHUNK_MS = 150;

/**
 * On a CPU, llama.cpp's attention works in tiles of this many tokens, and what is left of a tile is computed token by
 * token: at 12,000 tokens of the tiny model 63 tokens took 540 ms and 64 took 28 ms. So a chunk is a number of whole
 * tiles; on a slow CPU an urgent request waits for one of them.
 */
const TILE_TOKENS = 64;

/** Weight of the newest measurement in the running mean of the speed. */
const SPEED_WEIGHT = 0.3;

/** The state needs one free cell for the token that is sampled next. */
const FREE_CELLS = 1;

export interface PrefillCount {
  reusedTokens: number;
  evaluatedTokens: number;
  chunks: number;
  /** Time spent computing, milliseconds, waiting excluded. */
  ms: number;
}

export function emptyCount(): PrefillCount {
  return { reusedTokens: 0, evaluatedTokens: 0, chunks: 0, ms: 0 };
}

export interface PrefillOptions {
  priority: Priority;
  signal?: AbortSignal;
  /** Ascending token indexes after which a checkpoint is taken, if the policy lets. */
  checkpoints?: readonly number[];
  /** Called after each chunk with the number of tokens in the state. */
  onChunk?: (length: number) => void;
}

export class Sequence {
  readonly #backend: BackendSequence;
  readonly #scheduler: Scheduler;
  readonly #fixedChunk: number | undefined;
  readonly #mayTakeCheckpoint: (usedBytes: number) => boolean;
  /** What the state holds; kept here because asking the runtime copies the whole list. */
  #tokens: Token[] = [];
  /** Length of the newest checkpoint known here; it says nothing once the state is shorter. */
  #checkpointAt = 0;
  #tokensPerMs = 0;
  #lease: Promise<void> = Promise.resolve();

  constructor(
    backend: BackendSequence,
    scheduler: Scheduler,
    options: { chunkTokens?: number; mayTakeCheckpoint: (usedBytes: number) => boolean },
  ) {
    this.#backend = backend;
    this.#scheduler = scheduler;
    this.#fixedChunk = options.chunkTokens;
    this.#mayTakeCheckpoint = options.mayTakeCheckpoint;
  }

  get length(): number {
    return this.#tokens.length;
  }

  get contextTokens(): number {
    return this.#backend.contextTokens;
  }

  get checkpointBytes(): number {
    return this.#backend.checkpointBytes;
  }

  /** Number of checkpoints in memory. */
  get checkpoints(): number {
    return this.#backend.checkpointCount;
  }

  /** Tokens of the next chunk: as many as fit the target time at the measured speed. */
  get chunkTokens(): number {
    const most = this.#backend.batchTokens;
    if (this.#fixedChunk !== undefined) return Math.min(this.#fixedChunk, most);
    if (this.#tokensPerMs === 0) return Math.min(128, most);
    const tiles = Math.floor((this.#tokensPerMs * TARGET_CHUNK_MS) / TILE_TOKENS);
    return Math.min(most, Math.max(1, tiles) * TILE_TOKENS);
  }

  /** Measured prefill speed, tokens per second; 0 before the first chunk. */
  get tokensPerSecond(): number {
    return this.#tokensPerMs * 1000;
  }

  /** Length of the common beginning of the state and a token list. */
  commonPrefix(target: readonly Token[]): number {
    const limit = Math.min(this.#tokens.length, target.length);
    let index = 0;
    while (index < limit && this.#tokens[index] === target[index]) index++;
    return index;
  }

  /** The tokens in the state; a copy. */
  tokens(): Token[] {
    return this.#tokens.slice();
  }

  /** Length of the beginning of `target` that `align` would leave in the state. */
  reachable(target: readonly Token[]): number {
    const common = this.commonPrefix(target);
    return common === this.#tokens.length ? common : this.#backend.reachableLength(common);
  }

  /** Length that could be gone back to after more tokens, without a checkpoint here. */
  reachableIfDiverging(): number {
    return this.#endIsCheckpoint ? this.length : this.#backend.reachableLength(Math.max(0, this.length - 1));
  }

  /**
   * Runs alone on this sequence; whoever waited longest is next.
   * @throws The signal's reason when aborted while it waits; work that has begun looks at its signal itself.
   */
  async exclusively<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#lease;
    let release = () => {};
    this.#lease = new Promise((resolve) => {
      release = resolve;
    });
    try {
      await abortable(before, signal);
    } catch (error) {
      // Gives up its place; who comes after still waits for those before.
      void before.then(release);
      throw error;
    }
    try {
      return await work();
    } finally {
      release();
    }
  }

  /**
   * Makes the state equal to `target`, reusing its beginning and evaluating the rest in chunks.
   * Needs the lease. An abort takes effect between chunks and keeps the finished ones.
   * @param count Filled as the work goes on, so that it is right after an abort too.
   * @throws EngineError promptTooLong; the signal's reason when aborted.
   */
  async prefill(target: readonly Token[], options: PrefillOptions, count: PrefillCount): Promise<void> {
    this.assertFits(target.length);
    count.reusedTokens = await this.align(target);
    while (this.length < target.length) await this.prefillChunk(target, options, count);
  }

  /** Evaluates the next chunk of `target`, whose beginning the state must be, and adds to `count`. */
  async prefillChunk(target: readonly Token[], options: PrefillOptions, count: PrefillCount): Promise<void> {
    const boundary = options.checkpoints?.find((index) => index > this.length) ?? target.length;
    const end = Math.min(this.length + this.chunkTokens, boundary, target.length);
    const chunk = target.slice(this.length, end);
    const step = async () => {
      await this.#append(chunk);
      // In the same step: work of a lower priority must not get in between.
      if (options.checkpoints?.includes(end)) await this.takeCheckpoint();
    };
    const { ms } = await this.#scheduler.run(options.priority, step, options.signal);
    this.#measure(chunk.length, ms);
    count.evaluatedTokens += chunk.length;
    count.chunks += 1;
    count.ms += ms;
    options.onChunk?.(this.length);
  }

  /**
   * Rewinds to the longest reachable common beginning with `target`.
   * @returns Tokens of `target` that are in the state afterwards.
   */
  async align(target: readonly Token[]): Promise<number> {
    const length = this.reachable(target);
    if (length < this.#tokens.length) await this.#rewind(length);
    return this.#tokens.length;
  }

  /**
   * Takes a checkpoint here if the policy has room.
   * @param allowanceBytes So much more than the policy has room for is allowed here.
   * @returns False if there is none here now.
   */
  async takeCheckpoint(allowanceBytes = 0): Promise<boolean> {
    if (this.#endIsCheckpoint) return true;
    if (!this.#mayTakeCheckpoint(this.#backend.checkpointBytes - allowanceBytes)) return false;
    await this.takeCheckpointOfBase();
    return true;
  }

  /** Takes a checkpoint here whatever the quota says: losing the end of the base would cost a whole reading. */
  async takeCheckpointOfBase(): Promise<void> {
    await this.#backend.takeCheckpoint();
    this.#checkpointAt = this.length;
  }

  get #endIsCheckpoint(): boolean {
    return this.length > 0 && this.#checkpointAt === this.length;
  }

  /**
   * Samples after the state extended by `last`, one scheduled step a token.
   * Needs the lease until `end()`.
   */
  decode(
    last: readonly Token[],
    options: DecodeOptions & { priority: Priority; signal?: AbortSignal },
  ): TokenStream & { readonly ms: number } {
    const { priority, signal } = options;
    const stream = this.#backend.startDecoding(last, options);
    let unevaluated: readonly Token[] = last;
    let ms = 0;
    return {
      get ms() {
        return ms;
      },
      next: async () => {
        this.assertFits(this.length + unevaluated.length);
        const step = await this.#scheduler.run(priority, () => this.#resyncOnFailure(() => stream.next()), signal);
        ms += step.ms;
        for (const token of unevaluated) this.#tokens.push(token);
        unevaluated = step.value === undefined ? [] : [step.value.token];
        return step.value;
      },
      end: () => stream.end(),
    };
  }

  /** Writes the state to a file. Needs the lease. */
  async save(file: string): Promise<void> {
    await this.#backend.save(file);
  }

  /**
   * Loads a verified state file. Needs the lease.
   * @returns True if it holds a beginning of `target`; else the state is emptied.
   */
  async restore(file: string, target: readonly Token[]): Promise<boolean> {
    await this.#resyncOnFailure(() => this.#backend.restore(file));
    this.#tokens = this.#backend.tokens();
    const fits = this.commonPrefix(target) === this.#tokens.length;
    if (fits) await this.takeCheckpointOfBase();
    else await this.#rewind(0);
    return fits;
  }

  async dispose(): Promise<void> {
    await this.#backend.dispose();
  }

  async #append(tokens: readonly Token[]): Promise<void> {
    await this.#resyncOnFailure(() => this.#backend.evaluate(tokens));
    for (const token of tokens) this.#tokens.push(token);
  }

  /** After a failed evaluation only the runtime knows what its state holds. */
  async #resyncOnFailure<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#tokens = this.#backend.tokens();
      this.#checkpointAt = 0;
      throw error;
    }
  }

  async #rewind(length: number): Promise<void> {
    await this.#backend.rewind(length);
    this.#tokens.length = length;
    // Only checkpoints can be gone back to, and one that was gone back to stays.
    this.#checkpointAt = length;
  }

  #measure(tokens: number, ms: number): void {
    // A chunk that had to be short says nothing about the speed of a whole one.
    if (ms <= 0 || (tokens < TILE_TOKENS && this.#fixedChunk === undefined)) return;
    const speed = tokens / ms;
    this.#tokensPerMs =
      this.#tokensPerMs === 0 ? speed : this.#tokensPerMs + SPEED_WEIGHT * (speed - this.#tokensPerMs);
  }

  /** @throws EngineError promptTooLong if the context cannot hold this many tokens. */
  assertFits(length: number): void {
    const most = this.#backend.contextTokens - FREE_CELLS;
    if (length <= most) return;
    throw new EngineError(
      "promptTooLong",
      `The prompt has ${length.toLocaleString("en")} tokens, but this context holds ${most.toLocaleString("en")}. ` +
        "Nothing was evaluated; ask with less text or choose a longer context in the settings.",
    );
  }
}

/** Waits for a promise that never fails, or for the abort. */
function abortable(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    void promise.then(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}
