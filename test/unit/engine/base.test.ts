// Tests how a base is read when something comes in between: a newer reading, a stop, a question without room for a checkpoint.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Engine, GenerateResult, LoadOptions, PrefillResult, PromptPart } from "../../../engine/src/api.ts";
import { createEngine } from "../../../engine/src/engine.ts";
import { createFakeBackend, type FakeBackend, type FakeOptions } from "../../fakes/fakeBackend.ts";
import { loadOptions, question, settle, temporaryFolder } from "../../model/harness.ts";

const CHUNK = 256;

/** Each has 500 tokens of the fake: five are more than the shortest base that is saved. */
function files(count: number, name = "file"): PromptPart[] {
  return Array.from({ length: count }, (_, index) => {
    return { text: `// ${name} ${index}\n`.padEnd(500, "x"), label: `${name}${index}` };
  });
}

describe("reading a base", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let engine: Engine;
  let fake: FakeBackend;
  let before: NonNullable<FakeOptions["before"]>;
  const root = () => join(folder.path, "root");
  const snapshots = () => ({ dir: join(root(), "work"), quotaBytes: 1e12 });
  const long = () => fake.sequences[0]!;

  async function start(load: Partial<LoadOptions> = {}, options: FakeOptions = {}): Promise<void> {
    fake = createFakeBackend({ before: (operation) => before(operation), ...options });
    engine = createEngine({ backend: fake, visionEntry: "" });
    await engine.load(loadOptions({ contextTokens: 40_000, chunkTokens: CHUNK, ...load }));
  }

  beforeEach(async () => {
    folder = temporaryFolder("base");
    before = () => {};
    await start();
  });

  afterEach(async () => {
    await engine.dispose();
    folder.remove();
  });

  const ask = (): Promise<GenerateResult> => engine.generate(question("Q"));

  /** What an engine that did nothing before answers about these files. */
  async function freshAnswer(parts: PromptPart[]): Promise<number[]> {
    const other = createEngine({ backend: createFakeBackend(), visionEntry: "" });
    await other.load(loadOptions({ contextTokens: 40_000, chunkTokens: CHUNK }));
    await other.prefill({ parts });
    const { tokens } = await other.generate(question("Q"));
    await other.dispose();
    return tokens;
  }

  /** Runs `work` while the reading computes the chunk that ends at `length` tokens. */
  function duringChunkTo(length: number, work: () => Promise<unknown> | unknown): void {
    let done = false;
    before = async ({ kind, sequence, tokens }) => {
      if (done || kind !== "evaluate" || sequence !== long() || sequence.length + tokens !== length) return;
      done = true;
      await work();
      await settle();
    };
  }

  const old = files(8);
  const renewed = [...old.slice(0, 6), ...files(3, "renewed")];

  describe("that is stopped during its last chunk", () => {
    it("leaves the base that a compaction was to replace", async () => {
      await engine.prefill({ parts: old, snapshots: snapshots() });
      const stop = new AbortController();
      duringChunkTo((await engine.reach({ parts: renewed })).totalTokens, () => stop.abort());
      const request = { parts: renewed, snapshots: snapshots(), keepServing: true } as const;
      const compacted = await engine.prefill(request, { signal: stop.signal });
      assert.equal(compacted.cancelled, true);
      assert.deepEqual((await ask()).tokens, await freshAnswer(old));
    });

    it("does not become the base when a newer reading has begun", async () => {
      await engine.prefill({ parts: old });
      const newest = files(10, "newest");
      const stop = new AbortController();
      let newer: Promise<PrefillResult> | undefined;
      duringChunkTo((await engine.reach({ parts: renewed })).totalTokens, async () => {
        newer = engine.prefill({ parts: newest }, { signal: stop.signal });
        await settle();
        stop.abort();
      });
      const older = await engine.prefill({ parts: renewed });
      assert.deepEqual([older.cancelled, (await newer!).cancelled], [true, true]);
      assert.equal((await ask()).baseTotalTokens, (await engine.prefill({ parts: newest })).figures.promptTokens);
    });
  });

  for (const keepServing of [undefined, true] as const) {
    it(`that is stopped while it is saved was not cancelled: the new base serves (keepServing ${keepServing})`, async () => {
      await engine.prefill({ parts: old, snapshots: snapshots() });
      const stop = new AbortController();
      const { cancelled } = await engine.prefill(
        { parts: renewed, snapshots: snapshots(), keepServing },
        { signal: stop.signal, onProgress: ({ phase }) => phase === "save" && stop.abort() },
      );
      assert.deepEqual((await ask()).tokens, await freshAnswer(renewed));
      assert.equal(cancelled, false);
    });
  }

  it("keeps the snapshot of a shorter base that it began with: it may be another branch", async () => {
    await engine.prefill({ parts: files(6), snapshots: snapshots() });
    await start();
    const longer = await engine.prefill({ parts: files(9), snapshots: snapshots() });
    assert.equal(longer.origin, "snapshot");
    const tokens = (await engine.listSnapshots(root())).map((info) => info.tokens);
    assert.deepEqual(tokens.sort(), [longer.restored?.tokens, longer.saved?.tokens].sort());
    assert.equal((await engine.prefill({ parts: files(6), snapshots: snapshots() })).figures.evaluatedTokens, 0);
  });

  it("says how long a base is without a change to where states are kept", async () => {
    await engine.prefill({ parts: old, snapshots: snapshots() });
    assert.equal((await engine.reach({ parts: old })).where, "memory");
    assert.equal((await engine.reach({ parts: files(9, "other") })).readyTokens, 0);
    const talk = { ...question("long question ".repeat(60)), goesOn: true as const };
    await engine.generate(talk);
    await ask();
    const kinds = (await engine.listSnapshots(root())).map(({ kind }) => kind).sort();
    assert.deepEqual(kinds, ["base", "conversation"]);
  });

  describe("with no room for checkpoints", () => {
    const parts = files(12);

    const QUESTIONS = 20;

    /** Reads, with a question after each chunk. @returns Tokens evaluated for the base, and most checkpoints at once. */
    async function readWithQuestions(folder?: { dir: string; quotaBytes: number }) {
      await start({ checkpointBytes: 0 }, { checkpointBytes: 116_736 });
      const answers: Promise<GenerateResult>[] = [];
      let answering = false;
      let most = 0;
      before = async ({ kind, sequence, tokens }) => {
        most = Math.max(most, long().checkpoints.length);
        const isChunkOfBase = kind === "evaluate" && sequence === long() && tokens === CHUNK;
        if (!isChunkOfBase || answering || answers.length === QUESTIONS) return;
        answering = true;
        answers.push(
          ask().finally(() => {
            answering = false;
          }),
        );
        await settle();
      };
      const { figures } = await engine.prefill({ parts, snapshots: folder });
      const read = (await Promise.all(answers)).map(({ baseTokens }) => baseTokens);
      return { evaluated: figures.evaluatedTokens, total: figures.promptTokens, read, most };
    }

    it("loses nothing to a question where states can be saved", async () => {
      const { evaluated, total, read, most } = await readWithQuestions(snapshots());
      assert.equal(read.length, QUESTIONS);
      assert.equal(evaluated, total, "something was read twice");
      assert.ok(most <= 10, `${most} checkpoints`);
    });

    it("takes no more than a few beyond the quota where they cannot", async () => {
      const { read, most } = await readWithQuestions();
      assert.equal(read.length, QUESTIONS);
      assert.ok(most > 2 && most <= 10, `${most} checkpoints`);
    });
  });
});
