// What the syntax of one file says: its outline and its names; the shape that the parsing thread hands out.
import type { SymbolKind } from "../index/symbolRules.ts";

/** The syntax of a file. Everything is empty for a language without rules and for a file that could not be parsed. */
export interface FileSyntax {
  /** Signatures without bodies, in the order of the file, members indented; "" if there is nothing to show. */
  outline: string;
  /** Names of declarations that can be seen from outside a function, each once, sorted. */
  definitions: string[];
  /** Names that are used and mean nothing inside the file itself, each once, in the order of their first use. */
  references: string[];
  /** Modules or files that are imported, as written but without quotes, each once. */
  imports: string[];
  /** What the index needs besides; only where it was asked for, and then there is no outline. */
  parts?: { chunks: FileChunk[]; symbols: SymbolSpan[] };
  /** It took too long, or ended its thread: on a machine with less to do there may be more to say. */
  unfinished?: true;
}

/** A stretch of a file that is found as one. */
export interface FileChunk {
  /** 0-based. */
  startLine: number;
  /** 0-based, inclusive. */
  endLine: number;
  /** Names from the outermost definition inwards, joined by dots: `Parser.parse`; "" outside of any. */
  symbol: string;
  /** What stands before the body of its definition, on one line; "" outside of any. */
  signature: string;
}

/** A definition with the lines that it takes. */
export interface SymbolSpan {
  name: string;
  kind: SymbolKind;
  /** Names of what it stands in, joined by dots; "" at the top of the file. */
  container: string;
  /** What stands before its body, on one line. */
  signature: string;
  /** 0-based. */
  line: number;
  /** 0-based, inclusive. */
  endLine: number;
}

/** A file to analyse; the path decides the language. */
export interface SourceText {
  path: string;
  text: string;
}

export function emptySyntax(): FileSyntax {
  return { outline: "", definitions: [], references: [], imports: [] };
}
