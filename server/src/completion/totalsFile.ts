// Keeps the totals of the completion statistics in a small file between sessions; a broken file is begun anew.
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import writeFileAtomic from "write-file-atomic";
import type { Clock } from "../codebase/clock.ts";
import type { CompletionCounts } from "../protocol/completionMessages.ts";
import { noCounts, noTotals, type Totals } from "./statistics.ts";

/** Counts change with every key; a loss of so many milliseconds of them does not matter. */
const WRITE_EVERY_MS = 30_000;
/** No user writes in more languages; a file with more was not written by us. */
const MAX_LANGUAGES = 500;

export class TotalsFile {
  readonly #file: string;
  readonly #clock: Clock;
  #totals: Totals;
  #cancel: (() => void) | undefined;
  #written: Promise<void> = Promise.resolve();

  /** Never throws: without a usable file the totals begin now. */
  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
    this.#totals = parseTotals(contentOf(file)) ?? noTotals();
  }

  read(): Totals {
    return this.#totals;
  }

  /** Remembers the totals, and writes them a little later. */
  write(totals: Totals): void {
    this.#totals = totals;
    this.#cancel ??= this.#clock.after(WRITE_EVERY_MS, () => void this.flush());
  }

  /** Writes what is not written yet, and waits for what is being written. */
  async flush(): Promise<void> {
    if (this.#cancel !== undefined) {
      this.#cancel();
      this.#cancel = undefined;
      const content = JSON.stringify(this.#totals);
      this.#written = this.#written.then(() => this.#save(content));
    }
    await this.#written;
  }

  /** A full disk loses counts and nothing else, so it is no failure. */
  async #save(content: string): Promise<void> {
    try {
      await mkdir(dirname(this.#file), { recursive: true });
      await writeFileAtomic(this.#file, content);
    } catch {
      // The next write has the same counts and more.
    }
  }
}

/** Read at once: the server starts with it, and it is small. */
function contentOf(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // There is none yet, or none that can be used.
    return undefined;
  }
}

/** @returns Undefined if it is not what {@link TotalsFile} writes. */
function parseTotals(content: unknown): Totals | undefined {
  const counts = parseCounts(content);
  if (counts === undefined) return undefined;
  const { since, byLanguage } = content as { since?: unknown; byLanguage?: unknown };
  if (typeof since !== "string" || Number.isNaN(Date.parse(since))) return undefined;
  if (typeof byLanguage !== "object" || byLanguage === null) return undefined;
  const languages: Totals["byLanguage"] = {};
  for (const [languageId, value] of Object.entries(byLanguage).slice(0, MAX_LANGUAGES)) {
    const own = parseCounts(value);
    if (own !== undefined) languages[languageId] = own;
  }
  return { ...counts, since, byLanguage: languages };
}

function parseCounts(content: unknown): CompletionCounts | undefined {
  if (typeof content !== "object" || content === null) return undefined;
  const source = content as Record<string, unknown>;
  const counts = noCounts();
  for (const key of Object.keys(counts) as (keyof CompletionCounts)[]) {
    const value = source[key];
    // A count of a later version is 0 in an older file.
    if (value === undefined) continue;
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) return undefined;
    counts[key] = value;
  }
  return counts;
}
