// Finds the one stretch in which two texts differ, by what they have in common at their beginning and end; knows no documents.

/** In UTF-16 units; both ends exclusive. */
export interface TextDifference {
  start: number;
  /** End of the stretch in the text before, and in the text after. */
  beforeEnd: number;
  afterEnd: number;
}

/** Characters of two units and line ends of two characters are in it as a whole, or not at all. */
export function differenceBetween(before: string, after: string): TextDifference {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before.charCodeAt(start) === after.charCodeAt(start)) start++;
  if (isInside(before, start) || isInside(after, start)) start--;
  let same = 0;
  const fromEnd = (text: string) => text.charCodeAt(text.length - 1 - same);
  while (same < most - start && fromEnd(before) === fromEnd(after)) same++;
  if (isInside(before, before.length - same) || isInside(after, after.length - same)) same--;
  return { start, beforeEnd: before.length - same, afterEnd: after.length - same };
}

/** Whether an offset parts a surrogate pair or a line end. */
function isInside(text: string, offset: number): boolean {
  return /^(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|\r\n)$/.test(text.slice(Math.max(0, offset - 1), offset + 1));
}
