// Tests the one long context with a real runtime: compaction, parked conversations and half-read bases compute what a fresh engine computes.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { devNull } from "node:os";
import { dirname, join } from "node:path";
import type {
  ChatMessage,
  GenerateResult,
  LoadOptions,
  PrefillRequest,
  PrefillResult,
  PromptPart,
} from "../../engine/src/api.ts";
import { createLlamaCppBackend } from "../../engine/src/backends/llamaCpp.ts";
import {
  answerOf,
  createTestEngine,
  difference,
  evaluatedTokens,
  KV_TYPES,
  loadOptions,
  question,
  settle,
  sourceFiles,
  type TestEngine,
  THREADS,
  temporaryFolder,
} from "./harness.ts";
import { tinyModelFiles } from "./tinyModel.ts";

/** Log-probabilities of the same tokens cut into other chunks: flash attention rounds by chunk (ARCHITECTURE.md). */
const CHUNKING_TOLERANCE = 0.02;

const CHUNK = 256;

/** About 4,400 tokens: more than the shortest base that is saved, with a checkpoint inside. */
const OLD = sourceFiles(16);
/** As after edits in the last files. */
const RENEWED = [...OLD.slice(0, 13), ...sourceFiles(4, 900)];

const ASK = question("What does value do?", { maxTokens: 16 });

function options(changes: Partial<LoadOptions> = {}): LoadOptions {
  return loadOptions({ contextTokens: 8192, chunkTokens: CHUNK, ...changes });
}

