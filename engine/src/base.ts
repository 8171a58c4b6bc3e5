// Reads a base (the codebase prefix) into the long context chunk by chunk, in place of the one that serves or behind its back.
import type { Figures, PrefillProgress, PrefillRequest, PrefillResult } from "./api.ts";
import type { Token } from "./backend.ts";
import type { CheckpointPolicy } from "./checkpoints.ts";
import { type LongContext, MIN_SNAPSHOT_TOKENS, pays, type Saved } from "./longContext.ts";
import type { Scheduler } from "./scheduler.ts";
import { emptyCount, type PrefillCount } from "./sequence.ts";
import { hashTokens } from "./snapshotStore.ts";
import type { EncodedParts, Tokenizer } from "./tokenizer.ts";

export interface ReadBaseOptions {
  tokenizer: Tokenizer;
  scheduler: Scheduler;
  long: LongContext;
  policy: CheckpointPolicy;
  request: PrefillRequest;
  signal: AbortSignal;
  /** True if the caller ended the reading, and nothing else wants the context now: what is read is then saved. */
  wasStopped: () => boolean;
  onProgress: (progress: PrefillProgress) => void;
}

/**
 * Makes the parts the base of the long context.
 * @returns Figures and origin; `cancelled` when aborted, with all finished chunks kept.
 * @throws EngineError promptTooLong.
 */
export async function readBase(options: ReadBaseOptions): Promise<PrefillResult> {
  return new BaseReading(options).run();
}

class BaseReading {
  readonly #options: ReadBaseOptions;
  readonly #begin = performance.now();
  readonly #count = emptyCount();
  #encoded: EncodedParts = { tokens: [], labels: [], checkpoints: [] };
  #target: Token[] = [];
  #layoutHash = "";
  /** True while the old base serves (compaction). */
  #keepServing = false;
  #origin: PrefillResult["origin"] = "computed";
  #restored: Saved | undefined;
  #saved: Saved | undefined;
  /** True from when it serves. */
  #whole = false;
  /** Of `#count`, at the last save. */
  #savedAt = { evaluatedTokens: 0, ms: 0 };

  constructor(options: ReadBaseOptions) {
    this.#options = options;
  }

