// Keeps chunks with their words and vectors in LanceDB on disk; knows nothing of queries' meaning, files or ranking.
import { createRequire } from "node:module";
import { BooleanQuery, type Connection, connect, Index, MatchQuery, Occur, type Table } from "@lancedb/lancedb";
import type { Table as ArrowTable, Schema } from "apache-arrow";
import { PendingWork } from "./pendingWork.ts";
import { quoted } from "./sql.ts";

/**
 * The same copy of the module that LanceDB, which is CommonJS, uses: it takes tables of another copy apart and fails
 * (0.31.0: "Table and inner RecordBatch schemas must be equivalent").
 */
const arrow = createRequire(import.meta.url)("apache-arrow") as typeof import("apache-arrow");

/** Raised whenever the columns or the words of the index change their meaning: the old tables are dropped then. */
const VERSION = 2;

/** Below this many rows every vector is compared: exact, and fast enough. */
const VECTOR_INDEX_ROWS = 20_000;
/**
 * Rows of one partition of the vector index, and how many of them are looked at. Measured at 57 partitions: with 12 the best
 * 30 lack 6 %, which cost 4 points of Recall@10; with 30 they lack 1 %, with all none, and still in 8 ms.
 */
const ROWS_PER_PARTITION = 1000;
const PARTITIONS_LOOKED_AT = 50;
/** Training of the partitions: enough for a split, short enough for two cores. */
const TRAINING = { sampleRate: 64, maxIterations: 10 };
/** New rows are searched one by one until they are worth merging into the indexes. */
const UNINDEXED_ROWS = 5000;
/** Each addition and each removal is a version of the table, with a file of its own, until they are merged. */
const UNMERGED_VERSIONS = 200;
/** Old versions of the tables are kept so long for other windows that read them, milliseconds. */
const KEEP_VERSIONS_MS = 10 * 60_000;

/** Names of embedding models begin with it; their tables stay where those of another bundled embedder are dropped. */
const MODEL = "model_";

/** @returns What the tables of an embedding model are named by. */
export function modelTableName(identity: string): string {
  return `${MODEL}${identity}`;
}

/** One chunk as it is stored. */
export interface StoredChunk {
  /** Names the content of the file that it is from (`fileKey`). */
  key: string;
  path: string;
  language: string;
  /** 0-based. */
  startLine: number;
  /** 0-based, inclusive. */
  endLine: number;
  symbol: string;
  signature: string;
  text: string;
  /** Terms for the full-text index, separated by blanks. */
  terms: string;
  vector: Float32Array;
}

/** What is known of a file beside its chunks. */
export interface StoredFile {
  key: string;
  path: string;
  /** JSON. */
  syntax: string;
  /** Chunks that belong to it. */
  chunks: number;
}

/** A chunk that was found. */
export interface FoundChunk extends Omit<StoredChunk, "terms" | "vector"> {
  /** Larger is better; BM25 or the dot product of unit vectors. */
  score: number;
}

export interface SearchLimits {
  limit: number;
  /** Condition on the columns path, language and symbol, as SQL. */
  where?: string;
}

/** A sample is taken from so many places of the table: neighbours are of the same files. */
const SAMPLED_PARTS = 16;

const SHOWN = ["key", "path", "language", "startLine", "endLine", "symbol", "signature", "text"];

export class ChunkStore {
  readonly #connection: Connection;
  readonly #chunks: Table;
  readonly #files: Table;
  readonly #dim: number;
  readonly #work = new PendingWork();
  #hasTerms: boolean;
  #hasVectors: boolean;
  /** Rows since the indexes were made or merged. */
  #unindexed: number;
  #unmerged: number;

  /** @param versions Of the table of chunks, which short sessions before this one may have left. */
  private constructor(connection: Connection, tables: Tables, dim: number, indexes: Indexes, versions: number) {
    this.#connection = connection;
    this.#chunks = tables.chunks;
    this.#files = tables.files;
    this.#dim = dim;
    this.#hasTerms = indexes.columns.includes("terms");
    this.#hasVectors = indexes.columns.includes("vector");
    this.#unindexed = indexes.unindexed;
    this.#unmerged = versions;
  }

