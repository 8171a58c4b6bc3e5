// Owns the two tiny embedding models of the tests: a `bert` that knows words of the same meaning, and a random `qwen3`; knows no runtime.

import { type GgufTensor, type GgufValue, writeGguf } from "./ggufWriter.ts";
import {
  buildVocabulary,
  cachedFile,
  filled,
  float32,
  list,
  normalNumbers,
  random,
  text,
  uint32,
  type Vocabulary,
} from "./tinyModel.ts";

/** Part of the cache file names: raise it with every change of the bytes, or old files are used. */
const GENERATOR_VERSION = 1;

const DEFAULT_SEED = 1;

const HIDDEN = 64;
const FEED_FORWARD = 96;
const LAYERS = 2;
const HEADS = 2;
const HEAD_SIZE = HIDDEN / HEADS;
/** The window of small models such as BERT, tokens. */
const CONTEXT_TOKENS = 512;

/** Values of `<architecture>.pooling_type` (llama.cpp, `llama_pooling_type`). */
export const POOLING = { none: 0, mean: 1, cls: 2, last: 3, rank: 4 } as const;

/** Numbers of token kinds (llama.cpp, `llama_token_type`). */
const TOKEN_TYPE = { normal: 1, control: 3 };

/** So little is added by each layer that the words decide, and so much that their order shows. */
const LAYER_SPREAD = 0.01;
const WEIGHT_SPREAD = 0.1;

/**
 * Words of one line have nearly the same vector: the model's whole knowledge. No word of a line is part of another one, so
 * that what is found by such a vector cannot be found by words.
 */
const MEANINGS = ["zebra quagga", "kettle teapot", "harbour marina", "glacier iceberg"].map((line) => line.split(" "));
/** Spread of a word's own part beside that of its meaning. */
const OWN_SPREAD = 0.1;

const SPECIAL_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
const SIGNS = [..."abcdefghijklmnopqrstuvwxyz0123456789_(){}[]<>=+-*/.,;:!?'\"#&|"];
/** How WordPiece tokens that begin a word are marked in a GGUF. */
const WORD_START = "\u2581";

export interface TinyEmbeddingOptions {
  seed?: number;
  /** Default: mean for `bert`, last token for `qwen3`. Null: the file names none, as one that only makes text. */
  pooling?: number | null;
  /** `general.name`; it decides the prefixes of questions and documents. */
  name?: string;
  /** Longest input that the file says it was trained for, tokens. */
  contextTokens?: number;
}

/** Writes a `bert` of 2 layers with mean pooling: its vector of a text is little more than the mean of its words'. */
export function writeTinyBert(file: string, options: TinyEmbeddingOptions = {}): void {
  const { seed = DEFAULT_SEED, pooling = POOLING.mean, contextTokens = CONTEXT_TOKENS } = options;
  const next = normalNumbers(seed);
  const words = [...SIGNS.map((sign) => WORD_START + sign), ...MEANINGS.flat().map((word) => WORD_START + word)];
  const tokens = [...SPECIAL_WORDS, ...words, ...SIGNS];
  const types = tokens.map((_, index) => (index < SPECIAL_WORDS.length ? TOKEN_TYPE.control : TOKEN_TYPE.normal));
  const metadata = new Map<string, GgufValue>([
    ...general("bert", options.name ?? "tiny-bert (test weights)"),
    ["bert.block_count", uint32(LAYERS)],
    ["bert.context_length", uint32(contextTokens)],
    ["bert.embedding_length", uint32(HIDDEN)],
    ["bert.feed_forward_length", uint32(FEED_FORWARD)],
    ["bert.attention.head_count", uint32(HEADS)],
    ["bert.attention.layer_norm_epsilon", float32(1e-12)],
    ["bert.attention.causal", { type: "bool", value: false }],
    ...poolingOf("bert", pooling),
    ["tokenizer.ggml.model", text("bert")],
    ["tokenizer.ggml.pre", text("default")],
    ["tokenizer.ggml.tokens", list("string", tokens)],
    ["tokenizer.ggml.token_type", list("int32", types)],
    ["tokenizer.ggml.token_type_count", uint32(2)],
    ["tokenizer.ggml.padding_token_id", uint32(0)],
    ["tokenizer.ggml.unknown_token_id", uint32(1)],
    ["tokenizer.ggml.cls_token_id", uint32(2)],
    ["tokenizer.ggml.bos_token_id", uint32(2)],
    ["tokenizer.ggml.seperator_token_id", uint32(3)],
    ["tokenizer.ggml.eos_token_id", uint32(3)],
  ]);
  writeGguf(file, { metadata, tensors: bertTensors(tokens, contextTokens, next) });
}

