// Words for the status, for reading progress and for figures, wherever they are shown; pure text, no VS Code.
import * as l10n from "@vscode/l10n";
import { formatBytes } from "../../server/src/protocol/formatBytes.ts";
import type {
  BaseStatus,
  EmbeddingStatus,
  EngineState,
  Figures,
  HoldReason,
  IndexStatus,
  OverlayStatus,
  ReadingProgress,
  Status,
} from "../../server/src/protocol/messages.ts";
import { type CompletionState, restFact, restWords } from "./completionState.ts";

/** Icons are the ids of VS Code's own icon set. */
const BAR_ICON: Record<EngineState, string> = {
  noModel: "circle-slash",
  untrusted: "workspace-untrusted",
  starting: "loading~spin",
  loading: "loading~spin",
  reading: "book",
  ready: "sparkle",
  restarting: "sync~spin",
  failed: "error",
};

/** Shown wherever the demo model answers. */
export function demoNotice(): string {
  return l10n.t(
    "The demo model only shows the mechanics; its answers are not useful. Fathom: Get Model… installs a real one.",
  );
}

/**
 * Text of the status bar item, with icon and, while reading, per cent and the time that is left.
 * @param completions Switched off, they are named where they could be there otherwise.
 */
export function barText(status: Status, completions: CompletionState): string {
  const { icon, text } = barParts(status);
  const named = status.model?.demo ? l10n.t("{0} (demo)", text) : text;
  const rest = isCalm(status) ? restWords(completions) : undefined;
  return `$(${icon}) ${rest === undefined ? named : `${named}, ${rest}`}`;
}

/** The model is there and works. */
function isCalm({ state }: Status): boolean {
  return state === "reading" || state === "ready";
}

function barParts(status: Status): { icon: string; text: string } {
  const { state, hold, reading } = status;
  const done = reading && percent(reading);
  const held = hold && isCalm(status) ? heldBarText(hold, done) : undefined;
  if (held !== undefined) return { icon: "debug-pause", text: held };
  const icon = BAR_ICON[state];
  if (reading === undefined || done === undefined) return { icon, text: barWords(state) };
  const left = timeLeft(reading);
  const withTime = (text: string) => (left === undefined ? text : `${text}, ${left}`);
  if (reading.purpose === "compaction" && isCalm(status)) {
    return { icon: "layers", text: withTime(l10n.t("Fathom: compacting {0} %", done)) };
  }
  if (state === "reading") return { icon, text: withTime(l10n.t("Fathom: reading {0} %", done)) };
  return { icon, text: barWords(state) };
}

function barWords(state: EngineState): string {
  const words: Record<EngineState, string> = {
    noModel: l10n.t("Fathom: no model"),
    untrusted: l10n.t("Fathom: restricted"),
    starting: "Fathom",
    loading: l10n.t("Fathom: loading"),
    reading: l10n.t("Fathom: reading"),
    ready: "Fathom",
    restarting: l10n.t("Fathom: restarting"),
    failed: l10n.t("Fathom: stopped"),
  };
  return words[state];
}

/**
 * @param done Per cent, if anything is being read.
 * @returns Undefined while the user types: that is no reason to be named in the bar, it would come and go with every word.
 */
function heldBarText(hold: HoldReason, done: number | undefined): string | undefined {
  if (hold === "typing") return undefined;
  if (hold === "user") return done === undefined ? l10n.t("Fathom: paused") : l10n.t("Fathom: paused at {0} %", done);
  return done === undefined
    ? l10n.t("Fathom: paused: on battery")
    : l10n.t("Fathom: paused: on battery at {0} %", done);
}

/** Why reading waits, as a sentence that begins small: it stands after a name. */
export function holdSentence(hold: HoldReason): string {
  const sentences: Record<HoldReason, string> = {
    user: l10n.t("reading is paused; Resume Reading goes on."),
    battery: l10n.t("reading waits while the computer runs on battery."),
    typing: l10n.t("reading waits while you type."),
  };
  return sentences[hold];
}

/** The same in a line of other facts. */
function holdWords(hold: HoldReason): string {
  const words: Record<HoldReason, string> = {
    user: l10n.t("reading is paused"),
    battery: l10n.t("reading waits while the computer runs on battery"),
    typing: l10n.t("reading waits while you type"),
  };
  return words[hold];
}

/** One line without icons: model, state, how much is read. */
export function stateLine(status: Status): string {
  const parts = [status.model?.name];
  if (status.reading) parts.push(readingLine(status.reading, status.hold));
  if (status.hold) parts.push(holdWords(status.hold));
  if (status.reading || status.hold) return joined(parts);
  if (status.state !== "ready") parts.push(status.message);
  else if (status.base) parts.push(l10n.t("{0} read", baseText(status.base)));
  else parts.push(l10n.t("ready"));
  if (status.overlay) parts.push(l10n.t("{0} since", changedFiles(status.overlay)));
  return joined(parts);
}

