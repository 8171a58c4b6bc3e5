// Entry of the vision child: loads model and projector, answers about one picture at a time, ends with its parent.
import { createRequire } from "node:module";
import { setImmediate } from "node:timers/promises";
import { EngineError, type Sampling, type StopReason } from "./api.ts";
import type { ChildMessage, SeeMessage } from "./visionMessages.ts";
import { neutraliseSpecials, repeatsItself } from "./visionText.ts";

/** Loaded this way because the package's types are its sources, which do not compile under our flags. */
const llama = createRequire(import.meta.url)("@fugood/llama.node") as LlamaNode;

/** Builds of the runtime in the order in which they are tried; "default" has Metal on a Mac and no GPU elsewhere. */
const VARIANTS = ["default", "cuda", "vulkan"] as const;
const ALL_LAYERS = 99;

/** Largest batch, tokens. The runtime cuts a picture at this size, and aborts if its context is smaller. */
const BATCH_TOKENS = 2048;

/**
 * Largest picture, tokens; a larger one is scaled down. 1920 × 1080 pixels are 2040 tokens, and llama.cpp's maintainers
 * found 1024 to 2048 to be enough for pointing at things (ggml-org/llama.cpp#16842). At most half of the context.
 */
const MAX_IMAGE_TOKENS = 2048;
const MAX_IMAGE_CONTEXT_SHARE = 0.5;
/** Smallest picture, tokens: the runtime enlarges a smaller one, and takes no lower limit. */
const MIN_IMAGE_TOKENS = 8;
/** Side of the square that becomes one token: 2 × 2 patches of 16 pixels in all Qwen3.5 models. */
const TOKEN_PIXELS = 32;

/** Stands for the picture's positions among the tokens of a prompt (LLAMA_TOKEN_NULL). */
const IMAGE_POSITION = -1;

/** The parts of @fugood/llama.node 1.7.15 that are used. */
interface LlamaNode {
  isLibVariantAvailable(variant: Variant): Promise<boolean>;
  getBackendDevicesInfo(variant: Variant): Promise<{ type: string }[]>;
  loadModel(options: Record<string, unknown>): Promise<LlamaContext>;
}

interface LlamaContext {
  initMultimodal(options: { path: string; use_gpu: boolean; image_max_tokens: number }): boolean;
  getFormattedChat(messages: unknown[], template: undefined, options: Record<string, unknown>): Chat;
  tokenize(text: string, media: { media_paths?: string[] }): Promise<{ tokens: Int32Array; bitmap_hashes: string[] }>;
  completion(options: Record<string, unknown>, onPiece: (piece: { token: string }) => void): Promise<Completion>;
  stopCompletion(): void;
}

interface Chat {
  prompt: string;
  media_paths?: string[];
  additional_stops?: string[];
}

interface Completion {
  text: string;
  tokens_predicted: number;
  stopped_eos: boolean;
  stopped_words: boolean;
  timings: { predicted_ms: number };
}

type Variant = (typeof VARIANTS)[number];

interface Prompt {
  /** Tokens of text, and IMAGE_POSITION for each position of the picture. */
  tokens: Int32Array;
  imageHash: string;
  imageTokens: number;
  /** All tokens: those of the text and those of the picture, which takes fewer positions than tokens. */
  length: number;
}

let context: LlamaContext | undefined;
let promptBefore: Prompt | undefined;

process.on("message", (request: SeeMessage) => {
  answer(request).catch((error: unknown) => {
    const code = error instanceof EngineError ? error.code : "visionFailed";
    const message = error instanceof EngineError ? error.message : `The picture was not read: ${String(error)}.`;
    send({ kind: "failed", code, message });
  });
});

// A kill, not an exit: native threads are at work, and the runtime's clean-up would crash under them.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

async function answer(request: SeeMessage): Promise<void> {
  context ??= await load(request);
  const chat = renderChat(context, request);
  const prompt = await readPrompt(context, chat, request);
  assertFits(prompt, request.contextTokens);
  send({ kind: "started", promptTokens: prompt.length, reusedTokens: reusedTokens(prompt, promptBefore) });
  promptBefore = prompt;
  send(await complete(context, chat, request));
}