  /**
   * Opens the tables, or makes them. Tables of another version or embedder are dropped.
   * @param place Folder, or `memory://`.
   * @param embedder Name of what makes the vectors.
   * @throws LanceDB's error: no room, read-only, damaged.
   */
  static async open(place: string, embedder: string, dim: number): Promise<ChunkStore> {
    const connection = await connect(place);
    const names = { chunks: `chunks_${VERSION}_${embedder}`, files: `files_${VERSION}_${embedder}` };
    const present = await connection.tableNames();
    const isKept = (name: string) => Object.values(names).includes(name) || name.includes(`_${VERSION}_${MODEL}`);
    if (!embedder.startsWith(MODEL)) {
      for (const name of present) if (!isKept(name)) await connection.dropTable(name);
    }
    const open = (name: string, schema: Schema) =>
      present.includes(name) ? connection.openTable(name) : connection.createEmptyTable(name, schema);
    const tables = {
      chunks: await open(names.chunks, chunkSchema(dim)),
      files: await open(names.files, FILE_SCHEMA),
    };
    const versions = (await tables.chunks.listVersions()).length;
    return new ChunkStore(connection, tables, dim, await indexesOf(tables.chunks), versions);
  }

  /** All files whose chunks are whole; what a killed process left half-written is removed. */
  files(): Promise<StoredFile[]> {
    return this.#work.run(async () => {
      const rows = (await this.#files.query().toArray()) as StoredFile[];
      const counts = new Map<string, number>();
      for (const { key } of await this.#chunks.query().select(["key"]).toArray()) {
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      const whole = new Map<string, StoredFile>();
      for (const { key, path, syntax, chunks } of rows) {
        if ((counts.get(key) ?? 0) === chunks) whole.set(key, { key, path, syntax, chunks });
      }
      const keys = new Set([...counts.keys(), ...rows.map(({ key }) => key)]);
      await this.remove([...keys].filter((key) => !whole.has(key)));
      return [...whole.values()];
    });
  }

