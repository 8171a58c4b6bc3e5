// Tests that a sequence always ends in the wanted tokens, and never evaluates again what a checkpoint can reach.
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import type { Token } from "../../../engine/src/backend.ts";
import { Scheduler } from "../../../engine/src/scheduler.ts";
import { emptyCount, type PrefillCount, Sequence } from "../../../engine/src/sequence.ts";
import { createFakeVocabulary, type FakeOptions, FakeSequence, hashedNext } from "../../fakes/fakeBackend.ts";
import { fails, temporaryFolder } from "../../model/harness.ts";

const CONTEXT_TOKENS = 400;
const BATCH_TOKENS = 16;

interface Subject {
  sequence: Sequence;
  fake: FakeSequence;
  scheduler: Scheduler;
}

function create(options: FakeOptions & { chunkTokens?: number; mayTakeCheckpoint?: () => boolean } = {}): Subject {
  const size = {
    contextTokens: CONTEXT_TOKENS,
    batchTokens: BATCH_TOKENS,
    kvType: "f16",
    maxCheckpoints: 1000,
  } as const;
  const fake = new FakeSequence(createFakeVocabulary(), size, options);
  const scheduler = new Scheduler();
  const { chunkTokens, mayTakeCheckpoint = () => true } = options;
  return { sequence: new Sequence(fake, scheduler, { chunkTokens, mayTakeCheckpoint }), fake, scheduler };
}

/** Tokens 1, 2, 3 …, from the given index on others. */
function tokens(count: number, changedFrom = count): Token[] {
  return Array.from({ length: count }, (_, index) => (index < changedFrom ? index + 1 : index + 1001));
}

async function prefill({ sequence }: Subject, target: Token[], checkpoints: number[] = []): Promise<PrefillCount> {
  const count = emptyCount();
  await sequence.prefill(target, { priority: "base", checkpoints }, count);
  return count;
}

