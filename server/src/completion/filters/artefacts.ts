// Filters against what is no code at all: habits of chat models, marks of a merge, secrets.
import { secretInText, withArticle } from "../../codebase/secrets.ts";
import { isProse } from "../lexicalRules.ts";
import type { Filtered, FilterInput } from "./filter.ts";

/** Lines that git writes into a file whose merge failed; the model has learned some of those. */
const CONFLICT_MARK = /^(?:<{7}|>{7}|\|{7})(?: |$)|^={7}$/m;
/** The same in prose, where a line of equal signs makes a heading of the line above. */
const CONFLICT_MARK_IN_PROSE = /^(?:<{7}|>{7}|\|{7})(?: |$)/m;

const FENCE = /^[ \t]*```/;

/** A fence or a special token's text ends what can be used; in prose a fence is text. */
export function cutArtefacts(text: string, { artefacts, place }: FilterInput): Filtered {
  const isText = isProse(place.languageId);
  const found = [...text.matchAll(new RegExp(artefacts, "gm"))].find(([mark]) => !isText || !FENCE.test(mark));
  return { text: text.slice(0, found?.index) };
}

export function cutConflictMarks(text: string, { place }: FilterInput): Filtered {
  const end = text.search(isProse(place.languageId) ? CONFLICT_MARK_IN_PROSE : CONFLICT_MARK);
  return { text: end < 0 ? text : text.slice(0, end) };
}

/** A key in a suggestion is somebody's key, or teaches to write keys into code. */
export function refuseSecrets(text: string, { place }: FilterInput): Filtered {
  const secret = secretInText(place.path, place.lineBefore + text);
  return secret === undefined ? { text } : { reason: `it looks like ${withArticle(secret.kind)}` };
}
