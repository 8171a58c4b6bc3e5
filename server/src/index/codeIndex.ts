// The index of a workspace: which files are in it, and everything that is found in it; lives in the index process.
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Place } from "../protocol/messages.ts";
import { chunksOf } from "../syntax/chunks.ts";
import type { FileChunk, FileSyntax, SourceText, SymbolSpan } from "../syntax/fileSyntax.ts";
import { fileEnding } from "../syntax/languages.ts";
import type { ChunkStore, StoredChunk, StoredFile } from "./chunkStore.ts";
import type { Embedder } from "./embedder.ts";
import { FileGraph } from "./fileGraph.ts";
import type { Fused } from "./fusion.ts";
import { type SearchableFile, SearchEngine, type SearchEngineOptions, type SearchOptions } from "./searchEngine.ts";
import { StoreWriter } from "./storeWriter.ts";
import type { GraphFile } from "./symbolGraph.ts";
import { type SymbolEntry, SymbolTable } from "./symbolTable.ts";
import { termTextOf } from "./terms.ts";

/** Longest part of a chunk that is looked at for words; only lines without end are longer, characters. */
const MAX_CHUNK_CHARS = 6000;
/** Computing chunks gives way to other work after so long, milliseconds. */
const TURN_MS = 10;
/** Texts of one path that stay in the store beside the newest: as many as branches that someone goes back and forth between. */
const MAX_UNUSED_OF_PATH = 4;
/** A file whose parse did not end is parsed again at the next starts, so often in all: each time may cost seconds. */
const MAX_TRIES = 3;
/** Of a SHA-256. */
const KEY_DIGITS = 24;

/** A text as it shall be found. */
export interface IndexedText extends SourceText {
  uri: string;
  /** When it changed, milliseconds since 1970; ranks equal places. */
  changedMs: number;
}

/** What is kept of a file beside its chunks, as JSON in the store. */
interface Facts extends Omit<GraphFile, "path"> {
  symbols: SymbolSpan[];
  lines: number;
  firstLine: string;
}

interface Entry extends SearchableFile {
  key: string;
  graph: GraphFile;
}

export interface CodeIndexOptions {
  store: ChunkStore;
  embedder: Embedder;
  /** Chunks near to a question by an embedding model; gives undefined while there is none that answers. */
  byModel?: SearchEngineOptions["byModel"];
  /** With chunks and symbols (`SyntaxServiceOptions.withParts`). */
  analyse: (files: readonly SourceText[]) => Promise<FileSyntax[]>;
}

export interface IndexStatistics {
  files: number;
  chunks: number;
  symbols: number;
  /** Files whose chunks were computed, not found in the store. */
  computedFiles: number;
}

/** Names the content of a file under its path: both are in its chunks. @returns Hex digits. */
export function fileKey({ path, text }: SourceText): string {
  return createHash("sha256").update(path).update("\0").update(text).digest("hex").slice(0, KEY_DIGITS);
}

export class CodeIndex {
  readonly #options: CodeIndexOptions;
  readonly #writer: StoreWriter;
  /** Files that can be found, by path. */
  readonly #files = new Map<string, Entry>();
  /** Everything whole in the store, by key: also what is not part of the workspace now, such as another branch's. */
  readonly #stored: Map<string, StoredFile>;
  /** Contents whose parse did not end since the start. */
  readonly #tried = new Set<string>();
  readonly #symbols = new SymbolTable();
  readonly #graph = new FileGraph();
  readonly #engine: SearchEngine;
  #nChunks = 0;
  #computedFiles = 0;

