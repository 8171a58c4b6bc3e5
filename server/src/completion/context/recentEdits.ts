// Remembers where documents were edited of late, and which texts were removed there; fed by the edits of all documents.
import type { Clock } from "../../codebase/clock.ts";
import type { DocumentEdit } from "../../documents.ts";
import { differenceBetween } from "../../textDifference.ts";
import { canonicalUri } from "../../uris.ts";
import type { Candidate, Source, Surroundings } from "./contextItems.ts";
import { linesOf } from "./excerpts.ts";
import { type LineRange, lineBreaks, moved } from "./lineRanges.ts";

/** Edits that are given, the newest first, and that are remembered of a file; files that are remembered. */
const MAX_EDITS = 8;
const MAX_FILES = 20;
/** Edits so near to each other, in lines and in milliseconds, are one. */
const MERGE_LINES = 3;
const MERGE_MS = 120_000;
/** More lines at once are the work of a formatter or of another program, not of the user. */
const MAX_LINES_AT_ONCE = 80;
/** A longer one begins a new one, lines. */
const MAX_EDIT_LINES = 40;
/** What is shown above and below the edited lines. */
const LINES_AROUND = 3;
/** Older ones say nothing about what comes next, milliseconds. */
const MAX_AGE_MS = 30 * 60_000;
/** Each edit is worth so much less than the next newer one. */
const SCORE_STEP = 0.08;

/** Removed texts: how many are remembered, and how long, characters and milliseconds. */
const MAX_REMOVALS = 100;
const MAX_REMOVAL_CHARS = 4000;
const MAX_REMOVAL_MS = 60_000;
/** Removing character by character, with pauses up to this, is removing one text, milliseconds. */
const SAME_REMOVAL_MS = 2000;
/** So far from the cursor a removed text counts as removed there, characters. */
const NEAR_CHARS = 200;

interface Removal {
  uri: string;
  offset: number;
  text: string;
  atMs: number;
}

export class RecentEdits implements Source {
  readonly name = "edits";
  readonly #clock: Clock;
  /** By uri, the document edited last at the end. */
  readonly #edits = new Map<string, LineRange[]>();
  /** The newest last. */
  #removals: Removal[] = [];
  /** The last edit of all did nothing but remove: the next one may go on with it. */
  #isRemoving = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Hears each edit of each document, in their order. */
  edited(told: DocumentEdit): void {
    const edit = { ...told, uri: canonicalUri(told.uri) };
    this.#noteLines(edit);
    this.#noteRemoval(edit);
  }

  /**
   * @param offset In the document's text as it is now.
   * @param withinMs At most about a minute is remembered.
   * @returns Texts that were removed near to it in this time, line ends LF, the newest first.
   */
  removedNear(uri: string, offset: number, withinMs: number): string[] {
    const wanted = canonicalUri(uri);
    const since = this.#clock.now() - withinMs;
    return this.#removals
      .filter((removal) => removal.uri === wanted && removal.atMs >= since)
      .filter((removal) => Math.abs(removal.offset - offset) <= NEAR_CHARS)
      .map(({ text }) => text.replaceAll("\r\n", "\n"))
      .reverse();
  }