describe("Sequence", () => {
  it("evaluates a prompt in chunks and counts them", async () => {
    const subject = create({ chunkTokens: 10 });
    const lengths: number[] = [];
    const count = emptyCount();
    const options = { priority: "base" as const, onChunk: (length: number) => lengths.push(length) };
    await subject.sequence.prefill(tokens(35), options, count);
    assert.deepEqual(lengths, [10, 20, 30, 35]);
    assert.deepEqual([count.reusedTokens, count.evaluatedTokens, count.chunks], [0, 35, 4]);
    assert.deepEqual(subject.fake.tokens(), tokens(35));
    assert.equal(subject.sequence.length, 35);
  });

  it("ends a chunk at each checkpoint, takes it, and comes back to it", async () => {
    const subject = create({ chunkTokens: 10 });
    await prefill(subject, tokens(35), [4, 20, 33]);
    assert.deepEqual(subject.fake.checkpoints, [4, 20, 33]);
    const count = await prefill(subject, tokens(35, 25));
    assert.deepEqual([count.reusedTokens, count.evaluatedTokens], [20, 15]);
    assert.deepEqual(subject.fake.tokens(), tokens(35, 25));
  });

  it("goes on from the end of what is there without a checkpoint", async () => {
    const subject = create();
    await prefill(subject, tokens(20));
    const count = await prefill(subject, tokens(30));
    assert.deepEqual([count.reusedTokens, count.evaluatedTokens], [20, 10]);
  });

  it("starts again where no checkpoint helps, and for a beginning of what is there", async () => {
    const subject = create();
    await prefill(subject, tokens(20), [15]);
    assert.equal((await prefill(subject, tokens(20, 10))).reusedTokens, 0);
    assert.equal((await prefill(subject, tokens(12, 10))).reusedTokens, 0);
    assert.deepEqual(subject.fake.tokens(), tokens(12, 10));
    assert.equal((await prefill(subject, [])).evaluatedTokens, 0);
    assert.deepEqual(subject.fake.tokens(), []);
  });

  it("takes a checkpoint only where the policy has room, but always at the end of the base", async () => {
    const subject = create({ mayTakeCheckpoint: () => false });
    await prefill(subject, tokens(20), [5, 10]);
    assert.deepEqual(subject.fake.checkpoints, []);
    await subject.sequence.takeCheckpointOfBase();
    assert.deepEqual(subject.fake.checkpoints, [20]);
  });

  it("asks the policy with the memory that checkpoints take", async () => {
    const asked: number[] = [];
    const subject = create({
      checkpointBytes: 50,
      mayTakeCheckpoint: ((used: number) => asked.push(used) < 3) as () => boolean,
    });
    await prefill(subject, tokens(20), [5, 10, 15]);
    assert.deepEqual(asked, [0, 50, 100]);
    assert.deepEqual(subject.fake.checkpoints, [5, 10]);
  });

  it("refuses a prompt that leaves no room for an answer, before it evaluates anything", async () => {
    const subject = create();
    await prefill(subject, tokens(20));
    const sentence = /has 400 tokens, but this context holds 399\. Nothing was evaluated/;
    await assert.rejects(prefill(subject, tokens(CONTEXT_TOKENS)), fails("promptTooLong", sentence));
    assert.equal(subject.fake.evaluated, 20);
    assert.equal((await prefill(subject, tokens(CONTEXT_TOKENS - 1))).evaluatedTokens, 379);
  });

  it("keeps finished chunks when it is aborted, and goes on from there", async () => {
    const abort = new AbortController();
    const subject = create({ chunkTokens: 10 });
    const count = emptyCount();
    const options = {
      priority: "base" as const,
      signal: abort.signal,
      onChunk: (length: number) => length === 20 && abort.abort(),
    };
    await assert.rejects(subject.sequence.prefill(tokens(50), options, count), { name: "AbortError" });
    assert.deepEqual([count.evaluatedTokens, count.chunks, subject.sequence.length], [20, 2, 20]);
    assert.equal((await prefill(subject, tokens(50))).reusedTokens, 20);
    assert.equal(subject.fake.evaluated, 50);
  });

  it("knows what the runtime holds after a failed evaluation", async () => {
    let fail = false;
    const subject = create({
      chunkTokens: 10,
      before: ({ kind }) => {
        if (fail && kind === "evaluate") throw new Error("device lost");
      },
    });
    await prefill(subject, tokens(20));
    fail = true;
    await assert.rejects(prefill(subject, tokens(40)), /device lost/);
    fail = false;
    assert.equal((await prefill(subject, tokens(40))).reusedTokens, 20);
    assert.deepEqual(subject.fake.tokens(), tokens(40));
  });

  describe("decoding", () => {
    it("appends each token with the step that follows it", async () => {
      const subject = create();
      await prefill(subject, tokens(10));
      const stream = subject.sequence.decode([77], { sampling: { temperature: 0 }, generated: [], priority: "decode" });
      const first = await stream.next();
      assert.deepEqual(first, { token: hashedNext([...tokens(10), 77]) });
      assert.deepEqual(subject.fake.tokens(), [...tokens(10), 77]);
      const second = await stream.next();
      await stream.end();
      assert.deepEqual(subject.fake.tokens(), [...tokens(10), 77, first!.token]);
      // The last token is not part of the state: the next prompt brings it along.
      const next = [...tokens(10), 77, first!.token, second!.token, 5];
      assert.equal((await prefill(subject, next)).reusedTokens, 12);
    });

    it("stops at the end of the context instead of shifting it", async () => {
      const subject = create();
      await prefill(subject, tokens(CONTEXT_TOKENS - 2));
      const stream = subject.sequence.decode([1], { sampling: { temperature: 0 }, generated: [], priority: "decode" });
      await stream.next();
      await assert.rejects(stream.next(), fails("promptTooLong", /has 400 tokens/));
    });

    it("that is aborted leaves a state that can be gone on with", async () => {
      const subject = create();
      const abort = new AbortController();
      await prefill(subject, tokens(10));
      const options = { sampling: { temperature: 0 }, generated: [], priority: "decode" as const };
      const stream = subject.sequence.decode([77], { ...options, signal: abort.signal });
      await stream.next();
      abort.abort();
      await assert.rejects(stream.next(), { name: "AbortError" });
      await stream.end();
      assert.equal((await prefill(subject, [...tokens(10), 77, 88])).reusedTokens, 11);
    });
  });

  describe("restoring", () => {
    let folder: ReturnType<typeof temporaryFolder>;
    let file: string;
    beforeEach(async () => {
      folder = temporaryFolder("sequence");
      file = join(folder.path, "state");
      const saved = create();
      await prefill(saved, tokens(30));
      await saved.sequence.save(file);
    });
    afterEach(() => folder.remove());

    it("takes a state that begins the wanted tokens, with a checkpoint at its end", async () => {
      const subject = create();
      assert.equal(await subject.sequence.restore(file, tokens(40)), true);
      assert.equal((await prefill(subject, tokens(40))).reusedTokens, 30);
      assert.equal((await prefill(subject, tokens(40, 35))).reusedTokens, 30);
      assert.deepEqual(subject.fake.tokens(), tokens(40, 35));
    });

    it("empties a state of other tokens", async () => {
      const subject = create();
      await prefill(subject, tokens(10));
      assert.equal(await subject.sequence.restore(file, tokens(40, 20)), false);
      assert.deepEqual([subject.sequence.length, subject.fake.length], [0, 0]);
      assert.equal((await prefill(subject, tokens(40, 20))).evaluatedTokens, 40);
    });

    it("that fails leaves no belief in the old state, which is gone", async () => {
      const subject = create();
      await prefill(subject, tokens(10));
      await assert.rejects(subject.sequence.restore(join(folder.path, "missing"), tokens(40)));
      assert.equal(subject.sequence.length, subject.fake.length);
      await prefill(subject, tokens(40));
      assert.deepEqual(subject.fake.tokens(), tokens(40));
    });
  });

  describe("chunk size", () => {
    it("is what was asked for, but no more than a batch", () => {
      assert.equal(create({ chunkTokens: 7 }).sequence.chunkTokens, 7);
      assert.equal(create({ chunkTokens: 100 }).sequence.chunkTokens, BATCH_TOKENS);
    });

    describe("adapts to the runtime", () => {
      const realNow = performance.now;
      let clockMs: number;

      beforeEach(() => {
        clockMs = 0;
        performance.now = () => clockMs;
      });

      afterEach(() => {
        performance.now = realNow;
      });

      /** Prefills that many tokens on a runtime of the given speed, and returns the sizes of the chunks. */
      async function chunksAt(msOf: (tokens: number, done: number) => number, total = 60_000): Promise<number[]> {
        const chunks: number[] = [];
        const size = { contextTokens: total + 1, batchTokens: 512, kvType: "f16", maxCheckpoints: 1 } as const;
        const fake = new FakeSequence(createFakeVocabulary(), size, {
          before: ({ tokens, sequence }) => {
            clockMs += msOf(tokens, sequence.length);
            chunks.push(tokens);
          },
        });
        const sequence = new Sequence(fake, new Scheduler(), { mayTakeCheckpoint: () => true });
        await sequence.prefill(tokens(total), { priority: "base" }, emptyCount());
        return chunks;
      }

      it("so that one takes about 150 ms", async () => {
        const chunks = await chunksAt((tokens) => tokens / 2, 6000);
        for (const chunk of chunks.slice(10, -1)) assert.ok(chunk > 300 - 64 && chunk <= 300, `${chunk} tokens`);
      });

      it("in whole tiles of 64 tokens: on a CPU a part of one costs llama.cpp as much as a whole", async () => {
        // As measured with f16 at 30,000 tokens: 64 tokens took 63 ms, 66 took 99, 128 took 107, 130 took 147.
        const chunks = await chunksAt((tokens) => 10 + 48 * Math.ceil(tokens / 64), 6000);
        assert.deepEqual([...new Set(chunks.slice(5, -1))], [128]);
      });

      it("with no more than a batch on a fast one", async () => {
        assert.equal((await chunksAt((tokens) => tokens / 50, 6000)).at(-2), 512);
      });

      it("and does not fall for ever into small ones, which llama.cpp computes many times slower on a CPU", async () => {
        // As measured with f16 at 12,000 tokens: 63 tokens took 540 ms, 64 took 28 ms. At some time something else was
        // busy: five chunks took twenty times as long.
        const msOf = (tokens: number, done: number) =>
          (tokens < 64 ? tokens * 8.5 : tokens * 0.45) * (done > 10_000 && done < 12_000 ? 20 : 1);
        const chunks = await chunksAt(msOf, 20_000);
        assert.ok(Math.min(...chunks.slice(0, -1)) >= 64, `chunks of ${Math.min(...chunks.slice(0, -1))} tokens`);
        assert.ok(chunks.at(-2)! > 200, `the last chunks have ${chunks.at(-2)} tokens`);
      });

      it("and is not misled by a chunk that had to be short", async () => {
        const size = { contextTokens: 10_000, batchTokens: 512, kvType: "f16", maxCheckpoints: 9 } as const;
        const fake = new FakeSequence(createFakeVocabulary(), size, {
          before: ({ tokens }) => {
            clockMs += tokens === 0 ? 0 : 5 + tokens / 4;
          },
        });
        const sequence = new Sequence(fake, new Scheduler(), { mayTakeCheckpoint: () => true });
        const options = { priority: "base" as const };
        await sequence.prefill(tokens(4000), options, emptyCount());
        const settled = sequence.chunkTokens;
        await sequence.prefill(tokens(4001), options, emptyCount());
        assert.equal(sequence.chunkTokens, settled);
      });
    });
  });

  it("lets one work at a time, in the order of asking, whatever fails", async () => {
    const { sequence } = create();
    const order: string[] = [];
    const work = (name: string, error?: Error) =>
      sequence.exclusively(async () => {
        order.push(`${name} begins`);
        await new Promise(setImmediate);
        order.push(`${name} ends`);
        if (error) throw error;
      });
    const results = await Promise.allSettled([work("a"), work("b", new Error("b failed")), work("c")]);
    assert.deepEqual(order, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
  });

  it("holds the wanted tokens after any prompts, checkpoints and aborts, at the least cost", async () => {
    const operation = fc.record({
      keep: fc.nat(60),
      tail: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 40 }),
      checkpoints: fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { maxLength: 4 }),
      chunkOfAbort: fc.option(fc.nat(6), { nil: undefined }),
      decodes: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 12 }), fc.integer({ min: 1, max: 16 }), async (list, chunk) => {
        const subject = create({ chunkTokens: chunk });
        let wanted: Token[] = [];
        for (const { keep, tail, checkpoints, chunkOfAbort, decodes } of list) {
          wanted = [...wanted.slice(0, keep), ...tail];
          const sorted = checkpoints.toSorted((a, b) => a - b);
          await checkOnePrompt(subject, { wanted, checkpoints: sorted, chunkOfAbort, decodes });
        }
      }),
      { numRuns: 300, seed: 17 },
    );
  });
});

