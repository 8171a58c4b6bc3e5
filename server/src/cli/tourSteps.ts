// The steps of the tour: each does one thing with the server, prints it for people and returns what was measured.
import { ResponseError } from "vscode-languageserver-protocol/node";
import {
  ChatRequest,
  EditRequest,
  type Figures,
  type Place,
  type PrefillOutcome,
  RestartEngineRequest,
  SearchRequest,
} from "../protocol/messages.ts";
import { placeLines } from "./commands.ts";
import { colourDiff, diffOf, rangeOf } from "./editCommand.ts";
import { count, counted, duration, readingSentence, savedSentence, shorten } from "./format.ts";
import type { ServerClient } from "./lspClient.ts";
import type { Output } from "./output.ts";
import { type CommandContext, DEMO_NOTICE, FATHOM, readCodebase } from "./session.ts";
import { readSourceFile, type SourceFile } from "./sourceFile.ts";
import { type Cursor, chooseCursors, chooseEditLines, functionNames, type TourSource } from "./tourChoices.ts";

/** Asked when no function is found to ask about. */
const GENERAL_QUESTION = "What does this codebase do?";
const EDIT_INSTRUCTION = "Add a short comment that says what this does.";
/** Places above an answer. */
const SHOWN_PLACES = 4;
/** Functions looked up in the index until one is found there. */
const MOST_LOOKUPS = 5;
/** Cursors tried until the model proposes something worth showing. */
const MOST_CURSORS = 6;
/** A word or two letters more than a punctuation mark. */
const ENOUGH_TO_SHOW = /\w{3}/;
/** Lines of the diff that are shown. */
const MOST_DIFF_LINES = 24;
/** Lines shown above a completion. */
const LINES_ABOVE = 2;

const INDENT = "   ";
const NO_SOURCE = "No source file with a suitable function was found here, so this step is left out.";

export interface Tour {
  context: CommandContext;
  client: ServerClient;
  /** Absolute path of the workspace folder. */
  folder: string;
  /** What there is to ask about. */
  sources: readonly TourSource[];
  /** Absolute path of the source file that is completed and edited; undefined if the folder has none. */
  source: string | undefined;
}

/** What a step measured and showed; the rest of its fields are its own. */
export interface TourStep {
  step: "read" | "restore" | "ask" | "complete" | "edit";
  /** In the closing table. */
  title: string;
  figures?: Figures;
  /** Why the step did not work, in a sentence. */
  failure?: string;
}

export interface ReadStep extends TourStep {
  outcome: PrefillOutcome;
}

/** Reads the codebase and says what was kept on disk. */
export async function readStep(tour: Pick<Tour, "context" | "client">, options: { force: boolean }): Promise<ReadStep> {
  const { context, client } = tour;
  const { output } = context;
  heading(output, 1, "Read the codebase");
  const outcome = await readCodebase(context, client, { title: `${INDENT}Reading`, force: options.force });
  say(output, readingSentence(outcome));
  const isDone = !outcome.cancelled;
  if (isDone && outcome.leftOut.length > 0) {
    say(
      output,
      output.style("dim", `“${FATHOM} prefill --json” names each of the ${count(outcome.leftOut.length)} and why.`),
    );
  }
  const saved = savedSentence(outcome);
  if (saved !== undefined) say(output, saved);
  else if (isDone && outcome.notes.length === 0)
    say(output, "No snapshot was written: so little is read again as fast.");
  for (const note of outcome.notes) say(output, note);
  return { step: "read", title: "read the codebase", figures: outcome.figures, outcome };
}

/** Ends the engine process, starts it again and reads again: from the snapshot this time. */
export async function restoreStep(tour: Pick<Tour, "context" | "client">, first: ReadStep): Promise<TourStep> {
  const { context, client } = tour;
  const { output, signal } = context;
  heading(output, 2, "End the engine process, start it again, read again");
  const startedAt = performance.now();
  await client.request(RestartEngineRequest.type, null, { signal });
  const restartMs = Math.round(performance.now() - startedAt);
  say(output, `A new engine process is up with the model after ${duration(restartMs)}.`);
  const outcome = await readCodebase(context, client, { title: `${INDENT}Reading` });
  say(output, readingSentence({ ...outcome, leftOut: [] }));
  const [before, now] = [first.figures?.totalMs ?? 0, outcome.figures.totalMs];
  if (first.outcome.origin === "computed" && outcome.origin === "snapshot" && now > 0 && before > now) {
    say(output, `That is ${count(before / now)} times faster than the ${duration(before)} of the first reading.`);
  }
  for (const note of outcome.notes) say(output, note);
  const title = outcome.origin === "snapshot" ? "restore from disk" : "read again";
  const { figures } = outcome;
  return { step: "restore", title, figures, ...{ restartMs, outcome } };
}

