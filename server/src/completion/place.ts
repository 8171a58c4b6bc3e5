// What stands around the cursor, as the model and the filters see it: line feeds only, whatever the file has.
import type { Position } from "vscode-languageserver/node";
import type { TextDocument } from "vscode-languageserver-textdocument";

/** Further lines are not compared with. */
const LINES_AROUND = 8;

export interface CompletionPlace {
  /** Path within the workspace, with forward slashes. */
  path: string;
  /** As the editor names it: `typescript`, `python`. */
  languageId: string;
  textBefore: string;
  textAfter: string;
  /** Text of the cursor's line before and after the cursor. */
  lineBefore: string;
  lineAfter: string;
  /** The nearest line above that is not blank; empty if there is none near. */
  above: string;
  /** Next lines that are not blank, nearest first. */
  following: readonly string[];
}

/** @param path Path within the workspace. */
export function placeAt(document: TextDocument, path: string, position: Position): CompletionPlace {
  const text = document.getText();
  const offset = document.offsetAt(position);
  return placeBetween(inLf(text.slice(0, offset)), inLf(text.slice(offset)), path, document.languageId);
}

/** @returns The text with line feeds alone. */
export function inLf(text: string): string {
  return text.replaceAll("\r\n", "\n");
}

/** @param textBefore @param textAfter With line feeds only. */
export function placeBetween(textBefore: string, textAfter: string, path: string, languageId: string): CompletionPlace {
  const linesBefore = linesAtEnd(textBefore);
  const linesAfter = linesAtStart(textAfter);
  const notBlank = (line: string) => line.trim() !== "";
  return {
    path,
    languageId,
    textBefore,
    textAfter,
    lineBefore: linesBefore.at(-1) ?? "",
    lineAfter: linesAfter[0] ?? "",
    above: linesBefore.slice(0, -1).findLast(notBlank) ?? "",
    following: linesAfter.slice(1).filter(notBlank),
  };
}

/** The last lines of a text, without splitting all of it. */
function linesAtEnd(text: string): string[] {
  let start = text.length;
  for (let line = 0; line <= LINES_AROUND && start > 0; line++) start = text.lastIndexOf("\n", start - 1);
  return text.slice(Math.max(0, start + (start > 0 ? 1 : 0))).split("\n");
}

function linesAtStart(text: string): string[] {
  let end = -1;
  for (let line = 0; line <= LINES_AROUND; line++) {
    end = text.indexOf("\n", end + 1);
    if (end < 0) return text.split("\n");
  }
  return text.slice(0, end).split("\n");
}
