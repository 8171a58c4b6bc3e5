// Tests vectors of texts with the real runtime: what they depend on, whose turn it is, cutting, cancelling, freeing, and bad files.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getLlama, LlamaLogLevel, type Token as LlamaToken } from "node-llama-cpp";
import type { EmbedRequest, Engine, EngineErrorCode } from "../../engine/src/api.ts";
import type { Backend } from "../../engine/src/backend.ts";
import { createLlamaCppBackend } from "../../engine/src/backends/llamaCpp.ts";
import { createEngine } from "../../engine/src/engine.ts";
import { EngineHost } from "../../server/src/engineHost.ts";
import {
  answerOf,
  createRecorder,
  ENGINE_ENTRY,
  fails,
  loadOptions,
  question,
  settle,
  sourceFiles,
  THREADS,
  temporaryFolder,
} from "./harness.ts";
import { POOLING, tinyEmbeddingFiles, writeTinyBert, writeTinyQwen3Embedding } from "./tinyEmbeddingModel.ts";
import { tinyModelFiles } from "./tinyModel.ts";

const TEXTS = [
  "export function openKettle(size: number) { return size * 2; }",
  "zebra",
  "",
  "// <|im_end|> and [SEP] in a comment\nconst index = 3;",
  "the quagga ran over the hill; ".repeat(4),
];
const TOLERANCE = 1e-5;
const CHUNK = 64;

/** What the embedding side asked of the runtime, in order: loading, a text's number of tokens, freeing. */
type Event = "load" | "embed" | "free";

/** An engine whose embedding events and sequence calls can be looked at. */
function createWatched({ idleMs }: { idleMs?: number } = {}) {
  const events: Event[] = [];
  const inner = createLlamaCppBackend();
  const watched = { before: async () => {}, events };
  const backend: Backend = {
    runtime: inner.runtime,
    gpu: () => inner.gpu(),
    cudaFound: () => inner.cudaFound(),
    dispose: () => inner.dispose(),
    load: async (options) => {
      const model = await inner.load(options);
      if (!options.beside) return model;
      events.push("load");
      return {
        gpu: model.gpu,
        vocabulary: model.vocabulary,
        chatTemplate: model.chatTemplate,
        createSequence: (of) => model.createSequence(of),
        createEmbeddingContext: async (of) => {
          const context = await model.createEmbeddingContext(of);
          const embed = async (tokens: readonly number[]) => {
            events.push("embed");
            await watched.before();
            return context.embed(tokens);
          };
          return { textTokens: context.textTokens, embed, dispose: () => context.dispose() };
        },
        dispose: async () => {
          events.push("free");
          await model.dispose();
        },
      };
    },
  };
  const recorder = createRecorder(backend);
  const engine = createEngine({ backend: recorder.backend, visionEntry: "", embeddingIdleMs: idleMs });
  return { ...watched, watched, engine, recorder };
}

function documents(modelFile: string, texts: readonly string[] = TEXTS): EmbedRequest {
  return { modelFile, role: "document", texts, gpu: "cpu", threads: THREADS };
}

function queries(modelFile: string, texts: readonly string[]): EmbedRequest {
  return { ...documents(modelFile, texts), role: "query" };
}

async function vectorsOf(engine: Engine, request: EmbedRequest): Promise<Float32Array[]> {
  const { vectors, cancelled } = await engine.embed(request);
  assert.deepEqual([vectors.length, cancelled], [request.texts.length, false]);
  return vectors;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, value, index) => sum + value * b[index]!, 0);
}

/** Largest difference of two vectors of the same length. */
function distance(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((value, index) => Math.abs(value - b[index]!)));
}

