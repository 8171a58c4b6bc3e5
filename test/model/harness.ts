// What the tests with a real runtime share: a loaded engine that records its runtime calls, prompts, and the same work done straight.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getLlama, type Llama, LlamaLogLevel, type LlamaModel, type Token as LlamaToken } from "node-llama-cpp";
import {
  type ChatRequest,
  type CompletionRequest,
  type Engine,
  EngineError,
  type EngineErrorCode,
  type GenerateResult,
  type KvType,
  type LoadOptions,
  type PromptPart,
} from "../../engine/src/api.ts";
import type { Backend, BackendModel, BackendSequence, SequenceOptions, Token } from "../../engine/src/backend.ts";
import { createLlamaCppBackend } from "../../engine/src/backends/llamaCpp.ts";
import { createEngine } from "../../engine/src/engine.ts";
import { tinyModelFiles } from "./tinyModel.ts";

export const ENGINE_ENTRY = join(import.meta.dirname, "../../engine/src/main.ts");

/** llama.cpp's threads spin while they wait for each other: two of them on a busy machine are many times slower than one. */
export const THREADS = 1;

export const KV_TYPES = ["f16", "q8_0"] as const;

export const GREEDY = { temperature: 0 };

/** One call to the runtime: which sequence, what, and the length of its state before and after. */
export interface RuntimeCall {
  sequence: "long" | "completion";
  kind: "evaluate" | "decode" | "checkpoint" | "rewind" | "save" | "restore";
  from: number;
  to: number;
}

/** Called before a call reaches the runtime, which waits for it: the place to ask for something "meanwhile". */
export type BeforeCall = (call: Omit<RuntimeCall, "to">, index: number) => void | Promise<void>;

/** A runtime that writes down what is asked of it. */
export interface Recorder {
  backend: Backend;
  calls: RuntimeCall[];
  before: BeforeCall;
  /** What the long sequence of the newest model holds. */
  longTokens: () => Token[];
  /** The newest model's special tokens. */
  special: (text: string) => Token;
}

/** @param inner The runtime that does the work. */
export function createRecorder(inner: Backend): Recorder {
  const recorder: Recorder = { backend: inner, calls: [], before: () => {}, longTokens: () => [], special: noModel };
  recorder.backend = {
    runtime: inner.runtime,
    gpu: () => inner.gpu(),
    cudaFound: () => inner.cudaFound(),
    load: async (options) => recordModel(recorder, await inner.load(options)),
    dispose: () => inner.dispose(),
  };
  return recorder;
}

function noModel(): never {
  throw new Error("The recorder has seen no model yet.");
}

function recordModel(recorder: Recorder, inner: BackendModel): BackendModel {
  let created = 0;
  recorder.special = (text) => inner.vocabulary.special(text) ?? assert.fail(`the model has no ${text}`);
  return {
    gpu: inner.gpu,
    vocabulary: inner.vocabulary,
    chatTemplate: inner.chatTemplate,
    createSequence: async (options: SequenceOptions) => {
      // The engine creates its long context first.
      const name = created++ === 0 ? "long" : "completion";
      const sequence = await inner.createSequence(options);
      if (name === "long") recorder.longTokens = () => sequence.tokens();
      return recordSequence(recorder, name, sequence);
    },
    createEmbeddingContext: (options) => inner.createEmbeddingContext(options),
    dispose: () => inner.dispose(),
  };
}

