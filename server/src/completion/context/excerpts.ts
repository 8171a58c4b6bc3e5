// Takes pieces out of files for the context: lines as they stand, and definitions with their bodies left out.
import { findSymbols } from "../../index/symbols.ts";
import type { FileSyntax, SourceText } from "../../syntax/fileSyntax.ts";
import { type Excerpt, MAX_ITEM_LINES } from "./contextItems.ts";
import type { FileText } from "./fileTexts.ts";

/** A definition up to this length is shown whole: short bodies say how things are done here, lines. */
const SHORT_DEFINITION_LINES = 12;
/** Of a definition whose signature no parser finds, so much is shown, lines. */
const HEAD_LINES = 6;
/** A member without rules of its own is shown with what it stands in, if that is not longer, lines. */
const MAX_AROUND_LINES = 20;
/** A definition's name may stand so far below its first line (decorators, modifiers), lines. */
const NAME_BELOW_LINES = 2;
/** Outlines that are remembered. */
const MAX_REMEMBERED = 200;

/** @returns The lines, inclusive, without blank ones at the edges and cut to the most that an item may have; undefined if all are blank. */
export function linesOf(file: FileText, startLine: number, endLine: number): Excerpt | undefined {
  let start = Math.max(0, startLine);
  let end = Math.min(endLine, file.lines.length - 1, start + MAX_ITEM_LINES - 1);
  while (start <= end && isBlank(file.lines[start]!)) start++;
  while (end >= start && isBlank(file.lines[end]!)) end--;
  if (start > end) return undefined;
  const text = file.lines.slice(start, end + 1).join("\n");
  return { path: file.path, form: "lines", startLine: start, endLine: end, text, hash: file.hash };
}

/** @returns The excerpt without what is outside of these lines; undefined if nothing is left. Only for "lines". */
export function narrowed(excerpt: Excerpt, startLine: number, endLine: number): Excerpt | undefined {
  const lines = excerpt.text.split("\n").slice(startLine - excerpt.startLine, endLine - excerpt.startLine + 1);
  const first = lines.findIndex((line) => !isBlank(line));
  if (first === -1) return undefined;
  const last = lines.findLastIndex((line) => !isBlank(line));
  const text = lines.slice(first, last + 1).join("\n");
  return { ...excerpt, text, startLine: startLine + first, endLine: startLine + last };
}

/**
 * The lines of the definition whose name or whole extent an editor gave.
 * @returns The lines as given if they are several; else those of the definition that begins there, or that stands around
 *   it and is short.
 */
export function extentAt(file: FileText, startLine: number, endLine: number): { startLine: number; endLine: number } {
  if (endLine > startLine) return { startLine, endLine };
  const symbols = findSymbols(file.path, file.text).filter(({ line, endLine: end = line }) => {
    return line <= startLine && startLine <= end;
  });
  const own = symbols.findLast(({ line }) => startLine - line <= NAME_BELOW_LINES) ?? symbols.at(-1);
  if (own === undefined) return { startLine, endLine };
  const end = own.endLine ?? own.line;
  const isItself = startLine - own.line <= NAME_BELOW_LINES;
  return isItself || end - own.line < MAX_AROUND_LINES ? { startLine: own.line, endLine: end } : { startLine, endLine };
}

/** Signatures of files and of definitions, each text analysed once. */
export class Outlines {
  readonly #analyse: (files: readonly SourceText[], signal?: AbortSignal) => Promise<FileSyntax[]>;
  readonly #known = new Map<string, string>();

  /** @param analyse As `SyntaxService.analyse`, with outlines. */
  constructor(analyse: (files: readonly SourceText[], signal?: AbortSignal) => Promise<FileSyntax[]>) {
    this.#analyse = analyse;
  }

  /** @returns Of each file its outline, "" if there is nothing to show. @throws What analysing throws. */
  async of(files: readonly FileText[], signal: AbortSignal): Promise<string[]> {
    const keyed = files.map(({ path, text, hash }) => ({ path, text, key: `${path}\0${hash}` }));
    return this.#outlines(keyed, signal);
  }

  /** @returns The definition in these lines: whole if it is short, else its signatures. @throws What analysing throws. */
  async definition(
    file: FileText,
    { startLine, endLine }: { startLine: number; endLine: number },
    signal: AbortSignal,
  ): Promise<Excerpt | undefined> {
    const whole = linesOf(file, startLine, endLine);
    if (whole === undefined || endLine - startLine < SHORT_DEFINITION_LINES) return whole;
    const text = withoutIndent(file.lines.slice(startLine, endLine + 1));
    const key = `${file.path}\0${file.hash}\0${startLine}\0${endLine}`;
    const [outline = ""] = await this.#outlines([{ path: file.path, text, key }], signal);
    if (outline === "") return linesOf(file, startLine, startLine + HEAD_LINES - 1);
    const shown = outline.split("\n").slice(0, MAX_ITEM_LINES).join("\n");
    return { path: file.path, form: "signatures", startLine, endLine, text: shown, hash: file.hash };
  }

  async #outlines(texts: readonly (SourceText & { key: string })[], signal: AbortSignal): Promise<string[]> {
    const fresh = texts.filter(({ key }) => !this.#known.has(key));
    if (fresh.length > 0) {
      const analysed = await this.#analyse(
        fresh.map(({ path, text }) => ({ path, text })),
        signal,
      );
      for (const [index, { key }] of fresh.entries()) this.#known.set(key, analysed[index]!.outline);
    }
    const found = texts.map(({ key }) => this.#known.get(key)!);
    for (const key of [...this.#known.keys()].slice(0, Math.max(0, this.#known.size - MAX_REMEMBERED))) {
      this.#known.delete(key);
    }
    return found;
  }
}

function isBlank(line: string): boolean {
  return line.trim() === "";
}

/** A method taken out of its class parses better at the edge. */
function withoutIndent(lines: readonly string[]): string {
  const indent = /^[ \t]*/.exec(lines[0] ?? "")![0];
  return lines.map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line)).join("\n");
}