  async run(): Promise<PrefillResult> {
    const { signal } = this.#options;
    try {
      await this.#encode();
      await this.#takeOver();
      await this.#readChunks();
      await this.#saveWhole();
    } catch (error) {
      // Stopped while it is saved: it is whole and serves all the same.
      if (!signal.aborted) throw error;
      if (this.#options.wasStopped()) await this.#saveStopped();
    }
    return this.#result();
  }

  /** Nobody knows whether the process ends now: what was read since the last save must not be lost with it. */
  async #saveStopped(): Promise<void> {
    const { long } = this.#options;
    await long.sequence.exclusively(async () => {
      const { length } = long.sequence;
      const isOurs = length >= MIN_SNAPSHOT_TOKENS && long.sequence.commonPrefix(this.#target) === length;
      if (isOurs && pays(length - (this.#saved?.tokens ?? 0), length)) await this.#savePartial();
    });
  }

  async #encode(): Promise<void> {
    const { tokenizer, long, request, signal } = this.#options;
    this.#report("tokenize");
    this.#encoded = await tokenizer.encode(request.parts, signal);
    this.#target = long.base.tokens.slice(0, long.base.headLength);
    for (const token of this.#encoded.tokens) this.#target.push(token);
    long.sequence.assertFits(this.#target.length);
    this.#layoutHash = hashTokens(this.#target);
  }

  /** The new base serves from now on, or the old one until the new one is whole. */
  async #takeOver(): Promise<void> {
    const { long, request, signal } = this.#options;
    const { base } = long;
    await long.tidySnapshots();
    if (request.keepServing && base.whole && base.tokens.length >= MIN_SNAPSHOT_TOKENS) {
      this.#keepServing = await long.sequence.exclusively(() => this.#secureServingBase(), signal);
    }
    // A newer reading, which may have been quicker to encode its parts, must not lose its base to this one.
    signal.throwIfAborted();
    if (!this.#keepServing) long.base = { tokens: this.#target, headLength: base.headLength, whole: false };
  }

  /** The one sequence will be busy with the new base: the old one must be on disk to answer questions meanwhile. */
  async #secureServingBase(): Promise<boolean> {
    const { long } = this.#options;
    const { tokens } = long.base;
    if (!long.hasSnapshots) return false;
    if (await long.isSaved(tokens)) return true;
    const { reusedTokens } = await long.reach(tokens);
    return reusedTokens === tokens.length && (await long.save("base")) !== undefined;
  }

  /** One lease a chunk, so that a question asked meanwhile is answered from what is there. */
  async #readChunks(): Promise<void> {
    const { long, scheduler, signal } = this.#options;
    const priority = this.#keepServing ? ("compaction" as const) : ("base" as const);
    const options = { priority, signal, checkpoints: this.#checkpoints() };
    const target = this.#target;
    let left = -1;
    for (let done = false; !done; ) {
      signal.throwIfAborted();
      await scheduler.whenReleased(signal);
      done = await long.sequence.exclusively(async () => {
        const undisturbed = long.sequence.length === left && long.sequence.commonPrefix(target) === left;
        if (!undisturbed) await this.#comeBack(left < 0);
        if (long.sequence.length < target.length) await long.sequence.prefillChunk(target, options, this.#count);
        left = long.sequence.length;
        long.worthKeeping(left);
        if (left < target.length) {
          await this.#saveIfDue();
          return false;
        }
        await long.sequence.takeCheckpointOfBase();
        // Stopped or replaced during the last chunk: whoever did it counts on the base that serves now.
        signal.throwIfAborted();
        this.#whole = true;
        long.base = { tokens: target, headLength: long.base.headLength, whole: true };
        return true;
      }, signal);
      this.#report("prefill");
    }
  }

  /** @param first The beginning of this reading: says where the base came from. */
  async #comeBack(first: boolean): Promise<void> {
    const { long } = this.#options;
    if (first && (await long.reachOf(this.#target)).where === "snapshot") this.#report("restore");
    const { reusedTokens, restored } = await long.reach(this.#target);
    if (!first) return;
    this.#count.reusedTokens = reusedTokens;
    this.#restored = restored;
    if (restored !== undefined) this.#origin = "snapshot";
    else if (reusedTokens === this.#target.length) this.#origin = "memory";
    if (restored !== undefined) this.#saved = restored;
  }

  #checkpoints(): number[] {
    const { long, policy } = this.#options;
    const ends = this.#encoded.labels.map(({ end }) => long.base.headLength + end);
    return policy.positions(ends, this.#target.length);
  }

  async #saveIfDue(): Promise<void> {
    const { long } = this.#options;
    const tokens = this.#count.evaluatedTokens - this.#savedAt.evaluatedTokens;
    if (long.saveIsDue(tokens, this.#count.ms - this.#savedAt.ms)) await this.#savePartial();
  }

  async #savePartial(): Promise<void> {
    const { long } = this.#options;
    this.#report("save");
    const before = this.#saved?.tokens;
    const saved = await long.save("partial");
    this.#savedAt = { evaluatedTokens: this.#count.evaluatedTokens, ms: this.#count.ms };
    if (saved === undefined) return;
    this.#saved = saved;
    if (before !== undefined) await long.forgetPartial(this.#target.slice(0, before));
    this.#report("prefill");
  }

  async #saveWhole(): Promise<void> {
    const { long, signal } = this.#options;
    const target = this.#target;
    if (target.length < MIN_SNAPSHOT_TOKENS || !long.hasSnapshots || (await long.isSaved(target))) return;
    this.#report("save");
    const partial = this.#saved?.tokens;
    await long.sequence.exclusively(async () => {
      // A newer reading may have the context by now: its beginning must not be saved as this base.
      signal.throwIfAborted();
      const { reusedTokens } = await long.reach(target);
      if (reusedTokens < target.length) return;
      const saved = await long.save("base");
      if (saved === undefined) return;
      this.#saved = saved;
      if (partial !== undefined && partial !== target.length) await long.forgetPartial(target.slice(0, partial));
    }, signal);
    this.#report("prefill");
  }

  get #serves(): boolean {
    return this.#options.long.base.tokens === this.#target;
  }

  #report(phase: PrefillProgress["phase"]): void {
    const { long, onProgress } = this.#options;
    const doneTokens = long.sequence.commonPrefix(this.#target);
    const { labels } = this.#encoded;
    const doneLabels = labels.findIndex(({ end }) => long.base.headLength + end > doneTokens);
    onProgress({
      phase,
      doneTokens: phase === "tokenize" ? 0 : doneTokens,
      totalTokens: this.#target.length,
      doneLabels: doneLabels < 0 ? labels.length : doneLabels,
      totalLabels: labels.length,
      label: labels[doneLabels < 0 ? labels.length - 1 : doneLabels]?.label ?? "",
      tokensPerSecond: long.sequence.tokensPerSecond,
      savedTokens: this.#saved?.tokens ?? 0,
      serving: this.#serves,
      layoutHash: this.#layoutHash,
    });
  }

  #result(): PrefillResult {
    const { long } = this.#options;
    return {
      cancelled: !this.#whole,
      serving: this.#serves,
      origin: this.#origin,
      saved: this.#saved === this.#restored ? undefined : this.#saved,
      savedTokens: this.#saved?.tokens ?? 0,
      restored: this.#restored,
      figures: figuresOf(this.#target.length, this.#count, performance.now() - this.#begin),
      layoutHash: this.#layoutHash,
      chunkTokens: long.sequence.chunkTokens,
      notes: long.takeNotes(),
    };
  }
}

/** Figures of work that generates nothing. */
export function figuresOf(promptTokens: number, count: PrefillCount, totalMs: number): Figures {
  return {
    promptTokens,
    reusedTokens: count.reusedTokens,
    evaluatedTokens: count.evaluatedTokens,
    generatedTokens: 0,
    chunks: count.chunks,
    prefillMs: count.ms,
    decodeMs: 0,
    firstTokenMs: 0,
    totalMs,
  };
}
