// Finds places in the index for a question: by path, symbol, quoted text, words and vectors, ranked together.
import type { Place } from "../protocol/messages.ts";
import type { ChunkStore, FoundChunk, SearchLimits } from "./chunkStore.ts";
import { codeWords } from "./codeWords.ts";
import type { Embedder } from "./embedder.ts";
import type { FileGraph } from "./fileGraph.ts";
import { asksForFiles, filteredFiles } from "./filteredFiles.ts";
import { conditionOf, matchesFilters, matchesSymbol, type QueryFilters, splitFilters } from "./filters.ts";
import { type Fused, fuse } from "./fusion.ts";
import { compareHits, type Hit, rankPlaces, SCORES } from "./placeRanking.ts";
import { type PathQuery, parseQuery, type Query, type QueryWord } from "./query.ts";
import type { SymbolEntry, SymbolTable } from "./symbolTable.ts";
import { compoundsOf, tellingTerms, termsOf, wholeTerm } from "./terms.ts";
import { IDENTIFIER, partsOf, stem } from "./words.ts";

/** Candidates of each kind; ranking beyond them would not be seen. */
const MAX_CHUNKS = 100;
const MAX_TEXT_HITS = 60;
const MAX_SYMBOLS = 60;
const MAX_PATHS = 20;
const MAX_LITERAL_CHUNKS = 200;
const MAX_LITERAL_HITS = 100;
const MAX_LITERAL_HITS_PER_FILE = 5;
const DEFAULT_LIMIT = 20;
/** Chunks that are out of date are found too, and passed over; so many more are asked for, and then so many times as many. */
const SPARE_CHUNKS = 50;
const MORE_CHUNKS = 4;
/** A condition that names more files takes the store longer than passing over their chunks. */
const MAX_FILTERED_PATHS = 500;
/** Lines that are shown of a text outside of definitions. */
const SHOWN_LINES = 40;
/** A definition up to this length is shown whole, lines. */
const MAX_SYMBOL_LINES = 60;
/**
 * Least dot product of a chunk that has no word of the question. Seen: "erase" and removing 0.33, "login" and secrets 0.30;
 * words that nothing is about have their nearest chunk at 0.18 to 0.28.
 */
export const LEAST_SIMILARITY = 0.29;

/** A file that can be found. */
export interface SearchableFile {
  path: string;
  uri: string;
  /** Names its content in the store. */
  key: string;
  changedMs: number;
  symbols: SymbolEntry[];
  /** Number of lines. */
  lines: number;
  /** The first that is not empty. */
  firstLine: string;
}

export interface SearchEngineOptions {
  store: Pick<ChunkStore, "searchTerms" | "searchVector" | "withTerms" | "containing">;
  embedder: Embedder;
  /** Chunks near to a question by an embedding model, in the place of the embedder; undefined: it does not answer now. */
  byModel?: (text: string, limits: SearchLimits, signal?: AbortSignal) => Promise<FoundChunk[] | undefined>;
  files: ReadonlyMap<string, SearchableFile>;
  symbols: SymbolTable;
  graph: FileGraph;
}

export interface SearchOptions {
  limit?: number;
  /** Weights of open and mentioned files, by path: what is near to them comes before what is not. */
  focus?: ReadonlyMap<string, number>;
  /** Nobody waits any more. */
  signal?: AbortSignal;
}

/** A word of a question, for comparing it with texts. */
interface WantedWord {
  text: string;
  /** Terms of its words. */
  parts: readonly string[];
  /** The term of a name of several words. */
  whole: string | undefined;
  /** It is such a name, and nothing is called so. */
  isUndefined: boolean;
}

/** Filters, and as much of them as the store can apply. */
interface Narrowing {
  filters: QueryFilters;
  where: string | undefined;
}

export class SearchEngine {
  readonly #options: SearchEngineOptions;

  constructor(options: SearchEngineOptions) {
    this.#options = options;
  }

