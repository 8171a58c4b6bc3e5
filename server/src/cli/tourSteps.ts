// The steps of the tour: each does one thing with the server, prints it for people and returns what was measured.
import { ResponseError } from "vscode-languageserver-protocol/node";
import {
  ChatRequest,
  DEMO_NOTICE,
  EditRequest,
  type Figures,
  type Place,
  type PrefillOutcome,
  RestartEngineRequest,
  SearchRequest,
} from "../protocol/messages.ts";
import { FATHOM } from "./commandWords.ts";
import { diffOf, rangeOf } from "./editCommand.ts";
import { count, duration, readingSentence, savedSentence } from "./format.ts";
import type { ServerClient } from "./lspClient.ts";
import type { Output } from "./output.ts";
import { type CommandContext, readCodebase } from "./session.ts";
import { readSourceFile, type SourceFile } from "./sourceFile.ts";
import { type Cursor, chooseCursors, chooseEditLines, functionNames, type TourSource } from "./tourChoices.ts";
import { heading, INDENT, indented, say, sayCompletion, sayDiff, sayNotice, sayPlaces } from "./tourText.ts";

/** Asked when no function is found to ask about. */
const GENERAL_QUESTION = "What does this codebase do?";
const EDIT_INSTRUCTION = "Add a short comment that says what this does.";
/** Functions looked up in the index until one is found there. */
const MOST_LOOKUPS = 5;
/** Cursors tried until the model proposes something worth showing. */
const MOST_CURSORS = 8;

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
  const { output } = context;
  heading(output, 4, "Complete code at a cursor");
  if (source === undefined) return leftOut(output, "complete", "completion");
  return attempt(context, "complete", "completion", async () => {
    const file = await readSourceFile(tour.folder, source);
    const tried = await tryCursors(tour, file);
    const worthShowing = tried.find(isWorthShowing);
    // A punctuation mark is an answer, too, when the model has no better one.
    const shown = worthShowing ?? tried.find(({ text }) => text !== null);
    if (shown?.text) sayCompletion(output, file, cursorOf(shown), shown.text);
    else say(output, `Nothing is proposed, because ${tried[0]?.reason ?? "the server gave no reason"}.`);
    if (worthShowing === undefined && tried.length > 1) {
      say(output, output.style("dim", `At ${count(tried.length)} places the model proposed no word.`));
    } else if (tried.length > 1) {
      say(output, output.style("dim", `This was place ${count(tried.length)}: before, the model proposed no word.`));
    }
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

/** Asks at one cursor after the other until the model proposes a word. */
async function tryCursors(tour: Tour, file: SourceFile): Promise<Attempt[]> {
  const tried: Attempt[] = [];
  for (const cursor of chooseCursors(file.text).slice(0, MOST_CURSORS)) {
    const attempt = await completeAt(tour, file, cursor);
    tour.context.signal.throwIfAborted();
    tried.push(attempt);
    if (isWorthShowing(attempt)) break;
  }
  return tried;
}

function isWorthShowing({ text }: Attempt): boolean {
  return /\w{3}/.test(text ?? "");
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
    const wanted = { query: name, limit: 1, whole: true };
    const places = await client.request(SearchRequest.type, wanted, { signal: context.signal });
    if (places.some(({ symbol }) => symbol !== undefined && symbol.split(/[.#:]+/).at(-1) === name)) {
      return `Where is \`${name}\` defined and what does it do?`;
    }
  }
  return GENERAL_QUESTION;
}

function leftOut(output: Output, step: TourStep["step"], title: string): TourStep {
  say(output, NO_SOURCE);
  return { step, title };
}

function cutAt(text: string, { line, character }: Cursor): string {
  const lines = text.split("\n");
  const ending = lines[line]?.endsWith("\r") ? "\r" : "";
  lines[line] = (lines[line] ?? "").slice(0, character) + ending;
  return lines.join("\n");
}