describe("the long context", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let test: TestEngine;
  /** Every engine of a test, closed after it. */
  let engines: TestEngine[];

  /** As after a restart: nothing in memory. */
  async function restart(changes: Partial<LoadOptions> = {}): Promise<void> {
    test = createTestEngine();
    engines.push(test);
    await test.engine.load(options(changes));
  }

  beforeEach(async () => {
    folder = temporaryFolder("long-context-model");
    engines = [];
    await restart();
  });

  afterEach(async () => {
    await Promise.all(engines.map(({ engine }) => engine.dispose()));
    folder.remove();
  });

  const snapshots = () => ({ dir: join(folder.path, "root", "work"), quotaBytes: 1e12 });
  const savedKinds = async () =>
    (await test.engine.listSnapshots(dirname(snapshots().dir))).map(({ kind }) => kind).sort();

  function read(parts: PromptPart[], changes: Partial<PrefillRequest> = {}, reports?: (doneTokens: number) => void) {
    return test.engine.prefill(
      { parts, snapshots: snapshots(), ...changes },
      { onProgress: ({ phase, doneTokens }) => phase === "prefill" && reports?.(doneTokens) },
    );
  }

  /** What an engine that did nothing before answers, having read the parts cold. */
  async function coldAnswer(parts: PromptPart[], ask = ASK, changes: Partial<LoadOptions> = {}) {
    const cold = createTestEngine();
    await cold.engine.load(options(changes));
    await cold.engine.prefill({ parts });
    const answer = answerOf(await cold.engine.generate(ask));
    await cold.engine.dispose();
    return answer;
  }

  /** The next checkpoint: the answer before is read as history then. @returns Length of the state there. */
  function settled(): Promise<number> {
    return new Promise((resolve) => {
      test.recorder.before = ({ sequence, kind, from }) => {
        if (sequence === "long" && kind === "checkpoint") resolve(from);
      };
    });
  }

  /** A conversation as a client keeps it. */
  class Talk {
    messages: ChatMessage[] = [{ role: "system", content: [] }];

    /** Asks, and waits until the answer is read as history. */
    async ask(text: string): Promise<{ result: GenerateResult; settledTokens: number }> {
      this.messages = [...this.messages, { role: "user", content: [{ text }] }];
      const result = await test.engine.generate({ ...ASK, messages: this.messages, goesOn: true });
      const settledTokens = await settled();
      this.messages = [...this.messages, { role: "assistant", content: [{ text: result.text }] }];
      return { result, settledTokens };
    }
  }

  describe("under compaction", () => {
    for (const kvType of KV_TYPES) {
      it(`answers from the old base until the new one is whole, and then as if read cold (${kvType})`, async () => {
        await restart({ kvType });
        const { figures: old } = await read(OLD);
        const before = answerOf(await test.engine.generate(ASK));
        test.recorder.calls.length = 0;
        let asked: Promise<GenerateResult> | undefined;
        const compacted = await read(RENEWED, { keepServing: true }, (doneTokens) => {
          if (doneTokens > 3500) asked ??= test.engine.generate(ASK);
        });
        const meanwhile = await asked!;
        assert.deepEqual([meanwhile.baseTokens, meanwhile.baseTotalTokens], [old.promptTokens, old.promptTokens]);
        assert.equal(difference(answerOf(meanwhile), before), 0);
        assert.deepEqual([compacted.cancelled, compacted.notes], [false, []]);
        // From the checkpoint before the first change on, and nothing twice: what the question displaced came back from disk.
        assert.ok(compacted.figures.reusedTokens >= 2048, `${compacted.figures.reusedTokens} tokens reused`);
        const own = meanwhile.figures.evaluatedTokens + meanwhile.tokens.length - 1;
        const { promptTokens, reusedTokens } = compacted.figures;
        assert.equal(evaluatedTokens(test.recorder.calls), promptTokens - reusedTokens + own);
        const after = await test.engine.generate(ASK);
        assert.equal(after.baseTotalTokens, promptTokens);
        assert.equal(difference(answerOf(after), await coldAnswer(RENEWED, ASK, { kvType })), 0);
      });
    }

    it("that is stopped leaves the old base, also for the next engine", async () => {
      await read(OLD);
      const before = answerOf(await test.engine.generate(ASK));
      const stop = new AbortController();
      const stopped = await test.engine.prefill(
        { parts: RENEWED, snapshots: snapshots(), keepServing: true },
        {
          signal: stop.signal,
          onProgress: ({ phase, doneTokens }) => phase === "prefill" && doneTokens > 3500 && stop.abort(),
        },
      );
      assert.equal(stopped.cancelled, true);
      assert.equal(difference(answerOf(await test.engine.generate(ASK)), before), 0);
      await restart();
      const { figures } = await read(OLD);
      assert.equal(figures.evaluatedTokens, 0);
      assert.equal(difference(answerOf(await test.engine.generate(ASK)), before), 0);
    });

    it("starts with nothing where the old base came from disk: only its end can be gone back to", async () => {
      await read(OLD);
      await restart();
      assert.equal((await read(OLD)).origin, "snapshot");
      // To its end, of course.
      await test.engine.generate(question("Name one function."));
      assert.equal((await test.engine.generate(ASK)).figures.reusedTokens, (await read(OLD)).figures.promptTokens);
      const { figures } = await read(RENEWED, { keepServing: true });
      assert.deepEqual([figures.reusedTokens, figures.evaluatedTokens], [0, figures.promptTokens]);
      assert.equal(difference(answerOf(await test.engine.generate(ASK)), await coldAnswer(RENEWED)), 0);
    });

    it("goes on from what came from disk where only something is appended", async () => {
      const { figures: old } = await read(OLD);
      await restart();
      const longer = [...OLD, ...sourceFiles(2, 900)];
      const { figures, origin } = await read(longer);
      assert.deepEqual([origin, figures.reusedTokens], ["snapshot", old.promptTokens]);
      const answer = answerOf(await test.engine.generate(ASK));
      assert.ok(difference(answer, await coldAnswer(longer)) <= CHUNKING_TOLERANCE);
    });
  });

  describe("with conversations", () => {
    it("reads an answer as history: the next question costs its own tokens, and is answered as if read cold", async () => {
      await read(OLD);
      const talk = new Talk();
      const first = await talk.ask("What does value do? Look at every file and say it in a few words.");
      assert.ok(first.settledTokens > first.result.figures.promptTokens + first.result.tokens.length - 8);
      test.recorder.calls.length = 0;
      const { result } = await talk.ask("And the length?");
      const { reusedTokens, evaluatedTokens: evaluated } = result.figures;
      // The question, and what frames it: <|im_end|>, <|im_start|>, <think> and </think> with texts in between.
      const texts = await test.engine.countTokens(["And the length?", "\n", "assistant\n", "\n\n", "\n\n"]);
      const own = texts.reduce((sum, count) => sum + count, 4);
      assert.deepEqual([reusedTokens, evaluated], [first.settledTokens, own]);
      const cold = await coldAnswer(OLD, { ...ASK, messages: talk.messages.slice(0, -1) });
      assert.ok(difference(answerOf(result), cold) <= CHUNKING_TOLERANCE);
    });

    for (const kvType of KV_TYPES) {
      it(`parks one for another, and goes on with it as if nothing had been in between (${kvType})`, async () => {
        const long = "a question about value and index and length; ".repeat(16);
        await restart({ kvType });
        await read(OLD);
        const undisturbed = new Talk();
        await undisturbed.ask(long);
        const expected = (await undisturbed.ask("And now?")).result;
        // A fresh engine, the same conversation, and another one in between.
        await restart({ kvType });
        await read(OLD);
        const talk = new Talk();
        const { settledTokens } = await talk.ask(long);
        await new Talk().ask("Something else entirely.");
        assert.deepEqual(await savedKinds(), ["base", "conversation"]);
        test.recorder.calls.length = 0;
        const { result } = await talk.ask("And now?");
        assert.equal(test.recorder.calls.filter(({ kind }) => kind === "restore").length, 1);
        assert.equal(result.figures.reusedTokens, settledTokens);
        assert.equal(difference(answerOf(result), answerOf(expected)), 0);
        // It is there for the next engine as well.
        await restart({ kvType });
        await read(OLD);
        talk.messages = talk.messages.slice(0, -2);
        const again = (await talk.ask("And now?")).result;
        assert.equal(again.figures.reusedTokens, settledTokens);
        assert.equal(difference(answerOf(again), answerOf(expected)), 0);
      });
    }
  });

  it("holds reading but no question, and reads on where it was", async () => {
    let reading: Promise<PrefillResult> | undefined;
    let held: Promise<void> | undefined;
    await new Promise<void>((resolve) => {
      reading = read(OLD, {}, () => {
        // In the first report, before the next chunk.
        held ??= test.engine.holdBackground(true);
        resolve(held);
      });
    });
    const answer = await test.engine.generate(ASK);
    assert.equal(answer.stopReason, "maxTokens");
    assert.ok(answer.baseTokens > 0 && answer.baseTokens < answer.baseTotalTokens);
    const calls = test.recorder.calls.length;
    await settle();
    assert.equal(test.recorder.calls.length, calls, "reading went on while it was held");
    await test.engine.holdBackground(false);
    const { figures, cancelled } = await reading!;
    assert.deepEqual([cancelled, figures.evaluatedTokens], [false, figures.promptTokens]);
    assert.equal(difference(answerOf(await test.engine.generate(ASK)), await coldAnswer(OLD)), 0);
  });

  it("goes on with a half-read base that was saved, in the next engine", async () => {
    await restart({ saveEveryTokens: 1000 });
    const stop = new AbortController();
    let savedTokens = 0;
    const first = await test.engine.prefill(
      { parts: OLD, snapshots: snapshots() },
      {
        signal: stop.signal,
        onProgress: (progress) => {
          savedTokens = progress.savedTokens;
          if (progress.doneTokens > 2500) stop.abort();
        },
      },
    );
    assert.deepEqual([first.cancelled, first.notes], [true, []]);
    assert.ok(savedTokens >= 2048, `${savedTokens} tokens`);
    assert.deepEqual(await savedKinds(), ["partial"]);
    await restart();
    const { figures, origin, restored } = await read(OLD);
    assert.deepEqual([origin, restored?.tokens, figures.reusedTokens], ["snapshot", savedTokens, savedTokens]);
    assert.equal(figures.evaluatedTokens, figures.promptTokens - savedTokens);
    assert.deepEqual(await savedKinds(), ["base"]);
    assert.equal(difference(answerOf(await test.engine.generate(ASK)), await coldAnswer(OLD)), 0);
  });

  it("never passes the quota, and uses it to a few bytes for each token", async () => {
    const { saved } = await read(OLD);
    assert.ok(saved !== undefined);
    // How long the file gets is not known before: a few bytes for each token are left.
    const spare = 1024 + 8 * saved.tokens;
    for (const [quotaBytes, fits] of [
      [saved.bytes + spare, true],
      [saved.bytes - 1, false],
    ] as const) {
      await restart();
      const dir = join(folder.path, String(quotaBytes), "work");
      const result = await read(OLD, { snapshots: { dir, quotaBytes } });
      assert.equal(result.saved !== undefined, fits, result.notes.join());
      assert.equal(existsSync(dir) && (await test.engine.listSnapshots(dirname(dir))).length === 1, fits);
    }
  });

  it("does not take a state for saved whose bytes found no room", async () => {
    const backend = createLlamaCppBackend();
    const model = await backend.load({ modelFile: tinyModelFiles().model, gpu: "cpu", threads: THREADS });
    const size = { contextTokens: 512, batchTokens: 256, kvType: "f16", maxCheckpoints: 4 } as const;
    const sequence = await model.createSequence(size);
    await sequence.evaluate([1, 2, 3]);
    // It takes every byte and keeps none.
    await assert.rejects(sequence.save(devNull), /only 0 of \d+ bytes were written/);
    await sequence.save(join(folder.path, "state"));
    await sequence.dispose();
    await model.dispose();
    await backend.dispose();
  });
});
