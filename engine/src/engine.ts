// The engine: one model, the long context with the base, the completion context, and who may use them when.
import {
  type ChatRequest,
  type CompletionRequest,
  type EmbeddingModelFacts,
  type EmbedHooks,
  type EmbedRequest,
  type EmbedResult,
  type Engine,
  EngineError,
  type GenerateHooks,
  type GenerateRequest,
  type GenerateResult,
  type Hardware,
  type LoadedModel,
  type LoadHooks,
  type LoadOptions,
  type LongContextState,
  type ModelFacts,
  type PrefillHooks,
  type PrefillRequest,
  type PrefillResult,
  type Reach,
  type SnapshotCheck,
  type SnapshotInfo,
  type VisionRequest,
  type VisionResult,
} from "./api.ts";
import type { Backend, BackendModel } from "./backend.ts";
import { readBase } from "./base.ts";
import { ChatTemplate } from "./chatTemplate.ts";
import { CheckpointPolicy, COMPLETION_CHECKPOINTS, UNREACHED_COUNT } from "./checkpoints.ts";
import { Embedding } from "./embedding.ts";
import { readEmbeddingFacts } from "./embeddingFile.ts";
import { Generation, type Loaded, settleAnswer } from "./generation.ts";
import { defaultThreads, readHardware } from "./hardware.ts";
import { LongContext } from "./longContext.ts";
import { hashModelFile, readModelFacts } from "./modelFile.ts";
import { Scheduler } from "./scheduler.ts";
import { emptyCount, Sequence } from "./sequence.ts";
import { listSnapshots, removeSnapshots, verifySnapshots } from "./snapshotStore.ts";
import { Tokenizer } from "./tokenizer.ts";
import { Vision } from "./vision.ts";

/**
 * Most tokens of one evaluation. The logits buffer alone takes 4 bytes × vocabulary × batch in each context: at 2048
 * that would be 2 GB for Qwen3.5's 248,320 tokens, at 512 it is 0.5 GB.
 */
const BATCH_TOKENS = 512;

