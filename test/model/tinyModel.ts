// Owns the random test model, a tiny `qwen35` GGUF with its mmproj, and their cache folder; knows no runtime.

import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type GgufScalarType, type GgufTensor, type GgufValue, writeGguf } from "./ggufWriter.ts";
import { uniformNumbers } from "./uniformNumbers.ts";

/** Part of the cache file names: raise it with every change of the bytes (a unit test watches), or old files are used. */
export const GENERATOR_VERSION = 1;

const DEFAULT_SEED = 1;

// Dimensions of the text model: the smallest that keep every part of Qwen3.5 (both layer kinds, grouped heads, M-RoPE).
const HIDDEN = 64;
const FEED_FORWARD = 96;
const LAYERS = 8;
/** Every fourth layer is full attention, the others are Gated DeltaNet, as in all Qwen3.5 models. */
const ATTENTION_INTERVAL = 4;
const HEADS = 2;
const KV_HEADS = 1;
const HEAD_SIZE = 32;
const ROTARY_SIZE = 16;
const STATE_SIZE = 32;
const KEY_HEADS = 2;
const VALUE_HEADS = 4;
const CONVOLUTION = 4;
/** Widths of a Gated DeltaNet layer: its keys (and queries), its values, and all three together. */
const KEY_WIDTH = KEY_HEADS * STATE_SIZE;
const VALUE_WIDTH = VALUE_HEADS * STATE_SIZE;
const MIXED_WIDTH = 2 * KEY_WIDTH + VALUE_WIDTH;
/** The window of the real models, tokens; so size limits can be tested at their real place. */
const CONTEXT_TOKENS = 262_144;

// Dimensions of the vision tower.
const VISION_WIDTH = 64;
const VISION_FEED_FORWARD = 128;
const VISION_LAYERS = 2;
const VISION_HEADS = 2;
const PATCH_PIXELS = 16;
const IMAGE_PIXELS = 64;
/** This many patches in each direction become one token. */
const PATCH_MERGE = 2;

/**
 * Spread of matrix weights: a layer then adds about as much as it receives, so the output depends on more than one token.
 * A greedy answer varies at first and often falls into a loop later, which the tests of repetition rely on (with 0.12
 * hardly any does).
 */
const WEIGHT_SPREAD = 0.1;
const CONVOLUTION_SPREAD = 0.5;
/**
 * Spread of token embeddings, which are also the output matrix. Printable text is likelier than other bytes, and special
 * tokens are rare: a generation reads as text and does not end after a few tokens.
 */
const TEXT_SPREAD = 0.3;
const BYTE_SPREAD = 0.15;
const SPECIAL_SPREAD = 0.1;
/**
 * Range of the log time steps of a layer's heads. Mamba (arXiv 2312.00752) starts at steps of 0.001 to 0.1; the lower end
 * is lower here, so that one head forgets within ten tokens and another not within ten thousand. With steps near 1 the
 * state would forget within three tokens, and an error in its saving or rewinding would never show.
 */
const LOG_TIME_STEP = { lowest: -11, highest: -2.3 };

/** What must be absent for a model that cannot fill in the middle. */
const FIM_TOKENS = "<|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|>".split(" ");

/** Special tokens in the order of the real vocabulary (Qwen3.5 from id 248044 on). */
const SPECIAL_TOKENS = `
  <|endoftext|> <|im_start|> <|im_end|>
  <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> <|quad_start|> <|quad_end|>
  <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|>
  <tool_call> </tool_call>
  ${FIM_TOKENS.join(" ")}
  <tool_response> </tool_response> <think> </think>
`
  .trim()
  .split(/\s+/);

/**
 * Words with tokens of their own, so that a token is not always one byte and can straddle a cut between two texts. Merges
 * are tried in this order: a word that contains the beginning of another stands before it ("string" before "index").
 */
const WORDS = `
  return const function import string with index length export from this that number value token model state class
  for if else new let the and to of is in
`
  .trim()
  .split(/\s+/);

/** Runs of white space with tokens of their own, as the parts that merge. */
const WHITE_SPACE = [
  [" ", " "],
  ["  ", "  "],
  ["\n", "\n"],
];

/** Values of `general.file_type` (llama.cpp, `llama_ftype`). */
const FILE_TYPE = { allF32: 0, mostlyF16: 1 };

