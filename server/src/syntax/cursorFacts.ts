// Says what a cursor stands in and behind, in the same words for every language, from the tokens around it.
import type { Node, Tree } from "web-tree-sitter";
import * as kinds from "./cursorKinds.ts";
import type { CursorSyntax, Enclosure } from "./cursorMessages.ts";

/** Deeper nesting is noise; the way from the root to a token is walked once for each question. */
const MAX_DEPTH = 2000;

/** Of a node with more children only the first and the last can be its brackets. */
const MAX_CHILDREN = 64;

/** What the parser could not fit in lies flat below one node; the brackets of so many children are matched. */
const MAX_ERROR_CHILDREN = 20_000;

/** As many comments in a row are looked over for the code before or behind them. */
const MAX_COMMENTS = 200;

/** The root first, a token last. */
type Path = readonly Node[];

interface Around {
  text: string;
  offset: number;
  grammar: string;
  /** The last token before the cursor, or the one that it stands in; comments do not count. Undefined without one. */
  before: Path | undefined;
  after: Node | undefined;
  /** Blank but for the cursor. */
  isBlankLine: boolean;
}

/** @param text What the tree was made from. @param offset In UTF-16 units. */
export function cursorFacts(tree: Tree, text: string, offset: number, grammar: string): CursorSyntax {
  const root = tree.rootNode;
  const textKind = textKindAt(pathTo(root, offset - 1), text, offset);
  const around: Around = {
    text,
    offset,
    grammar,
    before: codeBefore(root, text, offset),
    after: codeAfter(root, text, offset),
    isBlankLine: lineAt(text, offset).trim() === "",
  };
  const enclosures = enclosuresOf(around);
  const inside = enclosures[0];
  const first = lineStart(text, offset) + indentOf(lineAt(text, offset));
  return {
    inComment: textKind === "comment",
    inString: textKind === "string",
    inArguments: inside !== undefined && inside.kind !== "block",
    inside,
    block: enclosures.find(({ kind }) => kind === "block"),
    followsComment: followsComment(root, text, offset),
    isBeforeComplete: inside?.isAtStart === true || isComplete(around.before),
    isBroken: first < offset && hasError(pathTo(root, first), pathTo(root, offset - 1)),
  };
}

/** The nodes from the root down to the token that holds the character at an index. */
function pathTo(root: Node, index: number): Node[] {
  const path = [root];
  if (index < 0) return path;
  // By the node's method: that of a tree cursor (web-tree-sitter 0.27.1) takes no notice of the index.
  let child = root.firstChildForIndex(index);
  while (child !== null && child.startIndex <= index && path.length < MAX_DEPTH) {
    path.push(child);
    child = child.firstChildForIndex(index);
  }
  return path;
}

function textKindAt(path: Path, text: string, offset: number): "comment" | "string" | undefined {
  for (const node of path.toReversed()) {
    const isWithin = node.startIndex < offset && offset < node.endIndex;
    if (kinds.COMMENTS.has(node.type)) {
      const isOpenAtEnd = node.endIndex === offset && !/(?:\*\/|-->|\n)$/.test(text.slice(offset - 3, offset));
      return isWithin || isOpenAtEnd ? "comment" : undefined;
    }
    if (isWithin && node.isNamed && kinds.INTERPOLATIONS.has(node.type)) return undefined;
    if (isWithin && node.isNamed && kinds.STRINGS.has(node.type)) return "string";
  }
  return undefined;
}

function codeBefore(root: Node, text: string, offset: number): Path | undefined {
  let end = offset;
  for (let comments = 0; comments <= MAX_COMMENTS; comments++) {
    const index = lastInk(text, end);
    if (index < 0) return undefined;
    const path = pathTo(root, index);
    const comment = path.find(({ type }) => kinds.COMMENTS.has(type));
    if (comment === undefined) return path;
    end = comment.startIndex;
  }
  return undefined;
}

function codeAfter(root: Node, text: string, offset: number): Node | undefined {
  let start = offset;
  for (let comments = 0; comments <= MAX_COMMENTS; comments++) {
    const ink = text.slice(start).search(/\S/);
    if (ink < 0) return undefined;
    const path = pathTo(root, start + ink);
    const comment = path.find(({ type }) => kinds.COMMENTS.has(type));
    if (comment === undefined) return path.at(-1);
    start = comment.endIndex;
  }
  return undefined;
}