/** The first line of the tooltip; while reading, with the figures. */
export function headline(status: Status): string {
  return status.reading ? readingLine(status.reading, status.hold) : status.message;
}

/** Facts for the tooltip, in the order in which they are shown. */
export function statusFacts(status: Status, completions: CompletionState): { name: string; text: string }[] {
  const facts: { name: string; text: string }[] = [];
  const { model, base, overlay, index, hold, lastCompletion } = status;
  const rest = restFact(completions);
  if (model) {
    const text = l10n.t("{0}, {1}, KV cache {2}", model.name, model.gpu, model.kvType);
    facts.push({ name: l10n.t("Model"), text });
    facts.push({ name: l10n.t("Context"), text: l10n.t("{0} tokens", count(model.contextTokens)) });
  }
  if (base) facts.push({ name: l10n.t("Read"), text: baseLine(base) });
  if (overlay) facts.push({ name: l10n.t("Changed since"), text: overlayLine(overlay) });
  if (index) facts.push({ name: l10n.t("Search"), text: indexLine(index) });
  if (index?.embedding) facts.push({ name: l10n.t("Embedding model"), text: embeddingLine(index.embedding) });
  if (hold) facts.push({ name: l10n.t("Waiting"), text: holdSentence(hold) });
  if (rest !== undefined) facts.push({ name: l10n.t("Completions"), text: rest });
  if (lastCompletion) facts.push({ name: l10n.t("Last completion"), text: completionLine(lastCompletion) });
  if (status.engineRestarts > 0) {
    facts.push({ name: l10n.t("Engine restarts"), text: count(status.engineRestarts) });
  }
  return facts;
}

/**
 * How far reading is: `reading 12,000 of 80,000 tokens, 31 of 212 files, 15 %, 900 tokens/s, 2 min left`.
 * @param hold Why it waits: then there is neither speed nor end.
 */
export function readingLine(reading: ReadingProgress, hold?: HoldReason): string {
  const line = readingWords(reading, hold);
  return reading.purpose === "compaction" ? l10n.t("compaction: {0}", line) : line;
}

function readingWords(reading: ReadingProgress, hold: HoldReason | undefined): string {
  const [doneFiles, totalFiles] = [count(reading.doneFiles), count(reading.totalFiles)];
  // The files are looked through first; how many tokens there will be is not known before.
  if (reading.totalTokens === 0) return l10n.t("looking through {0} of {1} files", doneFiles, totalFiles);
  const [done, total] = [count(reading.doneTokens), count(reading.totalTokens)];
  const files = l10n.t("{0} of {1} files", doneFiles, totalFiles);
  const share = `${percent(reading)} %`;
  if (hold !== undefined) return [l10n.t("{0} of {1} tokens read", done, total), files, share].join(", ");
  const parts = [phaseWords(reading.phase, done, total), files, share];
  const left = timeLeft(reading);
  if (reading.tokensPerSecond > 0) parts.push(l10n.t("{0} tokens/s", count(reading.tokensPerSecond)));
  if (left !== undefined) parts.push(left);
  return parts.join(", ");
}

function phaseWords(phase: ReadingProgress["phase"], done: string, total: string): string {
  const words: Record<typeof phase, string> = {
    tokenize: l10n.t("counting {0} of {1} tokens", done, total),
    restore: l10n.t("restoring {0} of {1} tokens", done, total),
    prefill: l10n.t("reading {0} of {1} tokens", done, total),
    save: l10n.t("saving {0} of {1} tokens", done, total),
  };
  return words[phase];
}

/** Tokens and times of one piece of work in one line. */
export function figuresLine(figures: Figures): string {
  const { generatedTokens, decodeMs, promptTokens, reusedTokens, firstTokenMs, totalMs } = figures;
  const parts = [
    generatedTokens === 1
      ? l10n.t("1 token in {0}", seconds(totalMs))
      : l10n.t("{0} tokens in {1}", count(generatedTokens), seconds(totalMs)),
  ];
  if (generatedTokens > 0 && decodeMs > 0) parts.push(l10n.t("{0} tokens/s", rate(generatedTokens, decodeMs)));
  if (generatedTokens > 0) parts.push(l10n.t("first after {0}", seconds(firstTokenMs)));
  parts.push(
    reusedTokens > 0
      ? l10n.t("prompt {0} tokens ({1} reused)", count(promptTokens), count(reusedTokens))
      : l10n.t("prompt {0} tokens", count(promptTokens)),
  );
  return parts.join(" · ");
}

/** Said of an answer that the user stopped; of other early ends the server says why in its notice. */
export function stoppedNote(): string {
  return l10n.t("It was stopped; the text so far is kept.");
}

/**
 * Makes text show as it is in Markdown: model names and messages must not become links to commands.
 * CommonMark 2.4: any ASCII punctuation may be escaped. VS Code's own `appendText` breaks lines inside words.
 */
