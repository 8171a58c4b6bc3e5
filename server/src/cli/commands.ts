// The commands that look and answer: prefill, ask, complete, search, doctor; each prints and returns the same as data.

import { nothingFound } from "../index/filters.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import {
  type AnswerEvent,
  ChatRequest,
  DEMO_NOTICE,
  DoctorRequest,
  type DoctorRow,
  type Place,
  type PrefillOutcome,
  SearchRequest,
} from "../protocol/messages.ts";
import { UsageError } from "./arguments.ts";
import { FATHOM, inCommandWords } from "./commandWords.ts";
import {
  columns,
  count,
  emptyContextSentence,
  figuresLine,
  goesOnSentence,
  hanging,
  oneLine,
  placeLabel,
  readingSentence,
  savedSentence,
  shorten,
  wrap,
} from "./format.ts";
import { parseCursorPlace } from "./locations.ts";
import type { ServerClient } from "./lspClient.ts";
import type { Output, Style } from "./output.ts";
import {
  type CommandContext,
  type CommandResult,
  modelLine,
  readCodebase,
  waitForModel,
  withServer,
  workspaceFolder,
} from "./session.ts";
import { readSourceFile } from "./sourceFile.ts";

/** Places shown before an answer: what fits above it without scrolling. */
export const MOST_PLACES = 8;
/** Files named after reading; the rest is counted. */
const MOST_LEFT_OUT = 10;

const VERDICT: Record<DoctorRow["verdict"], { mark: string; style: Style }> = {
  good: { mark: "ok", style: "green" },
  warning: { mark: "warning", style: "yellow" },
  bad: { mark: "problem", style: "red" },
};

/** Reads a codebase into the model's context. */
export async function prefill(context: CommandContext): Promise<CommandResult> {
  const { output, options } = context;
  const folder = workspaceFolder(options, context.arguments[0]);
  return withServer(context, { folder }, async (client) => {
    const outcome = await readCodebase(context, client, { title: "Reading", force: options.force });
    for (const line of wrap(readingSentence(outcome), output.width)) output.line(line);
    const saved = savedSentence(outcome);
    if (saved !== undefined) output.line(saved);
    for (const note of outcome.notes) output.line(note);
    const hasBegun = outcome.figures.promptTokens > 0;
    if (outcome.cancelled && hasBegun) output.line(goesOnSentence(outcome));
    else for (const line of leftOutLines(outcome)) output.line(output.style("dim", line));
    output.remark(output.style("dim", modelLine(client.lastStatus)));
    return { exitCode: outcome.cancelled ? 130 : 0, json: { folder, model: client.lastStatus.model, ...outcome } };
  });
}

/** Answers a question about the codebase: places at once, then the text as it comes. */
export async function ask(context: CommandContext): Promise<CommandResult> {
  const { output, options, signal } = context;
  const folder = workspaceFolder(options);
  const question = context.arguments.join(" ");
  return withServer(context, { folder }, async (client) => {
    const wanted = { query: question, limit: MOST_PLACES, whole: true };
    const found = await client.request(SearchRequest.type, wanted, { signal });
    printPlaces(output, found);
    const reading = await readIfModel(context, client);
    if (reading?.cancelled) return { exitCode: 130, json: { folder, question, places: found, cancelled: true } };
    for (const note of reading?.notes ?? []) output.remark(note);
    const { model } = client.lastStatus;
    const unread = reading && model && emptyContextSentence(reading, model.contextTokens);
    if (unread !== undefined) output.remark(unread);
    const onPartial = printAnswer(output);
    const turns = [{ role: "user" as const, text: question }];
    const params = { turns, thinking: options.thinking };
    const outcome = await client.request(ChatRequest.type, params, { signal, onPartial });
    const notice = outcome.notice && inCommandWords(outcome.notice);
    output.line();
    if (notice !== undefined) output.line(output.style("yellow", notice));
    if (outcome.figures !== undefined) output.remark(output.style("dim", figuresLine(outcome.figures)));
    const exitCode = outcome.stopReason === "cancelled" ? 130 : 0;
    return { exitCode, json: { folder, question, model, ...outcome, notice, reading } };
  });
}

/** Completes the code at a cursor: the text on stdout, figures and remarks on stderr. */
export async function complete(context: CommandContext): Promise<CommandResult> {
  const { output } = context;
  const place = parseCursorPlace(context.arguments[0] ?? "");
  if (typeof place === "string") throw new UsageError(place, "complete");
  const folder = workspaceFolder(context.options);
  const file = await readSourceFile(folder, place.file);
  const lines = file.text.split(/\r?\n/);
  const line = lines[place.line];
  if (line === undefined) throw new UsageError(`${place.file} has ${count(lines.length)} lines.`, "complete");
  if (place.character > line.length) {
    throw new UsageError(`Line ${place.line + 1} of ${place.file} ends at column ${line.length + 1}.`, "complete");
  }
  return withServer(context, { folder }, async (client) => {
    requireModel(await waitForModel(context, client));
    const { line, character } = place;
    const text = await client.withDocument(file, () => client.complete(file.uri, { line, character }, context.signal));
    const { lastCompletion, model } = await client.status();
    if (text === undefined) output.remark(`Nothing is proposed: ${lastCompletion?.reason ?? "no reason was given"}`);
    else output.raw(`${text}\n`);
    const notice = text !== undefined && model?.demo ? DEMO_NOTICE : undefined;
    if (notice !== undefined) output.remark(output.style("yellow", notice));
    const figures = lastCompletion?.figures;
    if (figures !== undefined) output.remark(output.style("dim", figuresLine(figures)));
    const reason = lastCompletion?.reason;
    const at = { path: file.path, line: line + 1, column: character + 1 };
    return { exitCode: 0, json: { folder, ...at, model, text: text ?? null, reason, figures, notice } };
  });
}

