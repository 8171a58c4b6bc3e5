// How each language writes comments, strings and scopes, for what looks at lines and characters without a parser.

/**
 * What ends a scope: a bracket; less indentation; a word (`end`) or less indentation; a tag or less indentation; nothing.
 */
export type Scopes = "brackets" | "indentation" | "words" | "tags" | "none";

export interface LexicalRules {
  scopes: Scopes;
  lineComments: readonly string[];
  blockComment?: readonly [string, string];
  /** Each opens a string that it closes too. */
  quotes: string;
  /** Of these, the ones whose strings go on over the end of a line. */
  longQuotes: string;
  /** Three of a quote open a string that goes on over lines. */
  hasTripleQuotes: boolean;
  /** `'x'` is one character, and `'x` something else (a lifetime). */
  hasLifetimes: boolean;
}

const PLAIN: LexicalRules = {
  scopes: "brackets",
  lineComments: [],
  quotes: '"',
  longQuotes: "",
  hasTripleQuotes: false,
  hasLifetimes: false,
};
const SLASHES: LexicalRules = { ...PLAIN, lineComments: ["//"], blockComment: ["/*", "*/"], quotes: "\"'" };
const SCRIPT: LexicalRules = { ...SLASHES, quotes: "\"'`", longQuotes: "`" };
const TRIPLE: LexicalRules = { ...SLASHES, hasTripleQuotes: true };
const HASH: LexicalRules = { ...PLAIN, lineComments: ["#"], quotes: "\"'" };
const DASHES: LexicalRules = { ...PLAIN, lineComments: ["--"], quotes: "\"'" };
const TAGS: LexicalRules = { ...PLAIN, scopes: "tags", blockComment: ["<!--", "-->"], quotes: "" };
const PROSE: LexicalRules = { ...PLAIN, scopes: "none", quotes: "" };

const LANGUAGES: readonly (readonly [LexicalRules, string])[] = [
  [SCRIPT, "typescript typescriptreact javascript javascriptreact go"],
  [TRIPLE, "java kotlin swift scala dart groovy csharp"],
  [SLASHES, "c cpp objective-c objective-cpp cuda-cpp php scss less json jsonc json5 proto3 proto solidity zig d"],
  [{ ...SLASHES, hasLifetimes: true, quotes: '"', longQuotes: '"' }, "rust"],
  [{ ...SLASHES, lineComments: [] }, "css"],
  [HASH, "r perl perl6 powershell terraform hcl graphql nix"],
  [{ ...HASH, scopes: "indentation", hasTripleQuotes: true }, "python"],
  [{ ...HASH, scopes: "indentation" }, "yaml dockercompose coffeescript nim makefile gdscript"],
  [{ ...DASHES, scopes: "indentation", blockComment: ["{-", "-}"], quotes: '"' }, "haskell elm"],
  [{ ...SLASHES, scopes: "indentation", quotes: '"', hasTripleQuotes: true }, "fsharp"],
  [{ ...HASH, scopes: "words", longQuotes: "\"'" }, "ruby shellscript crystal fish"],
  [{ ...HASH, scopes: "words", hasTripleQuotes: true, quotes: '"' }, "elixir julia"],
  [{ ...DASHES, scopes: "words" }, "lua"],
  [TAGS, "html xml vue svelte handlebars razor erb astro"],
  [{ ...DASHES, scopes: "none" }, "sql"],
  [{ ...HASH, scopes: "none" }, "toml ini properties dockerfile dotenv ignore"],
  [PROSE, "markdown plaintext latex restructuredtext asciidoc mdx"],
];

const BY_LANGUAGE = new Map(
  LANGUAGES.flatMap(([rules, names]) => names.split(" ").map((name) => [name, rules] as const)),
);

/** @param languageId As the editor names it; an unknown one gets brackets and double quotes. */
export function lexicalRules(languageId: string): LexicalRules {
  return BY_LANGUAGE.get(languageId) ?? PLAIN;
}

/** True where fences and lines of marks are text: a language for people. */
export function isProse(languageId: string): boolean {
  return BY_LANGUAGE.get(languageId) === PROSE;
}

/** Words that close a block and stand first in their line. */
export const CLOSING_WORDS = /^(?:end|fi|done|esac)\b/;

/** Brackets, a word, a tag or a fence, and what may stand behind them. */
const CLOSES_ONLY = /^(?:[)\]}]+|(?:end|fi|done|esac)\b|<\/[\w.:-]*>|`{3,})[)\]};,]*$/;

/** True if a line closes something and says nothing else: such lines are alike and stand below each other. */
export function closesOnly(line: string): boolean {
  return CLOSES_ONLY.test(line.trim());
}

/** What stands first in a line that goes on with the construct before it. */
export const GOES_ON =
  /^(?:else|elif|elsif|elseif|except|catch|finally|rescue|ensure|when|case|default|and|or|then|do)\b|^[)\]}.,;?:&|+]|^<\//;

const COLON_END = /:\s*(?:#.*)?$/;
const BRACKET_END = /[{([]\s*$/;
const ARROW_END = /(?:=>|\bfunction\b[^({]*(?:\([^()]*\))?)\s*$/;
const LABEL_END = /^\s*(?:case\b.*|default\s*):\s*$/;
const WORD_OPENING =
  /^\s*(?:def|defp|defmodule|class|module|if|unless|while|until|for|case|begin|else|elsif|elif|when|rescue|ensure|function|local function|struct|quote)\b|\b(?:do|then|in)\s*(?:\|[^|]*\|)?\s*$|\bfunction\s*\([^()]*\)\s*$/;

/** True if a line ends where a block begins, as far as the line alone tells. */
export function opensBlock(line: string, { scopes }: LexicalRules): boolean {
  if (BRACKET_END.test(line)) return scopes !== "none" && scopes !== "tags";
  if (scopes === "brackets") return ARROW_END.test(line) || LABEL_END.test(line);
  if (scopes === "indentation") return COLON_END.test(line) || /(?:=|->|\bdo|\bof|\bwhere)\s*$/.test(line);
  if (scopes === "words") return WORD_OPENING.test(line) && !/(?:^|\s)(?:end|fi|done|esac)\s*$/.test(line);
  return false;
}

const BRACELESS_HEADER = /^\s*(?:(?:\}\s*)?else\s+)?(?:if|for|foreach|while)\s*\(.*\)\s*$|^\s*(?:\}\s*)?else\s*$/;

/** True if the next line alone belongs to the line, without a bracket: `if (a)`. */
export function headsNextLine(line: string): boolean {
  return BRACELESS_HEADER.test(line);
}

export function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
