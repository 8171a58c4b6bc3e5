// Turns texts into the terms of the full-text index: the words of each identifier, and the identifier as a whole.
import { codeWords } from "./codeWords.ts";

/** Runs of letters, digits, `_` and `$`, with the letters of most scripts. */
const IDENTIFIER = /[\w$\u00c0-\u1fff\u3040-\ud7ff]+/g;
/** Longer runs are hashes or encoded data, characters. */
const MAX_IDENTIFIER_CHARS = 64;
/** Keeps wholes apart from words: `parsing` is no whole match for `Parsing()`. */
const WHOLE = "=";

/** `parseHeader(x)` gives parse, header and =parseheader. @returns In the order of the text, with repetitions. */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  for (const [identifier] of text.matchAll(IDENTIFIER)) {
    if (identifier.length > MAX_IDENTIFIER_CHARS) continue;
    const words = codeWords(identifier);
    for (const word of words) terms.push(word);
    if (words.length > 1) terms.push(wholeTerm(identifier));
  }
  return terms;
}

/** The term of an identifier as a whole, whatever its capitals. */
export function wholeTerm(identifier: string): string {
  return WHOLE + identifier.toLowerCase();
}
