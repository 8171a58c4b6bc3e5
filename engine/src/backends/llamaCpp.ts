// The embedded runtime: llama.cpp through node-llama-cpp, which nothing outside this folder uses for inference.
import { stat } from "node:fs/promises";
import {
  type GgufFileInfo,
  getLlama,
  getLlamaGpuTypes,
  type Llama,
  type LlamaContext,
  type LlamaContextSequence,
  LlamaGrammar,
  LlamaGrammarEvaluationState,
  type LlamaModel,
  type Token as LlamaToken,
  type SequenceEvaluateOptions,
} from "node-llama-cpp";
import { EngineError, type FimTokens } from "../api.ts";
import type {
  Backend,
  BackendLoadOptions,
  BackendModel,
  BackendSequence,
  DecodeOptions,
  EmbeddingContext,
  SequenceOptions,
  Token,
  TokenStream,
  Vocabulary,
} from "../backend.ts";
import { defaultThreads } from "../hardware.ts";
import { createEmbeddingContext } from "./llamaCppEmbedding.ts";

/** Token types in GGUF whose text a tokenizer may recognise: unknown, control, user-defined. */
const SPECIAL_TOKEN_TYPES = new Set([2, 3, 4]);

/** How many generated tokens the presence penalty looks back on; as in llama.cpp's default. */
const PENALTY_WINDOW_TOKENS = 64;

const RUNTIME_PACKAGE = "node-llama-cpp 3.21.1";

/** @param log Receives the runtime's own warnings, one line each. */
export function createLlamaCppBackend(log: (line: string) => void = () => {}): Backend {
  return new LlamaCppBackend(log);
}

class LlamaCppBackend implements Backend {
  readonly runtime = `${RUNTIME_PACKAGE} ${process.platform}-${process.arch}`;
  readonly #log: (line: string) => void;
  #llama: { gpu: "auto" | "cpu"; threads: number; instance: Llama } | undefined;
  /** Runtimes in which a load failed. */
  readonly #endless = new WeakSet<Llama>();

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  async gpu() {
    const llama = this.#llama?.instance ?? (await this.#start("auto", defaultThreads()));
    if (!llama.gpu) return undefined;
    const vram = await llama.getVramState();
    const names = await llama.getGpuDeviceNames();
    const name = `${names.join(", ") || "GPU"} (${llama.gpu})`;
    return { name, backend: llama.gpu, totalBytes: vram.total, freeBytes: vram.free };
  }

  async cudaFound() {
    return (await getLlamaGpuTypes("supported")).includes("cuda");
  }

  async load(options: BackendLoadOptions): Promise<BackendModel> {
    const running = options.beside ? this.#llama?.instance : undefined;
    const llama = running ?? (await this.#start(options.gpu, options.threads));
    try {
      const model = await llama.loadModel({
        modelPath: options.modelFile,
        loadSignal: options.signal,
        onLoadProgress: options.onProgress,
        defaultContextFlashAttention: "auto",
      });
      return new LlamaCppModel(llama, model, options.threads);
    } catch (error) {
      this.#endless.add(llama);
      if (options.signal?.aborted) throw options.signal.reason;
      throw asEngineError(error, `The model ${options.modelFile} could not be loaded`, "modelUnreadable");
    }
  }

  async dispose(): Promise<void> {
    const llama = this.#llama?.instance;
    this.#llama = undefined;
    const ended = llama?.dispose();
    // The lock of a failed load is never given back once its model is collected, and the end would wait for it (3.21.1).
    if (llama !== undefined && this.#endless.has(llama)) return;
    await ended;
  }

  /** One runtime per choice of GPU and threads; prebuilt binaries only, never a download or a build. */
  async #start(gpu: "auto" | "cpu", threads: number): Promise<Llama> {
    const running = this.#llama;
    if (running !== undefined && running.gpu === gpu && running.threads === threads) return running.instance;
    await this.dispose();
    const instance = await getLlama({
      gpu: gpu === "cpu" ? false : "auto",
      build: "never",
      skipDownload: true,
      progressLogs: false,
      // Its own default is at least 4 threads, which on 2 cores made prefill 13 times slower (ARCHITECTURE.md).
      maxThreads: threads,
      logger: (level, message) => this.#log(`${level}: ${message.trimEnd()}`),
    });
    this.#llama = { gpu, threads, instance };
    return instance;
  }
}

class LlamaCppModel implements BackendModel {
  readonly vocabulary: Vocabulary;
  readonly chatTemplate: string;
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  readonly #threads: number;

  constructor(llama: Llama, model: LlamaModel, threads: number) {
    this.#llama = llama;
    this.#model = model;
    this.#threads = threads;
    this.vocabulary = createVocabulary(model);
    this.chatTemplate = (model.fileInfo.metadata.tokenizer.chat_template as string | undefined) ?? "";
  }

