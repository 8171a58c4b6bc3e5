// Tests who runs when: urgent requests during a long reading, by the recorded order of the runtime's calls, not by time.
import assert from "node:assert/strict";
import type { GenerateResult, PrefillResult } from "../../engine/src/api.ts";
import {
  type Answer,
  answerOf,
  completion,
  createTestEngine,
  difference,
  evaluatedTokens,
  loadOptions,
  question,
  type RuntimeCall,
  settle,
  sourceFiles,
  type TestEngine,
} from "./harness.ts";

const CHUNK = 64;
const PARTS = sourceFiles(4);

describe("priorities", () => {
  let test: TestEngine;
  let baseTokens: number;
  let freshAnswer: Answer;

  before(async () => {
    test = createTestEngine();
    await test.engine.load(loadOptions({ chunkTokens: CHUNK }));
    baseTokens = (await test.engine.prefill({ parts: PARTS })).figures.promptTokens;
    freshAnswer = answerOf(await test.engine.generate(question("What does value do?")));
  });

  beforeEach(async () => {
    await test.engine.load(loadOptions({ chunkTokens: CHUNK }));
    test.recorder.calls.length = 0;
  });

  afterEach(() => {
    test.recorder.before = () => {};
  });

  after(() => test.engine.dispose());

  /** Runs `ask` while the nth chunk of the base is computed, and lets it queue before that chunk ends. */
  function duringChunk<T>(nth: number, ask: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let chunks = 0;
      test.recorder.before = async ({ sequence, kind }) => {
        if (sequence !== "long" || kind !== "evaluate" || ++chunks !== nth) return;
        ask().then(resolve, reject);
        await settle();
      };
    });
  }

  /** Sequences in the order in which they computed, equal neighbours joined, with the number of calls of each. */
  function turns(calls: RuntimeCall[]): [sequence: string, calls: number][] {
    const joined: [string, number][] = [];
    for (const { sequence, kind } of calls) {
      if (kind !== "evaluate" && kind !== "decode") continue;
      const last = joined.at(-1);
      if (last?.[0] === sequence) last[1] += 1;
      else joined.push([sequence, 1]);
    }
    return joined;
  }

  it("start an inline completion after the running chunk of the base, and run it to its end", async () => {
    const chunks = Math.ceil(baseTokens / CHUNK);
    const asked = duringChunk(4, () => test.engine.generate(completion("const a = ", { maxTokens: 12 })));
    const reading = test.engine.prefill({ parts: PARTS });
    const completed = await asked;
    assert.equal(completed.stopReason, "maxTokens");
    const { figures, cancelled } = await reading;
    assert.equal(cancelled, false);
    assert.deepEqual(turns(test.recorder.calls), [
      ["long", 4],
      // One chunk for the prompt, one step for each token.
      ["completion", 1 + 12],
      ["long", chunks - 4],
    ]);
    assert.deepEqual([figures.evaluatedTokens, figures.chunks], [baseTokens, chunks]);
    assert.equal(difference(answerOf(await test.engine.generate(question("What does value do?"))), freshAnswer), 0);
  });

  it("let no chunk of the base in between a completion's checkpoints", async () => {
    const request = completion("const a = ", { maxTokens: 4 });
    request.parts = request.parts.map((part) => ("text" in part ? { ...part, checkpoint: true } : part));
    const asked = duringChunk(4, () => test.engine.generate(request));
    const reading = test.engine.prefill({ parts: PARTS });
    await asked;
    await reading;
    const order = turns(test.recorder.calls).map(([sequence]) => sequence);
    assert.deepEqual(order, ["long", "completion", "long"]);
  });

  it("answer several completions in the order in which they came", async () => {
    const texts = ["const a = ", "return ", "if ("];
    const done: string[] = [];
    const asked = duringChunk(2, () =>
      Promise.all(
        texts.map(async (text) => {
          const { tokens } = await test.engine.generate(completion(text));
          done.push(text);
          return tokens;
        }),
      ),
    );
    const reading = test.engine.prefill({ parts: PARTS });
    const together = await asked;
    await reading;
    assert.deepEqual(done, texts);
    assert.equal(turns(test.recorder.calls).length, 3);
    for (const [index, text] of texts.entries()) {
      assert.deepEqual((await test.engine.generate(completion(text))).tokens, together[index]);
    }
  });

  it("answer a question from what is read so far, then read on where the reading was", async () => {
    let answered: GenerateResult | undefined;
    const asked = duringChunk(5, () => test.engine.generate(question("What does value do?")));
    const reading = test.engine.prefill({ parts: PARTS }).then((result: PrefillResult) => {
      assert.ok(answered, "the reading ended before the answer");
      return result;
    });
    answered = await asked;
    assert.equal(answered.baseTokens, 5 * CHUNK);
    assert.equal(answered.baseTotalTokens, baseTokens);
    assert.equal(answered.figures.reusedTokens, 5 * CHUNK);
    const { figures, cancelled } = await reading;
    assert.deepEqual([cancelled, figures.evaluatedTokens], [false, baseTokens]);
    const spentOnAnswer = answered.figures.evaluatedTokens + answered.figures.generatedTokens - 1;
    assert.equal(evaluatedTokens(test.recorder.calls), baseTokens + spentOnAnswer, "something was evaluated twice");
    assert.equal(difference(answerOf(await test.engine.generate(question("What does value do?"))), freshAnswer), 0);
  });

  it("give the answer from a half-read base that a base of just that length gives", async () => {
    const asked = duringChunk(5, () => test.engine.generate(question("What does value do?")));
    const reading = test.engine.prefill({ parts: PARTS });
    const half = answerOf(await asked);
    await reading;
    await test.engine.load(loadOptions({ chunkTokens: CHUNK }));
    const abort = new AbortController();
    test.recorder.before = ({ from }) => {
      if (from === 4 * CHUNK) abort.abort();
    };
    await test.engine.prefill({ parts: PARTS }, { signal: abort.signal });
    const cut = await test.engine.generate(question("What does value do?"));
    assert.equal(cut.baseTokens, 5 * CHUNK);
    assert.equal(difference(half, answerOf(cut)), 0);
  });

  it("let nothing of the base in between the tokens of an answer", async () => {
    const asked = duringChunk(3, () => test.engine.generate(question("What?", { maxTokens: 24 })));
    const reading = test.engine.prefill({ parts: PARTS });
    await asked;
    await reading;
    const kinds = test.recorder.calls.map(({ kind }) => kind);
    const decodes = kinds.slice(kinds.indexOf("decode"), kinds.lastIndexOf("decode") + 1);
    assert.deepEqual(
      decodes,
      Array.from({ length: 24 }, () => "decode"),
    );
  });

  it("put a completion between two tokens of an answer without changing either", async () => {
    const { engine, recorder } = test;
    await engine.prefill({ parts: PARTS });
    const alone = await engine.generate(completion("const a = "));
    let asked: Promise<GenerateResult> | undefined;
    recorder.calls.length = 0;
    recorder.before = async ({ sequence, kind }, index) => {
      if (asked !== undefined || sequence !== "long" || kind !== "decode" || index < 6) return;
      asked = engine.generate(completion("const a = "));
      await settle();
    };
    const answer = await engine.generate(question("What does value do?"));
    assert.deepEqual((await asked!).tokens, alone.tokens);
    assert.equal(difference(answerOf(answer), freshAnswer), 0);
    const order = turns(recorder.calls);
    assert.deepEqual(
      order.map(([sequence]) => sequence),
      ["long", "completion", "long"],
    );
  });

  it("keep the answers of two questions at once apart, and the reading behind both", async () => {
    const asked = duringChunk(3, () =>
      Promise.all([test.engine.generate(question("What?")), test.engine.generate(question("How, in which file?"))]),
    );
    const reading = test.engine.prefill({ parts: PARTS });
    const [what, how] = await asked;
    const { figures } = await reading;
    assert.deepEqual([what.baseTokens, how.baseTokens], [3 * CHUNK, 3 * CHUNK]);
    assert.equal(figures.evaluatedTokens, baseTokens);
    assert.equal(difference(answerOf(await test.engine.generate(question("What does value do?"))), freshAnswer), 0);
  });

  it("end an older reading when a newer layout comes, and keep what both have in common", async () => {
    const { engine } = test;
    const newer = [...PARTS.slice(0, 3), ...sourceFiles(1, 900)];
    const asked = duringChunk(6, () => engine.prefill({ parts: newer }));
    const older = await engine.prefill({ parts: PARTS });
    const { figures, cancelled } = await asked;
    assert.deepEqual([older.cancelled, cancelled], [true, false]);
    assert.equal(older.figures.evaluatedTokens, 6 * CHUNK);
    assert.equal(figures.reusedTokens, 6 * CHUNK);
    assert.equal(evaluatedTokens(test.recorder.calls), figures.promptTokens);
  });

  it("end everything when the model is released", async () => {
    const { engine } = test;
    let released: Promise<void> | undefined;
    const asked = duringChunk(3, async () => {
      const results = Promise.all([
        engine.generate(question("What?")),
        engine.generate(completion("const a = ", { maxTokens: 400 })),
      ]);
      released = engine.unload();
      return results;
    });
    const { cancelled } = await engine.prefill({ parts: PARTS });
    assert.equal(cancelled, true);
    assert.deepEqual(
      (await asked).map(({ stopReason }) => stopReason),
      ["cancelled", "cancelled"],
    );
    await released;
    await engine.load(loadOptions({ chunkTokens: CHUNK }));
    await engine.prefill({ parts: PARTS });
    assert.equal(difference(answerOf(await engine.generate(question("What does value do?"))), freshAnswer), 0);
  });
});
