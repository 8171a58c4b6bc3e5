// Counts how well inline completions do: what was shown, taken and kept, how fast, at what cost. Keeps no text, sends nothing.
import { randomUUID } from "node:crypto";
import type { Figures } from "../../../engine/src/api.ts";
import type { Clock } from "../codebase/clock.ts";
import type { CompletionCounts, CompletionRecord, CompletionStatistics } from "../protocol/completionMessages.ts";
import type { Source } from "./completer.ts";
import { KeptText } from "./keptText.ts";
import { type Cursor, cursorsAfterTyping, isOneKey, restOf, type Suggestion, suggestionAt } from "./typingThrough.ts";

/** A text that was visible for less cannot have been read; Cody and Copilot count from the same time, milliseconds. */
const SHOWN_AFTER_MS = 750;
/** When an accepted text is looked at again, milliseconds. */
const KEPT_AFTER_MS = [30_000, 300_000] as const;
/** Answers that latencies and medians are taken from. */
const MAX_SAMPLES = 1000;
/** Answers that are listed one by one. */
const MAX_RECENT = 100;

/** How a request was answered. */
export interface Answered {
  languageId: string;
  source: Source;
  /** Why nothing was shown. */
  reason?: string;
  latencyMs: number;
  /** Absent where no model was asked for it. */
  figures?: Figures;
}

/** What the editor may show now. */
export interface Offer extends Cursor {
  uri: string;
  languageId: string;
  text: string;
}

export interface StatisticsOptions {
  clock: Clock;
  /** Where the totals are kept between sessions. */
  totals: {
    readonly current: Totals;
    add(languageId: string, what: keyof CompletionCounts, amount: number): void;
    reset(): void;
  };
}

export type Totals = CompletionStatistics["total"];

interface Offered {
  id: string;
  uri: string;
  languageId: string;
  /** As it was offered first; the same suggestion is offered again and again while the user types through it. */
  suggestion: Suggestion;
  /** The most characters of it that were ever typed or taken in part: what is undone and taken again counts once. */
  taken: number;
  isShown: boolean;
  /** What was offered last: where it would begin, and its text. */
  start: number;
  rest: string;
}

export class Statistics {
  readonly #options: StatisticsOptions;
  readonly #kept: KeptText;
  readonly #session = noCounts();
  readonly #latencies: number[] = [];
  readonly #evaluatedByKey: number[] = [];
  readonly #stops: number[] = [];
  readonly #bySource: CompletionStatistics["session"]["bySource"] = {};
  #recent: CompletionRecord[] = [];
  /** Documents whose opening was told. */
  readonly #open = new Set<string>();
  #offered: Offered | undefined;
  #stopWaiting = () => {};
  #evaluatedSinceKey = 0;
  #wasAskedSinceKey = false;

