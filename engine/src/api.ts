// The engine's face: every type that crosses its border, its messages and its error codes; knows nothing of LSP, files or VS Code.

/** One piece of a prompt. Text never becomes a special token; a special token is named by its text (`<|im_end|>`). */
export type PromptPart =
  | {
      text: string;
      /** Name of this part for progress, e.g. a workspace path. */
      label?: string;
      /** Take a checkpoint after this part: what follows is likely to change (completion context only). */
      checkpoint?: true;
    }
  | { special: string };

/**
 * Strict priorities of the scheduler, highest first; "speculation": completions that nobody waits for yet; "embedding":
 * vectors of documents.
 */
export const PRIORITIES = [
  "completion",
  "decode",
  "prefill",
  "speculation",
  "base",
  "compaction",
  "embedding",
] as const;
export type Priority = (typeof PRIORITIES)[number];

export type KvType = "f16" | "q8_0";

/** What a model file says about itself, read from its GGUF header without loading it. */
export interface ModelFacts {
  file: string;
  name: string;
  architecture: string;
  /** Size of the weights on disk, bytes. */
  weightBytes: number;
  layers: number;
  /** Longest context the model was trained for, tokens. */
  trainedContextTokens: number;
  /** Bytes of KV cache per token and KV type, all attention layers together. */
  kvBytesPerToken: Record<KvType, number>;
  /** Bytes of the recurrent state of one sequence (always F32); 0 for attention-only models. */
  recurrentStateBytes: number;
  vocabularySize: number;
  embeddingLength: number;
}

export interface LoadOptions {
  modelFile: string;
  /** Projector for image input; checked against the model on load. */
  mmprojFile?: string;
  /** Size of the long context, tokens. */
  contextTokens: number;
  /** Size of the completion context, tokens. */
  completionContextTokens: number;
  kvType: KvType;
  /** "auto" lets the runtime choose, "cpu" forbids the GPU. */
  gpu: "auto" | "cpu";
  /** CPU threads; default: the cores this process may use. More threads than cores is many times slower. */
  threads?: number;
  /** Fixed chunk in tokens; default: adapted to the measured speed. */
  chunkTokens?: number;
  /** Bytes of host memory that checkpoints of the long sequence may take. */
  checkpointBytes: number;
  /** While a base is read, save it after so many tokens (tests and benches); default: when saving costs little of the time. */
  saveEveryTokens?: number;
}

/** Special tokens by what they are for, as the model file's own metadata names them (`tokenizer.ggml.fim_pre_token_id` and so on). */
export interface FimTokens {
  prefix?: string;
  suffix?: string;
  middle?: string;
  repository?: string;
  separator?: string;
}

export interface LoadedModel extends ModelFacts {
  /** First 16 hex digits of a hash over the file's header and size: identifies the model in snapshots. */
  modelHash: string;
  gpu: string;
  contextTokens: number;
  completionContextTokens: number;
  kvType: KvType;
  /** Texts of all special tokens of the vocabulary: only these can be named in a prompt. */
  specialTexts: readonly string[];
  /** Which of them the model file itself names for filling in the middle. */
  fimTokens: FimTokens;
  canSeeImages: boolean;
  threads: number;
}

export interface Gpu {
  /** With the backend, for people. */
  name: string;
  backend: "cuda" | "vulkan" | "metal";
  totalBytes: number;
  freeBytes: number;
}

export interface Hardware {
  platform: string;
  cpu: string;
  /** Cores this process may use. */
  cores: number;
  totalMemoryBytes: number;
  freeMemoryBytes: number;
  gpu: Gpu | undefined;
  /** The driver and the libraries of CUDA are on this machine; whether the runtime has binaries for it is another matter. */
  cudaFound: boolean;
  /** Runtime versions, e.g. `node-llama-cpp 3.21.1`. */
  runtime: string;
  /** Resident memory of the engine process, bytes. */
  residentBytes: number;
}

