// Follows brackets, strings and comments character by character, for text that is still growing; it knows no grammar.
import type { LexicalRules } from "./lexicalRules.ts";

/** Closing bracket to opening one. */
export const CLOSERS: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

/** Longer than any mark that opens or closes something. */
const RECENT_CHARS = 4;

/** "outside": a bracket closes something that was opened before the beginning. */
export type BracketEvent = "open" | "close" | "outside" | undefined;

type State =
  | { kind: "code" }
  | { kind: "lineComment" }
  | { kind: "blockComment" }
  | { kind: "string"; quote: string; isLong: boolean; isEscaped: boolean; chars: number }
  | { kind: "character"; chars: number; isEscaped: boolean };

const CODE: State = { kind: "code" };

/**
 * Begins in code. What it does not know: regular expressions (`/[{]/`), code inside strings (`${…}` counts as text, so that
 * a string in it may end the outer one), Lua's and Rust's strings with marks of any length, text between tags (JSX).
 */
export class BracketScanner {
  readonly #rules: LexicalRules;
  readonly #open: string[] = [];
  #state: State = CODE;
  #recent = "\n";
  /** The quote of an empty string that ended just now: once more, and it is three. */
  #emptyString = "";

  constructor(rules: LexicalRules) {
    this.#rules = rules;
  }

  /** Brackets that are open, outermost first. */
  get open(): readonly string[] {
    return this.#open;
  }

  get inString(): boolean {
    return this.#state.kind === "string" || this.#state.kind === "character";
  }

  get inComment(): boolean {
    return this.#state.kind === "lineComment" || this.#state.kind === "blockComment";
  }

  next(char: string): BracketEvent {
    this.#recent = (this.#recent + char).slice(-RECENT_CHARS);
    const state = this.#state;
    switch (state.kind) {
      case "code":
        return this.#nextInCode(char);
      case "lineComment":
        if (char === "\n") this.#state = CODE;
        return undefined;
      case "blockComment":
        if (this.#recent.endsWith(this.#rules.blockComment![1])) this.#leave();
        return undefined;
      case "string":
        this.#nextInString(state, char);
        return undefined;
      case "character":
        return this.#nextInCharacter(state, char);
    }
  }

  #nextInCode(char: string): BracketEvent {
    const { quotes, longQuotes, hasTripleQuotes, hasLifetimes, lineComments, blockComment } = this.#rules;
    const empty = this.#emptyString;
    this.#emptyString = "";
    if (hasTripleQuotes && char === empty) this.#state = stringOf(char.repeat(3), true);
    else if (quotes.includes(char)) this.#state = stringOf(char, longQuotes.includes(char));
    else if (hasLifetimes && char === "'") this.#state = { kind: "character", chars: 0, isEscaped: false };
    else if (lineComments.some((mark) => this.#opensComment(mark))) this.#state = { kind: "lineComment" };
    else if (blockComment !== undefined && this.#recent.endsWith(blockComment[0])) {
      this.#state = { kind: "blockComment" };
      this.#recent = "";
    } else return this.#bracket(char);
    return undefined;
  }

  /** `#` opens one only where a word could begin: not in `$#` or `a#b`. */
  #opensComment(mark: string): boolean {
    return this.#recent.endsWith(mark) && (mark !== "#" || /[\s;()[\],]/.test(this.#recent.at(-2) ?? "\n"));
  }

  #bracket(char: string): BracketEvent {
    if ("([{".includes(char)) {
      this.#open.push(char);
      return "open";
    }
    const opener = CLOSERS[char];
    if (opener === undefined) return undefined;
    const index = this.#open.lastIndexOf(opener);
    if (index < 0) return "outside";
    this.#open.length = index;
    return "close";
  }

  #nextInString(state: State & { kind: "string" }, char: string): void {
    state.chars++;
    if (state.isEscaped) state.isEscaped = false;
    else if (char === "\\") state.isEscaped = true;
    else if (char === "\n" && !state.isLong) this.#leave();
    else if (state.quote.length === 1 ? char === state.quote : closesTriple(state, this.#recent)) {
      if (state.chars === 1) this.#emptyString = char;
      this.#leave();
    }
  }

  /** Behind `'`: one character and another `'`, or a lifetime, which is code. */
  #nextInCharacter(state: State & { kind: "character" }, char: string): BracketEvent {
    state.chars++;
    if (state.isEscaped) state.isEscaped = false;
    else if (char === "\\") state.isEscaped = true;
    else if (char === "'" && state.chars > 1) this.#leave();
    else if (state.chars > 1 && this.#recent.at(-3) !== "\\" && this.#recent.at(-2) !== "\\") {
      this.#leave();
      return this.#nextInCode(char);
    }
    return undefined;
  }

  #leave(): void {
    this.#state = CODE;
    // What closed one thing opens no other: `*/` and then `/`.
    this.#recent = "";
  }
}

function stringOf(quote: string, isLong: boolean): State {
  return { kind: "string", quote, isLong, isEscaped: false, chars: 0 };
}

function closesTriple({ quote, chars }: { quote: string; chars: number }, recent: string): boolean {
  return chars >= quote.length && recent.endsWith(quote);
}
