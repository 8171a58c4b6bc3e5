// Says while a text is still growing how much of it is wanted, and when nothing more is; each rule decides as early as it is sure.
import { BracketScanner, CLOSERS } from "./bracketScanner.ts";
import {
  CLOSING_WORDS,
  GOES_ON,
  headsNextLine,
  indentOf,
  type LexicalRules,
  lexicalRules,
  opensBlock,
} from "./lexicalRules.ts";
import { type OpenBracket, scanBefore } from "./lineSyntax.ts";
import type { CompletionPlace } from "./place.ts";
import { repeatedFrom } from "./repetition.ts";
import type { Shape } from "./shape.ts";

/** Nobody reads more ghost text than fits on a screen. */
const MAX_LINES = 40;

/** Shorter lines stand in too many places to be taken for the one that follows. */
const MIN_FOLLOWING_CHARS = 3;

/** So far below the cursor is looked for the line that closes its block; a longer block is taken for closed. */
const MAX_LINES_BELOW = 1000;

/** What may stand behind a closing bracket in its line: `});`. */
const BEHIND_CLOSER = ")]};, \t";

const CLOSER_LINE = /^(?:[)\]};,\s]+|(?:end|fi|done|esac)\b.*|<\/[\w.-]*>)$/;

export interface Kept {
  stop: boolean;
  text: string;
  /** For the log, where it stops. */
  reason?: string;
}

/**
 * Fed with one text that grows. Its answers depend on the text alone, however it is cut into pieces.
 * Limits: brackets are followed without a grammar (see BracketScanner), and each scope ends by one sign only, so that a
 * language with two of them (Ruby's braces, Python's brackets) is judged by its words or indentation first.
 */
export class StreamStops {
  readonly #place: CompletionPlace;
  readonly #multiLine: boolean;
  readonly #rules: LexicalRules;
  readonly #scanner: BracketScanner;
  readonly #open: readonly OpenBracket[];
  /** Whole lines, the first one with what stands before the cursor. */
  readonly #lines: string[] = [];
  /** Where each whole line ends, its line feed not counted. */
  readonly #lineEnds: number[] = [];
  /** Lines with less indentation end the scope; undefined until the first line shows it. */
  #baseIndent: number | undefined;
  #text = "";
  #lineStart = 0;
  /** The beginning of the line has been judged. */
  #isHeadKnown = false;
  /** Some line belonged to the inside of a construct. */
  #wentDeeper = false;
  /** What was begun at the top of the file is whole. */
  #isWhole = false;
  /** A closing bracket is kept up to here, with what else closes in its line. */
  #keptCloserEnd: number | undefined;
  #stopped: Kept | undefined;

  constructor(place: CompletionPlace, shape: Shape) {
    this.#place = place;
    this.#multiLine = shape.multiLine;
    this.#rules = lexicalRules(place.languageId);
    this.#scanner = new BracketScanner(this.#rules);
    this.#open = scanBefore(place).open;
    this.#baseIndent = baseIndentOf(place, this.#rules);
  }

  /**
   * @param textSoFar All of the text, the beginning of which was given before.
   * @returns The text to keep; with `stop` nothing more is wanted, and later calls change nothing.
   */
  push(textSoFar: string): Kept {
    for (let index = this.#text.length; index < textSoFar.length && this.#stopped === undefined; index++) {
      this.#text = textSoFar.slice(0, index + 1);
      this.#step(textSoFar[index]!, index);
    }
    return this.#stopped ?? { stop: false, text: textSoFar };
  }

  #step(char: string, index: number): void {
    if (!this.#multiLine) {
      if (char === "\n") this.#stop(index, "one line is wanted");
      return;
    }
    if (this.#keptCloserEnd === undefined) this.#follow(char, index);
    else this.#behindCloser(char, index);
  }

  #follow(char: string, index: number): void {
    const isNested = this.#scanner.open.length > 0;
    const event = this.#scanner.next(char);
    if (!this.#isHeadKnown) this.#judgeHead(char, isNested);
    if (this.#stopped !== undefined) return;
    if (this.#keptCloserEnd !== undefined) this.#behindCloser(char, index);
    else if (event === "outside" && this.#hasBracketScopes) this.#closeScope(char, index);
    else if (char === "\n") this.#endLine(index);
  }

  get #hasBracketScopes(): boolean {
    return this.#rules.scopes !== "none" && this.#rules.scopes !== "tags";
  }

  get #line(): string {
    const own = this.#text.slice(this.#lineStart).replace(/\n$/, "");
    return this.#lineStart === 0 ? this.#place.lineBefore + own : own;
  }

  get #isTopLevel(): boolean {
    return (this.#baseIndent ?? 0) === 0 && this.#open.length === 0 && this.#rules.scopes !== "none";
  }

  /** The first line, behind something that stood there before. */
  get #isContinued(): boolean {
    return this.#lineStart === 0 && this.#place.lineBefore.trim() !== "";
  }

