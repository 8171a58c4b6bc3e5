// Tests which ends of files get a checkpoint, how many the quota affords, and that they stand closer toward the end.
import assert from "node:assert/strict";
import fc from "fast-check";
import { CheckpointPolicy, MIN_SPACING_TOKENS } from "../../../engine/src/checkpoints.ts";

const MIB = 1 << 20;
/** The recurrent state of Qwen3.5 4B. */
const STATE_BYTES = 50.25 * MIB;
const WINDOW_TOKENS = 262_144;

/** Kept free for chats. */
const RESERVED = 8;

/** Ends of files of one size. */
function filesOf(tokens: number, totalTokens: number): number[] {
  return Array.from({ length: Math.floor(totalTokens / tokens) }, (_, index) => (index + 1) * tokens);
}

/** Distances between the start, the positions and each other. */
function gaps(positions: readonly number[]): number[] {
  return positions.map((at, index) => at - (positions[index - 1] ?? 0));
}

describe("CheckpointPolicy", () => {
  const cases: [name: string, quotaMib: number, totalTokens: number, expected: number[]][] = [
    ["the least distance, while the quota allows it", 4096, 10_240, [2048, 4096, 6144, 8192, 10_240]],
    ["nothing for a base shorter than that", 4096, 2047, []],
    // No more than the chats' share: one for the base, in its last quarter.
    ["one without a quota", 0, WINDOW_TOKENS, [196_864]],
    ["one with the chats' share alone", 402, WINDOW_TOKENS, [196_864]],
  ];
  for (const [name, quotaMib, totalTokens, expected] of cases) {
    it(`puts ${name}`, () => {
      const policy = new CheckpointPolicy(quotaMib * MIB, STATE_BYTES);
      assert.deepEqual(policy.positions(filesOf(256, totalTokens), totalTokens), expected);
    });
  }

  it("puts half of them into the last quarter, where the files stand that change most", () => {
    // 20 checkpoints, 8 of them kept for chats; all distances are whole files.
    const totalTokens = 24 * 10_240;
    const positions = new CheckpointPolicy(1024 * MIB, STATE_BYTES).positions(filesOf(256, totalTokens), totalTokens);
    assert.deepEqual(gaps(positions), [...Array(6).fill(30_720), ...Array(6).fill(10_240)]);
  });

  it("puts them at ends of files only, however long these are", () => {
    const ends = [100, 2000, 2100, 4000, 4200, 60_000, 60_100, 62_500];
    const policy = new CheckpointPolicy(4096 * MIB, STATE_BYTES);
    assert.deepEqual(policy.positions(ends, 62_500), [2100, 4200, 60_000, 62_500]);
  });

  it("puts none for a model that needs none", () => {
    const policy = new CheckpointPolicy(MIB, 0);
    assert.deepEqual(policy.positions(filesOf(256, WINDOW_TOKENS), WINDOW_TOKENS), []);
    assert.ok(policy.hasRoom(0));
  });

  it("has room up to its quota and no further", () => {
    const policy = new CheckpointPolicy(3 * STATE_BYTES, STATE_BYTES);
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((taken) => policy.hasRoom(taken * STATE_BYTES)),
      [true, true, true, false, false],
    );
  });

  it("fits into the quota, beside the chats' share, for every size and all files", () => {
    const state = fc.integer({ min: 1, max: 100 * MIB });
    const quota = fc.integer({ min: 0, max: 2 ** 31 });
    const sizes = fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 200 });
    fc.assert(
      fc.property(quota, state, sizes, (quotaBytes, bytesEach, files) => {
        const policy = new CheckpointPolicy(quotaBytes, bytesEach);
        let totalTokens = 0;
        const ends = files.map((size) => (totalTokens += size));
        const positions = policy.positions(ends, totalTokens);
        assert.ok(positions.every((at) => ends.includes(at)));
        assert.ok(gaps(positions).every((gap) => gap >= MIN_SPACING_TOKENS));
        assert.ok(positions.length <= Math.max(1, Math.floor(quotaBytes / bytesEach) - RESERVED));
        let taken = 0;
        while (taken < 2000 && policy.hasRoom(taken * bytesEach)) taken += 1;
        assert.ok(taken * bytesEach <= quotaBytes);
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});
