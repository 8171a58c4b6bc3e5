// Lays out the prompt for filling in the middle so that a key re-evaluates little: what changes least stands first.
import { hash } from "node:crypto";
import type { PromptPart } from "../../../engine/src/api.ts";
import type { FimFamily } from "../models/fimFamilies.ts";
import type { ContextItem } from "./context/contextItems.ts";
import type { CompletionPlace } from "./place.ts";

/**
 * The text before the cursor begins at a multiple of this many lines, and so does the far part of what follows, counted from
 * the file's end: a start that moves with every new line would change the prompt's beginning, and with it all that is cached.
 */
const STEP_LINES = 64;
/** The same for lines that are too long together, characters. */
const STEP_CHARS = 1024;

/** The beginning of a long line is kept in steps of so many characters. */
const STEP_IN_LINE_CHARS = 24;

/** Of the whole prompt, what the far part of what follows may take. */
const FAR_SHARE = 0.15;
/** Lines behind the cursor that are looked at for the near part. */
const NEAR_LINES = 16;
/** Token counts that are remembered; each stands for a step of lines. */
const MAX_COUNTS = 512;

export interface FimInput {
  family: FimFamily;
  repoName: string;
  place: CompletionPlace;
  /** Pieces of other files, most stable first. */
  items: readonly ContextItem[];
  /** Room for the whole prompt, tokens. */
  budgetTokens: number;
  /** Room for what closely follows the cursor, which is evaluated anew with every key, tokens. */
  suffixTokens: number;
  /** Ends the counting. */
  signal?: AbortSignal;
}

export class FimPrompt {
  readonly #countTokens: (texts: string[]) => Promise<number[]>;
  /** By the text's hash, since the texts themselves would be many megabytes; the one used last at the end. */
  readonly #counts = new Map<string, number>();

  /** @param countTokens Number of tokens of each text. */
  constructor(countTokens: (texts: string[]) => Promise<number[]>) {
    this.#countTokens = countTokens;
  }

  /**
   * @returns Parts for a raw completion: repository, other files, the far part of what follows, the text before the cursor
   *   with checkpoints at and in its line, what closely follows. Families that read what follows first get it there.
   * @throws The signal's reason.
   */
  async parts(input: FimInput): Promise<PromptPart[]> {
    const { family, place, items, budgetTokens, suffixTokens, signal } = input;
    const farTokens = Math.floor(budgetTokens * FAR_SHARE);
    // What stands in front of the text before the cursor is not evaluated anew with every key: it may be longer.
    const nearTokens = family.order === "suffixFirst" ? Math.max(suffixTokens, farTokens) : suffixTokens;
    const near = await this.#near(place.textAfter, nearTokens);
    signal?.throwIfAborted();
    const frame = this.#frame(input);
    const far = await this.#far(place.textAfter, near.text.length, farTokens);
    signal?.throwIfAborted();
    const itemTokens = items.reduce((sum, { tokens }) => sum + tokens, 0);
    const room = budgetTokens - near.tokens - far.tokens - itemTokens - frame.tokens;
    const before = await this.#before(place.textBefore, Math.max(0, room));
    const prefix = prefixParts(before);
    const others = [...frame.repository, ...items.flatMap((item) => fileParts(family, item.path, item.text))];
    const below = far.text === "" ? [] : fileParts(family, place.path, far.text);
    const begin = special(family.begin);
    if (family.order === "suffixFirst") {
      const after = [{ special: family.suffix }, { text: near.text }, { special: family.prefix }];
      return [...begin, ...after, ...others, ...below, ...frame.path, ...prefix, ...special(family.middle)];
    }
    const open = [{ special: family.prefix }];
    const mark = special(family.file);
    const path = frame.path.slice(mark.length);
    const start = family.path === "inPrefix" ? [...mark, ...open, ...path] : [...mark, ...path, ...open];
    const end = [{ special: family.suffix }, { text: near.text }, ...special(family.middle)];
    return [...begin, ...others, ...below, ...start, ...prefix, ...end];
  }

