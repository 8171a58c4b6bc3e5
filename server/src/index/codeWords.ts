// Splits code and questions into the words that embedder and full-text search share; knows nothing of files or ranking.

/** Kinds of UTF-16 code units (server/models/embedder/FORMAT.md, "Tokenizer"). */
const SEPARATOR = 0;
const LOWER = 1;
const UPPER = 2;
const DIGIT = 3;

const MAX_DIGITS = 4;
const MIN_LETTERS = 2;
const MAX_LETTERS = 32;

const ASCII = Uint8Array.from({ length: 128 }, (_, unit) => {
  const letter = String.fromCharCode(unit);
  if (/[a-z]/.test(letter)) return LOWER;
  if (/[A-Z]/.test(letter)) return UPPER;
  return /\d/.test(letter) ? DIGIT : SEPARATOR;
});

/**
 * Words in the order of the text: `getHTTPServerURL2` gives get, http, server, url, 2. Single letters, numbers of more
 * than four digits and words of more than 32 letters are left out.
 * @returns Lower case.
 */
export function codeWords(text: string): string[] {
  const words: string[] = [];
  const { length } = text;
  for (let at = 0; at < length; ) {
    const kind = kindOf(text.charCodeAt(at));
    if (kind === SEPARATOR) {
      at++;
      continue;
    }
    const start = at;
    at = kind === DIGIT ? endOfDigits(text, at) : endOfLetters(text, at);
    const size = at - start;
    const counts = kind === DIGIT ? size <= MAX_DIGITS : size >= MIN_LETTERS && size <= MAX_LETTERS;
    if (counts) words.push(text.slice(start, at).toLowerCase());
  }
  return words;
}

function endOfDigits(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && kindOf(text.charCodeAt(at)) === DIGIT) at++;
  return at;
}

/** Capitals end a word after small letters (`fooBar`); the last of several begins the next one (`HTTPServer`). */
function endOfLetters(text: string, start: number): number {
  let onlyCapitals = kindOf(text.charCodeAt(start)) === UPPER;
  let at = start + 1;
  for (; at < text.length; at++) {
    const kind = kindOf(text.charCodeAt(at));
    if (kind === SEPARATOR || kind === DIGIT) return at;
    if (kind === UPPER && !onlyCapitals) return at;
    if (kind === LOWER && onlyCapitals && at - start >= 2) return at - 1;
    if (kind === LOWER) onlyCapitals = false;
  }
  return at;
}

/** Beyond ASCII, letters of most scripts count as lower case; signs, general punctuation and surrogates separate. */
function kindOf(unit: number): number {
  if (unit < 128) return ASCII[unit]!;
  if (unit < 0xc0 || unit >= 0xd800 || unit === 0xd7 || unit === 0xf7) return SEPARATOR;
  return unit >= 0x2000 && unit <= 0x303f ? SEPARATOR : LOWER;
}