export function escapeMarkdown(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[!-/:-@[-`{-~]/g, "\\$&");
}

/** A whole number with separators: `12,345`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Bytes for people, as everywhere; the one word among the units is translated. */
export function size(bytes: number): string {
  return bytes < 1024 ? l10n.t("{0} bytes", bytes) : formatBytes(bytes);
}

/** Milliseconds for people: `80 ms`, `0.4 s`, `12 s`, `3 min 5 s`. */
export function seconds(ms: number): string {
  if (ms < 99.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A time of this day, as the display language writes it: `14:30`. */
export function clockTime(ms: number): string {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function percent(reading: ReadingProgress): number {
  if (reading.totalTokens <= 0) return 0;
  return Math.min(100, Math.floor((100 * reading.doneTokens) / reading.totalTokens));
}

function rate(tokens: number, ms: number): string {
  const perSecond = (tokens * 1000) / ms;
  return perSecond < 10 ? perSecond.toFixed(1) : count(perSecond);
}

/** In steps that do not flicker: whole minutes, below one minute tens of seconds. */
function timeLeft({ secondsLeft }: ReadingProgress): string | undefined {
  if (secondsLeft === undefined || !Number.isFinite(secondsLeft)) return undefined;
  if (secondsLeft < 5) return l10n.t("a moment left");
  if (secondsLeft < 55) return l10n.t("{0} s left", Math.ceil(secondsLeft / 10) * 10);
  const minutes = Math.max(1, Math.round(secondsLeft / 60));
  return minutes < 60
    ? l10n.t("{0} min left", minutes)
    : l10n.t("{0} h {1} min left", Math.floor(minutes / 60), minutes % 60);
}

/** `1 outline`, `7 outlines` */
export function outlineCount(outlines: number): string {
  return outlines === 1 ? l10n.t("1 outline") : l10n.t("{0} outlines", count(outlines));
}

function baseText({ tokens, files, outlines }: BaseStatus): string {
  const whole = files === 1 ? l10n.t("1 file") : l10n.t("{0} files", count(files));
  return outlines > 0
    ? l10n.t("{0} tokens of {1} and {2}", count(tokens), whole, outlineCount(outlines))
    : l10n.t("{0} tokens of {1}", count(tokens), whole);
}

function baseLine(base: BaseStatus): string {
  const origins: Record<BaseStatus["origin"], string> = {
    memory: l10n.t("kept in memory"),
    snapshot: l10n.t("restored from disk"),
    computed: l10n.t("read now"),
  };
  const read = `${baseText(base)}, ${origins[base.origin]}`;
  // Excluded by rules, or there by its path only: the number does not tell, the context map does.
  return base.leftOut > 0 ? l10n.t("{0}; {1} not read", read, count(base.leftOut)) : read;
}

function changedFiles({ files }: OverlayStatus): string {
  return files === 1 ? l10n.t("1 changed file") : l10n.t("{0} changed files", count(files));
}

function overlayLine(overlay: OverlayStatus): string {
  const [changed, tokens] = [changedFiles(overlay), count(overlay.tokens)];
  if (overlay.onlyNamed === 0) return l10n.t("{0}, {1} tokens", changed, tokens);
  const named = count(overlay.onlyNamed);
  return l10n.t("{0}, {1} tokens; {2} more only named, for want of room", changed, tokens, named);
}

function embeddingLine({ model, chunks, totalChunks, inUse, problem }: EmbeddingStatus): string {
  if (problem !== undefined) return problem;
  const [made, total] = [count(chunks), count(totalChunks)];
  return inUse
    ? l10n.t("{0} of {1} chunks have a vector of {2}", made, total, model)
    : l10n.t("{0} of {1} chunks have a vector of {2}; the bundled embedder is used meanwhile", made, total, model);
}

/** Over the search: says so while it can find only a part. */
export function searchTitle(index: IndexStatus | undefined): string {
  if (index?.phase !== "indexing" || index.files >= index.totalFiles) return l10n.t("Search Codebase");
  return l10n.t("Search Codebase ({0})", indexLine(index));
}

function indexLine({ phase, files, totalFiles, chunks, bytes }: IndexStatus): string {
  if (phase === "off") return l10n.t("off, see the log");
  if (phase === "indexing") return l10n.t("indexing, {0} of {1} files so far", count(files), count(totalFiles));
  const [found, pieces] = [count(files), count(chunks)];
  if (bytes === undefined) return l10n.t("{0} files in {1} chunks", found, pieces);
  if (bytes === 0) return l10n.t("{0} files in {1} chunks, in memory", found, pieces);
  return l10n.t("{0} files in {1} chunks, {2} on disk", found, pieces, size(bytes));
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(" · ");
}

function completionLine(last: NonNullable<Status["lastCompletion"]>): string {
  return last.figures ? `${last.reason}; ${figuresLine(last.figures)}` : last.reason;
}
