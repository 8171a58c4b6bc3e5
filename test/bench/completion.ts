// Bench "completion": replays typists in the real server on the real engine, idle and while a base is read: speed, reuse, cancelling.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { CancellationTokenSource } from "vscode-languageserver-protocol/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import {
  type CompletionRecord,
  type CompletionStatistics,
  CompletionStatisticsRequest,
} from "../../server/src/protocol/completionMessages.ts";
import { PrefillRequest } from "../../server/src/protocol/messages.ts";
import type { Session } from "../lsp/session.ts";
import { type Bench, type Figures, positiveInteger } from "./measuring.ts";
import { ServerRun } from "./serverRun.ts";
import { type Stroke, type Typing, typingOf } from "./typist.ts";

const DEFAULT_SESSIONS = 10;
const DEFAULT_KEYS = 200;
const DEFAULT_SEED = 20261126;
/** Sources shorter than this have no prompt of 4K tokens. */
const LEAST_CHARS = 9000;
/** So often the answers are taken down, since the server lists only the newest. */
const STROKES_BETWEEN_RECORDS = 60;
/** Keys of a suggestion that are typed and taken back, to see what typing through costs. */
const TYPED_THROUGH_KEYS = 4;
/** Long enough for the guess after a suggestion to be made, so that it is not taken for the cost of the keys. */
const GUESS_MS = 2500;
const KEY_MS = 120;
/** Tokens of the base that is read during the second replay: longer than the replay lasts. */
const BASE_FILES = 1200;
const CONTEXT_TOKENS = 262_144;

export const completionBench: Bench = {
  summary:
    "replays typing: time to the first token, tokens evaluated per key, reuse, cancelling, and the same while reading",
  options: {
    sessions: `typists (default: ${DEFAULT_SESSIONS})`,
    keys: `keys of each at least (default: ${DEFAULT_KEYS})`,
    seed: `of slips, pauses and places (default: ${DEFAULT_SEED})`,
  },
  async run(values, report) {
    const sessions = positiveInteger(values, "sessions") ?? DEFAULT_SESSIONS;
    const keys = positiveInteger(values, "keys") ?? DEFAULT_KEYS;
    const seed = positiveInteger(values, "seed") ?? DEFAULT_SEED;
    const sources = sourcesOf(sessions);
    const typings = sources.map((source, index) => typingOf(source, seed + index, keys));
    const idle = await replay(typings, false, report);
    const reading = await replay(typings, true, report);
    return figuresOf(sessions, idle, reading);
  },
};

/** What one replay gave. */
interface Replay {
  strokes: number;
  statistics: CompletionStatistics;
  records: CompletionRecord[];
  typedThrough: { keys: number; tokens: number };
}

function figuresOf(sessions: number, idle: Replay, reading: Replay): Figures {
  const asked = idle.records.filter(({ promptTokens }) => promptTokens > 0);
  const { session } = idle.statistics;
  const fromCache = (session.bySource.cache ?? 0) + (session.bySource.typed ?? 0);
  const ttft = (records: CompletionRecord[]) => records.map(({ firstTokenMs }) => firstTokenMs).filter((ms) => ms > 0);
  const p95 = rank(ttft(idle.records), 0.95);
  return {
    sessions,
    keystrokes: session.keystrokes,
    answered: session.answered,
    ttftMsP50: rank(ttft(idle.records), 0.5),
    ttftMsP95: p95,
    latencyMsP50: Math.round(session.latencyMsP50),
    latencyMsP95: Math.round(session.latencyMsP95),
    evaluatedTokensPerKeystroke: session.evaluatedTokensP50,
    evaluatedTokensPerKeystrokeMean: Math.round(session.evaluatedTokens / session.keystrokes),
    promptTokens: rank(
      asked.map(({ promptTokens }) => promptTokens),
      0.5,
    ),
    cacheHitShare: session.answered === 0 ? 0 : Number((fromCache / session.answered).toFixed(3)),
    typedThroughKeys: idle.typedThrough.keys,
    typedThroughTokens: idle.typedThrough.tokens,
    cancelledWithinMs: Math.round(session.stopMsP95),
    underPrefillTtftMsP95: rank(ttft(reading.records), 0.95),
    underPrefillP95Ratio: p95 === 0 ? 0 : Number((rank(ttft(reading.records), 0.95) / p95).toFixed(2)),
  };
}