interface Prompt {
  wanted: Token[];
  checkpoints: number[];
  chunkOfAbort: number | undefined;
  decodes: number;
}

/** Prefills one prompt, maybe aborted, maybe followed by tokens, and checks state and cost against the rules. */
async function checkOnePrompt({ sequence, fake }: Subject, prompt: Prompt): Promise<void> {
  const { wanted, checkpoints, chunkOfAbort, decodes } = prompt;
  const before = fake.tokens();
  const differs = before.findIndex((token, index) => token !== wanted[index]);
  const common = differs < 0 ? before.length : differs;
  const reachable = common === before.length ? common : (fake.checkpoints.findLast((at) => at <= common) ?? 0);
  const evaluated = fake.evaluated;
  const abort = new AbortController();
  const count = emptyCount();
  let chunks = 0;
  const onChunk = () => {
    if (++chunks === chunkOfAbort) abort.abort();
  };
  const options = { priority: "base" as const, signal: abort.signal, checkpoints, onChunk };
  const aborted = await sequence.prefill(wanted, options, count).then(
    () => false,
    (error) => {
      assert.equal((error as Error).name, "AbortError");
      return true;
    },
  );
  assert.deepEqual(fake.tokens(), wanted.slice(0, reachable + count.evaluatedTokens));
  assert.equal(sequence.length, fake.length);
  assert.equal(count.reusedTokens, reachable);
  assert.equal(fake.evaluated - evaluated, count.evaluatedTokens);
  if (!aborted) assert.equal(fake.length, wanted.length);
  for (const at of checkpoints) {
    const passed = at > reachable && at <= fake.length;
    if (passed) assert.ok(fake.checkpoints.includes(at), `no checkpoint at ${at}`);
  }
  const stream = sequence.decode([1], { sampling: { temperature: 0 }, generated: [], priority: "decode" });
  for (let step = 0; step < decodes; step++) await stream.next();
  await stream.end();
  assert.equal(sequence.length, fake.length);
}
