// Ranks what the search found: merges hits of one place, weighs them, and turns them into places for people.
import type { Place } from "../protocol/messages.ts";
import { IDENTIFIER, partsOf, stem } from "./words.ts";

/**
 * Scores by kind of match, on one scale: a name that is surely meant beats everything but a path, and text counts up to
 * `text`, which the best window gets. Chosen by hand on the ranking table in the tests.
 */
export const SCORES = {
  path: 14,
  pathPart: 6,
  exactName: 10,
  exactNameIgnoringCase: 8,
  /** A plain English word among others that is also a name. */
  commonName: 2,
  /** The first of the files that filters alone ask for; nothing else is found then. */
  listedFile: 6,
  prefix: 5,
  nameWords: 6,
  literal: 9,
  text: 5,
  /** On top of it: the whole name of several words stands there and nothing of that name is defined. */
  undefinedName: 4,
  /** For each word of the query in the path of the file. */
  pathWord: 0.5,
} as const;

/** Tests repeat the words of what they test; they come after it unless the query asks for tests. */
const TEST_FACTOR = 0.8;
const TEST_PATH =
  /(?:^|\/)(?:tests?|specs?|__tests__|fixtures?|mocks?)\/|[._-](?:test|spec)\.[^/]*$|(?:^|\/)test_[^/]*$/i;
const TEST_STEMS = ["test", "spec", "fixtur", "mock"].map(stem);

export function isTest(path: string): boolean {
  return TEST_PATH.test(path);
}

/**
 * Places of one file before the other files get their turn. Chosen on the tune half of the retrieval bench: of 100 questions
 * by documentation 55 have their answer among the first ten with two, 59 with three, 60 with four, which crowd a short list.
 */
const FIRST_PLACES_PER_FILE = 3;
const PREVIEW_CHARS = 160;

export interface RankedFile {
  path: string;
  uri: string;
  /** When it changed, milliseconds since 1970. */
  changedMs: number;
}

export interface Hit {
  kind: "path" | "symbol" | "literal" | "text";
  file: RankedFile;
  /** 0-based. */
  startLine: number;
  /** 0-based, inclusive. */
  endLine: number;
  symbol?: string;
  score: number;
  reason: string;
  /** A line that shows the place. */
  preview: string;
  /** True once a hit by text was merged into it; further ones say nothing new. */
  hasText?: true;
}

/**
 * @param hits All hits, in any order.
 * @param stems Stems of the query's words.
 * @param limit Most places to return.
 * @returns Best first; at most three of a file before the other files had their turn. Equals by age, path and line.
 */
export function rankPlaces(hits: readonly Hit[], stems: ReadonlySet<string>, limit: number): Place[] {
  const merged = mergeHits([...hits].sort(compareHits));
  for (const hit of merged) hit.score = weighted(hit, stems);
  merged.sort(compareHits);
  return spreadOverFiles(merged).slice(0, limit).map(toPlace);
}

/** By score, best first; then what changed last; then path and line. */
export function compareHits(a: Hit, b: Hit): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.file.changedMs !== b.file.changedMs) return b.file.changedMs - a.file.changedMs;
  if (a.file.path !== b.file.path) return a.file.path < b.file.path ? -1 : 1;
  return a.startLine - b.startLine || a.endLine - b.endLine || compareTexts(nameOf(a), nameOf(b));
}

function nameOf({ kind, symbol = "" }: Hit): string {
  return `${kind} ${symbol}`;
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** @returns Stems of the words in a path, without its extension's. */
export function stemsOfPath(path: string): Set<string> {
  const name = path.replace(/\.\w+$/, "");
  return new Set((name.match(IDENTIFIER) ?? []).flatMap(partsOf).map(stem));
}

/**
 * One hit for each place. A hit by text adds to the hit of another kind that it overlaps; two hits by text for the same
 * lines are one, and so are other hits of one kind. Hits come best first.
 */
function mergeHits(hits: readonly Hit[]): Hit[] {
  const merged: Hit[] = [];
  const byFile = new Map<RankedFile, Hit[]>();
  for (const hit of [...hits].sort((a, b) => Number(a.kind === "text") - Number(b.kind === "text"))) {
    const others = byFile.get(hit.file) ?? [];
    byFile.set(hit.file, others);
    const same = others.find((other) => isSamePlace(other, hit));
    const around =
      hit.kind === "text" ? others.find((other) => other.kind !== "text" && overlaps(other, hit)) : undefined;
    const target = same ?? around;
    if (target === undefined) {
      const copy = { ...hit };
      others.push(copy);
      merged.push(copy);
    } else if (target.kind !== hit.kind && !target.hasText) {
      if (hit.kind === "text") target.hasText = true;
      target.symbol ??= hit.symbol;
      if (same !== undefined) target.endLine = Math.max(target.endLine, hit.endLine);
      target.score += hit.score;
      target.reason += `; ${hit.reason}`;
    }
  }
  return merged;
}

/** A quoted text on the line where a symbol is defined is that symbol's place. */
function isSamePlace(a: Hit, b: Hit): boolean {
  if (a.startLine !== b.startLine) return false;
  const kinds = [a.kind, b.kind];
  return a.endLine === b.endLine || (kinds.includes("literal") && kinds.includes("symbol"));
}

function overlaps(a: Hit, b: Hit): boolean {
  return a.startLine <= b.endLine && b.startLine <= a.endLine;
}

function weighted(hit: Hit, stems: ReadonlySet<string>): number {
  let nInPath = 0;
  const pathStems = stemsOfPath(hit.file.path);
  for (const word of stems) if (pathStems.has(word)) nInPath++;
  const score = hit.score + SCORES.pathWord * nInPath;
  const asksForTests = TEST_STEMS.some((word) => stems.has(word));
  return isTest(hit.file.path) && !asksForTests && hit.kind !== "path" ? score * TEST_FACTOR : score;
}

function spreadOverFiles(hits: readonly Hit[]): Hit[] {
  const counts = new Map<RankedFile, number>();
  const first: Hit[] = [];
  const later: Hit[] = [];
  for (const hit of hits) {
    const count = (counts.get(hit.file) ?? 0) + 1;
    counts.set(hit.file, count);
    (count <= FIRST_PLACES_PER_FILE ? first : later).push(hit);
  }
  return [...first, ...later];
}

function toPlace({ file, startLine, endLine, symbol, reason, preview }: Hit): Place {
  const place: Place = {
    uri: file.uri,
    path: file.path,
    startLine,
    endLine,
    reason,
    preview: preview.slice(0, PREVIEW_CHARS),
  };
  return symbol === undefined ? place : { ...place, symbol };
}
