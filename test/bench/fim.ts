// Bench "fim": how well a model fills in the middle, on data like HumanEval-Infilling or a set made from the dependencies; it can be ended and goes on.
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Engine, LoadedModel } from "../../engine/src/api.ts";
import { FimPrompt } from "../../server/src/completion/fimPrompt.ts";
import { placeBetween } from "../../server/src/completion/place.ts";
import { type FimFamily, familyOfModel, noFamilySentence } from "../../server/src/models/fimFamilies.ts";
import { type FimItem, type FimItems, readItems } from "./fimItems.ts";
import { makeItems } from "./fimMade.ts";
import { type FimResult, FimResults, type FimSetup } from "./fimResults.ts";
import { scoreOf } from "./fimScores.ts";
import {
  type Bench,
  createLocalEngine,
  type Figures,
  positiveInteger,
  readSetup,
  rounded,
  UsageError,
} from "./measuring.ts";

const ROOT = join(import.meta.dirname, "../..");
const DEMO_MODEL = join(ROOT, "engine/models/nano/qwen35-nano-q8_0.gguf");
const MADE_RESULTS = join(ROOT, ".build/bench/fim-made.results.jsonl");
const MADE_ITEMS = 60;
const MADE_SEED = 20261126;

const DEFAULT_MAX_TOKENS = 256;
/** The most that the server gives what closely follows the cursor. */
const DEFAULT_SUFFIX_TOKENS = 128;
const DEFAULT_CONTEXT_TOKENS = 8192;
/** Always the same: chunks adapted to the speed round otherwise, and a near tie may then end otherwise. */
const CHUNK_TOKENS = "512";
/** Frame and rounding, as in the server. */
const SPARE_TOKENS = 32;

export const fimBench: Bench = {
  summary: "filling in the middle: exact matches, edit similarity and time of each item; goes on where it was ended",
  options: {
    model: "GGUF file (default: the bundled demo model)",
    data: `JSON lines with prompt, suffix, canonical_solution (default: ${MADE_ITEMS} items made from the dependencies)`,
    results: "file for the results (default: beside the data)",
    tokens: `most new tokens of an item (default: ${DEFAULT_MAX_TOKENS})`,
    suffix: `tokens of what closely follows (default: ${DEFAULT_SUFFIX_TOKENS})`,
    context: `length of the context, tokens (default: ${DEFAULT_CONTEXT_TOKENS})`,
    seed: `of the set that is made (default: ${MADE_SEED})`,
    gpu: "auto or cpu (default: auto)",
    threads: "CPU threads (default: one less than this process may use)",
  },
  async run(values, report) {
    const { items, skipped } = await itemsOf(values, report);
    for (const { line, reason } of skipped) report(`line ${line} is skipped: ${reason}`);
    if (items.length === 0) throw new UsageError("There is no item that can be used.");
    const engine = createLocalEngine();
    try {
      const run = await startRun(engine, items, values);
      if (run.results.setAside !== undefined) report(`results of another run are now ${run.results.setAside}`);
      const resumed = items.filter(({ line }) => run.results.done.has(line)).length;
      if (resumed > 0) report(`${resumed} of ${items.length} items are done already`);
      for (const [index, item] of items.entries()) {
        if (run.results.done.has(item.line)) continue;
        run.results.add(await fill(engine, run, item));
        report(`${index + 1} of ${items.length}: ${item.id}`);
      }
      const results = items.map(({ line }) => run.results.done.get(line)).filter((result) => result !== undefined);
      const lines = skipped.map(({ line }) => line);
      return { model: run.model.name, family: run.family.name, resumed, skippedLines: lines, ...figuresOf(results) };
    } finally {
      await engine.dispose();
    }
  },
};

interface Run {
  model: LoadedModel;
  family: FimFamily;
  prompt: FimPrompt;
  setup: FimSetup;
  results: FimResults;
}

/** @throws UsageError */
async function itemsOf(values: Record<string, string | undefined>, report: (line: string) => void): Promise<FimItems> {
  if (values.data === undefined) {
    report("making the set");
    return { items: await makeItems(MADE_ITEMS, positiveInteger(values, "seed") ?? MADE_SEED), skipped: [] };
  }
  try {
    return await readItems(values.data);
  } catch (error) {
    throw new UsageError(`The data ${values.data} cannot be read: ${(error as Error).message}.`);
  }
}

