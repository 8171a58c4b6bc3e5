// Tests the choice of an embedding model with an engine that the test plays: settings, failures, crashes and changed files.
import assert from "node:assert/strict";
import { type EmbeddingModelFacts, EngineError, type EngineErrorCode } from "../../../engine/src/api.ts";
import { EmbeddingModel } from "../../../server/src/index/embeddingModel.ts";
import { DEFAULT_SETTINGS, type FathomSettings } from "../../../server/src/protocol/settings.ts";
import { deferred } from "../../fakes/deferred.ts";

const NEVER = new AbortController().signal;
const VECTORS = [Float32Array.of(1)];

function withModel(embeddingModel: string): FathomSettings {
  return { ...DEFAULT_SETTINGS, search: { ...DEFAULT_SETTINGS.search, embeddingModel } };
}

class Play {
  readonly settings = { current: withModel("") };
  /** What the index was told, in order. */
  readonly told: unknown[] = [];
  readonly sentences: string[] = [];
  released = 0;
  identity = "one";
  failure: EngineErrorCode | undefined;
  inspect: (file: string) => Promise<void> = async () => {};
  readonly model = new EmbeddingModel({
    settings: this.settings,
    engine: {
      inspectEmbedding: async (file) => {
        await this.inspect(file);
        this.#fail();
        return { file, name: `name of ${file}`, identity: this.identity, dimensions: 4 } as EmbeddingModelFacts;
      },
      embed: async () => {
        this.#fail();
        return { identity: this.identity, vectors: VECTORS, tokens: 1, cutTexts: 0, cancelled: false };
      },
      releaseEmbedding: async () => {
        this.released += 1;
      },
    },
    index: {
      embedWith: ({ identity }) => this.told.push(identity),
      embedBundled: (failed) => this.told.push(failed ?? "bundled"),
    },
    tell: (sentence) => this.sentences.push(sentence),
  });

  async set(file: string): Promise<void> {
    this.settings.current = withModel(file);
    await this.model.choose();
  }

  embed(signal = NEVER): Promise<Float32Array[]> {
    return this.model.embed({ texts: ["a"], role: "document" }, signal);
  }

  #fail(): void {
    if (this.failure !== undefined) throw new EngineError(this.failure, `${this.failure} happened.`);
  }
}

const problemOf = (told: unknown) => (told as { problem?: string }).problem ?? assert.fail("no problem was told");

describe("the embedding model of the setting", () => {
  it("is given to the index with what its file says, and taken back", async () => {
    const play = new Play();
    await play.set("/m.gguf");
    assert.deepEqual(await play.embed(), VECTORS);
    assert.equal(play.model.facts?.name, "name of /m.gguf");
    await play.set("");
    assert.deepEqual(play.told, ["one", "bundled"]);
    assert.equal(play.released, 1);
    await assert.rejects(play.embed(), /no embedding model is in use/);
  });

  it("follows its setting alone", async () => {
    const play = new Play();
    const [none, one] = [withModel(""), withModel("/m.gguf")];
    play.settings.current = one;
    play.model.settingsChanged(one, { ...one, chat: { ...one.chat, thinking: true } });
    assert.deepEqual(play.told, []);
    play.model.settingsChanged(none, one);
    await new Promise(setImmediate);
    assert.deepEqual(play.told, ["one"]);
  });

  it("is the newest one, whichever file was read first", async () => {
    const play = new Play();
    const slow = deferred<void>();
    play.inspect = (file) => (file === "/slow.gguf" ? slow.promise : Promise.resolve());
    const first = play.set("/slow.gguf");
    await play.set("/quick.gguf");
    slow.resolve();
    await first;
    assert.equal(play.model.facts?.file, "/quick.gguf");
    assert.deepEqual(play.told, ["one"]);
  });

  for (const code of ["modelMissing", "modelUnsupported", "modelUnreadable"] as const) {
    it(`is given up with a sentence when its file cannot be used (${code})`, async () => {
      const play = new Play();
      play.failure = code;
      await play.set("/models/m.gguf");
      assert.match(problemOf(play.told[0]), new RegExp(`^${code} happened\\. Search uses the bundled embedder`));
      assert.equal((play.told[0] as { model: string }).model, "m.gguf");
      assert.deepEqual(play.sentences, [problemOf(play.told[0])]);
      play.failure = undefined;
      await play.model.choose();
      assert.equal(play.told.at(-1), "one");
    });
  }

  it("is given up when it does not fit into memory, and the caller hears why", async () => {
    const play = new Play();
    await play.set("/m.gguf");
    play.failure = "outOfMemory";
    await assert.rejects(play.embed(), /outOfMemory happened/);
    assert.match(problemOf(play.told.at(-1)), /^outOfMemory happened\./);
    await assert.rejects(play.embed(), /no embedding model is in use/);
    assert.equal(play.sentences.length, 1);
  });

  it("survives one end of the engine, not two in a row", async () => {
    const play = new Play();
    await play.set("/m.gguf");
    for (let round = 0; round < 3; round++) {
      play.failure = "engineStopped";
      await assert.rejects(play.embed(), /engineStopped/);
      play.failure = undefined;
      play.model.engineRestarted();
      assert.deepEqual(await play.embed(), VECTORS);
    }
    assert.deepEqual(play.sentences, []);
    play.failure = "engineStopped";
    await assert.rejects(play.embed(), /engineStopped/);
    await assert.rejects(play.embed(), /engineStopped/);
    assert.match(problemOf(play.told.at(-1)), /^The engine ended 2 times while the embedding model was in use\./);
    play.failure = undefined;
    play.model.engineRestarted();
    await new Promise(setImmediate);
    assert.equal(play.model.facts, undefined);
  });

  it("is looked at again when the engine had ended before it could", async () => {
    const play = new Play();
    play.failure = "engineStopped";
    await play.set("/m.gguf");
    assert.deepEqual(play.told, []);
    play.failure = undefined;
    play.model.engineRestarted();
    await new Promise(setImmediate);
    assert.deepEqual(play.told, ["one"]);
  });

  it("is another one when its file is", async () => {
    const play = new Play();
    await play.set("/m.gguf");
    play.identity = "two";
    await assert.rejects(play.embed(), /holds another model than before/);
    await new Promise(setImmediate);
    assert.deepEqual(play.told, ["one", "two"]);
    assert.deepEqual(await play.embed(), VECTORS);
  });

  it("is not blamed for what was taken back", async () => {
    const play = new Play();
    await play.set("/m.gguf");
    play.failure = "engineStopped";
    for (let n = 0; n < 3; n++) await assert.rejects(play.embed(AbortSignal.abort()));
    assert.deepEqual(play.sentences, []);
  });

  it("must be an absolute path", async () => {
    const play = new Play();
    await play.set("m.gguf");
    assert.match(problemOf(play.told[0]), /^The path m\.gguf is not absolute\./);
  });
});
