// How large a context fits this machine: the one place of that arithmetic; knows numbers only, no files and no engine.
import type { Hardware, KvType, ModelFacts } from "../../../engine/src/api.ts";
import { formatBytes } from "../protocol/formatBytes.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Below this a plan is not worth offering: a file or two and the question. */
export const MIN_CONTEXT_TOKENS = 4096;
/** Contexts are multiples of this, as the runtime pads the KV cache to it. */
export const CONTEXT_STEP_TOKENS = 256;

/** Sizes of the completion context from roomy to tight; never larger than the long context. */
const COMPLETION_CONTEXT_TOKENS = [16_384, 8192, 4096];
/** The roomy size is taken when the whole plan stays within this share of what is available. */
const ROOMY_SHARE = 0.6;
/** The same for the middle size; beyond it the tight one is taken. */
const NORMAL_SHARE = 0.9;

/** The long context and the completion context: each has one sequence with a recurrent state of its own. */
const SEQUENCES = 2;

/**
 * Most tokens of one evaluation: must say what the engine uses (engine.ts, BATCH_TOKENS).
 * The runtime makes its compute buffers for a whole batch, in each context.
 */
const BATCH_TOKENS = 512;

/**
 * Compute buffer of a context = batch × (logits + attention mask + activations). Measured with flash attention on the
 * demo model (node-llama-cpp 3.21.1): 2 bytes of mask per context token (262,144 tokens × batch 1024: 519 MiB, of which
 * 512 are mask), 4 bytes of logits per vocabulary entry for every token of the batch, and 7.2 KiB of activations at an
 * embedding of 160, i.e. 12 floats per embedding element. The runtime lets some of these overlap, so the sum is an
 * upper bound. Without flash attention the mask would be 4 + 4 × heads bytes: about 9 GiB for the 4B at full length.
 */
const MASK_BYTES_PER_TOKEN = 2;
const LOGIT_BYTES = 4;
const ACTIVATION_BYTES_PER_EMBEDDING = 12 * 4;

/**
 * Left to the system, the editor and everything else. A quarter is also what macOS keeps from the GPU of a Mac with
 * unified memory; 8 GiB are enough for the rest of any machine.
 */
const SYSTEM_RESERVE_SHARE = 0.25;
const SYSTEM_RESERVE_MIN_BYTES = 1 * GIB;
const SYSTEM_RESERVE_MAX_BYTES = 8 * GIB;
/** Kept unused of the memory that is free at this moment, for what other programs will ask for next. */
const FREE_RESERVE_BYTES = 512 * MIB;
/** Left on a graphics card for the desktop and the driver's own buffers. */
const GPU_RESERVE_SHARE = 0.05;
const GPU_RESERVE_MIN_BYTES = 512 * MIB;

/** With a smaller context than this on the GPU, a larger one on the CPU is the better plan: a codebase must fit in. */
const GPU_WORTH_TOKENS = 16_384;

/** Checkpoints of the long sequence live in host memory: at least this many, at most so much. */
const MIN_CHECKPOINTS = 8;
const MAX_CHECKPOINT_BYTES = 2 * GIB;
/** More than this many would stand closer than re-reading is worth (engine, checkpoints.ts). */
const MAX_CHECKPOINTS = 64;
const CHECKPOINT_SHARE_OF_FREE = 0.1;

export interface FitPlan {
  contextTokens: number;
  completionContextTokens: number;
  kvType: KvType;
  /** What to load with: "cpu" when the GPU's memory is too small for this plan. */
  gpu: "auto" | "cpu";
  checkpointBytes: number;
  /** All parts together, in the memory that the plan is about (the GPU's or the machine's). */
  needBytes: number;
  availableBytes: number;
  /** For people: the context and what it needs, or that it may not fit. */
  sentence: string;
  /** What `needBytes` is made of. */
  parts: { what: string; bytes: number }[];
}

