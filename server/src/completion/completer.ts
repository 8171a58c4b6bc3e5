// Gets the text for a cursor in the cheapest way there is: what was said before, what is being said, else the model.
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { Figures } from "../../../engine/src/api.ts";
import type { Clock } from "../codebase/clock.ts";
import type { CachedRest, CompletionCache } from "./completionCache.ts";
import type { Debounce } from "./debounce.ts";
import { type CompletionPlace, inLf, placeBetween } from "./place.ts";
import { type Outcome, type Prepared, RunningCompletion, type RunOptions } from "./runningCompletion.ts";
import { type Cursor, cursorsAfterTyping, restOf, suggestionAt } from "./typingThrough.ts";

/** An editor may withdraw a request for a new one that the same text answers; so long is waited for that, milliseconds. */
const ADOPTION_MS = 250;

/** Whoever types on at once does not look at what is shown; until then the machine is left alone, milliseconds. */
const SPECULATE_AFTER_MS = 300;
/** With a model that needs longer for a completion, guessing the next one would only heat the machine, milliseconds. */
const SPECULATE_BELOW_MS = 1500;

/** How often the model is asked for one request, because the user typed something else than it was saying. */
const MAX_ATTEMPTS = 3;

export interface Ask {
  place: CompletionPlace;
  document: TextDocument;
  /** The user asked by hand: no waiting. */
  explicit: boolean;
  /** What is left of an earlier text was of no use here. */
  notFromTyping?: true;
}

/** "model": asked for this; "running": asked a little earlier; "speculative": guessed before; "cache", "typed": no model. */
export type Source = "model" | "running" | "speculative" | "cache" | "typed";

export type Answer =
  | { kind: "said"; text: string; source: Source; figures?: Figures }
  /** The user went on. */
  | { kind: "superseded" };

export interface CompleterOptions {
  engine: RunOptions["engine"];
  clock: Clock;
  cache: CompletionCache;
  debounce: Debounce;
  /** What to ask the model. @param background Nobody waits for it yet. */
  prepare: (ask: Ask, background: boolean, signal: AbortSignal) => Promise<Prepared>;
  /** False where a guess costs more than it is worth, e.g. on battery. */
  maySpeculate: () => boolean;
  /**
   * The model has worked for this, whether somebody still wants it or not.
   * @param stopMs How long it went on after nobody did.
   */
  onWorked: (ask: Ask, figures: Figures, stopMs: number | undefined) => void;
}

/** One request of the client. */
interface Turn {
  /** Aborted by the next request. */
  newer: AbortController;
  /** Aborted by the next request, and when the client withdraws this one. */
  ended: AbortSignal;
}

interface Tracked {
  run: RunningCompletion;
  uri: string;
  speculative: boolean;
  /** The user has typed what it says, so that the next request is likely to want it. */
  isFollowed: boolean;
}

export class Completer {
  readonly #options: CompleterOptions;
  #turn: Turn | undefined;
  #asked: Tracked | undefined;
  #guessed: Tracked | undefined;
  #cancelGuess = () => {};
  #lastChangeMs = Number.NEGATIVE_INFINITY;
  #lastRunMs = 0;

  constructor(options: CompleterOptions) {
    this.#options = options;
  }

  /**
   * @param signal The client's; when it aborts, what runs goes on only while the user types what it says.
   * @returns The text to insert, as the model said it, before any filter.
   * @throws What preparing or the engine throws.
   */
  async complete(ask: Ask, signal: AbortSignal): Promise<Answer> {
    const turn = this.#nextTurn(signal);
    const cached = this.#options.cache.find(ask.place);
    if (cached !== undefined && isOfUse(cached, ask)) {
      if (!this.#asked?.run.follows(ask.place)) this.#asked?.run.drop();
      return { kind: "said", text: cached.rest, source: cached.how === "exact" ? "cache" : "typed" };
    }
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !turn.ended.aborted; attempt++) {
      const said = await this.#attempt(ask, turn, attempt === 0);
      if (said !== undefined) return said;
    }
    return { kind: "superseded" };
  }

  /**
   * A document has changed: what runs for it goes on if the user typed what it says, and ends in this turn otherwise.
   * @param document As it is now.
   */
  changed(document: Pick<TextDocument, "uri" | "getText">): void {
    this.#lastChangeMs = this.#options.clock.now();
    this.#options.debounce.typed();
    this.#cancelGuess();
    const asked = this.#asked;
    if (asked === undefined || asked.uri !== document.uri || asked.run.isOver) return;
    const cursors = cursorsAfterTyping(asked.run.cursor, inLf(document.getText()), asked.run.text);
    const cursor = cursors.find((guess) => asked.run.follows(guess));
    asked.isFollowed = cursor !== undefined;
    if (cursor === undefined) asked.run.drop();
    else asked.run.follow(cursor);
  }

  /**
   * What is shown is often taken: the completion after it is made before anybody asks.
   * @param shown The text as the user sees it.
   */
  anticipate(ask: Ask, shown: string): void {
    const { clock, maySpeculate } = this.#options;
    if (this.#lastRunMs > SPECULATE_BELOW_MS || !maySpeculate()) return;
    this.#cancelGuess();
    this.#cancelGuess = clock.after(SPECULATE_AFTER_MS, () => this.#guess(ask, shown));
  }

  /** Ends everything and forgets what was said: another model would say something else. */
  forget(): void {
    this.#turn?.newer.abort();
    this.#cancelGuess();
    this.#dropAll();
    this.#options.cache.clear();
  }

  #nextTurn(signal: AbortSignal): Turn {
    this.#turn?.newer.abort();
    this.#cancelGuess();
    const newer = new AbortController();
    this.#turn = { newer, ended: AbortSignal.any([signal, newer.signal]) };
    return this.#turn;
  }

