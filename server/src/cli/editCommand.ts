// The command `edit`: shows a proposed change as a unified diff, and writes it only on request and only if it still fits.
import { existsSync } from "node:fs";
import type { Range } from "vscode-languageserver-protocol";
import writeFileAtomic from "write-file-atomic";
import { type EditOutcome, EditRequest } from "../protocol/messages.ts";
import { unwritableReason } from "../systemReasons.ts";
import { UsageError } from "./arguments.ts";
import { count, figuresLine } from "./format.ts";
import { type LinesPlace, parseLinesPlace } from "./locations.ts";
import type { Output, Style } from "./output.ts";
import { replaceIn, unifiedDiff } from "./replacement.ts";
import { type CommandContext, type CommandResult, readCodebase, withServer, workspaceFolder } from "./session.ts";
import { encode, readSourceFile, type SourceFile } from "./sourceFile.ts";

/** Proposes a change of a file or of some of its lines. */
export async function edit(context: CommandContext): Promise<CommandResult> {
  const { output, options, signal } = context;
  const place = parseLinesPlace(context.arguments[0] ?? "");
  if (typeof place === "string") throw new UsageError(place, "edit");
  const { instruction } = options;
  if (instruction === undefined) throw new UsageError("What to change is missing: --instruction TEXT.", "edit");
  const folder = workspaceFolder(options);
  const file = await readSourceFile(folder, place.file);
  const range = rangeOf(file, place);
  return withServer(context, { folder }, async (client) => {
    const reading = await readCodebase(context, client, { title: "Reading" });
    if (reading.cancelled) return { exitCode: 130, json: { folder, path: file.path, cancelled: true } };
    const notes = [...reading.notes];
    const outcome = await client.withDocument(file, () =>
      client.request(
        EditRequest.type,
        { uri: file.uri, range, instruction },
        { signal, onPartial: (event) => event.kind === "note" && notes.push(event.text) },
      ),
    );
    const diff = diffOf(file, outcome);
    printProposal(output, outcome, diff, notes);
    const cancelled = outcome.stopReason === "cancelled";
    const isWanted = options.apply && !cancelled && diff !== "";
    const { applied, error } = isWanted ? await apply(context, file, outcome) : { applied: false };
    if (error !== undefined) output.remark(`fathom: ${error.message}`);
    const json = { folder, path: file.path, model: client.lastStatus.model, ...outcome, diff, applied, notes, error };
    return { exitCode: cancelled ? 130 : error === undefined ? 0 : 1, json };
  });
}

/**
 * Whole lines as a range of LSP, without the line end of the last one.
 * @throws UsageError when the file has no such lines.
 */
export function rangeOf(file: Pick<SourceFile, "text" | "path">, place: LinesPlace): Range {
  const lines = file.text.split(/\r?\n/);
  const { start, end } = place.lines ?? { start: 0, end: lines.length - 1 };
  const last = lines[end];
  if (last === undefined) throw new UsageError(`${file.path} has ${count(lines.length)} lines.`, "edit");
  return { start: { line: start, character: 0 }, end: { line: end, character: last.length } };
}

/**
 * The diff that the proposal would make.
 * @throws A sentence if the proposal was made for another text than the file's.
 */
export function diffOf(file: SourceFile, outcome: EditOutcome): string {
  const changed = replaceIn(file.text, outcome);
  if (changed === undefined)
    throw new Error(`The proposal does not belong to ${file.path} as it is; nothing is written.`);
  return unifiedDiff(file.path, file.text, changed);
}

/** The lines of a diff in the colours that diffs have everywhere. */
export function colourDiff(output: Output, diff: string): string[] {
  const lines = diff.replace(/\n$/, "").split("\n");
  return lines.map((line) => {
    const style = diffStyle(line);
    return style === undefined ? line : output.style(style, line);
  });
}

function printProposal(output: Output, outcome: EditOutcome, diff: string, notes: readonly string[]): void {
  for (const note of notes) output.remark(note);
  if (diff === "") output.line("The model proposes no change.");
  else for (const line of colourDiff(output, diff)) output.line(line);
  // On stderr, so that what is on stdout stays a patch.
  if (outcome.notice !== undefined) output.remark(output.style("yellow", outcome.notice));
  output.remark(output.style("dim", figuresLine(outcome.figures)));
}

interface Application {
  applied: boolean;
  /** Why it was not written although it was wanted: the proposal is worth as much as before. */
  error?: { message: string };
}

/** Writes the change if its place still looks as it did; asks first where somebody can answer. */
async function apply(context: CommandContext, file: SourceFile, outcome: EditOutcome): Promise<Application> {
  const { output, signal } = context;
  if (output.interactive && !(await output.confirm(`Write this to ${file.path}?`, signal))) {
    output.remark("Nothing was written.");
    return { applied: false };
  }
  if (!existsSync(file.absolutePath)) return notApplied(`${file.path} was removed in the meantime.`);
  const now = await readSourceFile(workspaceFolder(context.options), file.absolutePath);
  const changed = replaceIn(now.text, outcome);
  if (changed === undefined) {
    return notApplied(`${file.path} was changed in the meantime at this place.`);
  }
  try {
    await writeFileAtomic(file.absolutePath, encode(now, changed));
  } catch (error) {
    return notApplied(`${file.path} cannot be written: ${unwritableReason(error)}.`);
  }
  output.remark(`${file.path} is written.`);
  return { applied: true };
}

function notApplied(reason: string): Application {
  return { applied: false, error: { message: `${reason} Nothing was written.` } };
}

function diffStyle(line: string): Style | undefined {
  if (line.startsWith("+++") || line.startsWith("---")) return "bold";
  if (line.startsWith("@@")) return "cyan";
  if (line.startsWith("+")) return "green";
  return line.startsWith("-") ? "red" : undefined;
}
