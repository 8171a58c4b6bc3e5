// Reads what a GGUF file says about itself, without loading it; refuses files that Fathom cannot run.
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { GgmlType, type GgufFileInfo, type GgufTensorInfo, readGgufFileInfo } from "node-llama-cpp";
import { EngineError, type EngineErrorCode, type ModelFacts } from "./api.ts";
import { checkGgufHeader } from "./ggufGuard.ts";

/** Architectures whose hybrid memory the engine is built for: some layers attend, the others keep a recurrent state. */
const HYBRID_ARCHITECTURES = ["qwen35", "qwen35moe"];
/** Those of models that fill in the middle and attend in every layer: Qwen2.5-Coder, StarCoder2, DeepSeek-Coder, Granite Code. */
const ATTENTION_ARCHITECTURES = ["qwen2", "qwen3", "llama", "starcoder2"];

/**
 * Byte-level BPE, the only kind that these models may have: SentencePiece puts a space before each piece of a prompt, and
 * takes one off each piece of an answer.
 */
const BPE_TOKENIZER = "gpt2";

/** Elements and bytes of one block of a tensor type (ggml's quantisation formats); for the types that Qwen3.5 files use. */
const BLOCKS: Partial<Record<GgmlType, readonly [elements: number, bytes: number]>> = {
  [GgmlType.F32]: [1, 4],
  [GgmlType.F16]: [1, 2],
  [GgmlType.BF16]: [1, 2],
  [GgmlType.Q4_0]: [32, 18],
  [GgmlType.Q4_1]: [32, 20],
  [GgmlType.Q5_0]: [32, 22],
  [GgmlType.Q5_1]: [32, 24],
  [GgmlType.Q8_0]: [32, 34],
  [GgmlType.IQ4_NL]: [32, 18],
  [GgmlType.Q2_K]: [256, 84],
  [GgmlType.Q3_K]: [256, 110],
  [GgmlType.Q4_K]: [256, 144],
  [GgmlType.Q5_K]: [256, 176],
  [GgmlType.Q6_K]: [256, 210],
  [GgmlType.IQ4_XS]: [256, 136],
};

/** First bytes of every GGUF file. */
const GGUF_MAGIC = "GGUF";

/** Bytes per element: f16, and q8_0 with its 2-byte scale per 32 elements. */
const F16_BYTES = 2;
const Q8_0_BYTES = 34 / 32;
const F32_BYTES = 4;

/** Layer i attends fully iff (i + 1) is a multiple of this; llama.cpp's default for the architecture. */
const DEFAULT_ATTENTION_INTERVAL = 4;

/** Hashed from both ends of the file: metadata, tokenizer and the last tensors tell models apart without reading gigabytes. */
const HASHED_HEAD_BYTES = 16 << 20;
const HASHED_TAIL_BYTES = 1 << 20;

/**
 * @returns What the header of a text model says.
 * @throws EngineError modelMissing, modelUnreadable (no GGUF, damaged, truncated) or modelUnsupported (another kind).
 */
export async function readModelFacts(file: string): Promise<ModelFacts> {
  const info = await readGguf(file, { missing: "modelMissing", unreadable: "modelUnreadable" });
  const architecture = info.metadata.general?.architecture as string | undefined;
  if (architecture === undefined) {
    throw new EngineError(
      "modelUnreadable",
      `The file ${file} is damaged: it names no architecture. Download it again.`,
    );
  }
  assertSupported(file, info, architecture);
  await assertComplete(file, info, "modelUnreadable");
  return { file, weightBytes: (await stat(file)).size, ...architectureFacts(file, info, architecture) };
}

/**
 * Reads a GGUF header.
 * @param failures Which error stands for a missing and for an unreadable file, and what to do about it.
 */
export async function readGguf(file: string, failures: GgufFailures): Promise<GgufFileInfo> {
  await assertMagic(file, failures);
  try {
    // The parser below believes what the header says: a length of 2^60 kept it busy for good.
    await checkGgufHeader(file);
    return await readGgufFileInfo(file, { logWarnings: false });
  } catch (error) {
    const sentence = `The file ${file} is damaged: its GGUF header cannot be read. Download or copy it again.`;
    throw new EngineError(failures.unreadable, sentence, { cause: error });
  }
}

export interface GgufFailures {
  missing: EngineErrorCode;
  unreadable: EngineErrorCode;
  /** Default: that of a model which Get Model… offers. */
  advice?: string;
}

/** @throws EngineError `code` if the file ends before its last tensor does. */
export async function assertComplete(file: string, info: GgufFileInfo, code: EngineErrorCode): Promise<void> {
  let expected = 0;
  for (const tensor of info.fullTensorInfo ?? []) {
    expected = Math.max(expected, Number(tensor.fileOffset) + leastTensorBytes(tensor));
  }
  const { size } = await stat(file);
  if (size >= expected) return;
  throw new EngineError(
    code,
    `The file ${file} is cut off: it has ${size.toLocaleString("en")} bytes, but its header describes ` +
      `${expected.toLocaleString("en")}. Download it again; a started download is resumed.`,
  );
}

/** Identifies the weights in snapshots. @returns 16 hex digits. */
export async function hashModelFile(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const hash = createHash("sha256").update(String(size));
    for (const [position, length] of [
      [0, Math.min(size, HASHED_HEAD_BYTES)],
      [Math.max(0, size - HASHED_TAIL_BYTES), Math.min(size, HASHED_TAIL_BYTES)],
    ] as const) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
      hash.update(buffer.subarray(0, bytesRead));
    }
    return hash.digest("hex").slice(0, 16);
  } finally {
    await handle.close();
  }
}

