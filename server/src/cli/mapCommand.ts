// The command `map`: what the model has of each file, as a tree, with totals and the arithmetic behind the length.
import { resolve } from "node:path";
import { type ContextMap, ContextMapRequest, type Status } from "../protocol/messages.ts";
import { UsageError } from "./arguments.ts";
import { FATHOM, withModelAdvice } from "./commandWords.ts";
import { chooseRows, filesAt, treeOf } from "./contextTree.ts";
import { hanging } from "./format.ts";
import { pathInside } from "./locations.ts";
import type { ServerClient } from "./lspClient.ts";
import { arithmeticLines, totalsLines, treeLines } from "./mapText.ts";
import type { Output } from "./output.ts";
import {
  type CommandContext,
  type CommandResult,
  readCodebase,
  waitForModel,
  withServer,
  workspaceFolder,
} from "./session.ts";

/** Fewer lines than this show nothing of a codebase. */
const FEWEST_ROWS = 10;
/** The line of the prompt and two empty lines. */
const LINES_BETWEEN = 4;
/** What no snapshot holds because it is read again as fast (engine, longContext.ts), tokens. */
const SMALL_READING_TOKENS = 2048;

/** Shows what is in the context of the whole workspace or of a part of it. */
export async function map(context: CommandContext): Promise<CommandResult> {
  const { options, signal } = context;
  const folder = workspaceFolder(options);
  const path = pathIn(folder, context.arguments[0]);
  return withServer(context, { folder }, async (client) => {
    const status = await waitForModel(context, client);
    if (status.model !== undefined) await bringBack(context, client);
    signal.throwIfAborted();
    const found = await client.request(ContextMapRequest.type, {}, { signal });
    const files = filesAt(found.files, path);
    if (path !== "" && files.length === 0) throw new UsageError(`There is nothing at ${path} in ${folder}.`, "map");
    show(context, { ...found, files }, { path, whole: found, status });
    // Without a model the map is as good as it can be; a model that was to run and does not is a failure.
    const exitCode = status.state === "failed" ? 1 : 0;
    return { exitCode, json: { folder, path, message: status.message, ...found, files } };
  });
}

interface Shown {
  path: string;
  /** The map of the whole workspace: the totals are about it. */
  whole: ContextMap;
  status: Status;
}

function show({ output, options }: CommandContext, { files, workspace }: ContextMap, { path, whole, status }: Shown) {
  const advice = `“${FATHOM} prefill” reads ${whole.totals.readTokens > 0 ? "the rest" : "it"}`;
  const missing = status.model === undefined ? [...missingModel(output, status), ""] : [];
  const below = [...missing, ...totalsLines(output, whole, advice), "", ...arithmeticLines(output, whole)];
  const rows = Math.max(FEWEST_ROWS, output.height - below.length - LINES_BETWEEN);
  const tree = chooseRows(treeOf(files, path, workspace), options.all ? Number.POSITIVE_INFINITY : rows);
  for (const line of [...treeLines(output, tree), "", ...below]) output.line(line);
}

function missingModel(output: Output, { message }: Status): string[] {
  return hanging("", withModelAdvice(message), output.width).map((line) => output.style("yellow", line));
}

/**
 * @param argument As typed: relative to the current folder, or else to the one to work on.
 * @returns Relative to the folder with forward slashes; empty: the folder itself.
 */
function pathIn(folder: string, argument = folder): string {
  const places = [resolve(argument), resolve(folder, argument)];
  if (places.includes(folder)) return "";
  const [path] = places.map((place) => pathInside(folder, place)).filter((inside) => inside !== undefined);
  if (path === undefined) throw new UsageError(`${argument} is not in ${folder}; name its folder with --path.`, "map");
  return path;
}

/**
 * Loads what is on disk, and reads at most a little: reading everything is another command's work. Stopped there, the
 * server knows how the files would stand in the context.
 */
async function bringBack(context: CommandContext, client: ServerClient): Promise<void> {
  const enough = new AbortController();
  const unlisten = client.onStatus(({ reading }) => {
    const left = reading?.phase === "prefill" ? reading.totalTokens - reading.doneTokens : 0;
    if (left > SMALL_READING_TOKENS) enough.abort();
  });
  try {
    await readCodebase(context, client, { title: "Loading", until: enough.signal });
  } finally {
    unlisten();
  }
}
