// Finds the tokens around a cursor in a tree and the lines around it in the text.
import type { Node } from "web-tree-sitter";
import { COMMENTS } from "./cursorKinds.ts";

/** Deeper nesting is noise; the way from the root to a token is walked once for each question. */
const MAX_DEPTH = 2000;

/** As many comments in a row are looked over for the code before or behind them. */
const MAX_COMMENTS = 200;

/** The root first, a token last. */
export type Path = readonly Node[];

export interface Around {
  text: string;
  offset: number;
  /** The line of the cursor, 0-based. */
  row: number;
  grammar: string;
  /** The last token before the cursor, or the one that it stands in; comments do not count. Undefined without one. */
  before: Path | undefined;
  after: Node | undefined;
  /** Blank but for the cursor. */
  isBlankLine: boolean;
}

/** @param text What the tree was made from. @param offset In UTF-16 units. */
export function aroundCursor(root: Node, text: string, offset: number, grammar: string): Around {
  return {
    text,
    offset,
    row: rowAt(text, offset),
    grammar,
    before: codeBefore(root, text, offset),
    after: codeAfter(root, text, offset),
    isBlankLine: lineAt(text, offset).trim() === "",
  };
}

/** The nodes from the root down to the token that holds the character at an index. */
export function pathTo(root: Node, index: number): Node[] {
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

function codeBefore(root: Node, text: string, offset: number): Path | undefined {
  let end = offset;
  for (let comments = 0; comments <= MAX_COMMENTS; comments++) {
    const index = lastInk(text, end);
    if (index < 0) return undefined;
    const path = pathTo(root, index);
    const comment = path.find(({ type }) => COMMENTS.has(type));
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
    const comment = path.find(({ type }) => COMMENTS.has(type));
    if (comment === undefined) return path.at(-1);
    start = comment.endIndex;
  }
  return undefined;
}

/** Index of the last character before `end` that is not white space; -1 without one. */
export function lastInk(text: string, end: number): number {
  let index = end - 1;
  while (index >= 0 && /\s/.test(text[index]!)) index--;
  return index;
}

export function lineStart(text: string, index: number): number {
  return index <= 0 ? 0 : text.lastIndexOf("\n", index - 1) + 1;
}

export function lineAt(text: string, index: number): string {
  const end = text.indexOf("\n", index);
  return text.slice(lineStart(text, index), end < 0 ? text.length : end);
}

function rowAt(text: string, index: number): number {
  let line = 0;
  for (let end = text.indexOf("\n"); end >= 0 && end < index; end = text.indexOf("\n", end + 1)) line++;
  return line;
}

export function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

export function indentAt(text: string, index: number): number {
  return indentOf(lineAt(text, index));
}