async function assertMagic(file: string, { missing: missingCode, unreadable, advice }: GgufFailures): Promise<void> {
  const start = Buffer.alloc(GGUF_MAGIC.length);
  try {
    // A pipe would keep its reader waiting for good.
    if (!(await stat(file)).isFile()) {
      const sentence = `${file} is no file but a folder or something else. ${advice ?? "Choose a model file with Get Model…."}`;
      throw new EngineError(unreadable, sentence);
    }
    const handle = await open(file, "r");
    try {
      await handle.read(start, 0, start.length, 0);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const sentence = missing
      ? `The file ${file} does not exist. ${advice ?? "Choose or download a model with Get Model…."}`
      : `The file ${file} cannot be opened (${(error as Error).message}). Check its permissions.`;
    throw new EngineError(missing ? missingCode : unreadable, sentence, { cause: error });
  }
  if (start.toString("latin1") !== GGUF_MAGIC) {
    throw new EngineError(
      unreadable,
      `The file ${file} is not a GGUF model file. ${advice ?? "Download it again or choose another one with Get Model…."}`,
    );
  }
}

/** @throws EngineError modelUnsupported */
function assertSupported(file: string, info: GgufFileInfo, architecture: string): void {
  const refuse = (what: string) => {
    const sentence = `The file ${file} holds a model of architecture "${architecture}"${what}. Choose another file with Get Model….`;
    return new EngineError("modelUnsupported", sentence);
  };
  if (HYBRID_ARCHITECTURES.includes(architecture)) return;
  if (!ATTENTION_ARCHITECTURES.includes(architecture)) {
    const [hybrid, attention] = [HYBRID_ARCHITECTURES, ATTENTION_ARCHITECTURES].map((names) => names.join('", "'));
    throw refuse(`, but Fathom runs Qwen3.5 models ("${hybrid}") and some that only attend ("${attention}")`);
  }
  const { pooling_type: pooling } = info.architectureMetadata as unknown as Numbers;
  if (pooling !== undefined && pooling !== 0) throw refuse(" that makes vectors of texts, not text");
  const tokenizer = info.metadata.tokenizer?.ggml?.model as string | undefined;
  if (tokenizer === BPE_TOKENIZER) return;
  throw refuse(` with a tokenizer of the kind "${tokenizer}", but of these Fathom runs those with "${BPE_TOKENIZER}"`);
}

/** Exact for the types in the table; for any other, one byte is certain. */
function leastTensorBytes(tensor: GgufTensorInfo): number {
  const block = BLOCKS[tensor.ggmlType];
  if (block === undefined) return 1;
  const elements = tensor.dimensions.reduce<number>((product, size) => product * Number(size), 1);
  return Math.ceil(elements / block[0]) * block[1];
}

type Numbers = Record<string, number | number[] | undefined>;

function architectureFacts(
  file: string,
  info: GgufFileInfo,
  architecture: string,
): Omit<ModelFacts, "file" | "weightBytes"> {
  const metadata = info.architectureMetadata as unknown as Numbers & { attention?: Numbers; ssm?: Numbers };
  const number = (value: number | number[] | undefined) => (typeof value === "number" ? value : 0);
  const layers = number(metadata.block_count) - number(metadata.nextn_predict_layers);
  const interval = number(metadata.full_attention_interval) || DEFAULT_ATTENTION_INTERVAL;
  const attentionLayers = HYBRID_ARCHITECTURES.includes(architecture) ? Math.floor(layers / interval) : layers;
  const { attention, ssm } = metadata;
  if (attention === undefined || layers <= 0) {
    throw new EngineError("modelUnreadable", `The file ${file} lacks the sizes of its layers. Download it again.`);
  }
  // What the file leaves out has these defaults in the runtime (llama.cpp, `llama-model.cpp`).
  const heads = number(attention.head_count_kv) || number(attention.head_count);
  const headLength = number(metadata.embedding_length) / (number(attention.head_count) || 1);
  const [keyLength, valueLength] = [attention.key_length, attention.value_length].map(
    (length) => number(length) || headLength,
  ) as [number, number];
  const elementsPerToken = attentionLayers * heads * (keyLength + valueLength);
  const name = String(info.metadata.general.name ?? architecture);
  return {
    name,
    architecture,
    layers,
    trainedContextTokens: number(metadata.context_length),
    kvBytesPerToken: { f16: elementsPerToken * F16_BYTES, q8_0: elementsPerToken * Q8_0_BYTES },
    recurrentStateBytes: ssm === undefined ? 0 : (layers - attentionLayers) * recurrentBytes(ssm, number),
    vocabularySize: info.metadata.tokenizer?.ggml?.tokens?.length ?? 0,
    embeddingLength: number(metadata.embedding_length),
  };
}

/** Convolution and delta-rule state of one linear layer (QWEN35.md 2.1). */
function recurrentBytes(ssm: Numbers, number: (value: number | number[] | undefined) => number): number {
  const keys = number(ssm.group_count) * number(ssm.state_size);
  const convolution = (number(ssm.conv_kernel) - 1) * (2 * keys + number(ssm.inner_size));
  const delta = number(ssm.inner_size) * number(ssm.state_size);
  return (convolution + delta) * F32_BYTES;
}
