// Tests what is read from a GGUF header, and which headers are refused, on files made for it.
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineErrorCode, ModelFacts } from "../../../engine/src/api.ts";
import { hashModelFile, readModelFacts } from "../../../engine/src/modelFile.ts";
import { encodeGguf, type GgufScalarType, type GgufTensor, type GgufValue } from "../../model/ggufWriter.ts";
import { fails, temporaryFolder } from "../../model/harness.ts";

type Metadata = Record<string, GgufValue>;

const value = (type: GgufScalarType, number: number | string): GgufValue => ({ type, value: number });
const uint32 = (number: number) => value("uint32", number);

/** The header of Qwen3.5 4B, as far as the facts come from it (QWEN35.md 1.3 and 2.1). */
const METADATA: Metadata = {
  "general.architecture": value("string", "qwen35"),
  "general.name": value("string", "Qwen3.5 4B"),
  "qwen35.block_count": uint32(32),
  "qwen35.context_length": uint32(262_144),
  "qwen35.embedding_length": uint32(2560),
  "qwen35.attention.head_count": uint32(16),
  "qwen35.attention.head_count_kv": uint32(4),
  "qwen35.attention.key_length": uint32(256),
  "qwen35.attention.value_length": uint32(256),
  "qwen35.ssm.conv_kernel": uint32(4),
  "qwen35.ssm.state_size": uint32(128),
  "qwen35.ssm.group_count": uint32(16),
  "qwen35.ssm.time_step_rank": uint32(32),
  "qwen35.ssm.inner_size": uint32(4096),
  "qwen35.full_attention_interval": uint32(4),
  "tokenizer.ggml.tokens": { type: "array", of: "string", values: ["a", "b", "c"] },
};

const FACTS: Omit<ModelFacts, "file" | "weightBytes"> = {
  name: "Qwen3.5 4B",
  architecture: "qwen35",
  layers: 32,
  trainedContextTokens: 262_144,
  // 8 attention layers, 4 heads, 256 + 256 numbers: 32 KiB at 2 bytes, 17 KiB at 34/32.
  kvBytesPerToken: { f16: 32_768, q8_0: 17_408 },
  // 24 layers of (3 × 8192 + 4096 × 128) numbers of 4 bytes: 50.25 MiB.
  recurrentStateBytes: 50.25 * 1024 * 1024,
  vocabularySize: 3,
  embeddingLength: 2560,
};

