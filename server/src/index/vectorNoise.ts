// How near to a question chunks come that have nothing to do with it: each embedding model has a scale of its own.

/** Fewer give no level. */
const LEAST_SAMPLE = 3;
/** The standard deviation of a normal distribution in median absolute deviations. */
const DEVIATION = 1.4826;
/** Few chunks can be equally far by chance; products of vectors spread more than this. */
const LEAST_DEVIATION = 0.01;
/** So many standard deviations above the middle is no accident, however few chunks there are. */
const LEAST_DEVIATIONS = 3;

/** Vectors of chunks taken at random: most of them are about something else than any one question. */
export class VectorNoise {
  static readonly SAMPLE = 256;
  readonly #sample: Float32Array[];
  #seen: number;

  constructor(vectors: readonly Float32Array[]) {
    this.#sample = vectors.slice(0, VectorNoise.SAMPLE);
    this.#seen = vectors.length;
  }

  /**
   * Each vector that was ever added has about the same chance to be in the sample (Vitter's algorithm R), drawn by a hash of
   * its number, so that the same vectors give the same level.
   */
  add(vector: Float32Array): void {
    this.#seen += 1;
    const at = this.#sample.length < VectorNoise.SAMPLE ? this.#sample.length : hashOf(this.#seen) % this.#seen;
    if (at < VectorNoise.SAMPLE) this.#sample[at] = vector;
  }

  /**
   * @param nChunks Chunks that are searched: the nearest of many is nearer than the nearest of few. Of n normally distributed
   *   values the largest lies about sqrt(2 ln n) standard deviations above the middle.
   * @returns The dot product with this question above which a chunk is near to it; median and deviation from the median,
   *   which a few chunks that are near do not shift.
   */
  levelOf(question: Float32Array, nChunks: number): number {
    if (this.#sample.length < LEAST_SAMPLE) return 1;
    const products = this.#sample.map((vector) => dot(vector, question));
    const middle = median(products);
    const spread = DEVIATION * median(products.map((product) => Math.abs(product - middle)));
    const deviation = Math.max(LEAST_DEVIATION, spread);
    return middle + Math.max(LEAST_DEVIATIONS, Math.sqrt(2 * Math.log(Math.max(1, nChunks)))) * deviation;
  }
}

/** Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4), 32 bits. */
function hashOf(number: number): number {
  const mixed = Math.imul(number, 0x9e3779b1) >>> 0;
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