/** Tokens and times of one piece of work; every surface shows these. */
export interface Figures {
  /** Length of the whole prompt, tokens. */
  promptTokens: number;
  /** Part of the prompt found in memory or on disk, tokens. */
  reusedTokens: number;
  /** Part of the prompt computed now, tokens. */
  evaluatedTokens: number;
  generatedTokens: number;
  /** Number of prefill chunks. */
  chunks: number;
  /** Time computing the prompt, milliseconds, waiting for other work excluded. */
  prefillMs: number;
  /** Time computing new tokens, milliseconds. */
  decodeMs: number;
  /** From the request's arrival to its first new token, milliseconds. */
  firstTokenMs: number;
  totalMs: number;
}

/** Where snapshots are kept, and how much all of them may take. */
export interface SnapshotFolder {
  /** Folder of this workspace's snapshots; its parent holds one such folder for each workspace. */
  dir: string;
  /** Most bytes of the snapshots of all workspaces together; the least recently used go first. */
  quotaBytes: number;
}

export interface PrefillRequest {
  parts: PromptPart[];
  /** None: nothing is saved, restored or parked. */
  snapshots?: SnapshotFolder;
  /**
   * Compaction: the base that is there serves until the new one is whole, and the reading has the lowest priority.
   * Needs `snapshots`; without them the new base replaces the old one from its first chunk on, as without this flag.
   */
  keepServing?: true;
}

/** How much of a base needs no work. */
export interface Reach {
  totalTokens: number;
  /** Tokens of its beginning that are in memory or in a snapshot. */
  readyTokens: number;
  where: "memory" | "snapshot" | "nowhere";
}

/** What the long context holds now. */
export interface LongContextState {
  /** Tokens of the base that serves, as far as it is read. */
  baseTokens: number;
  /** Tokens in the state: base, overlay and conversation. */
  stateTokens: number;
  checkpoints: number;
  checkpointBytes: number;
  /** Measured while reading, tokens per second; 0 before the first chunk. */
  tokensPerSecond: number;
}

export interface PrefillProgress {
  doneTokens: number;
  totalTokens: number;
  /** Labels (files) finished so far. */
  doneLabels: number;
  totalLabels: number;
  /** Label being read. */
  label: string;
  tokensPerSecond: number;
  /** Tokens of the base in the newest snapshot of this reading; 0 before the first. A kill loses what came after. */
  savedTokens: number;
  /** True from the moment on which questions extend this base; a compaction serves when it is whole. */
  serving: boolean;
  /** As {@link PrefillResult.layoutHash}; empty while the parts are tokenized. */
  layoutHash: string;
  /** "tokenize" | "restore" | "prefill" | "save": what is being done. */
  phase: "tokenize" | "restore" | "prefill" | "save";
}

export interface PrefillResult {
  figures: Figures;
  /** True when the request ended before the whole base was read; finished chunks are kept. */
  cancelled: boolean;
  /** True if questions extend this base now, whole or not. */
  serving: boolean;
  /** Where the state came from. */
  origin: "memory" | "snapshot" | "computed";
  /** Hash of the base's tokens: identifies the layout in snapshots. */
  layoutHash: string;
  chunkTokens: number;
  /** The last save of this reading: at its end, or at a stable boundary if it was cut off. */
  saved?: { tokens: number; bytes: number; ms: number };
  /** Tokens of this base that are on disk now, from this reading or an earlier one. */
  savedTokens: number;
  restored?: { tokens: number; bytes: number; ms: number };
  /** Sentences about things that did not work but did not stop the work, e.g. a snapshot set aside. */
  notes: string[];
}

export interface Sampling {
  /** 0 is greedy. */
  temperature: number;
  topP?: number;
  topK?: number;
  minP?: number;
  presencePenalty?: number;
  seed?: number;
}

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: PromptPart[];
}

interface GenerateCommon {
  sampling: Sampling;
  maxTokens: number;
  /** Generation ends before any of these texts. */
  stop?: string[];
  /** GBNF grammar that the output must follow. */
  grammar?: string;
  /** Also return the log-probability of each generated token (tests and benches; costs a softmax over the vocabulary). */
  logProbs?: true;
}

/** A chat turn in the long context: extends the base that was read, and rewinds to its end afterwards. */
export interface ChatRequest extends GenerateCommon {
  kind: "chat";
  /** Turns after the base; the base itself is the beginning of the system message. */
  messages: ChatMessage[];
  /** `layoutHash` of the base that the messages speak of: behind another one they would be wrong. */
  base?: string;
  /** Passed to the chat template as `enable_thinking`, always explicitly. */
  thinking: boolean;
  /**
   * The conversation may go on: once the answer is out, it is read in idle time in the form in which the chat template
   * repeats it, so that the next question costs its own tokens only.
   */
  goesOn?: true;
}

