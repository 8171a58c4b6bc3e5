// Filters that refuse what is of no use as a whole: blank, too short, said already, just removed, glued to a word.
import { repeatedFrom } from "../repetition.ts";
import type { Filtered, FilterInput } from "./filter.ts";

/** A shorter text may stand behind the cursor by chance. */
const MIN_REPEATED_CHARS = 3;
/** So short a text is typed faster than it is removed again. */
const MIN_REMOVED_CHARS = 2;
/** A text that only begins with what was removed has to begin with this much of it. */
const MIN_REMOVED_BEGINNING = 4;
/** A piece of a line that comes so many times in a row is a loop of the model. */
const LOOP = /(.{3,40}?)\1{3,}/;

/** What a model says in a loop is kept once. */
export function cutRepetition(text: string): Filtered {
  const lines = text.split("\n");
  for (let length = 2; length <= lines.length; length++) {
    const from = repeatedFrom(lines.slice(0, length));
    if (from !== undefined) return { text: lines.slice(0, from).join("\n") };
  }
  const loop = LOOP.exec(text);
  const isCode = loop !== null && /\w/.test(loop[1] ?? "");
  return { text: isCode ? text.slice(0, loop.index + loop[1]!.length) : text };
}

export function refuseBlank(text: string): Filtered {
  return text.trim() === "" ? { reason: "the model had nothing to add here" } : { text };
}

/** One mark is typed faster than a suggestion is read; one that closes something is worth a key. */
export function refuseTooShort(text: string): Filtered {
  return /^[^\w\s)\]}>"'`;:,]$/u.test(text.trim()) ? { reason: "it is a single mark" } : { text };
}

export function refuseRepeatedLine(text: string, { place }: FilterInput): Filtered {
  const line = withoutEndMark(`${place.lineBefore}${text}`);
  if (text.includes("\n") || line === "") return { text };
  if (line === withoutEndMark(place.above)) return { reason: "it repeats the line above" };
  if (line === withoutEndMark(place.following[0] ?? "")) return { reason: "it repeats the line below" };
  return { text };
}

/** `add(a: number) {` and `add(a: number);` say the same. */
function withoutEndMark(line: string): string {
  return line.trim().replace(/\s*[{;,]$/, "");
}

export function refuseWhatFollows(text: string, { place }: FilterInput): Filtered {
  const said = text.trim();
  const isThere = said.length >= MIN_REPEATED_CHARS && place.textAfter.trimStart().startsWith(said);
  return isThere ? { reason: "it repeats what follows" } : { text };
}

/** Whoever has just removed a text does not want it back. */
export function refuseUndo(text: string, { recentlyRemoved }: FilterInput): Filtered {
  const said = text.trim();
  const isBack = recentlyRemoved.some((removed) => {
    const gone = removed.trim();
    if (gone.length < MIN_REMOVED_CHARS) return false;
    return said === gone || (gone.length >= MIN_REMOVED_BEGINNING && said.startsWith(gone));
  });
  return isBack ? { reason: "it puts back what was just removed" } : { text };
}

/** In the middle of a word, a suggestion that ends in letters makes one word of two. */
export function refuseMidWord(text: string, { place }: FilterInput): Filtered {
  const isGlued = /^[\p{L}\p{N}_$]/u.test(place.lineAfter) && /[\p{L}\p{N}_$]$/u.test(text);
  return isGlued ? { reason: "it would run into the word behind the cursor" } : { text };
}
