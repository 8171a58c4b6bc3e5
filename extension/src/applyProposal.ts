// Finds the text a proposal was made for in a document that may have changed since; pure offsets, no VS Code.

/** Offsets in UTF-16 code units, `end` exclusive. */
export interface Span {
  start: number;
  end: number;
}

export type Located = { kind: "found"; span: Span } | { kind: "missing" } | { kind: "ambiguous" };

/**
 * Finds the original text: at its old place, else anywhere if it occurs exactly once.
 * @param text The document as it is now.
 * @param original Text the proposal was made for; line ends may differ from the document's.
 * @param startHint Offset where it was; may lie outside of the text.
 * @returns Where it is; `missing` or `ambiguous` if writing would be a guess.
 */
export function locateOriginal(text: string, original: string, startHint: number): Located {
  const wanted = withLineEndsOf(text, original);
  if (text.startsWith(wanted, startHint) && startHint >= 0 && startHint <= text.length) {
    return { kind: "found", span: { start: startHint, end: startHint + wanted.length } };
  }
  // Nothing can be anywhere: an empty text is only found at its old place.
  const first = wanted === "" ? -1 : text.indexOf(wanted);
  if (first < 0) return { kind: "missing" };
  // From `first + 1`, so that overlapping occurrences count too.
  if (text.indexOf(wanted, first + 1) >= 0) return { kind: "ambiguous" };
  return { kind: "found", span: { start: first, end: first + wanted.length } };
}

/**
 * The document as it would be after the edit.
 * @param text The document as it is now.
 * @param span What is replaced.
 * @param proposal The replacement; gets the document's line ends.
 */
export function withProposal(text: string, span: Span, proposal: string): string {
  return text.slice(0, span.start) + withLineEndsOf(text, proposal) + text.slice(span.end);
}

/** The text with the line ends that the document begins with; a document of one line has `\n`. */
export function withLineEndsOf(document: string, text: string): string {
  const firstBreak = /\r?\n/.exec(document)?.[0] ?? "\n";
  return text.replace(/\r?\n/g, firstBreak);
}
