// Keeps ranges of lines where they are while the documents around them are edited.
import type { DocumentEdit } from "../../documents.ts";

export interface LineRange {
  uri: string;
  /** 0-based. */
  startLine: number;
  /** 0-based, inclusive. */
  endLine: number;
  /** By the clock of whoever keeps it, milliseconds. */
  atMs: number;
}

/** @returns The range after an edit of its document: moved by an edit above, grown by one inside it. */
export function moved(range: LineRange, edit: DocumentEdit): LineRange {
  const editEnd = edit.line + lineBreaks(edit.removed);
  const grown = lineBreaks(edit.inserted) - lineBreaks(edit.removed);
  if (edit.line > range.endLine) return range;
  if (editEnd < range.startLine) {
    return { ...range, startLine: range.startLine + grown, endLine: range.endLine + grown };
  }
  const startLine = Math.min(range.startLine, edit.line);
  return { ...range, startLine, endLine: Math.max(range.endLine, editEnd) + grown };
}

export function lineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
