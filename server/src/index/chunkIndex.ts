// An inverted index over line windows of files with BM25 scores; knows words and numbers, neither ranking rules nor places.
import { IDENTIFIER, termsOf } from "./words.ts";

/** Lines of a window: about a screen, and long enough for most functions. */
export const WINDOW_LINES = 40;

/** The usual constants of BM25 (Robertson and Zaragoza, 2009): saturation of repeated words, weight of the length. */
const K1 = 1.2;
const B = 0.75;

/** A posting is chunk × COUNT_STEP + occurrences: one number instead of an object. Counts beyond it weigh next to nothing. */
const COUNT_STEP = 16;
const MAX_COUNT = COUNT_STEP - 1;
/** Identifiers whose terms are remembered; code repeats itself. */
const MAX_CACHED_IDENTIFIERS = 200_000;
/** Lists are cleaned when this share of all chunks ever added is gone. */
const GARBAGE_SHARE = 0.5;
const MIN_GARBAGE_CHUNKS = 1000;

/** First chunk of a file and how many there are. */
export interface ChunkRange {
  first: number;
  count: number;
}

export interface ScoredChunk {
  chunk: number;
  score: number;
  /** Bit i is set if group i of the query occurs. */
  groups: number;
}

export class ChunkIndex {
  readonly #termIds = new Map<string, number>();
  readonly #postings: number[][] = [];
  readonly #identifierTerms = new Map<string, number[]>();
  /** By chunk: number of terms; -1 once removed. */
  readonly #lengths: number[] = [];
  /** By chunk: offset of its first character in its file's text. */
  readonly #starts: number[] = [];
  #nLive = 0;
  #liveLength = 0;
  #nRemoved = 0;

  /** Adds a file's windows; chunk `first + i` begins at line `i × WINDOW_LINES`. */
  add(text: string): ChunkRange {
    const first = this.#lengths.length;
    let start = 0;
    while (start <= text.length) {
      const end = windowEnd(text, start);
      this.#addChunk(text.slice(start, end));
      this.#starts.push(start);
      start = end + 1;
    }
    return { first, count: this.#lengths.length - first };
  }

  /** @returns The window's lines; `text` must be the text it was added with. */
  textOf(chunk: number, text: string): string {
    const start = this.#starts[chunk] ?? 0;
    return text.slice(start, windowEnd(text, start));
  }

  remove(range: ChunkRange): void {
    for (let chunk = range.first; chunk < range.first + range.count; chunk++) {
      this.#liveLength -= this.#lengths[chunk] ?? 0;
      this.#lengths[chunk] = -1;
    }
    this.#nLive -= range.count;
    this.#nRemoved += range.count;
    if (this.#nRemoved > Math.max(MIN_GARBAGE_CHUNKS, this.#lengths.length * GARBAGE_SHARE)) this.#dropGarbage();
  }

  /**
   * @param groups The words of a query, each with its terms; a chunk scores by all terms but counts each group once.
   * @returns All chunks with any of the terms, in no order.
   */
  score(groups: readonly (readonly string[])[]): ScoredChunk[] {
    const found = new Map<number, ScoredChunk>();
    for (const [group, terms] of groups.entries()) {
      for (const term of terms) this.#scoreTerm(term, 1 << group, found);
    }
    return [...found.values()];
  }

  #scoreTerm(term: string, groupBit: number, found: Map<number, ScoredChunk>): void {
    const id = this.#termIds.get(term);
    if (id === undefined) return;
    const live = this.#postings[id]!.filter((posting) => this.#lengths[Math.floor(posting / COUNT_STEP)] !== -1);
    const idf = Math.log(1 + (this.#nLive - live.length + 0.5) / (live.length + 0.5));
    const averageLength = this.#liveLength / Math.max(1, this.#nLive);
    for (const posting of live) {
      const chunk = Math.floor(posting / COUNT_STEP);
      const count = posting % COUNT_STEP;
      const norm = K1 * (1 - B + (B * this.#lengths[chunk]!) / averageLength);
      const score = (idf * count * (K1 + 1)) / (count + norm);
      const entry = found.get(chunk);
      if (entry === undefined) {
        found.set(chunk, { chunk, score, groups: groupBit });
      } else {
        entry.score += score;
        entry.groups |= groupBit;
      }
    }
  }

  #addChunk(text: string): void {
    const chunk = this.#lengths.length;
    const counts = new Map<number, number>();
    let length = 0;
    for (const identifier of text.match(IDENTIFIER) ?? []) {
      const ids = this.#idsOf(identifier);
      length += ids.length;
      for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const [id, count] of counts) {
      this.#postings[id]!.push(chunk * COUNT_STEP + Math.min(count, MAX_COUNT));
    }
    this.#lengths.push(length);
    this.#nLive++;
    this.#liveLength += length;
  }

  #idsOf(identifier: string): number[] {
    const cached = this.#identifierTerms.get(identifier);
    if (cached !== undefined) return cached;
    // A copy: a substring would keep the whole text of its file in memory, long after the file changed.
    const own = Buffer.from(identifier).toString();
    const ids = termsOf(own).map((term) => {
      const known = this.#termIds.get(term);
      if (known !== undefined) return known;
      this.#termIds.set(term, this.#postings.length);
      return this.#postings.push([]) - 1;
    });
    if (this.#identifierTerms.size >= MAX_CACHED_IDENTIFIERS) this.#identifierTerms.clear();
    this.#identifierTerms.set(own, ids);
    return ids;
  }

  #dropGarbage(): void {
    for (const [id, postings] of this.#postings.entries()) {
      this.#postings[id] = postings.filter((posting) => this.#lengths[Math.floor(posting / COUNT_STEP)] !== -1);
    }
    this.#nRemoved = 0;
  }
}

/** Offset of the line end that closes the window beginning at `start`, or the text's length. */
function windowEnd(text: string, start: number): number {
  let end = start - 1;
  for (let line = 0; line < WINDOW_LINES; line++) {
    end = text.indexOf("\n", end + 1);
    if (end === -1) return text.length;
  }
  return end;
}
