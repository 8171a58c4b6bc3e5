// One generation on its way: it goes on while the user types what it says, and ends at once when they type something else.
import type { CompletionRequest, Engine, Figures } from "../../../engine/src/api.ts";
import type { Clock } from "../codebase/clock.ts";
import { type Cursor, mayFollow, type Suggestion, suggestionAt } from "./typingThrough.ts";

/**
 * A text that has grown for so long is shown up to its last whole line, or from then on with its first one: ghost text that
 * comes later meets a user who has gone on, milliseconds. What waits for its turn or is read does not grow yet.
 */
const SHOW_AFTER_MS = 2000;

/** Says while a text grows how much of it to keep, and when nothing more is wanted. */
export interface Stops {
  push(textSoFar: string): { stop: boolean; text: string };
}

export type Outcome =
  | { kind: "said"; text: string; figures: Figures }
  /** The user typed something else, or nobody waits for it any more; without figures if the engine was not asked yet. */
  | { kind: "dropped"; figures?: Figures }
  | { kind: "failed"; error: unknown };

export interface RunOptions {
  engine: Pick<Engine, "generate">;
  clock: Clock;
  /** Where the model is asked. */
  cursor: Cursor;
  /** What the model is asked is prepared while the run is on its way, so that typing can end that too. */
  prepare: (signal: AbortSignal) => Promise<Prepared>;
}

export interface Prepared {
  request: CompletionRequest;
  /** They remember what they were given: each text needs its own. */
  newStops: () => Stops;
}

export class RunningCompletion {
  /** Resolves when it has ended, however; never rejects. */
  readonly outcome: Promise<Outcome>;
  readonly #options: RunOptions;
  readonly #asked: Suggestion;
  readonly #dropped = new AbortController();
  /** Ends the engine's work; the text stands. */
  readonly #enough = new AbortController();
  #cursor: Cursor;
  #stops: Stops | undefined;
  #text = "";
  #kept: string | undefined;
  #isOver = false;
  /** It has grown for {@link SHOW_AFTER_MS}. */
  #isLate = false;
  #stopWaiting = () => {};
  #droppedAt: number | undefined;
  #endedAt = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#cursor = options.cursor;
    this.#asked = suggestionAt(options.cursor, "");
    this.outcome = this.#run();
  }

  /** Where the model was asked. */
  get cursor(): Cursor {
    return this.#options.cursor;
  }

  /** What it has said so far. */
  get text(): string {
    return this.#text;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** From being dropped to the engine's last word, milliseconds; undefined if it was not dropped. */
  get stopMs(): number | undefined {
    return this.#droppedAt === undefined ? undefined : Math.max(0, this.#endedAt - this.#droppedAt);
  }

  /** True if what it says may still be of use at this cursor. */
  follows(cursor: Cursor): boolean {
    return !this.#dropped.signal.aborted && mayFollow(this.#asked, cursor, this.#text);
  }

  /** From now on what it says has to fit this cursor; it ends as dropped as soon as it does not. */
  follow(cursor: Cursor): void {
    this.#cursor = cursor;
    if (!this.follows(cursor)) this.drop();
  }

  /** Ends it; the engine hears of it at once. */
  drop(): void {
    if (!this.#isOver) this.#droppedAt ??= this.#options.clock.now();
    this.#dropped.abort();
  }

  async #run(): Promise<Outcome> {
    const { engine, clock, prepare } = this.#options;
    const signal = AbortSignal.any([this.#dropped.signal, this.#enough.signal]);
    try {
      const { request, newStops } = await prepare(this.#dropped.signal);
      if (this.#dropped.signal.aborted) return { kind: "dropped" };
      const stops = newStops();
      this.#stops = stops;
      const onChunk = ({ text }: { text: string }) => this.#grow(text);
      const { text, stopReason, figures } = await engine.generate(request, { signal, onChunk });
      // Without the user's doing it is cancelled when its model is released.
      const isCancelled = this.#kept === undefined && stopReason === "cancelled";
      if (isCancelled || this.#dropped.signal.aborted) return { kind: "dropped", figures };
      return { kind: "said", text: this.#kept ?? keptAtEnd(stops, text, stopReason), figures };
    } catch (error) {
      return this.#dropped.signal.aborted ? { kind: "dropped" } : { kind: "failed", error };
    } finally {
      this.#stopWaiting();
      this.#isOver = true;
      this.#endedAt = clock.now();
    }
  }

  #grow(text: string): void {
    if (this.#kept !== undefined) return;
    if (this.#text === "") this.#waitToShow();
    this.#text += text;
    const { stop, text: kept } = this.#through(this.#text);
    if (stop) this.#keep(kept);
    else if (!this.follows(this.#cursor)) this.drop();
    else if (this.#isLate) this.#showWhatIsThere();
  }

  #waitToShow(): void {
    this.#stopWaiting = this.#options.clock.after(SHOW_AFTER_MS, () => {
      this.#isLate = true;
      this.#showWhatIsThere();
    });
  }

  #through(text: string): { stop: boolean; text: string } {
    return this.#stops?.push(text) ?? { stop: false, text };
  }

  #keep(text: string): void {
    this.#kept = text;
    this.#enough.abort();
  }

  #showWhatIsThere(): void {
    if (this.#kept !== undefined) return;
    const lines = this.#text.slice(0, Math.max(0, this.#text.lastIndexOf("\n")));
    if (lines.trim() !== "") this.#keep(lines);
  }
}

/** What the rules keep of a text that the model ended; at its length limit it breaks off in the middle of a line. */
export function keptAtEnd(stops: Stops, text: string, stopReason: string): string {
  const { text: kept } = stops.push(text);
  return stopReason === "maxTokens" && kept === text ? wholeLines(kept) : kept;
}

/** Without the last line, if there are several. */
function wholeLines(text: string): string {
  const end = text.lastIndexOf("\n");
  return end > 0 ? text.slice(0, end) : text;
}