/** @throws UsageError for a model that cannot fill in the middle. */
async function startRun(engine: Engine, items: FimItem[], values: Record<string, string | undefined>): Promise<Run> {
  const contextTokens = positiveInteger(values, "context") ?? DEFAULT_CONTEXT_TOKENS;
  const { gpu = "auto" } = values;
  if (gpu !== "auto" && gpu !== "cpu") throw new UsageError(`--gpu takes auto or cpu, not "${gpu}".`);
  const { threads, model: modelFile = DEMO_MODEL } = values;
  const { load } = readSetup({ model: modelFile, threads, chunk: CHUNK_TOKENS }, 1);
  const model = await engine.load({ ...load, completionContextTokens: contextTokens, gpu });
  const family = familyOfModel(model);
  if (family === undefined) throw new UsageError(noFamilySentence(model));
  const setup: FimSetup = {
    data: createHash("sha256").update(JSON.stringify(items)).digest("hex"),
    model: model.modelHash,
    maxTokens: positiveInteger(values, "tokens") ?? DEFAULT_MAX_TOKENS,
    suffixTokens: positiveInteger(values, "suffix") ?? DEFAULT_SUFFIX_TOKENS,
    contextTokens,
  };
  const beside = values.data === undefined ? MADE_RESULTS : `${values.data}.results.jsonl`;
  const results = new FimResults(values.results ?? beside, setup);
  return { model, family, prompt: new FimPrompt((texts) => engine.countTokens(texts)), setup, results };
}

async function fill(engine: Engine, { family, prompt, setup }: Run, item: FimItem): Promise<FimResult> {
  const { maxTokens, suffixTokens, contextTokens } = setup;
  const parts = await prompt.parts({
    family,
    repoName: "repository",
    place: placeBetween(item.prefix, item.suffix, item.path, ""),
    items: [],
    budgetTokens: contextTokens - maxTokens - SPARE_TOKENS,
    suffixTokens,
  });
  const { stop, stopSpecials } = family;
  const { text, figures } = await engine.generate({
    kind: "completion",
    parts,
    sampling: { temperature: 0 },
    maxTokens,
    stop: [...stop],
    stopSpecials,
  });
  const said = text.slice(0, family.artefacts.exec(text)?.index);
  const { line, id, kind, expected } = item;
  const { totalMs, promptTokens, generatedTokens } = figures;
  return { line, id, kind, said, ...scoreOf(said, expected), ms: rounded(totalMs, 1), promptTokens, generatedTokens };
}

function figuresOf(results: readonly FimResult[]): Figures {
  const kinds = [...new Set(results.map(({ kind }) => kind))];
  const byKind =
    kinds.length < 2 ? [] : kinds.map((kind) => [kind, results.filter((each) => each.kind === kind)] as const);
  const inMs = results.map(({ ms }) => ms).sort((a, b) => a - b);
  return {
    items: results.length,
    ...quality(results, ""),
    ...Object.assign({}, ...byKind.map(([kind, part]) => quality(part, `${kind}.`))),
    msMean: rounded(mean(inMs), 1),
    msP50: inMs[Math.floor(inMs.length / 2)] ?? 0,
    msP95: inMs[Math.max(0, Math.ceil(inMs.length * 0.95) - 1)] ?? 0,
    promptTokensMean: rounded(mean(results.map(({ promptTokens }) => promptTokens))),
    generatedTokensMean: rounded(mean(results.map(({ generatedTokens }) => generatedTokens)), 1),
  };
}

/** Shares of 1. */
function quality(results: readonly FimResult[], name: string): Figures {
  return {
    [`${name}exactMatch`]: rounded(mean(results.map(({ exact }) => Number(exact))), 3),
    [`${name}exactInLength`]: rounded(mean(results.map(({ exactInLength }) => Number(exactInLength))), 3),
    [`${name}editSimilarity`]: rounded(mean(results.map(({ similarity }) => similarity)), 3),
  };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