  /** Adds files with all their chunks. A file counts only once both are there, so that a kill leaves nothing half. */
  add(files: readonly StoredFile[], chunks: readonly StoredChunk[]): Promise<void> {
    return this.#work.run(async () => {
      if (chunks.length > 0) await this.#chunks.add(chunkTable(chunks, this.#dim));
      if (files.length > 0) await this.#files.add(fileTable(files));
      this.#unindexed += chunks.length;
      this.#unmerged += 1;
    });
  }

  /** Removes everything of these keys. The file goes first: without it nothing vouches for the chunks. */
  remove(keys: readonly string[]): Promise<void> {
    return this.#work.run(async () => {
      for (let start = 0; start < keys.length; start += KEYS_PER_STATEMENT) {
        const some = keys.slice(start, start + KEYS_PER_STATEMENT).map(quoted);
        await this.#files.delete(`key IN (${some.join(", ")})`);
        await this.#chunks.delete(`key IN (${some.join(", ")})`);
        this.#unmerged += 1;
      }
    });
  }

  /**
   * BM25 over the terms, each of which counts the same. One query for all of them: LanceDB 0.31 then skips what cannot be
   * among the best, which a query of queries does not.
   */
  searchTerms(terms: readonly string[], limits: SearchLimits): Promise<FoundChunk[]> {
    return this.#match(terms, new MatchQuery(terms.join(" "), "terms"), limits);
  }

  /** Nearest by dot product. */
  searchVector(vector: Float32Array, { limit, where }: SearchLimits): Promise<FoundChunk[]> {
    return this.#work.run(async () => {
      if ((await this.count()) === 0) return [];
      const query = this.#chunks
        .vectorSearch(vector)
        .distanceType("dot")
        .select([...SHOWN, "_distance"])
        .limit(limit);
      if (this.#hasVectors) query.nprobes(PARTITIONS_LOOKED_AT);
      const rows = await (where === undefined ? query : query.where(where)).toArray();
      return rows.map((row) => found(row, 1 - row._distance));
    });
  }

  /**
   * Chunks that have every one of these terms, in no order. A query of queries: LanceDB 0.31 with `Operator.And` finds chunks
   * that lack a term if the index does not know the term, or not yet the chunk.
   */
  withTerms(terms: readonly string[], limits: SearchLimits): Promise<FoundChunk[]> {
    const all = terms.map((term) => [Occur.Must, new MatchQuery(term, "terms")] as [Occur, MatchQuery]);
    return this.#match(terms, new BooleanQuery(all), limits);
  }

  #match(
    terms: readonly string[],
    wanted: MatchQuery | BooleanQuery,
    { limit, where }: SearchLimits,
  ): Promise<FoundChunk[]> {
    return this.#work.run(async () => {
      if (terms.length === 0 || !this.#hasTerms) return [];
      const query = this.#chunks
        .query()
        .fullTextSearch(wanted)
        .select([...SHOWN, "_score"])
        .limit(limit);
      const rows = await (where === undefined ? query : query.where(where)).toArray();
      return rows.map((row) => found(row, row._score));
    });
  }

  /** Chunks with this text, in no order; looks into every chunk. */
  containing(
    text: string,
    { limit, where, ignoreCase }: SearchLimits & { ignoreCase: boolean },
  ): Promise<FoundChunk[]> {
    return this.#work.run(async () => {
      const [column, wanted] = ignoreCase ? ["lower(text)", text.toLowerCase()] : ["text", text];
      const isIn = `strpos(${column}, ${quoted(wanted)}) > 0`;
      const rows = await this.#chunks
        .query()
        .where(where === undefined ? isIn : `(${where}) AND ${isIn}`)
        .select(SHOWN)
        .limit(limit)
        .toArray();
      return rows.map((row) => found(row, 0));
    });
  }

  /** The chunks of these files, in no order. */
  chunksOf(keys: readonly string[]): Promise<FoundChunk[]> {
    return this.#work.run(async () => {
      if (keys.length === 0) return [];
      const rows = await this.#chunks
        .query()
        .where(`key IN (${keys.map(quoted).join(", ")})`)
        .select(SHOWN)
        .toArray();
      return rows.map((row) => found(row, 0));
    });
  }

  /** Up to so many vectors, from all parts of the table. */
  sampleVectors(most: number): Promise<Float32Array[]> {
    return this.#work.run(async () => {
      const rows = await this.count();
      const size = Math.ceil(most / SAMPLED_PARTS);
      const vectors: Float32Array[] = [];
      for (let part = 0; part < SAMPLED_PARTS; part++) {
        const offset = Math.floor((part * rows) / SAMPLED_PARTS);
        const limit = Math.min(size, Math.floor(((part + 1) * rows) / SAMPLED_PARTS) - offset);
        if (limit === 0) continue;
        const found = await this.#chunks.query().select(["vector"]).offset(offset).limit(limit).toArray();
        for (const { vector } of found) vectors.push(Float32Array.from(vector as Iterable<number>));
      }
      return vectors.slice(0, most);
    });
  }

  /** Drops the tables of all embedding models but this one. */
  dropOtherModels(embedder: string): Promise<void> {
    return this.#work.run(async () => {
      for (const name of await this.#connection.tableNames()) {
        if (name.includes(`_${MODEL}`) && !name.endsWith(`_${embedder}`)) await this.#connection.dropTable(name);
      }
    });
  }

  count(): Promise<number> {
    return this.#work.run(() => this.#chunks.countRows());
  }

  /**
   * Makes the indexes that are missing, and merges what was added since, if it is worth it.
   * @param force Merge however little there is.
   */
  tidy({ force = false } = {}): Promise<void> {
    return this.#work.run(async () => {
      const rows = await this.count();
      if (rows === 0) return;
      if (!this.#hasTerms) {
        await this.#chunks.createIndex("terms", { config: Index.fts(TERMS) });
        this.#hasTerms = true;
      }
      if (!this.#hasVectors && rows >= VECTOR_INDEX_ROWS) {
        const numPartitions = Math.ceil(rows / ROWS_PER_PARTITION);
        const config = Index.ivfFlat({ numPartitions, distanceType: "dot", ...TRAINING });
        await this.#chunks.createIndex("vector", { config });
        this.#hasVectors = true;
      }
      if (!force && this.#unindexed < UNINDEXED_ROWS && this.#unmerged < UNMERGED_VERSIONS) return;
      this.#unindexed = 0;
      this.#unmerged = 0;
      const cleanupOlderThan = new Date(Date.now() - KEEP_VERSIONS_MS);
      await this.#chunks.optimize({ cleanupOlderThan });
      await this.#files.optimize({ cleanupOlderThan });
    });
  }

  /** Waits for everything under way. */
  async close(): Promise<void> {
    await this.#work.end();
    this.#chunks.close();
    this.#files.close();
    this.#connection.close();
  }
}

interface Tables {
  chunks: Table;
  files: Table;
}

interface Indexes {
  /** Columns that have one. */
  columns: string[];
  /** Rows that a process left behind before it merged them. */
  unindexed: number;
}

