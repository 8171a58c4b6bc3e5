// Orders the files of a codebase that does not fit whole by what they are worth in the context.
import { rankFiles } from "../index/symbolGraph.ts";
import type { FileSyntax } from "../syntax/fileSyntax.ts";
import { comparePaths, type WorkspaceFile } from "./workspaceFile.ts";

/**
 * Text that is looked through at most, bytes, and its files: sixteen times what the longest window holds, so that the
 * choice is a real one, while a workspace of any size costs seconds and bounded memory.
 */
export const MAX_CONSIDERED_BYTES = 16 * 1024 * 1024;
export const MAX_CONSIDERED_FILES = 20_000;

/** Bounds of a file's importance, in powers of two around the mean: nothing is worthless, and no file is worth all. */
const LEAST_IMPORTANCE = -2;
const MOST_IMPORTANCE = 6;
/** Steps in which age counts. */
const AGE_STEPS = 8;
/** What a file costs beside its text: path, line ends and marks, in characters of text. */
const FRAME_CHARACTERS = 24;
/** The share of the files that reasons call the most used ones, if they are used more than the mean. */
const MOST_USED_SHARE = 0.25;
/** A file's share of the ranks over the mean share, from which it is above it: equal ranks differ by rounding. */
const ABOVE_MEAN = 1.001;

export interface AnalysedFile {
  file: WorkspaceFile;
  /** Its whole text. */
  text: string;
  syntax: FileSyntax;
}

export interface RankedFile extends AnalysedFile {
  /** Why it comes before others, for people. */
  reason: string;
}

/**
 * Splits off what is too much even to look at: focus files come first, then the most recently changed ones.
 * @param files Least recently changed first.
 * @param focus Weights of open and mentioned files, by path.
 * @returns Both parts in the order of `files`.
 */
export function splitByCap(
  files: readonly WorkspaceFile[],
  focus: ReadonlyMap<string, number>,
): { considered: WorkspaceFile[]; beyond: WorkspaceFile[] } {
  const [focused, others] = partition([...files].reverse(), (file) => focus.has(file.path));
  const taken = new Set<WorkspaceFile>();
  let bytes = 0;
  for (const file of [...focused, ...others]) {
    if (taken.size === MAX_CONSIDERED_FILES) break;
    if (bytes + file.bytes > MAX_CONSIDERED_BYTES) continue;
    taken.add(file);
    bytes += file.bytes;
  }
  const [considered, beyond] = partition(files, (file) => taken.has(file));
  return { considered, beyond };
}

/**
 * Files by their worth for each token, best first. Focus files stand before all others, by their weight. Of the others:
 *
 *     worth = importance ÷ (characters of path and text × age)
 *
 * Importance is the file's share of the PageRank of the symbol graph over the mean share, rounded to a power of two
 * between 1/4 and 64. Age goes from 1 for the most recently changed eighth of the files to 2 for the least. Both are
 * steps on purpose: an edit that shifts them a little changes the order, and so what is in the context, seldom. Equal
 * worth: the file that changed later comes first.
 * @param files Least recently changed first. A file without symbols (prose, settings, an unknown language) has whatever
 *   importance the graph gives to a file that nothing refers to, so a small one still ranks high.
 * @param focus Weights of open and mentioned files, by path; they also draw the graph's ranks towards themselves.
 */
export function rankByWorth(files: readonly AnalysedFile[], focus: ReadonlyMap<string, number>): RankedFile[] {
  const graph = files.map(({ file, syntax }) => ({
    path: file.path,
    definitions: syntax.definitions,
    references: syntax.references,
    imports: syntax.imports,
  }));
  const shares = rankFiles(graph, focus);
  const share = (path: string) => shares.get(path) ?? 0;
  const mostUsed = [...graph].sort((a, b) => share(b.path) - share(a.path) || comparePaths(a, b));
  const ranks = new Map(mostUsed.map(({ path }, index) => [path, index + 1]));
  const median = medianLength(files);
  const entries = files.map((entry, index) => {
    const { path } = entry.file;
    const step = Math.ceil(((index + 1) * AGE_STEPS) / files.length) - 1;
    const age = 1 + (AGE_STEPS - 1 - step) / (AGE_STEPS - 1);
    const characters = path.length + entry.text.length + FRAME_CHARACTERS;
    const ratio = share(path) * files.length;
    const worth = importance(ratio) / (characters * age);
    const weight = focus.get(path);
    const standing = { rank: ranks.get(path)!, nFiles: files.length, ratio, step, isShort: entry.text.length < median };
    const reason = weight === undefined ? reasonOf(standing) : "open or mentioned";
    return { ranked: { ...entry, reason }, worth, index, weight };
  });
  return entries
    .sort((a, b) => (b.weight ?? -1) - (a.weight ?? -1) || b.worth - a.worth || b.index - a.index)
    .map(({ ranked }) => ranked);
}

/** @param ratio A file's share of the ranks over the mean share. */
function importance(ratio: number): number {
  const power = ratio > 0 ? Math.round(Math.log2(ratio)) : LEAST_IMPORTANCE;
  return 2 ** Math.min(MOST_IMPORTANCE, Math.max(LEAST_IMPORTANCE, power));
}

interface Standing {
  /** By use, from 1. */
  rank: number;
  nFiles: number;
  /** The file's share of the ranks over the mean share. */
  ratio: number;
  /** Of age; the last one changed last. */
  step: number;
  isShort: boolean;
}

/** Only what sets the file apart from others: where all are alike, nothing does. */
function reasonOf({ rank, nFiles, ratio, step, isShort }: Standing): string {
  const isMostUsed = rank <= Math.ceil(nFiles * MOST_USED_SHARE) && ratio > ABOVE_MEAN;
  if (isMostUsed) return `among the most used files (rank ${rank} of ${nFiles})`;
  if (step === AGE_STEPS - 1) return "among the files that changed last";
  return isShort ? "short, so it takes little room" : "there was room for it";
}

/** @returns At least half of the texts are no longer than this; 0 without files. */
function medianLength(files: readonly AnalysedFile[]): number {
  const lengths = files.map(({ text }) => text.length).sort((a, b) => a - b);
  return lengths[Math.floor(lengths.length / 2)] ?? 0;
}

function partition<Item>(items: readonly Item[], belongs: (item: Item) => boolean): [Item[], Item[]] {
  const inside: Item[] = [];
  const outside: Item[] = [];
  for (const item of items) (belongs(item) ? inside : outside).push(item);
  return [inside, outside];
}
