// Checks the generated test model: reproducible bytes, the metadata and tensors that `qwen35` demands, its chat template.

import { deepEqual, equal, notEqual, ok, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Template } from "@huggingface/jinja";
import { type GgufFileInfo, readGgufFileInfo } from "node-llama-cpp";
import { encodeGguf, toHalfBits } from "../model/ggufWriter.ts";
import {
  GENERATOR_VERSION,
  type TinyModelOptions,
  tinyModelFiles,
  writeTinyMmproj,
  writeTinyModel,
} from "../model/tinyModel.ts";

/** Hashes of the default files, per generator version: other bytes need a higher version, or caches keep the old files. */
const RELEASED = {
  version: 1,
  model: "41aef624b7b54de43d460b9f6c9afed1cd963cea26ae5ea095edfc90312bdc7c",
  mmproj: "f1a7585cd475e40760d91942ba49d66658fe52c2138fc555b873969844c34aed",
};

// Dimensions under the names of the model card; the tables below derive every shape from them.
const E = 64;
const FF = 96;
const LAYERS = 8;
const INTERVAL = 4;
const [H, KV, D] = [2, 1, 32];
const [STATE, KEY_HEADS, VALUE_HEADS, CONV] = [32, 2, 4, 4];
const KEY = KEY_HEADS * STATE;
const VALUE = VALUE_HEADS * STATE;
const [VISION_E, VISION_FF, VISION_LAYERS, PATCH, IMAGE] = [64, 128, 2, 16, 64];
const MERGED = 4 * VISION_E;

const BYTES = 256;
const ELEMENT_BYTES = new Map([
  [0, 4],
  [1, 2],
]);

const FIM_TOKENS = [
  "<|fim_prefix|>",
  "<|fim_middle|>",
  "<|fim_suffix|>",
  "<|fim_pad|>",
  "<|repo_name|>",
  "<|file_sep|>",
];
const CHAT_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"];
const IMAGE_TOKENS = ["<|vision_start|>", "<|image_pad|>", "<|vision_end|>"];
const TOOL_TOKENS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"];

type Shapes = Record<string, number[]>;

function expectedTextShapes(vocabularySize: number): Shapes {
  const shapes: Shapes = { "token_embd.weight": [E, vocabularySize], "output_norm.weight": [E] };
  for (let layer = 0; layer < LAYERS; layer++) {
    const isAttention = (layer + 1) % INTERVAL === 0;
    const parts: Shapes = {
      "attn_norm.weight": [E],
      "post_attention_norm.weight": [E],
      "ffn_gate.weight": [E, FF],
      "ffn_up.weight": [E, FF],
      "ffn_down.weight": [FF, E],
      ...(isAttention ? expectedAttentionShapes() : expectedDeltaNetShapes()),
    };
    for (const [part, shape] of Object.entries(parts)) shapes[`blk.${layer}.${part}`] = shape;
  }
  return shapes;
}

function expectedAttentionShapes(): Shapes {
  return {
    "attn_q.weight": [E, D * H * 2],
    "attn_k.weight": [E, D * KV],
    "attn_v.weight": [E, D * KV],
    "attn_output.weight": [D * H, E],
    "attn_q_norm.weight": [D],
    "attn_k_norm.weight": [D],
  };
}

function expectedDeltaNetShapes(): Shapes {
  return {
    "attn_qkv.weight": [E, 2 * KEY + VALUE],
    "attn_gate.weight": [E, VALUE],
    "ssm_conv1d.weight": [CONV, 2 * KEY + VALUE],
    "ssm_dt.bias": [VALUE_HEADS],
    ssm_a: [VALUE_HEADS],
    "ssm_beta.weight": [E, VALUE_HEADS],
    "ssm_alpha.weight": [E, VALUE_HEADS],
    "ssm_norm.weight": [STATE],
    "ssm_out.weight": [VALUE, E],
  };
}

