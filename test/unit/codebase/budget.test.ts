// Tests the budget of the base: which of memory, window, setting and patience limits it, and the sentences about it.
import assert from "node:assert/strict";
import fc from "fast-check";
import { type BudgetFacts, planBase } from "../../../server/src/codebase/budget.ts";
import type { FitPlan } from "../../../server/src/models/fit.ts";

const GIB = 1024 ** 3;

describe("budget", () => {
  it("explains every step, and what limits the base", () => {
    const budget = planBase(facts({ contextTokens: 96_256, tokensPerSecond: 38.04 }));
    assert.deepEqual(budget, {
      baseTokens: 68_400,
      reserveTokens: 24_064,
      limit: "patience",
      sentences: [
        "Window: the model was trained for 262,144 tokens.",
        "Memory: 96,256 tokens fit (3.00 GiB weights; 2.00 GiB KV cache; 5.00 GiB in all, which fits into 6.00 GiB).",
        "Patience: 30 minutes × 38 tokens a second = 68,400 tokens.",
        "Kept free for changes, question and answer: 24,064 tokens.",
        "So the base may take 68,400 tokens; patience (the setting context.maxMinutes) is what limits it.",
      ],
    });
  });

  it("is limited by memory, the window or the setting when reading is fast", () => {
    const fast = { tokensPerSecond: 5000 };
    const memory = planBase(facts({ ...fast, contextTokens: 96_256 }));
    assert.deepEqual([memory.limit, memory.baseTokens], ["memory", 72_192]);
    const window = planBase(facts({ ...fast, contextTokens: 262_144 }));
    assert.deepEqual([window.limit, window.baseTokens, window.reserveTokens], ["window", 229_376, 32_768]);
    // The setting is not a multiple of the step in which contexts are loaded.
    const setting = planBase(facts({ ...fast, contextTokens: 49_920, settingMaxTokens: 50_000 }));
    assert.deepEqual([setting.limit, setting.baseTokens], ["setting", 37_440]);
    assert.ok(setting.sentences.includes("Setting: context.maxTokens allows 50,000 tokens."));
    const both = planBase(facts({ ...fast, contextTokens: 32_768, settingMaxTokens: 50_000 }));
    assert.equal(both.limit, "memory");
  });

  it("says that patience sets no limit while the speed is not known", () => {
    const budget = planBase(facts({ tokensPerSecond: 0, maxMinutes: 1 }));
    assert.equal(budget.baseTokens, 96_256 - budget.reserveTokens);
    assert.match(budget.sentences.join("\n"), /^Patience: the reading speed is not known yet, .* set no limit\.$/m);
  });

  it("says when memory may not do, and when less was loaded than planned", () => {
    const fit = { ...planOf(4096), availableBytes: GIB };
    const text = planBase(facts({ contextTokens: 2048, fit })).sentences.join("\n");
    assert.match(
      text,
      /Memory: 4,096 tokens may not fit \(.*does not fit into 1\.00 GiB\)\. Loaded are 2,048 tokens\./,
    );
  });

  it("keeps no more free than there is, and plans nothing out of nonsense", () => {
    for (const contextTokens of [0, 1, 2000, Number.NaN, -5]) {
      const { baseTokens, reserveTokens } = planBase(facts({ contextTokens }));
      assert.deepEqual([baseTokens, reserveTokens], [0, Math.max(0, contextTokens || 0)]);
    }
  });

  it("never exceeds the context, and never falls when a fact grows", () => {
    const limits = {
      contextTokens: 300_000,
      trainedContextTokens: 300_000,
      settingMaxTokens: 300_000,
      maxMinutes: 10_080,
    };
    const keys = [...Object.keys(limits), "tokensPerSecond"] as (keyof typeof limits | "tokensPerSecond")[];
    const random = fc.record({
      contextTokens: fc.integer({ min: 1, max: limits.contextTokens }),
      trainedContextTokens: fc.integer({ min: 1, max: limits.trainedContextTokens }),
      settingMaxTokens: fc.integer({ min: 1, max: limits.settingMaxTokens }),
      maxMinutes: fc.integer({ min: 1, max: 100 }),
      tokensPerSecond: fc.double({ min: 0.001, max: 500, noNaN: true }),
    });
    fc.assert(
      fc.property(random, fc.constantFrom(...keys), fc.double({ min: 1, max: 3, noNaN: true }), (some, key, factor) => {
        const budget = planBase(facts(some));
        assert.ok(Number.isSafeInteger(budget.baseTokens) && budget.baseTokens >= 0);
        assert.ok(budget.baseTokens + budget.reserveTokens <= some.contextTokens);
        const grown = planBase(facts({ ...some, [key]: some[key] * factor }));
        assert.ok(grown.baseTokens >= budget.baseTokens, key);
        assert.ok(budget.sentences.every((sentence) => /^[A-Z].*\.$/.test(sentence)));
      }),
      { numRuns: 1000 },
    );
  });
});

function facts(some: Partial<BudgetFacts>): BudgetFacts {
  const contextTokens = some.contextTokens ?? 96_256;
  return {
    contextTokens,
    trainedContextTokens: 262_144,
    settingMaxTokens: 0,
    maxMinutes: 30,
    tokensPerSecond: 38,
    fit: planOf(contextTokens),
    ...some,
  };
}

function planOf(contextTokens: number): FitPlan {
  return {
    contextTokens,
    completionContextTokens: 4096,
    kvType: "f16",
    gpu: "cpu",
    checkpointBytes: 0,
    needBytes: 5 * GIB,
    availableBytes: 6 * GIB,
    sentence: "",
    parts: [
      { what: "weights", bytes: 3 * GIB },
      { what: "KV cache", bytes: 2 * GIB },
    ],
  };
}
