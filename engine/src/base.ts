// Reads the base (the codebase prefix) into the long context: from memory, from a snapshot, or chunk by chunk.
import { createHash } from "node:crypto";
import type { Figures, PrefillProgress, PrefillRequest, PrefillResult } from "./api.ts";
import type { Token } from "./backend.ts";
import { emptyCount, type PrefillCount, type PrefillOptions, type Sequence } from "./sequence.ts";
import { type SnapshotKey, SnapshotStore } from "./snapshotStore.ts";
import type { EncodedParts, Tokenizer } from "./tokenizer.ts";

/** Bases shorter than this are read again faster than a snapshot is written and verified. */
const MIN_SNAPSHOT_TOKENS = 2048;

/** The tokens that the long context should begin with. */
export interface Base {
  tokens: Token[];
  /** The system message's beginning, there even before any file is read. */
  headLength: number;
}

export interface ReadBaseOptions {
  tokenizer: Tokenizer;
  sequence: Sequence;
  /** Changed in place as soon as the new tokens are known: chats then extend what is read of them. */
  base: Base;
  identity: Omit<SnapshotKey, "layoutHash">;
  /** Tokens between two checkpoints for a base of the given length. */
  spacing: (totalTokens: number) => number;
  request: PrefillRequest;
  signal: AbortSignal;
  onProgress: (progress: PrefillProgress) => void;
}

