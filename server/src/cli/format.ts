// Turns numbers, figures, places and rows into text for the terminal; pure, knows no streams and no colours.
import { formatBytes } from "../protocol/formatBytes.ts";
import type { Figures, Place, PrefillOutcome, ReadingProgress } from "../protocol/messages.ts";

/** Stands where there is nothing to say. */
const NOTHING = "–";
/** Between two columns. */
const GAP = "  ";
/** Narrower text is unreadable, characters. */
const MIN_TEXT = 24;

/** Parts of a character that a bar can end with, from an eighth on. */
const EIGHTHS = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"];

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** Reasons in a sentence; the rest has to be looked up. */
const MOST_REASONS = 3;

/** Reading itself is what the title says. */
const PHASE: Record<ReadingProgress["phase"], string> = {
  tokenize: "counting tokens",
  restore: "restoring",
  prefill: "",
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

/** How long ago something was, in one unit: `12 s`, `5 min`, `3 h`, `12 days`; a dash for what is no date. */
export function age(date: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(date)) / 1000);
  if (Number.isNaN(seconds)) return NOTHING;
  if (seconds < MINUTE_S) return `${Math.max(0, seconds)} s`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)} min`;
  if (seconds < DAY_S) return `${Math.floor(seconds / HOUR_S)} h`;
  return counted(Math.floor(seconds / DAY_S), "day");
}

/** Time that is left, in steps that do not flicker: whole minutes, below one minute tens of seconds. */
export function timeLeft(seconds: number): string {
  if (seconds < 5) return "a moment left";
  if (seconds < 55) return `${Math.ceil(seconds / 10) * 10} s left`;
  const minutes = Math.max(1, Math.round(seconds / MINUTE_S));
  return minutes < 60 ? `${minutes} min left` : `${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}

/** A share as a bar in eighths of a character, padded to the width; what is not nothing is seen. */
export function shareBar(share: number, width: number): string {
  const wanted = Math.round(Math.min(1, Math.max(0, share || 0)) * width * 8);
  const eighths = share > 0 ? Math.max(1, wanted) : 0;
  return ("█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[(eighths % 8) - 1] ?? "")).padEnd(width);
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
  const { figures, files, outlines, leftOut } = outcome;
  const outlined = outlines > 0 ? ` and ${counted(outlines, "outline")}` : "";
  const amount = `${counted(files, "file")}${outlined}, ${counted(figures.promptTokens, "token")}`;
  const left = leftOut.length > 0 ? ` ${leftOutSentence(leftOut)}` : "";
  if (outcome.cancelled) {
    if (figures.promptTokens === 0) return "Reading was stopped before it began.";
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

/**
 * What the model does not know when no file at all fits into its context; undefined if one does.
 * @param contextTokens Length of the context.
 */
export function emptyContextSentence(outcome: PrefillOutcome, contextTokens: number): string | undefined {
  const { files, outlines, leftOut } = outcome;
  if (files + outlines > 0 || leftOut.length === 0) return undefined;
  const context = `the model's context of ${counted(contextTokens, "token")}`;
  return `No file is in ${context} (${reasonsText(leftOut)}): the answer knows at most the places above.`;
}

/** How many files were left out, with the reasons that most of them share. */
export function leftOutSentence(leftOut: PrefillOutcome["leftOut"]): string {
  return `Left out: ${count(leftOut.length)} (${reasonsText(leftOut)}).`;
}

/** The reasons that most of these files share, most frequent first: `binary: 3; ignored by .gitignore: 1`. */
export function reasonsText(files: readonly { reason: string }[]): string {
  const byReason = new Map<string, number>();
  for (const { reason } of files) byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
  const sorted = [...byReason].sort(([a, nA], [b, nB]) => nB - nA || (a < b ? -1 : 1));
  const named = sorted.slice(0, MOST_REASONS).map(([reason, n]) => `${oneLine(reason)}: ${count(n)}`);
  const more = sorted.length > named.length ? ["…"] : [];
  return [...named, ...more].join("; ");
}

/** What was written to disk after reading; undefined if nothing was. */
export function savedSentence(outcome: PrefillOutcome): string | undefined {
  if (outcome.savedBytes === undefined) return undefined;
  return `Snapshot saved: ${formatBytes(outcome.savedBytes)} in ${duration(outcome.savedMs ?? 0)}.`;
}

/** What a reading that was stopped leaves for the next one. */
export function goesOnSentence({ savedTokens }: PrefillOutcome): string {
  if (savedTokens === 0) return "Nothing was saved; the next reading begins anew.";
  return `${counted(savedTokens, "token")} are on disk; the next reading goes on behind them.`;
}

/** How far reading is, what matters most first: `1,200 of 8,000 tokens, 10 s left, 3 of 21 files, 900 tokens/s`. */
export function readingLine(reading: ReadingProgress): string {
  const { phase, doneTokens, totalTokens, doneFiles, totalFiles, secondsLeft, tokensPerSecond } = reading;
  const tokens = `${count(doneTokens)} of ${counted(totalTokens, "token")}`;
  const parts = [totalTokens > 0 ? `${PHASE[phase]} ${tokens}`.trimStart() : PHASE[phase]];
  const isUnderWay = phase === "prefill" && doneTokens < totalTokens;
  if (isUnderWay && secondsLeft !== undefined) parts.push(timeLeft(secondsLeft));
  if (totalFiles > 0) parts.push(`${count(doneFiles)} of ${counted(totalFiles, "file")}`);
  if (tokensPerSecond > 0) parts.push(`${count(tokensPerSecond)} tokens/s`);
  return parts.filter((part) => part !== "").join(", ");
}

/** How far loading is, out of the server's sentence: `Loading NAME: 40 %.` */
export function loadingOf(sentence: string): { share: number; words: string } {
  const match = /^Loading (?<name>.+?)(?:: (?<percent>\d+) %)?\.$/.exec(sentence);
  return { share: Number(match?.groups?.percent ?? 0) / 100, words: match?.groups?.name ?? sentence };
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
 * Text after a label, broken so that all its lines begin below the first.
 * @param label Stands before the first line, with the space after it.
 * @param text Its own line ends are kept.
 * @param width Characters in a line, the label's included; on a very narrow terminal the text gets {@link MIN_TEXT}.
 */
export function hanging(label: string, text: string, width: number): string[] {
  const indent = " ".repeat(label.length);
  const lines = text.split("\n").flatMap((part) => wrap(part, Math.max(MIN_TEXT, width - label.length)));
  return lines.map((line, index) => (index === 0 ? label : indent) + line);
}

/** Makes a name or a reason harmless and keeps it in its line. */
export function oneLine(text: string): string {
  return printable(text).replace(/[\n\t]/g, "\uFFFD");
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
