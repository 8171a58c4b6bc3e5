// The form of the tables that describe a language: which syntax nodes are declarations, and which ones are names.

/**
 * How a node type is shown:
 * - signature: the text before its body;
 * - members: the same, and then the declarations in its body;
 * - compact: everything if that is short, else like "members";
 * - whole: everything, cut at a limit;
 * - line: its first line;
 * - constant: the text before the body of a function value; of any other value the first line, and only inside a wrapper
 *   (an exported constant);
 * - wrapper: the declaration it wraps, from the start of the wrapper (export, decorator, template); without one like "line"
 *   where `alone` says so, else nothing;
 * - inside: nothing of itself, but the declarations in it.
 */
export type Show = "signature" | "members" | "compact" | "whole" | "line" | "constant" | "wrapper" | "inside";

export interface DeclarationRule {
  show: Show;
  /**
   * Ways to the body, the first that exists counts; by default "body". A way is steps joined by dots, each a field or else
   * the type of a child. "." is the node itself: its head is then its first line.
   */
  body?: readonly string[];
  /** Shown only if its text begins like this. */
  when?: RegExp;
  /** A wrapper that wraps no declaration is shown by its first line. */
  alone?: boolean;
}

/**
 * One language. `names` is a tree-sitter query with these captures:
 * - scope: names inside are its own (function); stands first in the query, so that it comes before its name;
 * - def: a name that the enclosing scope gets; a definition where a declaration shows it, else a local name;
 * - outer: the same for the name of a node that is a scope itself;
 * - field: a name of a member: a definition where a declaration shows it, else nothing;
 * - local: a parameter or variable;
 * - name: a use of a name; member: a use after a dot, which no local name can mean;
 * - import: what is imported; skip: names inside count for nothing; comment.
 */
export interface LanguageRules {
  /** The grammar's file is tree-sitter-GRAMMAR.wasm. */
  grammar: string;
  declarations: Readonly<Record<string, DeclarationRule>>;
  names: string;
  /** Begins a comment of one line. */
  comment: string;
  /** A new line ends a field or a value (Go): joined lines get a semicolon. */
  newlines?: boolean;
  /** The first string of a body documents it (Python). */
  docstrings?: boolean;
}
