// Reads what the GGUF file of an embedding model says about itself, without loading it; refuses files that make no vectors.
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { type EmbeddingModelFacts, EngineError } from "./api.ts";
import { prefixesOf } from "./embeddingFamilies.ts";
import { assertComplete, hashModelFile, readGguf } from "./modelFile.ts";

/**
 * Longest text, tokens. A chunk of code (up to 1,500 characters) fits into it whole but for a few; one evaluation, which
 * nothing can interrupt because the vector is made of all tokens at once, stays short; and the runtime reserves
 * 4 bytes × vocabulary for each token: 310 MB at the 151,669 entries of Qwen3-Embedding.
 */
const MAX_TEXT_TOKENS = 512;

/** Wider vectors than any model has; beyond is damage. */
const MAX_DIMENSIONS = 16_384;

/** Raised when the same file gives other vectors than before: another way of tokenizing, cutting or pooling. */
const VERSION = 1;
const IDENTITY_DIGITS = 12;

/** Values of `pooling_type` (llama.cpp, `llama_pooling_type`): how the vectors of all tokens become one. */
const POOLING_NONE = 0;
const POOLING_RANK = 4;

const ADVICE = "Choose another embedding model.";

/**
 * @returns What the header of an embedding model says, and how it is used.
 * @throws EngineError modelMissing, modelUnreadable (no GGUF, damaged, cut off) or modelUnsupported (it makes no vectors).
 */
export async function readEmbeddingFacts(file: string): Promise<EmbeddingModelFacts> {
  const info = await readGguf(file, { missing: "modelMissing", unreadable: "modelUnreadable", advice: ADVICE });
  const architecture = info.metadata.general?.architecture as string | undefined;
  const own = info.architectureMetadata as unknown as Record<string, unknown>;
  const dimensions = Number(own.embedding_length_out ?? own.embedding_length);
  const trainedTokens = Number(own.context_length);
  const isWhole = Number.isSafeInteger(dimensions) && dimensions > 0 && dimensions <= MAX_DIMENSIONS;
  if (architecture === undefined || !isWhole || !(trainedTokens > 0)) {
    throw new EngineError("modelUnreadable", `The file ${file} lacks the sizes of its model. ${ADVICE}`);
  }
  assertPools(file, architecture, own.pooling_type);
  await assertComplete(file, info, "modelUnreadable");
  const name = String(info.metadata.general.name ?? architecture);
  const prefixes = prefixesOf(architecture, name);
  const maxTextTokens = Math.min(MAX_TEXT_TOKENS, trainedTokens);
  const modelHash = await hashModelFile(file);
  const identity = createHash("sha256")
    .update(JSON.stringify([VERSION, modelHash, dimensions, maxTextTokens, prefixes]))
    .digest("hex")
    .slice(0, IDENTITY_DIGITS);
  const { size: weightBytes } = await stat(file);
  return { file, name, architecture, identity, dimensions, maxTextTokens, weightBytes, prefixes };
}

/** Only embedding models name a pooling; of the others, the runtime would give the state after the last token. */
function assertPools(file: string, architecture: string, pooling: unknown): void {
  if (pooling === undefined || pooling === POOLING_NONE) {
    throw new EngineError(
      "modelUnsupported",
      `The file ${file} holds a model of architecture "${architecture}" that makes text, not vectors: it names no pooling. ` +
        ADVICE,
    );
  }
  if (pooling === POOLING_RANK) {
    throw new EngineError("modelUnsupported", `The file ${file} holds a model that ranks pairs of texts. ${ADVICE}`);
  }
}
