// The filters between the model's text and ghost text, in order; each may shorten the text or say why nothing is shown.
import { cutArtefacts, cutConflictMarks, refuseSecrets } from "./filters/artefacts.ts";
import type { Filter, Filtered, FilterInput } from "./filters/filter.ts";
import { dropTrailingSpace, fitFirstLine, useFileIndentation } from "./filters/indentation.ts";
import { dropClosers, dropClosingLine, dropLineEnd, keepOneLine, stopAtFollowingLine } from "./filters/overlap.ts";
import {
  cutRepetition,
  refuseBlank,
  refuseMidWord,
  refuseRepeatedLine,
  refuseTooShort,
  refuseUndo,
  refuseWhatFollows,
} from "./filters/worth.ts";

/**
 * First goes what is no code, so that nothing is compared with it. Then white space becomes the file's, so that lines can be
 * compared; then the end is found: by shape, by what follows, by repetition. What is left as a whole is judged last.
 */
export const FILTERS: readonly Filter[] = [
  { name: "artefacts", apply: cutArtefacts },
  { name: "conflictMarks", apply: cutConflictMarks },
  { name: "fileIndentation", apply: useFileIndentation },
  { name: "firstLine", apply: fitFirstLine },
  { name: "oneLine", apply: keepOneLine },
  { name: "repetition", apply: cutRepetition },
  { name: "followingLine", apply: stopAtFollowingLine },
  { name: "closers", apply: dropClosers },
  { name: "lineEnd", apply: dropLineEnd },
  { name: "closingLine", apply: dropClosingLine },
  { name: "trailingSpace", apply: dropTrailingSpace },
  { name: "blank", apply: refuseBlank },
  { name: "repeatedLine", apply: refuseRepeatedLine },
  { name: "whatFollows", apply: refuseWhatFollows },
  { name: "undo", apply: refuseUndo },
  { name: "midWord", apply: refuseMidWord },
  { name: "tooShort", apply: refuseTooShort },
  { name: "secrets", apply: refuseSecrets },
];

/** A filter makes room for another only a few times; more would be a bug, and a text that is not settled is not shown. */
const MAX_ROUNDS = 4;

/**
 * Applies all filters until none changes anything: what one cuts off may bring an end to light that another knows.
 * @returns The text to show, or why there is none.
 */
export function postprocess(text: string, input: FilterInput): Filtered {
  let current = text;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = current;
    for (const { apply } of FILTERS) {
      const result = apply(current, input);
      if ("reason" in result) return result;
      current = result.text;
    }
    if (current === before) return { text: current };
  }
  return { reason: "it could not be made to fit" };
}
