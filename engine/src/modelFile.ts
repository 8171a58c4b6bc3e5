// Reads what a GGUF file says about itself, without loading it; refuses files that Fathom cannot run.
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { GgmlType, type GgufFileInfo, type GgufTensorInfo, readGgufFileInfo } from "node-llama-cpp";
import { EngineError, type EngineErrorCode, type ModelFacts } from "./api.ts";
import { checkGgufHeader } from "./ggufGuard.ts";

/** Architectures whose hybrid memory the engine is built for (QWEN35.md 1.3). */
const SUPPORTED_ARCHITECTURES = ["qwen35", "qwen35moe"];

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
  if (!SUPPORTED_ARCHITECTURES.includes(architecture)) {
    throw new EngineError(
      "modelUnsupported",
      `The file ${file} holds a model of architecture "${architecture}", but Fathom runs Qwen3.5 models ` +
        `("${SUPPORTED_ARCHITECTURES.join('", "')}"). Choose another file with Get Model….`,
    );
  }
  await assertComplete(file, info, "modelUnreadable");
  return { file, weightBytes: (await stat(file)).size, ...architectureFacts(file, info, architecture) };
}

/**
 * Reads a GGUF header.
 * @param codes Which error stands for a missing and for an unreadable file.
 */
export async function readGguf(
  file: string,
  codes: { missing: EngineErrorCode; unreadable: EngineErrorCode },
): Promise<GgufFileInfo> {
  await assertMagic(file, codes);
  try {
    // The parser below believes what the header says: a length of 2^60 kept it busy for good.
    await checkGgufHeader(file);
    return await readGgufFileInfo(file, { logWarnings: false });
  } catch (error) {
    const sentence = `The file ${file} is damaged: its GGUF header cannot be read. Download or copy it again.`;
    throw new EngineError(codes.unreadable, sentence, { cause: error });
  }
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

async function assertMagic(file: string, codes: { missing: EngineErrorCode; unreadable: EngineErrorCode }) {
  const start = Buffer.alloc(GGUF_MAGIC.length);
  try {
    const handle = await open(file, "r");
    try {
      await handle.read(start, 0, start.length, 0);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const sentence = missing
      ? `The file ${file} does not exist. Choose or download a model with Get Model….`
      : `The file ${file} cannot be opened (${(error as Error).message}). Check its permissions.`;
    throw new EngineError(missing ? codes.missing : codes.unreadable, sentence, { cause: error });
  }
  if (start.toString("latin1") !== GGUF_MAGIC) {
    throw new EngineError(
      codes.unreadable,
      `The file ${file} is not a GGUF model file. Download it again or choose another one with Get Model….`,
    );
  }
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
  const attentionLayers = Math.floor(layers / interval);
  const { attention, ssm } = metadata;
  if (attention === undefined || layers <= 0) {
    throw new EngineError("modelUnreadable", `The file ${file} lacks the sizes of its layers. Download it again.`);
  }
  const heads = number(attention.head_count_kv);
  const elementsPerToken = attentionLayers * heads * (number(attention.key_length) + number(attention.value_length));
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
