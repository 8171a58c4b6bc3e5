// Says how near a filled-in text is to the expected one: exact, exact in its length, and edit similarity; knows no model.
import { distance } from "fastest-levenshtein";

export interface FimScore {
  /** The same text, blanks at both ends aside. */
  exact: boolean;
  /** The same after cutting to as many lines as are expected: models that do not know where to end say too much. */
  exactInLength: boolean;
  /** 1 for the same text; else one minus the edits (insert, delete, replace) per character of the longer one. */
  similarity: number;
}

/** @param said What the model said. @param expected What stood there. */
export function scoreOf(said: string, expected: string): FimScore {
  const wanted = expected.trim();
  const whole = said.trim();
  const nLines = wanted.split("\n").length;
  const inLength = whole.split("\n").slice(0, nLines).join("\n").trimEnd();
  return { exact: whole === wanted, exactInLength: inLength === wanted, similarity: similarity(whole, wanted) };
}

function similarity(one: string, other: string): number {
  const longest = Math.max(one.length, other.length);
  return longest === 0 ? 1 : 1 - distance(one, other) / longest;
}
