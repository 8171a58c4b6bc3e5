// What a filter between the model's text and ghost text is: what it is told, and what it may answer.
import type { CompletionPlace } from "../place.ts";

export interface FilterInput {
  place: CompletionPlace;
  /** Only one line may be shown. */
  singleLine: boolean;
  /** One level of the file's indentation: spaces, or a tab; undefined while the file shows none. */
  indentUnit: string | undefined;
  /** What the model's family writes by habit and is never code: fences, special tokens' texts, thinking. */
  artefacts: RegExp;
  /** Texts that the user removed at the cursor a moment ago, newest first. */
  recentlyRemoved: readonly string[];
}

/** The text to go on with, or why nothing is shown: the end of a sentence that begins with "nothing, because". */
export type Filtered = { text: string } | { reason: string };

export interface Filter {
  name: string;
  apply: (text: string, input: FilterInput) => Filtered;
}
