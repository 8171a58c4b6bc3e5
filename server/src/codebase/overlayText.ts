// How what changed since the base is written for the model: pure, and so that it can be read back without guessing.
import { posix } from "node:path";
import { type StructuredPatchHunk, structuredPatch } from "diff";
import type { BaseFile } from "./workspaceFile.ts";

/** After the path in a head line. Paths have no two slashes in a row, and files of the base begin with a mere path. */
const MARK = " //";

/** Unchanged lines around a change: as git shows them, which models have read most of. */
const CONTEXT_LINES = 3;
/** Lines that differ; more than this is a new text, and comparing takes time that grows with their square. */
const MAX_DIFFERENT_LINES = 1000;
/** A new file is a deleted one renamed if writing the differences takes less than this share of its text. */
const RENAMED_SHARE = 0.5;
/** Pairs of a deleted and a new file that are compared line by line: bounds the time before a question starts. */
const MAX_COMPARED_PAIRS = 64;

const HEADS = {
  whole: "changed: its whole text now, which replaces all of it above",
  hunks: "changed: only in these places, all else is as above",
  new: "new: its whole text",
  deleted: "gone: deleted, or not to be read any more",
  renamed: "renamed from ",
} as const;
const NAMED_HEAD = "// These files changed too; their newest text is not shown:";

/** A file that differs from the base. */
export interface Change {
  path: string;
  /** Its newest text, line ends LF; undefined if the file is gone. */
  text: string | undefined;
  /** `textHash` of the text; empty if the file is gone. */
  hash: string;
}

export interface EntryForm {
  kind: keyof typeof HEADS;
  /** Everything behind the separator. */
  text: string;
}

export interface Entry {
  path: string;
  /** Earlier path of a renamed file. */
  from?: string;
  /** Say the same; whichever has the fewest tokens is used, the earlier one of equals. */
  forms: readonly EntryForm[];
}

/** A text of the base or of a change, with its hash. */
interface Hashed {
  text: string;
  hash: string;
}

/** @returns A unified diff without file names, every line ending with a line end; undefined if too much differs. */
export type Differ = (before: Hashed, after: Hashed) => string | undefined;

/**
 * Says each change in one entry. A deleted and a new file that are nearly the same become one entry, a renaming.
 * @param changes In the order in which the entries shall stand; each path at most once.
 * @param base Files of the base by path.
 * @param differ Compares two texts; asked for the same ones again each time.
 * @returns The entries; a renaming stands at the later one of its two changes.
 */
export function entriesOf(changes: readonly Change[], base: ReadonlyMap<string, BaseFile>, differ: Differ): Entry[] {
  const renames = findRenames(changes, base, differ);
  const waiting = new Map([...renames].map(([path, { from }]) => [from.path, path]));
  const pending = new Set<string>();
  const entries: Entry[] = [];
  for (const change of changes) {
    const to = renames.has(change.path) ? change.path : waiting.get(change.path);
    if (to === undefined) entries.push(plainEntry(change, base.get(change.path), differ));
    else if (pending.has(to)) entries.push(renamedEntry(to, renames.get(to)!));
    else pending.add(to);
  }
  return entries;
}

/**
 * Names files whose texts have no room.
 * @param paths In the order to name them.
 * @param most How many to name; the rest is counted.
 * @returns Everything behind the separator.
 */
export function namedText(paths: readonly string[], most: number): string {
  const more = paths.length - most;
  return asText([NAMED_HEAD, ...paths.slice(0, most), ...(more > 0 ? [`// and ${more} more`] : [])]);
}

/** Compares line by line. For texts that differ in more than a thousand lines it gives up. */
export function unifiedDiff(before: string, after: string): string | undefined {
  const options = { context: CONTEXT_LINES, maxEditLength: MAX_DIFFERENT_LINES };
  const patch = structuredPatch("", "", before, after, undefined, undefined, options);
  return patch === undefined ? undefined : asText(patch.hunks.flatMap((hunk) => [hunkHead(hunk), ...hunk.lines]));
}

interface Rename {
  from: BaseFile;
  /** The differences; empty if the text is the same. */
  diff: string;
}

/** @returns By new path. Equal texts first, then small differences; the file's name decides between equal candidates. */
function findRenames(
  changes: readonly Change[],
  base: ReadonlyMap<string, BaseFile>,
  differ: Differ,
): Map<string, Rename> {
  const gone = new Map<string, BaseFile>();
  for (const { path, text } of changes) {
    const before = base.get(path);
    if (text === undefined && before !== undefined && before.hash !== "") gone.set(path, before);
  }
  const renames = new Map<string, Rename>();
  const added = changes.filter(({ path, text }) => text !== undefined && !base.has(path));
  for (const { path, hash } of added) {
    const equal = [...gone.values()].filter((file) => file.hash === hash);
    const from = equal.find((file) => posix.basename(file.path) === posix.basename(path)) ?? equal[0];
    if (from === undefined) continue;
    gone.delete(from.path);
    renames.set(path, { from, diff: "" });
  }
  let compared = 0;
  for (const { path, text = "", hash } of added) {
    if (renames.has(path)) continue;
    let best: Rename | undefined;
    for (const from of gone.values()) {
      if (!mayBeRenamed(from, path, text) || compared >= MAX_COMPARED_PAIRS) continue;
      compared += 1;
      const diff = differ(from, { text, hash });
      if (diff === undefined || diff.length >= text.length * RENAMED_SHARE) continue;
      if (best === undefined || diff.length < best.diff.length) best = { from, diff };
    }
    if (best === undefined) continue;
    gone.delete(best.from.path);
    renames.set(path, best);
  }
  return renames;
}

/** What can be told without comparing the lines: differences of half the text or more are no renaming. */
function mayBeRenamed(from: BaseFile, path: string, text: string): boolean {
  if (from.form !== "whole" || posix.extname(from.path) !== posix.extname(path)) return false;
  return Math.abs(from.text.length - text.length) < text.length * RENAMED_SHARE;
}

function renamedEntry(path: string, { from, diff }: Rename): Entry {
  const how = diff === "" ? "the same text" : "its text is changed only in these places";
  const text = `${head(path, `${HEADS.renamed}${from.path}${MARK} ${how}`)}${diff}`;
  return { path, from: from.path, forms: [{ kind: "renamed", text }] };
}

function plainEntry({ path, text, hash }: Change, before: BaseFile | undefined, differ: Differ): Entry {
  if (text === undefined) return { path, forms: [{ kind: "deleted", text: head(path, HEADS.deleted) }] };
  const form = (kind: "whole" | "hunks" | "new", body: string): EntryForm => {
    return { kind, text: head(path, HEADS[kind]) + body };
  };
  if (before === undefined) return { path, forms: [form("new", `${text}\n`)] };
  const whole = form("whole", `${text}\n`);
  const diff = before.form === "whole" ? differ(before, { text, hash }) : undefined;
  return { path, forms: diff === undefined ? [whole] : [whole, form("hunks", diff)] };
}

function head(path: string, what: string): string {
  return `${path}${MARK} ${what}\n`;
}

function hunkHead({ oldStart, oldLines, newStart, newLines }: StructuredPatchHunk): string {
  // Unified diffs count from the line before where there is no line.
  const before = oldLines === 0 ? oldStart - 1 : oldStart;
  const after = newLines === 0 ? newStart - 1 : newStart;
  return `@@ -${before},${oldLines} +${after},${newLines} @@`;
}

function asText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
