// Chooses, always the same way, what the tour shows in a codebase: a source file, functions in it, cursors in them.
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { collectFiles } from "../codebase/fileSet.ts";
import type { WorkspaceFile } from "../codebase/workspaceFile.ts";

/** Extensions of languages whose functions the patterns below find. */
const SOURCE_EXTENSIONS = new Set(
  ".ts .tsx .mts .js .jsx .mjs .cjs .py .rs .go .java .kt .c .h .cc .cpp .hpp .cs .rb .php .swift .scala .lua".split(
    " ",
  ),
);
/** Files that are looked into before the tour goes on without a function. */
const MOST_FILES = 20;
/** A cursor near the top of a file gives the model too little to go on, lines. */
const LINES_BEFORE_CURSOR = 5;
/** What really stands there must be a whole thought, not the beginning of more lines. */
const OPENS_MORE = /(?:[([{,+|&?:]|=>)$/;
/** What the model would have to write must be worth looking at, characters. */
const SHORTEST_REST = 4;
/** Shorter names (`run`, `get`) occur everywhere, characters. */
const TELLING_NAME = 9;
/** Most lines of a range to edit: its diff should fit a screen. */
const MOST_EDIT_LINES = 8;

/** `function name(`, `def name(`, `fn name(` and the like. */
const KEYWORD_HEADER = /\b(?:function\*?|def|fn|func|fun)\s+(?:\([^)]*\)\s*)?(?<name>[A-Za-z_$][\w$]*)\s*[(<[]/;
/** `name(…) {` as methods have it, and C, Java and C# functions. */
const BRACE_HEADER =
  /^\s*(?:[\w$<>,*&:[\]?]+\s+)*[*&#]?(?<name>[A-Za-z_$][\w$]*)\s*(?:<[^()]*>)?\([^;{}]*\)[^;={}]*\{$/;
/** Words that stand before a bracket and are no functions. */
const NO_FUNCTION = new Set(
  "if for while switch catch with return else do try match loop constructor function new".split(" "),
);
const COMMENT = /^(?:\/\/|\/\*|\*|#|--|"""|''')/;
/** Where a line can be cut so that what follows is the writer's next thought: not within brackets or texts. */
const CUT = /^(?<before>[^{}()"'`,]*?(?:\breturn | = ))(?<rest>\S.*)$/;

export interface TourSource {
  absolutePath: string;
  text: string;
}

/** A function by its 0-based inclusive lines. */
export interface FunctionLines {
  name: string;
  start: number;
  end: number;
}

/** A place where a line is cut: as if the user had typed just so far. */
export interface Cursor {
  line: number;
  character: number;
  /** What really stands there, up to the line's end. */
  rest: string;
}

/**
 * The source files that were read, largest first: they are what there is to show.
 * @param folder Absolute path of the workspace folder.
 * @param leftOut Paths that the model has not read.
 * @returns At most {@link MOST_FILES}; unread ones if nothing else is there.
 */
export async function chooseSources(
  folder: string,
  leftOut: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<TourSource[]> {
  const { files } = await collectFiles([{ name: basename(folder), path: folder }], { signal });
  const sources = files.filter((file) => SOURCE_EXTENSIONS.has(extname(file.path).toLowerCase()));
  const read = sources.filter((file) => !leftOut.has(file.path));
  const chosen = largestFirst(read.length > 0 ? read : sources).slice(0, MOST_FILES);
  return Promise.all(
    chosen.map(async ({ absolutePath }) => ({ absolutePath, text: await readFile(absolutePath, "utf8") })),
  );
}

/** The first file with a place for a cursor. */
export function sourceWithCursor(sources: readonly TourSource[]): TourSource | undefined {
  return sources.find(({ text }) => chooseCursors(text).length > 0);
}

/** Names of the functions in these files, those first that say enough to be asked about. */
export function functionNames(sources: readonly TourSource[]): string[] {
  const names = sources.flatMap(({ text }) => findFunctions(text).map(({ name }) => name));
  const isTelling = (name: string) => name.length >= TELLING_NAME;
  return [...names.filter(isTelling), ...names.filter((name) => !isTelling(name))];
}

/** All functions of a text that are longer than one line, by their headers and the indentation of what follows. */
export function findFunctions(text: string): FunctionLines[] {
  const lines = text.split(/\r?\n/);
  const found: FunctionLines[] = [];
  for (const [start, line] of lines.entries()) {
    const name = headerName(line);
    if (name === undefined) continue;
    const end = endOfBlock(lines, start);
    if (end > start) found.push({ name, start, end });
  }
  return found;
}

/** Places inside of functions where a line can be cut, in the order of the text. */
export function chooseCursors(text: string): Cursor[] {
  const lines = text.split(/\r?\n/);
  const inside = new Set<number>();
  for (const { start, end } of findFunctions(text)) for (let line = start + 1; line <= end; line++) inside.add(line);
  const cursors: Cursor[] = [];
  for (const line of [...inside].sort((a, b) => a - b)) {
    const content = lines[line] ?? "";
    const { before, rest } = CUT.exec(content)?.groups ?? {};
    if (line < LINES_BEFORE_CURSOR || before === undefined || rest === undefined) continue;
    if (
      COMMENT.test(content.trim()) ||
      OPENS_MORE.test(rest.trimEnd()) ||
      rest.replace(/\W/g, "").length < SHORTEST_REST
    )
      continue;
    cursors.push({ line, character: before.length, rest });
  }
  return cursors;
}

/** The first lines of the first function that is not too short to be interesting, else of the first. */
export function chooseEditLines(text: string): FunctionLines | undefined {
  const functions = findFunctions(text);
  const chosen = functions.find(({ start, end }) => end - start >= 2 && end - start < MOST_EDIT_LINES) ?? functions[0];
  return chosen && { ...chosen, end: Math.min(chosen.end, chosen.start + MOST_EDIT_LINES - 1) };
}

/** Size first; the path decides between equals, so that the choice is the same on every machine. */
function largestFirst(files: readonly WorkspaceFile[]): WorkspaceFile[] {
  return [...files].sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
}

function headerName(line: string): string | undefined {
  if (COMMENT.test(line.trim())) return undefined;
  const declared = KEYWORD_HEADER.exec(line)?.groups?.name;
  const name = BRACE_HEADER.exec(line)?.groups?.name;
  return declared ?? (name === undefined || NO_FUNCTION.has(name) ? undefined : name);
}

/** The last line that is indented more than the header, and the closing bracket after it. */
function endOfBlock(lines: readonly string[], start: number): number {
  const indent = indentOf(lines[start] ?? "");
  let end = start;
  for (let line = start + 1; line < lines.length; line++) {
    const content = lines[line] ?? "";
    if (content.trim() === "") continue;
    if (indentOf(content) > indent) end = line;
    else return /^\s*(?:[}\])]|end\b)/.test(content) ? line : end;
  }
  return end;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
