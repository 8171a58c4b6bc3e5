// The filters of a search, `path:`, `lang:` and `symbol:`: reads them out of a query and applies them.
import { QUOTED } from "./query.ts";
import { quoted } from "./sql.ts";

/** A filter and its value, quoted or up to the next blank. */
const FILTER = /(?<!\S)(?<kind>path|lang|symbol):(?:"(?<inQuotes>[^"\n]{1,300})"|(?<plain>\S{1,300}))/;
/** What stands between quotes is text, also where it looks like a filter. */
const QUOTED_OR_FILTER = new RegExp(`${QUOTED.source}|${FILTER.source}`, "g");

/** Other names of languages than the endings of their files. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  typescript: ["ts", "tsx", "mts", "cts"],
  ts: ["ts", "tsx", "mts", "cts"],
  typescriptreact: ["tsx"],
  javascript: ["js", "jsx", "mjs", "cjs"],
  js: ["js", "jsx", "mjs", "cjs"],
  javascriptreact: ["jsx"],
  python: ["py", "pyi", "pyw"],
  py: ["py", "pyi", "pyw"],
  rust: ["rs"],
  ruby: ["rb"],
  csharp: ["cs"],
  "c#": ["cs"],
  "c++": ["cpp", "cc", "cxx", "hpp", "hh", "h"],
  cpp: ["cpp", "cc", "cxx", "hpp", "hh", "h"],
  c: ["c", "h"],
  markdown: ["md", "markdown", "mdx"],
  md: ["md", "markdown", "mdx"],
  shell: ["sh", "bash", "zsh"],
  bash: ["sh", "bash", "zsh"],
  shellscript: ["sh", "bash", "zsh"],
  powershell: ["ps1", "psm1", "psd1"],
  golang: ["go"],
  perl: ["pl", "pm"],
  elixir: ["ex", "exs"],
  haskell: ["hs"],
  yaml: ["yaml", "yml"],
  kotlin: ["kt", "kts"],
};

export interface QueryFilters {
  /** Part of the path, any case. */
  path?: string;
  /** Endings of files. */
  languages?: readonly string[];
  /** Part of the symbol's name, any case. */
  symbol?: string;
}

/** @returns The filters (of two of a kind the last one counts), and the query without them. */
export function splitFilters(query: string): { filters: QueryFilters; rest: string } {
  const filters: QueryFilters = {};
  const rest = query.replace(QUOTED_OR_FILTER, (whole: string, ...found: unknown[]) => {
    const { kind, inQuotes, plain } = found.at(-1) as Record<"kind" | "inQuotes" | "plain", string | undefined>;
    if (kind === undefined) return whole;
    const value = (inQuotes ?? plain ?? "").toLowerCase();
    if (kind === "path") filters.path = value;
    if (kind === "symbol") filters.symbol = value;
    if (kind === "lang") filters.languages = endingsOf(value);
    return " ";
  });
  return { filters, rest };
}

/**
 * Why nothing may have been found: a language that is misspelt is taken for an ending that no file has.
 * @param files How many the workspace has, where that is known.
 */
export function nothingFound(query: string, files?: number): string {
  if (files === 0) return "There is nothing to search: the workspace has no files, or rules leave out all of them.";
  const { filters, rest } = splitFilters(query);
  const { path, languages } = filters;
  const endings = languages?.map((ending) => `.${ending}`).join(", ");
  if (rest.trim() !== "" || filters.symbol !== undefined) {
    return endings === undefined ? "Nothing was found." : `Nothing was found in files that end in ${endings}.`;
  }
  const wanted = [
    ...(endings === undefined ? [] : [`ends in ${endings}`]),
    ...(path === undefined ? [] : [`has ${path} in its path`]),
  ];
  return wanted.length === 0 ? "Nothing was found." : `No file ${wanted.join(" and ")}.`;
}

/** An unknown name may be an ending itself. */
function endingsOf(language: string): readonly string[] {
  return Object.hasOwn(ENDINGS, language) ? ENDINGS[language]! : [language.replace(/^\./, "")];
}

/**
 * @param withSymbol Files with a symbol that the filter asks for; undefined: any file may have one.
 * @returns The filters as a condition on the columns path, language and symbol; undefined if there is none.
 */
export function conditionOf(
  { path, languages, symbol }: QueryFilters,
  withSymbol: readonly string[] | undefined,
): string | undefined {
  const conditions: string[] = [];
  if (path !== undefined) conditions.push(`strpos(lower(path), ${quoted(path)}) > 0`);
  if (languages !== undefined) conditions.push(`language IN (${languages.map(quoted).join(", ")})`);
  if (symbol !== undefined && withSymbol !== undefined) {
    const inColumn = `strpos(lower(symbol), ${quoted(symbol)}) > 0`;
    const isIn = `path IN (${withSymbol.map(quoted).join(", ")})`;
    conditions.push(withSymbol.length === 0 ? inColumn : `(${inColumn} OR ${isIn})`);
  }
  return conditions.length === 0 ? undefined : conditions.join(" AND ");
}

/** @param symbol Name of the definition at a place. */
export function matchesFilters(file: { path: string }, symbol: string | undefined, filters: QueryFilters): boolean {
  const path = file.path.toLowerCase();
  const ending = path.slice(path.lastIndexOf(".") + 1);
  if (filters.path !== undefined && !path.includes(filters.path)) return false;
  if (filters.languages !== undefined && !filters.languages.includes(ending)) return false;
  return matchesSymbol(symbol, filters);
}

export function matchesSymbol(symbol: string | undefined, filters: QueryFilters): boolean {
  return filters.symbol === undefined || (symbol?.toLowerCase().includes(filters.symbol) ?? false);
}