/** Asks about a function that the index knows: places first, then the answer as it comes. */
export async function askStep(tour: Tour): Promise<TourStep> {
  const { context, client } = tour;
  const { output, signal, options } = context;
  heading(output, 3, "Ask about the codebase");
  return attempt(context, "ask", "question", async () => {
    const question = options.question ?? (await questionAbout(tour));
    say(output, output.style("bold", question));
    let places: Place[] = [];
    let isFirst = true;
    const outcome = await client.request(
      ChatRequest.type,
      { turns: [{ role: "user", text: question }], thinking: false },
      {
        signal,
        onPartial: (event) => {
          if (event.kind === "places") places = sayPlaces(output, event.places);
          if (event.kind !== "text") return;
          if (isFirst) say(output, "Answer");
          output.raw(indented(isFirst ? `${INDENT}${event.text}` : event.text));
          isFirst = false;
        },
      },
    );
    if (!isFirst) output.line();
    if (places.length === 0 && outcome.places.length > 0) places = sayPlaces(output, outcome.places);
    sayNotice(output, outcome.notice);
    return { question, ...outcome };
  });
}

/** Completes a line of a real function, cut as if it had been typed just so far. */
export async function completeStep(tour: Tour): Promise<TourStep> {
  const { context, client, source } = tour;
  const { output, signal } = context;
  heading(output, 4, "Complete code at a cursor");
  if (source === undefined) return leftOut(output, "complete", "completion");
  return attempt(context, "complete", "completion", async () => {
    const file = await readSourceFile(tour.folder, source);
    const tried: Attempt[] = [];
    for (const cursor of chooseCursors(file.text).slice(0, MOST_CURSORS)) {
      tried.push(await completeAt(tour, file, cursor));
      signal.throwIfAborted();
      if (ENOUGH_TO_SHOW.test(tried.at(-1)?.text ?? "")) break;
    }
    // A punctuation mark is an answer, too, when the model has no better one.
    const shown = tried.find(({ text }) => ENOUGH_TO_SHOW.test(text ?? "")) ?? tried.find(({ text }) => text !== null);
    for (const { line, reason } of tried.filter(({ text }) => text === null)) {
      say(output, `${file.path}:${line}: nothing is proposed, because ${reason ?? "the server gave no reason"}.`);
    }
    if (shown?.text) sayCompletion(output, file, cursorOf(shown), shown.text);
    const notice = shown && client.lastStatus.model?.demo ? DEMO_NOTICE : undefined;
    sayNotice(output, notice);
    return { path: file.path, shown, tried, figures: (shown ?? tried.at(-1))?.figures, notice };
  });
}

interface Attempt {
  /** 1-based. */
  line: number;
  /** 1-based. */
  column: number;
  /** What stands there in the file. */
  actual: string;
  /** What the model would insert; null if nothing. */
  text: string | null;
  reason: string | undefined;
  figures: Figures | undefined;
}

/** Asks at one cursor, in a document that ends its line there. */
async function completeAt({ context, client }: Tour, file: SourceFile, cursor: Cursor): Promise<Attempt> {
  const { line, character } = cursor;
  const cut = { ...file, text: cutAt(file.text, cursor) };
  const text = await client.withDocument(cut, () => client.complete(file.uri, { line, character }, context.signal));
  const { lastCompletion } = await client.status();
  const { figures, reason } = lastCompletion ?? {};
  return { line: line + 1, column: character + 1, actual: cursor.rest, text: text ?? null, reason, figures };
}

function cursorOf({ line, column, actual }: Attempt): Cursor {
  return { line: line - 1, character: column - 1, rest: actual };
}

/** Proposes a change of a small function as a diff; writes nothing. */
export async function editStep(tour: Tour): Promise<TourStep> {
  const { context, client, source } = tour;
  const { output, signal } = context;
  heading(output, 5, "Propose an edit");
  if (source === undefined) return leftOut(output, "edit", "edit");
  return attempt(context, "edit", "edit", async () => {
    const file = await readSourceFile(tour.folder, source);
    const lines = chooseEditLines(file.text);
    if (lines === undefined) throw new Error(NO_SOURCE);
    say(output, output.style("bold", `${EDIT_INSTRUCTION} (${file.path}:${lines.start + 1}-${lines.end + 1})`));
    const range = rangeOf(file, { file: file.path, lines });
    const params = { uri: file.uri, range, instruction: EDIT_INSTRUCTION };
    const outcome = await client.withDocument(file, () => client.request(EditRequest.type, params, { signal }));
    const diff = diffOf(file, outcome);
    if (diff === "") say(output, "The model proposes no change.");
    else sayDiff(output, diff);
    sayNotice(output, outcome.notice);
    say(output, "Nothing was written.");
    return { path: file.path, instruction: EDIT_INSTRUCTION, ...outcome, diff };
  });
}