/** Numbers of token kinds in `tokenizer.ggml.token_type` (llama.cpp, `llama_token_type`). */
const TOKEN_TYPE = { normal: 1, control: 3, userDefined: 4 };

/**
 * Chat template. Like that of Qwen3.5 it opens the reasoning itself, closes it at once when `enable_thinking` is false,
 * and drops the reasoning of assistant turns before the last question.
 */
const CHAT_TEMPLATE = `{%- set last = namespace(question=-1) -%}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}{%- set last.question = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
  {%- set turn = namespace(text='') -%}
  {%- if message.content is string -%}
    {%- set turn.text = message.content -%}
  {%- elif message.content -%}
    {%- for part in message.content -%}
      {%- if part.type == 'image' or part.type == 'image_url' -%}
        {%- set turn.text = turn.text + '<|vision_start|><|image_pad|><|vision_end|>' -%}
      {%- else -%}
        {%- set turn.text = turn.text + part.text -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {%- if message.role == 'assistant' and loop.index0 < last.question and '</think>' in turn.text -%}
    {%- set turn.text = turn.text.split('</think>')[-1].lstrip('\\n') -%}
  {%- endif -%}
  {{- '<|im_start|>' + message.role + '\\n' + turn.text + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\\n<think>\\n' -}}
  {%- if enable_thinking is defined and enable_thinking is false -%}{{- '\\n</think>\\n\\n' -}}{%- endif -%}
{%- endif -%}`;

export interface TinyModelOptions {
  /** Seed of the random weights, a 32-bit unsigned integer; the same seed gives the same bytes. Default 1. */
  seed?: number;
  /** Architecture name in the file, e.g. one that no runtime knows. Default "qwen35". */
  architecture?: string;
  /** False leaves the fill-in-the-middle tokens out of the vocabulary. Default true. */
  fim?: boolean;
}

/**
 * Writes the tiny text model: 8 layers of width 64, random weights, a byte vocabulary with a few words.
 * @param file path of the GGUF file; its folder must exist, an existing file is replaced
 * @param options seed, architecture name, fill-in-the-middle
 */
export function writeTinyModel(file: string, options: TinyModelOptions = {}): void {
  const { seed = DEFAULT_SEED, architecture = "qwen35", fim = true } = options;
  const vocabulary = buildVocabulary(
    fim ? SPECIAL_TOKENS : SPECIAL_TOKENS.filter((token) => !FIM_TOKENS.includes(token)),
  );
  const metadata = new Map([...textMetadata(architecture), ...tokenizerMetadata(vocabulary)]);
  writeGguf(file, { metadata, tensors: textTensors(vocabulary, normalNumbers(seed)) });
}

/**
 * Writes the vision projector that belongs to the tiny text model: 2 layers of width 64, random weights.
 * @param file path of the GGUF file; its folder must exist, an existing file is replaced
 * @param options seed (32-bit unsigned integer, default 1) and projectionDim, the width of the text model (default: that
 *   of the tiny model; another one makes a projector that does not fit it)
 */
export function writeTinyMmproj(file: string, options: { seed?: number; projectionDim?: number } = {}): void {
  const { seed = DEFAULT_SEED, projectionDim = HIDDEN } = options;
  writeGguf(file, {
    metadata: visionMetadata(projectionDim),
    tensors: visionTensors(projectionDim, normalNumbers(seed)),
  });
}

/**
 * Returns the default pair of files, generated on first use into `.build/test-models/` of this repository. Processes that
 * do this at the same time each write a file of their own and rename it, so nobody reads half a file.
 * @returns absolute paths of the text model and its projector
 */
export function tinyModelFiles(): { model: string; mmproj: string } {
  const suffix = `v${GENERATOR_VERSION}-seed${DEFAULT_SEED}.gguf`;
  return {
    model: cachedFile(`tiny-qwen35-${suffix}`, writeTinyModel),
    mmproj: cachedFile(`tiny-mmproj-${suffix}`, writeTinyMmproj),
  };
}