  constructor(options: StatisticsOptions) {
    this.#options = options;
    this.#kept = new KeptText({
      clock: options.clock,
      afterMs: KEPT_AFTER_MS,
      onMeasured: (languageId, afterMs, share) => {
        const isFirst = afterMs === KEPT_AFTER_MS[0];
        this.#count(languageId, isFirst ? "measured30s" : "measured5min", 1);
        this.#count(languageId, isFirst ? "kept30s" : "kept5min", share);
      },
    });
  }

  answered({ languageId, source, reason, latencyMs, figures }: Answered): void {
    this.#count(languageId, "answered", 1);
    this.#bySource[source] = (this.#bySource[source] ?? 0) + 1;
    push(this.#latencies, latencyMs, MAX_SAMPLES);
    this.#wasAskedSinceKey = true;
    // A text that was on its way already was counted when it was made.
    const { firstTokenMs = 0, promptTokens = 0, evaluatedTokens = 0, generatedTokens = 0 } = figures ?? {};
    const cost = { firstTokenMs, promptTokens, evaluatedTokens, generatedTokens };
    const at = new Date().toISOString();
    const nothing = reason === undefined ? {} : { reason };
    this.#recent = [{ at, languageId, source, ...nothing, latencyMs, ...cost }, ...this.#recent].slice(0, MAX_RECENT);
  }

  /**
   * The model has evaluated so many tokens for a completion, whether somebody still wanted it or not.
   * @param stopMs How long it went on after nobody did.
   */
  worked(languageId: string, tokens: number, stopMs: number | undefined): void {
    this.#count(languageId, "evaluatedTokens", tokens);
    this.#evaluatedSinceKey += tokens;
    if (stopMs !== undefined) push(this.#stops, stopMs, MAX_SAMPLES);
  }

  /** @returns Names the offer when it is {@link accepted}. */
  offered(offer: Offer): string {
    const { uri, languageId, text, textBefore } = offer;
    const id = randomUUID();
    const last = this.#offered;
    const isSame = last?.uri === uri && restOf(last.suggestion, offer) === text;
    const begun = isSame ? last : { suggestion: suggestionAt(offer, text), taken: 0, isShown: false };
    this.#dismiss();
    const offered: Offered = { ...begun, id, uri, languageId, start: textBefore.length, rest: text };
    this.#offered = offered;
    this.#count(languageId, "offered", 1);
    this.#stopWaiting = this.#options.clock.after(SHOWN_AFTER_MS, () => this.#show(offered));
    return id;
  }

  /** A document changed by typing, taking or anything else; undefined: it was closed. */
  changed(uri: string, languageId: string, text: string | undefined): void {
    this.#kept.changed(uri, text);
    if (text === undefined) this.#open.delete(uri);
    if (text === undefined || this.#isOpening(uri)) return;
    this.#count(languageId, "keystrokes", 1);
    if (this.#wasAskedSinceKey) push(this.#evaluatedByKey, this.#evaluatedSinceKey, MAX_SAMPLES);
    this.#evaluatedSinceKey = 0;
    this.#wasAskedSinceKey = false;
    if (this.#offered?.uri === uri) this.#follow(this.#offered, text);
  }

  /**
   * The user took the whole offer.
   * @param textOf The document of an uri with it; undefined: it is closed already.
   */
  accepted(id: string, textOf: (uri: string) => string | undefined): void {
    const offered = this.#offered;
    if (offered?.id !== id) return;
    const { uri, languageId, suggestion, taken, start, rest } = offered;
    this.#show(offered);
    this.#count(languageId, "accepted", 1);
    this.#count(languageId, "acceptedCharacters", suggestion.text.length - taken);
    const text = textOf(uri);
    if (text !== undefined) this.#kept.accepted(uri, languageId, text, start, rest);
    this.#dismiss();
  }

  get current(): CompletionStatistics {
    const percentiles = {
      latencyMsP50: percentile(this.#latencies, 0.5),
      latencyMsP95: percentile(this.#latencies, 0.95),
      evaluatedTokensP50: percentile(this.#evaluatedByKey, 0.5),
      stopMsP95: percentile(this.#stops, 0.95),
    };
    return {
      session: { ...this.#session, ...percentiles, bySource: { ...this.#bySource } },
      total: this.#options.totals.current,
      recent: this.#recent,
    };
  }

  /** Begins anew, with this session too. */
  reset(): void {
    Object.assign(this.#session, noCounts());
    for (const samples of [this.#latencies, this.#evaluatedByKey, this.#stops]) samples.length = 0;
    for (const source of Object.keys(this.#bySource) as Source[]) delete this.#bySource[source];
    this.#recent = [];
    this.#options.totals.reset();
  }

  dispose(): void {
    this.#dismiss();
    this.#kept.dispose();
  }

  /** The first that is heard of a document is that it was opened; that is no key. */
  #isOpening(uri: string): boolean {
    const isNew = !this.#open.has(uri);
    this.#open.add(uri);
    return isNew;
  }

  /** Typed through, taken in part, or gone. */
  #follow(offered: Offered, text: string): void {
    const { suggestion, languageId } = offered;
    const at = suggestion.start + suggestion.before.length;
    const textBefore = text.slice(0, at);
    // `after` may be a part of what followed; what is compared is only how much was inserted.
    const textAfter = text.slice(text.length - suggestion.afterLength);
    const cursors = cursorsAfterTyping({ path: suggestion.path, textBefore, textAfter }, text, suggestion.text);
    const cursor = cursors.find((guess) => restOf(suggestion, guess) !== undefined);
    if (cursor === undefined) {
      this.#dismiss();
      return;
    }
    const taken = cursor.textBefore.length - at;
    // The whole of it is taken by the editor's command, which is told by itself.
    if (taken >= suggestion.text.length) return;
    const piece = suggestion.text.slice(offered.taken, taken);
    offered.taken = Math.max(offered.taken, taken);
    // An indentation after Enter is one key too; a longer text that is suggested was taken in part.
    if (isOneKey(piece.trim())) return;
    this.#show(offered);
    const isLine = piece.includes("\n") || suggestion.text[taken] === "\n";
    this.#count(languageId, isLine ? "acceptedLines" : "acceptedWords", 1);
    this.#count(languageId, "acceptedCharacters", piece.length);
  }

  #show(offered: Offered): void {
    if (offered.isShown) return;
    offered.isShown = true;
    this.#count(offered.languageId, "shown", 1);
  }

  #dismiss(): void {
    this.#stopWaiting();
    this.#offered = undefined;
  }

  #count(languageId: string, what: keyof CompletionCounts, amount: number): void {
    this.#session[what] += amount;
    this.#options.totals.add(languageId, what, amount);
  }
}

export function noCounts(): CompletionCounts {
  return {
    keystrokes: 0,
    answered: 0,
    offered: 0,
    shown: 0,
    accepted: 0,
    acceptedWords: 0,
    acceptedLines: 0,
    acceptedCharacters: 0,
    evaluatedTokens: 0,
    measured30s: 0,
    kept30s: 0,
    measured5min: 0,
    kept5min: 0,
  };
}

export function noTotals(): Totals {
  return { ...noCounts(), since: new Date().toISOString(), byLanguage: {} };
}

/** @param share 0 to 1. @returns The nearest-rank percentile; 0 of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function push(samples: number[], value: number, most: number): void {
  samples.push(value);
  if (samples.length > most) samples.shift();
}
