// The words of a completion's context: what the prompt gets, what a source proposes and what it is told; types and bounds only.
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { CompletionPlace } from "../place.ts";
import type { FileTexts } from "./fileTexts.ts";

/** From what changes least while the user works to what changes most: the order of new items in the prompt. */
export const SOURCE_NAMES = [
  "imports",
  "neighbours",
  "definitions",
  "symbols",
  "similar",
  "search",
  "viewed",
  "edits",
] as const;

/**
 * "imports", "neighbours" (test and source, same folder): signatures; "definitions": what the editor's language features
 * say; "symbols": definitions by name in the index; "similar": open files; "search": hits in the index; "viewed", "edits":
 * where the user has been.
 */
export type SourceName = (typeof SOURCE_NAMES)[number];

/** Of a longer text the beginning says what there is to know, lines. */
export const MAX_ITEM_LINES = 60;

/** A piece of another file for the prompt. */
export interface ContextItem {
  source: SourceName;
  /** Within the workspace, with forward slashes. */
  path: string;
  /** 0-based, of the file, when the text was taken. */
  startLine: number;
  /** Line feeds only, without one at the end. */
  text: string;
  /** Why it is here, for people and for the log. */
  reason: string;
  /** Of path, text and frame together. */
  tokens: number;
}

export interface ContextRequest {
  document: TextDocument;
  place: CompletionPlace;
  /** Room for all items, tokens. */
  budgetTokens: number;
  signal: AbortSignal;
}

/** A piece of a file, before it is known whether there is room for it. */
export interface Excerpt {
  path: string;
  /** "lines": as they stand in the file; "signatures": of the definition in these lines; "outline": of the whole file. */
  form: "lines" | "signatures" | "outline";
  /** 0-based. */
  startLine: number;
  /** 0-based, inclusive. */
  endLine: number;
  text: string;
  /** Names the file's text that it was taken from. */
  hash: string;
}

/** What a source proposes. */
export interface Candidate extends Excerpt {
  /** How well it fits, among what its source proposes, 0 to 1. */
  score: number;
  reason: string;
}

/** A name in the text around the cursor. */
export interface NameAt {
  name: string;
  /** 0-based. */
  line: number;
  /** 0-based, UTF-16 code units. */
  character: number;
}

/** Where the user writes, as the sources see it. */
export interface Surroundings {
  uri: string;
  path: string;
  lines: readonly string[];
  cursorLine: number;
  /** Of the lines around the cursor, then of the signatures around them; the nearest first, each once. */
  names: readonly NameAt[];
  /** The only door to the text of another file. */
  texts: FileTexts;
}

export interface Source {
  name: SourceName;
  /**
   * Whatever it throws, it is left out this time; so it is when it is late.
   * @param signal Aborted when nobody waits any more.
   */
  gather(surroundings: Surroundings, signal: AbortSignal): Promise<Candidate[]>;
}
