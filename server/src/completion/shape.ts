// Decides whether one line or several are wanted at a cursor, by what the parser says about it, else by lines and brackets.
import type { CursorSyntax } from "../syntax/cursorMessages.ts";
import { BracketScanner } from "./bracketScanner.ts";
import { indentOf, lexicalRules, opensBlock } from "./lexicalRules.ts";
import { lineAbove, lineSyntax } from "./lineSyntax.ts";
import type { CompletionPlace } from "./place.ts";

/** What editors write behind the cursor themselves, and the ends of statements. */
const CLOSERS_ONLY = /^[)\]}>;,'"`\s]*$/;

/** A declaration follows, however unfinished the line is: `@Override`, `#[test]`, `[Fact]`. */
const DECORATOR = /^\s*(?:@[\w.]|#\[|\[\w[^\]]*\]\s*$)/;

const ENDS_STATEMENT = /(?:[;}]|\bend)\s*$/;

export interface Shape {
  multiLine: boolean;
  /** For the log: a fragment of a sentence behind "one line, because" or "several lines, because". */
  reason: string;
}

/** @param syntax What the parser says; without it lines and brackets decide. */
export function shapeOf(place: CompletionPlace, syntax: CursorSyntax | undefined): Shape {
  const facts = syntax ?? lineSyntax(place);
  const isBlankLine = place.lineBefore.trim() === "" && place.lineAfter.trim() === "";
  return (
    withinText(place, facts) ??
    atStart(place, facts) ??
    (isBlankLine ? onBlankLine(place, facts) : onLine(place, facts))
  );
}

function withinText(place: CompletionPlace, facts: CursorSyntax): Shape | undefined {
  if (!CLOSERS_ONLY.test(place.lineAfter)) return one("code follows on the line");
  if (facts.inComment) return one("the cursor is in a comment");
  if (facts.inString || (facts.isBroken && isOpenString(place))) return one("the cursor is in a string");
  return undefined;
}

/** In an unfinished line the parser often takes a string that is still open for something else. */
function isOpenString({ lineBefore, languageId }: CompletionPlace): boolean {
  const scanner = new BracketScanner(lexicalRules(languageId));
  for (const char of lineBefore) scanner.next(char);
  return scanner.inString;
}

/** Where something has just been opened. */
function atStart(place: CompletionPlace, { inside, followsComment }: CursorSyntax): Shape | undefined {
  if (inside?.isAtStart !== true || inside.kind === "list") return undefined;
  const what = inside.kind === "block" ? "block" : "literal";
  if (inside.isEmpty) return several(`the ${what} at the cursor is empty`);
  if (followsComment && place.lineBefore.trim() === "") return several("a comment says what follows");
  return one(`the ${what} at the cursor has content already`);
}

function onBlankLine(place: CompletionPlace, facts: CursorSyntax): Shape {
  if (facts.inArguments) return one("the cursor is in a list or literal");
  if (facts.followsComment) return several("a comment says what follows");
  if (DECORATOR.test(lineAbove(place))) return several("a declaration follows");
  if (!facts.isBeforeComplete) return one("what stands before the cursor is not finished");
  if (isNextDeeper(place, Math.max(indentOf(place.lineBefore), indentOf(place.above))))
    return one("the next line is indented more");
  return several(facts.block === undefined ? "the line is empty" : "the line in the block is empty");
}

function onLine(place: CompletionPlace, facts: CursorSyntax): Shape {
  const { lineBefore } = place;
  const rules = lexicalRules(place.languageId);
  // A bracket at the end of the line is one that the parser has looked at already.
  const isOpening = opensBlock(lineBefore, rules) && !/[{([]\s*$/.test(lineBefore) && rules.scopes === "brackets";
  if (isOpening && isNextDeeper(place, indentOf(lineBefore))) return one("the block at the cursor has content already");
  if (isOpening) return several("a block begins here");
  if (facts.inArguments) return one("the cursor is in a list or literal");
  if (facts.isBeforeComplete && ENDS_STATEMENT.test(lineBefore))
    return several("the statement before the cursor is complete");
  return one("the line goes on");
}

function isNextDeeper({ following, lineAfter }: CompletionPlace, indent: number): boolean {
  const next = following[0];
  return lineAfter.trim() === "" && next !== undefined && indentOf(next) > indent;
}

function one(reason: string): Shape {
  return { multiLine: false, reason };
}

function several(reason: string): Shape {
  return { multiLine: true, reason };
}
