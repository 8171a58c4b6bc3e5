// The search over the workspace's symbols, words, quoted texts and paths: holds the texts in memory and finds candidates.
import { setImmediate } from "node:timers/promises";
import type { LeftOut } from "../codebase/workspaceFile.ts";
import type { Place } from "../protocol/messages.ts";
import { ChunkIndex, type ChunkRange, type ScoredChunk, WINDOW_LINES } from "./chunkIndex.ts";
import { type PathQuery, parseQuery, type Query } from "./query.ts";
import { compareHits, type Hit, type RankedFile, rankPlaces, SCORES, stemsOfPath } from "./ranking.ts";
import { findSymbols } from "./symbols.ts";
import { compareEntries, type SymbolEntry, SymbolTable } from "./symbolTable.ts";
import { IDENTIFIER, termsOf } from "./words.ts";

/** Most text held, bytes; the index over it takes two to three times as much memory besides. */
export const MAX_INDEXED_BYTES = 64 * 1024 * 1024;
/** Indexing gives way to other work after so long, milliseconds. */
const TURN_MS = 12;

/** Candidates of each kind; ranking beyond them would not be seen. */
const MAX_CHUNKS = 60;
const MAX_SYMBOLS = 60;
const MAX_PATHS = 20;
const MAX_LITERAL_HITS = 100;
const MAX_LITERAL_HITS_PER_FILE = 5;
const DEFAULT_LIMIT = 20;
/** A definition up to this length is shown whole, lines. */
const MAX_SYMBOL_LINES = 60;

export interface IndexedFile {
  path: string;
  uri: string;
  /** Lines ending with LF. */
  text: string;
}

interface FileEntry extends RankedFile {
  bytes: number;
  symbols: SymbolEntry[];
  chunks: ChunkRange;
}

