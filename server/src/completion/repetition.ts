// Finds where a text begins to say the same again, line by line, and tells data, which repeats by nature, from code.

/** A line that stands there so many times in a row is a loop of the model. */
const SAME_LINES = 3;

/** Longest stretch of lines that is looked for a second time. */
const MAX_BLOCK_LINES = 12;

/** Shorter stretches (two closing brackets) repeat in good code too, characters without white space. */
const MIN_BLOCK_CHARS = 16;

/** Longer strings say something, and say it twice only by mistake. */
const SHORT_STRING = /"[^"\n]{0,8}"|'[^'\n]{0,8}'/g;
const VALUE = /^(?:\d\w*|true|false|null|nullptr|nil|none|undefined|nan)$/i;

/** True of rows of numbers and short literals, which are the same many times in good code too. */
export function isData(text: string): boolean {
  const withoutStrings = text.replace(SHORT_STRING, " 0 ");
  const words = withoutStrings.match(/[\p{L}\p{N}_$]+/gu) ?? [];
  return words.length > 0 && words.every((word) => VALUE.test(word)) && !/["'`]/.test(withoutStrings);
}

/**
 * @param lines As they grow: what ended with an earlier line has been looked at already.
 * @returns Index of the line where the last lines begin to repeat what stands before them; undefined if they do not.
 */
export function repeatedFrom(lines: readonly string[]): number | undefined {
  const last = lines.at(-1);
  if (last === undefined || last.trim() === "") return undefined;
  if (lines.length >= SAME_LINES && lines.slice(-SAME_LINES).every((line) => line === last) && !isData(last))
    return lines.length - SAME_LINES + 1;
  for (let count = 2; count <= MAX_BLOCK_LINES && 2 * count <= lines.length; count++) {
    const second = lines.slice(-count);
    const first = lines.slice(-2 * count, -count);
    const isSame = second.every((line, index) => line === first[index]) && !isData(second.join("\n"));
    if (isSame && second.join("").replace(/\s/g, "").length >= MIN_BLOCK_CHARS) return lines.length - count;
  }
  return undefined;
}
