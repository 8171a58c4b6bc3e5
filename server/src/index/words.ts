// The words and word stems of names and questions, for symbols and paths; texts are compared by codeWords.ts and terms.ts.

/** Longer runs are hashes or encoded data, characters. */
const MAX_IDENTIFIER_CHARS = 64;
/** Shorter words are left as they are: cutting endings from them makes different words equal. */
const MIN_STEM_CHARS = 3;

/** Runs of letters, digits, `_` and `$`, with the letters of most scripts. */
export const IDENTIFIER = /[\w$\u00c0-\u1fff\u3040-\ud7ff]+/g;
const PARTS = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[\u00c0-\u1fff]+|[\u3040-\ud7ff]+/g;
/** Scripts that are written without spaces are compared by pairs of characters. */
const UNSPACED = /^[\u3040-\ud7ff]+$/;

/** Words of questions that say nothing about what is looked for; only left out of queries, never of the index. */
const STOP_WORDS = new Set(
  (
    "a an and any are as at be been being but by can code could did do does doing each every everything explain for " +
    "from get gets give given had has have here how i if in into is it its just like look many me more most my no " +
    "not of on one only or other our out over please same see should show so some such tell than that the their them then there " +
    "these they thing things this those to under up us use used uses using was we were what when where which while who whose why will " +
    "with within work works would you your codebase repo repository project implemented implement implementation defined " +
    "definition located happen happens handled called calls"
  ).split(" "),
);

/**
 * @param identifier One match of {@link IDENTIFIER}.
 * @returns Its words in lower case: `parseHTTPHeader_v2` gives parse, http, header, 2; empty for data-like runs.
 */
export function partsOf(identifier: string): string[] {
  if (identifier.length > MAX_IDENTIFIER_CHARS) return [];
  const parts: string[] = [];
  for (const [part] of identifier.matchAll(PARTS)) {
    if (UNSPACED.test(part)) parts.push(...pairsOf(part));
    else parts.push(part.toLowerCase());
  }
  return parts;
}

/** @returns True for `parseHeader` and `parse_header`: nobody writes such a word unless the identifier is meant. */
export function isCompound(identifier: string): boolean {
  return partsOf(identifier).length > 1;
}

/** @returns True for words of questions such as "where" and "the". */
export function isStopWord(word: string): boolean {
  return STOP_WORDS.has(word.toLowerCase());
}

/**
 * Cuts the endings of English inflection, so that "parsed tokens" finds `parseToken`. Much simpler than Porter's stemmer:
 * it only has to treat code and question alike, not to be right about English.
 * @param word Lower case.
 */
export function stem(word: string): string {
  let result = word;
  if (result.endsWith("ies") && result.length > 4) result = `${result.slice(0, -3)}y`;
  else if (/(?:ss|sh|ch|x|z)es$/.test(result)) result = result.slice(0, -2);
  else if (/[^sui]s$/.test(result) && result.length > MIN_STEM_CHARS) result = result.slice(0, -1);
  const base = result.replace(/(?:ing|ed|er|or|ation|ion)$/, "");
  if (base.length >= MIN_STEM_CHARS && /[aeiouy]/.test(base)) result = base;
  if (result.length > MIN_STEM_CHARS) result = result.replace(/(?:([^aeiouls])\1|e)$/, "$1");
  return result;
}

function pairsOf(run: string): string[] {
  if (run.length < 2) return [run];
  return Array.from({ length: run.length - 1 }, (_, index) => run.slice(index, index + 2));
}