export interface FitWish {
  /** Longest context wanted, tokens; 0: as long as fits. */
  maxTokens: number;
  kvType: "auto" | KvType;
  gpu: "auto" | "cpu";
}

/** The facts that the arithmetic needs; the engine's `ModelFacts` has them all. */
export type FitFacts = Pick<
  ModelFacts,
  | "weightBytes"
  | "trainedContextTokens"
  | "kvBytesPerToken"
  | "recurrentStateBytes"
  | "vocabularySize"
  | "embeddingLength"
>;

/** One kind of memory that a plan can live in. */
interface Room {
  kind: "gpu" | "host";
  gpu: "auto" | "cpu";
  availableBytes: number;
  /** Memory for checkpoints that does not count as needed here: on a graphics card they stay in host memory. */
  checkpointsElsewhere: boolean;
}

/**
 * Plans for loading a model, best first: the largest context that fits, f16 before q8_0 at the same context, then half
 * the context and so on down to {@link MIN_CONTEXT_TOKENS}. The caller tries the next when one fails after all.
 * @param facts What the model needs, from its header or from the catalogue.
 * @param hardware The machine, asked while no model is loaded (a loaded model's memory would count as taken).
 * @param wish The user's settings.
 * @returns At least one plan. When nothing fits, the smallest one alone; {@link fitsMemory} says false of it.
 */
export function planFits(facts: FitFacts, hardware: Hardware, wish: FitWish): FitPlan[] {
  const rooms = roomsOf(hardware, wish);
  const lists = rooms.map((room) => plansIn(room, facts, hardware, wish));
  const longest = longestContext(facts, wish);
  const worthwhile = lists.find((plans) => (plans[0]?.contextTokens ?? 0) >= Math.min(GPU_WORTH_TOKENS, longest));
  const best = worthwhile ?? [...lists].sort((a, b) => contextOf(b) - contextOf(a))[0] ?? [];
  // A graphics card that fails after all must not be the end: the processor is always there.
  const others = lists.filter((plans) => plans !== best).flat();
  const found = [...best, ...others.filter((plan) => plan.gpu === "cpu")];
  return found.length > 0 ? found : [lastResort(rooms, facts, hardware, wish)];
}

/** Whether a plan stays within the memory that is available; false only of the last resort. */
export function fitsMemory(plan: FitPlan): boolean {
  return plan.needBytes <= plan.availableBytes;
}

/** The arithmetic of a plan, one line a part, for the doctor. */
export function explainFit(plan: FitPlan): string[] {
  const lines = plan.parts.map((part) => `${formatBytes(part.bytes)} ${part.what}`);
  const verdict = fitsMemory(plan) ? "fits into" : "does not fit into";
  return [...lines, `${formatBytes(plan.needBytes)} in all, which ${verdict} ${formatBytes(plan.availableBytes)}`];
}

function roomsOf(hardware: Hardware, wish: FitWish): Room[] {
  const hostBytes = availableHostBytes(hardware);
  const cpu: Room = {
    kind: "host",
    gpu: "cpu",
    availableBytes: hostBytes,
    checkpointsElsewhere: false,
  };
  if (wish.gpu === "cpu" || hardware.gpu === undefined) return [{ ...cpu, gpu: wish.gpu }];
  const { totalBytes, freeBytes } = hardware.gpu;
  // On a Mac the GPU's memory is the machine's; its total is the share that the system lets it have.
  if (isMac(hardware)) {
    const availableBytes = Math.min(hostBytes, totalBytes);
    return [{ ...cpu, gpu: "auto", availableBytes }, cpu];
  }
  const reserve = Math.max(GPU_RESERVE_MIN_BYTES, totalBytes * GPU_RESERVE_SHARE);
  const card: Room = {
    kind: "gpu",
    gpu: "auto",
    availableBytes: Math.max(0, Math.floor(Math.min(freeBytes, totalBytes) - reserve)),
    checkpointsElsewhere: true,
  };
  return [card, cpu];
}