  /**
   * @param text A name, words, a question; "quoted text" is searched as it stands, paths are recognised, and
   *   `path:`, `lang:` and `symbol:` narrow the search. Without a word they are all that is asked for.
   * @returns Places, best first; at most three of a file before the other files had their turn.
   */
  async search(text: string, options: SearchOptions = {}): Promise<Place[]> {
    const { limit = DEFAULT_LIMIT } = options;
    const { filters, rest } = splitFilters(text);
    const query = parseQuery(rest);
    const narrowing = this.#narrowing(filters);
    const [literals, texts] = await Promise.all([
      Promise.all(query.literals.map((literal) => this.#literalHits(literal, narrowing))),
      this.#textHits(query, rest, filters, options),
    ]);
    const hits = [
      ...query.paths.flatMap((path) => this.#pathHits(path, filters)),
      ...this.#symbolHits(query, filters),
      ...this.#filteredSymbols(query, filters),
      ...(asksForFiles(query, filters) ? this.#filteredFiles(filters, limit) : []),
      ...literals.flat(),
      ...texts,
    ];
    const stems = new Set(query.words.flatMap((word) => word.stems));
    return rankPlaces(
      hits.filter((hit) => matchesFilters(hit.file, hit.symbol, filters)),
      stems,
      limit,
    );
  }

  /**
   * Chunks by words and vectors alone: what the retrieval bench measures.
   * @param parts Which sides take part.
   */
  async fused(
    text: string,
    focus: ReadonlyMap<string, number> = new Map(),
    parts: { terms?: boolean; vectors?: boolean; graph?: boolean } = {},
    filters: QueryFilters = {},
    signal?: AbortSignal,
  ): Promise<Fused[]> {
    const { store, embedder, graph } = this.#options;
    const { terms = true, vectors = true, graph: withGraph = true } = parts;
    const importance = (word: string) => embedder.importance(word);
    const wanted = tellingTerms(text, importance);
    const byTerms = (limits: SearchLimits) => store.searchTerms(wanted, limits);
    const byVector = (limits: SearchLimits) => this.#byVector(text, limits, signal);
    const narrowing = this.#narrowing(filters);
    const hasWords = codeWords(text).length > 0;
    const found = await Promise.all([
      terms ? this.#newest(MAX_CHUNKS, narrowing, byTerms) : [],
      vectors && hasWords ? this.#newest(MAX_CHUNKS, narrowing, byVector) : [],
    ]);
    // One side may have answered long before the other, and its files may have changed or gone since.
    const [termChunks, vectorChunks] = found.map((chunks) => chunks.filter((chunk) => this.#isNewest(chunk)));
    return fuse({
      byTerms: termChunks!,
      byVector: vectorChunks!,
      words: codeWords(text),
      compounds: compoundsOf(text),
      importance,
      near: withGraph ? (weights) => graph.near(weights) : () => new Map(),
      focus,
    });
  }

  async #byVector(text: string, limits: SearchLimits, signal?: AbortSignal): Promise<FoundChunk[]> {
    const { store, embedder, byModel } = this.#options;
    return (await byModel?.(text, limits, signal)) ?? store.searchVector(embedder.embedQuery(text), limits);
  }

  /**
   * The best of what is the newest text of a file of the workspace and passes the filters. Asks for more as long as others
   * take the places: of a file that is being edited there can be any number of older texts.
   * @param find Chunks, at most so many; fewer only if there are no more.
   */
  async #newest(
    most: number,
    { filters, where }: Narrowing,
    find: (limits: SearchLimits) => Promise<FoundChunk[]>,
  ): Promise<FoundChunk[]> {
    for (let limit = most + SPARE_CHUNKS; ; limit *= MORE_CHUNKS) {
      const found = await find({ limit, where });
      const newest = found.filter((chunk) => this.#isNewest(chunk)).flatMap((chunk) => this.#inSymbol(chunk, filters));
      if (newest.length < most && found.length === limit) continue;
      return newest.sort((a, b) => this.#compareFound(a, b)).slice(0, most);
    }
  }

  /** Best first; equals by age, path and line, whatever their order in the store. */
  #compareFound(a: FoundChunk, b: FoundChunk): number {
    const changedMs = ({ path }: FoundChunk) => this.#options.files.get(path)!.changedMs;
    return b.score - a.score || changedMs(b) - changedMs(a) || compareLines(a, b);
  }

  #isNewest({ path, key }: FoundChunk): boolean {
    return this.#options.files.get(path)?.key === key;
  }

  #narrowing(filters: QueryFilters): Narrowing {
    return { filters, where: conditionOf(filters, this.#pathsWith(filters)) };
  }

  /** @returns Files with a symbol that the filter asks for; undefined without that filter, and where they are many. */
  #pathsWith(filters: QueryFilters): string[] | undefined {
    if (filters.symbol === undefined) return undefined;
    const paths: string[] = [];
    for (const file of this.#options.files.values()) {
      if (!file.symbols.some(({ name }) => matchesSymbol(name, filters))) continue;
      if (paths.push(file.path) > MAX_FILTERED_PATHS) return undefined;
    }
    return paths;
  }

  /** @returns The part of a chunk that is in symbols that the filter asks for; all of it without that filter. */
  #inSymbol(chunk: FoundChunk, filters: QueryFilters): FoundChunk[] {
    if (filters.symbol === undefined) return [chunk];
    const lines = chunk.text.split("\n");
    const isWanted = lines.map((_, offset) => matchesSymbol(this.#symbolAt(chunk, chunk.startLine + offset), filters));
    const first = isWanted.indexOf(true);
    if (first === -1) return [];
    const last = isWanted.lastIndexOf(true);
    const text = lines.map((line, offset) => (isWanted[offset] ? line : "")).slice(first, last + 1);
    const { startLine } = chunk;
    return [{ ...chunk, startLine: startLine + first, endLine: startLine + last, text: text.join("\n") }];
  }

  /** Name of the definition around a line of a chunk; of one that is too long to be a place itself, the chunk knows it. */
  #symbolAt(chunk: FoundChunk, line: number): string | undefined {
    return enclosingSymbol(this.#options.files.get(chunk.path)!.symbols, line, line)?.name ?? ownSymbol(chunk);
  }

  async #textHits(query: Query, text: string, filters: QueryFilters, { focus, signal }: SearchOptions): Promise<Hit[]> {
    if (query.words.length === 0) return [];
    const chunks = (await this.fused(text, focus, {}, filters, signal)).slice(0, MAX_TEXT_HITS);
    const best = chunks[0]?.score ?? 1;
    const stems = new Set(query.words.flatMap((word) => word.stems));
    const wanted = query.words.map((word) => this.#wantedWord(word));
    return chunks
      .map((chunk) => this.#textHit(chunk, (SCORES.text * chunk.score) / best, wanted, stems))
      .filter((hit) => hit !== undefined);
  }

  #wantedWord({ text, compound }: QueryWord): WantedWord {
    const whole = compound ? wholeTerm(text) : undefined;
    const isUndefined = compound && this.#options.symbols.named(text).length === 0;
    return { text, parts: termsOf(text).filter((term) => term !== whole), whole, isUndefined };
  }

  /** @returns Undefined if it has neither a word of the question nor its meaning. */
  #textHit(chunk: Fused, score: number, wanted: readonly WantedWord[], stems: ReadonlySet<string>): Hit | undefined {
    const file = this.#options.files.get(chunk.path)!;
    const inChunk = new Set(termsOf(`${chunk.path} ${chunk.symbol} ${chunk.text}`));
    const hasWhole = ({ whole }: WantedWord) => whole !== undefined && inChunk.has(whole);
    const found = wanted.flatMap((word) => {
      const parts = word.parts.filter((part) => inChunk.has(part));
      if (hasWhole(word) || (parts.length > 0 && word.whole === undefined)) return [word.text];
      return parts.length > 0 ? [parts.join(" ")] : [];
    });
    if (found.length === 0 && chunk.similarity < LEAST_SIMILARITY) return undefined;
    const reason =
      found.length > 0 ? `${found.length === 1 ? "word" : "words"}: ${found.join(", ")}` : "close in meaning";
    const place = this.#placeIn(chunk, found.length === 0 ? new Set() : stems);
    const isUndefinedName = wanted.some((word) => word.isUndefined && hasWhole(word));
    return { kind: "text", file, ...place, score: score + (isUndefinedName ? SCORES.undefinedName : 0), reason };
  }

  /** Where in a chunk to look: the definition around the line with most words of the question, else some lines around it. */
  #placeIn(chunk: Fused, stems: ReadonlySet<string>): Pick<Hit, "startLine" | "endLine" | "symbol" | "preview"> {
    const { startLine, endLine } = chunk;
    const { symbols } = this.#options.files.get(chunk.path)!;
    const lines = chunk.text.split("\n");
    const counts = lines.map((line) => countOf(line, stems));
    const most = Math.max(...counts);
    const best = startLine + counts.indexOf(most);
    const around = most === 0 ? enclosingSymbol(symbols, startLine, endLine) : enclosingSymbol(symbols, best, best);
    if (around !== undefined) {
      const { name, line, endLine: end = line, signature = name } = around;
      return { startLine: line, endLine: end, symbol: name, preview: signature };
    }
    const first = Math.max(startLine, Math.min(best - SHOWN_LINES / 2, endLine - SHOWN_LINES + 1));
    return {
      startLine: first,
      endLine: Math.min(endLine, first + SHOWN_LINES - 1),
      symbol: ownSymbol(chunk),
      preview: most === 0 ? firstLineOf(chunk.text) : lines[best - startLine]!.trim(),
    };
  }

  #pathHits({ path, line }: PathQuery, filters: QueryFilters): Hit[] {
    const hits: Hit[] = [];
    for (const file of this.#options.files.values()) {
      const lower = file.path.toLowerCase();
      const whole = lower === path || lower.endsWith(`/${path}`);
      if (!whole && !lower.includes(path)) continue;
      const at = line === undefined ? 0 : Math.min(line, file.lines - 1);
      hits.push(this.#fileHit(file, at, whole ? SCORES.path : SCORES.pathPart));
    }
    return best(hits, filters, MAX_PATHS);
  }

  #fileHit(file: SearchableFile, line: number, score: number): Hit {
    const symbol = enclosingSymbol(file.symbols, line, line)?.name;
    const place = { startLine: line, endLine: line, symbol, preview: file.firstLine };
    return { kind: "path", file, ...place, score, reason: `path ${file.path}` };
  }

  #symbolHits(query: Query, filters: QueryFilters): Hit[] {
    const candidates = [...this.#symbolCandidates(query)];
    const hits = candidates.map(([entry, { score, reason }]) => this.#symbolHit(entry, score, reason));
    return best(hits, filters, MAX_SYMBOLS);
  }

  #symbolHit(entry: SymbolEntry, score: number, reason: string): Hit {
    const file = this.#options.files.get(entry.path)!;
    const endLine = Math.min(entry.endLine ?? entry.line, entry.line + MAX_SYMBOL_LINES - 1);
    const preview = entry.signature ?? entry.name;
    return { kind: "symbol", file, startLine: entry.line, endLine, symbol: entry.name, score, reason, preview };
  }

  /** `symbol:Name` alone asks for definitions. */
  #filteredSymbols(query: Query, filters: QueryFilters): Hit[] {
    const { symbol } = filters;
    if (symbol === undefined || query.words.length > 0) return [];
    return this.#options.symbols
      .find(symbol, MAX_SYMBOLS, (entry) => matchesFilters(entry, entry.name, filters))
      .map((entry, place) => this.#symbolHit(entry, SCORES.exactName - place / MAX_SYMBOLS, `symbol ${entry.name}`));
  }

  /** `path:` and `lang:` alone ask for files. */
  #filteredFiles(filters: QueryFilters, limit: number): Hit[] {
    const { files, graph } = this.#options;
    const listed = filteredFiles(files.values(), filters, limit, (path) => graph.useOf(path));
    return listed.flatMap(({ file, definitions }, place) => {
      const score = SCORES.listedFile - place / listed.length;
      const reason = `path ${file.path}`;
      if (definitions.length === 0) return this.#fileHit(file, 0, score);
      // All of a file stand before those of the next one.
      return definitions.map((entry, nth) => {
        const before = nth / definitions.length / listed.length;
        return { ...this.#symbolHit(entry, score - before, reason), kind: "path" };
      });
    });
  }

  /** The best way in which each definition matches; a whole name says more than words of it. */
  #symbolCandidates(query: Query): Map<SymbolEntry, { score: number; reason: string }> {
    const { symbols } = this.#options;
    const best = new Map<SymbolEntry, { score: number; reason: string }>();
    const stems = [...new Set(query.words.flatMap((word) => word.stems))];
    for (const { entry, nMatched, nWords } of symbols.withWords(stems)) {
      const score = SCORES.nameWords * (nMatched / stems.length) ** 1.5 * Math.sqrt(nMatched / nWords);
      best.set(entry, { score, reason: `symbol ${entry.name}` });
    }
    const raise = (entry: SymbolEntry, score: number, reason: string) =>
      best.set(entry, { score: Math.max(score, best.get(entry)?.score ?? 0), reason });
    for (const { text, compound } of query.words) {
      const isAlone = query.words.length === 1;
      const surelyName = isAlone || compound;
      // The beginning of a name is typed alone; among other words it stands for itself.
      for (const entry of isAlone ? symbols.beginningWith(text) : []) {
        raise(entry, SCORES.prefix + text.length / entry.name.length, `symbol ${entry.name} begins with ${text}`);
      }
      for (const entry of symbols.named(text)) {
        const exact = entry.name === text ? SCORES.exactName : SCORES.exactNameIgnoringCase;
        raise(entry, surelyName ? exact : SCORES.commonName, `symbol ${entry.name}`);
      }
    }
    return best;
  }

  /**
   * Exactly as written; ignoring case only if that finds nothing. Whole words are found at once; parts of words and signs
   * only by looking into every chunk.
   */
  async #literalHits(literal: string, narrowing: Narrowing): Promise<Hit[]> {
    const { store } = this.#options;
    const words = [...new Set(codeWords(literal))];
    const withWords = await this.#newest(MAX_LITERAL_CHUNKS, narrowing, (limits) => store.withTerms(words, limits));
    const byWords = this.#occurrences(withWords, literal, { ignoreCase: false });
    if (byWords.length === MAX_LITERAL_HITS) return byWords;
    for (const ignoreCase of [false, true]) {
      const find = (limits: SearchLimits) => store.containing(literal, { ...limits, ignoreCase });
      const having = await this.#newest(MAX_LITERAL_CHUNKS, narrowing, find);
      const hits = this.#occurrences([...withWords, ...having], literal, { ignoreCase });
      if (hits.length > 0) return hits;
    }
    return [];
  }