/** Everything is in memory and rebuilt on start. Results depend on the files only, not on the order they came in. */
export class SearchIndex {
  readonly #files = new Map<string, FileEntry>();
  readonly #leftOut = new Map<string, LeftOut>();
  readonly #symbols = new SymbolTable();
  readonly #chunks = new ChunkIndex();
  /** By chunk. */
  readonly #owners: (FileEntry | undefined)[] = [];
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param maxBytes Most text to hold, bytes. */
  constructor(maxBytes: number = MAX_INDEXED_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Files that are not searched because the index is full. */
  get leftOut(): LeftOut[] {
    return [...this.#leftOut.values()];
  }

  /**
   * Makes these files the whole content of the index; unchanged ones are kept. Gives way to other work in between.
   * @returns The files left out because the index is full.
   * @throws The signal's reason when aborted; what is indexed until then stays.
   */
  async update(files: readonly IndexedFile[], signal?: AbortSignal): Promise<LeftOut[]> {
    const paths = new Set(files.map((file) => file.path));
    for (const path of [...this.#files.keys(), ...this.#leftOut.keys()]) {
      if (!paths.has(path)) this.removeFile(path);
    }
    let turnEnd = performance.now() + TURN_MS;
    for (const file of files) {
      this.updateFile(file);
      if (performance.now() < turnEnd) continue;
      await setImmediate();
      signal?.throwIfAborted();
      turnEnd = performance.now() + TURN_MS;
    }
    return this.leftOut;
  }

  /** Adds a file, or replaces the file of that path. */
  updateFile({ path, uri, text }: IndexedFile): void {
    const known = this.#files.get(path);
    if (known?.text === text && known.uri === uri) return;
    this.removeFile(path);
    const bytes = Buffer.byteLength(text);
    if (this.#bytes + bytes > this.#maxBytes) {
      const reason = `not searched: the index is full (${Math.round(this.#maxBytes / 1024 / 1024)} MiB)`;
      this.#leftOut.set(path, { path, reason });
      return;
    }
    const symbols = findSymbols(path, text).map((symbol) => ({ ...symbol, path, uri }));
    const chunks = this.#chunks.add(text);
    const entry: FileEntry = { path, uri, text, bytes, symbols, chunks, pathStems: stemsOfPath(path) };
    for (let chunk = chunks.first; chunk < chunks.first + chunks.count; chunk++) this.#owners[chunk] = entry;
    this.#symbols.add(symbols);
    this.#files.set(path, entry);
    this.#bytes += bytes;
  }

  removeFile(path: string): void {
    this.#leftOut.delete(path);
    const entry = this.#files.get(path);
    if (entry === undefined) return;
    this.#files.delete(path);
    this.#bytes -= entry.bytes;
    this.#symbols.remove(entry.symbols);
    this.#chunks.remove(entry.chunks);
    const { first, count } = entry.chunks;
    for (let chunk = first; chunk < first + count; chunk++) this.#owners[chunk] = undefined;
  }

  /**
   * @param query Part of a symbol's name; empty matches all.
   * @param limit Most entries to return.
   */
  symbols(query: string, limit: number): SymbolEntry[] {
    return this.#symbols.find(query.trim(), limit);
  }

  /**
   * @param query A name, words, a question; "quoted text" is searched as it stands, and paths are recognised.
   * @returns Places, best first; at most two of a file before the other files had their turn.
   */
  search(query: string, options: { limit?: number } = {}): Place[] {
    const parsed = parseQuery(query);
    const hits = [
      ...parsed.paths.flatMap((path) => this.#pathHits(path)),
      ...this.#symbolHits(parsed),
      ...parsed.literals.flatMap((literal) => this.#literalHits(literal)),
      ...this.#textHits(parsed),
    ];
    const stems = new Set(parsed.words.flatMap((word) => word.stems));
    return rankPlaces(hits, stems, options.limit ?? DEFAULT_LIMIT);
  }

  #pathHits({ path, line }: PathQuery): Hit[] {
    const hits: Hit[] = [];
    for (const file of this.#files.values()) {
      const lower = file.path.toLowerCase();
      const whole = lower === path || lower.endsWith(`/${path}`);
      if (!whole && !lower.includes(path)) continue;
      const startLine = line === undefined ? 0 : Math.min(line, file.text.split("\n").length - 1);
      const score = whole ? SCORES.path : SCORES.pathPart;
      hits.push({ kind: "path", file, ...oneLine(file, startLine), score, reason: `path ${file.path}` });
    }
    return hits.sort(compareHits).slice(0, MAX_PATHS);
  }

  #symbolHits(query: Query): Hit[] {
    const candidates = [...this.#symbolCandidates(query)];
    candidates.sort(([a, x], [b, y]) => y.score - x.score || compareEntries(a, b));
    return candidates.slice(0, MAX_SYMBOLS).map(([entry, { score, reason }]) => {
      const file = this.#files.get(entry.path)!;
      const endLine = Math.min(entry.endLine ?? entry.line, entry.line + MAX_SYMBOL_LINES - 1);
      return { kind: "symbol", file, startLine: entry.line, endLine, symbol: entry.name, score, reason };
    });
  }

  /** The best way in which each definition matches; a whole name says more than words of it. */
  #symbolCandidates(query: Query): Map<SymbolEntry, { score: number; reason: string }> {
    const best = new Map<SymbolEntry, { score: number; reason: string }>();
    const stems = [...new Set(query.words.flatMap((word) => word.stems))];
    for (const { entry, nMatched, nWords } of this.#symbols.withWords(stems)) {
      const score = SCORES.nameWords * (nMatched / stems.length) ** 1.5 * Math.sqrt(nMatched / nWords);
      best.set(entry, { score, reason: `symbol ${entry.name}` });
    }
    const raise = (entry: SymbolEntry, score: number, reason: string) =>
      best.set(entry, { score: Math.max(score, best.get(entry)?.score ?? 0), reason });
    for (const { text, compound } of query.words) {
      const surelyName = query.words.length === 1 || compound;
      for (const entry of surelyName ? this.#symbols.beginningWith(text) : []) {
        raise(entry, SCORES.prefix + text.length / entry.name.length, `symbol ${entry.name} begins with ${text}`);
      }
      for (const entry of this.#symbols.named(text)) {
        const exact = entry.name === text ? SCORES.exactName : SCORES.exactNameIgnoringCase;
        raise(entry, surelyName ? exact : SCORES.commonName, `symbol ${entry.name}`);
      }
    }
    return best;
  }

  /** Exactly as written; ignoring case only if that finds nothing. */
  #literalHits(literal: string): Hit[] {
    const exact = this.#occurrences(literal, (text, from) => text.indexOf(literal, from));
    if (exact.length > 0) return exact;
    const pattern = new RegExp(literal.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "gi");
    return this.#occurrences(literal, (text, from) => {
      pattern.lastIndex = from;
      return pattern.exec(text)?.index ?? -1;
    });
  }