  /** Decides by a line's indentation and first word, where the word counts once the character behind it is there. */
  #judgeHead(char: string, isNested: boolean): void {
    const line = this.#line;
    const head = line.trimStart();
    const { scopes } = this.#rules;
    const wordCounts = scopes === "words" || scopes === "tags" || this.#isTopLevel;
    if (head === "" || (wordCounts && char !== "\n" && /^[\w</-]+$/.test(head))) return;
    this.#isHeadKnown = true;
    if (this.#isContinued) return;
    const indent = indentOf(line);
    this.#baseIndent ??= indent;
    if (isNested || indent > this.#baseIndent) this.#wentDeeper = true;
    else if (this.#isDedented(indent)) this.#endByIndent(head, indent);
    else this.#beginConstruct(head);
  }

  #isDedented(indent: number): boolean {
    const { scopes } = this.#rules;
    return scopes !== "brackets" && scopes !== "none" && indent < this.#baseIndent!;
  }

  /** A line outside of the cursor's block: wanted only if it closes the block and nothing does yet. */
  #endByIndent(head: string, indent: number): void {
    // Whether a bracket is wanted is known as soon as it is seen that it closes something from before the cursor.
    if (this.#hasBracketScopes && /^[)\]}]/.test(head)) return;
    const closer = CLOSING_WORDS.exec(head)?.[0] ?? /^<\/[\w.-]*>?/.exec(head)?.[0];
    if (closer === undefined || this.#isThereBelow(closer, indent)) this.#stopBeforeLine("the block ends");
    else this.#keptCloserEnd = this.#lineStart + indent + closer.length;
  }

  #beginConstruct(head: string): void {
    if (!this.#isTopLevel) return;
    const isLater = this.#isWhole || (this.#rules.scopes === "indentation" && this.#wentDeeper);
    const goesOn = GOES_ON.test(head) || CLOSING_WORDS.test(head);
    if (isLater && !goesOn) this.#stopBeforeLine("another construct begins");
    this.#isWhole = false;
  }

  #closeScope(char: string, index: number): void {
    const opened = this.#open.findLast(({ bracket }) => CLOSERS[char] === bracket);
    if (this.#place.lineAfter.trimStart().startsWith(char)) this.#stop(index, "the block is closed behind the cursor");
    else if (opened === undefined || this.#isThereBelow(char, opened.indent))
      this.#stop(this.#text.slice(0, index).trimEnd().length, "the block is closed already");
    else this.#keptCloserEnd = index + 1;
  }

  /** True if the first line below that is indented no more than `indent` closes what opened with that indentation. */
  #isThereBelow(closer: string, indent: number): boolean {
    const { textAfter } = this.#place;
    let start = textAfter.indexOf("\n") + 1;
    for (let line = 0; line < MAX_LINES_BELOW && start > 0; line++) {
      const end = textAfter.indexOf("\n", start);
      const text = textAfter.slice(start, end < 0 ? textAfter.length : end);
      if (text.trim() !== "" && indentOf(text) <= indent)
        return indentOf(text) === indent && text.trimStart().startsWith(closer);
      start = end + 1;
    }
    return start > 0;
  }

  #behindCloser(char: string, index: number): void {
    if (char === "\n" || !BEHIND_CLOSER.includes(char)) this.#stop(this.#keptCloserEnd!, "the block is closed");
    else if (char.trim() !== "") this.#keptCloserEnd = index + 1;
  }

  #endLine(end: number): void {
    const line = this.#line.trimEnd();
    this.#lines.push(line);
    this.#lineEnds.push(end);
    if (!this.#scanner.inString) this.#judgeLine(line, end);
    if (this.#scanner.open.length > 0) this.#wentDeeper = true;
    else if (this.#wentDeeper && line !== "" && indentOf(line) === 0) this.#isWhole = true;
    this.#lineStart = end + 1;
    // What a text or comment has at the beginning of a line says nothing.
    this.#isHeadKnown = this.#scanner.inString || this.#scanner.inComment;
  }

  #judgeLine(line: string, end: number): void {
    const repeated = repeatedFrom(this.#lines);
    if (line === "" && this.#lines.at(-2) === "") this.#stopBeforeLine("there are two blank lines");
    else if (!this.#isContinued && this.#isFollowing(line)) this.#stopBeforeLine("the text that follows begins");
    else if (repeated !== undefined) this.#stop(this.#lineEnds[repeated - 1]!, "the text repeats itself");
    else if (this.#lines.length >= MAX_LINES) this.#stop(end, `there are ${MAX_LINES} lines`);
  }

  /** Inside of something deeper the same words may stand for something else. */
  #isFollowing(line: string): boolean {
    const next = this.#place.following[0];
    if (next === undefined || next.trim() !== line.trim()) return false;
    if (CLOSER_LINE.test(line.trim())) return indentOf(next) === indentOf(line);
    const isSameScope =
      this.#rules.scopes === "brackets"
        ? this.#scanner.open.length === 0 && !headsNextLine(this.#lines.at(-2) ?? "")
        : indentOf(line) <= (this.#baseIndent ?? 0);
    return isSameScope && line.trim().length >= MIN_FOLLOWING_CHARS;
  }

  #stop(end: number, reason: string): void {
    this.#stopped ??= { stop: true, text: this.#text.slice(0, end), reason };
  }

  /** Without the blank lines before the line either. */
  #stopBeforeLine(reason: string): void {
    this.#stop(this.#text.slice(0, this.#lineStart).trimEnd().length, reason);
  }
}

/** Undefined where the first line of the text decides. */
function baseIndentOf({ lineBefore }: CompletionPlace, rules: LexicalRules): number | undefined {
  if (lineBefore === "") return undefined;
  const isOpening = lineBefore.trim() !== "" && opensBlock(lineBefore, rules);
  return indentOf(lineBefore) + (isOpening ? 1 : 0);
}