  /** One hit for each line, a few in each file. Lines of files that changed since the chunks were found are passed over. */
  #occurrences(found: readonly FoundChunk[], literal: string, { ignoreCase }: { ignoreCase: boolean }): Hit[] {
    const inCase = (text: string) => (ignoreCase ? text.toLowerCase() : text);
    const wanted = inCase(literal);
    const chunks = new Map(found.map((chunk) => [`${chunk.key} ${chunk.startLine}`, chunk]));
    const hits: Hit[] = [];
    const counts = new Map<string, number>();
    for (const chunk of [...chunks.values()].filter((one) => this.#isNewest(one)).sort(compareLines)) {
      const { path, startLine } = chunk;
      const file = this.#options.files.get(path)!;
      for (const [offset, line] of chunk.text.split("\n").entries()) {
        const count = counts.get(path) ?? 0;
        const isFull = count === MAX_LITERAL_HITS_PER_FILE || hits.length === MAX_LITERAL_HITS;
        if (isFull || !inCase(line).includes(wanted)) continue;
        counts.set(path, count + 1);
        const at = startLine + offset;
        const place = { startLine: at, endLine: at, symbol: this.#symbolAt(chunk, at), preview: line.trim() };
        hits.push({ kind: "literal", file, ...place, score: SCORES.literal, reason: `text "${literal}"` });
      }
    }
    return hits;
  }
}

/** @returns The best of these hits that pass the filters. */
function best(hits: readonly Hit[], filters: QueryFilters, most: number): Hit[] {
  const passing = hits.filter(({ file, symbol }) => matchesFilters(file, symbol, filters));
  return passing.sort(compareHits).slice(0, most);
}

/** Name of the definition that a chunk is a part of. */
function ownSymbol({ symbol }: FoundChunk): string | undefined {
  return symbol.split(".").at(-1) || undefined;
}

function compareLines(a: FoundChunk, b: FoundChunk): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.startLine - b.startLine;
}

/** The innermost definition around lines, if it is short enough to be the place itself. */
function enclosingSymbol(symbols: readonly SymbolEntry[], startLine: number, endLine: number): SymbolEntry | undefined {
  return symbols.findLast(
    (symbol) =>
      symbol.endLine !== undefined &&
      symbol.line <= startLine &&
      endLine <= symbol.endLine &&
      symbol.endLine - symbol.line < MAX_SYMBOL_LINES,
  );
}

/** @returns How many of the words a line has. */
function countOf(line: string, stems: ReadonlySet<string>): number {
  const own = new Set((line.match(IDENTIFIER) ?? []).flatMap(partsOf).map(stem));
  let count = 0;
  for (const word of stems) if (own.has(word)) count++;
  return count;
}

function firstLineOf(text: string): string {
  return (
    text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? ""
  );
}
