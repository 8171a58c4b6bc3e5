// Keeps the context block of completions: frozen while the user types, gathered anew in idle; see CONTEXT.md for the rules.
import type { Clock } from "../../codebase/clock.ts";
import { estimatedTokens } from "../../codebase/fileParts.ts";
import { canonicalUri } from "../../uris.ts";
import type { Candidate, ContextItem, ContextRequest, Excerpt, Source, SourceName } from "./contextItems.ts";
import type { FileTexts } from "./fileTexts.ts";
import { gathered } from "./gathering.ts";
import { chosen, distinct, type Entry, type Ranked, ranked } from "./selection.ts";
import { lineOf, surroundingsOf } from "./surroundings.ts";

/** A user waits for the first completion in a file: what is late then comes with the next gathering in idle, milliseconds. */
const FIRST_DEADLINE_MS = 150;
/** Nobody waits in idle, but what takes longer is stuck, milliseconds. */
const IDLE_DEADLINE_MS = 1000;
/** Counting waits for the engine; later than this, estimates have to do, milliseconds. */
const COUNT_DEADLINE_MS = 150;
/** A cursor that moves so far at once is somewhere else: its old surroundings say little about it, lines. */
const JUMP_LINES = 100;
/** From here on other search hits and similar lines are worth a new block, lines. */
const MOVED_LINES = 40;
/** So is one item of this worth, such as a definition of a name near the cursor. */
const NEWS_VALUE = 0.5;
/** Counting is for what has a chance to get in: so many times the room. */
const COUNTED_BUDGETS = 3;
/** Special token before the path of each item. */
const FRAME_TOKENS = 1;
/** Code has seldom fewer; an estimate must not be too low. */
const LEAST_CHARACTERS_PER_TOKEN = 2.5;

const EMPTY: readonly ContextItem[] = [];

export interface CompletionContextOptions {
  sources: readonly Source[];
  texts: FileTexts;
  /** Brings what is known of the workspace up to date; before that nothing is read. */
  updateWorkspace: (signal: AbortSignal) => Promise<unknown>;
  /** Number of tokens of each text, counted apart. */
  countTokens: (texts: string[]) => Promise<number[]>;
  clock: Clock;
  /** Hears which source is missing and why; never texts of files. */
  log: (line: string) => void;
}

/** What is in the prompt, for which place. */
interface Block {
  uri: string;
  /** Of the cursor when items were asked for last, and when they were gathered, 0-based. */
  line: number;
  gatheredLine: number;
  /** Something was late. */
  isPartial: boolean;
  entries: readonly Entry[];
  items: readonly ContextItem[];
}

/** What one gathering brought. */
interface Round {
  found: ReadonlyMap<SourceName, readonly Candidate[]>;
  /** Of those in the prompt, the ones that are still true. */
  entries: readonly Entry[];
  /** False: it could not be told in time what may be read, so nothing was. */
  isKnown: boolean;
  /** Something was not there in time. */
  isLate: boolean;
}

export class CompletionContext {
  readonly #options: CompletionContextOptions;
  #block: Block | undefined;
  /** The gathering that a completion waits for. */
  #first: { uri: string; done: Promise<unknown> } | undefined;
  /** Of the newest gathering; what an older one brings is out of date. */
  #generation = 0;
  /** What was logged last. */
  #told = "";

  constructor(options: CompletionContextOptions) {
    this.#options = options;
  }

