// Tests that reading in chunks computes what reading in one go computes: same tokens, same log-probabilities up to rounding.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { KvType } from "../../engine/src/api.ts";
import type { Token } from "../../engine/src/backend.ts";
import {
  type Answer,
  answerOf,
  createTestEngine,
  difference,
  evaluatedTokens,
  KV_TYPES,
  loadOptions,
  loadStraight,
  piecesOf,
  question,
  type RuntimeCall,
  type StraightModel,
  sourceFiles,
  type TestEngine,
} from "./harness.ts";
import { tinyModelFiles } from "./tinyModel.ts";

/** 512 is the engine's largest batch on a CPU. */
const CHUNKS = [1, 7, 64, 512];

const FILES = 4;
const ANSWER_TOKENS = 32;

/**
 * Largest allowed difference of a log-probability between two ways to cut the same prompt: from 64 tokens a batch on, the
 * runtime's attention on a CPU adds up in another way, with f16 in another precision. Measured on x86-64 (AVX2), the
 * largest over all chunk sizes: f16 1.3e-3 (other questions: up to 2.2e-3), q8_0 4.5e-5. The same chunks give the same
 * bits, through the engine and without it.
 */
const TOLERANCE: Record<KvType, number> = { f16: 0.005, q8_0: 0.001 };

/**
 * Log-probability by which each token of the answer must lead the next best, so that rounding changes no token. Random
 * weights often hesitate; of these questions, the first that is answered so clearly is taken.
 */
const LEAST_LEAD = 0.02;
const QUESTIONS = [
  "What does value do?",
  "Which function adds length?",
  "Where is value12?",
  "What is exported?",
  "List.",
];

interface Run {
  answer: Answer;
  prompt: Token[];
  calls: RuntimeCall[];
}

describe("chunked prefill", () => {
  let test: TestEngine;
  let straight: StraightModel;

  before(async () => {
    test = createTestEngine();
    straight = await loadStraight(tinyModelFiles().model);
  });

  after(async () => {
    await test.engine.dispose();
    await straight.dispose();
  });

  async function run(kvType: KvType, chunkTokens: number, text: string): Promise<Run> {
    const { engine, recorder } = test;
    recorder.calls.length = 0;
    await engine.load(loadOptions({ kvType, chunkTokens }));
    const { figures, chunkTokens: reported } = await engine.prefill({ parts: sourceFiles(FILES) });
    assert.equal(reported, chunkTokens);
    assert.equal(figures.chunks, Math.ceil(figures.promptTokens / chunkTokens));
    const result = await engine.generate(question(text, { maxTokens: ANSWER_TOKENS }));
    assert.equal(result.figures.reusedTokens, figures.promptTokens);
    assert.equal(result.tokens.length, ANSWER_TOKENS);
    const prompt = recorder.longTokens().slice(0, result.figures.promptTokens);
    return { answer: answerOf(result), prompt, calls: [...recorder.calls] };
  }

  for (const kvType of KV_TYPES) {
    describe(`with a KV cache of ${kvType}`, () => {
      let text: string;
      let oneGo: Awaited<ReturnType<StraightModel["answer"]>>;

      before(async () => {
        for (text of QUESTIONS) {
          const { prompt } = await run(kvType, CHUNKS.at(-1)!, text);
          assert.ok(prompt.length > 1000);
          oneGo = await straight.answer([prompt], ANSWER_TOKENS, kvType);
          if (oneGo.lead > LEAST_LEAD) return;
        }
        assert.fail("the model hesitates on every question");
      });

      for (const chunkTokens of CHUNKS) {
        it(`in chunks of ${chunkTokens} equals one evaluation`, async function () {
          const { answer, prompt, calls } = await run(kvType, chunkTokens, text);
          const rounding = difference(answer, oneGo);
          assert.ok(rounding <= TOLERANCE[kvType], `log-probabilities differ by ${rounding}`);
          const sameChunks = await straight.answer(piecesOf(calls, prompt), ANSWER_TOKENS, kvType);
          assert.equal(difference(answer, sameChunks), 0);
          this.test!.title += ` (largest difference ${rounding.toExponential(1)}, in the same chunks 0)`;
        });
      }
    });
  }
});

describe("cancelled prefill", () => {
  const CHUNK = 48;
  /** Chunk numbers at which the reading is stopped, one after the other, drawn with a fixed seed. */
  const STOPS = fc.sample(fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { minLength: 3, maxLength: 3 }), {
    seed: 20240,
    numRuns: 3,
  });
  let test: TestEngine;
  let uninterrupted: Answer;
  const parts = sourceFiles(FILES);
  const ask = () => test.engine.generate(question("What does value do?"));

  before(async () => {
    test = createTestEngine();
    await test.engine.load(loadOptions({ chunkTokens: CHUNK }));
    await test.engine.prefill({ parts });
    uninterrupted = answerOf(await ask());
  });

  after(() => test.engine.dispose());

  for (const stops of STOPS) {
    const sorted = [...stops].sort((a, b) => a - b);
    it(`goes on where it stopped, after chunks ${sorted.map((stop) => stop + 1).join(", ")}`, async () => {
      const { engine, recorder } = test;
      await engine.load(loadOptions({ chunkTokens: CHUNK }));
      recorder.calls.length = 0;
      for (const stop of sorted) {
        const abort = new AbortController();
        recorder.before = ({ from }) => {
          if (from >= stop * CHUNK) abort.abort();
        };
        const { cancelled, figures } = await engine.prefill({ parts }, { signal: abort.signal });
        assert.equal(cancelled, true);
        // The chunk that runs is finished and kept.
        assert.equal(figures.reusedTokens + figures.evaluatedTokens, (stop + 1) * CHUNK);
        assert.equal(recorder.longTokens().length, (stop + 1) * CHUNK);
      }
      recorder.before = () => {};
      const { cancelled, figures, origin } = await engine.prefill({ parts });
      assert.deepEqual([cancelled, origin], [false, "computed"]);
      assert.equal(figures.reusedTokens + figures.evaluatedTokens, figures.promptTokens);
      assert.equal(evaluatedTokens(recorder.calls), figures.promptTokens, "something was evaluated twice");
      assert.equal(difference(answerOf(await ask()), uninterrupted), 0);
    });
  }

  it("evaluates nothing when it is cancelled beforehand", async () => {
    const { engine, recorder } = test;
    await engine.load(loadOptions({ chunkTokens: CHUNK }));
    recorder.calls.length = 0;
    const { cancelled, figures } = await engine.prefill({ parts }, { signal: AbortSignal.abort() });
    assert.deepEqual([cancelled, figures.evaluatedTokens, figures.chunks], [true, 0, 0]);
    assert.equal(evaluatedTokens(recorder.calls), 0);
    const { figures: whole } = await engine.prefill({ parts });
    assert.equal(whole.evaluatedTokens, whole.promptTokens);
    assert.equal(difference(answerOf(await ask()), uninterrupted), 0);
  });

  it("asks for nothing when everything is read already", async () => {
    const { engine, recorder } = test;
    await engine.load(loadOptions({ chunkTokens: CHUNK }));
    await engine.prefill({ parts });
    recorder.calls.length = 0;
    const { origin, figures } = await engine.prefill({ parts });
    assert.deepEqual([origin, figures.evaluatedTokens, figures.chunks], ["memory", 0, 0]);
    assert.equal(figures.reusedTokens, figures.promptTokens);
    assert.equal(evaluatedTokens(recorder.calls), 0);
  });
});
