// The command `tour`: shows reading, restoring, asking, completing and editing on a real codebase, then measured figures.
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEMO_NOTICE, type Status } from "../protocol/messages.ts";
import type { Options } from "./arguments.ts";
import { requireModel } from "./commands.ts";
import { FATHOM } from "./commandWords.ts";
import { columns, count, duration, rate, wrap } from "./format.ts";
import type { PartialSettings, ServerClient } from "./lspClient.ts";
import {
  type CommandContext,
  type CommandResult,
  isModelFile,
  modelLine,
  settingsFrom,
  waitForModel,
  withServer,
  workspaceFolder,
} from "./session.ts";
import { chooseSources, sourceWithCursor } from "./tourChoices.ts";
import { askStep, completeStep, editStep, readStep, restoreStep, type Tour, type TourStep } from "./tourSteps.ts";

/** Context with the demo model: about half a minute of reading on two slow cores, tokens. */
const DEMO_CONTEXT_TOKENS = 16_384;
/** Longest answer: enough to see it stream, tokens. */
const ANSWER_TOKENS = 96;

/** Width of the labels at the beginning, characters. */
const LABEL = 8;

const WHAT_FATHOM_IS =
  "Fathom reads a whole codebase into a small open model's context, keeps that state on disk, and answers, completes and " +
  "edits from it. Everything runs on this machine; no code leaves it.";

/** Shows everything once. Files are read, never written. */
export async function tour(context: CommandContext): Promise<CommandResult> {
  const folder = workspaceFolder(context.options, context.arguments[0]);
  const storage = await tourStorage(context.options);
  try {
    // The demo model is what runs unless another one was chosen: then the small context is given up again.
    const small = context.options.context === undefined && context.options.model === undefined;
    const settings = tourSettings(context.options, small ? DEMO_CONTEXT_TOKENS : context.options.context);
    const server = { folder, storageDir: storage.folder, settings };
    const result = await withServer(context, server, async (client) => {
      const status = await waitForModel(context, client);
      requireModel(status);
      return small && status.model?.demo === false ? undefined : walk(context, client, { folder, storage, status });
    });
    if (result !== undefined) return result;
    return await withServer(context, { ...server, settings: tourSettings(context.options) }, async (client) => {
      const status = await waitForModel(context, client);
      return walk(context, client, { folder, storage, status });
    });
  } finally {
    storage.remove();
  }
}

interface Storage {
  /** Undefined: the one of the options, or the server's own. */
  folder: string | undefined;
  remove: () => void;
}

/** A folder of its own makes the first reading cold; but installed models are found in the user's folder only. */
async function tourStorage({ storage, model }: Options): Promise<Storage> {
  if (storage !== undefined || (model !== undefined && !isModelFile(model))) return { folder: undefined, remove() {} };
  const folder = await mkdtemp(join(tmpdir(), "fathom-tour-"));
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  // Also when a second Ctrl+C ends this process in the middle.
  process.once("exit", removeNow);
  return {
    folder,
    remove() {
      process.off("exit", removeNow);
      removeNow();
    },
  };
}

function tourSettings(options: Options, contextTokens?: number): PartialSettings {
  const settings = settingsFrom(options);
  const maxTokens = contextTokens === undefined ? {} : { maxTokens: contextTokens };
  return { ...settings, context: { ...settings.context, ...maxTokens }, chat: { maxTokens: ANSWER_TOKENS } };
}

async function walk(
  context: CommandContext,
  client: ServerClient,
  { folder, storage, status }: { folder: string; storage: Storage; status: Status },
): Promise<CommandResult> {
  const { signal } = context;
  printOpening(context, folder, status);
  const place = { context, client, folder };
  const read = await readStep(place, { force: storage.folder === undefined });
  const steps: TourStep[] = [read];
  signal.throwIfAborted();
  steps.push(await restoreStep(place, read));
  signal.throwIfAborted();
  const leftOut = new Set(read.outcome.leftOut.map(({ path }) => path));
  const sources = await chooseSources(folder, leftOut, signal);
  const tour: Tour = { ...place, sources, source: sourceWithCursor(sources)?.absolutePath };
  for (const step of [askStep, completeStep, editStep]) {
    steps.push(await step(tour));
    signal.throwIfAborted();
  }
  // Since this process began: what the user waited, start included.
  const totalMs = Math.round(performance.now());
  printClosing(context, steps, totalMs);
  const failed = steps.some((step) => step.failure !== undefined);
  const json = { folder, model: status.model, notice: status.model?.demo ? DEMO_NOTICE : undefined, steps, totalMs };
  return { exitCode: failed ? 1 : 0, json };
}

function printOpening({ output }: CommandContext, folder: string, status: Status): void {
  for (const line of wrap(WHAT_FATHOM_IS, output.width)) output.line(line);
  output.line();
  for (const [index, line] of wrap(modelLine(status), output.width - LABEL).entries()) {
    output.line((index === 0 ? "Model" : "").padEnd(LABEL) + line);
  }
  if (status.model?.demo) {
    output.line(" ".repeat(LABEL) + output.style("yellow", `${DEMO_NOTICE} “${FATHOM} models” lists real ones.`));
  }
  output.line("Folder".padEnd(LABEL) + folder);
}

/** One row a step, with its own measurements only. */
function printClosing({ output }: CommandContext, steps: readonly TourStep[], totalMs: number): void {
  const header = ["step", "tokens", "reused", "evaluated", "tok/s", "written", "tok/s", "ms"];
  const rows = steps.map(({ title, figures, failure }) => {
    if (figures === undefined) return [title, failure === undefined ? "–" : "failed"];
    return [
      title,
      count(figures.promptTokens),
      count(figures.reusedTokens),
      count(figures.evaluatedTokens),
      rate(figures.evaluatedTokens, figures.prefillMs),
      count(figures.generatedTokens),
      rate(figures.generatedTokens, figures.decodeMs),
      count(figures.totalMs),
    ];
  });
  const [first = "", ...lines] = columns([header, ...rows], [1, 2, 3, 4, 5, 6, 7]);
  output.line();
  output.line(output.style("bold", first));
  for (const line of lines) output.line(line);
  output.line();
  output.line(`All of it took ${duration(totalMs)}. “${FATHOM} help” lists what you can do next.`);
}
