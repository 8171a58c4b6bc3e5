// Cuts a file into chunks for search: one definition each where possible, long ones split, small neighbours joined.
import type { Declaration } from "./declarations.ts";
import type { FileChunk, SymbolSpan } from "./fileSyntax.ts";
import { kindOfSignature } from "./symbolKinds.ts";

/**
 * Lengths in characters. A chunk of many subjects is blurred for the embedder, a tiny one says nothing: its card advises
 * one definition of 200 to 1,500 characters (server/models/embedder/MODEL_CARD.md).
 */
const MOST_CHARS = 1500;
const FEW_CHARS = 200;
/** Small neighbours are joined up to this. */
const JOINED_CHARS = 600;
/** A file with more chunks is data; its rest is found by its path. */
const MAX_CHUNKS = 5000;
const MAX_SYMBOLS = 20_000;
const MAX_SIGNATURE_CHARS = 200;

/** A declaration with what its chunk is called. */
export interface NamedDeclaration extends Declaration {
  /** "" if it has no name of its own. */
  name: string;
  signature: string;
  members: NamedDeclaration[];
}

/** A stretch of a file that stays together, offsets in characters. */
interface Unit {
  start: number;
  end: number;
  symbol: string;
  signature: string;
  /** Units of different parents are never joined. */
  parent: string;
}

/**
 * Cuts a file at its definitions. Together the chunks hold every line that is not blank, each once.
 * @param declarations In the order of the text; none for a language without a grammar: then by lines alone.
 */
export function chunksOf(text: string, declarations: readonly NamedDeclaration[]): FileChunk[] {
  const lines = new LineStarts(text);
  const units = unitsBetween(text, 0, text.length, declarations, "", "");
  const cut = joinSmall(wholeLines(units, lines)).flatMap((unit) => splitLong(text, unit, lines));
  const chunks: FileChunk[] = [];
  for (const { start, end, symbol, signature } of cut) {
    const trimmed = trimBlankLines(text, start, end);
    if (trimmed === undefined) continue;
    const startLine = lines.lineAt(trimmed.start);
    const endLine = lines.lineAt(trimmed.end - 1);
    chunks.push({ startLine, endLine, symbol, signature: signature.slice(0, MAX_SIGNATURE_CHARS) });
    if (chunks.length === MAX_CHUNKS) break;
  }
  return chunks;
}

/** The named declarations of a file with their lines, in the order of the text. */
export function symbolsOf(text: string, declarations: readonly NamedDeclaration[]): SymbolSpan[] {
  const lines = new LineStarts(text);
  const symbols: SymbolSpan[] = [];
  const add = (container: string, { name, signature, start, end, members }: NamedDeclaration) => {
    if (symbols.length >= MAX_SYMBOLS) return;
    const [line, endLine] = [lines.lineAt(start), lines.lineAt(end - 1)];
    const kind = kindOfSignature(signature, container !== "");
    if (name !== "") symbols.push({ name, kind, container, signature, line, endLine });
    const inner = [container, name].filter((part) => part !== "").join(".");
    for (const member of members) add(inner, member);
  };
  for (const declaration of declarations) add("", declaration);
  return symbols;
}

/** Declarations and what stands between them; a declaration that is too long is taken apart at its members. */
function unitsBetween(
  text: string,
  start: number,
  end: number,
  declarations: readonly NamedDeclaration[],
  parent: string,
  parentSignature: string,
): Unit[] {
  const units: Unit[] = [];
  let at = start;
  const gap = (to: number) => {
    if (text.slice(at, to).trim() !== "") {
      units.push({ start: at, end: to, symbol: parent, signature: parentSignature, parent });
    }
    at = Math.max(at, to);
  };
  for (const declaration of declarations) {
    const begin = Math.max(at, Math.min(declaration.start, declaration.doc?.start ?? declaration.start));
    if (declaration.end <= begin || declaration.end > end) continue;
    gap(begin);
    const { name, signature, members } = declaration;
    const symbol = name === "" ? parent : [parent, name].filter((part) => part !== "").join(".");
    if (declaration.end - begin <= MOST_CHARS || members.length === 0) {
      units.push({ start: begin, end: declaration.end, symbol, signature, parent });
    } else {
      units.push(...unitsBetween(text, begin, declaration.end, members, symbol, signature));
    }
    at = declaration.end;
  }
  gap(end);
  return units;
}

/** Moves borders to the beginnings of lines: a line belongs to the unit that begins on it first. */
function wholeLines(units: readonly Unit[], lines: LineStarts): Unit[] {
  const moved: Unit[] = [];
  let at = 0;
  for (const unit of units) {
    const start = Math.max(at, lines.startOf(lines.lineAt(unit.start)));
    const end = lines.startOf(lines.lineAt(Math.max(unit.end - 1, 0)) + 1);
    if (end > start) moved.push({ ...unit, start, end });
    at = Math.max(at, end);
  }
  return moved;
}

/** Joins neighbours of one parent while one of them is small; the joined one is called after the longer. */
function joinSmall(units: readonly Unit[]): Unit[] {
  const joined: Unit[] = [];
  for (const unit of units) {
    const last = joined.at(-1);
    const sizes = last === undefined ? [] : [last.end - last.start, unit.end - unit.start];
    const isSmall = sizes.some((size) => size < FEW_CHARS) && sizes.reduce((a, b) => a + b, 0) <= JOINED_CHARS;
    if (last === undefined || last.parent !== unit.parent || !isSmall) {
      joined.push({ ...unit });
      continue;
    }
    if (sizes[1]! > sizes[0]! || last.symbol === last.parent) {
      last.symbol = unit.symbol;
      last.signature = unit.signature;
    }
    last.end = unit.end;
  }
  return joined;
}

/** Windows of whole lines; a cut is made before the least indented line of the second half, best after a blank one. */
function splitLong(text: string, unit: Unit, lines: LineStarts): Unit[] {
  const parts: Unit[] = [];
  let start = unit.start;
  while (unit.end - start > MOST_CHARS) {
    const end = bestCut(text, start, unit.end, lines);
    parts.push({ ...unit, start, end });
    start = end;
  }
  return [...parts, { ...unit, start }];
}

function bestCut(text: string, start: number, end: number, lines: LineStarts): number {
  const first = lines.lineAt(start);
  const limit = lines.lineAt(Math.min(start + MOST_CHARS, end - 1));
  let best = Math.max(limit, first + 1);
  let leastCost = Number.POSITIVE_INFINITY;
  for (let line = limit; line > first && lines.startOf(line) - start >= MOST_CHARS / 2; line--) {
    const begin = lines.startOf(line);
    const content = text.slice(begin, lines.startOf(line + 1));
    if (content.trim() === "") continue;
    const afterBlank = text.slice(lines.startOf(line - 1), begin).trim() === "";
    const cost = content.length - content.trimStart().length - (afterBlank ? 2 : 0);
    if (cost >= leastCost) continue;
    leastCost = cost;
    best = line;
  }
  return Math.min(end, lines.startOf(best));
}

function trimBlankLines(text: string, start: number, end: number): { start: number; end: number } | undefined {
  const piece = text.slice(start, end);
  if (piece.trim() === "") return undefined;
  return { start: start + piece.length - piece.trimStart().length, end: start + piece.trimEnd().length };
}

/** Offsets and lines of one text. */
class LineStarts {
  readonly #starts: number[] = [0];
  readonly #length: number;

  constructor(text: string) {
    this.#length = text.length;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
  }

  /** @returns The offset where a line begins; behind the last one, the end of the text. */
  startOf(line: number): number {
    return this.#starts[line] ?? this.#length;
  }

  lineAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