  get gpu(): string {
    return this.#llama.gpu === false ? "CPU" : `${this.#llama.gpu} (${this.#model.gpuLayers} layers)`;
  }

  async createSequence(options: SequenceOptions): Promise<BackendSequence> {
    const kvCacheType = options.kvType === "q8_0" ? "Q8_0" : "F16";
    try {
      const context = await this.#model.createContext({
        contextSize: options.contextTokens,
        sequences: 1,
        batchSize: Math.min(options.batchTokens, options.contextTokens),
        // Hyper-threads and efficiency cores slow the barriers down; the runtime counts the cores that help.
        threads: Math.min(this.#threads, this.#llama.cpuMathCores),
        experimentalKvCacheKeyType: kvCacheType,
        experimentalKvCacheValueType: kvCacheType,
        failedCreationRemedy: false,
      });
      const sequence = context.getSequence({
        // Interval checkpoints are ours to place (checkpoints.ts); the runtime's would be dropped oldest first.
        checkpoints: { max: options.maxCheckpoints, interval: false, maxMemory: null },
      });
      return new LlamaCppSequence(this.#llama, context, sequence, options);
    } catch (error) {
      throw asEngineError(
        error,
        `A context of ${options.contextTokens.toLocaleString("en")} tokens could not be created`,
        "outOfMemory",
      );
    }
  }