/** Runs one step; what the server refuses or fails at is its result, and the tour goes on. */
async function attempt(
  { output, signal }: CommandContext,
  step: TourStep["step"],
  title: string,
  work: () => Promise<Record<string, unknown> & { figures?: Figures }>,
): Promise<TourStep> {
  try {
    return { step, title, ...(await work()) };
  } catch (error) {
    if (!(error instanceof ResponseError) || signal.aborted) throw error;
    say(output, output.style("red", `This step did not work: ${error.message}`));
    return { step, title, failure: error.message };
  }
}

/** A question about a function that the index knows as a symbol. */
async function questionAbout({ context, client, sources }: Tour): Promise<string> {
  for (const name of functionNames(sources).slice(0, MOST_LOOKUPS)) {
    const places = await client.request(
      SearchRequest.type,
      { query: name, limit: SHOWN_PLACES },
      { signal: context.signal },
    );
    if (places.some(({ symbol }) => symbol !== undefined && symbol.split(/[.#:]+/).at(-1) === name)) {
      return `Where is \`${name}\` defined and what does it do?`;
    }
  }
  return GENERAL_QUESTION;
}

function heading(output: Output, number: number, title: string): void {
  output.line();
  output.line(output.style("bold", `${number}  ${title}`));
}

function say(output: Output, text: string): void {
  output.line(INDENT + text);
}

function sayPlaces(output: Output, places: readonly Place[]): Place[] {
  if (places.length > 0) say(output, "Where to look");
  for (const line of placeLines(output, places.slice(0, SHOWN_PLACES), 2 * INDENT.length)) say(output, INDENT + line);
  return [...places];
}

function sayNotice(output: Output, notice: string | undefined): void {
  if (notice !== undefined) say(output, output.style("yellow", notice));
}

function leftOut(output: Output, step: TourStep["step"], title: string): TourStep {
  say(output, NO_SOURCE);
  return { step, title };
}

/** The lines around the cursor with the proposed text between marks, and what the file really says. */
function sayCompletion(output: Output, file: SourceFile, cursor: Cursor, text: string): void {
  const lines = file.text.split(/\r?\n/);
  const gutter = String(cursor.line + 1).length;
  const numbered = (label: string, content: string) => `${label.padStart(gutter)} │ ${content}`;
  say(output, output.style("bold", `${file.path}:${cursor.line + 1}`));
  const first = Math.max(0, cursor.line - LINES_ABOVE);
  for (let line = first; line < cursor.line; line++) {
    say(output, output.style("dim", numbered(String(line + 1), lines[line] ?? "")));
  }
  const typed = (lines[cursor.line] ?? "").slice(0, cursor.character);
  const [head = "", ...more] = `«${text}»`.split("\n");
  say(output, numbered(String(cursor.line + 1), typed) + output.style("cyan", head));
  for (const line of more) say(output, numbered("", output.style("cyan", line)));
  say(output, `«…» is what the model would insert; the file goes on with: ${output.style("dim", cursor.rest.trim())}`);
}

function cutAt(text: string, { line, character }: Cursor): string {
  const lines = text.split("\n");
  const ending = lines[line]?.endsWith("\r") ? "\r" : "";
  lines[line] = (lines[line] ?? "").slice(0, character) + ending;
  return lines.join("\n");
}

/** As much of a diff as fits a screen: a model that runs away writes lines, and long lines, without end. */
function sayDiff(output: Output, diff: string): void {
  const lines = diff.trimEnd().split("\n");
  const shown = lines.slice(0, MOST_DIFF_LINES).map((line) => shorten(line, output.width - INDENT.length));
  for (const line of colourDiff(output, shown.join("\n"))) say(output, line);
  const more = lines.length - shown.length;
  if (more > 0) say(output, output.style("dim", `… and ${counted(more, "more line")}`));
}

/** Later lines of a streamed text stand under its first. */
function indented(text: string): string {
  return text.replaceAll("\n", `\n${INDENT}`);
}