  /**
   * The items for the prompt, most stable first. While the user types in one place it is the same list; for another
   * document, and after a jump, they are gathered under a short deadline.
   * @throws The signal's reason.
   */
  async items(request: ContextRequest): Promise<readonly ContextItem[]> {
    const { signal, budgetTokens } = request;
    const [uri, line] = cursorOf(request);
    signal.throwIfAborted();
    if (!this.#isFor(uri, line)) {
      if (this.#first?.uri !== uri) this.#first = this.#begin(request, uri);
      await untilAborted(this.#first.done, signal);
    }
    const block = this.#block;
    if (block?.uri !== uri) return EMPTY;
    block.line = line;
    dropBeyond(block, budgetTokens);
    return block.items;
  }

  /**
   * Gathers anew, for idle time. When the signal aborts, everything stays as it is.
   * @returns True if the items are others now.
   */
  async refresh(request: ContextRequest): Promise<boolean> {
    const [uri] = cursorOf(request);
    // What a completion is waiting for comes first.
    if (this.#first?.uri === uri) await this.#first.done;
    return request.signal.aborted ? false : this.#gather(request, IDLE_DEADLINE_MS);
  }

  /** Begins anew with the next call: another model counts other tokens. */
  forget(): void {
    this.#generation++;
    this.#first = undefined;
    this.#block = undefined;
  }

  #isFor(uri: string, line: number): boolean {
    return this.#block?.uri === uri && Math.abs(this.#block.line - line) < JUMP_LINES;
  }

  /** Goes on when its request ends: the request for the next key waits for it, too. */
  #begin(request: ContextRequest, uri: string): { uri: string; done: Promise<unknown> } {
    const unending = { ...request, signal: new AbortController().signal };
    const done = this.#gather(unending, FIRST_DEADLINE_MS).finally(() => {
      if (this.#first === begun) this.#first = undefined;
    });
    const begun = { uri, done };
    return begun;
  }

  /** @returns True if the items are others now. Never throws. */
  async #gather(request: ContextRequest, deadlineMs: number): Promise<boolean> {
    const generation = ++this.#generation;
    const [uri, line] = cursorOf(request);
    const before = this.#block;
    const isSameDocument = before?.uri === uri;
    const round = await this.#find(request, before?.entries ?? [], deadlineMs);
    const { kept, fresh } = distinct(round.entries, ranked(round.found), isSameDocument);
    const counted = await this.#counted(fresh, request);
    if (request.signal.aborted || generation !== this.#generation) return false;
    if (isSameDocument && !round.isKnown) return false;
    const entries = chosen(kept, counted, request.budgetTokens);
    const isWrong = kept.length < (before?.entries.length ?? 0);
    if (isSameDocument && !isWrong && !isWorthIt(before, entries, line, request.budgetTokens)) return false;
    const items = entries.map(({ item }) => item);
    const isChanged = !sameItems(before?.items ?? EMPTY, items);
    this.#block = {
      uri,
      line,
      gatheredLine: line,
      isPartial: round.isLate,
      entries,
      items: isChanged ? items : (before?.items ?? EMPTY),
    };
    return isChanged;
  }

  /** What the sources propose, and what of the entries is still true; never of the own file. */
  async #find(request: ContextRequest, entries: readonly Entry[], deadlineMs: number): Promise<Round> {
    const { sources, texts, updateWorkspace, clock } = this.#options;
    const { signal } = request;
    const surroundings = surroundingsOf(request, texts);
    const missing: string[] = [];
    let isLate = false;
    const onMissing = (name: string, failure: string | undefined) => {
      isLate ||= failure === undefined;
      missing.push(`${name} (${failure ?? "late"})`);
    };
    const options = { clock, signal, onMissing };
    const begin = clock.now();
    const updated = await gathered([{ name: "workspace", run: updateWorkspace }], { ...options, deadlineMs });
    const leftMs = Math.max(0, deadlineMs - (clock.now() - begin));
    const isKnown = updated.size > 0;
    texts.forget();
    // Without knowing what may be read by now, nothing is.
    const [found, checked] = await Promise.all([
      gathered<SourceName, readonly Candidate[]>(
        (isKnown ? sources : []).map((source) => {
          return { name: source.name, run: (over) => source.gather(surroundings, over) };
        }),
        { ...options, deadlineMs: leftMs },
      ),
      gathered(
        (isKnown ? entries : []).map((entry, index) => ({ name: String(index), run: () => this.#stillTrue(entry) })),
        { ...options, deadlineMs: leftMs, onMissing: () => {} },
      ),
    ]);
    if (!signal.aborted) this.#tell(missing);
    const { path } = surroundings;
    for (const [name, candidates] of found) {
      found.set(
        name,
        candidates.filter((candidate) => candidate.path !== path),
      );
    }
    const isTrue = (entry: Entry | undefined): entry is Entry => entry !== undefined && entry.item.path !== path;
    const stillTrue = entries.map((_, index) => checked.get(String(index))).filter(isTrue);
    return { found, entries: stillTrue, isKnown, isLate };
  }

  /** The same again says nothing new. */
  #tell(missing: readonly string[]): void {
    const line = missing.length === 0 ? "" : `Completion context without ${missing.join(", ")}.`;
    if (line !== "" && line !== this.#told) this.#options.log(line);
    this.#told = line;
  }

  /** @returns The entry where it is now; undefined if its file says something else by now, or may not be read any more. */
  async #stillTrue(entry: Entry): Promise<Entry | undefined> {
    const { excerpt } = entry;
    const file = await this.#options.texts.ofPath(excerpt.path);
    if (file === undefined || file.hash === excerpt.hash) return file && entry;
    if (excerpt.form !== "lines") return { ...entry, isUnsure: true };
    const moved = movedTo(excerpt, file.lines);
    return moved && { ...entry, excerpt: { ...moved, hash: file.hash } };
  }

  /** With the tokens of those that may get in; an estimate if the engine is busy. */
  async #counted(fresh: readonly Ranked[], request: ContextRequest): Promise<{ ranked: Ranked; tokens: number }[]> {
    const { clock, countTokens } = this.#options;
    let room = request.budgetTokens * COUNTED_BUDGETS;
    const likely = fresh.filter(({ candidate }) => {
      room -= estimatedTokens(candidate.text.length);
      return room > 0;
    });
    if (likely.length === 0) return [];
    const texts = likely.map(({ candidate: { path, text } }) => `${path}\n${text}\n`);
    const run = () => countTokens(texts);
    const options = { clock, deadlineMs: COUNT_DEADLINE_MS, signal: request.signal, onMissing: () => {} };
    const counts = (await gathered([{ name: "tokens", run }], options)).get("tokens");
    return likely.map((next, index) => {
      const tokens = counts?.[index] ?? Math.ceil(texts[index]!.length / LEAST_CHARACTERS_PER_TOKEN);
      return { ranked: next, tokens: tokens + FRAME_TOKENS };
    });
  }
}

