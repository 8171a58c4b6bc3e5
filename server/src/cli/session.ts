// What all commands share: the folder, the settings from the options, one connected server, reading with progress.
import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { type PrefillOutcome, PrefillRequest, type Status } from "../protocol/messages.ts";
import { type Invocation, type Options, UsageError } from "./arguments.ts";
import { readingLine } from "./format.ts";
import { connectServer, type PartialSettings, type ServerClient } from "./lspClient.ts";
import type { Output } from "./output.ts";
import type { ProgressLine } from "./progressBar.ts";

/** How this command line is called, for hints: through npm it is a script. */
export const FATHOM = process.env.npm_lifecycle_event === undefined ? "fathom" : "npm run fathom --";

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
    storageDir: server.storageDir ?? absolute(options.storage),
    settings: server.settings ?? settingsFrom(options),
    trusted: server.trusted,
    signal: context.signal,
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
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`There is no folder ${folder}.`);
  }
  return folder;
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
  const progress = output.progress(params.title);
  let hasBegun = false;
  const show = (status: Status) => {
    // What comes after reading must not draw its bar back to the beginning.
    if (status.reading === undefined && hasBegun) return;
    hasBegun = status.reading !== undefined;
    showReading(progress, status, signal.aborted);
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
    progress.finish();
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

/** Counting tokens comes before there is a length worth a bar. */
function showReading(progress: ProgressLine, { reading, message, model, state }: Status, stopping: boolean): void {
  if (reading === undefined) {
    const isReady = model !== undefined && state === "ready";
    progress.update(0, isReady || message === "" ? "looking for files" : message);
    return;
  }
  const done = reading.totalTokens > 0 ? reading.doneTokens / reading.totalTokens : 0;
  const share = reading.phase === "tokenize" ? 0 : done;
  progress.update(share, stopping ? "stopping; Ctrl+C once more stops at once" : readingLine(reading));
}

function modelPath(model: string): string {
  return isModelFile(model) ? resolve(model) : model;
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined || isAbsolute(path) ? path : resolve(path);
}