async function replay(typings: Typing[], whileReading: boolean, report: (line: string) => void): Promise<Replay> {
  const run = new ServerRun(whileReading ? BASE_FILES : 1, CONTEXT_TOKENS);
  await run.start();
  const reading = new CancellationTokenSource();
  try {
    // Begun and not awaited: it goes on behind the typing, and is stopped at the end.
    const read = whileReading
      ? run.session.connection.sendRequest(PrefillRequest.type, {}, reading.token).catch(() => undefined)
      : undefined;
    const records = new Map<string, CompletionRecord>();
    const typedThrough = { keys: 0, tokens: 0 };
    let strokes = 0;
    for (const [index, typing] of typings.entries()) {
      report(`${whileReading ? "while reading" : "idle"}: typist ${index + 1} of ${typings.length}`);
      const typist = new Typist(run.session, `src/typed${index}.ts`, typing.text);
      await typist.open();
      for (const [at, stroke] of typing.strokes.entries()) {
        await setTimeout(stroke.waitMs);
        await typist.press(stroke);
        strokes += 1;
        if (at % STROKES_BETWEEN_RECORDS === 0) await takeDown(run.session, records);
      }
      await typist.rest();
      if (!whileReading) await typist.typeThrough(typedThrough);
      await takeDown(run.session, records);
    }
    const statistics = await statisticsOf(run.session);
    reading.cancel();
    await read;
    return { strokes, statistics, records: [...records.values()], typedThrough };
  } finally {
    await run.end();
  }
}

async function takeDown(session: Session, records: Map<string, CompletionRecord>): Promise<void> {
  const { recent } = await statisticsOf(session);
  for (const record of recent) records.set(JSON.stringify(record), record);
}

function statisticsOf(session: Session): Promise<CompletionStatistics> {
  return session.connection.sendRequest(CompletionStatisticsRequest.type, {});
}

/** One document and what an editor sends about it: each change, the withdrawal of the request before, the next request. */
class Typist {
  readonly #session: Session;
  readonly #path: string;
  #document: TextDocument;
  #offset = 0;
  #withdraw = new CancellationTokenSource();
  #answer: Promise<string | undefined> = Promise.resolve(undefined);

  constructor(session: Session, path: string, text: string) {
    this.#session = session;
    this.#path = path;
    this.#document = TextDocument.create(session.uri(path), "typescript", 1, text);
  }

  open(): Promise<void> {
    return this.#session.open(this.#path, this.#document.getText());
  }

  async press(stroke: Stroke): Promise<void> {
    if (stroke.kind === "jump") this.#offset = stroke.offset;
    else if (stroke.kind === "backspace") await this.#replace(this.#offset - 1, this.#offset, "");
    else await this.#replace(this.#offset, this.#offset, stroke.text);
    this.#withdraw.cancel();
    this.#withdraw = new CancellationTokenSource();
    const position = this.#document.positionAt(this.#offset);
    this.#answer = this.#session
      .complete(this.#path, position, this.#withdraw.token)
      .then((items) => textOf(items?.[0]?.insertText))
      // Withdrawn.
      .catch(() => undefined);
  }

  async rest(): Promise<string | undefined> {
    return this.#answer;
  }

  /** Types the beginning of what is shown, and takes it back. */
  async typeThrough(count: { keys: number; tokens: number }): Promise<void> {
    const shown = await this.#answer;
    if (shown === undefined) return;
    await setTimeout(GUESS_MS);
    const before = await statisticsOf(this.#session);
    const characters = [...shown].slice(0, TYPED_THROUGH_KEYS).filter((character) => character !== "\n");
    for (const text of characters) {
      await this.press({ kind: "type", text, waitMs: KEY_MS });
      await this.#answer;
      count.keys += 1;
    }
    const after = await statisticsOf(this.#session);
    count.tokens += after.session.evaluatedTokens - before.session.evaluatedTokens;
    for (const _ of characters) await this.press({ kind: "backspace", waitMs: KEY_MS });
  }

  async #replace(start: number, end: number, text: string): Promise<void> {
    const range = { start: this.#document.positionAt(start), end: this.#document.positionAt(end) };
    const version = this.#document.version + 1;
    this.#document = TextDocument.update(this.#document, [{ range, text }], version);
    this.#offset = start + text.length;
    await this.#session.connection.sendNotification("textDocument/didChange", {
      textDocument: { uri: this.#session.uri(this.#path), version },
      contentChanges: [{ range, text }],
    });
  }
}

function textOf(insertText: string | { value: string } | undefined): string | undefined {
  return typeof insertText === "string" ? insertText : insertText?.value;
}

/** Real sources of this repository that are long enough, in the order of their names. */
function sourcesOf(count: number): string[] {
  const root = join(import.meta.dirname, "../..");
  const files = ["server/src", "engine/src", "extension/src"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const texts = files.sort().map((file) => readFileSync(file, "utf8"));
  const long = texts.filter((text) => text.length >= LEAST_CHARS);
  if (long.length === 0) throw new Error("No source is long enough to be typed.");
  return Array.from({ length: count }, (_, index) => long[index % long.length] as string);
}

/** The nearest rank, in whole milliseconds or tokens. */
function rank(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
}
