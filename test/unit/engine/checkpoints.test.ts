// Tests how many checkpoints the policy affords and how far apart it puts them.
import assert from "node:assert/strict";
import fc from "fast-check";
import { CheckpointPolicy, MIN_SPACING_TOKENS } from "../../../engine/src/checkpoints.ts";

const MIB = 1 << 20;
/** The recurrent state of Qwen3.5 4B. */
const STATE_BYTES = 50.25 * MIB;
const WINDOW_TOKENS = 262_144;

describe("CheckpointPolicy", () => {
  const cases: [quotaMib: number, totalTokens: number, spacing: number][] = [
    // The least spacing, while the quota allows it.
    [4096, 10_000, MIN_SPACING_TOKENS],
    [4096, WINDOW_TOKENS, MIN_SPACING_TOKENS],
    // 20 checkpoints, 8 of them kept for chats.
    [1024, WINDOW_TOKENS, Math.ceil(WINDOW_TOKENS / 12)],
    // No more than the chats' share: one for the base.
    [402, WINDOW_TOKENS, WINDOW_TOKENS],
    [0, WINDOW_TOKENS, WINDOW_TOKENS],
    [0, 100, MIN_SPACING_TOKENS],
  ];
  for (const [quotaMib, totalTokens, spacing] of cases) {
    it(`puts them ${spacing} tokens apart for ${totalTokens} tokens and ${quotaMib} MiB`, () => {
      assert.equal(new CheckpointPolicy(quotaMib * MIB, STATE_BYTES).spacing(totalTokens), spacing);
    });
  }

  it("puts none for a model that needs none", () => {
    const policy = new CheckpointPolicy(MIB, 0);
    assert.equal(policy.spacing(WINDOW_TOKENS), Number.POSITIVE_INFINITY);
    assert.ok(policy.hasRoom(0));
  });

  it("has room up to its quota and no further", () => {
    const policy = new CheckpointPolicy(3 * STATE_BYTES, STATE_BYTES);
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((taken) => policy.hasRoom(taken * STATE_BYTES)),
      [true, true, true, false, false],
    );
  });

  it("fits its grid into the quota, beside the chats' share, for every size", () => {
    const state = fc.integer({ min: 1, max: 100 * MIB });
    const quota = fc.integer({ min: 0, max: 2 ** 31 });
    fc.assert(
      fc.property(quota, state, fc.integer({ min: 1, max: WINDOW_TOKENS }), (quotaBytes, bytesEach, totalTokens) => {
        const policy = new CheckpointPolicy(quotaBytes, bytesEach);
        const spacing = policy.spacing(totalTokens);
        assert.ok(spacing >= MIN_SPACING_TOKENS);
        const nInGrid = Math.floor(totalTokens / spacing);
        assert.ok(nInGrid <= Math.max(1, Math.floor(quotaBytes / bytesEach) - 8));
        let taken = 0;
        while (taken < 2000 && policy.hasRoom(taken * bytesEach)) taken += 1;
        assert.ok(taken * bytesEach <= quotaBytes);
      }),
      { seed: 5 },
    );
  });
});