  async createEmbeddingContext({ contextTokens }: { contextTokens: number }): Promise<EmbeddingContext> {
    try {
      const threads = Math.min(this.#threads, this.#llama.cpuMathCores);
      return await createEmbeddingContext(this.#model, { contextTokens, threads });
    } catch (error) {
      throw asEngineError(error, "The embedding model makes no vectors", "modelUnsupported");
    }
  }

  async dispose(): Promise<void> {
    await this.#model.dispose();
  }
}

function createVocabulary(model: LlamaModel): Vocabulary {
  const specials = readSpecialTokens(model.fileInfo);
  return {
    size: model.fileInfo.metadata.tokenizer.ggml.tokens.length,
    specialTexts: [...specials.keys()],
    fimTokens: readFimTokens(model.fileInfo),
    special: (text) => specials.get(text),
    encode: (text) => model.tokenize(text, false) as number[],
    decode: (tokens) => model.detokenize(tokens as LlamaToken[], false),
    endsGeneration: (token) => model.isEogToken(token as LlamaToken),
  };
}

/** By text, never by number: the ids differ between sizes and publishers. */
function readSpecialTokens(info: GgufFileInfo): Map<string, Token> {
  const { tokens, token_type: types } = info.metadata.tokenizer.ggml;
  const specials = new Map<string, Token>();
  for (const [token, type] of (types ?? []).entries()) {
    const text = tokens[token];
    if (SPECIAL_TOKEN_TYPES.has(type) && text !== undefined && text.length > 1) specials.set(text, token);
  }
  // Some files have these as normal tokens; the runtime corrects that on loading.
  for (const text of Object.values<string>({ ...readFimTokens(info) })) specials.set(text, tokens.indexOf(text));
  return specials;
}

/** GGUF keys in `tokenizer.ggml`; the second of each is the older name of the same (llama.cpp, `llama-arch.cpp`). */
const FIM_KEYS: Record<keyof FimTokens, readonly string[]> = {
  prefix: ["fim_pre_token_id", "prefix_token_id"],
  suffix: ["fim_suf_token_id", "suffix_token_id"],
  middle: ["fim_mid_token_id", "middle_token_id"],
  repository: ["fim_rep_token_id"],
  separator: ["fim_sep_token_id"],
};

function readFimTokens(info: GgufFileInfo): FimTokens {
  const tokenizer = info.metadata.tokenizer.ggml as unknown as Record<string, unknown> & { tokens: string[] };
  const found: FimTokens = {};
  for (const [role, keys] of Object.entries(FIM_KEYS) as [keyof FimTokens, readonly string[]][]) {
    const text = tokenizer.tokens[Number(keys.map((key) => tokenizer[key]).find((id) => id !== undefined))];
    if (text !== undefined) found[role] = text;
  }
  return found;
}

class LlamaCppSequence implements BackendSequence {
  readonly contextTokens: number;
  readonly batchTokens: number;
  readonly #llama: Llama;
  readonly #context: LlamaContext;
  readonly #sequence: LlamaContextSequence;
  readonly #maxCheckpoints: number;
  /**
   * Lengths at which the runtime holds a checkpoint, ascending. Kept here because its own question for the nearest
   * one stops at the newest checkpoint and then answers "none" (3.21.1: LlamaContextSequenceCheckpoints).
   */
  #checkpoints: number[] = [];

  constructor(llama: Llama, context: LlamaContext, sequence: LlamaContextSequence, options: SequenceOptions) {
    this.#maxCheckpoints = options.maxCheckpoints;
    this.#llama = llama;
    this.#context = context;
    this.#sequence = sequence;
    this.contextTokens = context.contextSize;
    this.batchTokens = options.batchTokens;
  }

  get length(): number {
    return this.#sequence.nextTokenIndex;
  }

  get checkpointBytes(): number {
    return this.#sequence.checkpointsMemoryUsage;
  }

  get checkpointCount(): number {
    return this.#checkpoints.length;
  }

  tokens(): Token[] {
    return this.#sequence.contextTokens as number[];
  }

  async evaluate(tokens: readonly Token[]): Promise<void> {
    await this.#sequence.evaluateWithoutGeneratingNewTokens(tokens as LlamaToken[]);
  }

  startDecoding(tokens: readonly Token[], options: DecodeOptions): TokenStream {
    const { sampling } = options;
    const evaluateOptions: SequenceEvaluateOptions = {
      temperature: sampling.temperature,
      topP: sampling.topP ?? 1,
      topK: sampling.topK ?? 0,
      minP: sampling.minP ?? 0,
      seed: sampling.seed,
      grammarEvaluationState: options.grammar === undefined ? undefined : this.#grammarState(options.grammar),
      repeatPenalty:
        sampling.presencePenalty === undefined || sampling.presencePenalty === 0
          ? undefined
          : {
              punishTokens: () => options.generated.slice(-PENALTY_WINDOW_TOKENS) as LlamaToken[],
              maxPunishTokens: PENALTY_WINDOW_TOKENS,
              penalty: 1,
              presencePenalty: sampling.presencePenalty,
            },
    };
    const metadata = { probabilities: options.logProbs === true };
    const iterator = this.#sequence.evaluateWithMetadata(tokens as LlamaToken[], metadata, evaluateOptions);
    return {
      next: async () => {
        const step = await iterator.next();
        if (step.done) return undefined;
        const token = step.value.token as number;
        if (!metadata.probabilities) return { token };
        const { probabilities } = step.value as { probabilities?: Map<LlamaToken, number> };
        return { token, logProb: Math.log(probabilities?.get(token as LlamaToken) ?? Number.NaN) };
      },
      end: async () => {
        await iterator.return();
      },
    };
  }

  async takeCheckpoint(): Promise<void> {
    if (!this.#sequence.needsCheckpoints || this.length === 0 || this.#checkpoints.at(-1) === this.length) return;
    await this.#sequence.takeCheckpoint();
    this.#checkpoints.push(this.length);
    if (this.#checkpoints.length > this.#maxCheckpoints) this.#checkpoints.shift();
  }

  reachableLength(length: number): number {
    if (length >= this.length) return this.length;
    if (!this.#sequence.needsCheckpoints) return length;
    return this.#checkpoints.findLast((checkpoint) => checkpoint <= length) ?? 0;
  }

  async rewind(length: number): Promise<void> {
    if (length === this.length) return;
    if (length === 0) await this.#sequence.clearHistory();
    else await this.#sequence.eraseContextTokenRanges([{ start: length, end: this.length }]);
    this.#checkpoints = this.#checkpoints.filter((checkpoint) => checkpoint <= length);
    if (this.length !== length) {
      throw new EngineError("backendFailed", `The context rewound to ${this.length} tokens instead of ${length}.`);
    }
  }

  async save(file: string): Promise<void> {
    const { fileSize } = await this.#sequence.saveStateToFile(file);
    // The runtime closes the file without a look at whether its last bytes found room.
    const { size } = await stat(file);
    if (size !== fileSize) throw new EngineError("backendFailed", `only ${size} of ${fileSize} bytes were written`);
  }

  async restore(file: string): Promise<void> {
    await this.rewind(0);
    await this.#sequence.loadStateFromFile(file, { acceptRisk: true });
  }

  async dispose(): Promise<void> {
    await this.#context.dispose();
  }

  #grammarState(grammar: string): LlamaGrammarEvaluationState {
    try {
      const model = this.#sequence.model;
      return new LlamaGrammarEvaluationState({ model, grammar: new LlamaGrammar(this.#llama, { grammar }) });
    } catch (error) {
      throw new EngineError(
        "badGrammar",
        "The output grammar of this request is not valid GBNF; no text was generated.",
        {
          cause: error,
        },
      );
    }
  }
}

/** Out of memory shows in several wordings; everything else keeps the given code. */
function asEngineError(
  error: unknown,
  what: string,
  code: "modelUnreadable" | "modelUnsupported" | "outOfMemory",
): EngineError {
  const reason = error instanceof Error ? error.message : String(error);
  const outOfMemory = /memory|vram|alloc|insufficient/i.test(reason);
  const sentence = `${what}: ${reason.replace(/\.$/, "")}.`;
  return new EngineError(outOfMemory ? "outOfMemory" : code, sentence, { cause: error });
}