/** @param write Makes the file if `.build/test-models/` has none of this name. */
export function cachedFile(name: string, write: (file: string) => void): string {
  const folder = join(import.meta.dirname, "..", "..", ".build", "test-models");
  const file = join(folder, name);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const temporary = `${file}.${randomUUID()}`;
  write(temporary);
  try {
    renameSync(temporary, file);
  } catch (error) {
    // Windows refuses to replace a file that another process has just put there and opened; its bytes are the same.
    rmSync(temporary);
    if (!existsSync(file)) throw error;
  }
  return file;
}

export interface Vocabulary {
  tokens: string[];
  types: number[];
  /** Pairs that become one token, most important first. */
  merges: string[];
  /** Spread of each token's embedding. */
  spreads: number[];
}

/** Bytes, then the words built from them by merges, then the special tokens. */
export function buildVocabulary(specialTokens: string[]): Vocabulary {
  const letters = byteLetters();
  const spell = (text: string) => [...Buffer.from(text)].map((byte) => letters[byte]).join("");
  const merges = new Map<string, string>();
  for (const chain of [...WHITE_SPACE, ...WORDS.map((word) => [...word]), ...WORDS.map((word) => [" ", word])]) {
    let whole = spell(chain[0]!);
    for (const part of chain.slice(1).map(spell)) {
      if (!merges.has(whole + part)) merges.set(whole + part, `${whole} ${part}`);
      whole += part;
    }
  }
  const isText = (byte: number) => byte === 10 || (byte >= 32 && byte < 127);
  const plainTokens = [...letters, ...merges.keys()];
  return {
    tokens: [...plainTokens, ...specialTokens],
    types: [
      ...plainTokens.map(() => TOKEN_TYPE.normal),
      ...specialTokens.map((token) => (token.startsWith("<|") ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined)),
    ],
    merges: [...merges.values()],
    spreads: [
      ...letters.map((_letter, byte) => (isText(byte) ? TEXT_SPREAD : BYTE_SPREAD)),
      ...Array.from(merges, () => TEXT_SPREAD),
      ...specialTokens.map(() => SPECIAL_SPREAD),
    ],
  };
}

/** The visible letter that stands for each byte in GPT-2's vocabulary (openai/gpt-2, `encoder.py`, bytes_to_unicode). */
function byteLetters(): string[] {
  let nextStandIn = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(visible ? byte : nextStandIn++);
  });
}

export function uint32(value: number): GgufValue {
  return { type: "uint32", value };
}

export function float32(value: number): GgufValue {
  return { type: "float32", value };
}

export function text(value: string): GgufValue {
  return { type: "string", value };
}

export function list(of: GgufScalarType, values: readonly (number | string)[]): GgufValue {
  return { type: "array", of, values };
}

function textMetadata(architecture: string): [string, GgufValue][] {
  const own: [string, GgufValue][] = [
    ["block_count", uint32(LAYERS)],
    ["context_length", uint32(CONTEXT_TOKENS)],
    ["embedding_length", uint32(HIDDEN)],
    ["feed_forward_length", uint32(FEED_FORWARD)],
    ["attention.head_count", uint32(HEADS)],
    ["attention.head_count_kv", uint32(KV_HEADS)],
    ["attention.key_length", uint32(HEAD_SIZE)],
    ["attention.value_length", uint32(HEAD_SIZE)],
    ["attention.layer_norm_rms_epsilon", float32(1e-6)],
    ["rope.freq_base", float32(1e7)],
    ["rope.dimension_count", uint32(ROTARY_SIZE)],
    // Pairs of rotary dimensions for time, height and width; together half of ROTARY_SIZE.
    ["rope.dimension_sections", list("int32", [3, 3, 2, 0])],
    ["ssm.conv_kernel", uint32(CONVOLUTION)],
    ["ssm.state_size", uint32(STATE_SIZE)],
    ["ssm.group_count", uint32(KEY_HEADS)],
    ["ssm.time_step_rank", uint32(VALUE_HEADS)],
    ["ssm.inner_size", uint32(VALUE_WIDTH)],
    ["full_attention_interval", uint32(ATTENTION_INTERVAL)],
  ];
  return [
    ["general.architecture", text(architecture)],
    ["general.name", text("tiny-qwen35 (random test weights)")],
    ["general.file_type", uint32(FILE_TYPE.allF32)],
    ...own.map(([key, value]): [string, GgufValue] => [`${architecture}.${key}`, value]),
  ];
}

