// Tests that going back to a checkpoint and on with another text computes what a fresh run of that text computes.
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChatMessage, CompletionRequest, PromptPart } from "../../engine/src/api.ts";
import type { Backend, BackendModel, BackendSequence } from "../../engine/src/backend.ts";
import { createLlamaCppBackend } from "../../engine/src/backends/llamaCpp.ts";
import { COMPLETION_CHECKPOINTS, MIN_SPACING_TOKENS } from "../../engine/src/checkpoints.ts";
import { createFakeBackend } from "../fakes/fakeBackend.ts";
import {
  type Answer,
  answerOf,
  createTestEngine,
  difference,
  evaluatedTokens,
  loadOptions,
  question,
  sourceFiles,
  type TestEngine,
  THREADS,
  temporaryFolder,
} from "./harness.ts";
import { tinyModelFiles } from "./tinyModel.ts";

/** As in exactness.test.ts: a conversation cuts its prompt elsewhere than a fresh run does. */
const Q8_0_TOLERANCE = 0.001;

describe("checkpoints of the long context", () => {
  let test: TestEngine;
  before(() => {
    test = createTestEngine();
  });
  after(() => test.engine.dispose());

  async function freshAnswer(parts: PromptPart[], text: string, changes = {}): Promise<Answer> {
    await test.engine.load(loadOptions(changes));
    await test.engine.prefill({ parts });
    return answerOf(await test.engine.generate(question(text)));
  }

  it("answer each question from the end of the base as if it were the first", async () => {
    const parts = sourceFiles(3);
    const texts = ["What does value do?", "Name one function, please.", "What does value do?"];
    const expected = new Map<string, Answer>();
    for (const text of new Set(texts)) expected.set(text, await freshAnswer(parts, text));
    await test.engine.load(loadOptions());
    const { figures: base } = await test.engine.prefill({ parts });
    for (const text of texts) {
      const result = await test.engine.generate(question(text));
      assert.equal(difference(answerOf(result), expected.get(text)!), 0);
      assert.equal(result.figures.reusedTokens, base.promptTokens);
      assert.equal(result.baseTokens, result.baseTotalTokens);
    }
  });

  it("let a conversation go on from its last question", async () => {
    const changes = { kvType: "q8_0" } as const;
    const parts = sourceFiles(2);
    const first = question("What does value do? Look at every file and say it in a few words.");
    await test.engine.load(loadOptions(changes));
    const { figures: base } = await test.engine.prefill({ parts });
    const { text } = await test.engine.generate(first);
    const messages: ChatMessage[] = [
      ...first.messages,
      { role: "assistant", content: [{ text }] },
      { role: "user", content: [{ text: "And the length?" }] },
    ];
    const second = await test.engine.generate({ ...first, messages });
    assert.ok(second.figures.reusedTokens > base.promptTokens + 60, `only ${second.figures.reusedTokens} reused`);
    assert.equal(second.figures.reusedTokens + second.figures.evaluatedTokens, second.figures.promptTokens);
    await test.engine.load(loadOptions(changes));
    await test.engine.prefill({ parts });
    const fresh = await test.engine.generate({ ...first, messages });
    assert.ok(difference(answerOf(second), answerOf(fresh)) <= Q8_0_TOLERANCE);
  });

  it("keep what stands before a changed file of a long base", async () => {
    const options = { contextTokens: 10_240, chunkTokens: 512 };
    const text = "What does value do?";
    const parts = sourceFiles(33);
    const changed = [...parts.slice(0, -1), ...sourceFiles(2, 900)];
    await test.engine.load(loadOptions(options));
    const { figures: before } = await test.engine.prefill({ parts });
    test.recorder.calls.length = 0;
    const { figures } = await test.engine.prefill({ parts: changed });
    assert.ok(figures.reusedTokens >= MIN_SPACING_TOKENS && figures.reusedTokens < before.promptTokens);
    assert.equal(evaluatedTokens(test.recorder.calls), figures.promptTokens - figures.reusedTokens);
    const answer = answerOf(await test.engine.generate(question(text)));
    const fresh = await freshAnswer(changed, text, options);
    assert.equal(difference(answer, fresh), 0);
    // Back again, from the same checkpoint: the change leaves nothing behind.
    await test.engine.prefill({ parts: parts.slice(0, -1) });
    assert.ok((await test.engine.prefill({ parts: changed })).figures.reusedTokens >= MIN_SPACING_TOKENS);
    assert.equal(difference(answerOf(await test.engine.generate(question(text))), fresh), 0);
  });

  it("do not help a change before the first of them: all is read again", async () => {
    const parts = sourceFiles(3);
    const changed = [...sourceFiles(1, 900), ...parts.slice(1)];
    await test.engine.load(loadOptions());
    await test.engine.prefill({ parts });
    await test.engine.generate(question("What?"));
    const { figures } = await test.engine.prefill({ parts: changed });
    assert.deepEqual([figures.reusedTokens, figures.evaluatedTokens], [0, figures.promptTokens]);
    const answer = answerOf(await test.engine.generate(question("What does value do?")));
    assert.equal(difference(answer, await freshAnswer(changed, "What does value do?")), 0);
  });
});