export interface EngineOptions {
  backend: Backend;
  /** Script of the vision child process. */
  visionEntry: string;
  /** How long an unused embedding model stays loaded, milliseconds; default: `Embedding`'s own. */
  embeddingIdleMs?: number;
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
  readonly #embedding: Embedding;
  readonly #scheduler = new Scheduler();
  #loaded: Loaded | undefined;
  #reading: AbortController | undefined;
  /** Reads the last answer as history; whoever needs the long context ends it. */
  #settling: AbortController | undefined;
  /** Completions that nobody waits for, running or waiting for their turn: a completion that is asked for ends them. */
  readonly #speculating = new Set<AbortController>();
  /** Loads and unloads, one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: EngineOptions) {
    this.#backend = options.backend;
    this.#vision = new Vision({ entry: options.visionEntry });
    this.#embedding = new Embedding({
      backend: options.backend,
      scheduler: this.#scheduler,
      change: (work) => this.#change(work),
      idleMs: options.embeddingIdleMs,
    });
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
    // It may live in a runtime that the next model does not, and plans count the memory that is free without it.
    await this.#embedding.release();
    const loaded = this.#loaded;
    this.#loaded = undefined;
    if (loaded === undefined) return;
    loaded.closing.abort();
    // Whoever holds a lease finishes its step before the context goes away.
    await loaded.long.sequence.exclusively(() => loaded.long.sequence.dispose());
    await loaded.completion.exclusively(() => loaded.completion.dispose());
    await loaded.model.dispose();
  }

  async prefill(request: PrefillRequest, hooks: PrefillHooks = {}): Promise<PrefillResult> {
    const loaded = this.#requireLoaded();
    // The newest layout is the one the user has; an older reading would only fight it for the context.
    this.#reading?.abort();
    this.#settling?.abort();
    const reading = new AbortController();
    this.#reading = reading;
    loaded.long.useSnapshots(request.snapshots);
    return readBase({
      tokenizer: loaded.tokenizer,
      scheduler: this.#scheduler,
      long: loaded.long,
      policy: loaded.policy,
      request,
      signal: AbortSignal.any([untilClosed(loaded, hooks.signal), reading.signal]),
      wasStopped: () => hooks.signal?.aborted === true && !reading.signal.aborted && !loaded.closing.signal.aborted,
      onProgress: hooks.onProgress ?? (() => {}),
    });
  }

  async generate(request: GenerateRequest, hooks: GenerateHooks = {}): Promise<GenerateResult> {
    const loaded = this.#requireLoaded();
    const signal = untilClosed(loaded, hooks.signal);
    if (request.kind === "completion") return this.#complete(loaded, request, { ...hooks, signal });
    const generation = new Generation(loaded, request, { ...hooks, signal });
    // Made before the answer, so that whoever comes while it is given ends what follows it.
    const settling = this.#startSettling();
    const { sequence } = loaded.long;
    const result = await leased(sequence, signal, generation, () => generation.chat(request));
    if (request.goesOn && result.stopReason !== "cancelled") {
      this.#settle(loaded, request, result, untilClosed(loaded, settling));
    }
    return result;
  }

  async #complete(
    loaded: Loaded,
    request: CompletionRequest,
    hooks: GenerateHooks & { signal: AbortSignal },
  ): Promise<GenerateResult> {
    const yielding = new AbortController();
    if (request.background) this.#speculating.add(yielding);
    else for (const speculation of this.#speculating) speculation.abort();
    const signal = AbortSignal.any([hooks.signal, yielding.signal]);
    const generation = new Generation(loaded, request, { ...hooks, signal });
    try {
      return await leased(loaded.completion, signal, generation, () => generation.complete(request));
    } finally {
      this.#speculating.delete(yielding);
    }
  }

  /** Ends the reading of the answer before, wherever it is. */
  #startSettling(): AbortSignal {
    this.#settling?.abort();
    this.#settling = new AbortController();
    return this.#settling.signal;
  }

  /** In the background: the next question of this conversation then costs its own tokens only. */
  #settle(loaded: Loaded, request: ChatRequest, answer: GenerateResult, signal: AbortSignal): void {
    settleAnswer(loaded, this.#scheduler, request, answer, signal).catch(() => {
      // Aborted, or failed in a way that the next question meets and reports itself.
    });
  }

  see(request: VisionRequest, hooks: GenerateHooks = {}): Promise<VisionResult> {
    return this.#vision.see(request, hooks);
  }

  inspectEmbedding(modelFile: string): Promise<EmbeddingModelFacts> {
    return readEmbeddingFacts(modelFile);
  }

  embed(request: EmbedRequest, hooks: EmbedHooks = {}): Promise<EmbedResult> {
    return this.#embedding.embed(request, hooks);
  }

  async releaseEmbedding(): Promise<void> {
    await this.#change(() => this.#embedding.release());
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

  async reach(request: PrefillRequest): Promise<Reach> {
    const { long, tokenizer } = this.#requireLoaded();
    const target = long.base.tokens.slice(0, long.base.headLength);
    for (const token of (await tokenizer.encode(request.parts)).tokens) target.push(token);
    const { tokens, where } = await long.reachOf(target, request.snapshots);
    return { totalTokens: target.length, readyTokens: tokens, where };
  }

  async longContext(): Promise<LongContextState> {
    const { long } = this.#requireLoaded();
    const { sequence, base } = long;
    return {
      baseTokens: base.whole ? base.tokens.length : sequence.commonPrefix(base.tokens),
      stateTokens: sequence.length,
      checkpoints: sequence.checkpoints,
      checkpointBytes: sequence.checkpointBytes,
      tokensPerSecond: sequence.tokensPerSecond,
    };
  }

  async prefillSpeed(): Promise<number> {
    const { long, completion, tokenizer } = this.#requireLoaded();
    const measured = long.sequence.tokensPerSecond || completion.tokensPerSecond;
    if (measured > 0) return measured;
    return completion.exclusively(async () => {
      const { tokens } = await tokenizer.encode([{ text: PROBE_TEXT }]);
      await completion.align([]);
      const count = emptyCount();
      // Not at a low priority: behind a long answer it would keep this context from completions.
      const length = Math.min(PROBE_TOKENS, completion.contextTokens - 1);
      await completion.prefill(tokens.slice(0, length), { priority: "completion" }, count);
      return count.ms === 0 ? 0 : (count.evaluatedTokens / count.ms) * 1000;
    });
  }

  async holdBackground(hold: boolean): Promise<void> {
    this.#scheduler.hold(hold);
  }

  listSnapshots(root: string): Promise<SnapshotInfo[]> {
    return listSnapshots(root);
  }

  removeSnapshots(root: string, ids?: string[]): Promise<SnapshotInfo[]> {
    return removeSnapshots(root, ids);
  }

  verifySnapshots(root: string): Promise<SnapshotCheck[]> {
    return verifySnapshots(root);
  }

  async dispose(): Promise<void> {
    await this.#vision.dispose();
    await this.#embedding.dispose();
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
    const sequence = new Sequence(
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
      contextTokens: sequence.contextTokens,
      completionContextTokens: completion.contextTokens,
      kvType,
      specialTexts: model.vocabulary.specialTexts,
      fimTokens: model.vocabulary.fimTokens,
      canSeeImages: options.mmprojFile !== undefined,
      threads,
    };
    const long = new LongContext({
      sequence,
      identity: { modelHash: info.modelHash, runtime: this.#backend.runtime, kvType },
      base: { tokens, headLength: tokens.length, whole: false },
      kvBytesPerToken: facts.kvBytesPerToken[kvType],
      recurrentStateBytes: facts.recurrentStateBytes,
      saveEveryTokens: options.saveEveryTokens,
    });
    return { info, model, tokenizer, template, policy, long, completion, closing: new AbortController() };
  }
}

/** Some templates refuse a conversation without a user turn. */
const PROBE_TURN = { role: "user" as const, content: [{ text: "?" }] };

/** Long enough for whole tiles, short enough to be no wait, tokens. */
const PROBE_TOKENS = 256;
const PROBE_TEXT = "const value = list.map((item, index) => item.name + index);\n".repeat(PROBE_TOKENS / 4);

/** Waits for the lease and runs; a request aborted while it waits is a cancelled result, not an error. */
async function leased(
  sequence: Sequence,
  signal: AbortSignal,
  generation: Generation,
  run: () => Promise<GenerateResult>,
): Promise<GenerateResult> {
  let begun = false;
  try {
    return await sequence.exclusively(() => {
      begun = true;
      return run();
    }, signal);
  } catch (error) {
    if (begun || !signal.aborted) throw error;
    return generation.cancelledBeforeStart();
  }
}
