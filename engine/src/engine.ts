// The engine: one model, the long context with the base, the completion context, and who may use them when.
import {
  type ChatRequest,
  type CompletionRequest,
  type Engine,
  EngineError,
  type GenerateHooks,
  type GenerateRequest,
  type GenerateResult,
  type Hardware,
  type LoadedModel,
  type LoadHooks,
  type LoadOptions,
  type ModelFacts,
  type PrefillHooks,
  type PrefillRequest,
  type PrefillResult,
  type SnapshotInfo,
  type VisionRequest,
  type VisionResult,
} from "./api.ts";
import type { Backend, BackendModel, Token } from "./backend.ts";
import { type Base, figuresOf, readBase } from "./base.ts";
import { ChatTemplate } from "./chatTemplate.ts";
import { CheckpointPolicy, COMPLETION_CHECKPOINTS, UNREACHED_COUNT } from "./checkpoints.ts";
import { decodeText } from "./generate.ts";
import { defaultThreads, readHardware } from "./hardware.ts";
import { hashModelFile, readModelFacts } from "./modelFile.ts";
import { Scheduler } from "./scheduler.ts";
import { emptyCount, type PrefillCount, Sequence } from "./sequence.ts";
import { SnapshotStore } from "./snapshotStore.ts";
import { Tokenizer } from "./tokenizer.ts";
import { Vision } from "./vision.ts";

/**
 * Most tokens of one evaluation. The logits buffer alone takes 4 bytes × vocabulary × batch in each context: at 2048
 * that would be 2 GB for Qwen3.5's 248,320 tokens, at 512 it is 0.5 GB.
 */
const BATCH_TOKENS = 512;

/** Fill-in-the-middle needs exactly these (QWEN35.md 1.7). */
const FIM_TOKENS = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"];

export interface EngineOptions {
  backend: Backend;
  /** Script of the vision child process. */
  visionEntry: string;
}

/** Everything that exists only while a model is loaded. */
interface Loaded {
  info: LoadedModel;
  model: BackendModel;
  tokenizer: Tokenizer;
  template: ChatTemplate;
  policy: CheckpointPolicy;
  long: Sequence;
  completion: Sequence;
  base: Base;
  /** Aborted when the model is released: running requests end as cancelled. */
  closing: AbortController;
}

/** Aborts with the request's own signal or when the model is released. */
function untilClosed(loaded: Loaded, signal: AbortSignal | undefined): AbortSignal {
  return signal === undefined ? loaded.closing.signal : AbortSignal.any([signal, loaded.closing.signal]);
}

export function createEngine(options: EngineOptions): Engine {
  return new LocalEngine(options);
}