/** Whether a new block is worth the evaluation of everything behind it, while the user stays in one document. */
function isWorthIt(before: Block, entries: readonly Entry[], line: number, budgetTokens: number): boolean {
  const hasMoved = Math.abs(line - before.gatheredLine) >= MOVED_LINES;
  const isTooLong = before.items.reduce((sum, { tokens }) => sum + tokens, 0) > budgetTokens;
  const isNews = ({ item, value }: Entry) => value >= NEWS_VALUE && !before.items.includes(item);
  return before.isPartial || hasMoved || isTooLong || entries.some(isNews);
}

function cursorOf({ document, place }: ContextRequest): [uri: string, line: number] {
  return [canonicalUri(document.uri), lineOf(place.textBefore)];
}

/** The room has become smaller: what stands last is the cheapest to drop. */
function dropBeyond(block: Block, budgetTokens: number): void {
  let left = budgetTokens;
  let end = 0;
  for (; end < block.items.length && block.items[end]!.tokens <= left; end++) left -= block.items[end]!.tokens;
  if (end === block.items.length) return;
  block.entries = block.entries.slice(0, end);
  block.items = block.items.slice(0, end);
}

function sameItems(before: readonly ContextItem[], now: readonly ContextItem[]): boolean {
  return before.length === now.length && before.every((item, index) => item === now[index]);
}

/** @returns The same lines where they are now, those nearest to where they were; undefined if they are not there. */
function movedTo(excerpt: Excerpt, lines: readonly string[]): Excerpt | undefined {
  const wanted = excerpt.text.split("\n");
  const starts = [...lines.keys()].filter((start) => wanted.every((line, offset) => lines[start + offset] === line));
  const distance = (start: number) => Math.abs(start - excerpt.startLine);
  const startLine = starts.sort((a, b) => distance(a) - distance(b))[0];
  return startLine === undefined ? undefined : { ...excerpt, startLine, endLine: startLine + wanted.length - 1 };
}

function untilAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(() => resolve(), reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
