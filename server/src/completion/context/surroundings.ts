// Finds the names near the cursor and in the signatures around it, by lines and indentation: quick, for every language, and approximate.
import { languageOf } from "../../index/symbolRules.ts";
import { canonicalUri } from "../../uris.ts";
import type { ContextRequest, NameAt, Surroundings } from "./contextItems.ts";
import type { FileTexts } from "./fileTexts.ts";

/** Lines around the cursor whose names matter; above it the most is known about what comes next. */
const LINES_ABOVE = 4;
const LINES_BELOW = 1;
/** Enclosing definitions that are looked at, from inside. */
const MAX_HEADS = 3;
/** Longest signature, lines. */
const MAX_HEAD_LINES = 12;
/** How far above the cursor an enclosing definition is looked for, lines. */
const MAX_LINES_UP = 400;
/** Looking a name up takes the editor time; the nearest ones say the most. */
const MAX_NAMES = 12;
const MIN_NAME_CHARS = 2;
const NAME = /[\p{L}_$][\p{L}\p{N}_$]*/gu;

/** Of the common languages, with the types that every one of them has: nobody needs their definition. */
const NOT_NAMES = new Set(
  `abstract and any as assert async await base begin bool boolean break byte case catch chan char class const constexpr
  continue crate debugger def default defer del delete do double elif else elsif end ensure enum except explicit export
  extends extern false final finally float fn for foreach from func function get global go goto if impl implements import
  in include inline instanceof int interface internal is lambda let long loop match mod module move mut namespace native
  never new nil none None not null nullptr number object of operator or override package pass private protected pub public
  raise readonly ref rescue return self Self sealed set short signed sizeof static string String str struct super switch
  template then this throw throws trait true True False try type typedef typeof undefined union unknown unless unsafe
  unsigned until use using val var virtual void volatile when where while with yield`.split(/\s+/),
);

/** @returns What the sources need to know of the place. */
export function surroundingsOf(
  { document, place }: Pick<ContextRequest, "document" | "place">,
  texts: FileTexts,
): Surroundings {
  const lines = (place.textBefore + place.textAfter).split("\n");
  const cursorLine = lineOf(place.textBefore);
  const names = namesAround(lines, cursorLine, place.lineBefore.length, place.path);
  return { uri: canonicalUri(document.uri), path: place.path, lines, cursorLine, names, texts };
}

/** @returns Which line a text ends in, 0-based. */
export function lineOf(textBefore: string): number {
  let line = 0;
  for (let at = textBefore.indexOf("\n"); at !== -1; at = textBefore.indexOf("\n", at + 1)) line++;
  return line;
}

/** @returns The names in a text that can be defined somewhere, each once. */
export function identifiersIn(text: string): Set<string> {
  return new Set((text.match(NAME) ?? []).filter(isName));
}

/**
 * @param cursorCharacter In its line; the word that the cursor touches is not a name yet.
 * @param path Decides what is a comment.
 */
export function namesAround(
  lines: readonly string[],
  cursorLine: number,
  cursorCharacter: number,
  path: string,
): NameAt[] {
  const hash = languageOf(path)?.comments === "hash";
  const found = new Map<string, NameAt>();
  for (const line of nearbyLines(lines, cursorLine)) {
    const onLine = namesOn(lines[line]!, line, hash).filter(
      ({ name, character }) =>
        line !== cursorLine || character > cursorCharacter || character + name.length < cursorCharacter,
    );
    // What stands last before the cursor is what comes next is about.
    if (line === cursorLine) onLine.sort((a, b) => distance(a, cursorCharacter) - distance(b, cursorCharacter));
    for (const name of onLine) if (!found.has(name.name)) found.set(name.name, name);
  }
  return [...found.values()].slice(0, MAX_NAMES);
}

/** The cursor's line, those around it, then the signatures around it from inside; each once. */
function nearbyLines(lines: readonly string[], cursorLine: number): Set<number> {
  const near = new Set([cursorLine]);
  for (let line = cursorLine - 1; line >= Math.max(0, cursorLine - LINES_ABOVE); line--) near.add(line);
  for (let line = cursorLine + 1; line <= Math.min(lines.length - 1, cursorLine + LINES_BELOW); line++) near.add(line);
  for (const line of headLines(lines, cursorLine)) near.add(line);
  return near;
}

/** Lines of the signatures around a line: those above that stand less deep, with what their brackets enclose. */
function headLines(lines: readonly string[], cursorLine: number): number[] {
  const heads: number[] = [];
  const own = lines[cursorLine]!;
  let depth = own.trim() === "" ? Number.POSITIVE_INFINITY : indentOf(own);
  let nHeads = 0;
  for (let line = cursorLine - 1; line >= Math.max(0, cursorLine - MAX_LINES_UP) && nHeads < MAX_HEADS; line--) {
    const text = lines[line]!;
    if (text.trim() === "") continue;
    // On a blank line the next line above tells how deep the cursor is.
    if (depth === Number.POSITIVE_INFINITY) depth = opensBlock(text) ? indentOf(text) + 1 : indentOf(text);
    if (indentOf(text) >= depth) continue;
    depth = indentOf(text);
    nHeads++;
    const start = startsWithCloser(text) ? openerOf(lines, line) : line;
    for (let head = start; head <= line; head++) heads.push(head);
    line = start;
  }
  return heads;
}

/** A signature of several lines ends with `): Result {` at the depth of its beginning. */
function openerOf(lines: readonly string[], closer: number): number {
  const depth = indentOf(lines[closer]!);
  for (let line = closer - 1; line > Math.max(-1, closer - MAX_HEAD_LINES); line--) {
    if (lines[line]!.trim() !== "" && indentOf(lines[line]!) <= depth) return line;
  }
  return closer;
}

function opensBlock(line: string): boolean {
  return /[{([:]\s*$/.test(line);
}

function startsWithCloser(line: string): boolean {
  return /^\s*[)\]}]/.test(line);
}

function namesOn(line: string, index: number, hash: boolean): NameAt[] {
  const code = withoutTexts(line, hash);
  return [...code.matchAll(NAME)]
    .filter(({ 0: name }) => isName(name))
    .map(({ 0: name, index: character }) => ({ name, line: index, character }));
}

function isName(name: string): boolean {
  return name.length >= MIN_NAME_CHARS && !NOT_NAMES.has(name);
}

/** Blanks out comments and quoted texts, so that everything else stays where it is. */
function withoutTexts(line: string, hash: boolean): string {
  if (!hash && /^\s*(?:\/\*|\*\s|\*\/|\*$)/.test(line)) return "";
  const texts = hash ? /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|#.*$/g : /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\/\/.*$/g;
  return line.replace(texts, (text) => " ".repeat(text.length));
}

function distance({ name, character }: NameAt, cursor: number): number {
  return character >= cursor ? character - cursor : cursor - character - name.length;
}

function indentOf(line: string): number {
  return /^\s*/.exec(line)![0].length;
}