describe("model file", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let file: string;

  beforeEach(() => {
    folder = temporaryFolder("model-file");
    file = join(folder.path, "model.gguf");
  });

  afterEach(() => folder.remove());

  function write(changes: Record<string, GgufValue | undefined> = {}, tensors: GgufTensor[] = []): void {
    const entries = Object.entries({ ...METADATA, ...changes }).filter(
      (entry): entry is [string, GgufValue] => entry[1] !== undefined,
    );
    writeFileSync(file, encodeGguf({ metadata: new Map(entries), tensors }));
  }

  const facts = () => readModelFacts(file);
  const isRefused = (code: EngineErrorCode, message: RegExp) => assert.rejects(facts(), fails(code, message));

  it("tells the facts of a model", async () => {
    write();
    assert.deepEqual(await facts(), { file, weightBytes: readFileSync(file).length, ...FACTS });
  });

  const variants: [name: string, changes: Record<string, GgufValue | undefined>, expected: Partial<ModelFacts>][] = [
    [
      "a layer for token prediction is not counted",
      layersWithPrediction(),
      { layers: 32, kvBytesPerToken: FACTS.kvBytesPerToken },
    ],
    ["without an interval every fourth layer attends", { "qwen35.full_attention_interval": undefined }, {}],
    [
      "every second layer attends",
      { "qwen35.full_attention_interval": uint32(2) },
      { kvBytesPerToken: { f16: 65_536, q8_0: 34_816 } },
    ],
    ["a nameless model bears its architecture", { "general.name": undefined }, { name: "qwen35" }],
    ["a model without a vocabulary", { "tokenizer.ggml.tokens": undefined }, { vocabularySize: 0 }],
  ];
  for (const [name, changes, expected] of variants) {
    it(`counts right: ${name}`, async () => {
      write(changes);
      assert.deepEqual({ ...(await facts()), ...expected }, await facts());
      if (Object.keys(expected).length === 0) {
        const { file: _file, weightBytes: _bytes, ...rest } = await facts();
        assert.deepEqual(rest, FACTS);
      }
    });
  }

  it("knows the mixture-of-experts architecture", async () => {
    const renamed = Object.entries(METADATA).map(([key, entry]) => [key.replace("qwen35.", "qwen35moe."), entry]);
    const changes = Object.fromEntries(Object.keys(METADATA).map((key) => [key, undefined]));
    write({ ...changes, ...Object.fromEntries(renamed), "general.architecture": value("string", "qwen35moe") });
    assert.deepEqual((await facts()).kvBytesPerToken, FACTS.kvBytesPerToken);
  });

  /** A header of another architecture with these entries; Qwen2.5-Coder 7B unless they say otherwise. */
  function writeAttending(architecture: string, changes: Record<string, GgufValue | undefined> = {}): void {
    write({
      ...Object.fromEntries(Object.keys(METADATA).map((key) => [key, undefined])),
      "general.architecture": value("string", architecture),
      "general.name": value("string", "Qwen2.5-Coder 7B"),
      [`${architecture}.block_count`]: uint32(28),
      [`${architecture}.context_length`]: uint32(32_768),
      [`${architecture}.embedding_length`]: uint32(3584),
      [`${architecture}.attention.head_count`]: uint32(28),
      [`${architecture}.attention.head_count_kv`]: uint32(4),
      "tokenizer.ggml.model": value("string", "gpt2"),
      "tokenizer.ggml.tokens": { type: "array", of: "string", values: ["a"] },
      ...changes,
    });
  }

  for (const architecture of ["qwen2", "qwen3", "llama", "starcoder2"]) {
    it(`counts every layer of a model of architecture "${architecture}" that only attends`, async () => {
      writeAttending(architecture);
      const { file: _file, weightBytes: _bytes, ...rest } = await facts();
      assert.deepEqual(rest, {
        name: "Qwen2.5-Coder 7B",
        architecture,
        layers: 28,
        trainedContextTokens: 32_768,
        // 28 layers, 4 heads, 128 + 128 numbers.
        kvBytesPerToken: { f16: 57_344, q8_0: 30_464 },
        recurrentStateBytes: 0,
        vocabularySize: 1,
        embeddingLength: 3584,
      });
    });
  }

  it("takes as many heads for keys as there are where the header does not say, and their length where it does", async () => {
    writeAttending("llama", {
      "llama.attention.head_count_kv": undefined,
      "llama.attention.key_length": uint32(64),
      "llama.attention.value_length": uint32(32),
    });
    assert.equal((await facts()).kvBytesPerToken.f16, 28 * 28 * (64 + 32) * 2);
  });

  it("refuses models that only attend if they make vectors, or have a tokenizer that changes texts", async () => {
    writeAttending("qwen3", { "qwen3.pooling_type": uint32(3) });
    await isRefused("modelUnsupported", /architecture "qwen3" that makes vectors of texts/);
    writeAttending("llama", { "tokenizer.ggml.model": value("string", "llama") });
    await isRefused("modelUnsupported", /tokenizer of the kind "llama", but of these Fathom runs those with "gpt2"/);
  });

  for (const architecture of ["mamba", "gemma", "clip", "qwen35x", ""]) {
    it(`refuses the architecture "${architecture}" by its name`, async () => {
      write({ "general.architecture": value("string", architecture) });
      await isRefused("modelUnsupported", new RegExp(`architecture "${architecture}", but Fathom runs Qwen3\\.5`));
    });
  }

  it("refuses a file without an architecture", async () => {
    write({ "general.architecture": undefined });
    await isRefused("modelUnreadable", /model\.gguf is damaged: it names no architecture/);
  });

  for (const part of ["attention", "ssm"]) {
    it(`refuses a header without its ${part} sizes in words`, async () => {
      const without = Object.keys(METADATA).filter((key) => key.startsWith(`qwen35.${part}.`));
      write(Object.fromEntries(without.map((key) => [key, undefined])));
      // Without recurrent layers it would not be the architecture that the header names.
      if (part === "attention") await isRefused("modelUnreadable", /model\.gguf/);
      else assert.equal((await facts()).recurrentStateBytes, 0);
    });
  }

  it("refuses nothing for numbers of another type, but counts them as none", async () => {
    write({ "qwen35.embedding_length": value("string", "many") });
    assert.equal((await facts()).embeddingLength, 0);
  });

  describe("with tensors", () => {
    const tensors: GgufTensor[] = [
      { name: "a", shape: [32, 3], type: "F32", values: new Float32Array(96) },
      { name: "b", shape: [5, 7], type: "F16", values: new Float32Array(35) },
    ];

    it("is complete when its last tensor is", async () => {
      write({}, tensors);
      const { length } = readFileSync(file);
      // The last tensor's 70 bytes are padded to 96.
      truncateSync(file, length - 26);
      assert.equal((await facts()).name, "Qwen3.5 4B");
      truncateSync(file, length - 27);
      await isRefused(
        "modelUnreadable",
        /cut off: it has [\d,]+ bytes, but its header describes [\d,]+\. Download it again/,
      );
    });

    it("is complete with more than its tensors", async () => {
      write({}, tensors);
      appendFileSync(file, "more");
      assert.equal((await facts()).layers, 32);
    });
  });

  it("is refused wherever it is cut in its header", async () => {
    write({}, [{ name: "a", shape: [32], type: "F32", values: new Float32Array(32) }]);
    const whole = readFileSync(file);
    for (let length = 0; length < whole.length; length += 13) {
      writeFileSync(file, whole.subarray(0, length));
      await isRefused("modelUnreadable", /model\.gguf (is (not|damaged|cut off)|lacks)/);
    }
  });

  describe("hash", () => {
    it("is the same for the same bytes under another name", async () => {
      write();
      const other = join(folder.path, "other.gguf");
      writeFileSync(other, readFileSync(file));
      assert.equal(await hashModelFile(file), await hashModelFile(other));
      assert.match(await hashModelFile(file), /^[0-9a-f]{16}$/);
    });

    it("differs for other metadata, weights and lengths", async () => {
      const tensor = (number: number): GgufTensor => {
        return { name: "a", shape: [4], type: "F32", values: new Float32Array(4).fill(number) };
      };
      const hashes = new Set<string>();
      for (const make of [
        () => write({}, [tensor(1)]),
        () => write({}, [tensor(2)]),
        () => write({ "general.name": value("string", "other") }, [tensor(1)]),
        () => appendFileSync(file, "\0"),
      ]) {
        make();
        hashes.add(await hashModelFile(file));
      }
      assert.equal(hashes.size, 4);
    });
  });
});

function layersWithPrediction(): Metadata {
  return { "qwen35.block_count": uint32(33), "qwen35.nextn_predict_layers": uint32(1) };
}