  /** The code as it is now where other files were edited, the newest edit first. */
  async gather({ uri, texts }: Surroundings): Promise<Candidate[]> {
    const since = this.#clock.now() - MAX_AGE_MS;
    const edits = [...this.#edits.values()]
      .flat()
      .reverse()
      .filter((edit) => edit.uri !== uri && edit.atMs >= since)
      .sort((a, b) => b.atMs - a.atMs)
      .slice(0, MAX_EDITS);
    const files = await Promise.all(edits.map((edit) => texts.ofUri(edit.uri)));
    return edits.flatMap(({ startLine, endLine }, age) => {
      const file = files[age];
      const excerpt = file && linesOf(file, startLine - LINES_AROUND, endLine + LINES_AROUND);
      return excerpt === undefined ? [] : [{ ...excerpt, score: 1 - age * SCORE_STEP, reason: "edited lately" }];
    });
  }

  #noteLines(edit: DocumentEdit): void {
    const others = (this.#edits.get(edit.uri) ?? []).map((range) => moved(range, edit));
    const [nRemoved, nInserted] = [lineBreaks(edit.removed), lineBreaks(edit.inserted)];
    this.#edits.delete(edit.uri);
    if (Math.max(nRemoved, nInserted) > MAX_LINES_AT_ONCE) {
      const untouched = others.filter(({ startLine, endLine }) => endLine - startLine < MAX_EDIT_LINES);
      if (untouched.length > 0) this.#edits.set(edit.uri, untouched);
      return;
    }
    const now = this.#clock.now();
    let merged: LineRange = { uri: edit.uri, startLine: edit.line, endLine: edit.line + nInserted, atMs: now };
    const apart: LineRange[] = [];
    for (const other of others) {
      const union = unionOf(merged, other);
      if (union === undefined) apart.push(other);
      else merged = union;
    }
    this.#edits.set(edit.uri, [...apart, merged].slice(-MAX_EDITS));
    for (const uri of [...this.#edits.keys()].slice(0, Math.max(0, this.#edits.size - MAX_FILES))) {
      this.#edits.delete(uri);
    }
  }

  #noteRemoval(told: DocumentEdit): void {
    const edit = narrowed(told);
    const now = this.#clock.now();
    const { uri, offset, removed } = edit;
    const last = this.#removals.at(-1);
    this.#removals = this.#removals
      .filter(({ atMs }) => now - atMs <= MAX_REMOVAL_MS)
      .map((removal) => (removal.uri === uri ? movedRemoval(removal, edit) : removal))
      .slice(-MAX_REMOVALS);
    const goesOn = this.#isRemoving && edit.inserted === "" && last?.uri === uri && now - last.atMs <= SAME_REMOVAL_MS;
    this.#isRemoving = edit.inserted === "";
    if (removed === "" || removed.length > MAX_REMOVAL_CHARS) return;
    const whole = goesOn ? joined(last, offset, removed) : undefined;
    if (whole !== undefined) this.#removals.pop();
    this.#removals.push({ uri, offset, text: whole ?? removed, atMs: now });
  }
}

/** Whoever chooses `response` in the suggest widget replaces `resp` by it, and removes nothing. */
function narrowed({ removed, inserted, ...edit }: DocumentEdit): DocumentEdit {
  const { start, beforeEnd, afterEnd } = differenceBetween(removed, inserted);
  return {
    ...edit,
    offset: edit.offset + start,
    removed: removed.slice(start, beforeEnd),
    inserted: inserted.slice(start, afterEnd),
  };
}

/** @returns Both as one, if they are near to each other and not too long together. */
function unionOf(newer: LineRange, older: LineRange): LineRange | undefined {
  const gap = Math.max(newer.startLine - older.endLine, older.startLine - newer.endLine);
  if (gap > MERGE_LINES || (gap > 0 && newer.atMs - older.atMs > MERGE_MS)) return undefined;
  const startLine = Math.min(newer.startLine, older.startLine);
  const endLine = Math.max(newer.endLine, older.endLine);
  return endLine - startLine < MAX_EDIT_LINES ? { ...newer, startLine, endLine } : undefined;
}

function movedRemoval(removal: Removal, { offset, removed, inserted }: DocumentEdit): Removal {
  if (offset >= removal.offset) return removal;
  const grown = inserted.length - removed.length;
  return { ...removal, offset: Math.max(offset, removal.offset + grown) };
}

/** Backspace removes what stood before, Delete what stood behind. @returns Undefined if it is another text. */
function joined(last: Removal, offset: number, removed: string): string | undefined {
  const text =
    offset + removed.length === last.offset
      ? removed + last.text
      : offset === last.offset
        ? last.text + removed
        : undefined;
  return text === undefined || text.length > MAX_REMOVAL_CHARS ? undefined : text;
}
