// The words that the codebase side shares: folders, files and why something was left out; no behaviour.

export interface WorkspaceFolder {
  /** Name for people; with several folders it becomes the first segment of every path. */
  name: string;
  /** Absolute path. */
  path: string;
}

export interface WorkspaceFile {
  /** Name of the folder that the file belongs to. */
  folder: string;
  /** Relative to its folder, forward slashes; begins with the folder's name when there is more than one folder. */
  path: string;
  absolutePath: string;
  bytes: number;
  /** Last change of the file, milliseconds since 1970. */
  mtimeMs: number;
  /** Brought back by a `!path` in .fathomignore: read although it is generated, minified or large. Never although secret. */
  wanted?: true;
  /** Hash of the bytes that passed the rules for content when it was last read; whoever reads the same need not apply them again. */
  vetted?: string;
}

/** Something that is not read, with the reason for people. Paths of folders end with a slash. */
export interface LeftOut {
  path: string;
  reason: string;
}

/** How a file stands in the base: with its text, with its signatures, or only in the list of files. */
export type BaseForm = "whole" | "outline" | "path";

/** What the base has of a file. */
export interface BaseFile {
  path: string;
  form: BaseForm;
  /** What stands in the base for it, line ends LF: its whole text or its outline; empty for a path. */
  text: string;
  /** Hash of its whole text when the base was laid out (`textHash`); empty if it was not read. */
  hash: string;
  /** Tokens of its part in the base; for a path, an estimate of what the whole text would take. */
  tokens: number;
  /** Why it has this form, for people. */
  reason: string;
}

/** Plain comparison by UTF-16 code units: the same everywhere, unlike a locale's order. */
export function comparePaths(a: { path: string }, b: { path: string }): number {
  if (a.path === b.path) return 0;
  return a.path < b.path ? -1 : 1;
}