class LocalEngine implements Engine {
  readonly #backend: Backend;
  readonly #vision: Vision;
  readonly #scheduler = new Scheduler();
  #loaded: Loaded | undefined;
  #reading: AbortController | undefined;
  /** Loads and unloads, one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: EngineOptions) {
    this.#backend = options.backend;
    this.#vision = new Vision({ entry: options.visionEntry });
  }

  inspect(modelFile: string): Promise<ModelFacts> {
    return readModelFacts(modelFile);
  }

  async load(options: LoadOptions, hooks: LoadHooks = {}): Promise<LoadedModel> {
    const facts = await readModelFacts(options.modelFile);
    return this.#change(() => this.#load(facts, options, hooks));
  }

  async unload(): Promise<void> {
    await this.#change(() => this.#release());
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const change = this.#changing.then(work, work);
    this.#changing = change.catch(() => undefined);
    return change;
  }

  async #load(facts: ModelFacts, options: LoadOptions, hooks: LoadHooks): Promise<LoadedModel> {
    await this.#release();
    const threads = options.threads ?? defaultThreads();
    const model = await this.#backend.load({ ...hooks, modelFile: options.modelFile, gpu: options.gpu, threads });
    try {
      this.#loaded = await this.#createContexts(model, facts, options, threads);
    } catch (error) {
      await model.dispose();
      throw error;
    }
    return this.#loaded.info;
  }

  async #release(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    if (loaded === undefined) return;
    loaded.closing.abort();
    // Whoever holds a lease finishes its step before the context goes away.
    await loaded.long.exclusively(() => loaded.long.dispose());
    await loaded.completion.exclusively(() => loaded.completion.dispose());
    await loaded.model.dispose();
  }

  async prefill(request: PrefillRequest, hooks: PrefillHooks = {}): Promise<PrefillResult> {
    const loaded = this.#requireLoaded();
    // The newest layout is the one the user has; an older reading would only fight it for the context.
    this.#reading?.abort();
    const reading = new AbortController();
    this.#reading = reading;
    return readBase({
      tokenizer: loaded.tokenizer,
      sequence: loaded.long,
      base: loaded.base,
      identity: { modelHash: loaded.info.modelHash, runtime: this.#backend.runtime, kvType: loaded.info.kvType },
      spacing: (tokens) => loaded.policy.spacing(tokens),
      request,
      signal: AbortSignal.any([untilClosed(loaded, hooks.signal), reading.signal]),
      onProgress: hooks.onProgress ?? (() => {}),
    });
  }

  async generate(request: GenerateRequest, hooks: GenerateHooks = {}): Promise<GenerateResult> {
    const loaded = this.#requireLoaded();
    const run = new Generation(loaded, request, { ...hooks, signal: untilClosed(loaded, hooks.signal) });
    return request.kind === "chat"
      ? loaded.long.exclusively(() => run.chat(request))
      : loaded.completion.exclusively(() => run.complete(request));
  }

  see(request: VisionRequest, hooks: GenerateHooks = {}): Promise<VisionResult> {
    return this.#vision.see(request, hooks);
  }

  async countTokens(texts: string[]): Promise<number[]> {
    const { tokenizer } = this.#requireLoaded();
    const counts: number[] = [];
    for (const text of texts) {
      counts.push(tokenizer.encodeText(text).length);
      await new Promise(setImmediate);
    }
    return counts;
  }

  hardware(options: { gpu: "auto" | "cpu" }): Promise<Hardware> {
    return readHardware(this.#backend, options.gpu);
  }

  listSnapshots(dir: string): Promise<SnapshotInfo[]> {
    return new SnapshotStore(dir).list();
  }

  async dispose(): Promise<void> {
    await this.#vision.dispose();
    await this.unload();
    await this.#backend.dispose();
  }

  #requireLoaded(): Loaded {
    if (this.#loaded !== undefined) return this.#loaded;
    throw new EngineError("noModel", "No model is loaded. Choose or download one with Get Model….");
  }

  async #createContexts(
    model: BackendModel,
    facts: ModelFacts,
    options: LoadOptions,
    threads: number,
  ): Promise<Loaded> {
    const tokenizer = new Tokenizer(model.vocabulary);
    const template = new ChatTemplate(model.chatTemplate, tokenizer);
    const { kvType, chunkTokens, contextTokens, completionContextTokens } = options;
    const policy = new CheckpointPolicy(options.checkpointBytes, facts.recurrentStateBytes);
    const long = new Sequence(
      await model.createSequence({ contextTokens, batchTokens: BATCH_TOKENS, kvType, maxCheckpoints: UNREACHED_COUNT }),
      this.#scheduler,
      { chunkTokens, mayTakeCheckpoint: (used) => policy.hasRoom(used) },
    );
    const completion = new Sequence(
      await model.createSequence({
        contextTokens: completionContextTokens,
        batchTokens: BATCH_TOKENS,
        kvType,
        maxCheckpoints: COMPLETION_CHECKPOINTS,
      }),
      this.#scheduler,
      { chunkTokens, mayTakeCheckpoint: () => true },
    );
    const { head } = template.render([{ role: "system", content: [] }, PROBE_TURN], false);
    const tokens = (await tokenizer.encode(head)).tokens;
    const info: LoadedModel = {
      ...facts,
      modelHash: await hashModelFile(options.modelFile),
      gpu: model.gpu,
      contextTokens: long.contextTokens,
      completionContextTokens: completion.contextTokens,
      kvType,
      canFillInMiddle: FIM_TOKENS.every((token) => tokenizer.has(token)),
      canSeeImages: options.mmprojFile !== undefined,
      threads,
    };
    const base = { tokens, headLength: tokens.length };
    return { info, model, tokenizer, template, policy, long, completion, base, closing: new AbortController() };
  }
}

/** Some templates refuse a conversation without a user turn. */
const PROBE_TURN = { role: "user" as const, content: [{ text: "?" }] };

/** One request for new tokens, from prompt to figures. */
class Generation {
  readonly #loaded: Loaded;
  readonly #request: GenerateRequest;
  readonly #hooks: GenerateHooks;
  readonly #begin = performance.now();

  constructor(loaded: Loaded, request: GenerateRequest, hooks: GenerateHooks) {
    this.#loaded = loaded;
    this.#request = request;
    this.#hooks = hooks;
  }