  /** What names repository and file. A token has at least a byte, so their lengths are enough. */
  #frame({ family, repoName, place }: FimInput): { repository: PromptPart[]; path: PromptPart[]; tokens: number } {
    const { repository } = family;
    const named =
      repository === undefined ? [] : [{ special: repository.token }, { text: repoName + repository.after }];
    const path = pathParts(family, place.path);
    return { repository: named, path, tokens: FRAME_TOKENS + Buffer.byteLength(repoName + place.path + place.path) };
  }

  /** The lines behind the cursor that fit; of a line that does not fit its beginning. */
  async #near(textAfter: string, tokens: number): Promise<{ text: string; tokens: number }> {
    const texts: string[] = [];
    for (let end = -1, line = 0; line < NEAR_LINES && end < textAfter.length; line++) {
      const next = textAfter.indexOf("\n", end + 1);
      end = next < 0 ? textAfter.length : next;
      texts.push(textAfter.slice(0, wholeCharacters(textAfter, Math.min(end, tokens * MOST_CHARS_PER_TOKEN))));
    }
    const counts = await this.#tokensOf(texts);
    const fitting = counts.findLastIndex((count) => count <= tokens);
    if (fitting >= 0) return { text: texts[fitting] ?? "", tokens: counts[fitting] ?? 0 };
    const [first = ""] = texts;
    const text = first.slice(0, wholeCharacters(first, Math.floor((first.length * tokens) / (counts[0] ?? 1))));
    return { text, tokens };
  }

  /** From a step of lines behind the near part on, as much as fits. */
  async #far(textAfter: string, start: number, tokens: number): Promise<{ text: string; tokens: number }> {
    const steps = stepsFromEnd(textAfter, start, tokens * MOST_CHARS_PER_TOKEN);
    const counts = await this.#tokensOf(steps);
    let sum = 0;
    let text = "";
    for (const [index, step] of steps.entries()) {
      if (sum + counts[index]! > tokens) break;
      sum += counts[index]!;
      text += step;
    }
    return { text: text.replace(/\n$/, ""), tokens: sum };
  }

  /** Whole steps of lines from the first one that fits; of lines that are too long together, the end. */
  async #before(textBefore: string, tokens: number): Promise<string> {
    const maxChars = tokens * MOST_CHARS_PER_TOKEN;
    const steps = stepsFromStart(textBefore, maxChars);
    const last = steps.at(-1) ?? "";
    if (last.length <= maxChars) {
      const end = await this.#endThatFits(steps, tokens);
      if (end !== "" || last === "") return end;
    }
    return this.#endThatFits(charSteps(last, maxChars), tokens);
  }

  /** As many of the last steps as fit. */
  async #endThatFits(steps: readonly string[], tokens: number): Promise<string> {
    const counts = await this.#tokensOf(steps);
    let sum = 0;
    let first = steps.length;
    while (first > 0 && sum + counts[first - 1]! <= tokens) sum += counts[--first]!;
    return steps.slice(first).join("");
  }

  async #tokensOf(texts: readonly string[]): Promise<number[]> {
    const keys = texts.map((text) => hash("sha256", text));
    const counts = new Map(keys.map((key) => [key, this.#counts.get(key)]));
    const unknown = [...counts.keys()].filter((key) => counts.get(key) === undefined);
    const unknownTexts = unknown.map((key) => texts[keys.indexOf(key)]!);
    const counted = unknown.length === 0 ? [] : await this.#countTokens(unknownTexts);
    for (const [index, key] of unknown.entries()) counts.set(key, counted[index]);
    for (const [key, count] of counts) {
      this.#counts.delete(key);
      this.#counts.set(key, count!);
    }
    while (this.#counts.size > MAX_COUNTS) this.#counts.delete(this.#counts.keys().next().value!);
    return keys.map((key) => counts.get(key)!);
  }
}

/** The special tokens of the frame, and one each for rounding at the borders of parts. */
const FRAME_TOKENS = 16;

/** No tokenizer makes fewer than one token of so much code: longer texts are cut before they are counted. */
const MOST_CHARS_PER_TOKEN = 16;

/** A checkpoint at the start of the cursor's line, and in a long line one more at the last step that will not change. */
function prefixParts(before: string): PromptPart[] {
  const lineStart = before.lastIndexOf("\n") + 1;
  const line = before.slice(lineStart);
  const lastStep = line.length - (line.length % STEP_IN_LINE_CHARS);
  // In front of a space, where tokens begin of themselves.
  const space = line.slice(0, lastStep).lastIndexOf(" ");
  const stable: PromptPart[] = [{ text: before.slice(0, lineStart), checkpoint: true }];
  if (line.slice(0, Math.max(0, space)).trim() === "") return [...stable, { text: line }];
  return [...stable, { text: line.slice(0, space), checkpoint: true }, { text: line.slice(space) }];
}

function special(token: string | undefined): PromptPart[] {
  return token === undefined ? [] : [{ special: token }];
}

/** A line with the path, behind the family's mark for files. */
function pathParts({ file, fileText }: FimFamily, path: string): PromptPart[] {
  return [...special(file), { text: `${file === undefined ? fileText : ""}${path}\n` }];
}

function fileParts(family: FimFamily, path: string, text: string): PromptPart[] {
  return [...pathParts(family, path), { text: `${text}\n` }];
}

/** Cuts at every {@link STEP_LINES}th line from the start. @returns The last steps, with at most `maxChars` and one step more. */
function stepsFromStart(text: string, maxChars: number): string[] {
  const starts = [0];
  for (let end = text.indexOf("\n"), line = 1; end >= 0; end = text.indexOf("\n", end + 1), line++) {
    if (line % STEP_LINES === 0) starts.push(end + 1);
  }
  const first = Math.max(
    0,
    starts.findIndex((start) => text.length - start <= maxChars),
  );
  const kept = starts.slice(text.length - starts.at(-1)! > maxChars ? -1 : first);
  return kept.map((start, index) => text.slice(start, kept[index + 1] ?? text.length));
}

/**
 * Cuts at every {@link STEP_CHARS}th character from the start: while the user types at the end, only the last step changes.
 * @returns The last steps, with at most `maxChars` and one step more.
 */
function charSteps(text: string, maxChars: number): string[] {
  const first = Math.floor(Math.max(0, text.length - maxChars) / STEP_CHARS);
  const steps: string[] = [];
  for (let at = first * STEP_CHARS; at < text.length; at += STEP_CHARS) {
    steps.push(text.slice(wholeCharacters(text, at), wholeCharacters(text, at + STEP_CHARS)));
  }
  return steps;
}

/** @returns The offset, or the one before it where it would part a surrogate pair. */
function wholeCharacters(text: string, offset: number): number {
  return /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(Math.max(0, offset - 1), offset + 1)) ? offset - 1 : offset;
}

/** Cuts at every {@link STEP_LINES}th line from the end. @returns The first steps behind `start`, with about `maxChars`. */
function stepsFromEnd(text: string, start: number, maxChars: number): string[] {
  const starts: number[] = [];
  const lines = (text.match(/\n/g) ?? []).length;
  for (let end = text.indexOf("\n"), line = 1; end >= 0; end = text.indexOf("\n", end + 1), line++) {
    if ((lines - line) % STEP_LINES === 0 && end >= start) starts.push(end + 1);
  }
  const kept = starts.filter((at) => at - (starts[0] ?? 0) <= maxChars && at < text.length);
  return kept.map((at) => text.slice(at, starts[starts.indexOf(at) + 1] ?? text.length));
}