/**
 * Raw text in the completion context: fill in the middle, never through the chat template. With `maxTokens` 0 it is a
 * warm-up: the prompt is evaluated up to its last checkpoint and nothing is generated.
 */
export interface CompletionRequest extends GenerateCommon {
  kind: "completion";
  parts: PromptPart[];
  /** Special tokens that end the generation and are never part of its text; those that the vocabulary lacks do not count. */
  stopSpecials?: readonly string[];
  /**
   * Nobody waits for it yet: it runs after questions, and ends as cancelled as soon as a completion without this flag is
   * asked for. What it has evaluated by then stays.
   */
  background?: true;
  /** Take a checkpoint at the prompt's end: the same prompt asked once more evaluates one token. */
  checkpointAtEnd?: true;
}

export type GenerateRequest = ChatRequest | CompletionRequest;

export type StopReason = "end" | "stopText" | "maxTokens" | "contextFull" | "repetition" | "cancelled";

export interface GenerateResult {
  text: string;
  /** Reasoning text, when thinking was on. */
  thinking: string;
  stopReason: StopReason;
  figures: Figures;
  tokens: number[];
  logProbs?: number[];
  /** Tokens of the base that this answer had read, and its full length. */
  baseTokens: number;
  baseTotalTokens: number;
}

export interface GenerateChunk {
  text: string;
  /** True when the text is reasoning, not answer. */
  thinking: boolean;
}

export interface VisionRequest {
  modelFile: string;
  mmprojFile: string;
  /** PNG or JPEG bytes as base64. */
  imageBase64: string;
  mimeType: "image/png" | "image/jpeg";
  prompt: string;
  system: string;
  sampling: Sampling;
  maxTokens: number;
  contextTokens: number;
  gpu: "auto" | "cpu";
  threads?: number;
}

export interface VisionResult {
  text: string;
  stopReason: StopReason;
  figures: Figures;
  /** Sentences about what did not work but did not stop the work, e.g. the GPU. */
  notes: string[];
}

/** What the file of an embedding model says, read from its GGUF header without loading it, and how it is used. */
export interface EmbeddingModelFacts {
  file: string;
  name: string;
  architecture: string;
  /** Hex digits that name everything a vector depends on; vectors of another identity cannot be compared. */
  identity: string;
  /** Length of every vector. */
  dimensions: number;
  /** Longer texts are cut, tokens; the model's own frame counts. */
  maxTextTokens: number;
  /** Size of the weights on disk, bytes. */
  weightBytes: number;
  /** Put before questions and documents, as the model's family wants it; empty: nothing. */
  prefixes: { query: string; document: string };
}

/** Texts to be turned into vectors. */
export interface EmbedRequest {
  modelFile: string;
  /** Somebody waits for a question; documents wait for everything else. */
  role: "query" | "document";
  texts: readonly string[];
  /** Counts only while no model is loaded: both share one runtime. */
  gpu: "auto" | "cpu";
  threads?: number;
}

export interface EmbedResult {
  /** As {@link EmbeddingModelFacts.identity}, of the file as it was when it was loaded; empty without texts. */
  identity: string;
  /** Of length 1; one for each text, or when cancelled for those that were done. */
  vectors: Float32Array[];
  /** Tokens evaluated. */
  tokens: number;
  /** Texts that were too long and were cut. */
  cutTexts: number;
  cancelled: boolean;
}

/** "base": a whole codebase prefix; "partial": the beginning of one; "conversation": a base with a chat after it. */
export type SnapshotKind = "base" | "partial" | "conversation";

export interface SnapshotInfo {
  id: string;
  /** Name of the workspace's folder. */
  workspace: string;
  kind: SnapshotKind;
  createdAt: string;
  usedAt: string;
  tokens: number;
  bytes: number;
  modelHash: string;
  layoutHash: string;
  kvType: KvType;
}

/** What a look at every byte of a snapshot found; without a problem it can be loaded. */
export interface SnapshotCheck extends SnapshotInfo {
  problem?: string;
}

