// What filters without a word find: the files that fit, those that others use most first, each by its main definitions.
import { matchesFilters, type QueryFilters } from "./filters.ts";
import { isTest, type RankedFile } from "./placeRanking.ts";
import type { Query } from "./query.ts";
import type { SymbolEntry } from "./symbolTable.ts";

/** Definitions of one file, if there is room for so many of each. */
const MAX_PER_FILE = 3;

interface FileWithSymbols extends RankedFile {
  symbols: readonly SymbolEntry[];
}

interface ListedFile<File> {
  file: File;
  /** None in a file without definitions. */
  definitions: readonly SymbolEntry[];
}

/** True where only `path:` and `lang:` say what is wanted; `symbol:` asks for definitions, which have an order of their own. */
export function asksForFiles({ words, literals, paths }: Query, { path, languages, symbol }: QueryFilters): boolean {
  const isEmpty = words.length === 0 && literals.length === 0 && paths.length === 0;
  return isEmpty && symbol === undefined && (path !== undefined || languages !== undefined);
}

/**
 * @param most Most places in all; every file has its turn before one has two.
 * @param useOf How much other files use the one of this path.
 * @returns Best first: tests come after what they test, then use, age and path decide.
 */
export function filteredFiles<File extends FileWithSymbols>(
  files: Iterable<File>,
  filters: QueryFilters,
  most: number,
  useOf: (path: string) => number,
): ListedFile<File>[] {
  const fitting = [...files].filter((file) => matchesFilters(file, undefined, filters));
  const ranks = new Map(fitting.map(({ path }) => [path, { test: Number(isTest(path)), use: useOf(path) }]));
  fitting.sort((a, b) => {
    const [ofA, ofB] = [ranks.get(a.path)!, ranks.get(b.path)!];
    return ofA.test - ofB.test || ofB.use - ofA.use || b.changedMs - a.changedMs || (a.path < b.path ? -1 : 1);
  });
  const perFile = Math.max(1, Math.min(MAX_PER_FILE, Math.floor(most / fitting.length)));
  return fitting.slice(0, most).map((file) => ({ file, definitions: mainDefinitions(file).slice(0, perFile) }));
}

/** Those at the top of the file: what it is named after, then the longest. */
function mainDefinitions({ path, symbols }: FileWithSymbols): SymbolEntry[] {
  const fileName = lettersOf(path.slice(path.lastIndexOf("/") + 1).replace(/\..*$/, ""));
  const isNamesake = ({ name }: SymbolEntry) => Number(lettersOf(name) === fileName);
  const length = ({ line, endLine = line }: SymbolEntry) => endLine - line;
  return symbols
    .filter(({ container = "" }) => container === "")
    .sort((a, b) => isNamesake(b) - isNamesake(a) || length(b) - length(a) || a.line - b.line);
}

/** `parse_header`, `parse-header` and `ParseHeader` are one name. */
function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, "");
}
