// Writes the declarations of a file as its outline: one line each, members indented, documentation as one sentence above.
import type { Declaration } from "./declarations.ts";
import { ELISION, type Excerpts, type Stretch } from "./excerpts.ts";

/** Longest line of a declaration, in characters. */
const MAX_LINE_CHARS = 300;
/** Longest outline, in characters; a file with more declarations is data rather than code. */
const MAX_OUTLINE_CHARS = 100_000;
const INDENT = "  ";

/**
 * The outline of a file.
 * @param fileDoc What documents the whole file; shown first.
 * @param comment Begins a comment of one line.
 */
export function outlineOf(
  declarations: readonly Declaration[],
  fileDoc: Stretch | undefined,
  comment: string,
  excerpts: Excerpts,
): string {
  const lines: string[] = [];
  const documented = fileDoc !== undefined && declarations[0]?.doc?.start !== fileDoc.start;
  const sentence = documented ? excerpts.sentence(fileDoc) : "";
  if (sentence !== "") lines.push(`${comment} ${sentence}`);
  addLines(lines, declarations, "", comment, excerpts);
  return cutOutline(lines);
}

/** Lines as one text; what is beyond the limit is left out, and the mark says so. */
export function cutOutline(lines: readonly string[]): string {
  let chars = 0;
  for (const [index, line] of lines.entries()) {
    chars += line.length + 1;
    if (chars > MAX_OUTLINE_CHARS) return [...lines.slice(0, index), ELISION].join("\n");
  }
  return lines.join("\n");
}

function addLines(
  lines: string[],
  declarations: readonly Declaration[],
  indent: string,
  comment: string,
  excerpts: Excerpts,
): void {
  for (const { start, headEnd, doc, members } of declarations) {
    const sentence = doc === undefined ? "" : excerpts.sentence(doc);
    if (sentence !== "") lines.push(`${indent}${comment} ${sentence}`);
    const line = excerpts.line(start, headEnd, MAX_LINE_CHARS);
    if (line !== "") lines.push(indent + line);
    addLines(lines, members, indent + INDENT, comment, excerpts);
  }
}