async function load(request: SeeMessage): Promise<LlamaContext> {
  const variant = request.gpu === "auto" ? await variantWithGpu() : undefined;
  // Waits until the message is out: a load blocks this process, and one that fails ends it.
  await sendNow({ kind: "loading", device: variant === undefined ? "cpu" : "gpu" });
  const context = await llama.loadModel({
    lib_variant: variant ?? "default",
    model: request.modelFile,
    n_ctx: request.contextTokens,
    n_batch: Math.min(BATCH_TOKENS, request.contextTokens),
    n_threads: request.threads,
    n_gpu_layers: variant === undefined ? 0 : ALL_LAYERS,
    flash_attn_type: "auto",
    cache_type_k: "f16",
    cache_type_v: "f16",
    ctx_shift: false,
  });
  try {
    context.initMultimodal({
      path: request.mmprojFile,
      use_gpu: variant !== undefined,
      image_max_tokens: maxImageTokens(request),
    });
  } catch (error) {
    throw new EngineError(
      "mmprojUnusable",
      `The file ${request.mmprojFile} could not be loaded. Download it again, or choose the one that belongs to the ` +
        "model; text works without it.",
      { cause: error },
    );
  }
  send({ kind: "loaded" });
  return context;
}

/** @returns The first installed build that sees a GPU; undefined if none does. */
async function variantWithGpu(): Promise<Variant | undefined> {
  for (const variant of VARIANTS) {
    if (!(await llama.isLibVariantAvailable(variant))) continue;
    const devices = await llama.getBackendDevicesInfo(variant);
    if (devices.some(({ type }) => /gpu/i.test(type))) return variant;
  }
  return undefined;
}

/** The picture comes before the question, so that a second question about it finds it in memory. */
function renderChat(context: LlamaContext, request: SeeMessage): Chat {
  const imageUrl = `data:${request.mimeType};base64,${request.imageBase64}`;
  const content = [
    { type: "image_url", image_url: { url: imageUrl } },
    { type: "text", text: neutraliseSpecials(request.prompt) },
  ];
  const messages: unknown[] = [{ role: "user", content }];
  if (request.system !== "") messages.unshift({ role: "system", content: neutraliseSpecials(request.system) });
  // Said explicitly: whether a template thinks by default depends on the model's size and publisher.
  return context.getFormattedChat(messages, undefined, { jinja: true, enable_thinking: false });
}

async function readPrompt(context: LlamaContext, chat: Chat, request: SeeMessage): Promise<Prompt> {
  const { tokens, bitmap_hashes } = await tokenize(context, chat);
  const nPositions = tokens.filter((token) => token === IMAGE_POSITION).length;
  const imageTokens = countImageTokens(request.image, maxImageTokens(request));
  const length = tokens.length - nPositions + imageTokens;
  return { tokens, imageHash: bitmap_hashes.join(), imageTokens, length };
}

async function tokenize(context: LlamaContext, chat: Chat): ReturnType<LlamaContext["tokenize"]> {
  try {
    return await context.tokenize(chat.prompt, { media_paths: chat.media_paths });
  } catch (error) {
    throw new EngineError(
      "badImage",
      `The picture was not read: it could not be decoded (${String(error)}), so it is probably damaged. ` +
        "Choose another PNG or JPEG picture.",
    );
  }
}

function maxImageTokens({ contextTokens }: SeeMessage): number {
  const share = Math.floor(contextTokens * MAX_IMAGE_CONTEXT_SHARE);
  return Math.max(MIN_IMAGE_TOKENS, Math.min(MAX_IMAGE_TOKENS, share));
}

/**
 * The runtime tells only the positions of a picture, which are fewer (M-RoPE: as many as its longer side has tokens), so
 * its scaling is repeated here (llama.cpp `tools/mtmd/clip.cpp`, calc_size_preserved_ratio).
 */
