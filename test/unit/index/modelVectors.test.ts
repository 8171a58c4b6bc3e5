// Tests the vectors of an embedding model with a model that the test plays and a real store in memory.
import assert from "node:assert/strict";
import fc from "fast-check";
import { ChunkStore, modelTableName } from "../../../server/src/index/chunkStore.ts";
import type { CodeIndex } from "../../../server/src/index/codeIndex.ts";
import { ModelVectors } from "../../../server/src/index/modelVectors.ts";
import type { EmbeddingProgress } from "../../../server/src/protocol/messages.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";
import { emptyIndex, text } from "./indexed.ts";

const DIM = 8;
const ABORTED = () => new Error("the engine has ended");

/** A vector for each animal; everything else points elsewhere, each text in a direction of its own. */
function vectorOf(content: string): Float32Array {
  const vector = new Float32Array(DIM);
  if (/zebra|quagga/.test(content)) vector[0] = 1;
  else vector[1 + (Array.from(content).reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % (DIM - 1))] = 1;
  return vector;
}

class Play {
  readonly clock = new FakeClock();
  readonly asked: { texts: readonly string[]; role: string }[] = [];
  readonly progress: EmbeddingProgress[] = [];
  readonly troubles: string[] = [];
  /** What it waited before it tried again. */
  readonly waitsMs: number[] = [];
  whole = 0;
  /** Why the model does not answer. */
  failure: Error | undefined;
  /** Called before each answer. */
  before: () => Promise<void> | void = () => {};
  index!: CodeIndex;
  chunks!: ChunkStore;
  store!: ChunkStore;
  vectors!: ModelVectors;

  async start(files: Record<string, string> = {}): Promise<this> {
    const { index, store } = await emptyIndex();
    this.index = index;
    this.chunks = store;
    await this.put(files);
    this.store = await ChunkStore.open("memory://", modelTableName("test"), DIM);
    await this.open();
    return this;
  }

  async open(): Promise<void> {
    this.vectors = await ModelVectors.open({
      store: this.store,
      chunks: this.chunks,
      index: this.index,
      embed: async (texts, role, signal) => {
        this.asked.push({ texts, role });
        await this.before();
        signal.throwIfAborted();
        if (this.failure !== undefined) throw this.failure;
        return texts.map(vectorOf);
      },
      clock: {
        now: () => this.clock.now(),
        after: (ms, work) => {
          this.waitsMs.push(ms);
          return this.clock.after(ms, work);
        },
      },
      onProgress: (progress) => this.progress.push(progress),
      onWhole: async () => {
        this.whole += 1;
      },
      onTrouble: (trouble) => this.troubles.push(trouble),
    });
  }

  put(files: Record<string, string>, changedMs = 0): Promise<void> {
    return this.index.put(Object.entries(files).map(([path, content]) => ({ ...text(path, content), changedMs })));
  }

  /** Wakes it and waits until it has nothing to do. */
  async fill(): Promise<void> {
    const before = this.whole + this.troubles.length;
    this.vectors.wake();
    while (this.whole + this.troubles.length === before) await new Promise(setImmediate);
  }

  get documents(): string[] {
    return this.asked.filter(({ role }) => role === "document").flatMap(({ texts }) => texts);
  }

  get last(): EmbeddingProgress | undefined {
    return this.progress.at(-1);
  }

  async find(query: string): Promise<string[] | undefined> {
    const found = await this.vectors.search(query, { limit: 10 });
    return found?.filter(({ score }) => score >= 0.29).map(({ path }) => path);
  }
}

