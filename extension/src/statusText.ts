// Words for the status, for reading progress and for figures, wherever they are shown; pure text, no VS Code.
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

/** Shown wherever the demo model answers. */
export const DEMO_NOTICE =
  "The demo model only shows the mechanics; its answers are not useful. Fathom: Get Model… installs a real one.";

/** Icons are the ids of VS Code's own icon set. */
const BAR: Record<EngineState, { icon: string; text: string }> = {
  noModel: { icon: "circle-slash", text: "Fathom: no model" },
  untrusted: { icon: "workspace-untrusted", text: "Fathom: restricted" },
  starting: { icon: "loading~spin", text: "Fathom" },
  loading: { icon: "loading~spin", text: "Fathom: loading" },
  reading: { icon: "book", text: "Fathom: reading" },
  ready: { icon: "sparkle", text: "Fathom" },
  restarting: { icon: "sync~spin", text: "Fathom: restarting" },
  failed: { icon: "error", text: "Fathom: stopped" },
};

const PHASE: Record<ReadingProgress["phase"], string> = {
  tokenize: "counting",
  restore: "restoring",
  prefill: "reading",
  save: "saving",
};

const ORIGIN: Record<BaseStatus["origin"], string> = {
  memory: "kept in memory",
  snapshot: "restored from disk",
  computed: "read now",
};

/** For the status bar; typing is no reason to be named there, it would come and go with every word. */
const HOLD_BAR: Record<HoldReason, string | undefined> = {
  user: "paused",
  battery: "paused: on battery",
  typing: undefined,
};

const HOLD: Record<HoldReason, string> = {
  user: "reading is paused; Resume Reading goes on.",
  battery: "reading waits while the computer runs on battery.",
  typing: "reading waits while you type.",
};

/** Text of the status bar item, with icon and, while reading, per cent and the time that is left. */
export function barText(status: Status): string {
  const demo = status.model?.demo ? " (demo)" : "";
  const { icon, text } = BAR[status.state];
  const isCalm = status.state === "reading" || status.state === "ready";
  const hold = status.hold && isCalm ? HOLD_BAR[status.hold] : undefined;
  const done = status.reading ? ` ${percent(status.reading)} %` : "";
  if (hold !== undefined) return `$(debug-pause) Fathom: ${hold}${done && ` at${done}`}${demo}`;
  if (status.reading === undefined) return `$(${icon}) ${text}${demo}`;
  const left = timeLeft(status.reading);
  const progress = `${done}${left === undefined ? "" : `, ${left}`}${demo}`;
  if (status.reading.purpose === "compaction" && isCalm) return `$(layers) Fathom: compacting${progress}`;
  return status.state === "reading" ? `$(${icon}) ${text}${progress}` : `$(${icon}) ${text}${demo}`;
}

/** Why reading waits, as a sentence that begins small: it stands after a name. */
export function holdSentence(hold: HoldReason): string {
  return HOLD[hold];
}

/** One line without icons: model, state, how much is read. */
export function stateLine(status: Status): string {
  const parts = [status.model?.name];
  if (status.reading) parts.push(readingLine(status.reading, status.hold));
  if (status.hold) parts.push(HOLD[status.hold].replace(/[;.].*$/, ""));
  if (status.reading || status.hold) return joined(parts);
  if (status.state !== "ready") parts.push(status.message);
  else if (status.base) parts.push(baseText(status.base, "read"));
  else parts.push("ready");
  if (status.overlay) parts.push(`${changedFiles(status.overlay)} since`);
  return joined(parts);
}

/** The first line of the tooltip; while reading, with the figures. */
export function headline(status: Status): string {
  return status.reading ? readingLine(status.reading, status.hold) : status.message;
}

/** Facts for the tooltip, in the order in which they are shown. */
export function statusFacts(status: Status): { name: string; text: string }[] {
  const facts: { name: string; text: string }[] = [];
  const { model, base, overlay, index, hold, lastCompletion } = status;
  if (model) facts.push({ name: "Model", text: `${model.name}, ${model.gpu}, KV cache ${model.kvType}` });
  if (model) facts.push({ name: "Context", text: `${count(model.contextTokens)} tokens` });
  if (base) facts.push({ name: "Read", text: baseLine(base) });
  if (overlay) facts.push({ name: "Changed since", text: overlayLine(overlay) });
  if (index) facts.push({ name: "Search", text: indexLine(index) });
  if (index?.embedding) facts.push({ name: "Embedding model", text: embeddingLine(index.embedding) });
  if (hold) facts.push({ name: "Waiting", text: HOLD[hold] });
  if (lastCompletion) facts.push({ name: "Last completion", text: completionLine(lastCompletion) });
  if (status.engineRestarts > 0) facts.push({ name: "Engine restarts", text: count(status.engineRestarts) });
  return facts;
}

/**
 * How far reading is: `reading 12,000 of 80,000 tokens, 31 of 212 files, 15 %, 900 tokens/s, 2 min left`.
 * @param hold Why it waits: then there is neither speed nor end.
 */
