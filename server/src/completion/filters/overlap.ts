// Filters against what stands behind the cursor already: brackets that are closed, lines that follow, the rest of the line.
import { distance } from "fastest-levenshtein";
import { BracketScanner } from "../bracketScanner.ts";
import {
  CLOSING_WORDS,
  headsNextLine,
  indentOf,
  type LexicalRules,
  lexicalRules,
  opensBlock,
} from "../lexicalRules.ts";
import type { CompletionPlace } from "../place.ts";
import type { Filtered, FilterInput } from "./filter.ts";

/** With only these behind the cursor, more lines tear nothing off. */
const CLOSERS_ONLY = /^[\s)\]}>;,:"'`]*$/;
const QUOTES = "\"'`";

/** So many lines that follow are compared with what is suggested. */
const COMPARED_LINES = 3;
/** Shorter lines (`}`, `});`) are alike everywhere. */
const MIN_LINE_CHARS = 3;
/** Lines that differ in so few of their characters say the same. */
const ALIKE_SHARE = 0.05;
/** The end of a line in common by chance is shorter. */
const MIN_OVERLAP_CHARS = 3;

const CLOSER_LINE = /^[)\]}]+[;,)]*$/;

/** With code behind the cursor, more lines would tear it off its line. */
export function keepOneLine(text: string, { place, singleLine }: FilterInput): Filtered {
  const isOne = singleLine || !CLOSERS_ONLY.test(place.lineAfter);
  return { text: isOne ? (text.split("\n", 1)[0] ?? "") : text };
}

/** The suggestion ends where it begins to say what follows. */
export function stopAtFollowingLine(text: string, { place }: FilterInput): Filtered {
  const following = place.following.slice(0, COMPARED_LINES).map((line) => line.trim());
  const next = following[0];
  if (next === undefined || next.length < MIN_LINE_CHARS || CLOSER_LINE.test(next)) return { text };
  const lines = text.split("\n");
  const rules = lexicalRules(place.languageId);
  const at = lines.findIndex((line, index) => {
    if (index === 0) return false;
    const suggested = lines.slice(index, index + COMPARED_LINES).map((other) => other.trim());
    // The last line may not be whole, so that lines like it prove nothing.
    const isAlike = suggested.length === following.length && areAlike(suggested.join("\n"), following.join("\n"));
    if (line.trim() !== next && !isAlike) return false;
    return !isInsideOwn(place, lines.slice(0, index), line, rules);
  });
  return { text: at < 0 ? text : lines.slice(0, at).join("\n") };
}

/** True if the suggested lines above a line open what it stands in: there the same words say something else. */
function isInsideOwn({ lineBefore, following }: CompletionPlace, above: string[], line: string, rules: LexicalRules) {
  const whole = [lineBefore + above[0], ...above.slice(1)];
  if (rules.scopes === "brackets") return leavesOpen(above.join("\n"), rules) || headsNextLine(whole.at(-1)!);
  if (indentOf(line) <= indentOf(following[0] ?? "")) return false;
  const isText = rules.scopes === "tags" || rules.scopes === "none";
  return isText || whole.some((other) => opensBlock(other, rules));
}

/** `foo(|)` and `bar)`: the bracket or quote that the editor closed is not closed again; `f(a, g(b))` stays whole. */
export function dropClosers(text: string, { place }: FilterInput): Filtered {
  const next = place.lineAfter.trimStart()[0];
  if (next === undefined) return { text };
  if (QUOTES.includes(next)) return { text: beforeQuote(text, next, place.lineBefore) };
  if (!")]}".includes(next)) return { text };
  const scanner = new BracketScanner(lexicalRules(place.languageId));
  for (const [index, char] of [...text].entries()) {
    if (scanner.next(char) !== "outside" || char !== next) continue;
    return { text: [...text].slice(0, index).join("") };
  }
  return { text };
}

/** A quote ends a suggestion inside a string; a second one begins another string. */
function beforeQuote(text: string, quote: string, lineBefore: string): string {
  const marks = lineBefore.replaceAll(/\\./g, "").split(quote).length - 1;
  const end = text.search(new RegExp(`(?<!\\\\)${quote}`));
  return marks % 2 === 1 && end >= 0 ? text.slice(0, end) : text;
}

/** The end of the suggestion may be the whole rest of the line, or a good part of it: `a + b;` before ` + b;`. */
export function dropLineEnd(text: string, { place }: FilterInput): Filtered {
  const after = place.lineAfter.trimEnd();
  if (after.trim() === "" || text.includes("\n")) return { text };
  for (let length = Math.min(after.length, text.length); length > 0; length--) {
    if (length < MIN_OVERLAP_CHARS && length < after.length) break;
    if (!text.endsWith(after.slice(0, length))) continue;
    return { text: text.slice(0, endOfOwn(text, text.length - length, lexicalRules(place.languageId))) };
  }
  return { text };
}

/** The first end from `from` on with all closed that the text opens: `print(|);` and `f(a);` share only the `;`. */
function endOfOwn(text: string, from: number, rules: LexicalRules): number {
  for (let end = from; end < text.length; end++) if (!leavesOpen(text.slice(0, end), rules)) return end;
  return text.length;
}

/** The line that closes the block stands there already, as deep as in the suggestion. */
export function dropClosingLine(text: string, { place }: FilterInput): Filtered {
  const lines = text.split("\n");
  const last = lines.at(-1)!.trimEnd();
  const next = place.following[0]?.trimEnd();
  const isCloser = CLOSER_LINE.test(last.trim()) || CLOSING_WORDS.test(last.trim());
  if (lines.length < 2 || !isCloser || last !== next) return { text };
  const before = lines.slice(0, -1).join("\n");
  // What the last line closes was opened in the suggestion: then what follows closes something else.
  const closesItself = CLOSER_LINE.test(last.trim()) && leavesOpen(before, lexicalRules(place.languageId));
  return { text: closesItself ? text : before };
}

/** True if some bracket that the text opens is not closed in it. */
function leavesOpen(text: string, rules: LexicalRules): boolean {
  const scanner = new BracketScanner(rules);
  for (const char of text) scanner.next(char);
  return scanner.open.length > 0;
}

function areAlike(a: string, b: string): boolean {
  if (a.length < MIN_LINE_CHARS || Math.abs(a.length - b.length) > b.length * ALIKE_SHARE) return false;
  return distance(a, b) <= b.length * ALIKE_SHARE;
}
