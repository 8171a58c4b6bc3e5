// Finds places in the index for a question: by path, symbol, quoted text, words and vectors, ranked together.
import type { Place } from "../protocol/messages.ts";
import type { ChunkStore, FoundChunk, SearchLimits, TermWeight } from "./chunkStore.ts";
import { codeWords } from "./codeWords.ts";
import type { Embedder } from "./embedder.ts";
import type { FileGraph } from "./fileGraph.ts";
import { conditionOf, matchesFilters, type QueryFilters, splitFilters } from "./filters.ts";
import { type Fused, fuse } from "./fusion.ts";
import { type Hit, rankPlaces, SCORES } from "./placeRanking.ts";
import { type PathQuery, parseQuery, type Query } from "./query.ts";
import { compareEntries, type SymbolEntry, type SymbolTable } from "./symbolTable.ts";
import { termsOf, wholeTerm } from "./terms.ts";

/** Candidates of each kind; ranking beyond them would not be seen. */
const MAX_CHUNKS = 100;
const MAX_TEXT_HITS = 60;
const MAX_SYMBOLS = 60;
const MAX_PATHS = 20;
const MAX_LITERAL_CHUNKS = 200;
const MAX_LITERAL_HITS = 100;
const MAX_LITERAL_HITS_PER_FILE = 5;
const DEFAULT_LIMIT = 20;
/** Chunks that are out of date are found too, and passed over; so many more are asked for. */
const SPARE_CHUNKS = 50;
/** A definition up to this length is shown whole, lines. */
const MAX_SYMBOL_LINES = 60;
/** No word of a question counts for nothing: it may be the only one. */
const LEAST_IMPORTANCE = 0.02;

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
  store: Pick<ChunkStore, "searchTerms" | "searchVector" | "withTerms">;
  embedder: Embedder;
  files: ReadonlyMap<string, SearchableFile>;
  symbols: SymbolTable;
  graph: FileGraph;
}

export interface SearchOptions {
  limit?: number;
  /** Weights of open and mentioned files, by path: what is near to them comes before what is not. */
  focus?: ReadonlyMap<string, number>;
}

export class SearchEngine {
  readonly #options: SearchEngineOptions;

  constructor(options: SearchEngineOptions) {
    this.#options = options;
  }

