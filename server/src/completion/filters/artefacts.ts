// Filters against what is no code at all: habits of chat models, marks of a merge, secrets.
import { secretInText, withArticle } from "../../codebase/secrets.ts";
import type { Filtered, FilterInput } from "./filter.ts";

/** Lines that git writes into a file whose merge failed; the model has learned some of those. */
const CONFLICT_MARK = /^(?:<{7}|>{7}|\|{7})(?: |$)|^={7}$/m;

/** A fence or a special token's text ends what can be used. */
export function cutArtefacts(text: string, { artefacts }: FilterInput): Filtered {
  const end = text.search(artefacts);
  return { text: end < 0 ? text : text.slice(0, end) };
}

export function cutConflictMarks(text: string): Filtered {
  const end = text.search(CONFLICT_MARK);
  return { text: end < 0 ? text : text.slice(0, end) };
}

/** A key in a suggestion is somebody's key, or teaches to write keys into code. */
export function refuseSecrets(text: string, { place }: FilterInput): Filtered {
  const secret = secretInText(place.path, place.lineBefore + text);
  return secret === undefined ? { text } : { reason: `it looks like ${withArticle(secret.kind)}` };
}
