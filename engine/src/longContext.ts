// The long context: one sequence that many token lists want in turn; brings it to the best start, from memory or disk, and parks what would be lost.
import type { SnapshotFolder, SnapshotKind } from "./api.ts";
import type { Token } from "./backend.ts";
import type { Sequence } from "./sequence.ts";
import { isMissing, SnapshotFiles, type StateIdentity, snapshotId } from "./snapshotFiles.ts";
import { hashTokens, SnapshotStore } from "./snapshotStore.ts";

/**
 * Loading a token's state from disk is at least so many times cheaper than evaluating it (measured: 250 for the tiny
 * model, checksum included; a 4B on a laptop's GPU evaluates about 500 tokens/s and loads 32,000). So a state is worth
 * writing and reading back when this many times the tokens saved exceed its length.
 */
export const LOAD_GAIN = 64;

/** Fewer tokens than this are evaluated again sooner than a file is written, synced and verified. */
export const MIN_GAIN_TOKENS = 256;

/** Bases shorter than this are read again faster than a snapshot is written and verified. */
export const MIN_SNAPSHOT_TOKENS = 2048;

/** A save may take this share of the time that went into what it saves. */
const SAVE_SHARE = 1 / 20;
/** A half-read base is saved no more often than this, milliseconds of evaluation. */
const MIN_SAVE_INTERVAL_MS = 30_000;
/** Writing speed assumed before the first save, bytes per millisecond: a slow disk. */
const FIRST_BYTES_PER_MS = 100_000;

/** The tokens that the long context should begin with. */
export interface Base {
  tokens: Token[];
  /** The system message's beginning, there even before any file is read. */
  headLength: number;
  /** True once all of it was in the state: questions are then answered with all of it. */
  whole: boolean;
}

export interface Saved {
  tokens: number;
  bytes: number;
  ms: number;
}

/** Taken at the ends of a half-read base where there is room for none and no disk: so many questions lose nothing. */
const CHECKPOINTS_BEYOND_QUOTA = 8;

/** What it took to come to a start. */
export interface Start {
  /** Tokens of the target that are in the state now. */
  reusedTokens: number;
  restored?: Saved;
}

export interface LongContextOptions {
  sequence: Sequence;
  identity: StateIdentity;
  base: Base;
  kvBytesPerToken: number;
  recurrentStateBytes: number;
  /** Fixed distance of partial saves, tokens (tests and benches); default: by the time that saving takes. */
  saveEveryTokens?: number;
}

export class LongContext {
  readonly sequence: Sequence;
  /** The base that serves: questions extend it. */
  base: Base;
  readonly #identity: StateIdentity;
  readonly #options: LongContextOptions;
  #store: SnapshotStore | undefined;
  /** Length of the state that someone may want again: an edit's tail is not, a conversation's history is. */
  #worth = 0;
  /** Sentences for people about snapshots that failed, until the next result takes them. */
  #notes: string[] = [];
  #bytesPerMs = FIRST_BYTES_PER_MS;
  #saveFailed = false;

  constructor(options: LongContextOptions) {
    this.#options = options;
    this.sequence = options.sequence;
    this.base = options.base;
    this.#identity = options.identity;
  }

  /** From now on states are kept there; undefined: nowhere. */
  useSnapshots(folder: SnapshotFolder | undefined): void {
    if (folder === undefined) this.#store = undefined;
    else if (folder.dir !== this.#store?.dir || folder.quotaBytes !== this.#store.quotaBytes) {
      this.#store = new SnapshotStore(folder);
      this.#saveFailed = false;
    }
  }

  get hasSnapshots(): boolean {
    return this.#store !== undefined;
  }

  /** Sets damaged snapshots aside, with a note for each. */
  async tidySnapshots(): Promise<void> {
    this.#notes.push(...((await this.#store?.tidy()) ?? []));
  }

  /** Says up to which length the state is worth keeping when another token list needs the sequence. */
  worthKeeping(length: number): void {
    this.#worth = length;
  }

  takeNotes(): string[] {
    const notes = this.#notes;
    this.#notes = [];
    return notes;
  }

