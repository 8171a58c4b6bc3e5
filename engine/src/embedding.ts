// Vectors of texts: loads the embedding model beside the generating one on first use, and lets it go when nobody uses it.
import {
  type EmbeddingModelFacts,
  type EmbedHooks,
  type EmbedRequest,
  type EmbedResult,
  EngineError,
  type Priority,
} from "./api.ts";
import type { Backend, BackendModel, EmbeddingContext } from "./backend.ts";
import { readEmbeddingFacts } from "./embeddingFile.ts";
import { defaultThreads } from "./hardware.ts";
import type { Scheduler } from "./scheduler.ts";
import { Tokenizer } from "./tokenizer.ts";

/** Someone who searches again finds it loaded; whoever does not gets the memory back. */
const DEFAULT_IDLE_MS = 10 * 60_000;

export interface EmbeddingOptions {
  backend: Backend;
  scheduler: Scheduler;
  /** Runs one change of the loaded models after the other. */
  change: <T>(work: () => Promise<T>) => Promise<T>;
  /** How long an unused model stays loaded, milliseconds. Default ten minutes. */
  idleMs?: number;
}

/**
 * Nobody waits for documents, and search works without: they come after everything else. Somebody waits for a question,
 * which has a few tokens and is one step.
 */
const PRIORITY: Record<EmbedRequest["role"], Priority> = { query: "completion", document: "embedding" };

interface Loaded {
  facts: EmbeddingModelFacts;
  model: BackendModel;
  tokenizer: Tokenizer;
  context: EmbeddingContext;
  /** What the context computes now; never rejects. */
  running: Promise<unknown>;
}

export class Embedding {
  readonly #options: EmbeddingOptions;
  #loaded: Loaded | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #isDisposed = false;

  constructor(options: EmbeddingOptions) {
    this.#options = options;
  }

  /** One step of the scheduler for each text, so that whatever is urgent waits for one text at most. */
  async embed(request: EmbedRequest, { signal }: EmbedHooks = {}): Promise<EmbedResult> {
    const result: EmbedResult = { identity: "", vectors: [], tokens: 0, cutTexts: 0, cancelled: false };
    clearTimeout(this.#idleTimer);
    try {
      while (result.vectors.length < request.texts.length) await this.#embedNext(request, result, signal);
    } catch (error) {
      if (!signal?.aborted) throw error;
      result.cancelled = true;
    } finally {
      this.#releaseWhenIdle();
    }
    return result;
  }

  /** Frees the model; the next request loads it again. Waits for the text that is being computed. */
  async release(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const loaded = this.#loaded;
    this.#loaded = undefined;
    if (loaded === undefined) return;
    await loaded.running;
    await loaded.context.dispose();
    await loaded.model.dispose();
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await this.#options.change(() => this.release());
  }

  async #embedNext(request: EmbedRequest, result: EmbedResult, signal: AbortSignal | undefined): Promise<void> {
    const { scheduler } = this.#options;
    const { role, texts } = request;
    signal?.throwIfAborted();
    if (role === "document") await scheduler.whenReleased(signal);
    const loaded = await this.#loadedFor(request);
    const { tokenizer, context, facts } = loaded;
    const all = tokenizer.encodeText(facts.prefixes[role] + texts[result.vectors.length]);
    const tokens = all.slice(0, context.textTokens);
    const step = async () => {
      // Released while this waited for its turn: it is loaded again.
      if (this.#loaded !== loaded) return undefined;
      const computing = context.embed(tokens);
      loaded.running = computing.catch(() => undefined);
      return computing;
    };
    const { value: vector } = await scheduler.run(PRIORITY[role], step, signal);
    if (vector === undefined) return;
    result.vectors.push(unit(vector, facts));
    result.identity = facts.identity;
    result.tokens += tokens.length;
    if (tokens.length < all.length) result.cutTexts += 1;
  }

  async #loadedFor(request: EmbedRequest): Promise<Loaded> {
    const { change } = this.#options;
    const usable = () => (this.#loaded?.facts.file === request.modelFile ? this.#loaded : undefined);
    return usable() ?? change(async () => usable() ?? this.#load(request));
  }

  async #load({ modelFile, gpu, threads = defaultThreads() }: EmbedRequest): Promise<Loaded> {
    if (this.#isDisposed) throw new EngineError("engineStopped", "Fathom is shutting down.");
    const facts = await readEmbeddingFacts(modelFile);
    await this.release();
    const model = await this.#options.backend.load({ modelFile, gpu, threads, beside: true });
    try {
      const context = await model.createEmbeddingContext({ contextTokens: facts.maxTextTokens });
      const tokenizer = new Tokenizer(model.vocabulary);
      this.#loaded = { facts, model, tokenizer, context, running: Promise.resolve() };
    } catch (error) {
      await model.dispose();
      throw error;
    }
    return this.#loaded;
  }

  #releaseWhenIdle(): void {
    clearTimeout(this.#idleTimer);
    const { change, idleMs = DEFAULT_IDLE_MS } = this.#options;
    // Not caught: a model that cannot be freed is a bug, and the process ends with its log.
    this.#idleTimer = setTimeout(() => void change(() => this.release()), idleMs).unref();
  }
}

/**
 * The vector at length 1, so that dot products compare.
 * @throws EngineError backendFailed for one without a direction, as damaged weights and overflowing sums make them.
 */
function unit(vector: Float32Array, { name, dimensions }: EmbeddingModelFacts): Float32Array {
  const length = Math.hypot(...vector);
  if (vector.length !== dimensions || !(length > 0) || !Number.isFinite(length)) {
    throw new EngineError(
      "backendFailed",
      `The embedding model ${name} gave a vector that is none (${vector.length} numbers, length ${length}). ` +
        "Choose another embedding model.",
    );
  }
  return vector.map((value) => value / length);
}
