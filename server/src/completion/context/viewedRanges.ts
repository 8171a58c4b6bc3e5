// Remembers which lines the user looked at, as the client tells it, and keeps them in place while documents are edited.
import type { Clock } from "../../codebase/clock.ts";
import type { DocumentEdit } from "../../documents.ts";
import type { ViewedParams } from "../../protocol/contextMessages.ts";
import { canonicalUri } from "../../uris.ts";
import { type Candidate, MAX_ITEM_LINES, type Source, type Surroundings } from "./contextItems.ts";
import { linesOf } from "./excerpts.ts";
import { type LineRange, moved } from "./lineRanges.ts";

const MAX_REMEMBERED = 20;
const MAX_GIVEN = 5;
/** Older ones say nothing about what comes next, milliseconds. */
const MAX_AGE_MS = 30 * 60_000;
/** Each view is worth so much less than the next newer one. */
const SCORE_STEP = 0.15;

export class ViewedRanges implements Source {
  readonly name = "viewed";
  readonly #clock: Clock;
  /** The newest first. */
  #views: LineRange[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The user has stopped at these lines. What comes from the client is not trusted: anything malformed is passed over. */
  viewed({ uri: told, ranges }: ViewedParams): void {
    if (typeof told !== "string" || !Array.isArray(ranges)) return;
    const uri = canonicalUri(told);
    const atMs = this.#clock.now();
    for (const range of ranges) {
      const [startLine, endLine] = [range?.start?.line, range?.end?.line];
      if (!isLine(startLine) || !isLine(endLine) || endLine < startLine) continue;
      const view = { uri, startLine, endLine, atMs };
      this.#views = [view, ...this.#views.filter((other) => !overlap(view, other))].slice(0, MAX_REMEMBERED);
    }
  }

  /** Hears each edit of each document, in their order. */
  edited(edit: DocumentEdit): void {
    const uri = canonicalUri(edit.uri);
    this.#views = this.#views.map((view) => (view.uri === uri ? moved(view, edit) : view));
  }

  /** What was seen of other files, the newest first. */
  async gather({ uri, texts }: Surroundings): Promise<Candidate[]> {
    const since = this.#clock.now() - MAX_AGE_MS;
    const views = this.#views.filter((view) => view.uri !== uri && view.atMs >= since).slice(0, MAX_GIVEN);
    const files = await Promise.all(views.map((view) => texts.ofUri(view.uri)));
    return views.flatMap((view, age) => {
      const file = files[age];
      const excerpt = file && linesOf(file, ...middleOf(view));
      return excerpt === undefined ? [] : [{ ...excerpt, score: 1 - age * SCORE_STEP, reason: "seen lately" }];
    });
  }
}

/** On a tall screen people read in the middle. */
function middleOf({ startLine, endLine }: LineRange): [startLine: number, endLine: number] {
  const spare = endLine - startLine + 1 - MAX_ITEM_LINES;
  if (spare <= 0) return [startLine, endLine];
  const start = startLine + Math.floor(spare / 2);
  return [start, start + MAX_ITEM_LINES - 1];
}

function overlap(a: LineRange, b: LineRange): boolean {
  return a.uri === b.uri && a.startLine <= b.endLine && b.startLine <= a.endLine;
}

function isLine(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