function tokenizerMetadata({ tokens, types, merges }: Vocabulary): [string, GgufValue][] {
  return [
    ["tokenizer.ggml.model", text("gpt2")],
    ["tokenizer.ggml.pre", text("qwen35")],
    ["tokenizer.ggml.tokens", list("string", tokens)],
    ["tokenizer.ggml.token_type", list("int32", types)],
    ["tokenizer.ggml.merges", list("string", merges)],
    ["tokenizer.ggml.eos_token_id", uint32(tokens.indexOf("<|im_end|>"))],
    ["tokenizer.ggml.padding_token_id", uint32(tokens.indexOf("<|endoftext|>"))],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: false }],
    ["tokenizer.chat_template", text(CHAT_TEMPLATE)],
  ];
}

/** All in F32: then llama.cpp on a CPU without flash attention computes the same bits for every size of chunk. */
function textTensors({ tokens, spreads }: Vocabulary, next: () => number): GgufTensor[] {
  const embedding = random("token_embd.weight", [HIDDEN, tokens.length], 1, next);
  embedding.values.forEach((value, index) => {
    embedding.values[index] = value * spreads[Math.floor(index / HIDDEN)]!;
  });
  const layers = Array.from({ length: LAYERS }, (_, layer) => textLayer(layer, next)).flat();
  return [embedding, filled("output_norm.weight", [HIDDEN], 1), ...layers];
}

function textLayer(layer: number, next: () => number): GgufTensor[] {
  const name = (part: string) => `blk.${layer}.${part}`;
  const matrix = (part: string, shape: number[]) => random(name(part), shape, WEIGHT_SPREAD, next);
  const ones = (part: string, length: number) => filled(name(part), [length], 1);
  const attention = () => [
    matrix("attn_q.weight", [HIDDEN, HEADS * HEAD_SIZE * 2]), // Each head: its query, then its output gate.
    matrix("attn_k.weight", [HIDDEN, KV_HEADS * HEAD_SIZE]),
    matrix("attn_v.weight", [HIDDEN, KV_HEADS * HEAD_SIZE]),
    matrix("attn_output.weight", [HEADS * HEAD_SIZE, HIDDEN]),
    ones("attn_q_norm.weight", HEAD_SIZE),
    ones("attn_k_norm.weight", HEAD_SIZE),
  ];
  const gatedDeltaNet = () => [
    matrix("attn_qkv.weight", [HIDDEN, MIXED_WIDTH]),
    matrix("attn_gate.weight", [HIDDEN, VALUE_WIDTH]),
    random(name("ssm_conv1d.weight"), [CONVOLUTION, MIXED_WIDTH], CONVOLUTION_SPREAD, next),
    spaced(name("ssm_dt.bias"), VALUE_HEADS, LOG_TIME_STEP),
    filled(name("ssm_a"), [VALUE_HEADS], -1),
    matrix("ssm_beta.weight", [HIDDEN, VALUE_HEADS]),
    matrix("ssm_alpha.weight", [HIDDEN, VALUE_HEADS]),
    ones("ssm_norm.weight", STATE_SIZE),
    matrix("ssm_out.weight", [VALUE_WIDTH, HIDDEN]),
  ];
  return [
    ones("attn_norm.weight", HIDDEN),
    ...((layer + 1) % ATTENTION_INTERVAL === 0 ? attention() : gatedDeltaNet()),
    ones("post_attention_norm.weight", HIDDEN),
    matrix("ffn_gate.weight", [HIDDEN, FEED_FORWARD]),
    matrix("ffn_up.weight", [HIDDEN, FEED_FORWARD]),
    matrix("ffn_down.weight", [FEED_FORWARD, HIDDEN]),
  ];
}