function countImageTokens({ width, height }: SeeMessage["image"], maxTokens: number): number {
  const count = (scale: number, round: (x: number) => number) => {
    const [nx, ny] = [width, height].map((pixels) => Math.max(1, round((pixels * scale) / TOKEN_PIXELS)));
    return nx! * ny!;
  };
  const unscaled = count(1, Math.round);
  const scaleTo = (tokens: number) => Math.sqrt((tokens * TOKEN_PIXELS ** 2) / (width * height));
  if (unscaled > maxTokens) return count(scaleTo(maxTokens), Math.floor);
  if (unscaled < MIN_IMAGE_TOKENS) return count(scaleTo(MIN_IMAGE_TOKENS), Math.ceil);
  return unscaled;
}

/** The runtime compares positions with the context, but it is tokens that must fit; and one for the answer. */
function assertFits(prompt: Prompt, contextTokens: number): void {
  if (prompt.length < contextTokens) return;
  throw new EngineError(
    "promptTooLong",
    `The picture and the question take ${prompt.length} tokens, and the context has ${contextTokens}. ` +
      "Shorten the question or choose a larger context.",
  );
}

/** The runtime keeps its state at the end of the last picture, and goes on from there if all before is the same. */
function reusedTokens(prompt: Prompt, before: Prompt | undefined): number {
  if (before?.imageHash !== prompt.imageHash) return 0;
  const end = prompt.tokens.lastIndexOf(IMAGE_POSITION) + 1;
  const same = prompt.tokens.subarray(0, end).every((token, index) => token === before.tokens[index]);
  const nText = prompt.tokens.indexOf(IMAGE_POSITION);
  return same ? nText + prompt.imageTokens : 0;
}

async function complete(context: LlamaContext, chat: Chat, request: SeeMessage): Promise<ChildMessage> {
  const stream = new TextStream(() => context.stopCompletion());
  const startedAt = performance.now();
  const completion = await context.completion(
    {
      prompt: chat.prompt,
      media_paths: chat.media_paths,
      stop: chat.additional_stops ?? [],
      n_predict: request.maxTokens,
      ...samplingOptions(request.sampling),
    },
    ({ token }) => stream.push(token),
  );
  const decodeMs = completion.timings.predicted_ms;
  const prefillMs = Math.max(0, performance.now() - startedAt - decodeMs);
  // The last pieces may be handed over after the result; two turns of the event loop have one full poll between them.
  await setImmediate();
  await setImmediate();
  stream.end(completion.text);
  const stopReason = stream.repeated ? "repetition" : stopReasonOf(completion, request.maxTokens);
  return { kind: "done", stopReason, generatedTokens: completion.tokens_predicted, prefillMs, decodeMs };
}

/**
 * Neutral values for what the request leaves out; the runtime's own defaults are not. The runtime draws from the whole
 * vocabulary at temperature 0 too, so greedy is said by keeping one candidate.
 */
function samplingOptions({ temperature, topP, topK, minP, presencePenalty, seed }: Sampling): Record<string, number> {
  return {
    temperature,
    top_p: topP ?? 1,
    top_k: temperature === 0 ? 1 : (topK ?? 0),
    min_p: minP ?? 0,
    penalty_present: presencePenalty ?? 0,
    ...(seed === undefined ? {} : { seed }),
  };
}

/** The runtime sets no flag when the context is full; its stop texts are ends of turn, as we give none. */
function stopReasonOf(completion: Completion, maxTokens: number): StopReason {
  if (completion.stopped_eos || completion.stopped_words) return "end";
  return completion.tokens_predicted >= maxTokens ? "maxTokens" : "contextFull";
}

/** Sends text as it comes, until it repeats itself. */
class TextStream {
  repeated = false;
  #text = "";
  readonly #onRepetition: () => void;

  constructor(onRepetition: () => void) {
    this.#onRepetition = onRepetition;
  }

  push(text: string): void {
    if (this.repeated || text === "") return;
    this.#text += text;
    send({ kind: "chunk", text });
    if (!repeatsItself(this.#text)) return;
    this.repeated = true;
    this.#onRepetition();
  }

  /** Sends what the runtime held back, if its whole text goes on where the stream ended. */
  end(whole: string): void {
    if (whole.startsWith(this.#text)) this.push(whole.slice(this.#text.length));
  }
}

function send(message: ChildMessage): void {
  process.send?.(message);
}

function sendNow(message: ChildMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error) => (error === null ? resolve() : reject(error)));
  });
}
