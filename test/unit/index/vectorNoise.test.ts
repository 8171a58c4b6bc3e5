// Tests the level above which a chunk is near to a question, on vectors whose answer is known.
import assert from "node:assert/strict";
import { VectorNoise } from "../../../server/src/index/vectorNoise.ts";

const DIM = 32;

/** Unit vectors in directions that have nothing to do with each other, always the same. */
function vectors(count: number, seed = 1): Float32Array[] {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const normal = () => next() + next() + next() + next() - 2;
  return Array.from({ length: count }, () => unit(Float32Array.from({ length: DIM }, normal)));
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}

describe("the noise of vectors", () => {
  it("is above almost all chunks that are about something else, and below one that is about the question", () => {
    const chunks = vectors(2000);
    const noise = new VectorNoise([]);
    for (const chunk of chunks) noise.add(chunk);
    let above = 0;
    for (const question of vectors(50, 7)) {
      const level = noise.levelOf(question, chunks.length);
      above += chunks.filter((chunk) => dot(chunk, question) > level).length;
      const near = unit(question.map((value, index) => 2 * value + chunks[0]![index]!));
      assert.ok(dot(near, question) > level);
    }
    assert.ok(above < 50, `${above} of 100,000`);
  });

  it("does not depend on the model's scale: vectors that are all alike have a higher level", () => {
    const common = vectors(1, 99)[0]!;
    const alike = vectors(500).map((vector) => unit(vector.map((value, index) => value + 2 * common[index]!)));
    const question = alike[0]!;
    assert.ok(new VectorNoise(alike.slice(1)).levelOf(question, 500) > 0.8);
    assert.ok(new VectorNoise(vectors(500)).levelOf(question, 500) < 0.8);
  });

  it("is not raised by a few chunks that are near", () => {
    const question = vectors(1, 5)[0]!;
    const chunks = vectors(20);
    const level = new VectorNoise(chunks).levelOf(question, 20);
    const with3 = new VectorNoise([...chunks, question, question, question]).levelOf(question, 23);
    assert.ok(with3 < 0.9 && Math.abs(with3 - level) < 0.3, `${level} and ${with3}`);
  });

  it("lets nothing through while it knows too little, and keeps a sample of limited size that sees late vectors", () => {
    assert.equal(new VectorNoise(vectors(2)).levelOf(vectors(1)[0]!, 2), 1);
    const late = Float32Array.from({ length: DIM }, (_, index) => (index === 0 ? 1 : 0));
    const early = Float32Array.from({ length: DIM }, (_, index) => (index === 1 ? 1 : 0));
    const noise = new VectorNoise([]);
    for (let n = 0; n < 1000; n++) noise.add(early);
    for (let n = 0; n < 9000; n++) noise.add(late);
    // Nine of ten are late ones: the middle is theirs.
    assert.equal(noise.levelOf(late, 1), 1.03);
    assert.equal(noise.levelOf(early, 1), 0.03);
  });
});