/** Memory of the machine that Fathom may fill, bytes. */
function availableHostBytes(hardware: Hardware): number {
  const { totalMemoryBytes, freeMemoryBytes } = hardware;
  const share = totalMemoryBytes * SYSTEM_RESERVE_SHARE;
  const reserve = Math.min(Math.max(share, SYSTEM_RESERVE_MIN_BYTES), SYSTEM_RESERVE_MAX_BYTES);
  const afterReserve = totalMemoryBytes - reserve;
  // macOS counts as free only pages that hold nothing at all, which says little about what can be had.
  const bytes = isMac(hardware) ? afterReserve : Math.min(afterReserve, freeMemoryBytes - FREE_RESERVE_BYTES);
  return Math.max(0, Math.floor(bytes));
}

/** The platform is told with its version, e.g. `darwin 23.5.0 arm64`. */
function isMac(hardware: Hardware): boolean {
  return hardware.platform.startsWith("darwin");
}

function plansIn(room: Room, facts: FitFacts, hardware: Hardware, wish: FitWish): FitPlan[] {
  const plans: FitPlan[] = [];
  for (const contextTokens of contextLadder(longestContext(facts, wish))) {
    for (const kvType of kvTypes(wish)) {
      const plan = planAt(room, facts, hardware, contextTokens, kvType);
      if (fitsMemory(plan)) plans.push(plan);
    }
  }
  return plans;
}

/** One context and KV type with the largest completion context that leaves enough room. */
function planAt(room: Room, facts: FitFacts, hardware: Hardware, contextTokens: number, kvType: KvType): FitPlan {
  const [roomy, normal, tight] = completionSizes(contextTokens).map((completionContextTokens) =>
    describe(room, facts, hardware, { contextTokens, completionContextTokens, kvType }),
  ) as [FitPlan, FitPlan, FitPlan];
  if (roomy.needBytes <= roomy.availableBytes * ROOMY_SHARE) return roomy;
  if (normal.needBytes <= normal.availableBytes * NORMAL_SHARE) return normal;
  return tight;
}

function lastResort(rooms: Room[], facts: FitFacts, hardware: Hardware, wish: FitWish): FitPlan {
  const room = rooms.at(-1) as Room;
  const contextTokens = contextLadder(longestContext(facts, wish)).at(-1) as number;
  const kvType = kvTypes(wish).at(-1) as KvType;
  const completionContextTokens = completionSizes(contextTokens).at(-1) as number;
  return describe(room, facts, hardware, { contextTokens, completionContextTokens, kvType });
}

type Choice = Pick<FitPlan, "contextTokens" | "completionContextTokens" | "kvType">;

/** The sum of a choice: weights + both KV caches + both recurrent states + both compute buffers + checkpoints. */
function describe(room: Room, facts: FitFacts, hardware: Hardware, choice: Choice): FitPlan {
  const { contextTokens, completionContextTokens, kvType } = choice;
  const kvBytes = facts.kvBytesPerToken[kvType];
  const parts = [
    { what: "weights", bytes: facts.weightBytes },
    { what: `KV cache of ${tokens(contextTokens)} in ${kvType}`, bytes: contextTokens * kvBytes },
    {
      what: `KV cache of the completion context, ${tokens(completionContextTokens)} in ${kvType}`,
      bytes: completionContextTokens * kvBytes,
    },
    { what: "recurrent state of two sequences", bytes: SEQUENCES * facts.recurrentStateBytes },
    {
      what: `compute buffers (estimate, batches of ${tokens(BATCH_TOKENS)})`,
      bytes: computeBytes(facts, contextTokens) + computeBytes(facts, completionContextTokens),
    },
  ];
  const withoutCheckpoints = parts.reduce((sum, part) => sum + part.bytes, 0);
  const spareBytes = room.checkpointsElsewhere ? Number.POSITIVE_INFINITY : room.availableBytes - withoutCheckpoints;
  const checkpointBytes = checkpointQuota(facts, hardware, spareBytes);
  if (!room.checkpointsElsewhere) parts.push({ what: "checkpoints", bytes: checkpointBytes });
  const needBytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const plan = { ...choice, gpu: room.gpu, checkpointBytes, needBytes, availableBytes: room.availableBytes, parts };
  return { ...plan, sentence: sentenceOf(plan, room, facts) };
}

