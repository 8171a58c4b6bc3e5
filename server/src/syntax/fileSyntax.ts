// What the syntax of one file says: its outline and its names; the shape that the parsing thread hands out.

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
}

/** A file to analyse; the path decides the language. */
export interface SourceText {
  path: string;
  text: string;
}

export function emptySyntax(): FileSyntax {
  return { outline: "", definitions: [], references: [], imports: [] };
}