/** Innermost first. */
function enclosuresOf(around: Around): Enclosure[] {
  const { before, grammar } = around;
  if (before === undefined) return [];
  const found: Enclosure[] = [];
  for (let depth = before.length - 1; depth >= 0; depth--) {
    const node = before[depth]!;
    if (depth < before.length - 1) found.push(...bracketsOf(node, around));
    if (grammar === "python") found.push(...colonBlocks(depth, around));
  }
  return found;
}

interface Opened {
  token: Node;
  closer: string;
  isValue: boolean;
}

/** What a node opens before the cursor and does not close before it, innermost first. */
function bracketsOf(node: Node, around: Around): Enclosure[] {
  const stack: Opened[] = [];
  let previous: Node | undefined;
  for (const token of tokensOf(node)) {
    if (token.endIndex > around.offset) break;
    const closer = token.isNamed || token.isMissing ? undefined : kinds.BRACKETS[token.type];
    if (closer !== undefined) stack.push({ token, closer, isValue: isValueBrace(node, previous) });
    else if (isBlockWord(node, token, around)) stack.push({ token, closer: "end", isValue: false });
    else if (!token.isMissing) close(stack, token.type);
    previous = token;
  }
  return stack.toReversed().flatMap((opened) => enclosureOf(node, opened, around));
}

/** In the order of the text. */
function* tokensOf(node: Node): Generator<Node> {
  if (!node.isError && node.childCount > MAX_CHILDREN) {
    yield node.firstChild!;
    yield node.lastChild!;
    return;
  }
  const cursor = node.walk();
  let count = 0;
  try {
    if (!cursor.gotoFirstChild()) return;
    do {
      if (!cursor.nodeIsNamed || node.isError) yield cursor.currentNode;
    } while (cursor.gotoNextSibling() && ++count < MAX_ERROR_CHILDREN);
  } finally {
    cursor.delete();
  }
}

/** True if a word opens a block that is still open at the cursor. */
function isBlockWord(node: Node, token: Node, { grammar, before }: Around): boolean {
  if (kinds.WORD_BLOCKS[grammar]?.has(`${node.type}:${token.type}`) !== true) return false;
  const last = before!.at(-1)!;
  const isClosed = kinds.CLOSING.has(last.type) && last.endIndex === node.endIndex && !endsMissing(node);
  return !isClosed || node.isError;
}

/** True if the parser made up the end of a node. */
function endsMissing(node: Node): boolean {
  for (let last: Node | null = node; last !== null; last = last.lastChild) if (last.isMissing) return true;
  return false;
}

function close(stack: Opened[], type: string): void {
  if (!kinds.CLOSING.has(type)) return;
  const closer = /^[a-z]/.test(type) ? "end" : type;
  const index = stack.findLastIndex((opened) => opened.closer === closer);
  if (index >= 0) stack.length = index;
}

/** In code that the parser could not fit in, what stands before a brace tells a value from a block. */
function isValueBrace(node: Node, previous: Node | undefined): boolean {
  if (!node.isError) return kinds.LITERALS.has(node.type);
  return previous !== undefined && kinds.BEFORE_A_VALUE.has(previous.type);
}

/** @returns Nothing in the header of a block: whoever is there stands in what is around the block. */
function enclosureOf(node: Node, { token, closer, isValue }: Opened, around: Around): Enclosure[] {
  const { before, after, text, offset } = around;
  const last = before!.at(-1)!;
  const headerRow = token.startPosition.row;
  const cursorRow = lineOf(text, offset);
  const hasHeader = around.grammar === "ruby" && kinds.WORDS_WITH_HEADER.has(token.type);
  const isBehindHeader = hasHeader && last.endPosition.row === headerRow;
  if (isBehindHeader && cursorRow === headerRow) return [];
  const isBehindParameters = last.type === "|" && before!.at(-2)?.type === "block_parameters";
  const isAtStart = isBehindHeader || last.id === token.id || isBehindParameters;
  return [
    {
      kind: closer === "end" ? "block" : kindOf(node, token, isValue),
      startLine: headerRow,
      endLine: Math.max(node.endPosition.row, cursorRow),
      isAtStart,
      isEmpty: isAtStart && isOutside(after, text, token),
    },
  ];
}

function kindOf(node: Node, token: Node, isValue: boolean): Enclosure["kind"] {
  if (token.type === "{") {
    if (kinds.EXPRESSION_BRACES.has(node.type)) return "list";
    return isValue ? "literal" : "block";
  }
  if (token.type === "@{") return "literal";
  return kinds.ROUND_BLOCKS.has(node.type) ? "block" : "list";
}

