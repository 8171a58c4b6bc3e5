// The filters of a search, `path:`, `lang:` and `symbol:`: reads them out of a query and applies them.
import { quoted } from "./chunkStore.ts";

/** A filter and its value, quoted or up to the next blank. */
const FILTER = /(?<!\S)(path|lang|symbol):(?:"([^"\n]{1,300})"|(\S{1,300}))/g;

/** Other names of languages than the endings of their files. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  typescript: ["ts", "tsx", "mts", "cts"],
  ts: ["ts", "tsx", "mts", "cts"],
  javascript: ["js", "jsx", "mjs", "cjs"],
  js: ["js", "jsx", "mjs", "cjs"],
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
  const rest = query.replace(
    FILTER,
    (_whole, kind: string, inQuotes: string | undefined, plain: string | undefined) => {
      const value = (inQuotes ?? plain ?? "").toLowerCase();
      if (kind === "path") filters.path = value;
      if (kind === "symbol") filters.symbol = value;
      if (kind === "lang") filters.languages = ENDINGS[value] ?? [value.replace(/^\./, "")];
      return " ";
    },
  );
  return { filters, rest };
}

/** @returns The filters as a condition on the columns path and language; undefined without such filters. */
export function conditionOf({ path, languages }: QueryFilters): string | undefined {
  const conditions: string[] = [];
  if (path !== undefined) conditions.push(`strpos(lower(path), ${quoted(path)}) > 0`);
  if (languages !== undefined) conditions.push(`language IN (${languages.map(quoted).join(", ")})`);
  return conditions.length === 0 ? undefined : conditions.join(" AND ");
}

/** @param symbol Name of the definition at a place. */
export function matchesFilters(file: { path: string }, symbol: string | undefined, filters: QueryFilters): boolean {
  const path = file.path.toLowerCase();
  const ending = path.slice(path.lastIndexOf(".") + 1);
  if (filters.path !== undefined && !path.includes(filters.path)) return false;
  if (filters.languages !== undefined && !filters.languages.includes(ending)) return false;
  return filters.symbol === undefined || (symbol?.toLowerCase().includes(filters.symbol) ?? false);
}
