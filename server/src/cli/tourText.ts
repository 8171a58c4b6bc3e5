// How the steps of the tour look on the terminal: headings, indented lines, places, ghost text and diffs; measures nothing.
import type { Place } from "../protocol/messages.ts";
import { placeLines } from "./commands.ts";
import { colourDiff } from "./editCommand.ts";
import { counted, shorten } from "./format.ts";
import type { Output } from "./output.ts";
import type { SourceFile } from "./sourceFile.ts";
import type { Cursor } from "./tourChoices.ts";

/** Stands before every line of a step. */
export const INDENT = "   ";
/** Places above an answer. */
const SHOWN_PLACES = 4;
/** Lines of the diff that are shown. */
const MOST_DIFF_LINES = 24;
/** Lines shown above a completion. */
const LINES_ABOVE = 2;

/** Title of a step, with its number. */
export function heading(output: Output, number: number, title: string): void {
  output.line();
  output.line(output.style("bold", `${number}  ${title}`));
}

/** One line of a step. */
export function say(output: Output, text: string): void {
  output.line(INDENT + text);
}

/** The first places; returns all of them. */
export function sayPlaces(output: Output, places: readonly Place[]): Place[] {
  if (places.length > 0) say(output, "Where to look");
  for (const line of placeLines(output, places.slice(0, SHOWN_PLACES), 2 * INDENT.length)) say(output, INDENT + line);
  return [...places];
}

/** What has to be said about a model's words, if anything. */
export function sayNotice(output: Output, notice: string | undefined): void {
  if (notice !== undefined) say(output, output.style("yellow", notice));
}

/** The lines around the cursor with the proposed text between marks, and what the file really says. */
export function sayCompletion(output: Output, file: SourceFile, cursor: Cursor, text: string): void {
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

/** As much of a diff as fits a screen: a model that runs away writes lines, and long lines, without end. */
export function sayDiff(output: Output, diff: string): void {
  const lines = diff.trimEnd().split("\n");
  const shown = lines.slice(0, MOST_DIFF_LINES).map((line) => shorten(line, output.width - INDENT.length));
  for (const line of colourDiff(output, shown.join("\n"))) say(output, line);
  const more = lines.length - shown.length;
  if (more > 0) say(output, output.style("dim", `… and ${counted(more, "more line")}`));
}

/** Later lines of a streamed text stand under its first. */
export function indented(text: string): string {
  return text.replaceAll("\n", `\n${INDENT}`);
}