  /**
   * Longest beginning of the target that needs no evaluation, and where it is. Changes nothing.
   * @param folder Where to look for snapshots; default: where they are kept now.
   */
  async reachOf(
    target: readonly Token[],
    folder?: SnapshotFolder,
  ): Promise<{ tokens: number; where: "memory" | "snapshot" | "nowhere" }> {
    const store = folder === undefined ? this.#store : new SnapshotStore(folder);
    const inMemory = this.sequence.reachable(target);
    const onDisk = (await store?.longest(this.#identity, target)) ?? 0;
    if (onDisk > inMemory) return { tokens: onDisk, where: "snapshot" };
    return { tokens: inMemory, where: inMemory > 0 ? "memory" : "nowhere" };
  }

  /**
   * Brings the state to the best beginning of the target. Needs the lease. What would be lost and is worth its disk space
   * is saved first. A snapshot that fails is a note, never an error.
   */
  async reach(target: readonly Token[]): Promise<Start> {
    const { sequence } = this;
    if (sequence.commonPrefix(target) === sequence.length && !(await this.#diskHasMore(target, sequence.length))) {
      return { reusedTokens: sequence.length };
    }
    const inMemory = sequence.reachable(target);
    const restore = await this.#diskHasMore(target, inMemory);
    await this.#park(restore ? 0 : inMemory);
    const restored = restore ? await this.#restore(target) : undefined;
    const reusedTokens = await sequence.align(target);
    this.#worth = Math.min(this.#worth, reusedTokens);
    if (restored !== undefined) this.#worth = reusedTokens;
    return { reusedTokens, restored };
  }

  /**
   * Makes sure that the state can be come back to after what follows it: by a checkpoint; where the quota has no room for
   * one, from disk; where there is no disk, by one of a few checkpoints beyond the quota. What would cost less to
   * evaluate again than to save is left as it is. Needs the lease.
   */
  async secureEnd(): Promise<void> {
    const { sequence } = this;
    if (sequence.length === 0 || (await sequence.takeCheckpoint())) return;
    const tokens = sequence.tokens();
    // What one more token, whatever it is, would leave.
    const inMemory = sequence.reachableIfDiverging();
    const onDisk = (await this.#store?.longest(this.#identity, tokens)) ?? 0;
    if (!pays(tokens.length - Math.max(inMemory, onDisk), tokens.length)) return;
    if (this.#store !== undefined && !this.#saveFailed && (await this.save(this.#kindOf(tokens))) !== undefined) return;
    await sequence.takeCheckpoint(CHECKPOINTS_BEYOND_QUOTA * this.#options.recurrentStateBytes);
  }

  /** True if exactly these tokens are on disk. */
  async isSaved(tokens: readonly Token[]): Promise<boolean> {
    return (await this.#store?.has(this.#identity, tokens)) ?? false;
  }

  /**
   * Saves the state as it is. Needs the lease.
   * @returns Undefined if it was not saved; the reason is then a note.
   */
  async save(kind: SnapshotKind): Promise<Saved | undefined> {
    const store = this.#store;
    if (store === undefined) return undefined;
    const tokens = this.sequence.tokens();
    const begin = performance.now();
    try {
      const expected = this.stateBytes(tokens.length);
      const write = (file: string) => this.sequence.save(file);
      const { bytes } = await store.save(this.#identity, kind, tokens, expected, write, this.#pinned());
      const ms = performance.now() - begin;
      this.#bytesPerMs = bytes / Math.max(1, ms);
      this.#saveFailed = false;
      return { tokens: tokens.length, bytes, ms };
    } catch (error) {
      // One message, not one per attempt: the cause stays until someone makes room.
      if (!this.#saveFailed) {
        this.#notes.push(
          `What was read could not be saved in ${store.dir} (${text(error)}). ` +
            "It stays in memory; after a restart it is read again.",
        );
      }
      this.#saveFailed = true;
      return undefined;
    }
  }

  /**
   * Removes the half-read base of exactly these tokens: a longer one took its place. A whole base with these tokens stays,
   * it is another branch's. What cannot be removed goes when room is needed.
   */
  async forgetPartial(tokens: readonly Token[]): Promise<void> {
    const store = this.#store;
    if (store === undefined) return;
    const id = snapshotId(this.#identity, hashTokens(tokens), tokens.length);
    try {
      const { kind } = await new SnapshotFiles(store.dir).header(id);
      if (kind === "partial") await store.remove(id);
    } catch (error) {
      if (!isMissing(error)) this.#notes.push(`An outdated saved state in ${store.dir} stays: ${text(error)}.`);
    }
  }

  /**
   * @param unsavedTokens Tokens evaluated since the last save.
   * @param unsavedMs Time that took.
   * @returns True if saving now costs little of the time that a kill would lose.
   */
  saveIsDue(unsavedTokens: number, unsavedMs: number): boolean {
    if (this.#store === undefined || this.#saveFailed) return false;
    const { saveEveryTokens } = this.#options;
    if (saveEveryTokens !== undefined) return unsavedTokens >= saveEveryTokens;
    if (this.sequence.length < MIN_SNAPSHOT_TOKENS) return false;
    const saveMs = this.stateBytes(this.sequence.length) / this.#bytesPerMs;
    return unsavedMs >= Math.max(MIN_SAVE_INTERVAL_MS, saveMs / SAVE_SHARE);
  }

  /** A state of so many tokens takes no more on disk, bytes. */
  stateBytes(tokens: number): number {
    const { recurrentStateBytes, kvBytesPerToken } = this.#options;
    return STATE_OVERHEAD_BYTES + recurrentStateBytes + tokens * (kvBytesPerToken + TOKEN_OVERHEAD_BYTES);
  }

  /** Whether a snapshot saves so much more than the memory has that loading it pays. */
  async #diskHasMore(target: readonly Token[], inMemory: number): Promise<boolean> {
    if (this.#store === undefined || !pays(target.length - inMemory, target.length)) return false;
    const onDisk = await this.#store.longest(this.#identity, target);
    return pays(onDisk - inMemory, onDisk);
  }

  /** @param kept Length of the state that stays in memory. */
  async #park(kept: number): Promise<void> {
    const { sequence } = this;
    const store = this.#store;
    const worth = Math.min(this.#worth, sequence.length);
    if (store === undefined || this.#saveFailed || !pays(worth - kept, worth)) return;
    // Only what is worth keeping: what came after it would make the snapshot a beginning of nothing.
    if (worth < sequence.length) await sequence.align(sequence.tokens().slice(0, worth));
    const tokens = sequence.tokens();
    const onDisk = await store.longest(this.#identity, tokens);
    if (!pays(tokens.length - Math.max(onDisk, kept), tokens.length)) return;
    await this.save(this.#kindOf(tokens));
  }

  async #restore(target: readonly Token[]): Promise<Saved | undefined> {
    const store = this.#store;
    if (store === undefined) return undefined;
    // Each damaged one is set aside and the next best is looked for; the number is a guard, not a policy.
    for (let attempt = 0; attempt < MAX_RESTORE_ATTEMPTS; attempt++) {
      const begin = performance.now();
      // Asked again each time: one that did not load has emptied the memory, and the next best may not pay.
      const inMemory = this.sequence.reachable(target);
      if (!(await this.#diskHasMore(target, inMemory))) return undefined;
      const found = await store.find(this.#identity, target, inMemory);
      if (found.kind === "none") return undefined;
      if (found.kind === "unusable") {
        this.#notes.push(found.reason);
        continue;
      }
      try {
        const fits = await this.sequence.restore(found.stateFile, target);
        const ms = performance.now() - begin;
        if (fits && this.sequence.length === found.tokens) return { tokens: found.tokens, bytes: found.bytes, ms };
        this.#notes.push(await store.reject(found.id, "It does not hold the tokens that its header names"));
      } catch (error) {
        this.#notes.push(await store.reject(found.id, `It could not be loaded (${text(error)})`));
      }
    }
    return undefined;
  }

  #kindOf(tokens: readonly Token[]): SnapshotKind {
    const { base } = this;
    const common = commonLength(tokens, base.tokens);
    if (common === base.tokens.length) return tokens.length === common ? "base" : "conversation";
    return "partial";
  }

  /** The base that serves must be there when its state is needed again. */
  #pinned(): string[] {
    const { tokens } = this.base;
    return [snapshotId(this.#identity, hashTokens(tokens), tokens.length)];
  }
}

/**
 * Written beside the state: ids, positions and sequences of the tokens (measured: 28 bytes a token and 240 for the file).
 * Rather more than less, since the quota counts on it before the file is there.
 */
const TOKEN_OVERHEAD_BYTES = 32;
const STATE_OVERHEAD_BYTES = 1024;

const MAX_RESTORE_ATTEMPTS = 8;

/** @returns True if so many tokens saved are worth moving a state of this length to or from the disk. */
export function pays(tokensSaved: number, stateTokens: number): boolean {
  return tokensSaved >= MIN_GAIN_TOKENS && tokensSaved * LOAD_GAIN >= stateTokens;
}

function commonLength(a: readonly Token[], b: readonly Token[]): number {
  const limit = Math.min(a.length, b.length);
  let index = 0;
  while (index < limit && a[index] === b[index]) index++;
  return index;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
