// Keeps the totals of the completion statistics in a small file between sessions; a broken file is begun anew.
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import writeFileAtomic from "write-file-atomic";
import type { Clock } from "../codebase/clock.ts";
import { makeFolder } from "../makeFolder.ts";
import type { CompletionCounts } from "../protocol/completionMessages.ts";
import { noCounts, noTotals, type Totals } from "./statistics.ts";

/** Counts change with every key; a loss of so many milliseconds of them does not matter. */
const WRITE_EVERY_MS = 30_000;
/** No user writes in more languages; a file with more was not written by us. */
const MAX_LANGUAGES = 500;

/** Several windows write into one file: each adds what it has counted since it wrote last to what is there then. */
export class TotalsFile {
  readonly #file: string;
  readonly #clock: Clock;
  /** What was in the file when it was read or written last. */
  #inFile: Totals;
  /** What was counted since. */
  #counted = noTotals();
  /** What is in the file does not count any more. */
  #isReset = false;
  #cancel: (() => void) | undefined;
  #written: Promise<void> = Promise.resolve();

  /** Never throws: without a usable file the totals begin now. */
  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
    this.#inFile = parseTotals(contentOf(file)) ?? noTotals();
  }

  get current(): Totals {
    return sumOf(this.#inFile, this.#counted);
  }

  /** Counts, and writes that a little later. */
  add(languageId: string, what: keyof CompletionCounts, amount: number): void {
    this.#counted[what] += amount;
    const { byLanguage } = this.#counted;
    if (!Object.hasOwn(byLanguage, languageId)) byLanguage[languageId] = noCounts();
    byLanguage[languageId]![what] += amount;
    this.#writeLater();
  }

  /** Begins anew, for all windows. */
  reset(): void {
    this.#inFile = noTotals();
    this.#counted = noTotals();
    this.#isReset = true;
    this.#writeLater();
  }

  /** Writes what is not written yet, and waits for what is being written. */
  async flush(): Promise<void> {
    if (this.#cancel !== undefined) {
      this.#cancel();
      this.#cancel = undefined;
      this.#written = this.#written.then(() => this.#save());
    }
    await this.#written;
  }

  #writeLater(): void {
    this.#cancel ??= this.#clock.after(WRITE_EVERY_MS, () => void this.flush());
  }

  /** A full disk loses counts and nothing else, so it is no failure. Two windows seldom write in the same milliseconds. */
  async #save(): Promise<void> {
    const [counted, isReset] = [this.#counted, this.#isReset];
    const before = isReset ? this.#inFile : (parseTotals(contentOf(this.#file)) ?? this.#inFile);
    this.#inFile = sumOf(before, counted);
    this.#counted = noTotals();
    this.#isReset = false;
    try {
      await makeFolder(dirname(this.#file));
      await writeFileAtomic(this.#file, JSON.stringify(this.#inFile));
    } catch {
      // The next write has the same counts and more, unless they have been reset meanwhile.
      if (this.#isReset) return;
      this.#inFile = before;
      this.#counted = sumOf(counted, this.#counted);
      this.#isReset = isReset;
    }
  }
}

/** @returns Of both, with the date of the first. */
function sumOf(totals: Totals, more: Totals): Totals {
  const languages = new Set([...Object.keys(totals.byLanguage), ...Object.keys(more.byLanguage)]);
  const byLanguage = [...languages].map((languageId) => {
    const of = ({ byLanguage }: Totals) =>
      Object.hasOwn(byLanguage, languageId) ? byLanguage[languageId]! : noCounts();
    return [languageId, sumOfCounts(of(totals), of(more))] as const;
  });
  return { ...sumOfCounts(totals, more), since: totals.since, byLanguage: Object.fromEntries(byLanguage) };
}

function sumOfCounts(counts: CompletionCounts, more: CompletionCounts): CompletionCounts {
  const sum = noCounts();
  for (const key of Object.keys(sum) as (keyof CompletionCounts)[]) sum[key] = counts[key] + more[key];
  return sum;
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