export function readingLine(reading: ReadingProgress, hold?: HoldReason): string {
  const what = reading.purpose === "compaction" ? "compaction: " : "";
  const files = `${count(reading.doneFiles)} of ${count(reading.totalFiles)} files`;
  // The files are looked through first; how many tokens there will be is not known before.
  if (reading.totalTokens === 0) return `${what}looking through ${files}`;
  const tokens = `${count(reading.doneTokens)} of ${count(reading.totalTokens)} tokens`;
  const parts = [
    hold === undefined ? `${what}${PHASE[reading.phase]} ${tokens}` : `${what}${tokens} read`,
    files,
    `${percent(reading)} %`,
  ];
  if (hold !== undefined) return parts.join(", ");
  const left = timeLeft(reading);
  if (reading.tokensPerSecond > 0) parts.push(`${count(reading.tokensPerSecond)} tokens/s`);
  if (left !== undefined) parts.push(left);
  return parts.join(", ");
}

/** Tokens and times of one piece of work in one line. */
export function figuresLine(figures: Figures): string {
  const { generatedTokens, decodeMs, promptTokens, reusedTokens, firstTokenMs, totalMs } = figures;
  const parts = [`${count(generatedTokens)} ${generatedTokens === 1 ? "token" : "tokens"} in ${seconds(totalMs)}`];
  if (generatedTokens > 0 && decodeMs > 0) parts.push(`${rate(generatedTokens, decodeMs)} tokens/s`);
  if (generatedTokens > 0) parts.push(`first after ${seconds(firstTokenMs)}`);
  const reused = reusedTokens > 0 ? ` (${count(reusedTokens)} reused)` : "";
  parts.push(`prompt ${count(promptTokens)} tokens${reused}`);
  return parts.join(" · ");
}

/** Said of an answer that the user stopped; of other early ends the server says why in its notice. */
export const STOPPED_NOTE = "It was stopped; the text so far is kept.";

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

/** Bytes for people: `870 MB`, `2.7 GB`; decimal units, as download pages use them. */
export function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)} MB`;
  return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
}

/** Milliseconds for people: `80 ms`, `0.4 s`, `12 s`, `3 min 5 s`. */
export function seconds(ms: number): string {
  if (ms < 99.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
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
  if (secondsLeft < 5) return "a moment left";
  if (secondsLeft < 55) return `${Math.ceil(secondsLeft / 10) * 10} s left`;
  const minutes = Math.max(1, Math.round(secondsLeft / 60));
  return minutes < 60 ? `${minutes} min left` : `${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}

function baseText({ tokens, files, outlines }: BaseStatus, verb: string): string {
  const outlined = outlines > 0 ? ` and ${count(outlines)} ${outlines === 1 ? "outline" : "outlines"}` : "";
  return `${count(tokens)} tokens of ${count(files)} ${files === 1 ? "file" : "files"}${outlined} ${verb}`.trimEnd();
}

function baseLine(base: BaseStatus): string {
  const leftOut = base.leftOut > 0 ? `, ${count(base.leftOut)} left out` : "";
  return `${baseText(base, "")}${leftOut}, ${ORIGIN[base.origin]}`;
}

function changedFiles({ files }: OverlayStatus): string {
  return `${count(files)} changed ${files === 1 ? "file" : "files"}`;
}

function overlayLine(overlay: OverlayStatus): string {
  const named = overlay.onlyNamed > 0 ? `; ${count(overlay.onlyNamed)} more only named, for want of room` : "";
  return `${changedFiles(overlay)}, ${count(overlay.tokens)} tokens${named}`;
}

function embeddingLine({ model, chunks, totalChunks, inUse, problem }: EmbeddingStatus): string {
  if (problem !== undefined) return problem;
  const made = `${count(chunks)} of ${count(totalChunks)} chunks have a vector of ${model}`;
  return inUse ? made : `${made}; the bundled embedder is used meanwhile`;
}

/** Over the search: says so while it can find only a part. */
export function searchTitle(index: IndexStatus | undefined): string {
  if (index?.phase !== "indexing" || index.files >= index.totalFiles) return "Search Codebase";
  return `Search Codebase (${indexLine(index)})`;
}

function indexLine({ phase, files, totalFiles, chunks, bytes }: IndexStatus): string {
  if (phase === "off") return "off, see the log";
  if (phase === "indexing") return `indexing, ${count(files)} of ${count(totalFiles)} files so far`;
  const kept = bytes === undefined ? "" : bytes === 0 ? ", in memory" : `, ${size(bytes)} on disk`;
  return `${count(files)} files in ${count(chunks)} chunks${kept}`;
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(" · ");
}

function completionLine(last: NonNullable<Status["lastCompletion"]>): string {
  return last.figures ? `${last.reason}; ${figuresLine(last.figures)}` : last.reason;
}
