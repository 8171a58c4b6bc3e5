// The policy that says where checkpoints are taken; knows sizes and positions, not how a checkpoint is stored.

/** Re-reading this much is acceptable after a rewind; closer checkpoints would not pay for their memory. */
export const MIN_SPACING_TOKENS = 2048;

/** Share of the base after which checkpoints stand closer: the files changed most recently. */
const DENSE_FROM = 0.75;

/** Checkpoints kept free for chat turns, which branch from the end of the base. */
const RESERVED_FOR_CHAT = 8;

/** Kept in the completion context: ends of the stable part of the last prompts. */
export const COMPLETION_CHECKPOINTS = 8;

/**
 * The runtime drops its oldest checkpoint past this count. The oldest of the long sequence can be the end of the
 * base, the dearest of all, so its count is never reached: the byte quota below says no earlier.
 */
export const UNREACHED_COUNT = 100_000;

/** Checkpoint positions in the long sequence under a quota of bytes. */
export class CheckpointPolicy {
  readonly #quotaBytes: number;
  readonly #bytesEach: number;

  /**
   * @param quotaBytes Host memory for checkpoints.
   * @param bytesEach Size of one; 0 for models that rewind without checkpoints.
   */
  constructor(quotaBytes: number, bytesEach: number) {
    this.#quotaBytes = quotaBytes;
    this.#bytesEach = bytesEach;
  }

  /**
   * Where checkpoints are taken while a base is read: at ends of files, so that a changed file can be read again from its
   * beginning. A change makes everything after it be read again whatever is done; what a checkpoint decides is the gap
   * between it and the change. The files stand least recently changed first, and what changed lately changes next, so
   * the gaps shrink toward the end: half of the checkpoints cover the last quarter.
   *
   * Compare Marconi (arXiv 2411.19379): it admits a checkpoint where prefixes are likely to branch and evicts by recency
   * and computation saved per byte. Taken from it: admission at likely branch points (ends of files, end of the base, end
   * of a question) instead of every so many tokens. Not taken: eviction. All checkpoints of a base have the same size and
   * one owner, so the positions are chosen at once to fit the quota, and nothing has to go later.
   * @param fileEnds Ascending lengths of the base at the ends of its files, tokens.
   * @param totalTokens Length of the base.
   * @returns Ascending lengths, some of `fileEnds`.
   */
  positions(fileEnds: readonly number[], totalTokens: number): number[] {
    if (this.#bytesEach === 0) return [];
    const affordable = Math.max(1, Math.floor(this.#quotaBytes / this.#bytesEach) - RESERVED_FOR_CHAT);
    const sparse = Math.max(MIN_SPACING_TOKENS, Math.ceil((2 * DENSE_FROM * totalTokens) / affordable));
    const dense = Math.max(MIN_SPACING_TOKENS, Math.ceil((2 * (1 - DENSE_FROM) * totalTokens) / affordable));
    const positions: number[] = [];
    let last = 0;
    for (const end of fileEnds) {
      const spacing = end > DENSE_FROM * totalTokens ? dense : sparse;
      if (end - last < spacing) continue;
      positions.push(end);
      last = end;
    }
    return positions;
  }

  /** @returns True if one more checkpoint stays within the quota. The end of the base does not ask. */
  hasRoom(usedBytes: number): boolean {
    return usedBytes + this.#bytesEach <= this.#quotaBytes;
  }
}