function recordSequence(recorder: Recorder, name: RuntimeCall["sequence"], inner: BackendSequence): BackendSequence {
  const record = async <T>(kind: RuntimeCall["kind"], work: () => Promise<T>): Promise<T> => {
    const call = { sequence: name, kind, from: inner.length, to: inner.length };
    const index = recorder.calls.push(call) - 1;
    await recorder.before(call, index);
    const value = await work();
    call.to = inner.length;
    return value;
  };
  return {
    contextTokens: inner.contextTokens,
    batchTokens: inner.batchTokens,
    get length() {
      return inner.length;
    },
    get checkpointBytes() {
      return inner.checkpointBytes;
    },
    get checkpointCount() {
      return inner.checkpointCount;
    },
    tokens: () => inner.tokens(),
    reachableLength: (length) => inner.reachableLength(length),
    evaluate: (tokens) => record("evaluate", () => inner.evaluate(tokens)),
    startDecoding: (tokens, options) => {
      const stream = inner.startDecoding(tokens, options);
      return { next: () => record("decode", () => stream.next()), end: () => stream.end() };
    },
    takeCheckpoint: () => record("checkpoint", () => inner.takeCheckpoint()),
    rewind: (length) => record("rewind", () => inner.rewind(length)),
    save: (file) => record("save", () => inner.save(file)),
    restore: (file) => record("restore", () => inner.restore(file)),
    dispose: () => inner.dispose(),
  };
}

/** Tokens that the runtime evaluated, prompt and answers. */
export function evaluatedTokens(calls: readonly RuntimeCall[], sequence: RuntimeCall["sequence"] = "long"): number {
  let tokens = 0;
  for (const call of calls) {
    if (call.sequence === sequence && (call.kind === "evaluate" || call.kind === "decode"))
      tokens += call.to - call.from;
  }
  return tokens;
}

/** Options for the tiny model, small and with one thread. */
export function loadOptions(changes: Partial<LoadOptions> = {}): LoadOptions {
  return {
    modelFile: tinyModelFiles().model,
    contextTokens: 2048,
    completionContextTokens: 512,
    kvType: "f16",
    gpu: "cpu",
    threads: THREADS,
    chunkTokens: 64,
    checkpointBytes: 64 << 20,
    ...changes,
  };
}

export interface TestEngine {
  engine: Engine;
  recorder: Recorder;
}

/** An engine in this process, without a model. */
export function createTestEngine(): TestEngine {
  const recorder = createRecorder(createLlamaCppBackend());
  return { engine: createEngine({ backend: recorder.backend, visionEntry: "" }), recorder };
}

/**
 * Source files that look like code and are all different.
 * @param count Number of files; each has about 270 tokens of the tiny model.
 * @param first Number of the first file: other numbers are other texts.
 */
export function sourceFiles(count: number, first = 0): PromptPart[] {
  return Array.from({ length: count }, (_, index) => sourceFile(first + index));
}

function sourceFile(number: number): PromptPart {
  const lines = Array.from({ length: 9 }, (_, line) => {
    const seed = (number * 9 + line) * 7919;
    return `export function value${seed % 997}(index: number, length: number) { return index * ${seed % 89} + length; }`;
  });
  return { text: `// file ${number}\n${lines.join("\n")}\n`, label: `src/file${number}.ts` };
}

/** A greedy chat turn with log-probabilities. */
export function question(text: string, changes: Partial<ChatRequest> = {}): ChatRequest {
  return {
    kind: "chat",
    messages: [
      { role: "system", content: [] },
      { role: "user", content: [{ text }] },
    ],
    thinking: false,
    sampling: GREEDY,
    maxTokens: 32,
    logProbs: true,
    ...changes,
  };
}

/** A greedy inline completion. */
export function completion(prefix: string, changes: Partial<CompletionRequest> = {}): CompletionRequest {
  return {
    kind: "completion",
    parts: [
      { special: "<|fim_prefix|>" },
      { text: prefix },
      { special: "<|fim_suffix|>" },
      { text: ";\n" },
      { special: "<|fim_middle|>" },
    ],
    sampling: GREEDY,
    maxTokens: 16,
    ...changes,
  };
}

export interface Answer {
  tokens: number[];
  logProbs: number[];
}

/** @returns Tokens and log-probabilities of a result that was asked for with both. */
export function answerOf(result: GenerateResult): Answer {
  assert.equal(result.logProbs?.length, result.tokens.length);
  return { tokens: result.tokens, logProbs: result.logProbs };
}