/** Identifies a layout: the same tokens are the same layout. @returns 16 hex digits. */
export function hashTokens(tokens: readonly Token[]): string {
  return createHash("sha256").update(Int32Array.from(tokens)).digest("hex").slice(0, 16);
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
  readonly #notes: string[] = [];
  readonly #count = emptyCount();
  #encoded: EncodedParts = { tokens: [], labels: [], checkpoints: [] };
  #target: Token[] = [];
  #layoutHash = "";

  constructor(options: ReadBaseOptions) {
    this.#options = options;
  }

  async run(): Promise<PrefillResult> {
    const { sequence, signal } = this.#options;
    let origin: PrefillResult["origin"] = "computed";
    let restored: PrefillResult["restored"];
    let saved: PrefillResult["saved"];
    try {
      await this.#encode();
      const inMemory = await sequence.exclusively(() => this.#reachable());
      if (inMemory === this.#target.length) {
        origin = "memory";
      } else {
        restored = await this.#restore(inMemory);
        if (restored !== undefined) origin = "snapshot";
      }
      await this.#readChunks();
      if (origin === "computed" && this.#count.evaluatedTokens > 0) saved = await this.#save();
    } catch (error) {
      if (!signal.aborted) throw error;
      return this.#result({ cancelled: true, origin });
    }
    return this.#result({ cancelled: false, origin, restored, saved });
  }

  async #encode(): Promise<void> {
    const { tokenizer, base, request, signal, sequence } = this.#options;
    this.#report("tokenize");
    this.#encoded = await tokenizer.encode(request.parts, signal);
    this.#target = base.tokens.slice(0, base.headLength);
    for (const token of this.#encoded.tokens) this.#target.push(token);
    sequence.assertFits(this.#target.length);
    base.tokens = this.#target;
    this.#layoutHash = hashTokens(this.#target);
  }

  /** Tokens of the target that need no work. Rewinds a chat's tail, so the answer is what is really there. */
  async #reachable(): Promise<number> {
    const { sequence } = this.#options;
    if (sequence.commonPrefix(this.#target) === 0) return 0;
    return sequence.align(this.#target);
  }

  /** Looks for a snapshot when it would save more than is in memory; anything unusable becomes a note. */
  async #restore(inMemory: number): Promise<PrefillResult["restored"]> {
    const { request, sequence } = this.#options;
    if (request.snapshotDir === undefined || inMemory >= this.#target.length) return undefined;
    this.#report("restore");
    const store = new SnapshotStore(request.snapshotDir);
    const begin = performance.now();
    const found = await store.find(this.#key());
    if (found.kind === "none") return undefined;
    if (found.kind === "unusable") {
      this.#notes.push(found.reason);
      return undefined;
    }
    const problem = await sequence.exclusively(async () => {
      try {
        const fits = await sequence.restore(found.stateFile, this.#target);
        return fits ? undefined : "It does not hold the tokens that its header names";
      } catch (error) {
        return `It could not be loaded (${text(error)})`;
      }
    });
    if (problem !== undefined) {
      this.#notes.push(await store.reject(this.#key(), problem));
      return undefined;
    }
    this.#count.reusedTokens = sequence.length;
    return { bytes: found.bytes, ms: performance.now() - begin };
  }

  /** One lease a chunk, so that a question asked meanwhile is answered from what is read so far. */
  async #readChunks(): Promise<void> {
    const { sequence, signal } = this.#options;
    const options: PrefillOptions = {
      priority: "base",
      signal,
      checkpoints: this.#checkpoints(),
      onChunk: () => this.#report("prefill"),
    };
    let first = true;
    let finished = false;
    while (!finished) {
      signal.throwIfAborted();
      finished = await sequence.exclusively(async () => {
        const reused = await sequence.align(this.#target);
        if (first) this.#count.reusedTokens = reused;
        first = false;
        if (sequence.length < this.#target.length) await sequence.prefillChunk(this.#target, options, this.#count);
        if (sequence.length < this.#target.length) return false;
        await sequence.takeCheckpointOfBase();
        return true;
      });
    }
    this.#report("prefill");
  }

  /** An even grid, moved to the end of the file that each point falls into. */
  #checkpoints(): number[] {
    const { base, spacing } = this.#options;
    const step = spacing(this.#target.length);
    const ends: number[] = [];
    let next = step;
    for (const { end } of this.#encoded.labels) {
      const index = base.headLength + end;
      if (index < next) continue;
      ends.push(index);
      next = index + step;
    }
    return ends;
  }

  /** A snapshot that cannot be written is a note: the state in memory serves all the same. */
  async #save(): Promise<PrefillResult["saved"]> {
    const { request, sequence, signal } = this.#options;
    if (request.snapshotDir === undefined || this.#target.length < MIN_SNAPSHOT_TOKENS) return undefined;
    this.#report("save");
    const begin = performance.now();
    const store = new SnapshotStore(request.snapshotDir);
    try {
      const bytes = await store.save(this.#key(), this.#target.length, (file) =>
        sequence.exclusively(async () => {
          // A newer reading may have the context by now: its beginning must not be saved as this base.
          signal.throwIfAborted();
          await sequence.align(this.#target);
          await sequence.save(file);
        }),
      );
      return { bytes, ms: performance.now() - begin };
    } catch (error) {
      if (signal.aborted) throw error;
      this.#notes.push(
        `What was read could not be saved in ${request.snapshotDir} (${text(error)}). ` +
          "It stays in memory; after a restart it is read again.",
      );
      return undefined;
    }
  }

  #key(): SnapshotKey {
    return { ...this.#options.identity, layoutHash: this.#layoutHash };
  }

  #report(phase: PrefillProgress["phase"]): void {
    const { sequence, base, onProgress } = this.#options;
    const doneTokens = Math.min(sequence.length, this.#target.length);
    const { labels } = this.#encoded;
    const doneLabels = labels.findIndex(({ end }) => base.headLength + end > doneTokens);
    onProgress({
      phase,
      doneTokens: phase === "tokenize" ? 0 : doneTokens,
      totalTokens: this.#target.length,
      doneLabels: doneLabels < 0 ? labels.length : doneLabels,
      totalLabels: labels.length,
      label: labels[doneLabels < 0 ? labels.length - 1 : doneLabels]?.label ?? "",
      tokensPerSecond: sequence.tokensPerSecond,
    });
  }

  #result(
    outcome: Pick<PrefillResult, "cancelled" | "origin"> & Partial<Pick<PrefillResult, "restored" | "saved">>,
  ): PrefillResult {
    const { sequence } = this.#options;
    return {
      ...outcome,
      figures: figuresOf(this.#target.length, this.#count, performance.now() - this.#begin),
      layoutHash: this.#layoutHash,
      chunkTokens: sequence.chunkTokens,
      notes: this.#notes,
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

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