function visionMetadata(projectionDim: number): Map<string, GgufValue> {
  return new Map<string, GgufValue>([
    ["general.architecture", text("clip")],
    ["general.type", text("mmproj")],
    ["general.name", text("tiny-qwen35 projector (random test weights)")],
    ["general.file_type", uint32(FILE_TYPE.mostlyF16)],
    ["clip.has_vision_encoder", { type: "bool", value: true }],
    ["clip.projector_type", text("qwen3vl_merger")],
    ["clip.use_gelu", { type: "bool", value: true }],
    ["clip.vision.image_size", uint32(IMAGE_PIXELS)],
    ["clip.vision.patch_size", uint32(PATCH_PIXELS)],
    ["clip.vision.embedding_length", uint32(VISION_WIDTH)],
    ["clip.vision.feed_forward_length", uint32(VISION_FEED_FORWARD)],
    ["clip.vision.block_count", uint32(VISION_LAYERS)],
    ["clip.vision.projection_dim", uint32(projectionDim)],
    ["clip.vision.spatial_merge_size", uint32(PATCH_MERGE)],
    ["clip.vision.attention.head_count", uint32(VISION_HEADS)],
    ["clip.vision.attention.layer_norm_epsilon", float32(1e-6)],
    ["clip.vision.image_mean", list("float32", [0.5, 0.5, 0.5])],
    ["clip.vision.image_std", list("float32", [0.5, 0.5, 0.5])],
  ]);
}

function visionTensors(projectionDim: number, next: () => number): GgufTensor[] {
  const merged = VISION_WIDTH * PATCH_MERGE ** 2;
  const patch = [PATCH_PIXELS, PATCH_PIXELS, 3, VISION_WIDTH];
  const linear = (name: string, from: number, to: number) => [
    inHalfPrecision(random(`${name}.weight`, [from, to], WEIGHT_SPREAD, next)),
    random(`${name}.bias`, [to], WEIGHT_SPREAD, next),
  ];
  const norm = (name: string) => [
    filled(`${name}.weight`, [VISION_WIDTH], 1),
    filled(`${name}.bias`, [VISION_WIDTH], 0),
  ];
  const block = (name: string) => [
    ...norm(`${name}.ln1`),
    ...linear(`${name}.attn_qkv`, VISION_WIDTH, 3 * VISION_WIDTH),
    ...linear(`${name}.attn_out`, VISION_WIDTH, VISION_WIDTH),
    ...norm(`${name}.ln2`),
    ...linear(`${name}.ffn_up`, VISION_WIDTH, VISION_FEED_FORWARD),
    ...linear(`${name}.ffn_down`, VISION_FEED_FORWARD, VISION_WIDTH),
  ];
  return [
    // Two slices: the real models join two frames of a video; a still image goes through both.
    inHalfPrecision(random("v.patch_embd.weight", patch, WEIGHT_SPREAD, next)),
    inHalfPrecision(random("v.patch_embd.weight.1", patch, WEIGHT_SPREAD, next)),
    random("v.patch_embd.bias", [VISION_WIDTH], WEIGHT_SPREAD, next),
    random("v.position_embd.weight", [VISION_WIDTH, (IMAGE_PIXELS / PATCH_PIXELS) ** 2], WEIGHT_SPREAD, next),
    ...Array.from({ length: VISION_LAYERS }, (_, layer) => block(`v.blk.${layer}`)).flat(),
    ...norm("v.post_ln"),
    ...linear("mm.0", merged, merged),
    ...linear("mm.2", merged, projectionDim),
  ];
}

/** A tensor of random numbers around 0. */
export function random(name: string, shape: number[], spread: number, next: () => number): GgufTensor {
  const nElements = shape.reduce((product, length) => product * length, 1);
  return { name, shape, type: "F32", values: Float32Array.from({ length: nElements }, () => next() * spread) };
}

/** The same tensor in half precision, as the matrices of real projectors are; biases and positions must stay in F32. */
function inHalfPrecision(tensor: GgufTensor): GgufTensor {
  return { ...tensor, type: "F16" };
}

export function filled(name: string, shape: [number], value: number): GgufTensor {
  return { name, shape, type: "F32", values: new Float32Array(shape[0]).fill(value) };
}

function spaced(name: string, length: number, range: { lowest: number; highest: number }): GgufTensor {
  const step = (range.highest - range.lowest) / (length - 1);
  const values = Float32Array.from({ length }, (_, index) => range.lowest + index * step);
  return { name, shape: [length], type: "F32", values };
}

/**
 * Random numbers with mean 0 and spread 1, near enough to a normal distribution: the sum of four uniform ones (Irwin and
 * Hall, 1927). Sums are exact in every JavaScript engine; logarithm and cosine (Box-Muller) need not be.
 */
export function normalNumbers(seed: number): () => number {
  const next = uniformNumbers(seed);
  return () => (next() + next() + next() + next() - 2) * Math.sqrt(3);
}
