// Turns questions and chunks of code into vectors by the bundled static code embedder (server/models/embedder/FORMAT.md).
import { readFile } from "node:fs/promises";
import { codeWords } from "./codeWords.ts";
import { RememberedWords } from "./rememberedWords.ts";

const MAGIC = "SCE1";
const FORMAT = "static-code-embedder";
const VERSION = 1;
/** Magic and length of the header, bytes. */
const PREAMBLE_BYTES = 8;
/** Longest piece of an unknown word that is looked up, letters. */
const MAX_PIECE = 20;
/** Rows of unknown words that are remembered beside the vocabulary. */
const MAX_REMEMBERED = 50_000;
/** Distinct rows of one text that count; a chunk has a few hundred. */
const MAX_ROWS_OF_TEXT = 65_536;
const FNV_OFFSET = 2_166_136_261;
const FNV_PRIME = 16_777_619;

interface Header {
  format: string;
  version: number;
  dim: number;
  /** Vocabulary words and hashed rows together. */
  rows: number;
  words: number;
  buckets: number;
  dtype: string;
  /** A row that occurs n times counts n to this power. */
  tfPower: number;
  minPiece: number;
  /** Least share of an unknown word that its pieces must cover. */
  minCovered: number;
  vocabBytes: number;
}

/** @throws Error with a sentence if the file is missing or is none: the installation is broken. */
export async function loadEmbedder(file: string): Promise<Embedder> {
  try {
    const bytes = await readFile(file);
    // A copy at the start of a buffer of its own: the matrix is read in place and must be aligned.
    return new Embedder(Uint8Array.from(bytes).buffer);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The code embedder ${file} cannot be used (${reason}). Install Fathom again.`, { cause: error });
  }
}

export class Embedder {
  /** Length of every vector. */
  readonly dim: number;
  readonly #header: Header;
  readonly #queryWeights: Float32Array;
  readonly #chunkWeights: Float32Array;
  readonly #matrix: Int8Array;
  /** Row of each vocabulary word. */
  readonly #vocabulary: ReadonlyMap<string, number>;
  /** Rows of words that are not in the vocabulary, most of which occur again soon. */
  readonly #remembered = new Map<string, readonly number[]>();
  /** Rows of the words of each identifier: an underscore or a sign ends words, and so do all ends of identifiers. */
  readonly #rowsIn = new RememberedWords((identifier) => codeWords(identifier).flatMap((word) => this.rowsOf(word)));
  /** How often each row occurs in the text at hand; all 0 between two texts. */
  readonly #counts: Uint16Array;
  readonly #touched = new Int32Array(MAX_ROWS_OF_TEXT);
  readonly #saturation: Float64Array;
  /** Length of each row under its query weight, and the median of all. */
  #norms: { byRow: Float64Array; median: number } | undefined;

  /** @throws Error why it is not such a file, as part of a sentence. */
  constructor(buffer: ArrayBuffer) {
    const { header, bodyAt } = readHeader(buffer);
    const { rows, dim, vocabBytes, words } = header;
    const weightsAt = bodyAt + vocabBytes + (-vocabBytes & 3);
    if (buffer.byteLength !== weightsAt + rows * (8 + dim)) throw new Error("it has the wrong length");
    const vocabulary = new TextDecoder("utf-8", { fatal: true })
      .decode(new Uint8Array(buffer, bodyAt, vocabBytes))
      .split("\n");
    if (vocabulary.length !== words) throw new Error("its vocabulary has the wrong length");
    this.dim = dim;
    this.#header = header;
    this.#queryWeights = new Float32Array(buffer, weightsAt, rows);
    this.#chunkWeights = new Float32Array(buffer, weightsAt + 4 * rows, rows);
    this.#matrix = new Int8Array(buffer, weightsAt + 8 * rows, rows * dim);
    this.#vocabulary = new Map(vocabulary.map((word, row) => [word, row]));
    this.#counts = new Uint16Array(rows);
    this.#saturation = Float64Array.from({ length: MAX_ROWS_OF_TEXT }, (_, count) => count ** header.tfPower);
  }

  /** @returns A unit vector, or zeros for a text without words. Compare with {@link embedChunk} by the dot product. */
  embedQuery(text: string): Float32Array {
    return this.#embed(text, this.#queryWeights);
  }

  /** @param text One definition with its path and comment, about 200 to 1,500 characters. */
  embedChunk(text: string): Float32Array {
    return this.#embed(text, this.#chunkWeights);
  }

  /** How much a word of a question says, 0 to 1: a learned factor for its weight in BM25; question words are near 0. */
  importance(word: string): number {
    this.#norms ??= this.#computeNorms();
    const { byRow, median } = this.#norms;
    return Math.min(1, byRow[this.rowsOf(word).at(-1)!]! / median);
  }

  /** Rows of one word: its own; else those of its longest known pieces, if they cover enough of it, and a hashed one. */
  rowsOf(word: string): readonly number[] {
    const own = this.#vocabulary.get(word);
    if (own !== undefined) return [own];
    const known = this.#remembered.get(word);
    if (known !== undefined) return known;
    const { words, buckets } = this.#header;
    const rows = [...this.#pieces(word), words + (fnv1a(word) % buckets)];
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(word, rows);
    return rows;
  }

  #pieces(word: string): number[] {
    const { minPiece, minCovered } = this.#header;
    const rows: number[] = [];
    let covered = 0;
    for (let at = 0; at + minPiece <= word.length; ) {
      const piece = this.#longestPiece(word, at);
      if (piece === undefined) {
        at++;
        continue;
      }
      rows.push(piece.row);
      covered += piece.length;
      at += piece.length;
    }
    return covered < minCovered * word.length ? [] : rows;
  }

  #longestPiece(word: string, at: number): { row: number; length: number } | undefined {
    for (let length = Math.min(MAX_PIECE, word.length - at); length >= this.#header.minPiece; length--) {
      const row = this.#vocabulary.get(word.slice(at, at + length));
      if (row !== undefined) return { row, length };
    }
    return undefined;
  }

  /** Sum over the distinct rows of weight × count^tfPower × row, at length 1. */
  #embed(text: string, weights: Float32Array): Float32Array {
    const { dim } = this;
    const vector = new Float32Array(dim);
    const nRows = this.#count(text);
    const nPairs = nRows - (nRows % 2);
    for (let index = 0; index < nPairs; index += 2) this.#addTwo(vector, weights, index);
    if (nPairs < nRows) this.#addOne(vector, weights, nPairs);
    let squares = 0;
    for (let d = 0; d < dim; d++) squares += vector[d]! * vector[d]!;
    if (squares > 0) for (let d = 0, scale = 1 / Math.sqrt(squares); d < dim; d++) vector[d]! *= scale;
    return vector;
  }

  /** Adds a row of the list, times its factor. */
  #addOne(vector: Float32Array, weights: Float32Array, index: number): void {
    const matrix = this.#matrix;
    const factor = this.#takeFactor(weights, index);
    let at = this.#touched[index]! * this.dim;
    for (let d = 0; d < vector.length; d++) vector[d]! += factor * matrix[at++]!;
  }

  /** The same for two rows after another, rounded in between as by {@link #addOne}: half as many loads and stores. */
  #addTwo(vector: Float32Array, weights: Float32Array, index: number): void {
    const matrix = this.#matrix;
    const first = this.#takeFactor(weights, index);
    const second = this.#takeFactor(weights, index + 1);
    let at = this.#touched[index]! * this.dim;
    let next = this.#touched[index + 1]! * this.dim;
    for (let d = 0; d < vector.length; d++) {
      vector[d] = Math.fround(vector[d]! + first * matrix[at++]!) + second * matrix[next++]!;
    }
  }

  /** @returns Weight × count^tfPower of a row of the list, whose count is 0 afterwards. */
  #takeFactor(weights: Float32Array, index: number): number {
    const row = this.#touched[index]!;
    const factor = weights[row]! * this.#saturation[this.#counts[row]!]!;
    this.#counts[row] = 0;
    return factor;
  }

  /** Fills counts and the list of distinct rows. @returns Length of the list. */
  #count(text: string): number {
    let nRows = 0;
    for (const rows of this.#rowsIn.valuesIn(text)) {
      for (const row of rows) {
        const count = this.#counts[row]!;
        if (count === 0) {
          if (nRows === MAX_ROWS_OF_TEXT) continue;
          this.#touched[nRows++] = row;
        }
        if (count < MAX_ROWS_OF_TEXT - 1) this.#counts[row] = count + 1;
      }
    }
    return nRows;
  }

  #computeNorms(): { byRow: Float64Array; median: number } {
    const byRow = Float64Array.from(this.#queryWeights, (weight, row) => {
      const values = this.#matrix.subarray(row * this.dim, (row + 1) * this.dim);
      return weight * Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    });
    return { byRow, median: byRow.toSorted()[byRow.length >> 1]! };
  }
}

function readHeader(buffer: ArrayBuffer): { header: Header; bodyAt: number } {
  const text = (at: number, bytes: number) => new TextDecoder().decode(new Uint8Array(buffer, at, bytes));
  if (buffer.byteLength < PREAMBLE_BYTES || text(0, MAGIC.length) !== MAGIC) throw new Error("it is another file");
  const headerBytes = new DataView(buffer).getUint32(MAGIC.length, true);
  if (PREAMBLE_BYTES + headerBytes > buffer.byteLength) throw new Error("it is cut off");
  const header = JSON.parse(text(PREAMBLE_BYTES, headerBytes)) as Header;
  const { format, version, dtype, words, buckets, rows, dim, vocabBytes } = header;
  if (format !== FORMAT || version !== VERSION || dtype !== "int8") throw new Error("it has another format");
  const counts = [words, buckets, rows, dim, vocabBytes];
  if (!counts.every((count) => Number.isSafeInteger(count) && count > 0)) throw new Error("its header is damaged");
  if (words + buckets !== rows) throw new Error("its header contradicts itself");
  return { header, bodyAt: PREAMBLE_BYTES + headerBytes };
}

/** FNV-1a, 32 bits, over UTF-16 code units. */
function fnv1a(word: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), FNV_PRIME);
  return hash >>> 0;
}
