// Puts a proposed text in the place of the one it was made for, if that still stands there, and shows the difference.
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import type { Range } from "vscode-languageserver-protocol";
import { TextDocument } from "vscode-languageserver-textdocument";

/** Lines around each change, the usual number. */
const CONTEXT_LINES = 3;

export interface Replacement {
  range: Range;
  /** What stood in the range when the proposal was made. */
  original: string;
  proposal: string;
}

/**
 * @param text The whole file as it is now.
 * @returns The whole file with the replacement in it, with the file's own line ends; undefined if the original text is
 *   no longer there.
 */
export function replaceIn(text: string, replacement: Replacement): string | undefined {
  const document = TextDocument.create("", "", 0, text);
  const start = document.offsetAt(replacement.range.start);
  const end = document.offsetAt(replacement.range.end);
  if (withLineFeeds(text.slice(start, end)) !== withLineFeeds(replacement.original)) return undefined;
  return text.slice(0, start) + withLineEndsOf(text, replacement.proposal) + text.slice(end);
}

/**
 * @param path Name of the file for the headers, with forward slashes.
 * @returns A unified diff that `git apply` and `patch -p1` take; empty if the texts are the same.
 */
export function unifiedDiff(path: string, before: string, after: string): string {
  if (before === after) return "";
  const options = { context: CONTEXT_LINES, headerOptions: FILE_HEADERS_ONLY };
  return createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, undefined, undefined, options);
}

function withLineFeeds(text: string): string {
  return text.replace(/\r\n/g, "\n");
}

/** Models write LF; in a file with CRLF that would leave a mixture. */
function withLineEndsOf(file: string, text: string): string {
  const plain = withLineFeeds(text);
  return file.includes("\r\n") ? plain.replace(/\n/g, "\r\n") : plain;
}
