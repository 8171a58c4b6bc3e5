// What lines and brackets tell about a cursor where no parser does: languages without a grammar, files that it cannot take.
import type { CursorSyntax, Enclosure } from "../syntax/cursorMessages.ts";
import { BracketScanner } from "./bracketScanner.ts";
import { indentOf, type LexicalRules, lexicalRules, opensBlock } from "./lexicalRules.ts";
import type { CompletionPlace } from "./place.ts";

/** So far back is looked for what is open at the cursor; the beginning is taken for code. */
const MAX_CHARS_BACK = 16_000;

const UNFINISHED = /[=+\-*/%&|^<>,.?:!~\\([{]$/;
const VALUE_BEFORE_BRACE = /(?:[=([,:?]|\breturn|\|\||&&)\s*$/;

export interface OpenBracket {
  bracket: string;
  /** Index in the text before the cursor. */
  index: number;
  /** Of its line, characters. */
  indent: number;
}

export interface Scan {
  inString: boolean;
  inComment: boolean;
  /** Outermost first. */
  open: readonly OpenBracket[];
}

/** What the text before the cursor leaves open. */
export function scanBefore({ textBefore, languageId }: CompletionPlace): Scan {
  const from =
    textBefore.length <= MAX_CHARS_BACK ? 0 : textBefore.indexOf("\n", textBefore.length - MAX_CHARS_BACK) + 1;
  const scanner = new BracketScanner(lexicalRules(languageId));
  const indexes: number[] = [];
  for (let index = from; index < textBefore.length; index++) {
    const event = scanner.next(textBefore[index]!);
    if (event === "open") indexes.push(index);
    if (event === "close") indexes.length = scanner.open.length;
  }
  const open = indexes.map((index, depth) => ({
    bracket: scanner.open[depth]!,
    index,
    indent: indentOf(textBefore.slice(textBefore.lastIndexOf("\n", index) + 1, index + 1)),
  }));
  return { inString: scanner.inString, inComment: scanner.inComment, open };
}

/** The same facts as the parser gives, as far as lines and brackets tell them. */
export function lineSyntax(place: CompletionPlace): CursorSyntax {
  const rules = lexicalRules(place.languageId);
  const { inString, inComment, open } = scanBefore(place);
  const inside = insideBracket(place, rules, open.at(-1)) ?? insideLines(place, rules);
  const before = place.textBefore.trimEnd();
  return {
    inComment,
    inString,
    inArguments: inside !== undefined && inside.kind !== "block",
    inside,
    block: inside?.kind === "block" ? inside : undefined,
    followsComment: isComment(lineAbove(place), rules),
    isBeforeComplete: isText(rules) || inside?.isAtStart === true || !UNFINISHED.test(before),
    isBroken: false,
  };
}

/** The line directly above the cursor's, blank or not. */
export function lineAbove({ textBefore, lineBefore }: CompletionPlace): string {
  const end = textBefore.length - lineBefore.length - 1;
  return end < 0 ? "" : textBefore.slice(textBefore.lastIndexOf("\n", end - 1) + 1, end);
}

function insideBracket(place: CompletionPlace, rules: LexicalRules, opened?: OpenBracket): Enclosure | undefined {
  // In prose and between tags brackets are text.
  if (opened === undefined || isText(rules)) return undefined;
  const isAtStart = place.textBefore.slice(opened.index + 1).trim() === "";
  const isValue = VALUE_BEFORE_BRACE.test(place.textBefore.slice(0, opened.index));
  const kind = opened.bracket !== "{" ? "list" : isValue ? "literal" : "block";
  return enclosure(place, { kind, isAtStart }, opened.index, opened.indent);
}

function isText({ scopes }: LexicalRules): boolean {
  return scopes === "none" || scopes === "tags";
}

/** Inside of what the line above, or the cursor's own, opens without a bracket. */
function insideLines(place: CompletionPlace, rules: LexicalRules): Enclosure | undefined {
  const isBlank = place.lineBefore.trim() === "";
  const header = isBlank ? place.above : place.lineBefore;
  const isDeeper = !isBlank || indentOf(place.lineBefore) > indentOf(header);
  if (!isDeeper || !opensBlock(header, rules)) return undefined;
  const index = place.textBefore.lastIndexOf(header);
  return enclosure(place, { kind: "block", isAtStart: true }, index, indentOf(header));
}

/** @param index Where it opens. @param indent Of the line where it opens. */
function enclosure(
  { textBefore, lineAfter, following }: CompletionPlace,
  { kind, isAtStart }: Pick<Enclosure, "kind" | "isAtStart">,
  index: number,
  indent: number,
): Enclosure {
  const rest = lineAfter.trim();
  const next = rest === "" ? following[0] : undefined;
  const isOutside = rest !== "" ? /^[)\]}]/.test(rest) : next === undefined || indentOf(next) <= indent;
  const [startLine, endLine] = [countLines(textBefore.slice(0, index)), countLines(textBefore)];
  return { kind, startLine, endLine, isAtStart, isEmpty: isAtStart && isOutside };
}

/** Line feeds. */
function countLines(text: string): number {
  let count = 0;
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) count++;
  return count;
}

function isComment(line: string, { lineComments, blockComment }: LexicalRules): boolean {
  const text = line.trim();
  if (lineComments.some((mark) => text.startsWith(mark))) return true;
  return blockComment !== undefined && (text.startsWith(blockComment[0]) || text.endsWith(blockComment[1]));
}