function fillers(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}.ts`, `export const f${n} = ${n};\n`]));
}

describe("vectors of an embedding model", function () {
  this.timeout(60_000);

  it("are made of every chunk once, with where it stands, and found by meaning alone", async () => {
    const play = await new Play().start({ "src/quagga.ts": "export const quagga = 1;\n", ...fillers(20) });
    assert.equal(await play.find("zebra"), undefined);
    await play.fill();
    assert.deepEqual(play.last, { chunks: 21, totalChunks: 21, inUse: true });
    assert.equal(play.documents.length, 21);
    assert.ok(play.documents.some((shown) => shown.startsWith("src/quagga.ts\nquagga\n")));
    assert.deepEqual(await play.find("zebra"), ["src/quagga.ts"]);
    await play.fill();
    assert.equal(play.documents.length, 21);
    await play.vectors.close();
  });

  it("come in batches of limited size, what changed last first", async () => {
    const play = await new Play().start(fillers(50));
    await play.put({ "new.ts": "export const fresh = 1;\n" }, 1000);
    await play.fill();
    assert.deepEqual(
      play.asked.map(({ texts }) => texts.length),
      [32, 19],
    );
    assert.match(play.documents[0]!, /^new\.ts/);
    await play.vectors.close();
  });

  it("are used from nine tenths of the chunks on", async () => {
    const play = await new Play().start(fillers(18));
    await play.fill();
    await play.put({ "a.ts": "export const quagga = 1;\n", "b.ts": "export const b = 2;\n" });
    play.failure = ABORTED();
    await play.fill();
    assert.deepEqual(play.last, { chunks: 18, totalChunks: 20, inUse: true });
    await play.put({ "c.ts": "export const c = 3;\n" });
    await play.fill();
    assert.deepEqual(play.last, { chunks: 18, totalChunks: 21, inUse: false });
    assert.equal(await play.find("zebra"), undefined);
    await play.vectors.close();
  });

  it("are tried again after a failure, later each time, and at once when files come", async () => {
    const play = await new Play().start(fillers(3));
    play.failure = ABORTED();
    await play.fill();
    assert.deepEqual(play.troubles, ["Vectors could not be made: the engine has ended"]);
    for (const [waitMs, tries] of [
      [1000, 2],
      [2000, 3],
    ] as const) {
      await play.clock.pass(waitMs);
      while (play.troubles.length < tries) await new Promise(setImmediate);
    }
    assert.deepEqual(play.waitsMs, [1000, 2000, 4000]);
    play.failure = undefined;
    await play.fill();
    assert.deepEqual(play.last, { chunks: 3, totalChunks: 3, inUse: true });
    await play.vectors.close();
  });

  it("of a question that the model does not answer are none, so that the bundled embedder's are used", async () => {
    const play = await new Play().start(fillers(3));
    await play.fill();
    play.failure = ABORTED();
    assert.equal(await play.find("zebra"), undefined);
    assert.equal(await play.vectors.search("x", { limit: 1 }, AbortSignal.abort()), undefined);
    await play.vectors.close();
  });

  it("are there again when they are opened anew; those of files that are stored no more go", async () => {
    const play = await new Play().start(fillers(5));
    await play.fill();
    play.index.remove(["f0.ts", "f1.ts"]);
    await play.index.forgetUnused(0);
    await play.put({ "g.ts": "export const g = 1;\n" });
    await play.open();
    play.asked.length = 0;
    await play.fill();
    assert.equal(play.documents.length, 1);
    assert.deepEqual(play.last, { chunks: 4, totalChunks: 4, inUse: true });
    assert.equal(await play.store.count(), 4);
    await play.vectors.close();
  });

  it("end with what they are closed in, and leave nothing half", async () => {
    const play = await new Play().start({ "big.ts": bigFile(100), ...fillers(3) });
    let batches = 0;
    let closed: Promise<void> | undefined;
    play.before = () => {
      if (++batches === 2) closed = play.vectors.close();
    };
    play.vectors.wake();
    while (closed === undefined) await new Promise(setImmediate);
    await closed;
    assert.equal(batches, 2);
    assert.deepEqual(play.troubles, []);
    play.vectors.wake();
    await new Promise(setImmediate);
    assert.equal(batches, 2);
  });

  it("are those of the files that are there, after any changes while they are made", async () => {
    const name = fc.integer({ min: 0, max: 5 }).map((n) => `f${n}.ts`);
    const anyChange = fc.oneof(
      fc.record({ put: name, words: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ remove: name }),
      fc.record({ fail: fc.boolean() }),
      fc.constant("forget" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyChange, { minLength: 1, maxLength: 12 }), async (changes) => {
        const play = await new Play().start(fillers(2));
        const left = [...changes];
        // One after the other: the index must not be put to while it forgets.
        let changing = Promise.resolve();
        const next = () => {
          changing = changing.then(change);
          return changing;
        };
        const change = async () => {
          const now = left.shift();
          if (now === undefined) return;
          if (now === "forget") await play.index.forgetUnused(0);
          else if ("put" in now) await play.put({ [now.put]: `export const v${now.words} = 1;\n` });
          else if ("remove" in now) play.index.remove([now.remove]);
          else play.failure = now.fail ? ABORTED() : undefined;
          play.vectors.wake();
        };
        play.before = next;
        await play.fill();
        while (left.length > 0) await next();
        play.before = () => {};
        play.failure = undefined;
        await play.put({ "last.ts": "export const last = 1;\n" });
        play.vectors.wake();
        const isWhole = () => play.last?.totalChunks === wanted().length && play.last.chunks === wanted().length;
        const wanted = () => play.index.contents().map(({ key }) => key);
        while (!isWhole()) await new Promise(setImmediate);
        const stored = new Set((await play.store.files()).map(({ key }) => key));
        assert.ok(wanted().every((key) => stored.has(key)));
        await play.vectors.close();
      }),
      { numRuns: 15 },
    );
  });
});

function bigFile(functions: number): string {
  return Array.from({ length: functions }, (_, n) => `export function f${n}() {\n${"  call();\n".repeat(70)}}\n`).join(
    "\n",
  );
}