function expectedVisionShapes(projectionDim: number): Shapes {
  const shapes: Shapes = {
    "v.patch_embd.weight": [PATCH, PATCH, 3, VISION_E],
    "v.patch_embd.weight.1": [PATCH, PATCH, 3, VISION_E],
    "v.patch_embd.bias": [VISION_E],
    "v.position_embd.weight": [VISION_E, (IMAGE / PATCH) ** 2],
    "v.post_ln.weight": [VISION_E],
    "v.post_ln.bias": [VISION_E],
    "mm.0.weight": [MERGED, MERGED],
    "mm.0.bias": [MERGED],
    "mm.2.weight": [MERGED, projectionDim],
    "mm.2.bias": [projectionDim],
  };
  const linear = { attn_qkv: [VISION_E, 3 * VISION_E], attn_out: [VISION_E, VISION_E], ffn_up: [VISION_E, VISION_FF] };
  for (let layer = 0; layer < VISION_LAYERS; layer++) {
    for (const [part, shape] of Object.entries({ ...linear, ffn_down: [VISION_FF, VISION_E] })) {
      shapes[`v.blk.${layer}.${part}.weight`] = shape;
      shapes[`v.blk.${layer}.${part}.bias`] = shape.slice(1);
    }
    for (const part of ["ln1.weight", "ln1.bias", "ln2.weight", "ln2.bias"])
      shapes[`v.blk.${layer}.${part}`] = [VISION_E];
  }
  return shapes;
}

function shapesOf(info: GgufFileInfo): Shapes {
  return Object.fromEntries(info.tensorInfo!.map((tensor) => [tensor.name, tensor.dimensions.map(Number)]));
}

/** Metadata of one section of the file, as plain data. */
function sectionOf(info: GgufFileInfo, section: string): Record<string, unknown> {
  return (info.metadata as unknown as Record<string, Record<string, unknown>>)[section]!;
}

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