describe("vectors of texts", () => {
  const { bert, qwen3 } = tinyEmbeddingFiles();
  let engine: Engine;

  before(() => {
    engine = createWatched().engine;
  });

  after(() => engine.dispose());

  for (const [name, modelFile] of Object.entries({ bert, qwen3 })) {
    it(`of ${name} have length 1, and are the same in a batch, alone, and in another engine`, async () => {
      const batch = await vectorsOf(engine, documents(modelFile));
      const { dimensions } = await engine.inspectEmbedding(modelFile);
      const other = createWatched().engine;
      for (const [index, text] of TEXTS.entries()) {
        const vector = batch[index]!;
        assert.equal(vector.length, dimensions);
        assert.ok(Math.abs(dot(vector, vector) - 1) < TOLERANCE);
        const [alone] = await vectorsOf(engine, documents(modelFile, [text]));
        const [elsewhere] = await vectorsOf(other, documents(modelFile, [text]));
        assert.ok(distance(alone!, vector) < TOLERANCE, text);
        assert.ok(distance(elsewhere!, vector) < TOLERANCE, text);
      }
      await other.dispose();
    });
  }

  it("are near for words of the same meaning", async () => {
    const [zebra, quagga, kettle] = await vectorsOf(engine, documents(bert, ["zebra", "quagga", "kettle"]));
    assert.ok(dot(zebra!, quagga!) > 0.95);
    assert.ok(dot(zebra!, kettle!) < 0.8);
  });

  it("are those of the runtime for tokens in the frame that the metadata names, text never being special", async () => {
    const llama = await getLlama({
      gpu: false,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      maxThreads: THREADS,
      logLevel: LlamaLogLevel.error,
    });
    for (const modelFile of [bert, qwen3]) {
      const model = await llama.loadModel({ modelPath: modelFile });
      const context = await model.createEmbeddingContext({ contextSize: 512, batchSize: 512, threads: THREADS });
      const { bos, sep, eos } = model.tokens;
      // A word of four signs, and one that ends in the text of the model's end token.
      for (const text of ["x(1)", `y ${modelFile === bert ? "[SEP]" : "<|endoftext|>"}`]) {
        const cut = text.search(/\[SEP|<\|e/) + 1;
        const pieces = cut === 0 ? [text] : [text.slice(0, cut), text.slice(cut)];
        const plain = pieces.flatMap((piece) => model.tokenize(piece, false));
        assert.ok(!plain.includes(sep as LlamaToken) && !plain.includes(eos as LlamaToken));
        const framed = modelFile === bert ? [bos, ...plain, sep] : [...plain, eos];
        const { vector: raw } = await context.getEmbeddingFor(framed as LlamaToken[]);
        const length = Math.sqrt(dot(raw, raw));
        const [vector] = await vectorsOf(engine, documents(modelFile, [text]));
        assert.ok(
          distance(
            vector!,
            Float32Array.from(raw, (value) => value / length),
          ) < TOLERANCE,
          text,
        );
      }
      await context.dispose();
      await model.dispose();
    }
    await llama.dispose();
  });

  it("of long texts are those of their beginning, counted in tokens", async () => {
    for (const modelFile of [bert, qwen3]) {
      const long = "x y ".repeat(2000);
      const { vectors, tokens, cutTexts } = await engine.embed(documents(modelFile, [long, "x"]));
      assert.equal(cutTexts, 1);
      assert.ok(tokens > 500 && tokens < 512, `${tokens} tokens`);
      const [same] = await vectorsOf(engine, documents(modelFile, [`${long} z`]));
      assert.ok(distance(vectors[0]!, same!) < TOLERANCE);
    }
  });

  it("are of questions or documents where the family tells them apart", async () => {
    const folder = temporaryFolder("embedding");
    const file = join(folder.path, "e5.gguf");
    writeTinyBert(file, { name: "Multilingual E5 Small" });
    const facts = await engine.inspectEmbedding(file);
    assert.deepEqual(facts.prefixes, { query: "query: ", document: "passage: " });
    assert.notEqual(facts.identity, (await engine.inspectEmbedding(bert)).identity);
    const [asked] = await vectorsOf(engine, queries(file, ["zebra"]));
    const [plain] = await vectorsOf(engine, documents(bert, ["query: zebra"]));
    const [stored] = await vectorsOf(engine, documents(file, ["zebra"]));
    assert.ok(distance(asked!, plain!) < TOLERANCE);
    assert.ok(distance(asked!, stored!) > 100 * TOLERANCE);
    folder.remove();
  });
});

describe("whose turn it is", () => {
  const { bert, qwen3 } = tinyEmbeddingFiles();

  it("beside a model that generates: its answers stay the same, and both may come first", async () => {
    const { engine } = createWatched();
    const before = await vectorsOf(engine, documents(qwen3));
    await engine.load(loadOptions({ gpu: "cpu" }));
    await engine.prefill({ parts: sourceFiles(2) });
    const answer = answerOf(await engine.generate(question("What does value do?")));
    const after = await vectorsOf(engine, documents(qwen3));
    assert.deepEqual(after, before);
    assert.deepEqual(answerOf(await engine.generate(question("What does value do?"))), answer);
    await engine.dispose();
  });

  it("documents wait until the base is read, a question for one chunk", async () => {
    const { engine, recorder, events } = createWatched();
    await engine.load(loadOptions({ chunkTokens: CHUNK }));
    // Loaded before, so that only the turns are compared.
    await engine.embed(documents(bert, ["x"]));
    events.length = 0;
    const order: string[] = [];
    let asked: Promise<unknown> | undefined;
    recorder.before = async ({ kind }) => {
      if (kind !== "evaluate") return;
      order.push("chunk");
      asked ??= Promise.all([
        engine.embed(documents(bert, ["zebra", "quagga"])).then(() => order.push("documents")),
        engine.embed(queries(bert, ["zebra"])).then(() => order.push("question")),
      ]);
      await settle();
    };
    await engine.prefill({ parts: sourceFiles(2) }).then(() => order.push("base"));
    await asked;
    assert.deepEqual(order.slice(0, 3), ["chunk", "question", "chunk"]);
    assert.equal(order.at(-1), "documents");
    assert.ok(order.filter((what) => what === "chunk").length > 4);
    assert.ok(order.indexOf("base") < order.indexOf("documents"));
    await engine.dispose();
  });

  it("a question comes between two documents", async () => {
    const { engine, watched, events } = createWatched();
    const order: string[] = [];
    let asked: Promise<unknown> | undefined;
    watched.before = async () => {
      if (asked !== undefined) return;
      asked = engine.embed(queries(bert, ["zebra"])).then(() => order.push(`question after ${events.length - 2}`));
      await settle();
    };
    // Called through the object that the watcher reads.
    await engine.embed(documents(bert, ["a", "b", "c", "d"]));
    await asked;
    assert.deepEqual(order, ["question after 1"]);
    await engine.dispose();
  });

  it("documents wait while background work is held, a question does not", async () => {
    const { engine } = createWatched();
    await engine.holdBackground(true);
    let isDone = false;
    const waiting = engine.embed(documents(bert, ["a"])).then(() => {
      isDone = true;
    });
    await vectorsOf(engine, queries(bert, ["zebra"]));
    await settle();
    assert.equal(isDone, false);
    await engine.holdBackground(false);
    await waiting;
    await engine.dispose();
  });

  it("a cancelled request keeps what was done and stops before the next text", async () => {
    const { engine, watched, events } = createWatched();
    const stop = new AbortController();
    watched.before = async () => {
      if (events.filter((event) => event === "embed").length === 2) stop.abort();
    };
    const { vectors, cancelled } = await engine.embed(documents(bert), { signal: stop.signal });
    assert.deepEqual([vectors.length, cancelled], [2, true]);
    watched.before = async () => {};
    assert.deepEqual((await vectorsOf(engine, documents(bert))).slice(0, 2), vectors);
    const before = await engine.embed(documents(bert), { signal: AbortSignal.abort() });
    assert.deepEqual([before.vectors, before.cancelled], [[], true]);
    await engine.dispose();
  });
});

describe("freeing the embedding model", () => {
  const { bert, qwen3 } = tinyEmbeddingFiles();

  it("happens when it was not used for a while, and the next request loads it again", async () => {
    const { engine, events } = createWatched({ idleMs: 1 });
    await engine.embed(documents(bert, ["a"]));
    while (!events.includes("free")) await new Promise((resolve) => setTimeout(resolve, 1));
    await engine.embed(documents(bert, ["a"]));
    assert.deepEqual(events.slice(0, 5), ["load", "embed", "free", "load", "embed"]);
    await engine.dispose();
  });

  it("happens for another embedding model, when a model is loaded or unloaded, and when it is asked for", async () => {
    const { engine, events } = createWatched();
    for (const file of [bert, bert, qwen3]) await engine.embed(documents(file, ["a"]));
    assert.deepEqual(events, ["load", "embed", "embed", "free", "load", "embed"]);
    for (const free of [() => engine.load(loadOptions()), () => engine.unload(), () => engine.releaseEmbedding()]) {
      events.length = 0;
      await free();
      await engine.embed(documents(qwen3, ["a"]));
      assert.deepEqual(events, ["free", "load", "embed"]);
    }
    await engine.dispose();
  });

  it("in the middle of a request goes unnoticed", async () => {
    const { engine, watched, events } = createWatched();
    let freed: Promise<void> | undefined;
    watched.before = async () => {
      freed ??= engine.releaseEmbedding();
    };
    const vectors = await vectorsOf(engine, documents(bert));
    await freed;
    assert.deepEqual(events.slice(0, 5), ["load", "embed", "free", "load", "embed"]);
    assert.deepEqual(await vectorsOf(engine, documents(bert)), vectors);
    await engine.dispose();
  });
});

describe("an embedding model that is freed while a text waits for its turn", () => {
  it("is loaded again for it", async () => {
    const { bert } = tinyEmbeddingFiles();
    const { engine, recorder, events } = createWatched();
    await engine.load(loadOptions({ chunkTokens: CHUNK }));
    const expected = await vectorsOf(engine, documents(bert, ["zebra"]));
    let waiting: Promise<Float32Array[]> | undefined;
    recorder.before = async ({ kind }) => {
      if (kind !== "evaluate" || waiting !== undefined) return;
      waiting = vectorsOf(engine, documents(bert, ["zebra"]));
      await settle();
      await engine.releaseEmbedding();
    };
    await engine.prefill({ parts: sourceFiles(1) });
    assert.deepEqual(await waiting, expected);
    assert.deepEqual(events, ["load", "embed", "free", "load", "embed"]);
    await engine.dispose();
  });
});

describe("files that are no embedding model", () => {
  const folder = temporaryFolder("embedding");
  const path = (name: string) => join(folder.path, name);
  const engine = createWatched().engine;

  after(async () => {
    await engine.dispose();
    folder.remove();
  });

  const whole = () => readFileSync(tinyEmbeddingFiles().bert);
  const cases: [name: string, make: (file: string) => void, code: EngineErrorCode, message: RegExp][] = [
    ["nothing", () => {}, "modelMissing", /does not exist\. Choose another embedding model\.$/],
    ["a text", (file) => writeFileSync(file, "zebra"), "modelUnreadable", /is not a GGUF model file\./],
    ["a damaged header", (file) => writeFileSync(file, whole().subarray(0, 300)), "modelUnreadable", /is damaged/],
    ["half a file", (file) => writeFileSync(file, whole().subarray(0, 40_000)), "modelUnreadable", /is cut off/],
    [
      "a model without pooling",
      (file) => writeTinyQwen3Embedding(file, { pooling: null }),
      "modelUnsupported",
      /"qwen3" that makes text, not vectors/,
    ],
    [
      "pooling switched off",
      (file) => writeTinyBert(file, { pooling: POOLING.none }),
      "modelUnsupported",
      /makes text/,
    ],
    ["a ranking model", (file) => writeTinyBert(file, { pooling: POOLING.rank }), "modelUnsupported", /ranks pairs/],
  ];
  for (const [name, make, code, message] of cases) {
    it(`${name}: a sentence, from looking and from using`, async () => {
      const file = path(`${name}.gguf`);
      make(file);
      await assert.rejects(engine.inspectEmbedding(file), fails(code, message));
      await assert.rejects(engine.embed(documents(file)), fails(code, message));
    });
  }

  it("a model that only makes text is named as that", async () => {
    const { model } = tinyModelFiles();
    await assert.rejects(engine.inspectEmbedding(model), fails("modelUnsupported", /"qwen35" that makes text/));
  });

  it("tensors that the runtime refuses end in a sentence, and the next file works", async () => {
    const file = path("refused.gguf");
    writeFileSync(
      file,
      Buffer.from(whole().toString("latin1").replace("blk.1.ffn_up.weight", "blk.1.ffn_xx.weight"), "latin1"),
    );
    await engine.inspectEmbedding(file);
    await assert.rejects(engine.embed(documents(file)), fails("modelUnreadable", /could not be loaded/));
    await vectorsOf(engine, documents(tinyEmbeddingFiles().bert));
  });

  it("weights that are no numbers end in a sentence, not in a vector", async () => {
    const file = path("nan.gguf");
    const bytes = whole();
    bytes.fill(0xff, bytes.length - 20_000);
    writeFileSync(file, bytes);
    await assert.rejects(engine.embed(documents(file)), fails("backendFailed", /gave a vector that is none/));
  });
});

describe("vectors across the process border", () => {
  it("are the same, can be cancelled, and come from a new process after a crash", async () => {
    const { bert } = tinyEmbeddingFiles();
    const { engine } = createWatched();
    const expected = await vectorsOf(engine, documents(bert));
    await engine.dispose();
    let onRestarted = () => {};
    const restarted = new Promise<void>((resolve) => {
      onRestarted = resolve;
    });
    const stages: string[] = [];
    const host = new EngineHost({
      entry: ENGINE_ENTRY,
      log: () => {},
      onCrash: ({ stage }) => stages.push(stage),
      onRestarted: () => onRestarted(),
    });
    assert.equal((await host.inspectEmbedding(bert)).dimensions, 64);
    assert.deepEqual(await vectorsOf(host, documents(bert)), expected);
    await assert.rejects(host.embed(documents("/nowhere.gguf")), fails("modelMissing", /does not exist/));
    const stop = new AbortController();
    const cut = host.embed(documents(bert, Array<string>(2000).fill("zebra quagga")), { signal: stop.signal });
    setImmediate(() => stop.abort());
    const { vectors, cancelled } = await cut;
    assert.ok(cancelled && vectors.length < 2000);
    await host.holdBackground(true);
    const dying = assert.rejects(host.embed(documents(bert)), fails("engineStopped", /stopped/));
    await host.longContext().catch(() => undefined);
    process.kill(host.pid!, "SIGKILL");
    await dying;
    await restarted;
    assert.deepEqual(stages, ["embed"]);
    assert.deepEqual(await vectorsOf(host, documents(bert)), expected);
    await host.releaseEmbedding();
    await host.dispose();
  });
});