async function indexesOf(table: Table): Promise<Indexes> {
  const indexes = await table.listIndices();
  const stats = await Promise.all(indexes.map(({ name }) => table.indexStats(name)));
  const unindexed = Math.max(0, ...stats.map((stat) => stat?.numUnindexedRows ?? 0));
  return { columns: indexes.flatMap(({ columns }) => columns), unindexed };
}

/** Most bytes of a UTF-16 code unit in UTF-8. */
const MAX_UTF8_BYTES = 3;

/** Longer statements are parsed slowly. */
const KEYS_PER_STATEMENT = 500;

/** The terms are cut, lowered and marked already. */
const TERMS = {
  baseTokenizer: "whitespace",
  withPosition: false,
  lowercase: false,
  stem: false,
  removeStopWords: false,
  asciiFolding: false,
  maxTokenLength: 80,
} as const;

const TEXT_COLUMNS = ["key", "path", "language", "symbol", "signature", "text", "terms"] as const;
const NUMBER_COLUMNS = ["startLine", "endLine"] as const;

function chunkSchema(dim: number): Schema {
  return new arrow.Schema([
    ...TEXT_COLUMNS.map((name) => new arrow.Field(name, new arrow.Utf8(), false)),
    ...NUMBER_COLUMNS.map((name) => new arrow.Field(name, new arrow.Int32(), false)),
    new arrow.Field("vector", new arrow.FixedSizeList(dim, new arrow.Field("item", new arrow.Float32(), true)), true),
  ]);
}

const FILE_SCHEMA = new arrow.Schema([
  new arrow.Field("key", new arrow.Utf8(), false),
  new arrow.Field("path", new arrow.Utf8(), false),
  new arrow.Field("syntax", new arrow.Utf8(), false),
  new arrow.Field("chunks", new arrow.Int32(), false),
]);

/** All into one buffer: arrow's own builder takes five times as long. */
function texts(values: readonly string[]) {
  const bytes = Buffer.allocUnsafe(MAX_UTF8_BYTES * values.reduce((sum, { length }) => sum + length, 0));
  const valueOffsets = new Int32Array(values.length + 1);
  let end = 0;
  for (const [index, value] of values.entries()) {
    end += bytes.write(value, end);
    valueOffsets[index + 1] = end;
  }
  const type = new arrow.Utf8();
  const data = bytes.subarray(0, end);
  return arrow.makeData({ type, length: values.length, nullCount: 0, valueOffsets, data });
}

function numbers(values: readonly number[]) {
  return arrow.makeData({ type: new arrow.Int32(), data: Int32Array.from(values) });
}

/** Column by column: row by row would box every number of every vector. */
function chunkTable(chunks: readonly StoredChunk[], dim: number): ArrowTable {
  const schema = chunkSchema(dim);
  const flat = new Float32Array(chunks.length * dim);
  for (const [index, { vector }] of chunks.entries()) flat.set(vector, index * dim);
  const vectors = arrow.makeData({
    type: new arrow.FixedSizeList(dim, new arrow.Field("item", new arrow.Float32(), true)),
    length: chunks.length,
    nullCount: 0,
    child: arrow.makeData({ type: new arrow.Float32(), data: flat }),
  });
  const children = [
    ...TEXT_COLUMNS.map((name) => texts(chunks.map((chunk) => chunk[name]))),
    ...NUMBER_COLUMNS.map((name) => numbers(chunks.map((chunk) => chunk[name]))),
    vectors,
  ];
  return asTable(schema, chunks.length, children);
}

function fileTable(files: readonly StoredFile[]): ArrowTable {
  const children = [
    ...(["key", "path", "syntax"] as const).map((name) => texts(files.map((file) => file[name]))),
    numbers(files.map(({ chunks }) => chunks)),
  ];
  return asTable(FILE_SCHEMA, files.length, children);
}

function asTable(schema: Schema, length: number, children: ReturnType<typeof arrow.makeData>[]): ArrowTable {
  const data = arrow.makeData({ type: new arrow.Struct(schema.fields), length, nullCount: 0, children });
  return new arrow.Table(schema, [new arrow.RecordBatch(schema, data)]);
}

function found(row: FoundChunk, score: number): FoundChunk {
  const { key, path, language, startLine, endLine, symbol, signature, text } = row;
  return { key, path, language, startLine, endLine, symbol, signature, text, score };
}