/** Largest difference between the log-probabilities of the same tokens. @throws AssertionError for other tokens. */
export function difference(actual: Answer, expected: Answer): number {
  assert.deepEqual(actual.tokens, expected.tokens);
  assert.ok(expected.tokens.length > 0);
  return Math.max(...actual.logProbs.map((value, index) => Math.abs(value - expected.logProbs[index]!)));
}

/** The runtime without the engine: the same model, evaluated in the pieces that the caller says. */
export class StraightModel {
  readonly #llama: Llama;
  readonly #model: LlamaModel;

  constructor(llama: Llama, model: LlamaModel) {
    this.#llama = llama;
    this.#model = model;
  }

  /**
   * Evaluates the pieces one after the other and goes on greedily.
   * @param pieces Token lists; the last token of the last piece gives the first logits.
   * @param count Tokens to generate.
   * @returns Tokens, log-probabilities, and the smallest log-probability lead of a chosen token over the next best.
   */
  async answer(
    pieces: readonly (readonly Token[])[],
    count: number,
    kvType: KvType,
  ): Promise<Answer & { lead: number }> {
    const longest = Math.max(...pieces.map((piece) => piece.length));
    const total = pieces.reduce((sum, piece) => sum + piece.length, count + 1);
    const sequence = await this.createSequence({ contextTokens: total, batchTokens: longest, kvType });
    const answer = { tokens: [] as number[], logProbs: [] as number[], lead: Number.POSITIVE_INFINITY };
    for (const piece of pieces.slice(0, -1)) await sequence.evaluateWithoutGeneratingNewTokens(piece as LlamaToken[]);
    const metadata = { probabilities: true } as const;
    const steps = sequence.evaluateWithMetadata((pieces.at(-1) ?? []) as LlamaToken[], metadata, GREEDY);
    for await (const { token, probabilities } of steps) {
      const [best = 0, second = 0] = [...probabilities.values()].sort((a, b) => b - a);
      answer.tokens.push(token);
      answer.logProbs.push(Math.log(probabilities.get(token) ?? Number.NaN));
      answer.lead = Math.min(answer.lead, Math.log(best / second));
      if (answer.tokens.length === count) break;
    }
    await sequence.context.dispose();
    return answer;
  }

  /** A sequence with a context of its own, set up as the engine does; dispose the context. */
  async createSequence(options: { contextTokens: number; batchTokens: number; kvType: KvType; threads?: number }) {
    const cacheType = options.kvType === "f16" ? "F16" : "Q8_0";
    const context = await this.#model.createContext({
      contextSize: options.contextTokens,
      batchSize: options.batchTokens,
      sequences: 1,
      threads: options.threads ?? THREADS,
      experimentalKvCacheKeyType: cacheType,
      experimentalKvCacheValueType: cacheType,
    });
    return context.getSequence();
  }

  async dispose(): Promise<void> {
    await this.#llama.dispose();
  }
}

/** Loads a model straight with node-llama-cpp, on the CPU. */
export async function loadStraight(modelFile: string, threads = THREADS): Promise<StraightModel> {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    maxThreads: threads,
    logLevel: LlamaLogLevel.error,
  });
  const model = await llama.loadModel({ modelPath: modelFile, defaultContextFlashAttention: "auto" });
  return new StraightModel(llama, model);
}

/** Cuts the tokens where the recorded evaluations cut them. */
export function piecesOf(calls: readonly RuntimeCall[], tokens: readonly Token[]): Token[][] {
  const pieces: Token[][] = [];
  for (const { kind, from, to } of calls) {
    if (kind === "evaluate" && to <= tokens.length) pieces.push(tokens.slice(from, to));
  }
  const done = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [...pieces, tokens.slice(done)];
}

/** A folder for this test's files, removed by the caller. */
export function temporaryFolder(name: string): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), `fathom-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** For assert.rejects: an EngineError with this code and sentence. */
export function fails(code: EngineErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof EngineError, `not an EngineError: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

/** Lets everything that is ready run: timers of 0 ms, immediates and promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}