function computeBytes(facts: FitFacts, contextTokens: number): number {
  const perToken =
    facts.vocabularySize * LOGIT_BYTES +
    contextTokens * MASK_BYTES_PER_TOKEN +
    facts.embeddingLength * ACTIVATION_BYTES_PER_EMBEDDING;
  return Math.min(BATCH_TOKENS, contextTokens) * perToken;
}

/** A tenth of the free memory up to 2 GiB and 64 checkpoints, less when the plan leaves less, but never under eight. */
function checkpointQuota(facts: FitFacts, hardware: Hardware, spareBytes: number): number {
  const free = isMac(hardware) ? availableHostBytes(hardware) : hardware.freeMemoryBytes;
  const most = Math.min(MAX_CHECKPOINT_BYTES, MAX_CHECKPOINTS * facts.recurrentStateBytes);
  const wanted = Math.min(most, Math.floor(free * CHECKPOINT_SHARE_OF_FREE), spareBytes);
  return Math.max(wanted, MIN_CHECKPOINTS * facts.recurrentStateBytes, 0);
}

function sentenceOf(plan: Omit<FitPlan, "sentence">, room: Room, facts: FitFacts): string {
  const memory = room.kind === "gpu" ? "the GPU's memory" : "memory";
  const context = `${tokens(plan.contextTokens)} of context and ${plan.kvType === "f16" ? "an" : "a"} ${plan.kvType} cache`;
  const need = formatBytes(plan.needBytes);
  const available = formatBytes(plan.availableBytes);
  if (plan.needBytes > plan.availableBytes) {
    return (
      `May not fit: even ${context} need about ${need}, and only ${available} of ${memory} can be used. ` +
      "Close other programs or choose a smaller model."
    );
  }
  const whole =
    plan.contextTokens >= facts.trainedContextTokens ? " It is all the context that the model was trained for." : "";
  // Short, since lists of models cut it off.
  return `Fits: about ${need} of ${available} of ${memory}, with ${context}.${whole}`;
}

/** The longest context to try: the wish, else the trained one; a multiple of 256 unless the model's own is smaller. */
function longestContext(facts: FitFacts, wish: FitWish): number {
  const limit = wish.maxTokens > 0 ? Math.min(wish.maxTokens, facts.trainedContextTokens) : facts.trainedContextTokens;
  const rounded = Math.floor(limit / CONTEXT_STEP_TOKENS) * CONTEXT_STEP_TOKENS;
  return rounded > 0 ? rounded : Math.min(CONTEXT_STEP_TOKENS, facts.trainedContextTokens);
}

/** Halves from the longest context down to the smallest worth offering, or the longest alone when it is smaller. */
function contextLadder(longest: number): number[] {
  const ladder = [longest];
  for (let context = longest / 2; context >= MIN_CONTEXT_TOKENS; context /= 2) {
    ladder.push(Math.floor(context / CONTEXT_STEP_TOKENS) * CONTEXT_STEP_TOKENS);
  }
  const smallest = ladder.at(-1) as number;
  return smallest > MIN_CONTEXT_TOKENS ? [...ladder, MIN_CONTEXT_TOKENS] : ladder;
}

function completionSizes(contextTokens: number): number[] {
  return COMPLETION_CONTEXT_TOKENS.map((size) => Math.min(size, contextTokens));
}

function kvTypes(wish: FitWish): KvType[] {
  return wish.kvType === "auto" ? ["f16", "q8_0"] : [wish.kvType];
}

function contextOf(plans: FitPlan[]): number {
  return plans[0]?.contextTokens ?? 0;
}

function tokens(count: number): string {
  return `${count.toLocaleString("en")} tokens`;
}
