// Decides what of all that was found goes into the prompt, and where: pure, and in favour of what is there already.
import { type Candidate, type ContextItem, type Excerpt, SOURCE_NAMES, type SourceName } from "./contextItems.ts";
import { narrowed } from "./excerpts.ts";

/** Attention is for few things. */
const MAX_ITEMS = 16;
const MAX_ITEMS_PER_FILE = 4;

/**
 * What a source's best candidate is worth against those of others, and how much of the room it may take: no source shall
 * crowd out the others, and most rooms are too small for all of them.
 */
const SOURCES: Record<SourceName, { weight: number; share: number }> = {
  definitions: { weight: 1, share: 0.5 },
  edits: { weight: 0.8, share: 0.35 },
  symbols: { weight: 0.75, share: 0.4 },
  imports: { weight: 0.6, share: 0.4 },
  similar: { weight: 0.6, share: 0.3 },
  neighbours: { weight: 0.5, share: 0.3 },
  viewed: { weight: 0.45, share: 0.25 },
  search: { weight: 0.4, share: 0.25 },
};

/** What is in its place counts for more: a change of the block costs the evaluation of all that follows it. */
const IN_PLACE_FACTOR = 1.25;
/** What no source proposes any more stays only where nobody else wants the room. */
const GONE_FACTOR = 0.25;
/** From this share of its lines on, a text counts as said already. */
const SAID_SHARE = 0.5;

/** An item in its place, with what is needed to see later whether it is still true. */
export interface Entry {
  item: ContextItem;
  /** Where it stands in its file now; the item itself never changes. */
  excerpt: Excerpt;
  value: number;
  /** Its file has changed since: it is true only if a source proposes exactly this text again. */
  isUnsure?: true;
}

/** A candidate with the source and the worth that it has against all others. */
export interface Ranked {
  source: SourceName;
  candidate: Candidate;
  value: number;
}

/** @returns The candidates of all sources, best first. */
export function ranked(found: ReadonlyMap<SourceName, readonly Candidate[]>): Ranked[] {
  const all = SOURCE_NAMES.flatMap((source) =>
    (found.get(source) ?? []).map((candidate) => {
      return { source, candidate, value: SOURCES[source].weight * candidate.score };
    }),
  );
  return all.sort((a, b) => b.value - a.value);
}

export interface Distinct {
  /** What stays in its place, in its order, worth what it is worth now. */
  kept: Entry[];
  /** New ones, best first, without what is said by a kept one or a better one. */
  fresh: Ranked[];
}

/**
 * Sorts out what is proposed twice, and what is in its place already.
 * @param before What is in the prompt.
 * @param candidates Best first.
 * @param mayKeepGone False: what nobody proposes any more goes.
 */
export function distinct(before: readonly Entry[], candidates: readonly Ranked[], mayKeepGone: boolean): Distinct {
  const entries = before.flatMap((entry) => confirmed(entry, candidates));
  const values = new Map<Entry, number>();
  const fresh: Ranked[] = [];
  for (const next of candidates) {
    const inPlace = entries.find((entry) => isSaidBy(next.candidate, [entry.excerpt]));
    if (inPlace !== undefined) {
      values.set(inPlace, Math.max(values.get(inPlace) ?? 0, next.value * IN_PLACE_FACTOR));
      continue;
    }
    const others = [...entries.map(({ excerpt }) => excerpt), ...fresh.map(({ candidate }) => candidate)];
    const rest = isSaidBy(next.candidate, others) ? undefined : outside(next.candidate, others);
    if (rest !== undefined) fresh.push({ ...next, candidate: { ...next.candidate, ...rest } });
  }
  const kept = entries
    .filter((entry) => mayKeepGone || values.has(entry))
    .map((entry) => ({ ...entry, value: values.get(entry) ?? entry.value * GONE_FACTOR }));
  return { kept, fresh };
}

/**
 * Chooses by worth while there is room.
 * @param kept In the order of the prompt.
 * @param fresh With their tokens.
 * @returns Those of `kept` that stay, in their order, then the new ones, what changes least first.
 */