  /** One hit for each line, a few in each file. */
  #occurrences(literal: string, next: (text: string, from: number) => number): Hit[] {
    const hits: Hit[] = [];
    for (const file of [...this.#files.values()].sort((a, b) => (a.path < b.path ? -1 : 1))) {
      let line = 0;
      let lineStart = 0;
      let at = next(file.text, 0);
      for (let nHits = 0; at !== -1 && nHits < MAX_LITERAL_HITS_PER_FILE; nHits++) {
        for (let end = file.text.indexOf("\n", lineStart); end !== -1 && end < at; ) {
          line++;
          lineStart = end + 1;
          end = file.text.indexOf("\n", lineStart);
        }
        const reason = `text "${literal}"`;
        hits.push({ kind: "literal", file, ...oneLine(file, line), score: SCORES.literal, reason });
        const lineEnd = file.text.indexOf("\n", at);
        at = lineEnd === -1 ? -1 : next(file.text, lineEnd + 1);
      }
      if (hits.length >= MAX_LITERAL_HITS) break;
    }
    return hits;
  }

  #textHits(query: Query): Hit[] {
    const groups = query.words.map((word) => word.terms);
    const chunks = this.#chunks.score(groups);
    for (const chunk of chunks) chunk.score *= countBits(chunk.groups) / groups.length;
    chunks.sort((a, b) => b.score - a.score || this.#compareOwners(a.chunk, b.chunk));
    const top = chunks.slice(0, MAX_CHUNKS);
    const bestScore = top[0]?.score ?? 1;
    const matches = termMatcher(new Set(groups.flat()));
    return top.map((chunk) => this.#textHit(query, chunk, (SCORES.text * chunk.score) / bestScore, matches));
  }

  #textHit(query: Query, { chunk, groups }: ScoredChunk, score: number, matches: (line: string) => number): Hit {
    const file = this.#owners[chunk]!;
    const firstLine = (chunk - file.chunks.first) * WINDOW_LINES;
    const lines = this.#chunks.textOf(chunk, file.text).split("\n");
    const counts = lines.map(matches);
    const bestLine = firstLine + counts.indexOf(Math.max(...counts));
    const words = query.words.filter((_, index) => (groups & (1 << index)) !== 0).map((word) => word.text);
    const reason = `${countWords(words.length)} of the query: ${words.join(", ")}`;
    const symbol = enclosingSymbol(file.symbols, bestLine);
    const window = { startLine: firstLine, endLine: firstLine + lines.findLastIndex((line) => line.trim() !== "") };
    const range = symbol === undefined ? window : { startLine: symbol.line, endLine: symbol.endLine! };
    return { kind: "text", file, ...range, symbol: symbol?.name, score, reason };
  }

  #compareOwners(a: number, b: number): number {
    const pathA = this.#owners[a]!.path;
    const pathB = this.#owners[b]!.path;
    if (pathA !== pathB) return pathA < pathB ? -1 : 1;
    return a - b;
  }
}

function oneLine(file: FileEntry, line: number): Pick<Hit, "startLine" | "endLine" | "symbol"> {
  return { startLine: line, endLine: line, symbol: enclosingSymbol(file.symbols, line)?.name };
}

/** The innermost definition around a line, if it is short enough to be the place itself. */
function enclosingSymbol(symbols: readonly SymbolEntry[], line: number): SymbolEntry | undefined {
  return symbols.findLast(
    (symbol) =>
      symbol.endLine !== undefined &&
      symbol.line <= line &&
      line <= symbol.endLine &&
      symbol.endLine - symbol.line < MAX_SYMBOL_LINES,
  );
}

/** Counts how many of the terms a line has, each once; remembers identifiers, for windows repeat them. */
function termMatcher(terms: ReadonlySet<string>): (line: string) => number {
  const known = new Map<string, string[]>();
  return (line) => {
    const found = new Set<string>();
    for (const identifier of line.match(IDENTIFIER) ?? []) {
      const matching = known.get(identifier) ?? termsOf(identifier).filter((term) => terms.has(term));
      known.set(identifier, matching);
      for (const term of matching) found.add(term);
    }
    return found.size;
  };
}

function countWords(count: number): string {
  return count === 1 ? "1 word" : `${count} words`;
}

function countBits(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
