// Measures how much of an accepted text is still there after a while, wherever edits have moved it.
import { diffChars } from "diff";
import type { Clock } from "../codebase/clock.ts";
import { differenceBetween, type TextDifference } from "../textDifference.ts";

/** Longer texts are compared by their beginning; comparing takes time by length times difference. */
const MAX_COMPARED_CHARS = 2000;

export interface KeptTextOptions {
  clock: Clock;
  /** When to look, after the text was accepted, milliseconds, ascending. */
  afterMs: readonly number[];
  /** @param share Of the text's characters that are still there, 0 to 1. */
  onMeasured: (languageId: string, afterMs: number, share: number) => void;
}

interface Kept {
  uri: string;
  languageId: string;
  accepted: string;
  /** Where it stands now, characters. */
  start: number;
  end: number;
  cancel: () => void;
}

export class KeptText {
  readonly #options: KeptTextOptions;
  /** Of each document that holds an accepted text: how it was at the last change. */
  readonly #texts = new Map<string, string>();
  #kept: Kept[] = [];

  constructor(options: KeptTextOptions) {
    this.#options = options;
  }

  /** @param text The whole document, in which `accepted` stands at `start`. */
  accepted(uri: string, languageId: string, text: string, start: number, accepted: string): void {
    this.changed(uri, text);
    this.#texts.set(uri, text);
    const kept: Kept = { uri, languageId, accepted, start, end: start + accepted.length, cancel: () => {} };
    this.#kept.push(kept);
    this.#wait(kept, 0);
  }

  /** A document has another text now; undefined: it is closed, and nothing more can be said. */
  changed(uri: string, text: string | undefined): void {
    const before = this.#texts.get(uri);
    if (before === undefined || before === text) return;
    if (text === undefined) {
      this.#forget(uri);
      return;
    }
    const change = differenceBetween(before, text);
    for (const kept of this.#kept) if (kept.uri === uri) move(kept, change);
    this.#texts.set(uri, text);
  }

  dispose(): void {
    for (const { cancel } of this.#kept) cancel();
    this.#kept = [];
    this.#texts.clear();
  }

  #wait(kept: Kept, index: number): void {
    const { clock, afterMs } = this.#options;
    const due = afterMs[index];
    if (due === undefined) {
      this.#end(kept);
      return;
    }
    kept.cancel = clock.after(due - (afterMs[index - 1] ?? 0), () => {
      const text = this.#texts.get(kept.uri) ?? "";
      this.#options.onMeasured(kept.languageId, due, keptShare(kept.accepted, text.slice(kept.start, kept.end)));
      this.#wait(kept, index + 1);
    });
  }

  #end(kept: Kept): void {
    this.#kept = this.#kept.filter((other) => other !== kept);
    if (!this.#kept.some(({ uri }) => uri === kept.uri)) this.#texts.delete(kept.uri);
  }

  #forget(uri: string): void {
    for (const kept of this.#kept) if (kept.uri === uri) kept.cancel();
    this.#kept = this.#kept.filter((kept) => kept.uri !== uri);
    this.#texts.delete(uri);
  }
}

/** @returns Share of the characters of `accepted` that are still in `now`, in their order; 1 if all are. */
export function keptShare(accepted: string, now: string): number {
  const [before, after] = [accepted.slice(0, MAX_COMPARED_CHARS), now.slice(0, MAX_COMPARED_CHARS)];
  if (before === after || before === "") return 1;
  const same = diffChars(before, after).filter(({ added, removed }) => !added && !removed);
  return same.reduce((sum, { value }) => sum + value.length, 0) / before.length;
}

/** What is typed at an edge of the text is not part of it; what reaches into it takes its place. */
function move(kept: Kept, { start, beforeEnd, afterEnd }: TextDifference): void {
  const grown = afterEnd - beforeEnd;
  if (beforeEnd <= kept.start) {
    kept.start += grown;
    kept.end += grown;
  } else if (start < kept.end) {
    kept.start = Math.min(kept.start, start);
    kept.end = Math.max(kept.end, beforeEnd) + grown;
  }
}