export function chosen(
  kept: readonly Entry[],
  fresh: readonly { ranked: Ranked; tokens: number }[],
  budgetTokens: number,
): Entry[] {
  const newEntries = fresh.map(({ ranked: { source, candidate, value }, tokens }): Entry => {
    const { path, startLine, text, reason } = candidate;
    return { item: { source, path, startLine, text, reason, tokens }, excerpt: candidate, value };
  });
  const spent = new Map<SourceName, number>();
  const perFile = new Map<string, number>();
  const taken = new Set<Entry>();
  let left = budgetTokens;
  for (const entry of [...kept, ...newEntries].sort((a, b) => b.value - a.value)) {
    const { source, path, tokens } = entry.item;
    const ofSource = (spent.get(source) ?? 0) + tokens;
    const ofFile = (perFile.get(path) ?? 0) + 1;
    const hasRoom = tokens <= left && ofSource <= SOURCES[source].share * budgetTokens;
    if (!hasRoom || ofFile > MAX_ITEMS_PER_FILE || taken.size === MAX_ITEMS) continue;
    left -= tokens;
    spent.set(source, ofSource);
    perFile.set(path, ofFile);
    taken.add(entry);
  }
  const byStability = (a: Entry, b: Entry) =>
    SOURCE_NAMES.indexOf(a.item.source) - SOURCE_NAMES.indexOf(b.item.source) || b.value - a.value;
  return [
    ...kept.filter((entry) => taken.has(entry)),
    ...newEntries.filter((entry) => taken.has(entry)).sort(byStability),
  ];
}

/** @returns None if it cannot be told that an entry is still true. */
function confirmed({ isUnsure, ...entry }: Entry, candidates: readonly Ranked[]): Entry[] {
  if (isUnsure === undefined) return [entry];
  const { path, form, text } = entry.excerpt;
  const same = candidates.find(({ candidate: other }) => {
    return other.path === path && other.form === form && other.text === text;
  });
  return same === undefined ? [] : [{ ...entry, excerpt: same.candidate }];
}

/** @returns Whether most lines of an excerpt are in others of its file; two outlines of one file say the same. */
function isSaidBy(excerpt: Excerpt, others: readonly Excerpt[]): boolean {
  const same = others.filter(({ path }) => path === excerpt.path);
  if (excerpt.form === "outline" && same.some(({ form }) => form === "outline")) return true;
  const said = new Set(same.flatMap(({ text }) => tellingLines(text)));
  const lines = tellingLines(excerpt.text);
  if (same.length === 0 || lines.length === 0) return lines.length === 0;
  return lines.filter((line) => said.has(line)).length >= SAID_SHARE * lines.length;
}

/** @returns The part of an excerpt that no other one of the same lines has; undefined if nothing is left. */
function outside(excerpt: Excerpt, others: readonly Excerpt[]): Excerpt | undefined {
  let rest = excerpt;
  for (const other of others) {
    const overlaps = other.startLine <= rest.endLine && rest.startLine <= other.endLine;
    if (other.path !== rest.path || !overlaps || other.form === "outline" || rest.form === "outline") continue;
    // Signatures cannot be cut; of what is around the other one, the longer side is left.
    if (rest.form === "signatures") return undefined;
    const above = other.startLine - rest.startLine;
    const below = rest.endLine - other.endLine;
    if (Math.max(above, below) <= 0) return undefined;
    const left: [startLine: number, endLine: number] =
      above >= below ? [rest.startLine, other.startLine - 1] : [other.endLine + 1, rest.endLine];
    const piece = narrowed(rest, ...left);
    if (piece === undefined) return undefined;
    rest = piece;
  }
  return rest;
}

/** Lines as they compare: a signature in an outline lacks what opens its body. */
function tellingLines(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim().replace(/[\s{:;,=]+$/, ""));
  return [...new Set(lines.filter((line) => /[\p{L}\p{N}]/u.test(line)))];
}
