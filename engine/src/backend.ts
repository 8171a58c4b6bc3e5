// The seam to an inference runtime: tokens in, tokens out; knows no prompts, priorities or policies.
import type { FimTokens, Gpu, KvType, Sampling } from "./api.ts";

export type Token = number;

export interface BackendLoadOptions {
  modelFile: string;
  gpu: "auto" | "cpu";
  threads: number;
  /** Load into the runtime that is running, whatever its GPU and threads: another model lives there. */
  beside?: true;
  signal?: AbortSignal;
  onProgress?: (share: number) => void;
}

/** Starts a runtime and loads models with it. */
export interface Backend {
  /** Name and version, part of a snapshot's identity. */
  readonly runtime: string;
  /** The GPU that "auto" would use; starts the runtime to find out. */
  gpu(): Promise<Gpu | undefined>;
  /** See `Hardware.cudaFound`. */
  cudaFound(): Promise<boolean>;
  /** Throws EngineError modelUnreadable or outOfMemory. */
  load(options: BackendLoadOptions): Promise<BackendModel>;
  dispose(): Promise<void>;
}

export interface SequenceOptions {
  contextTokens: number;
  /** Most tokens of one evaluation. */
  batchTokens: number;
  kvType: KvType;
  /** Most checkpoints the runtime keeps; past it the oldest goes. */
  maxCheckpoints: number;
}

export interface BackendModel {
  readonly gpu: string;
  readonly vocabulary: Vocabulary;
  /** Jinja text from the model file; empty if there is none. */
  readonly chatTemplate: string;
  /** Throws EngineError outOfMemory when the context does not fit. */
  createSequence(options: SequenceOptions): Promise<BackendSequence>;
  /** Throws EngineError outOfMemory, or modelUnsupported for a model that makes no vectors. */
  createEmbeddingContext(options: { contextTokens: number }): Promise<EmbeddingContext>;
  dispose(): Promise<void>;
}

/** Makes vectors of texts, one at a time. Calls must not overlap. */
export interface EmbeddingContext {
  /** Longest text, tokens. */
  readonly textTokens: number;
  /** @param tokens Of the text alone; what the model's metadata wants around them is added. */
  embed(tokens: readonly Token[]): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export interface Vocabulary {
  readonly size: number;
  /** Texts of all control and user-defined tokens. */
  readonly specialTexts: readonly string[];
  /** Those of them that the model file names for filling in the middle. */
  readonly fimTokens: FimTokens;
  /** The token of exactly this special text, if the vocabulary has it. */
  special(text: string): Token | undefined;
  /** Tokens of a text without special tokens in it; callers cut those apart first (tokenizer.ts). */
  encode(text: string): Token[];
  /** Text of the tokens, control tokens left out; a cut multi-byte character ends in U+FFFD. */
  decode(tokens: readonly Token[]): string;
  endsGeneration(token: Token): boolean;
}

export interface DecodeOptions {
  sampling: Sampling;
  grammar?: string;
  logProbs?: true;
  /** Tokens generated so far, for penalties; read at each step. */
  generated: readonly Token[];
}

/** Sampled tokens, one evaluation a step. The last token yielded is not part of the sequence until the next step. */
export interface TokenStream {
  /** The next token, or undefined at an end-of-generation token. */
  next(): Promise<{ token: Token; logProb?: number } | undefined>;
  end(): Promise<void>;
}

/** One token history with its KV cache and recurrent state. Calls must not overlap. */
export interface BackendSequence {
  readonly contextTokens: number;
  readonly batchTokens: number;
  /** Tokens in the state. */
  readonly length: number;
  /** Bytes of host memory in checkpoints. */
  readonly checkpointBytes: number;
  readonly checkpointCount: number;
  tokens(): Token[];
  /** Appends tokens; no more than batchTokens, and they must fit. */
  evaluate(tokens: readonly Token[]): Promise<void>;
  /** Appends the tokens (at least one) and samples from there. */
  startDecoding(tokens: readonly Token[], options: DecodeOptions): TokenStream;
  takeCheckpoint(): Promise<void>;
  /** Longest length ≤ the given one that `rewind` reaches without evaluating anything; 0 is always reachable. */
  reachableLength(length: number): number;
  /** Drops everything after `length`, which must be 0, the present length or a `reachableLength`. */
  rewind(length: number): Promise<void>;
  save(file: string): Promise<void>;
  /** Replaces the whole state. The file must have been verified: the runtime trusts it. */
  restore(file: string): Promise<void>;
  dispose(): Promise<void>;
}