/** What went wrong, for code; the message is the sentence for people. */
export type EngineErrorCode =
  | "modelMissing"
  | "modelUnreadable"
  | "modelUnsupported"
  | "mmprojUnusable"
  | "outOfMemory"
  | "noModel"
  | "baseReplaced"
  | "promptTooLong"
  | "badGrammar"
  | "badImage"
  | "visionFailed"
  | "backendFailed"
  | "engineStopped";

export class EngineError extends Error {
  readonly code: EngineErrorCode;
  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EngineError";
    this.code = code;
  }
}

/** What a caller hears of a long call, and how it ends it early. */
export interface LoadHooks {
  signal?: AbortSignal;
  /** Share of the weights that is loaded, 0 to 1. */
  onProgress?: (share: number) => void;
}

export interface PrefillHooks {
  signal?: AbortSignal;
  onProgress?: (progress: PrefillProgress) => void;
}

export interface GenerateHooks {
  signal?: AbortSignal;
  onChunk?: (chunk: GenerateChunk) => void;
}

export interface EmbedHooks {
  signal?: AbortSignal;
}

/** The engine as its callers see it, in-process (`createEngine`) and across the process border (`EngineHost`) alike. */
export interface Engine {
  /** Reads a model file's header. Throws EngineError modelMissing, modelUnreadable or modelUnsupported. */
  inspect(modelFile: string): Promise<ModelFacts>;
  /** Loads a model and creates both contexts; a model already loaded is released first. */
  load(options: LoadOptions, hooks?: LoadHooks): Promise<LoadedModel>;
  unload(): Promise<void>;
  /** Makes the given parts the base of the long context; returns early with `cancelled` when aborted. */
  prefill(request: PrefillRequest, hooks?: PrefillHooks): Promise<PrefillResult>;
  /**
   * Generates text; resolves with stopReason "cancelled" when aborted. Throws EngineError baseReplaced if another base than
   * the request's serves.
   */
  generate(request: GenerateRequest, hooks?: GenerateHooks): Promise<GenerateResult>;
  /** Answers about an image in a child process that ends with the request or when idle. */
  see(request: VisionRequest, hooks?: GenerateHooks): Promise<VisionResult>;
  /** Reads the header of an embedding model. Throws EngineError modelMissing, modelUnreadable or modelUnsupported. */
  inspectEmbedding(modelFile: string): Promise<EmbeddingModelFacts>;
  /**
   * Vectors of texts. The embedding model is loaded beside the other one on first use, and freed when it is not used, when
   * another one is asked for, and with `load` and `unload`. Throws as `inspectEmbedding`, and EngineError outOfMemory.
   */
  embed(request: EmbedRequest, hooks?: EmbedHooks): Promise<EmbedResult>;
  /** Frees the embedding model; the next `embed` loads it again. */
  releaseEmbedding(): Promise<void>;
  /** Number of tokens of each text, special tokens never recognised. Throws EngineError noModel. */
  countTokens(texts: string[]): Promise<number[]>;
  /** Measures the machine; "auto" starts the GPU runtime if there is one. */
  hardware(options: { gpu: "auto" | "cpu" }): Promise<Hardware>;
  /** How much of a base is in memory or on disk: tells which of several bases costs least. Throws EngineError noModel. */
  reach(request: PrefillRequest): Promise<Reach>;
  /** What the long context holds now. Throws EngineError noModel. */
  longContext(): Promise<LongContextState>;
  /** Prefill speed, tokens per second: as measured; before any measurement, of a short probe. Throws EngineError noModel. */
  prefillSpeed(): Promise<number>;
  /** Holds reading and compaction between two chunks, or lets them go on. Questions and completions are not held. */
  holdBackground(hold: boolean): Promise<void>;
  /** Snapshots of all workspaces, newest first. @param root Parent of the workspaces' folders. */
  listSnapshots(root: string): Promise<SnapshotInfo[]>;
  /** Removes those with these ids, or all. @returns What was removed. */
  removeSnapshots(root: string, ids?: string[]): Promise<SnapshotInfo[]>;
  /** Reads every byte of every snapshot; what is damaged is set aside and named. */
  verifySnapshots(root: string): Promise<SnapshotCheck[]>;
  dispose(): Promise<void>;
}