describe("tiny model", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "fathom-tiny-model-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  function modelFile(options?: TinyModelOptions): string {
    const file = join(folder, "model.gguf");
    writeTinyModel(file, options);
    return file;
  }

  function mmprojFile(options?: { seed?: number; projectionDim?: number }): string {
    const file = join(folder, "mmproj.gguf");
    writeTinyMmproj(file, options);
    return file;
  }

  describe("bytes", () => {
    it("are the released ones for the default seed, fresh and from the cache", () => {
      const { model, mmproj } = tinyModelFiles();
      const found = { version: GENERATOR_VERSION, model: sha256(modelFile()), mmproj: sha256(mmprojFile()) };
      deepEqual(found, RELEASED, "The bytes changed: raise GENERATOR_VERSION and renew RELEASED.");
      deepEqual({ version: GENERATOR_VERSION, model: sha256(model), mmproj: sha256(mmproj) }, RELEASED);
      deepEqual(tinyModelFiles(), { model, mmproj });
    });

    it("depend on the seed alone", () => {
      equal(sha256(modelFile({ seed: 7 })), sha256(modelFile({ seed: 7 })));
      notEqual(sha256(modelFile({ seed: 7 })), sha256(modelFile({ seed: 8 })));
      equal(sha256(mmprojFile({ seed: 7 })), sha256(mmprojFile({ seed: 7 })));
      notEqual(sha256(mmprojFile({ seed: 7 })), sha256(mmprojFile({ seed: 8 })));
    });

    it("are few", () => {
      ok(statSync(modelFile()).size + statSync(mmprojFile()).size < 2.5e6);
    });
  });

  describe("text model", () => {
    it("has the metadata of qwen35", async () => {
      const info = await readGgufFileInfo(modelFile());
      equal(info.version, 3);
      deepEqual(info.metadata.general, {
        architecture: "qwen35",
        name: "tiny-qwen35 (random test weights)",
        file_type: 0,
      });
      deepEqual(sectionOf(info, "qwen35"), {
        block_count: LAYERS,
        context_length: 262144,
        embedding_length: E,
        feed_forward_length: FF,
        full_attention_interval: INTERVAL,
        attention: {
          head_count: H,
          head_count_kv: KV,
          key_length: D,
          value_length: D,
          layer_norm_rms_epsilon: Math.fround(1e-6),
        },
        rope: { freq_base: 1e7, dimension_count: 16, dimension_sections: [3, 3, 2, 0] },
        ssm: {
          conv_kernel: CONV,
          state_size: STATE,
          group_count: KEY_HEADS,
          time_step_rank: VALUE_HEADS,
          inner_size: VALUE,
        },
      });
    });

    it("has every tensor of qwen35 and no other, all in F32", async () => {
      const info = await readGgufFileInfo(modelFile());
      deepEqual(shapesOf(info), expectedTextShapes(info.metadata.tokenizer.ggml.tokens.length));
      deepEqual([...new Set(info.tensorInfo!.map((tensor) => Number(tensor.ggmlType)))], [0]);
    });

    it("has a vocabulary of bytes, merged words and special tokens", async () => {
      const info = await readGgufFileInfo(modelFile());
      const {
        tokens,
        merges,
        token_type: types,
        ...rest
      } = sectionOf(info, "tokenizer").ggml as Record<string, unknown[]>;
      deepEqual(rest, {
        model: "gpt2",
        pre: "qwen35",
        eos_token_id: tokens!.indexOf("<|im_end|>"),
        padding_token_id: tokens!.indexOf("<|endoftext|>"),
        add_bos_token: false,
      });
      equal(new Set(tokens).size, tokens!.length);
      equal(types!.length, tokens!.length);
      const mergedTokens = merges!.map((merge) => (merge as string).replace(" ", ""));
      deepEqual(tokens!.slice(BYTES, BYTES + merges!.length), mergedTokens);
      ok(["return", "Ġreturn", "ĠĠĠĠ", "ĊĊ"].every((word) => mergedTokens.includes(word)));
      const typeOf = (token: string) => types![tokens!.indexOf(token)];
      for (const token of [...CHAT_TOKENS.slice(0, 3), ...IMAGE_TOKENS, ...FIM_TOKENS]) equal(typeOf(token), 3, token);
      for (const token of [...CHAT_TOKENS.slice(3), ...TOOL_TOKENS]) equal(typeOf(token), 4, token);
      for (const token of ["A", "return"]) equal(typeOf(token), 1, token);
    });

    it("without fill in the middle lacks just those tokens", async () => {
      const whole = (await readGgufFileInfo(modelFile())).metadata.tokenizer.ggml.tokens;
      const info = await readGgufFileInfo(modelFile({ fim: false }));
      const { tokens } = info.metadata.tokenizer.ggml;
      deepEqual(
        tokens,
        whole.filter((token) => !FIM_TOKENS.includes(token)),
      );
      equal(tokens.length, whole.length - FIM_TOKENS.length);
      deepEqual(shapesOf(info), expectedTextShapes(tokens.length));
    });

    it("takes another architecture's name, in its keys too", async () => {
      const info = await readGgufFileInfo(modelFile({ architecture: "qwen99" }));
      equal(info.metadata.general.architecture, "qwen99");
      equal(sectionOf(info, "qwen99").block_count, LAYERS);
      equal(sectionOf(info, "qwen35"), undefined);
    });
  });

  describe("projector", () => {
    it("has the metadata of a Qwen vision tower", async () => {
      const info = await readGgufFileInfo(mmprojFile());
      deepEqual(info.metadata.general, {
        architecture: "clip",
        type: "mmproj",
        name: "tiny-qwen35 projector (random test weights)",
        file_type: 1,
      });
      deepEqual(sectionOf(info, "clip"), {
        has_vision_encoder: true,
        projector_type: "qwen3vl_merger",
        use_gelu: true,
        vision: {
          image_size: IMAGE,
          patch_size: PATCH,
          embedding_length: VISION_E,
          feed_forward_length: VISION_FF,
          block_count: VISION_LAYERS,
          projection_dim: E,
          spatial_merge_size: 2,
          attention: { head_count: 2, layer_norm_epsilon: Math.fround(1e-6) },
          image_mean: [0.5, 0.5, 0.5],
          image_std: [0.5, 0.5, 0.5],
        },
      });
    });

    for (const projectionDim of [E, 2 * E]) {
      it(`has every tensor for a text model of width ${projectionDim} and no other, only matrices in F16`, async () => {
        const info = await readGgufFileInfo(mmprojFile({ projectionDim }));
        equal((sectionOf(info, "clip").vision as Record<string, unknown>).projection_dim, projectionDim);
        deepEqual(shapesOf(info), expectedVisionShapes(projectionDim));
        for (const { name, dimensions, ggmlType } of info.tensorInfo!) {
          const isMatrix = dimensions.length > 1 && name !== "v.position_embd.weight";
          equal(Number(ggmlType), isMatrix ? 1 : 0, name);
        }
      });
    }
  });

  it("lays tensors out one after another, each at a multiple of 32 bytes, up to the end of the file", async () => {
    for (const file of [modelFile(), mmprojFile()]) {
      const info = await readGgufFileInfo(file);
      let end = info.infoEndOffset!;
      equal(end % 32, 0);
      for (const tensor of info.tensorInfo!) {
        equal(Number(tensor.fileOffset), end, tensor.name);
        const nElements = tensor.dimensions.map(Number).reduce((product, length) => product * length, 1);
        end += Math.ceil((nElements * ELEMENT_BYTES.get(Number(tensor.ggmlType))!) / 32) * 32;
      }
      equal(statSync(file).size, end);
    }
  });

  describe("chat template", () => {
    const image = IMAGE_TOKENS.join("");
    const user = (content: unknown) => ({ role: "user", content });
    const assistant = (content: string) => ({ role: "assistant", content });
    const turn = (role: string, text: string) => `<|im_start|>${role}\n${text}<|im_end|>\n`;
    const open = "<|im_start|>assistant\n<think>\n";
    const closed = `${open}\n</think>\n\n`;
    const ask = { add_generation_prompt: true };

    const cases: [name: string, messages: unknown[], options: Record<string, unknown>, expected: string][] = [
      ["writes turns", [{ role: "system", content: "S" }, user("Q")], {}, turn("system", "S") + turn("user", "Q")],
      ["opens the reasoning", [user("Q")], ask, turn("user", "Q") + open],
      ["opens it when told", [user("Q")], { ...ask, enable_thinking: true }, turn("user", "Q") + open],
      ["closes it when told", [user("Q")], { ...ask, enable_thinking: false }, turn("user", "Q") + closed],
      [
        "joins text and image parts",
        [user([{ type: "text", text: "a " }, { type: "image" }, { type: "text", text: " b" }])],
        {},
        turn("user", `a ${image} b`),
      ],
      ["knows image_url", [user([{ type: "image_url", image_url: { url: "x" } }])], {}, turn("user", image)],
      [
        "drops earlier reasoning",
        [user("Q"), assistant("<think>\nwhy\n</think>\n\nA"), user("R")],
        {},
        turn("user", "Q") + turn("assistant", "A") + turn("user", "R"),
      ],
      [
        "keeps reasoning after the last question",
        [user("Q"), assistant("<think>\nwhy\n</think>\n\nA")],
        {},
        turn("user", "Q") + turn("assistant", "<think>\nwhy\n</think>\n\nA"),
      ],
    ];
    for (const [name, messages, options, expected] of cases) {
      it(name, async () => {
        const info = await readGgufFileInfo(modelFile());
        const template = new Template(info.metadata.tokenizer.chat_template!);
        equal(template.render({ messages, ...options }), expected);
      });
    }
  });
});

