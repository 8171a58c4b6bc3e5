// Somebody who types, made from the text of a real source and a seed: keys, pauses, corrections and jumps, the same each time.

import { uniformNumbers } from "../model/uniformNumbers.ts";

/** What happens next, and how long after the key before, milliseconds. */
export type Stroke = { waitMs: number } & (
  | { kind: "type"; text: string }
  | { kind: "backspace" }
  /** The cursor goes elsewhere; characters from the start of the text. */
  | { kind: "jump"; offset: number }
);

export interface Typing {
  /** The text before the first key. */
  text: string;
  strokes: Stroke[];
}

/** Places of a file that are typed anew, one after the other. */
const PLACES = 3;
/** Of 100 keys so many are slips, taken back at once. */
const SLIPS_PERCENT = 4;

/** Milliseconds between two keys: about 70 words a minute, and longer where a new line is thought of. */
const KEY_MS = { least: 60, most: 180 };
const LINE_MS = { least: 300, most: 900 };
/** Looking for the next place, milliseconds. */
const JUMP_MS = 1200;

/**
 * Takes stretches out of a source and types them in again.
 * @param source Line feeds only.
 * @param keys How many keys are pressed at least where the source has them, slips aside: each place is typed to the end of
 *   its line.
 */
export function typingOf(source: string, seed: number, keys: number): Typing {
  const random = uniformNumbers(seed);
  const lines = source.split("\n");
  const stretches = stretchesOf(lines, Math.ceil(keys / PLACES), random);
  const gone = new Set(stretches.flatMap(({ first, last }) => range(first, last)));
  const text = lines.filter((_, line) => !gone.has(line)).join("\n");
  const strokes: Stroke[] = [];
  let offset = 0;
  let kept = 0;
  for (const { first, last } of stretches) {
    // What was typed before this place is longer again than in the shortened text.
    for (; kept < first; kept++) offset += (lines[kept] ?? "").length + 1;
    // Enter at the end of the line above opens the place.
    strokes.push({ kind: "jump", offset: offset - 1, waitMs: JUMP_MS });
    const typed = `\n${lines.slice(first, last + 1).join("\n")}`;
    strokes.push(...keysFor(typed, random));
    offset += typed.length;
    kept = last + 1;
  }
  return { text, strokes };
}

/** Enter brings the indentation of the next line with it, as in an editor. */
function keysFor(text: string, random: () => number): Stroke[] {
  const units = text.match(/\n[ \t]*|[\s\S]/g) ?? [];
  return units.flatMap((unit): Stroke[] => {
    const { least, most } = unit.startsWith("\n") ? LINE_MS : KEY_MS;
    const waitMs = Math.round(least + random() * (most - least));
    const key: Stroke = { kind: "type", text: unit, waitMs };
    if (random() * 100 >= SLIPS_PERCENT) return [key];
    return [{ kind: "type", text: "q", waitMs }, { kind: "backspace", waitMs: LINE_MS.least }, key];
  });
}

/** Stretches of whole lines, in the order of the file, that do not touch. */
function stretchesOf(lines: readonly string[], chars: number, random: () => number): { first: number; last: number }[] {
  const part = Math.floor(lines.length / PLACES);
  return Array.from({ length: PLACES }, (_, place) => {
    const from = place * part;
    const first = from + 1 + Math.floor(random() * (part / 2));
    let last = first;
    let length = keysOf(lines[last]);
    while (last < from + part - 2 && length < chars) length += keysOf(lines[++last]);
    return { first, last };
  });
}

/** Enter brings the indentation along. */
function keysOf(line = ""): number {
  return line.trim().length + 1;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
