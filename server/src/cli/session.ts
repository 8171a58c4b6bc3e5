// What all commands share: the folder, the settings from the options, one connected server, reading with progress.
import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type PrefillOutcome, PrefillRequest, type Status } from "../protocol/messages.ts";
import { type Invocation, type Options, UsageError } from "./arguments.ts";
import { inCommandWords } from "./commandWords.ts";
import { loadingOf, readingLine } from "./format.ts";
import { connectServer, type PartialSettings, type ServerClient } from "./lspClient.ts";
import type { Output } from "./output.ts";
import type { ProgressLine } from "./progressBar.ts";

const LOADING_TITLE = "Loading the model";

export interface CommandContext extends Invocation {
  output: Output;
  /** Aborted by Ctrl+C. */
  signal: AbortSignal;
  /** Script of the server. */
  serverEntry: string;
}

/** What a command hands back: its exit code and what `--json` prints. */
export interface CommandResult {
  exitCode: 0 | 1 | 130;
  json: Record<string, unknown>;
}

export interface ServerOptions {
  /** Absolute path of the workspace folder; none: the server reads nothing. */
  folder?: string;
  storageDir?: string;
  settings?: PartialSettings;
  /** False: nothing of the folder is read, and no model is loaded. Default true. */
  trusted?: boolean;
  /** What the server warns of is shown; default: only with `--verbose`. */
  showWarnings?: true;
}

/** Runs work with a server of its own and ends it afterwards, whatever happens. */
export async function withServer<T>(
  context: CommandContext,
  server: ServerOptions,
  work: (client: ServerClient) => Promise<T>,
): Promise<T> {
  const { options, output } = context;
  const client = await connectServer({
    serverEntry: context.serverEntry,
    folder: server.folder,
    storageDir: server.storageDir ?? storageFolder(options),
    settings: server.settings ?? settingsFrom(options),
    trusted: server.trusted,
    signal: context.signal,
    words: inCommandWords,
    onMessage: (text) => output.remark(text),
    onLog: options.verbose ? (line) => output.remark(output.style("dim", line)) : undefined,
    onWarning: server.showWarnings && ((line) => output.remark(output.style("yellow", line))),
  });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The settings that the options stand for. Nothing is read at the start: a command that needs it asks for it. */
export function settingsFrom(options: Options): PartialSettings {
  return {
    model: {
      ...(options.model === undefined ? {} : { path: modelPath(options.model) }),
      ...(options.mmproj === undefined ? {} : { mmproj: resolve(options.mmproj) }),
      ...(options.cpu ? { gpu: "cpu" as const } : {}),
    },
    ...(options.registry === undefined ? {} : { runtime: { npmRegistry: options.registry } }),
    context: { readOnStart: false, ...(options.context === undefined ? {} : { maxTokens: options.context }) },
  };
}

/** @returns True if `--model` names a file, false if it is the id of an installed model. */
export function isModelFile(model: string): boolean {
  return /[\\/]|\.gguf$/i.test(model);
}

/**
 * The folder to work on, absolute.
 * @param positional The folder as argument of the command, which says the same as `--path`.
 * @throws UsageError if it is no folder or named twice.
 */
export function workspaceFolder(options: Options, positional?: string): string {
  if (positional !== undefined && options.path !== undefined) {
    throw new UsageError("The folder is given twice: as argument and with --path.");
  }
  const folder = resolve(positional ?? options.path ?? ".");
  if (!existsSync(folder)) throw new UsageError(`There is no folder ${folder}.`);
  if (statSync(folder).isDirectory()) return folder;
  throw new UsageError(`${folder} is a file, not a folder; name the folder that it is in.`);
}

/** @throws UsageError if a file stands where the folder would be made. */
function storageFolder({ storage }: Options): string | undefined {
  if (storage === undefined) return undefined;
  const folder = resolve(storage);
  let present = folder;
  while (!existsSync(present) && dirname(present) !== present) present = dirname(present);
  if (!existsSync(present) || statSync(present).isDirectory()) return folder;
  throw new UsageError(`${present} is a file, not a folder, so --storage ${storage} can keep nothing.`);
}

export interface ReadingOptions {
  title: string;
  force?: boolean;
  /** Aborted when enough is read. */
  until?: AbortSignal;
}

/** Reads the workspace into the model's context, showing how far it is. Cancelled, it tells how far it came. */
export async function readCodebase(
  context: CommandContext,
  client: ServerClient,
  params: ReadingOptions,
): Promise<PrefillOutcome> {
  const { output, signal } = context;
  const end = params.until === undefined ? signal : AbortSignal.any([signal, params.until]);
  let shown: { title: string; progress: ProgressLine } | undefined;
  let hasBegun = false;
  const show = (status: Status) => {
    // What comes after reading must not draw its bar back to the beginning.
    if (status.reading === undefined && hasBegun) return;
    hasBegun = status.reading !== undefined;
    const step = stepOf(status, params.title, signal.aborted);
    if (step === undefined) return;
    // Loading and reading are two works with a bar each.
    if (shown?.title !== step.title) {
      shown?.progress.finish();
      shown = { title: step.title, progress: output.progress(step.title) };
    }
    shown.progress.update(step.share, step.words);
  };
  const unlisten = client.onStatus(show);
  show(client.lastStatus);
  try {
    return await client.request(
      PrefillRequest.type,
      { force: params.force ?? false },
      { signal: end, onProgress: () => {} },
    );
  } finally {
    unlisten();
    shown?.progress.finish();
  }
}

/** Waits until a model is loaded, or it is clear that none will be. */
export async function waitForModel(context: CommandContext, client: ServerClient): Promise<Status> {
  const settled: Status["state"][] = ["ready", "reading", "noModel", "untrusted", "failed"];
  return client.waitForStatus((status) => settled.includes(status.state), context.signal);
}

/** One line about the model that runs. */
export function modelLine({ model, message }: Status): string {
  if (model === undefined) return message;
  const context = `${model.contextTokens.toLocaleString("en-US")} tokens of context`;
  return `${model.name}: ${context}, KV cache ${model.kvType}, on ${model.gpu}`;
}

interface Step {
  title: string;
  /** 0 to 1. */
  share: number;
  words: string;
}

/** @returns Undefined when there is nothing to wait for: what failed is told once, by the request. */
function stepOf({ reading, message, state }: Status, title: string, stopping: boolean): Step | undefined {
  if (reading !== undefined) {
    const done = reading.totalTokens > 0 ? reading.doneTokens / reading.totalTokens : 0;
    // Counting tokens comes before there is a length worth a bar.
    const share = reading.phase === "tokenize" ? 0 : done;
    return { title, share, words: stopping ? "stopping; Ctrl+C once more stops at once" : readingLine(reading) };
  }
  if (state === "loading") return { title: LOADING_TITLE, ...loadingOf(message) };
  if (state === "restarting") return { title: LOADING_TITLE, share: 0, words: message };
  return state === "ready" || state === "reading" ? { title, share: 0, words: "looking for files" } : undefined;
}

function modelPath(model: string): string {
  return isModelFile(model) ? resolve(model) : model;
}