  /** @returns Undefined if the model has to be asked again. */
  async #attempt(ask: Ask, turn: Turn, isFirst: boolean): Promise<Answer | undefined> {
    const wanted = this.#joinable(ask.place);
    // A guess runs behind everything that somebody waits for. Where it has said nothing yet, asking anew costs nothing: what
    // was evaluated for it stays in the context.
    const isSilentGuess = wanted !== undefined && wanted === this.#guessed && wanted.run.text === "";
    const joined = isSilentGuess ? undefined : wanted;
    if (joined === undefined) {
      this.#dropAll();
      if (isFirst && !isSilentGuess && !ask.explicit) await this.#pause(ask.place, turn.ended);
      if (turn.ended.aborted) return { kind: "superseded" };
    }
    const tracked = joined ?? this.#start(ask, false);
    if (joined !== undefined && joined === this.#guessed) this.#adoptGuess(joined);
    tracked.run.follow(ask.place);
    const outcome = await untilAborted(tracked.run.outcome, turn.ended);
    if (outcome === undefined) {
      // A newer request has decided already what becomes of the run.
      if (!turn.newer.signal.aborted) this.#abandon(tracked);
      return { kind: "superseded" };
    }
    if (outcome.kind === "failed") throw outcome.error;
    if (outcome.kind === "dropped") return undefined;
    const text = restOf(suggestionAt(tracked.run.cursor, outcome.text), ask.place);
    if (text === undefined) return undefined;
    const source = joined === undefined ? "model" : joined.speculative ? "speculative" : "running";
    return { kind: "said", text, source, figures: outcome.figures };
  }

  /** Somebody waits for it now: it lives and ends with what is typed, like all that was asked for. */
  #adoptGuess(guess: Tracked): void {
    this.#asked?.run.drop();
    this.#asked = guess;
    this.#guessed = undefined;
  }

  #joinable(cursor: Cursor): Tracked | undefined {
    return [this.#asked, this.#guessed].find((tracked) => tracked?.run.isOver === false && tracked.run.follows(cursor));
  }

  #start(ask: Ask, speculative: boolean): Tracked {
    const { engine, clock, cache, debounce, prepare, onWorked } = this.#options;
    const begin = clock.now();
    const run = new RunningCompletion({
      engine,
      clock,
      cursor: ask.place,
      prepare: (signal) => prepare(ask, speculative, signal),
    });
    const tracked: Tracked = { run, uri: ask.document.uri, speculative, isFollowed: false };
    if (speculative) this.#guessed = tracked;
    else this.#asked = tracked;
    void run.outcome.then((outcome) => {
      if (outcome.kind !== "failed" && outcome.figures !== undefined) onWorked(ask, outcome.figures, run.stopMs);
      if (outcome.kind === "said") cache.put(ask.place, outcome.text);
      if (outcome.kind !== "said" || speculative) return;
      this.#lastRunMs = clock.now() - begin;
      debounce.answered(this.#lastRunMs);
    });
    return tracked;
  }

  /** Waits until the user has probably stopped, counted from the last key. */
  #pause(place: CompletionPlace, ended: AbortSignal): Promise<void> {
    const { clock, debounce } = this.#options;
    const waitMs = debounce.waitMs(place) - (clock.now() - this.#lastChangeMs);
    return new Promise((resolve) => {
      const cancel = waitMs > 0 ? clock.after(waitMs, resolve) : resolve();
      ended.addEventListener(
        "abort",
        () => {
          cancel?.();
          resolve();
        },
        { once: true },
      );
    });
  }

  /** Nobody waits for it any more; while the user types what it says, the next request will. */
  #abandon(tracked: Tracked): void {
    const turn = this.#turn;
    const dropUnlessAdopted = () => {
      if (this.#turn === turn) tracked.run.drop();
    };
    if (tracked.isFollowed) this.#options.clock.after(ADOPTION_MS, dropUnlessAdopted);
    else tracked.run.drop();
  }

  #guess(ask: Ask, shown: string): void {
    const { place } = ask;
    const accepted = placeBetween(place.textBefore + shown, place.textAfter, place.path, place.languageId);
    if (this.#options.cache.find(accepted) !== undefined || this.#joinable(accepted) !== undefined) return;
    this.#guessed?.run.drop();
    this.#start({ ...ask, place: accepted }, true);
  }

  #dropAll(): void {
    this.#asked?.run.drop();
    this.#guessed?.run.drop();
    this.#asked = undefined;
    this.#guessed = undefined;
  }
}

/** Whoever asks by hand once more where nothing was said wants another answer. */
function isOfUse({ how, rest }: CachedRest, { explicit, notFromTyping }: Ask): boolean {
  return how === "typed" ? notFromTyping !== true : !explicit || rest.trim() !== "";
}

/** @returns Undefined if the signal aborts first. */
function untilAborted(outcome: Promise<Outcome>, signal: AbortSignal): Promise<Outcome | undefined> {
  return new Promise((resolve) => {
    const stop = () => resolve(undefined);
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    void outcome.then((value) => {
      signal.removeEventListener("abort", stop);
      resolve(value);
    });
  });
}