/** Finds places by symbol and text. */
export async function search(context: CommandContext): Promise<CommandResult> {
  const { output, options, signal } = context;
  const folder = workspaceFolder(options);
  const query = context.arguments.join(" ");
  // A search that takes long each time because its index cannot be kept should say so.
  return withServer(context, { folder, showWarnings: true }, async (client) => {
    const wanted = { query, limit: options.limit, whole: true };
    const places = await client.request(SearchRequest.type, wanted, { signal });
    for (const line of placeLines(output, places, 0)) output.line(line);
    if (places.length === 0) output.line(nothingFound(query, client.lastStatus.index?.totalFiles));
    return { exitCode: 0, json: { folder, query, places } };
  });
}

/** Checks the machine, the model and the folders; fails if something is bad. */
export async function doctor(context: CommandContext): Promise<CommandResult> {
  const { output, options } = context;
  const folder = options.path === undefined ? undefined : workspaceFolder(options);
  return withServer(context, { folder }, async (client) => {
    await waitForModel(context, client);
    const found = await client.request(DoctorRequest.type, null, { signal: context.signal });
    const rows = found.map((row) => ({ ...row, text: inCommandWords(row.text) }));
    for (const line of doctorLines(output, rows)) output.line(line);
    return { exitCode: rows.some((row) => row.verdict === "bad") ? 1 : 0, json: { rows } };
  });
}

/** Topic, verdict and text in columns; long texts are broken in theirs. */
export function doctorLines(output: Output, rows: readonly DoctorRow[]): string[] {
  const labels = columns(rows.map(({ topic, verdict }) => [topic, VERDICT[verdict].mark, "|"]));
  return rows.flatMap(({ topic, verdict, text }, index) => {
    const label = (labels[index] ?? "").slice(0, -1);
    const { mark, style } = VERDICT[verdict];
    const [first = "", ...rest] = hanging(label, text, output.width);
    const afterTopic = first.slice(topic.length).replace(mark, output.style(style, mark));
    return [output.style("bold", topic) + afterTopic, ...rest];
  });
}

/** Prints what a chat streams: thinking beside the answer, the answer as it is. Notes come again in its notice. */
function printAnswer(output: Output): (event: AnswerEvent) => void {
  let hasBegun = false;
  return (event) => {
    if (event.kind === "thinking") output.aside(event.text);
    if (event.kind !== "text") return;
    if (!hasBegun) output.line(output.style("bold", "Answer"));
    hasBegun = true;
    output.raw(event.text);
  };
}

/** The places under their title, with an empty line after them; says so when there are none. */
export function printPlaces(output: Output, places: readonly Place[]): void {
  output.line(output.style("bold", "Where to look"));
  for (const line of placeLines(output, places, 2)) output.line(`  ${line}`);
  if (places.length === 0) output.line("  No place was found for these words.");
  output.line();
}

/**
 * Places in columns: path and line, what stands there, and why it was found where there is room for that.
 * @param indent Room already taken, characters.
 */
export function placeLines(output: Output, places: readonly Place[], indent: number): string[] {
  const width = output.width - indent;
  const rows = columns(places.map((place) => [placeLabel(place), place.preview.trim()]));
  return places.map((place, index) => {
    const row = shorten(rows[index] ?? "", width);
    const label = placeLabel(place).slice(0, row.length);
    const hasRoom = row.length + 2 + place.reason.length <= width;
    const reason = hasRoom ? `  ${output.style("dim", place.reason)}` : "";
    return output.style("cyan", label) + row.slice(label.length) + reason;
  });
}

/** Fails with what to do when no model runs. */
export function requireModel(status: { state: string; message: string; model?: unknown }): void {
  if (status.model === undefined) throw new Error(status.message);
}

function leftOutLines(outcome: PrefillOutcome): string[] {
  const named = outcome.leftOut
    .slice(0, MOST_LEFT_OUT)
    .map(({ path, reason }) => [`  ${oneLine(path)}`, oneLine(reason)]);
  const more = outcome.leftOut.length - named.length;
  return [...columns(named), ...(more > 0 ? [`  and ${count(more)} more; “${FATHOM} map --all” shows each`] : [])];
}

/** Reads the codebase before a question; without a model the question still gets its places. */
async function readIfModel(context: CommandContext, client: ServerClient): Promise<PrefillOutcome | undefined> {
  try {
    return await readCodebase(context, client, { title: "Reading" });
  } catch (error) {
    if (errorCode(error) === FathomErrorCodes.noModel) return undefined;
    throw error;
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
