// Turns numbers, figures, places and rows into text for the terminal; pure, knows no streams and no colours.
import { formatBytes } from "../models/catalog.ts";
import type { Figures, Place, PrefillOutcome, ReadingProgress } from "../protocol/messages.ts";

/** Stands where there is nothing to say. */
const NOTHING = "–";
/** Between two columns. */
const GAP = "  ";

/** Reasons in a sentence; the rest has to be looked up. */
const MOST_REASONS = 3;

const PHASE: Record<ReadingProgress["phase"], string> = {
  tokenize: "counting tokens",
  restore: "restoring",
  prefill: "reading",
  save: "saving",
};

/** A whole number with separators: `12,345`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A number of things with the right word: `1 file`, `1,200 files`. */
export function counted(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? "" : "s"}`;
}

/** Milliseconds for people: `38 ms`, `0.4 s`, `12 s`, `3 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 99.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/**
 * Speed without a unit, or a dash when nothing was done or measured.
 * @param tokens Number of tokens.
 * @param ms Time they took, milliseconds.
 */
export function rate(tokens: number, ms: number): string {
  if (tokens <= 0 || ms <= 0) return NOTHING;
  const perSecond = (tokens * 1000) / ms;
  return perSecond < 9.95 ? perSecond.toFixed(1) : count(perSecond);
}

/** Tokens and times of one piece of work in one line. */
export function figuresLine(figures: Figures): string {
  const reused = figures.reusedTokens > 0 ? `, ${count(figures.reusedTokens)} reused` : "";
  const parts = [`prompt ${counted(figures.promptTokens, "token")}${reused}`];
  if (figures.evaluatedTokens > 0)
    parts.push(`${count(figures.evaluatedTokens)} evaluated${atRate(figures, "prefill")}`);
  if (figures.generatedTokens > 0) {
    parts.push(`${count(figures.generatedTokens)} written${atRate(figures, "decode")}`);
    parts.push(`first after ${duration(figures.firstTokenMs)}`);
  }
  parts.push(`${duration(figures.totalMs)} in all`);
  return parts.join(" · ");
}

/** What was read, from where, in how much time: one sentence. */
export function readingSentence(outcome: PrefillOutcome): string {
  const { figures, files, leftOut } = outcome;
  const amount = `${counted(files, "file")}, ${counted(figures.promptTokens, "token")}`;
  const left = leftOut.length > 0 ? ` ${leftOutSentence(leftOut)}` : "";
  if (outcome.cancelled) {
    const done = figures.reusedTokens + figures.evaluatedTokens;
    return `Reading was stopped after ${count(done)} of ${counted(figures.promptTokens, "token")}.`;
  }
  if (outcome.origin === "memory") return `Already read: ${amount}.${left}`;
  if (outcome.origin === "snapshot") {
    return `Restored from disk in ${duration(outcome.restoredMs ?? figures.totalMs)}: ${amount}.${left}`;
  }
  const speed = figures.prefillMs > 0 ? `, ${rate(figures.evaluatedTokens, figures.prefillMs)} tokens/s` : "";
  return `Read in ${duration(figures.totalMs)}: ${amount}${speed}.${left}`;
}

/** How many files were left out, with the reasons that most of them share. */
export function leftOutSentence(leftOut: PrefillOutcome["leftOut"]): string {
  const byReason = new Map<string, number>();
  for (const { reason } of leftOut) byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
  const sorted = [...byReason].sort(([a, nA], [b, nB]) => nB - nA || (a < b ? -1 : 1));
  const named = sorted.slice(0, MOST_REASONS).map(([reason, n]) => `${reason}: ${count(n)}`);
  const more = sorted.length > named.length ? ["…"] : [];
  return `Left out: ${count(leftOut.length)} (${[...named, ...more].join("; ")}).`;
}

/** What was written to disk after reading; undefined if nothing was. */
export function savedSentence(outcome: PrefillOutcome): string | undefined {
  if (outcome.savedBytes === undefined) return undefined;
  return `Snapshot saved: ${formatBytes(outcome.savedBytes)} in ${duration(outcome.savedMs ?? 0)}.`;
}

/** How far reading is, without the share: `reading 1,200 of 8,000 tokens, 3 of 21 files, 900 tokens/s`. */
export function readingLine(reading: ReadingProgress): string {
  const tokens = `${count(reading.doneTokens)} of ${counted(reading.totalTokens, "token")}`;
  const parts = [reading.totalTokens > 0 ? `${PHASE[reading.phase]} ${tokens}` : PHASE[reading.phase]];
  if (reading.totalFiles > 0) parts.push(`${count(reading.doneFiles)} of ${counted(reading.totalFiles, "file")}`);
  if (reading.tokensPerSecond > 0) parts.push(`${count(reading.tokensPerSecond)} tokens/s`);
  return parts.join(", ");
}

/** `path:3` with the 1-based first line, as editors and terminals open it. */
export function placeLabel(place: Pick<Place, "path" | "startLine">): string {
  return `${place.path}:${place.startLine + 1}`;
}

/**
 * Lays rows out in columns as wide as their longest cell; the last cell of a row is not padded.
 * @param rows Cells; rows may differ in length.
 * @param rightAligned Numbers of the columns that are aligned to the right, from 0.
 */
export function columns(rows: readonly (readonly string[])[], rightAligned: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return rows.map((row) => {
    const cells = row.map((cell, index) => {
      const width = widths[index] ?? 0;
      return rightAligned.includes(index) ? cell.padStart(width) : cell.padEnd(width);
    });
    return cells.join(GAP).trimEnd();
  });
}

/** Cuts a text to a width in characters, with a mark where something is missing. */
export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Breaks a text at spaces so that no line is longer than `width` characters, where a word allows it. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/**
 * Makes text from files and models harmless for a terminal: control characters, which could move the cursor, rename the
 * window or answer in the user's name, are replaced; line ends and tabs stay.
 */
export function printable(text: string): string {
  let result = "";
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const isControl = (code < 0x20 && char !== "\n" && char !== "\t") || (code >= 0x7f && code < 0xa0);
    if (char === "\r") continue;
    result += isControl ? "\uFFFD" : char;
  }
  return result;
}

function atRate(figures: Figures, phase: "prefill" | "decode"): string {
  const [tokens, ms] =
    phase === "prefill" ? [figures.evaluatedTokens, figures.prefillMs] : [figures.generatedTokens, figures.decodeMs];
  return ms > 0 ? ` at ${rate(tokens, ms)} tokens/s` : "";
}
