// Names the declarations of a file for chunks and symbols, also in files that need no grammar: headings, top keys, definitions by line rules.
import { findSymbols } from "../index/symbols.ts";
import type { NamedDeclaration } from "./chunks.ts";
import type { Declaration } from "./declarations.ts";
import type { Excerpts } from "./excerpts.ts";
import { fileEnding } from "./languages.ts";
import { type Capture, withoutSign } from "./names.ts";

const MAX_SIGNATURE_CHARS = 200;
const HEADING = /^(#{1,6})\s+(\S.*?)\s*#*$/;
const FENCE = /^ {0,3}(```+|~~~+)/;
const YAML_KEY = /^(?:[\w.$/-]+|"[^"\n]*"|'[^'\n]*')(?=\s*:(?:\s|$))/;
const TOML_TABLE = /^\[+([^\]\n]+)\]/;
/** A key of a JSON file as formatters write it, with what stands before it. */
const JSON_KEY = /^( {2}| {4}|\t)"([^"\n]+)"\s*:/;
/** A private member of a JavaScript class, which no name from outside can mean, so that the names query leaves it out. */
const PRIVATE_NAME = /^(?:(?:static|async|readonly|get|set|override|accessor|declare)\s+|\*\s*)*(#[\w$]+)/;
const NAMING: ReadonlySet<string> = new Set(["def", "outer", "field"]);

/** @param captures Of the names query, in the order of the text. */
export function named(
  text: string,
  declarations: readonly Declaration[],
  captures: readonly Capture[],
  excerpts: Excerpts,
): NamedDeclaration[] {
  const naming = captures.filter(({ kind }) => NAMING.has(kind));
  const nameOf = ({ start, headEnd }: Declaration): string => {
    const first = naming[firstFrom(naming, start)];
    return first === undefined || first.start >= headEnd ? "" : withoutSign(text.slice(first.start, first.end));
  };
  const give = (declaration: Declaration): NamedDeclaration => {
    const signature = excerpts.line(declaration.start, declaration.headEnd, MAX_SIGNATURE_CHARS);
    const name = PRIVATE_NAME.exec(signature)?.[1] ?? nameOf(declaration);
    return { ...declaration, name, signature, members: declaration.members.map(give) };
  };
  return declarations.map(give);
}

/** Sections of a file without a grammar; none for plain text. */
export function sectionsOf(path: string, text: string): NamedDeclaration[] {
  switch (fileEnding(path)) {
    case "md":
    case "markdown":
    case "mdx":
      return headings(text);
    case "json":
    case "jsonc":
      return flat(text, outermostKeys());
    case "yaml":
    case "yml":
      return flat(text, (line) => YAML_KEY.exec(line)?.[0]);
    case "toml":
      return flat(text, (line) => TOML_TABLE.exec(line)?.[1]);
    default:
      return byLineRules(path, text);
  }
}

/** @returns Names the keys of a file, line by line, that stand as far from the margin as its first one. */
function outermostKeys(): (line: string) => string | undefined {
  let outermost: string | undefined;
  return (line) => {
    const [, indentation, name] = JSON_KEY.exec(line) ?? [];
    outermost ??= indentation;
    return indentation === outermost ? name : undefined;
  };
}

interface Line {
  start: number;
  text: string;
}

function linesOf(text: string): Line[] {
  let start = 0;
  return text.split("\n").map((line) => {
    const found = { start, text: line };
    start += line.length + 1;
    return found;
  });
}

/** A section ends where the next of its level or a higher one begins. */
function headings(text: string): NamedDeclaration[] {
  const root: NamedDeclaration = section("", "", 0, text.length);
  const open: { level: number; section: NamedDeclaration }[] = [{ level: 0, section: root }];
  let fence: string | undefined;
  for (const line of linesOf(text)) {
    const mark = FENCE.exec(line.text)?.[1];
    if (fence === undefined) fence = mark;
    else if (mark?.startsWith(fence)) fence = undefined;
    const heading = fence === undefined ? HEADING.exec(line.text) : null;
    if (heading === null) continue;
    const level = heading[1]!.length;
    while (open.at(-1)!.level >= level) open.pop()!.section.end = line.start;
    const opened = section(heading[2]!, line.text, line.start, text.length);
    open.at(-1)!.section.members.push(opened);
    open.push({ level, section: opened });
  }
  return root.members;
}

function flat(text: string, nameOf: (line: string) => string | undefined): NamedDeclaration[] {
  const sections: NamedDeclaration[] = [];
  for (const line of linesOf(text)) {
    const name = nameOf(line.text);
    if (name === undefined) continue;
    const last = sections.at(-1);
    if (last !== undefined) last.end = line.start;
    sections.push(section(name, line.text, line.start, text.length));
  }
  return sections;
}

/** For languages without a grammar here; definitions inside others are their members. */
function byLineRules(path: string, text: string): NamedDeclaration[] {
  const lines = linesOf(text);
  const top: NamedDeclaration[] = [];
  const open: NamedDeclaration[] = [];
  for (const { name, line, endLine = line } of findSymbols(path, text)) {
    const { start, text: head } = lines[line]!;
    const end = lines[endLine + 1]?.start ?? text.length;
    while (open.length > 0 && open.at(-1)!.end <= start) open.pop();
    const found = section(name, head, start, Math.min(end, open.at(-1)?.end ?? end));
    (open.at(-1)?.members ?? top).push(found);
    open.push(found);
  }
  return top;
}

function section(name: string, head: string, start: number, end: number): NamedDeclaration {
  const signature = head.trim().slice(0, MAX_SIGNATURE_CHARS);
  return { name, signature, start, end, headEnd: Math.min(end, start + head.length), members: [] };
}

/** @returns Index of the first capture that begins at or after an offset. */
function firstFrom(captures: readonly Capture[], offset: number): number {
  let low = 0;
  let high = captures.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (captures[middle]!.start < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