describe("checkpoints of the completion context", () => {
  let test: TestEngine;
  before(() => {
    test = createTestEngine();
  });
  after(() => test.engine.dispose());

  /** Parts that each end in a checkpoint, as the stable parts of a prompt do. */
  function prompt(...texts: string[]): CompletionRequest {
    const parts = texts.map((text): PromptPart => ({ text: `${text}; `.repeat(4), checkpoint: true }));
    return {
      kind: "completion",
      parts: [...parts, { special: "<|fim_middle|>" }],
      sampling: { temperature: 0 },
      maxTokens: 12,
      logProbs: true,
    };
  }

  const numbered = (count: number, last: string) =>
    prompt(...Array.from({ length: count }, (_, index) => `const value${index}`), last);

  it("evaluate only what a keystroke changed", async () => {
    const { engine } = test;
    await engine.load(loadOptions());
    const first = await engine.generate(prompt("const a = index", "function b"));
    const second = await engine.generate(prompt("const a = index", "function c"));
    assert.equal(first.figures.reusedTokens, 0);
    const [stable] = await engine.countTokens(["const a = index; ".repeat(4)]);
    assert.equal(second.figures.reusedTokens, stable);
    await engine.load(loadOptions());
    const fresh = await engine.generate(prompt("const a = index", "function c"));
    assert.equal(difference(answerOf(second), answerOf(fresh)), 0);
  });

  it("stay right when there are more of them than are kept", async () => {
    const { engine } = test;
    const many = COMPLETION_CHECKPOINTS + 4;
    await engine.load(loadOptions());
    await engine.generate(numbered(many, "end"));
    const recent = await engine.generate(numbered(many, "other end"));
    assert.ok(recent.figures.reusedTokens > recent.figures.promptTokens / 2);
    // The checkpoints of the first parts have been dropped: this must be read from the start.
    const early = await engine.generate(numbered(1, "something else"));
    assert.equal(early.figures.reusedTokens, 0);
    for (const [result, request] of [
      [recent, numbered(many, "other end")],
      [early, numbered(1, "something else")],
    ] as const) {
      await engine.load(loadOptions());
      assert.equal(difference(answerOf(result), answerOf(await engine.generate(request))), 0);
    }
  });

  it("are not touched by the long context", async () => {
    const { engine } = test;
    await engine.load(loadOptions());
    await engine.generate(prompt("const a = index", "function b"));
    await engine.prefill({ parts: sourceFiles(2) });
    await engine.generate(question("What?"));
    const again = await engine.generate(prompt("const a = index", "function c"));
    assert.ok(again.figures.reusedTokens > 0);
    await engine.load(loadOptions());
    const fresh = await engine.generate(prompt("const a = index", "function c"));
    assert.equal(difference(answerOf(again), answerOf(fresh)), 0);
  });
});

