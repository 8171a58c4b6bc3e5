// Tests of the memory arithmetic with the 4B's figures, and of what must hold for every model on every machine.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Hardware } from "../../../engine/src/api.ts";
import {
  CONTEXT_STEP_TOKENS,
  explainFit,
  type FitFacts,
  type FitPlan,
  type FitWish,
  fitsMemory,
  MIN_CONTEXT_TOKENS,
  planFits,
} from "../../../server/src/models/fit.ts";

const GIB = 1024 ** 3;

const FOUR_B: FitFacts = {
  weightBytes: Math.round(2.54 * GIB),
  trainedContextTokens: 262_144,
  kvBytesPerToken: { f16: 32_768, q8_0: 17_408 },
  recurrentStateBytes: 52_690_944,
  vocabularySize: 248_320,
  embeddingLength: 2560,
};
/** The demo model, from its header. */
const NANO: FitFacts = {
  weightBytes: 3_574_048,
  trainedContextTokens: 262_144,
  kvBytesPerToken: { f16: 1024, q8_0: 544 },
  recurrentStateBytes: 116_736,
  vocabularySize: 4096,
  embeddingLength: 160,
};
const AUTO: FitWish = { maxTokens: 0, kvType: "auto", gpu: "auto" };

interface Machine {
  totalGib: number;
  freeGib?: number;
  platform?: string;
  gpuGib?: number;
}

function machine({ totalGib, freeGib = totalGib, platform = "linux 6.1.0 x64", gpuGib }: Machine): Hardware {
  const bytes = (gpuGib ?? 0) * GIB;
  const gpu = { name: "GPU", backend: "vulkan", totalBytes: bytes, freeBytes: bytes } as const;
  return {
    platform,
    cpu: "CPU",
    cores: 8,
    totalMemoryBytes: totalGib * GIB,
    freeMemoryBytes: freeGib * GIB,
    gpu: gpuGib === undefined ? undefined : gpu,
    cudaFound: false,
    runtime: "",
    residentBytes: 0,
  };
}

function best(facts: FitFacts, hardware: Hardware, wish: Partial<FitWish> = {}): FitPlan {
  const [plan] = planFits(facts, hardware, { ...AUTO, ...wish });
  assert.ok(plan !== undefined);
  return plan;
}

function part(plan: FitPlan, words: RegExp): number {
  const found = plan.parts.find(({ what }) => words.test(what));
  assert.ok(found !== undefined, `${words} in ${plan.parts.map(({ what }) => what).join("; ")}`);
  return found.bytes;
}

