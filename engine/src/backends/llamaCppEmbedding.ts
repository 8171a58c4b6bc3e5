// Vectors of texts with llama.cpp: one embedding context, and the tokens that a model wants around each text.
import {
  type LlamaEmbeddingContext,
  type LlamaModel,
  type Token as LlamaToken,
  LlamaVocabularyType,
} from "node-llama-cpp";
import type { EmbeddingContext, Token } from "../backend.ts";

/** The runtime refuses a text that fills its context (3.21.1). */
const UNUSABLE_TOKENS = 1;

/** @throws The runtime's error: no memory, or a model that it makes no vectors with. */
export async function createEmbeddingContext(
  model: LlamaModel,
  { contextTokens, threads }: { contextTokens: number; threads: number },
): Promise<EmbeddingContext> {
  // The whole text in one batch: vectors of its tokens are pooled within a batch, and most models look both ways.
  const context = await model.createEmbeddingContext({ contextSize: contextTokens, batchSize: contextTokens, threads });
  return new LlamaCppEmbeddingContext(context, frameOf(model), contextTokens);
}

/** Tokens before and after each text. */
interface Frame {
  start: Token[];
  end: Token[];
}

class LlamaCppEmbeddingContext implements EmbeddingContext {
  readonly textTokens: number;
  readonly #context: LlamaEmbeddingContext;
  readonly #frame: Frame;

  constructor(context: LlamaEmbeddingContext, frame: Frame, contextTokens: number) {
    this.#context = context;
    this.#frame = frame;
    this.textTokens = contextTokens - UNUSABLE_TOKENS - frame.start.length - frame.end.length;
  }

  async embed(tokens: readonly Token[]): Promise<Float32Array> {
    const framed = [...this.#frame.start, ...tokens, ...this.#frame.end];
    const { vector } = await this.#context.getEmbeddingFor(framed as LlamaToken[]);
    return Float32Array.from(vector);
  }

  async dispose(): Promise<void> {
    await this.#context.dispose();
  }
}

/**
 * As llama.cpp frames a text itself. The library adds these too, but none at the end for a model without a beginning
 * token, and none at the beginning for XLM-RoBERTa (3.21.1); what is there already it does not add again.
 */
function frameOf(model: LlamaModel): Frame {
  const { tokens, vocabularyType, fileInfo } = model;
  const only = (token: LlamaToken | null) => (token === null ? [] : [token as Token]);
  if (vocabularyType === LlamaVocabularyType.rwkv) return { start: [], end: [] };
  if (vocabularyType === LlamaVocabularyType.wpm) return { start: only(tokens.bos), end: only(tokens.sep) };
  const tokenizer = fileInfo.metadata.tokenizer.ggml as unknown as { add_eos_token?: boolean };
  const hasEnd = tokens.shouldAppendEosToken || tokenizer.add_eos_token === true;
  return { start: tokens.shouldPrependBosToken ? only(tokens.bos) : [], end: hasEnd ? only(tokens.eos) : [] };
}
