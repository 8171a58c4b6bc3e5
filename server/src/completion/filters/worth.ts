// Filters that refuse what is of no use as a whole: blank, too short, said already, just removed, glued to a word.
import { BracketScanner } from "../bracketScanner.ts";
import { closesOnly, isProse, lexicalRules } from "../lexicalRules.ts";
import { isData, repeatedFrom } from "../repetition.ts";
import type { Filtered, FilterInput } from "./filter.ts";

/** A shorter text may stand behind the cursor by chance. */
const MIN_REPEATED_CHARS = 3;
/** So short a text is typed faster than it is removed again. */
const MIN_REMOVED_CHARS = 2;
/** A text that only begins with what was removed has to begin with this much of it. */
const MIN_REMOVED_BEGINNING = 4;
/** A piece of a line that comes so many times in a row is a loop of the model. */
const LOOP = /(.{3,40}?)\1{3,}/g;
/** An operator, behind which something has to come; behind a comma more may come. */
const DANGLING = /[=+\-*%&|^<.?:]\s*$/;

/** What a model says in a loop is kept once, or not at all where that would leave a line in pieces. */
export function cutRepetition(text: string, { place }: FilterInput): Filtered {
  const lines = text.split("\n");
  for (let length = 2; length <= lines.length; length++) {
    const from = repeatedFrom(lines.slice(0, length));
    if (from !== undefined) return { text: lines.slice(0, from).join("\n") };
  }
  const loop = [...text.matchAll(LOOP)].find(([, piece]) => /\w/.test(piece!) && !isPieceOfData(piece!));
  if (loop === undefined) return { text };
  const end = loop.index + loop[1]!.length;
  return breaksOff(text, end, place.languageId) ? { reason: "the model repeats itself" } : { text: text.slice(0, end) };
}

/** The piece that repeats may begin anywhere in what repeats: `0", "` in a row of `"0"`. */
function isPieceOfData(piece: string): boolean {
  return [...piece].some((_, at) => isData(piece.slice(at) + piece.slice(0, at)));
}

/** True if a text cut there ends within a word or string, at an operator, or leaves a bracket open. */
function breaksOff(text: string, end: number, languageId: string): boolean {
  const scanner = new BracketScanner(lexicalRules(languageId));
  const kept = text.slice(0, end);
  for (const char of kept) scanner.next(char);
  const isInWord = /\w$/.test(kept) && /\w/.test(text[end] ?? "");
  const isDangling = !isProse(languageId) && DANGLING.test(kept);
  return isInWord || isDangling || scanner.inString || scanner.open.length > 0;
}

export function refuseBlank(text: string): Filtered {
  return text.trim() === "" ? { reason: "the model had nothing to add here" } : { text };
}

/** One mark is typed faster than a suggestion is read; one that closes something is worth a key. */
export function refuseTooShort(text: string): Filtered {
  return /^[^\w\s)\]}>"'`;:,]$/u.test(text.trim()) ? { reason: "it is a single mark" } : { text };
}

/** Closing lines stand below each other; only the one below, as deep as this one, closes the same. */
export function refuseRepeatedLine(text: string, { place }: FilterInput): Filtered {
  const whole = `${place.lineBefore}${text}`;
  const line = withoutEndMark(whole);
  if (text.includes("\n") || line === "") return { text };
  const below = place.following[0] ?? "";
  if (closesOnly(whole))
    return whole.trimEnd() === below.trimEnd() ? { reason: "it repeats the line below" } : { text };
  if (line === withoutEndMark(place.above)) return { reason: "it repeats the line above" };
  if (line === withoutEndMark(below)) return { reason: "it repeats the line below" };
  return { text };
}

/** `add(a: number) {` and `add(a: number);` say the same. */
function withoutEndMark(line: string): string {
  return line.trim().replace(/\s*[{;,]$/, "");
}

/** In the cursor's line a beginning counts, below it only whole lines: `items` may stand above `items.push(a);`. */
export function refuseWhatFollows(text: string, { place }: FilterInput): Filtered {
  const said = text.trim();
  const after = place.textAfter.trimStart();
  if (said.length < MIN_REPEATED_CHARS || !after.startsWith(said)) return { text };
  const isOnLine = place.lineAfter.trim() !== "";
  // Whether a line that closes something is there already depends on its indentation: see refuseRepeatedLine.
  if (!isOnLine && place.lineBefore.trim() === "" && closesOnly(said)) return { text };
  const isWhole = isOnLine || said.includes("\n") || /^[ \t]*[{;,]?[ \t]*(?:\n|$)/.test(after.slice(said.length));
  return isWhole ? { reason: "it repeats what follows" } : { text };
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
