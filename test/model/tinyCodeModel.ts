// Owns random test models of other families that fill in the middle: `llama` and `qwen2`, which attend in every layer; knows no runtime.
import { type GgufTensor, type GgufValue, writeGguf } from "./ggufWriter.ts";
import { buildVocabulary, filled, float32, list, normalNumbers, random, text, uint32 } from "./tinyModel.ts";

const SEED = 1;
const HIDDEN = 64;
const FEED_FORWARD = 96;
const LAYERS = 2;
const HEADS = 2;
const KV_WIDTH = HIDDEN / HEADS;
const CONTEXT_TOKENS = 16_384;
const WEIGHT_SPREAD = 0.1;
/** Special tokens are rarer than text, as in the tiny Qwen3.5 model. */
const EMBEDDING_SPREAD = 0.3;

/** Numbers of token kinds (llama.cpp, `llama_token_type`). */
const TOKEN_TYPE = { normal: 1, control: 3 };

export interface TinyCodeOptions {
  architecture: "llama" | "qwen2";
  name: string;
  specials: string[];
  /** Special tokens that the file names for filling in the middle, by the end of their keys, e.g. `fim_pre`. */
  named?: Record<string, string>;
  /** These tokens stand in the vocabulary as if they were text. */
  asNormal?: readonly string[];
}

/** @param file Path of the GGUF file; its folder must exist, an existing file is replaced. */
export function writeTinyCodeModel(file: string, options: TinyCodeOptions): void {
  const { architecture, name, specials, named = {}, asNormal = [] } = options;
  const { tokens, merges } = buildVocabulary(specials);
  const isControl = (token: string) => specials.includes(token) && !asNormal.includes(token);
  const types = tokens.map((token) => (isControl(token) ? TOKEN_TYPE.control : TOKEN_TYPE.normal));
  const idOf = (token: string) => uint32(tokens.indexOf(token));
  const metadata = new Map<string, GgufValue>([
    ["general.architecture", text(architecture)],
    ["general.name", text(name)],
    ["general.file_type", uint32(0)],
    [`${architecture}.block_count`, uint32(LAYERS)],
    [`${architecture}.context_length`, uint32(CONTEXT_TOKENS)],
    [`${architecture}.embedding_length`, uint32(HIDDEN)],
    [`${architecture}.feed_forward_length`, uint32(FEED_FORWARD)],
    [`${architecture}.attention.head_count`, uint32(HEADS)],
    [`${architecture}.attention.head_count_kv`, uint32(1)],
    [`${architecture}.attention.layer_norm_rms_epsilon`, float32(1e-6)],
    [`${architecture}.rope.freq_base`, float32(1e6)],
    [`${architecture}.vocab_size`, uint32(tokens.length)],
    ["tokenizer.ggml.model", text("gpt2")],
    ["tokenizer.ggml.pre", text("qwen2")],
    ["tokenizer.ggml.tokens", list("string", tokens)],
    ["tokenizer.ggml.token_type", list("int32", types)],
    ["tokenizer.ggml.merges", list("string", merges)],
    ["tokenizer.ggml.eos_token_id", idOf(specials[0]!)],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: false }],
    ...Object.entries(named).map(([key, token]): [string, GgufValue] => [
      `tokenizer.ggml.${key}_token_id`,
      idOf(token),
    ]),
  ]);
  writeGguf(file, { metadata, tensors: tensorsOf(tokens.length, architecture === "qwen2", normalNumbers(SEED)) });
}

/** @param withBias `qwen2` adds one to queries, keys and values. */
function tensorsOf(vocabularySize: number, withBias: boolean, next: () => number): GgufTensor[] {
  const layer = (name: string) => {
    const matrix = (part: string, from: number, to: number) =>
      random(`${name}.${part}.weight`, [from, to], WEIGHT_SPREAD, next);
    const ones = (part: string) => filled(`${name}.${part}.weight`, [HIDDEN], 1);
    const biases = [
      random(`${name}.attn_q.bias`, [HIDDEN], WEIGHT_SPREAD, next),
      random(`${name}.attn_k.bias`, [KV_WIDTH], WEIGHT_SPREAD, next),
      random(`${name}.attn_v.bias`, [KV_WIDTH], WEIGHT_SPREAD, next),
    ];
    return [
      ones("attn_norm"),
      matrix("attn_q", HIDDEN, HIDDEN),
      matrix("attn_k", HIDDEN, KV_WIDTH),
      matrix("attn_v", HIDDEN, KV_WIDTH),
      ...(withBias ? biases : []),
      matrix("attn_output", HIDDEN, HIDDEN),
      ones("ffn_norm"),
      matrix("ffn_gate", HIDDEN, FEED_FORWARD),
      matrix("ffn_up", HIDDEN, FEED_FORWARD),
      matrix("ffn_down", FEED_FORWARD, HIDDEN),
    ];
  };
  return [
    random("token_embd.weight", [HIDDEN, vocabularySize], EMBEDDING_SPREAD, next),
    filled("output_norm.weight", [HIDDEN], 1),
    ...Array.from({ length: LAYERS }, (_, index) => layer(`blk.${index}`)).flat(),
  ];
}