/** Writes a `qwen3` of 2 layers with random weights and last-token pooling, which appends an end token to each text. */
export function writeTinyQwen3Embedding(file: string, options: TinyEmbeddingOptions = {}): void {
  const { seed = DEFAULT_SEED, pooling = POOLING.last, contextTokens = CONTEXT_TOKENS } = options;
  const vocabulary = buildVocabulary(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]);
  const { tokens, types, merges } = vocabulary;
  const end = tokens.indexOf("<|endoftext|>");
  const metadata = new Map<string, GgufValue>([
    ...general("qwen3", options.name ?? "tiny-qwen3-embedding (random test weights)"),
    ["qwen3.block_count", uint32(LAYERS)],
    ["qwen3.context_length", uint32(contextTokens)],
    ["qwen3.embedding_length", uint32(HIDDEN)],
    ["qwen3.feed_forward_length", uint32(FEED_FORWARD)],
    ["qwen3.attention.head_count", uint32(HEADS)],
    ["qwen3.attention.head_count_kv", uint32(1)],
    ["qwen3.attention.key_length", uint32(HEAD_SIZE)],
    ["qwen3.attention.value_length", uint32(HEAD_SIZE)],
    ["qwen3.attention.layer_norm_rms_epsilon", float32(1e-6)],
    ["qwen3.rope.freq_base", float32(1e6)],
    ...poolingOf("qwen3", pooling),
    ["tokenizer.ggml.model", text("gpt2")],
    ["tokenizer.ggml.pre", text("qwen2")],
    ["tokenizer.ggml.tokens", list("string", tokens)],
    ["tokenizer.ggml.token_type", list("int32", types)],
    ["tokenizer.ggml.merges", list("string", merges)],
    ["tokenizer.ggml.eos_token_id", uint32(end)],
    ["tokenizer.ggml.padding_token_id", uint32(end)],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: false }],
    ["tokenizer.ggml.add_eos_token", { type: "bool", value: true }],
  ]);
  writeGguf(file, { metadata, tensors: qwen3Tensors(vocabulary, normalNumbers(seed)) });
}

/** @returns Absolute paths of the two default models, generated on first use like `tinyModelFiles`. */
export function tinyEmbeddingFiles(): { bert: string; qwen3: string } {
  const suffix = `v${GENERATOR_VERSION}-seed${DEFAULT_SEED}.gguf`;
  return {
    bert: cachedFile(`tiny-bert-${suffix}`, writeTinyBert),
    qwen3: cachedFile(`tiny-qwen3-embedding-${suffix}`, writeTinyQwen3Embedding),
  };
}

function general(architecture: string, name: string): [string, GgufValue][] {
  return [
    ["general.architecture", text(architecture)],
    ["general.name", text(name)],
    ["general.file_type", uint32(0)],
  ];
}

function poolingOf(architecture: string, pooling: number | null): [string, GgufValue][] {
  return pooling === null ? [] : [[`${architecture}.pooling_type`, uint32(pooling)]];
}

function bertTensors(tokens: string[], contextTokens: number, next: () => number): GgufTensor[] {
  const embedding = random("token_embd.weight", [HIDDEN, tokens.length], 1, next);
  for (const [first = "", ...others] of MEANINGS) {
    const row = (word: string) => {
      const at = tokens.indexOf(WORD_START + word) * HIDDEN;
      return embedding.values.subarray(at, at + HIDDEN);
    };
    const meaning = row(first).slice();
    for (const word of others) row(word).set(meaning.map((value) => value + next() * OWN_SPREAD));
  }
  const norm = (name: string) => [filled(`${name}.weight`, [HIDDEN], 1), filled(`${name}.bias`, [HIDDEN], 0)];
  const linear = (name: string, from: number, to: number) => [
    random(`${name}.weight`, [from, to], LAYER_SPREAD, next),
    filled(`${name}.bias`, [to], 0),
  ];
  const layer = (name: string) => [
    ...linear(`${name}.attn_q`, HIDDEN, HIDDEN),
    ...linear(`${name}.attn_k`, HIDDEN, HIDDEN),
    ...linear(`${name}.attn_v`, HIDDEN, HIDDEN),
    ...linear(`${name}.attn_output`, HIDDEN, HIDDEN),
    ...norm(`${name}.attn_output_norm`),
    ...linear(`${name}.ffn_up`, HIDDEN, FEED_FORWARD),
    ...linear(`${name}.ffn_down`, FEED_FORWARD, HIDDEN),
    ...norm(`${name}.layer_output_norm`),
  ];
  return [
    embedding,
    random("position_embd.weight", [HIDDEN, contextTokens], LAYER_SPREAD, next),
    random("token_types.weight", [HIDDEN, 2], LAYER_SPREAD, next),
    ...norm("token_embd_norm"),
    ...Array.from({ length: LAYERS }, (_, index) => layer(`blk.${index}`)).flat(),
  ];
}

function qwen3Tensors({ tokens }: Vocabulary, next: () => number): GgufTensor[] {
  const layer = (name: string) => {
    const matrix = (part: string, from: number, to: number) =>
      random(`${name}.${part}.weight`, [from, to], WEIGHT_SPREAD, next);
    const ones = (part: string, length: number) => filled(`${name}.${part}.weight`, [length], 1);
    return [
      ones("attn_norm", HIDDEN),
      matrix("attn_q", HIDDEN, HEADS * HEAD_SIZE),
      matrix("attn_k", HIDDEN, HEAD_SIZE),
      matrix("attn_v", HIDDEN, HEAD_SIZE),
      matrix("attn_output", HEADS * HEAD_SIZE, HIDDEN),
      ones("attn_q_norm", HEAD_SIZE),
      ones("attn_k_norm", HEAD_SIZE),
      ones("ffn_norm", HIDDEN),
      matrix("ffn_gate", HIDDEN, FEED_FORWARD),
      matrix("ffn_up", HIDDEN, FEED_FORWARD),
      matrix("ffn_down", FEED_FORWARD, HIDDEN),
    ];
  };
  return [
    random("token_embd.weight", [HIDDEN, tokens.length], 1, next),
    filled("output_norm.weight", [HIDDEN], 1),
    ...Array.from({ length: LAYERS }, (_, index) => layer(`blk.${index}`)).flat(),
  ];
}
