// Says how long to wait before the model is asked: by how fast the user types, where, and how fast the model answers.
import type { Clock } from "../codebase/clock.ts";
import type { CompletionPlace } from "./place.ts";

/** Whoever pauses longer than this has stopped typing; the pause says nothing about the rhythm, milliseconds. */
const LONGEST_INTERVAL_MS = 1000;
/** Taken until there is a rhythm: about 60 words a minute, milliseconds. */
const FIRST_INTERVAL_MS = 200;
/** Weight of the newest measurement in the running means. */
const WEIGHT = 0.2;

/** Asking while the next key is on its way is of no use, milliseconds. */
const LEAST_MS = 10;
/** A wait that can be felt, milliseconds; two of the products with the best reputation wait 75 to 125. */
const MOST_MS = 250;

/**
 * Intervals to wait, by what stands before the cursor: whoever has just opened a line, a bracket or a member looks for what
 * comes next; whoever is inside a word, or has just ended a statement, types on.
 */
const AFTER_OPENING = 0.5;
const AFTER_SPACE = 0.8;
const INSIDE_WORD = 1.2;
const AFTER_END = 1.6;

export class Debounce {
  readonly #clock: Clock;
  #lastTypedMs: number | undefined;
  #intervalMs = FIRST_INTERVAL_MS;
  #latencyMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Mean time between two keys, milliseconds. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** A document changed. */
  typed(): void {
    const now = this.#clock.now();
    const interval = now - (this.#lastTypedMs ?? Number.NEGATIVE_INFINITY);
    this.#lastTypedMs = now;
    if (interval <= LONGEST_INTERVAL_MS) this.#intervalMs = mean(this.#intervalMs, interval);
  }

  /** @param latencyMs From asking the model to its answer, milliseconds. */
  answered(latencyMs: number): void {
    this.#latencyMs = this.#latencyMs === 0 ? latencyMs : mean(this.#latencyMs, latencyMs);
  }

  /**
   * The answer should be there when the user would notice that it is not: what the model needs is taken off the wait.
   * @returns Milliseconds from the last key.
   */
  waitMs({ lineBefore }: Pick<CompletionPlace, "lineBefore">): number {
    const wait = this.#intervalMs * intervalsAt(lineBefore) - this.#latencyMs;
    return Math.round(Math.min(MOST_MS, Math.max(LEAST_MS, wait)));
  }
}

function intervalsAt(lineBefore: string): number {
  if (lineBefore.trim() === "" || /[([{.:=>,]\s*$/.test(lineBefore)) return AFTER_OPENING;
  if (/[;})\]]\s*$/.test(lineBefore)) return AFTER_END;
  return /\s$/.test(lineBefore) ? AFTER_SPACE : INSIDE_WORD;
}

function mean(before: number, now: number): number {
  return before + WEIGHT * (now - before);
}
