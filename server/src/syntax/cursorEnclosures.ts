// Finds what is open around a cursor: brackets, words that open a block, and Python's indentation.
import type { Node } from "web-tree-sitter";
import * as kinds from "./cursorKinds.ts";
import type { Enclosure } from "./cursorMessages.ts";
import { type Around, indentAt, lineAt, lineStart, type Path } from "./cursorTokens.ts";

/** Of a node with more children only the first and the last can be its brackets. */
const MAX_CHILDREN = 64;

/** What the parser could not fit in lies flat below one node; the brackets of so many children are matched. */
const MAX_ERROR_CHILDREN = 20_000;

/** Innermost first. */
export function enclosuresOf(around: Around): Enclosure[] {
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
  const { before, after, text, row } = around;
  const last = before!.at(-1)!;
  const headerRow = token.startPosition.row;
  const hasHeader = around.grammar === "ruby" && kinds.WORDS_WITH_HEADER.has(token.type);
  const isBehindHeader = hasHeader && last.endPosition.row === headerRow;
  if (isBehindHeader && row === headerRow) return [];
  const isBehindParameters = last.type === "|" && before!.at(-2)?.type === "block_parameters";
  const isAtStart = isBehindHeader || last.id === token.id || isBehindParameters;
  return [
    {
      kind: closer === "end" ? "block" : kindOf(node, token, isValue),
      startLine: headerRow,
      endLine: Math.max(node.endPosition.row, row),
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
function colonBlocks(depth: number, { before, after, text, offset, row, isBlankLine }: Around): Enclosure[] {
  const node = before![depth]!;
  const last = before!.at(-1)!;
  const reaches = (indent: number) => !isBlankLine || offset - lineStart(text, offset) >= indent;
  if (node.type === "block" && node.startIndex < node.endIndex) {
    if (!reaches(indentAt(text, node.startIndex))) return [];
    const endLine = Math.max(node.endPosition.row, row);
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
  return [{ kind: "block", startLine, endLine: row, isAtStart: true, isEmpty }];
}

function isHeaderColon(before: Path, text: string): boolean {
  const parent = before.at(-2)!;
  if (parent.isError) return kinds.COLON_HEADER.test(lineAt(text, before.at(-1)!.startIndex));
  return /(?:_statement|_definition|_clause)$/.test(parent.type);
}
