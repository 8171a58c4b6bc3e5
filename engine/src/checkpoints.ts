// The policy that says where checkpoints are taken; knows sizes and positions, not how a checkpoint is stored.

/** Re-reading this much is acceptable after a rewind; closer checkpoints would not pay for their memory. */
export const MIN_SPACING_TOKENS = 8192;

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
   * Spacing that spreads the affordable checkpoints evenly over a base: with an even grid, the expected
   * re-reading after a change at a random place is smallest.
   * @param totalTokens Length of the base.
   * @returns Tokens between two checkpoints.
   */
  spacing(totalTokens: number): number {
    if (this.#bytesEach === 0) return Number.POSITIVE_INFINITY;
    const affordable = Math.max(1, Math.floor(this.#quotaBytes / this.#bytesEach) - RESERVED_FOR_CHAT);
    return Math.max(MIN_SPACING_TOKENS, Math.ceil(totalTokens / affordable));
  }

  /** @returns True if one more checkpoint stays within the quota. The end of the base does not ask. */
  hasRoom(usedBytes: number): boolean {
    return usedBytes + this.#bytesEach <= this.#quotaBytes;
  }
}