describe("planFits for the 4B", () => {
  const cases: [string, Machine, string][] = [
    ["8 GiB", { totalGib: 8 }, "65536 q8_0 auto"],
    ["16 GiB", { totalGib: 16 }, "262144 q8_0 auto"],
    ["16 GiB, half of it in use", { totalGib: 16, freeGib: 8 }, "131072 q8_0 auto"],
    ["32 GiB", { totalGib: 32 }, "262144 f16 auto"],
    [
      "Mac with 64 GiB, hardly any of it free by its own count",
      { totalGib: 64, freeGib: 1, gpuGib: 48, platform: "darwin 23.5.0 arm64" },
      "262144 f16 auto",
    ],
    ["24 GiB card", { totalGib: 32, gpuGib: 24 }, "262144 f16 auto"],
    ["card of 4 GiB in 32 GiB", { totalGib: 32, gpuGib: 4 }, "262144 f16 cpu"],
  ];
  for (const [name, hardware, expected] of cases) {
    it(name, () => {
      const plan = best(FOUR_B, machine(hardware));
      assert.equal(`${plan.contextTokens} ${plan.kvType} ${plan.gpu}`, expected);
      assert.ok(fitsMemory(plan));
    });
  }

  it("has the whole context on 16 GiB only with q8_0", () => {
    const hardware = machine({ totalGib: 16 });
    const whole = planFits(FOUR_B, hardware, AUTO).filter((plan) => plan.contextTokens === 262_144);
    assert.deepEqual(
      whole.map((plan) => plan.kvType),
      ["q8_0"],
    );
    assert.equal(best(FOUR_B, hardware, { kvType: "f16" }).contextTokens, 131_072);
  });

  it("adds up the figures of QWEN35.md 2.1", () => {
    const plan = best(FOUR_B, machine({ totalGib: 16 }));
    assert.equal(part(plan, /^weights/), FOUR_B.weightBytes);
    assert.equal(part(plan, /^KV cache of 262,144 tokens in q8_0/), 4.25 * GIB);
    assert.equal(part(plan, /completion context/), plan.completionContextTokens * 17_408);
    assert.equal(part(plan, /recurrent/), 2 * 52_690_944);
    assert.equal(part(plan, /checkpoints/), plan.checkpointBytes);
    assert.equal(
      plan.needBytes,
      plan.parts.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    assert.equal(plan.availableBytes, 12 * GIB);
  });

  it("explains itself line by line", () => {
    const plan = best(FOUR_B, machine({ totalGib: 16 }));
    const lines = explainFit(plan);
    assert.equal(lines.length, plan.parts.length + 1);
    assert.equal(lines[0], "2.54 GiB weights");
    assert.match(lines.at(-1) ?? "", /^[\d.]+ GiB in all, which fits into 12\.00 GiB$/);
    assert.match(
      plan.sentence,
      /^Fits: about .* of .* of memory, with 262,144 tokens of context and a q8_0 cache\. It is all the context that the model was trained for\.$/,
    );
  });

  it("offers one plan that says so when nothing fits", () => {
    const plans = planFits(FOUR_B, machine({ totalGib: 4 }), AUTO);
    assert.equal(plans.length, 1);
    const [plan] = plans;
    assert.ok(plan !== undefined && !fitsMemory(plan));
    assert.deepEqual([plan.contextTokens, plan.completionContextTokens, plan.kvType], [4096, 4096, "q8_0"]);
    assert.match(plan.sentence, /^May not fit: .* Close other programs or choose a smaller model\.$/);
    assert.match(explainFit(plan).at(-1) ?? "", /does not fit into/);
  });

  it("keeps checkpoints of a graphics card's model in host memory", () => {
    const plan = best(FOUR_B, machine({ totalGib: 32, gpuGib: 24 }));
    assert.equal(plan.checkpointBytes, 2 * GIB);
    assert.ok(plan.parts.every(({ what }) => what !== "checkpoints"));
    assert.match(plan.sentence, /the GPU's memory/);
  });

  it("uses no GPU when the user forbids it", () => {
    const plans = planFits(FOUR_B, machine({ totalGib: 32, gpuGib: 24 }), { ...AUTO, gpu: "cpu" });
    assert.ok(plans.every((plan) => plan.gpu === "cpu" && plan.availableBytes === 24 * GIB));
  });
});

describe("planFits and the wished length", () => {
  const roomy = machine({ totalGib: 64 });
  const cases: [string, number, number, number][] = [
    ["no wish: the trained length", 0, 262_144, 262_144],
    ["a wish, rounded down to a step", 100_000, 262_144, 99_840],
    ["more than the model was trained for", 1_000_000, 32_768, 32_768],
    ["less than a step", 100, 262_144, 256],
    ["a model shorter than a step", 0, 128, 128],
  ];
  for (const [name, maxTokens, trainedContextTokens, expected] of cases) {
    it(name, () => {
      const plan = best({ ...NANO, trainedContextTokens }, roomy, { maxTokens });
      assert.equal(plan.contextTokens, expected);
      assert.ok(plan.completionContextTokens <= expected);
    });
  }

  it("goes down by halves to the smallest worth offering", () => {
    const plans = planFits(NANO, roomy, { maxTokens: 40_000, kvType: "f16", gpu: "auto" });
    assert.deepEqual(
      plans.map((plan) => plan.contextTokens),
      [39_936, 19_968, 9984, 4864, 4096],
    );
  });

  it("has the completion context large when there is plenty and small when it is tight", () => {
    assert.equal(best(NANO, roomy).completionContextTokens, 16_384);
    assert.equal(best(FOUR_B, roomy, { maxTokens: 8192 }).completionContextTokens, 8192);
    assert.equal(best(FOUR_B, machine({ totalGib: 8 })).completionContextTokens, 4096);
  });
});

describe("planFits on any machine", () => {
  const facts = fc.record({
    weightBytes: fc.integer({ min: 1e6, max: 40e9 }),
    trainedContextTokens: fc.integer({ min: 64, max: 1_048_576 }),
    kvBytesPerToken: fc.integer({ min: 64, max: 262_144 }).map((f16) => ({ f16, q8_0: Math.ceil((f16 * 17) / 32) })),
    recurrentStateBytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2e8 })),
    vocabularySize: fc.integer({ min: 256, max: 300_000 }),
    embeddingLength: fc.integer({ min: 64, max: 8192 }),
  });
  const size = fc.double({ min: 0.1, max: 512, noNaN: true });
  const hardware = fc
    .record({
      totalGib: size,
      freeShare: fc.double({ min: 0, max: 1, noNaN: true }),
      platform: fc.constantFrom("linux 6.1.0 x64", "darwin 23.5.0 arm64", "win32 10.0.22631 x64"),
      gpuGib: fc.option(size, { nil: undefined }),
    })
    .map(({ totalGib, freeShare, platform, gpuGib }) =>
      machine({ totalGib, freeGib: totalGib * freeShare, platform, gpuGib }),
    );
  const wish: fc.Arbitrary<FitWish> = fc.record({
    maxTokens: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1_048_576 })),
    kvType: fc.constantFrom("auto", "f16", "q8_0"),
    gpu: fc.constantFrom("auto", "cpu"),
  });
  const holds = (name: string, check: (plans: FitPlan[], facts: FitFacts, wish: FitWish) => void) =>
    it(name, () => {
      fc.assert(
        fc.property(facts, hardware, wish, (f, h, w) => check(planFits(f, h, w), f, w)),
        { numRuns: 500 },
      );
    });

  holds("there is a plan, and only a lone one may exceed what is available", (plans) => {
    assert.ok(plans.length > 0);
    for (const plan of plans) {
      assert.ok(fitsMemory(plan) || (plans.length === 1 && plan.sentence.startsWith("May not fit")));
    }
  });

  holds(
    "no context exceeds the trained length or the wish, and all are whole steps",
    (plans, { trainedContextTokens }, w) => {
      const most = Math.min(trainedContextTokens, Math.max(w.maxTokens || trainedContextTokens, CONTEXT_STEP_TOKENS));
      for (const { contextTokens, completionContextTokens } of plans) {
        assert.ok(contextTokens > 0 && contextTokens <= most);
        assert.ok(contextTokens % CONTEXT_STEP_TOKENS === 0 || contextTokens === trainedContextTokens);
        assert.ok(completionContextTokens > 0 && completionContextTokens <= contextTokens);
      }
    },
  );

  holds(
    "each plan is smaller than the one before: in context, else in KV type, and never larger caches of a type",
    (all) => {
      // Behind a graphics card's plans come the processor's, which begin with the largest again.
      const first = all[0]!.gpu;
      const plans = all.filter((plan) => plan.gpu === first);
      assert.ok(all.slice(plans.length).every((plan) => plan.gpu === "cpu"));
      for (const [index, plan] of plans.entries()) {
        const before = plans[index - 1];
        if (before === undefined) continue;
        const isSameContext = plan.contextTokens === before.contextTokens;
        assert.ok(plan.contextTokens < before.contextTokens || (isSameContext && before.kvType === "f16"));
      }
      for (const kvType of ["f16", "q8_0"]) {
        const tokens = plans.filter((plan) => plan.kvType === kvType).map(cacheTokens);
        assert.deepEqual(
          tokens,
          [...tokens].sort((a, b) => b - a),
        );
      }
    },
  );

  holds(
    "checkpoints have room for eight states and take no more than 2 GiB otherwise",
    (plans, { recurrentStateBytes }) => {
      for (const { checkpointBytes } of plans) {
        assert.ok(checkpointBytes >= 8 * recurrentStateBytes);
        assert.ok(checkpointBytes <= Math.max(2 * GIB, 8 * recurrentStateBytes));
      }
    },
  );

  holds("the smallest plan is offered when any is", (plans, { trainedContextTokens }, w) => {
    const smallest = plans.at(-1);
    const longest = Math.min(trainedContextTokens, w.maxTokens || trainedContextTokens);
    assert.ok(smallest !== undefined && smallest.contextTokens <= Math.max(longest, CONTEXT_STEP_TOKENS));
    if (longest >= MIN_CONTEXT_TOKENS) assert.equal(smallest.contextTokens, MIN_CONTEXT_TOKENS);
  });
});

function cacheTokens(plan: FitPlan): number {
  return plan.contextTokens + plan.completionContextTokens;
}
