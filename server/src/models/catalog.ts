// The models that Fathom offers to download, as typed constants with their memory figures; knows nothing of disks or networks.

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Where the files lie. The folder layout below it is the host's: `<owner>/<repository>/resolve/<revision>/<file>`. */
const MODEL_HOST = "https://huggingface.co";

export interface CatalogueFile {
  /** Name under which it is stored; unlike the name in the repository it says which model it belongs to. */
  name: string;
  url: string;
  /** Good enough to plan disk and memory with; the host says the exact size when the download begins. */
  approximateBytes: number;
  /** Lower-case hex. Absent where the publisher's hash is only known from the host's answer. */
  sha256?: string;
}

/** What a model needs in memory, in the words of the engine's `ModelFacts`, for models that are not on disk yet. */
export interface CatalogueFacts {
  layers: number;
  kvBytesPerToken: { f16: number; q8_0: number };
  recurrentStateBytes: number;
  vocabularySize: number;
  embeddingLength: number;
}

export interface CatalogueModel {
  id: string;
  title: string;
  /** Size class for people, e.g. `4B`. */
  parameters: string;
  quantisation: string;
  licence: "Apache-2.0";
  contextTokens: number;
  /** What it is good for, one sentence. */
  advice: string;
  /** The page a person can read before agreeing to the download. */
  page: string;
  weights: CatalogueFile;
  mmproj: CatalogueFile;
  facts: CatalogueFacts;
}

/** The model offered first. */
export const DEFAULT_MODEL_ID = "qwen3.5-4b-q4_k_m";

/** Longest context all of them were trained for (`max_position_embeddings`). */
const TRAINED_CONTEXT_TOKENS = 262_144;
const VOCABULARY_SIZE = 248_320;

/**
 * KV = attention layers × KV heads × 256 × 2 (K and V) × bytes per element: 2 in f16, 34/32 in q8_0.
 * Recurrent state = DeltaNet layers × (3 × (2 × keys + values) + value heads × 128 × 128) × 4 bytes, always F32.
 * (QWEN35.md 2.1; the runtime's log confirms 50.25 MiB for the 4B.)
 */
const SMALL_MEMORY = { layers: 24, kvBytesPerToken: { f16: 12_288, q8_0: 6_528 }, recurrentStateBytes: 20_201_472 };
const LARGE_MEMORY = { layers: 32, kvBytesPerToken: { f16: 32_768, q8_0: 17_408 }, recurrentStateBytes: 52_690_944 };

interface Size {
  parameters: string;
  weightBytes: number;
  mmprojBytes: number;
  embeddingLength: number;
  memory: Omit<CatalogueFacts, "vocabularySize" | "embeddingLength">;
  advice: string;
}

/** Weights as published for Q4_K_M (QWEN35.md 2.3); the 4B's projector as published, the others by their tower's shape. */
const SIZES: Size[] = [
  {
    parameters: "0.8B",
    weightBytes: 497 * MIB,
    mmprojBytes: 207_000_000,
    embeddingLength: 1024,
    memory: SMALL_MEMORY,
    advice: "The fastest and smallest: completions on a machine with little memory.",
  },
  {
    parameters: "2B",
    weightBytes: Math.round(1.18 * GIB),
    mmprojBytes: 671_000_000,
    embeddingLength: 2048,
    memory: SMALL_MEMORY,
    advice: "Fast completions and simple questions.",
  },
  {
    parameters: "4B",
    weightBytes: Math.round(2.54 * GIB),
    mmprojBytes: 675_568_768,
    embeddingLength: 2560,
    memory: LARGE_MEMORY,
    advice: "The one Fathom is built for: good answers over a whole codebase.",
  },
  {
    parameters: "9B",
    weightBytes: Math.round(5.28 * GIB),
    mmprojBytes: 921_000_000,
    embeddingLength: 4096,
    memory: LARGE_MEMORY,
    advice: "The best answers, for a machine with a GPU or much memory.",
  },
];

/**
 * The models that can be downloaded, smallest first.
 * @param baseUrl Address to take the files from instead of the model host, for mirrors and tests; no slash at its end.
 */
export function catalogue(baseUrl: string = MODEL_HOST): CatalogueModel[] {
  return SIZES.map((size) => catalogueModel(size, baseUrl));
}

/** The entry with this id, from `models`; undefined when there is none. */
export function findCatalogueModel(models: readonly CatalogueModel[], id: string): CatalogueModel | undefined {
  return models.find((model) => model.id === id);
}

function catalogueModel(size: Size, baseUrl: string): CatalogueModel {
  const model = `Qwen3.5-${size.parameters}`;
  const repository = `unsloth/${model}-GGUF`;
  const fileUrl = (file: string) => `${baseUrl}/${repository}/resolve/main/${file}`;
  return {
    id: `${model.toLowerCase()}-q4_k_m`,
    title: `Qwen3.5 ${size.parameters}`,
    parameters: size.parameters,
    quantisation: "Q4_K_M",
    licence: "Apache-2.0",
    contextTokens: TRAINED_CONTEXT_TOKENS,
    advice: size.advice,
    page: `${baseUrl}/${repository}`,
    weights: {
      name: `${model}-Q4_K_M.gguf`,
      url: fileUrl(`${model}-Q4_K_M.gguf`),
      approximateBytes: size.weightBytes,
    },
    mmproj: {
      name: `${model}-mmproj-F16.gguf`,
      url: fileUrl("mmproj-F16.gguf"),
      approximateBytes: size.mmprojBytes,
    },
    facts: { ...size.memory, vocabularySize: VOCABULARY_SIZE, embeddingLength: size.embeddingLength },
  };
}
