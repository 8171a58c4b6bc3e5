// Recognises definitions line by line with regular expressions and finds their ends by indentation: quick, without a parser, and approximate.
import { type Language, languageOf, NOT_NAMES, type SymbolKind, type SymbolRule } from "./symbolRules.ts";

/** Longer lines are data or minified code, characters. */
const MAX_LINE_CHARS = 1000;
/** A tab counts as this many columns of indentation; only comparisons within one file matter. */
const TAB_COLUMNS = 4;
/** Lines of a signature that are looked at for its end. */
const MAX_SIGNATURE_LINES = 24;

const CLASS_LIKE: ReadonlySet<string> = new Set(["class", "interface", "struct", "enum", "trait", "scope"]);
const PREPROCESSOR = /^#\s*(?:if|ifdef|ifndef|elif|else|endif|define|undef|include|pragma|region|endregion)\b/;
const ACCESS_LABEL = /^(?:public|private|protected|signals|(?:public|private|protected) slots)\s*:$/;

export interface SymbolDefinition {
  name: string;
  kind: SymbolKind;
  /** 0-based. */
  line: number;
  /** 0-based, inclusive; absent where the end is not known. */
  endLine?: number;
}

/**
 * @param path Path of the file; its extension chooses the language.
 * @param text The whole text, lines ending with LF.
 * @returns The definitions in the order of their lines; none for a language without rules. Takes linear time.
 */
export function findSymbols(path: string, text: string): SymbolDefinition[] {
  const language = languageOf(path);
  if (language === undefined) return [];
  const scan = new Scan(language, text.split("\n"));
  return scan.run();
}

interface OpenSymbol {
  symbol: SymbolDefinition | undefined;
  kind: SymbolRule["kind"];
  indent: number;
}

class Scan {
  readonly #language: Language;
  readonly #lines: string[];
  readonly #found: SymbolDefinition[] = [];
  /** Definitions whose end is not reached, outermost first. */
  readonly #open: OpenSymbol[] = [];
  /** Text that ends the comment or string we are in. */
  #skipUntil: string | undefined;
  #lastContentLine = 0;

  constructor(language: Language, lines: string[]) {
    this.#language = language;
    this.#lines = lines;
  }

  run(): SymbolDefinition[] {
    for (const [index, line] of this.#lines.entries()) {
      const content = line.trim();
      if (content === "") continue;
      if (this.#isSkipped(content)) {
        if (this.#language.comments === "hash") this.#lastContentLine = index;
        continue;
      }
      const indent = indentOf(line);
      this.#closeBefore(index, indent, content);
      if (line.length <= MAX_LINE_CHARS) this.#define(index, line, indent);
      this.#lastContentLine = index;
    }
    for (const open of this.#open) this.#end(open, this.#lastContentLine);
    return this.#found;
  }

  /** True inside block comments and, in Python, inside texts of several lines. */
  #isSkipped(content: string): boolean {
    if (this.#skipUntil !== undefined) {
      if (content.includes(this.#skipUntil)) this.#skipUntil = undefined;
      return true;
    }
    if (this.#language.comments === "slash") {
      if (content.startsWith("//")) return true;
      if (!content.startsWith("/*")) return false;
      if (!content.includes("*/", 2)) this.#skipUntil = "*/";
      return true;
    }
    if (content.startsWith("=begin")) this.#skipUntil = "=end";
    for (const quotes of ['"""', "'''"]) {
      if (content.split(quotes).length % 2 === 0) this.#skipUntil = quotes;
    }
    return content.startsWith("#") || content.startsWith("=begin");
  }

  /** Ends the definitions that this line is no longer part of. */
  #closeBefore(index: number, indent: number, content: string): void {
    for (let open = this.#open.at(-1); open !== undefined && indent <= open.indent; open = this.#open.at(-1)) {
      if (indent === open.indent && continues(content)) return;
      this.#open.pop();
      const closes = indent === open.indent && /^(?:[\]}]|end\b)/.test(content);
      this.#end(open, closes ? index : this.#lastContentLine);
      if (closes) return;
    }
  }

  #end(open: OpenSymbol, line: number): void {
    if (open.symbol !== undefined) open.symbol.endLine = Math.max(line, open.symbol.line);
  }

  #define(index: number, line: string, indent: number): void {
    for (const rule of this.#language.rules) {
      const name = rule.pattern.exec(line)?.[1];
      if (name === undefined || NOT_NAMES.has(name)) continue;
      if (rule.open && !this.#opensBlock(index, indent)) continue;
      const inClass = rule.kind === "function" && CLASS_LIKE.has(this.#open.at(-1)?.kind ?? "");
      const kind = inClass ? "method" : rule.kind;
      const symbol = kind === "scope" ? undefined : { name, kind, line: index };
      if (symbol !== undefined) this.#found.push(symbol);
      if (!rule.flat) this.#open.push({ symbol, kind, indent });
      return;
    }
  }

  /** Whether the signature that goes on below ends with `) … {`: a call ends otherwise. */
  #opensBlock(index: number, indent: number): boolean {
    for (const line of this.#lines.slice(index + 1, index + 1 + MAX_SIGNATURE_LINES)) {
      if (line.trim() === "" || indentOf(line) > indent) continue;
      return line.trimStart().startsWith(")") && /\{\s*$/.test(line) && !/=>\s*\{\s*$/.test(line);
    }
    return false;
  }
}

/** A line at a definition's own indentation that is still part of it: a brace, a signature's end, a label. */
function continues(content: string): boolean {
  if (/^(?:[{)]|where\b)/.test(content) || PREPROCESSOR.test(content) || ACCESS_LABEL.test(content)) return true;
  return /^[\]}]/.test(content) && /(?:[{([:,]|=>|->)$/.test(content);
}

function indentOf(line: string): number {
  let indent = 0;
  for (let at = 0; line[at] === " " || line[at] === "\t"; at++) indent += line[at] === "\t" ? TAB_COLUMNS : 1;
  return indent;
}
