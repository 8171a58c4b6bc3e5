// Measures what the engine adds to the bare runtime: the same tokens through the engine process and straight, in turns.
import { existsSync } from "node:fs";
import type { Token as LlamaToken } from "node-llama-cpp";
import type { Engine, PromptPart } from "../../engine/src/api.ts";
import type { Token } from "../../engine/src/backend.ts";
import { createLlamaCppBackend } from "../../engine/src/backends/llamaCpp.ts";
import { ChatTemplate } from "../../engine/src/chatTemplate.ts";
import { Tokenizer } from "../../engine/src/tokenizer.ts";
import { EngineHost } from "../../server/src/engineHost.ts";
import { ENGINE_ENTRY, loadStraight } from "../model/harness.ts";
import {
  type Bench,
  BUILT_ENGINE,
  COMMON_OPTIONS,
  median,
  partsOfLength,
  positiveInteger,
  readSetup,
  rounded,
  type Setup,
} from "./measuring.ts";

/** The engine's batch on a CPU (engine.ts). */
const BATCH_TOKENS = 512;

const DEFAULT_ROUNDS = 5;

/** Times of one round, milliseconds. */
interface Round {
  /** The request, without tokenizing. */
  engineMs: number;
  /** The request as its caller sees it: tokenizing and the process border included. */
  wallMs: number;
  /** What of engineMs the runtime did not spend computing: alignment, checkpoints, scheduling, progress. */
  ownMs: number;
  directMs: number;
}

export const overheadBench: Bench = {
  summary: "prefill through the engine process against the same tokens straight through the runtime",
  options: {
    ...COMMON_OPTIONS,
    tokens: "tokens of the base (default: 16384)",
    chunk: `tokens of one chunk (default: ${BATCH_TOKENS}, so that both sides evaluate the same batches)`,
    adaptive: "1: chunks adapted to the speed, as in the product; then their size counts too",
    rounds: `pairs of measurements after one that does not count (default: ${DEFAULT_ROUNDS})`,
  },
  async run(values, report) {
    const adaptive = positiveInteger(values, "adaptive") !== undefined;
    const setup = readSetup({ chunk: adaptive ? undefined : String(BATCH_TOKENS), ...values }, 16_384);
    const rounds = positiveInteger(values, "rounds") ?? DEFAULT_ROUNDS;
    const entry = existsSync(BUILT_ENGINE) ? BUILT_ENGINE : ENGINE_ENTRY;
    const ignore = () => {};
    const engine = new EngineHost({ entry, log: ignore, onCrash: ignore, onRestarted: ignore });
    try {
      const info = await engine.load(setup.load);
      report(`making ${setup.tokens} tokens`);
      const parts = await partsOfLength(engine, setup.tokens);
      const throughEngine = await createEngineSide(engine, parts);
      const direct = await createDirectSide(setup, await tokensOf(setup, parts));
      const measured = await measure(rounds + 1, throughEngine.run, direct.run, report);
      await direct.dispose();
      return {
        tokens: throughEngine.tokens(),
        ...summary(measured.slice(1)),
        rounds,
        chunk: throughEngine.chunk(),
        batch: BATCH_TOKENS,
        threads: info.threads,
        kvType: info.kvType,
        entry: entry === BUILT_ENGINE ? "dist" : "source",
        model: info.name,
      };
    } finally {
      await engine.dispose();
    }
  },
};

function summary(rounds: readonly Round[]) {
  const middle = (value: (round: Round) => number) => median(rounds.map(value));
  return {
    ratio: rounded(
      middle(({ engineMs, directMs }) => engineMs / directMs),
      4,
    ),
    wallRatio: rounded(
      middle(({ wallMs, directMs }) => wallMs / directMs),
      4,
    ),
    engineMs: rounded(
      middle(({ engineMs }) => engineMs),
      1,
    ),
    wallMs: rounded(
      middle(({ wallMs }) => wallMs),
      1,
    ),
    ownMs: rounded(
      middle(({ ownMs }) => ownMs),
      1,
    ),
    directMs: rounded(
      middle(({ directMs }) => directMs),
      1,
    ),
    ratios: rounds.map(({ engineMs, directMs }) => rounded(engineMs / directMs, 3)),
  };
}

/** One side after the other; which one begins changes with each round, so that a drift hits both. */
async function measure(
  rounds: number,
  engine: () => Promise<Omit<Round, "directMs">>,
  direct: () => Promise<number>,
  report: (line: string) => void,
): Promise<Round[]> {
  const measured: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = round % 2 === 0 ? await direct() : undefined;
    const times = await engine();
    const directMs = before ?? (await direct());
    measured.push({ ...times, directMs });
    const { engineMs, wallMs } = times;
    report(
      `round ${round}: engine ${engineMs.toFixed()} ms, wall ${wallMs.toFixed()} ms, direct ${directMs.toFixed()} ms`,
    );
  }
  return measured;
}

async function createEngineSide(engine: Engine, parts: PromptPart[]) {
  let tokens = 0;
  let chunk = 0;
  const run = async () => {
    // Another base: the next request finds nothing in memory that it could reuse.
    await engine.prefill({ parts: [{ text: "!" }] });
    const begin = performance.now();
    const { figures, chunkTokens } = await engine.prefill({ parts });
    const wallMs = performance.now() - begin;
    if (figures.evaluatedTokens < figures.promptTokens - 16) throw new Error("Part of the base was still in memory.");
    tokens = figures.promptTokens;
    chunk = chunkTokens;
    // The same request again finds everything in memory: what remains is tokenizing.
    const { figures: again } = await engine.prefill({ parts });
    const engineMs = figures.totalMs - again.totalMs;
    return { engineMs, wallMs, ownMs: engineMs - figures.prefillMs };
  };
  return { run, tokens: () => tokens, chunk: () => chunk };
}

async function createDirectSide({ load }: Setup, tokens: readonly Token[]) {
  const straight = await loadStraight(load.modelFile, load.threads);
  const { contextTokens, kvType, threads } = load;
  const sequence = await straight.createSequence({ contextTokens, batchTokens: BATCH_TOKENS, kvType, threads });
  const run = async () => {
    await sequence.clearHistory();
    const begin = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(tokens as LlamaToken[]);
    return performance.now() - begin;
  };
  return { run, dispose: () => straight.dispose() };
}

/** The tokens that the engine makes of the parts. */
async function tokensOf({ load }: Setup, parts: PromptPart[]): Promise<Token[]> {
  const backend = createLlamaCppBackend();
  const { modelFile, gpu, threads = 1 } = load;
  const model = await backend.load({ modelFile, gpu, threads });
  const tokenizer = new Tokenizer(model.vocabulary);
  const turns = [
    { role: "system" as const, content: [] },
    { role: "user" as const, content: [{ text: "?" }] },
  ];
  const { head } = new ChatTemplate(model.chatTemplate, tokenizer).render(turns, false);
  const { tokens } = await tokenizer.encode([...head, ...parts]);
  await model.dispose();
  await backend.dispose();
  return tokens;
}
