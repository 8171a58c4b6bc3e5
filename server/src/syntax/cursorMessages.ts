// What the syntax says about a cursor, and the messages that ask the parsing thread for it.

/** What the cursor stands in: from an opening bracket, keyword or colon to where it closes. */
export interface Enclosure {
  /** block: statements or members; literal: an object, map or initializer in braces; list: everything else in brackets. */
  kind: "block" | "literal" | "list";
  /** 0-based: where it is opened. */
  startLine: number;
  /** 0-based, inclusive: where it ends as far as the parser can tell. */
  endLine: number;
  /** Nothing but comments stands in it. */
  isEmpty: boolean;
  /** Nothing but comments stands between its beginning and the cursor. */
  isAtStart: boolean;
}

export interface CursorSyntax {
  inComment: boolean;
  inString: boolean;
  /** The innermost thing around the cursor is an argument or parameter list, an array, an object literal or the like. */
  inArguments: boolean;
  /** The innermost thing around the cursor; undefined at the top of the file. */
  inside: Enclosure | undefined;
  /** The innermost block around the cursor; undefined at the top of the file. */
  block: Enclosure | undefined;
  /** The line above the cursor's holds a comment and nothing else. */
  followsComment: boolean;
  /** The code before the cursor may end there; false after an operator, a comma or a header that lacks its body. */
  isBeforeComplete: boolean;
  /** There is a syntax error in the cursor's line before the cursor, so that what is said about the line is a guess. */
  isBroken: boolean;
}

export interface CursorQuestion {
  path: string;
  /** Line feeds only. */
  text: string;
  /** In UTF-16 units. */
  offset: number;
  /** With candidates the answer is the parse errors that each of them adds, without them it is the facts. */
  candidates?: readonly string[];
}

/** "late": it took longer than a parse may; "unusable": the grammar cannot be loaded. */
export type CursorAnswer = { facts: CursorSyntax } | { errors: number[] } | { late: true } | { unusable: string };