describe("GGUF writer", () => {
  it("rounds to half precision", () => {
    const cases: [value: number, bits: number][] = [
      [0, 0x0000],
      [-0, 0x8000],
      [1, 0x3c00],
      [-2, 0xc000],
      [0.1, 0x2e66],
      [1 + 2 ** -11, 0x3c00], // A tie goes to the even neighbour,
      [1 + 3 * 2 ** -11, 0x3c02], // which may be the upper one.
      [2 - 2 ** -12, 0x4000], // A carry into the exponent.
      [2 ** -14, 0x0400], // The smallest normal number,
      [2 ** -24, 0x0001], // the smallest of all,
      [2 ** -26, 0x0000], // and one too small.
      [65504, 0x7bff],
      [65520, 0x7c00],
      [Number.NEGATIVE_INFINITY, 0xfc00],
      [Number.NaN, 0x7e00],
    ];
    for (const [value, bits] of cases) equal(toHalfBits(value), bits, `${value}`);
  });

  it("refuses a tensor whose values do not fill its shape", () => {
    const tensors = [{ name: "t", shape: [2, 3], type: "F32" as const, values: new Float32Array(5) }];
    throws(
      () => encodeGguf({ metadata: new Map(), tensors }),
      new RangeError("Tensor t has 5 values, but its shape [2,3] needs 6."),
    );
  });
});