describe("the seam to the runtime", () => {
  const runtimes: [name: string, create: () => Backend][] = [
    ["llama.cpp", () => createLlamaCppBackend()],
    ["the fake of the unit tests", () => createFakeBackend()],
  ];
  for (const [name, create] of runtimes) {
    describe(`as ${name} keeps it`, () => {
      let backend: Backend;
      let model: BackendModel;
      let sequence: BackendSequence;

      before(async () => {
        backend = create();
        model = await backend.load({ modelFile: tinyModelFiles().model, gpu: "cpu", threads: THREADS });
      });

      beforeEach(async () => {
        const size = { contextTokens: 1024, batchTokens: 512, kvType: "f16", maxCheckpoints: 4 } as const;
        sequence = await model.createSequence(size);
      });

      afterEach(() => sequence.dispose());

      after(async () => {
        await model.dispose();
        await backend.dispose();
      });

      /** Evaluates tokens that depend on their place and the given number. */
      const grow = (count: number, variant = 0) =>
        sequence.evaluate(Array.from({ length: count }, (_, index) => (sequence.length + index + variant) % 200));
      const reachable = (...lengths: number[]) => lengths.map((length) => sequence.reachableLength(length));

      it("reaches checkpoints, the start and the end, and nothing else", async () => {
        await grow(30);
        await sequence.takeCheckpoint();
        await grow(30);
        assert.deepEqual(reachable(0, 29, 30, 31, 59, 60, 99), [0, 0, 30, 30, 30, 60, 60]);
        await sequence.rewind(30);
        assert.deepEqual([sequence.length, sequence.tokens().length], [30, 30]);
        await grow(10);
        assert.deepEqual(reachable(35, 40), [30, 40]);
        await sequence.rewind(0);
        assert.deepEqual([sequence.length, ...reachable(0, 30)], [0, 0, 0]);
      });

      it("forgets checkpoints behind the place that it went back to", async () => {
        await grow(30);
        await sequence.takeCheckpoint();
        await grow(30);
        await sequence.takeCheckpoint();
        await sequence.rewind(30);
        await grow(50, 7);
        assert.deepEqual(reachable(70, 60, 30), [30, 30, 30]);
        await sequence.rewind(30);
        await grow(30, 9);
        await sequence.takeCheckpoint();
        await grow(5);
        assert.deepEqual(reachable(64), [60]);
      });

      it("counts the memory of checkpoints, and drops the oldest past their number", async () => {
        const bytes: number[] = [];
        for (let checkpoint = 0; checkpoint < 6; checkpoint++) {
          await grow(20);
          await sequence.takeCheckpoint();
          await sequence.takeCheckpoint();
          bytes.push(sequence.checkpointBytes);
        }
        const each = bytes[0]!;
        assert.ok(each > 0);
        assert.deepEqual(
          bytes.map((value) => value / each),
          [1, 2, 3, 4, 4, 4],
        );
        assert.deepEqual(reachable(20, 40, 59, 60, 119, 120), [0, 0, 0, 60, 100, 120]);
        await sequence.rewind(0);
        assert.equal(sequence.checkpointBytes, 0);
      });

      it("holds no checkpoint of an empty state", async () => {
        await sequence.takeCheckpoint();
        assert.equal(sequence.checkpointBytes, 0);
      });

      it("goes on from a saved state, without its checkpoints", async () => {
        const folder = temporaryFolder("seam");
        const file = join(folder.path, "state");
        await grow(30);
        await sequence.takeCheckpoint();
        await grow(30);
        const saved = sequence.tokens();
        await sequence.save(file);
        await sequence.rewind(30);
        await grow(100, 3);
        await sequence.restore(file);
        assert.deepEqual(sequence.tokens(), saved);
        assert.deepEqual(reachable(59, 60), [0, 60]);
        assert.equal(sequence.checkpointBytes, 0);
        await sequence.takeCheckpoint();
        await grow(10);
        await sequence.rewind(60);
        folder.remove();
      });

      it("holds nothing after a state that cannot be loaded", async () => {
        await grow(30);
        await assert.rejects(sequence.restore(join(tmpdir(), "fathom-no-such-state")));
        assert.deepEqual([sequence.length, sequence.tokens()], [0, []]);
        await grow(10);
        assert.equal(sequence.length, 10);
      });

      it("samples the same from the same history, whichever way it came about", async () => {
        const history = Array.from({ length: 40 }, (_, index) => (index * 7) % 200);
        const answer = async () => {
          const generated: number[] = [];
          const stream = sequence.startDecoding([65], { sampling: { temperature: 0 }, generated });
          for (let step = 0; step < 8; step++) generated.push((await stream.next())?.token ?? -1);
          await stream.end();
          // The last token is not part of the state yet.
          assert.equal(sequence.length, history.length + 1 + 7);
          return generated;
        };
        await sequence.evaluate(history);
        await sequence.takeCheckpoint();
        const first = await answer();
        await sequence.rewind(40);
        assert.deepEqual(await answer(), first);
        await sequence.rewind(0);
        await sequence.evaluate(history);
        assert.deepEqual(await answer(), first);
      });
    });
  }
});