/** True if the next token does not belong to what `opener` opened, by its kind or its indentation. */
function isOutside(after: Node | undefined, text: string, opener: Node): boolean {
  if (
    after === undefined ||
    kinds.CLOSING.has(after.type) ||
    /^(?:else|elsif|elif|when|rescue|ensure)$/.test(after.type)
  )
    return true;
  const isBelow = after.startPosition.row > opener.startPosition.row;
  return isBelow && indentAt(text, after.startIndex) <= indentAt(text, opener.startIndex);
}

/** Python's blocks around the cursor that belong to one node on the way to the token before it. */
function colonBlocks(depth: number, { before, after, text, offset, isBlankLine }: Around): Enclosure[] {
  const node = before![depth]!;
  const last = before!.at(-1)!;
  const cursorRow = lineOf(text, offset);
  const reaches = (indent: number) => !isBlankLine || offset - lineStart(text, offset) >= indent;
  if (node.type === "block" && node.startIndex < node.endIndex) {
    if (!reaches(indentAt(text, node.startIndex))) return [];
    const endLine = Math.max(node.endPosition.row, cursorRow);
    return [{ kind: "block", startLine: node.startPosition.row, endLine, isAtStart: false, isEmpty: false }];
  }
  const isColon = depth === before!.length - 1 && last.type === ":";
  if (!isColon || !isHeaderColon(before!, text)) return [];
  const headerIndent = indentAt(text, before!.at(-2)!.isError ? last.startIndex : before!.at(-2)!.startIndex);
  if (!reaches(headerIndent + 1)) return [];
  const isEmpty =
    after === undefined ||
    (after.startPosition.row > last.startPosition.row && indentAt(text, after.startIndex) <= headerIndent);
  const startLine = last.startPosition.row;
  return [{ kind: "block", startLine, endLine: cursorRow, isAtStart: true, isEmpty }];
}

function isHeaderColon(before: Path, text: string): boolean {
  const parent = before.at(-2)!;
  if (parent.isError) return kinds.COLON_HEADER.test(lineAt(text, before.at(-1)!.startIndex));
  return /(?:_statement|_definition|_clause)$/.test(parent.type);
}

function followsComment(root: Node, text: string, offset: number): boolean {
  const start = lineStart(text, offset);
  if (start === 0) return false;
  const above = lineAt(text, start - 1);
  const ink = lastInk(text, start);
  if (above.trim() === "") return false;
  const comment = pathTo(root, ink).find(({ type }) => kinds.COMMENTS.has(type));
  return comment !== undefined && text.slice(lineStart(text, comment.startIndex), comment.startIndex).trim() === "";
}

/** False only where something says so: in broken code most of what is seen is a guess. */
function isComplete(before: Path | undefined): boolean {
  if (before === undefined) return true;
  const token = before.at(-1)!;
  if (token.type === ";" || token.type === "}") return true;
  if (token.type === ":" && /case|default|label|switch/.test(before.at(-2)?.type ?? "")) return true;
  const climbs = (node: Node | undefined) => node?.endIndex === token.endIndex && !node.isError;
  let depth = before.length - 1;
  const isBareHeader = (node: Node | undefined) => token.type === ")" && kinds.BARE_HEADERS.has(node?.type ?? "");
  while (depth > 1 && climbs(before[depth - 1]) && !isBareHeader(before[depth - 1])) depth--;
  const whole = before[depth]!;
  if (isBareHeader(before[depth - 1])) return false;
  if (whole.nextSibling?.isMissing === true) return false;
  return whole.isNamed || kinds.CLOSING.has(whole.type);
}

function hasError(from: Path, to: Path): boolean {
  const common = from.findLastIndex((node, depth) => node.id === to[depth]?.id);
  const smallest = from[common];
  return smallest !== undefined && (smallest.hasError || to.some(({ isError }) => isError));
}

/** Index of the last character before `end` that is not white space; -1 without one. */
function lastInk(text: string, end: number): number {
  let index = end - 1;
  while (index >= 0 && /\s/.test(text[index]!)) index--;
  return index;
}

function lineStart(text: string, index: number): number {
  return index <= 0 ? 0 : text.lastIndexOf("\n", index - 1) + 1;
}

function lineAt(text: string, index: number): string {
  const end = text.indexOf("\n", index);
  return text.slice(lineStart(text, index), end < 0 ? text.length : end);
}

function lineOf(text: string, index: number): number {
  let line = 0;
  for (let end = text.indexOf("\n"); end >= 0 && end < index; end = text.indexOf("\n", end + 1)) line++;
  return line;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function indentAt(text: string, index: number): number {
  return indentOf(lineAt(text, index));
}