  private constructor(options: CodeIndexOptions, stored: readonly StoredFile[]) {
    this.#options = options;
    this.#writer = new StoreWriter(options.store);
    this.#stored = new Map(stored.map((file) => [file.key, file]));
    this.#engine = new SearchEngine({
      ...options,
      files: this.#files,
      symbols: this.#symbols,
      graph: this.#graph,
    });
  }

  /** @throws LanceDB's error. */
  static async open(options: CodeIndexOptions): Promise<CodeIndex> {
    return new CodeIndex(options, await options.store.files());
  }

  get statistics(): IndexStatistics {
    const { size: symbols } = this.#symbols;
    return { files: this.#files.size, chunks: this.#nChunks, symbols, computedFiles: this.#computedFiles };
  }

  /** The files of the workspace, for who keeps something beside their chunks. */
  contents(): { key: string; chunks: number; changedMs: number }[] {
    return [...this.#files.values()].map(({ key, changedMs }) => {
      return { key, changedMs, chunks: this.#stored.get(key)?.chunks ?? 0 };
    });
  }

  /** True for a file whose chunks are stored, of the workspace or of another branch. */
  isStored(key: string): boolean {
    return this.#stored.has(key);
  }

  /** True if exactly this content is in the index under its path. */
  has(path: string, key: string): boolean {
    return this.#files.get(path)?.key === key;
  }

  /**
   * Adds files, or replaces those of the same paths. What the store has of an earlier time is not computed again, unless
   * its parse did not end then.
   * @throws LanceDB's error: the files are then not in the index.
   */
  async put(texts: readonly IndexedText[]): Promise<void> {
    const keyed = texts.map((text) => ({ ...text, key: this.#keyFor(fileKey(text)) }));
    const changed = keyed.filter(({ path, key, uri }) => !this.has(path, key) || this.#files.get(path)!.uri !== uri);
    const fresh = changed.filter(({ key }) => !this.#stored.has(key));
    if (fresh.length > 0) {
      const syntaxes = await this.#options.analyse(fresh.map(({ path, text }) => ({ path, text })));
      const isUnfinished = (index: number) => syntaxes[index]!.unfinished === true;
      const computed = fresh.map((file, index) =>
        isUnfinished(index) ? { ...file, key: this.#nextTry(file.key) } : file,
      );
      const chunks = await this.#allChunksOf(computed, syntaxes);
      const files = computed.map((file, index) => storedFile(file, syntaxes[index]!, chunks[index]!.length));
      await this.#writer.add(files, chunks.flat());
      for (const file of files) this.#stored.set(file.key, file);
      for (const { key } of fresh.filter((_, index) => isUnfinished(index))) this.#tried.add(key);
      this.#computedFiles += files.length;
    }
    for (const { path, changedMs } of keyed) {
      const entry = this.#files.get(path);
      if (entry !== undefined) entry.changedMs = changedMs;
    }
    for (const { path, uri, key, changedMs } of changed) {
      this.#show(this.#stored.get(this.#keyFor(key))!, { path, uri, changedMs });
    }
  }

  /** Paths that are not there are passed over. Their chunks stay in the store until {@link forgetUnused}. */
  remove(paths: readonly string[]): void {
    for (const path of paths) {
      const entry = this.#files.get(path);
      if (entry === undefined) continue;
      this.#files.delete(path);
      this.#symbols.remove(entry.symbols);
      this.#graph.remove(path);
      this.#nChunks -= this.#stored.get(entry.key)?.chunks ?? 0;
    }
  }

  /** Removes all other files. */
  keepOnly(paths: ReadonlySet<string>): void {
    this.remove([...this.#files.keys()].filter((path) => !paths.has(path)));
  }

  search(query: string, options?: SearchOptions): Promise<Place[]> {
    return this.#engine.search(query, options);
  }

  /** Chunks by words and vectors alone (`SearchEngine.fused`): what the retrieval bench measures. */
  fused(...question: Parameters<SearchEngine["fused"]>): Promise<Fused[]> {
    return this.#engine.fused(...question);
  }

  /**
   * Symbols for a query typed letter by letter (`SymbolTable.find`).
   * @param without Endings of files whose symbols are not wanted.
   */
  symbols(query: string, limit: number, without: readonly string[] = []): SymbolEntry[] {
    const isWanted = ({ path }: SymbolEntry) => !without.includes(fileEnding(path));
    return this.#symbols.find(query.trim(), limit, isWanted);
  }

  /** Definitions of exactly these names. */
  named(names: readonly string[]): SymbolEntry[] {
    return names.flatMap((name) => this.#symbols.named(name).filter((entry) => entry.name === name));
  }

  /** Paths of the files that a file imports (`FileGraph.imported`). */
  imported(path: string): string[] {
    return this.#graph.imported(path);
  }

  /**
   * Removes the oldest of what no file of the workspace is any more; nothing may be put meanwhile.
   * @param keepUnused So many files of other times may stay, a few of each path: a branch that comes back costs nothing.
   */
  async forgetUnused(keepUnused: number): Promise<void> {
    const used = new Set([...this.#files.values()].map(({ key }) => key));
    const newestFirst = [...this.#stored.values()].reverse().filter(({ key }) => !used.has(key));
    const counts = new Map<string, number>();
    let kept = 0;
    const gone = newestFirst.filter(({ path }) => {
      const count = (counts.get(path) ?? 0) + 1;
      counts.set(path, count);
      return count > MAX_UNUSED_OF_PATH || ++kept > keepUnused;
    });
    for (const { key } of gone) this.#stored.delete(key);
    await this.#writer.remove(gone.map(({ key }) => key));
  }

  /** Makes and merges the indexes of the store where that is worth it, and refreshes the graph. */
  async tidy(): Promise<void> {
    await this.#options.store.tidy();
    await this.refreshGraph();
  }

  /** Lets searches know who uses whom now (`FileGraph.refresh`). */
  refreshGraph(): Promise<void> {
    return this.#graph.refresh();
  }

  /**
   * What an unfinished parse gave is stored under a key of its own, so that the content's own key stays free for the whole.
   * @param content Key of a content (`fileKey`), or of what is stored of it.
   * @returns What is stored of it for good, or as long as this process lives; else the same: it is to be computed.
   */
  #keyFor(content: string): string {
    if (this.#stored.has(content)) return content;
    const tries = triesOf(content);
    const last = tries.findLast((key) => this.#stored.has(key));
    const isEnough = last === tries.at(-1) || this.#tried.has(content);
    return last !== undefined && isEnough ? last : content;
  }

  #nextTry(content: string): string {
    const tries = triesOf(content);
    return tries[tries.findLastIndex((key) => this.#stored.has(key)) + 1]!;
  }

  #show(stored: StoredFile, { path, uri, changedMs }: Pick<Entry, "path" | "uri" | "changedMs">): void {
    this.remove([path]);
    const { symbols, lines, firstLine, ...names } = JSON.parse(stored.syntax) as Facts;
    const entries = symbols.map((symbol) => ({ ...symbol, path, uri }));
    const graph = { path, ...names };
    this.#files.set(path, { path, uri, changedMs, key: stored.key, symbols: entries, lines, firstLine, graph });
    this.#symbols.add(entries);
    this.#graph.put(graph);
    this.#nChunks += stored.chunks;
  }

  /** Gives way in between: searches wait for no more than a few files. */
  async #allChunksOf(
    files: readonly (IndexedText & { key: string })[],
    syntaxes: readonly FileSyntax[],
  ): Promise<StoredChunk[][]> {
    const chunks: StoredChunk[][] = [];
    let turnEnd = performance.now() + TURN_MS;
    for (const [index, file] of files.entries()) {
      chunks.push(this.#chunksOf(file, syntaxes[index]!));
      if (performance.now() < turnEnd) continue;
      await setImmediate();
      turnEnd = performance.now() + TURN_MS;
    }
    return chunks;
  }

  #chunksOf({ path, text, key }: IndexedText & { key: string }, { parts }: FileSyntax): StoredChunk[] {
    const starts = lineStarts(text);
    const language = fileEnding(path);
    return (parts?.chunks ?? chunksOf(text, [])).map((chunk) => {
      const { startLine, endLine, symbol, signature } = chunk;
      const start = starts[startLine]!;
      const end = (starts[endLine + 1] ?? text.length + 1) - 1;
      const piece = text.slice(start, Math.min(end, start + MAX_CHUNK_CHARS));
      const shown = shownText({ path, symbol, signature }, piece);
      const terms = termTextOf(shown);
      const vector = this.#options.embedder.embedChunk(shown);
      return { key, path, language, startLine, endLine, symbol, signature, text: piece, terms, vector };
    });
  }
}

/** @returns Keys for what unfinished parses of a content give, one after the other. */
function triesOf(content: string): string[] {
  return Array.from({ length: MAX_TRIES }, (_, index) => `${content}-${index + 1}`);
}

/** @returns Where each line begins. */
function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** A chunk with where it stands: what its words and its vector are made of. */
export function shownText(
  { path, symbol, signature }: Pick<FileChunk, "symbol" | "signature"> & { path: string },
  piece: string,
): string {
  const header = [path, symbol, signature].filter((part) => part !== "");
  return [...header, piece].join("\n");
}

function storedFile(
  { path, text, key }: IndexedText & { key: string },
  syntax: FileSyntax,
  chunks: number,
): StoredFile {
  const { definitions, references, imports, parts } = syntax;
  const firstLine = text.split("\n", FIRST_LINES).find((line) => line.trim() !== "") ?? "";
  const facts: Facts = {
    definitions,
    references,
    imports,
    symbols: parts?.symbols ?? [],
    lines: lineStarts(text).length,
    firstLine: firstLine.trim().slice(0, MAX_FIRST_LINE_CHARS),
  };
  return { key, path, syntax: JSON.stringify(facts), chunks };
}

const FIRST_LINES = 20;
const MAX_FIRST_LINE_CHARS = 160;