  /** Extends what is read of the base; the tail stays until another prompt needs the context. */
  async chat(request: ChatRequest): Promise<GenerateResult> {
    const { long, base, template, tokenizer } = this.#loaded;
    const rendered = template.render(request.messages, request.thinking);
    const read = Math.max(base.headLength, long.commonPrefix(base.tokens));
    const target = base.tokens.slice(0, read);
    const history = (await tokenizer.encode(rendered.history)).tokens;
    const generationPrompt = (await tokenizer.encode(rendered.generationPrompt)).tokens;
    for (const token of history) target.push(token);
    // Templates rewrite earlier answers, so the next turn can go on from here but not from the answer.
    const checkpoints = [read, target.length];
    for (const token of generationPrompt) target.push(token);
    const result = await this.#run(long, target, checkpoints, rendered.startsThinking, "prefill");
    return { ...result, baseTokens: read, baseTotalTokens: base.tokens.length };
  }

  async complete(request: CompletionRequest): Promise<GenerateResult> {
    const { completion, tokenizer, info } = this.#loaded;
    if (!info.canFillInMiddle) {
      throw new EngineError(
        "noFillInMiddle",
        `The model ${info.name} has no fill-in-the-middle tokens, so it cannot complete code inline.`,
      );
    }
    const { tokens, checkpoints } = await tokenizer.encode(request.parts);
    const result = await this.#run(completion, tokens, checkpoints, false, "completion");
    return { ...result, baseTokens: 0, baseTotalTokens: 0 };
  }

  async #run(
    sequence: Sequence,
    target: Token[],
    checkpoints: number[],
    startsThinking: boolean,
    priority: "prefill" | "completion",
  ): Promise<Omit<GenerateResult, "baseTokens" | "baseTotalTokens">> {
    const { signal, onChunk } = this.#hooks;
    const request = this.#request;
    // The last token is evaluated by the first decode step, which needs its logits.
    const prompt = target.slice(0, -1);
    const generated: Token[] = [];
    const count = emptyCount();
    try {
      await this.#checkpointBeforeLeavingBase(sequence, checkpoints);
      await sequence.prefill(prompt, { priority, signal, checkpoints }, count);
    } catch (error) {
      if (!signal?.aborted) throw error;
      return this.#cancelled(target.length, count);
    }
    const stream = sequence.decode(target.slice(-1), {
      sampling: request.sampling,
      grammar: request.grammar,
      logProbs: request.logProbs,
      generated,
      priority: priority === "completion" ? "completion" : "decode",
      signal,
    });
    let firstTokenMs = 0;
    const outcome = await decodeText({
      stream,
      decoder: this.#loaded.tokenizer.streamDecoder(),
      maxTokens: request.maxTokens,
      stop: request.stop ?? [],
      thinking: { ...this.#thinkingTokens(), startsThinking },
      generated,
      signal,
      onChunk,
      onToken: () => {
        firstTokenMs ||= performance.now() - this.#begin;
      },
      room: sequence.contextTokens - 1 - target.length,
    });
    // The last prompt token is evaluated by the first decode step, if there was one.
    const last = sequence.length >= target.length ? 1 : 0;
    const evaluated = { ...count, evaluatedTokens: count.evaluatedTokens + last };
    const figures = figuresOf(target.length, evaluated, performance.now() - this.#begin);
    return {
      ...outcome,
      logProbs: request.logProbs === undefined ? undefined : outcome.logProbs,
      tokens: generated,
      figures: { ...figures, generatedTokens: generated.length, decodeMs: stream.ms, firstTokenMs },
    };
  }

  /** A half-read base can be gone on with only if its end is a checkpoint before the question follows. */
  async #checkpointBeforeLeavingBase(sequence: Sequence, checkpoints: readonly number[]): Promise<void> {
    if (sequence === this.#loaded.long && sequence.length > 0 && checkpoints[0] === sequence.length) {
      await sequence.takeCheckpointOfBase();
    }
  }

  #thinkingTokens(): { open: Token | undefined; close: Token | undefined } {
    const { tokenizer } = this.#loaded;
    const token = (text: string) => (tokenizer.has(text) ? tokenizer.special(text) : undefined);
    return { open: token("<think>"), close: token("</think>") };
  }

  #cancelled(promptTokens: number, count: PrefillCount): Omit<GenerateResult, "baseTokens" | "baseTotalTokens"> {
    return {
      text: "",
      thinking: "",
      stopReason: "cancelled",
      tokens: [],
      figures: figuresOf(promptTokens, count, performance.now() - this.#begin),
    };
  }
}