  /**
   * @param text A name, words, a question; "quoted text" is searched as it stands, paths are recognised, and
   *   `path:`, `lang:` and `symbol:` narrow the search.
   * @returns Places, best first; at most two of a file before the other files had their turn.
   */
  async search(text: string, { limit = DEFAULT_LIMIT, focus = new Map() }: SearchOptions = {}): Promise<Place[]> {
    const { filters, rest } = splitFilters(text);
    const query = parseQuery(rest);
    const [literals, texts] = await Promise.all([
      Promise.all(query.literals.map((literal) => this.#literalHits(literal, filters))),
      this.#textHits(query, rest, filters, focus),
    ]);
    const hits = [
      ...query.paths.flatMap((path) => this.#pathHits(path)),
      ...this.#symbolHits(query),
      ...this.#filteredSymbols(query, filters),
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
  ): Promise<Fused[]> {
    const { store, embedder, graph } = this.#options;
    const { terms = true, vectors = true, graph: withGraph = true } = parts;
    const limits: SearchLimits = { limit: MAX_CHUNKS + SPARE_CHUNKS, where: conditionOf(filters) };
    const [byTerms, byVector] = await Promise.all([
      terms ? store.searchTerms(this.#weights(text), limits) : [],
      vectors && codeWords(text).length > 0 ? store.searchVector(embedder.embedQuery(text), limits) : [],
    ]);
    return fuse({
      byTerms: this.#current(byTerms),
      byVector: this.#current(byVector),
      words: codeWords(text),
      importance: (word) => embedder.importance(word),
      near: withGraph ? (weights) => graph.near(weights) : () => new Map(),
      focus,
    });
  }

  /** The words of a question, each as important as the embedder has learned, and identifiers as wholes. */
  #weights(text: string): TermWeight[] {
    const { embedder } = this.#options;
    const weights = new Map<string, number>();
    for (const term of termsOf(text)) {
      const isWhole = term.startsWith(wholeTerm(""));
      weights.set(term, isWhole ? 1 : Math.max(LEAST_IMPORTANCE, embedder.importance(term)));
    }
    return [...weights].map(([term, weight]) => ({ term, weight }));
  }

  /** Only what is the newest text of a file of the workspace. */
  #current(chunks: readonly FoundChunk[]): FoundChunk[] {
    const { files } = this.#options;
    return chunks.filter(({ path, key }) => files.get(path)?.key === key).slice(0, MAX_CHUNKS);
  }

  async #textHits(
    query: Query,
    text: string,
    filters: QueryFilters,
    focus: ReadonlyMap<string, number>,
  ): Promise<Hit[]> {
    if (query.words.length === 0) return [];
    const chunks = (await this.fused(text, focus, {}, filters)).slice(0, MAX_TEXT_HITS);
    const best = chunks[0]?.score ?? 1;
    const wanted = new Map(query.words.map(({ text: word }) => [word, new Set(codeWords(word))]));
    return chunks.map((chunk) => this.#textHit(chunk, (SCORES.text * chunk.score) / best, wanted));
  }

  #textHit(chunk: Fused, score: number, wanted: ReadonlyMap<string, ReadonlySet<string>>): Hit {
    const file = this.#options.files.get(chunk.path)!;
    const inChunk = new Set(codeWords(`${chunk.path} ${chunk.symbol} ${chunk.text}`));
    const words = [...wanted].filter(([, parts]) => [...parts].some((part) => inChunk.has(part))).map(([word]) => word);
    const reason =
      words.length > 0 ? `${countWords(words.length)} of the query: ${words.join(", ")}` : "close in meaning";
    const symbol = enclosingSymbol(file.symbols, chunk.startLine, chunk.endLine);
    const range = symbol ?? { line: chunk.startLine, endLine: chunk.endLine };
    return {
      kind: "text",
      file,
      startLine: range.line,
      endLine: range.endLine ?? chunk.endLine,
      symbol: symbol?.name ?? (chunk.symbol.split(".").at(-1) || undefined),
      score,
      reason,
      preview: firstLineOf(chunk.text),
    };
  }

  #pathHits({ path, line }: PathQuery): Hit[] {
    const hits: Hit[] = [];
    for (const file of this.#options.files.values()) {
      const lower = file.path.toLowerCase();
      const whole = lower === path || lower.endsWith(`/${path}`);
      if (!whole && !lower.includes(path)) continue;
      const at = line === undefined ? 0 : Math.min(line, file.lines - 1);
      const score = whole ? SCORES.path : SCORES.pathPart;
      const symbol = enclosingSymbol(file.symbols, at, at)?.name;
      const place = { startLine: at, endLine: at, symbol, preview: file.firstLine };
      hits.push({ kind: "path", file, ...place, score, reason: `path ${file.path}` });
    }
    return hits.sort((a, b) => b.score - a.score || (a.file.path < b.file.path ? -1 : 1)).slice(0, MAX_PATHS);
  }

  #symbolHits(query: Query): Hit[] {
    const candidates = [...this.#symbolCandidates(query)];
    candidates.sort(([a, x], [b, y]) => y.score - x.score || compareEntries(a, b));
    return candidates.slice(0, MAX_SYMBOLS).map(([entry, { score, reason }]) => this.#symbolHit(entry, score, reason));
  }

  #symbolHit(entry: SymbolEntry, score: number, reason: string): Hit {
    const file = this.#options.files.get(entry.path)!;
    const endLine = Math.min(entry.endLine ?? entry.line, entry.line + MAX_SYMBOL_LINES - 1);
    const preview = entry.signature ?? entry.name;
    return { kind: "symbol", file, startLine: entry.line, endLine, symbol: entry.name, score, reason, preview };
  }

  /** `symbol:Name` alone asks for definitions. */
  #filteredSymbols(query: Query, { symbol }: QueryFilters): Hit[] {
    if (symbol === undefined || query.words.length > 0) return [];
    return this.#options.symbols
      .find(symbol, MAX_SYMBOLS)
      .map((entry, place) => this.#symbolHit(entry, SCORES.exactName - place / MAX_SYMBOLS, `symbol ${entry.name}`));
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
      const surelyName = query.words.length === 1 || compound;
      for (const entry of surelyName ? symbols.beginningWith(text) : []) {
        raise(entry, SCORES.prefix + text.length / entry.name.length, `symbol ${entry.name} begins with ${text}`);
      }
      for (const entry of symbols.named(text)) {
        const exact = entry.name === text ? SCORES.exactName : SCORES.exactNameIgnoringCase;
        raise(entry, surelyName ? exact : SCORES.commonName, `symbol ${entry.name}`);
      }
    }
    return best;
  }

  /** Exactly as written; ignoring case only if that finds nothing. */
  async #literalHits(literal: string, filters: QueryFilters): Promise<Hit[]> {
    const terms = [...new Set(codeWords(literal))];
    const limits: SearchLimits = { limit: MAX_LITERAL_CHUNKS, where: conditionOf(filters) };
    const chunks = this.#current(await this.#options.store.withTerms(terms, limits));
    chunks.sort((a, b) => (a.path === b.path ? a.startLine - b.startLine : a.path < b.path ? -1 : 1));
    const exact = this.#occurrences(chunks, literal, (line) => line.includes(literal));
    if (exact.length > 0) return exact;
    const lower = literal.toLowerCase();
    return this.#occurrences(chunks, literal, (line) => line.toLowerCase().includes(lower));
  }

  /** One hit for each line, a few in each file. */
  #occurrences(chunks: readonly FoundChunk[], literal: string, isIn: (line: string) => boolean): Hit[] {
    const hits: Hit[] = [];
    const counts = new Map<string, number>();
    for (const { path, startLine, text } of chunks) {
      for (const [offset, line] of text.split("\n").entries()) {
        const count = counts.get(path) ?? 0;
        if (count === MAX_LITERAL_HITS_PER_FILE || hits.length === MAX_LITERAL_HITS || !isIn(line)) continue;
        counts.set(path, count + 1);
        const file = this.#options.files.get(path)!;
        const at = startLine + offset;
        const symbol = enclosingSymbol(file.symbols, at, at)?.name;
        const reason = `text "${literal}"`;
        const place = { startLine: at, endLine: at, symbol, preview: line.trim() };
        hits.push({ kind: "literal", file, ...place, score: SCORES.literal, reason });
      }
    }
    return hits;
  }
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

function firstLineOf(text: string): string {
  return (
    text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? ""
  );
}

function countWords(count: number): string {
  return count === 1 ? "1 word" : `${count} words`;
}
