// All definitions of the indexed files by name and by word, with the matching rules for names; knows no texts.
import type { SymbolDefinition } from "./symbols.ts";
import { IDENTIFIER, partsOf, stem } from "./words.ts";

export interface SymbolEntry extends SymbolDefinition {
  /** Names of what it stands in, joined by dots; "" or absent at the top of the file. */
  container?: string;
  /** What stands before its body, on one line. */
  signature?: string;
  path: string;
  uri: string;
}

/** How a name answers a query, best first. */
const MATCHES = ["exact", "exactIgnoringCase", "prefix", "words", "inside"] as const;
export type NameMatch = (typeof MATCHES)[number];

interface Name {
  name: string;
  lower: string;
  /** Stems of its words, each once. */
  stems: string[];
  /** In no order. */
  entries: SymbolEntry[];
}

export class SymbolTable {
  readonly #names = new Map<string, Name>();
  readonly #byLower = new Map<string, Set<Name>>();
  readonly #byStem = new Map<string, Set<Name>>();

  get size(): number {
    let size = 0;
    for (const { entries } of this.#names.values()) size += entries.length;
    return size;
  }

  add(entries: readonly SymbolEntry[]): void {
    for (const entry of entries) {
      const known = this.#names.get(entry.name);
      if (known !== undefined) {
        known.entries.push(entry);
        continue;
      }
      const stems = [...new Set(wordsOf(entry.name).map(stem))];
      const name: Name = { name: entry.name, lower: entry.name.toLowerCase(), stems, entries: [entry] };
      this.#names.set(name.name, name);
      addTo(this.#byLower, name.lower, name);
      for (const word of stems) addTo(this.#byStem, word, name);
    }
  }

  remove(entries: readonly SymbolEntry[]): void {
    const gone = new Set(entries);
    for (const key of new Set(entries.map((entry) => entry.name))) {
      const name = this.#names.get(key);
      if (name === undefined) continue;
      name.entries = name.entries.filter((entry) => !gone.has(entry));
      if (name.entries.length > 0) continue;
      this.#names.delete(key);
      removeFrom(this.#byLower, name.lower, name);
      for (const word of name.stems) removeFrom(this.#byStem, word, name);
    }
  }

  /** @returns Definitions of this name, ignoring case. */
  named(text: string): SymbolEntry[] {
    return [...(this.#byLower.get(text.toLowerCase()) ?? [])].flatMap((name) => name.entries);
  }

  /** @returns Definitions whose names go on after this beginning, ignoring case. */
  beginningWith(start: string): SymbolEntry[] {
    const lower = start.toLowerCase();
    const found: SymbolEntry[] = [];
    for (const name of this.#names.values()) {
      if (name.lower.length > lower.length && name.lower.startsWith(lower)) found.push(...name.entries);
    }
    return found;
  }

  /**
   * @param stems Different stems of words.
   * @returns Definitions with at least one of these words in their name: how many of them, of how many in the name.
   */
  withWords(stems: readonly string[]): { entry: SymbolEntry; nMatched: number; nWords: number }[] {
    const matched = new Map<Name, number>();
    for (const word of stems) {
      for (const name of this.#byStem.get(word) ?? []) matched.set(name, (matched.get(name) ?? 0) + 1);
    }
    return [...matched].flatMap(([name, nMatched]) =>
      name.entries.map((entry) => ({ entry, nMatched, nWords: name.stems.length })),
    );
  }

  /**
   * Symbols for a query typed letter by letter: exact, then beginning, then words of the name (`pH` and `header` both
   * find `parseHeader`), then anywhere inside.
   * @param query Part of a name; empty matches all.
   * @param limit Most entries to return.
   * @param isWanted Others do not count.
   * @returns Best first; equals by length of the name, then name, path and line.
   */
  find(query: string, limit: number, isWanted: (entry: SymbolEntry) => boolean = () => true): SymbolEntry[] {
    const ranked: { name: Name; rank: number }[] = [];
    for (const name of this.#names.values()) {
      const match = matchName(name.name, query);
      if (match !== undefined) ranked.push({ name, rank: MATCHES.indexOf(match) });
    }
    ranked.sort((a, b) => a.rank - b.rank || compareNames(a.name.name, b.name.name));
    const found: SymbolEntry[] = [];
    for (const { name } of ranked) {
      if (found.length >= limit) break;
      found.push(...name.entries.filter(isWanted).sort(compareEntries));
    }
    return found.slice(0, limit);
  }
}

/** @returns How a name answers a query typed by a person, or undefined if it does not. */
export function matchName(name: string, query: string): NameMatch | undefined {
  if (name === query) return "exact";
  const lowerName = name.toLowerCase();
  const lowerQuery = query.toLowerCase();
  if (lowerName === lowerQuery) return "exactIgnoringCase";
  if (lowerName.startsWith(lowerQuery)) return "prefix";
  const at = lowerName.indexOf(lowerQuery);
  if (at === -1) return isSpread(lowerName, lowerQuery) && matchesWordStarts(name, query) ? "words" : undefined;
  const startsWord = /[A-Z]/.test(name[at]!) || !/[A-Za-z]/.test(name[at - 1]!);
  return startsWord ? "words" : "inside";
}

/** By path, then line. */
export function compareEntries(a: SymbolEntry, b: SymbolEntry): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.line - b.line;
}

function compareNames(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Whether the letters occur in this order: a quick test before the words are looked at. */
function isSpread(name: string, letters: string): boolean {
  let at = -1;
  for (const letter of letters) {
    at = name.indexOf(letter, at + 1);
    if (at === -1 && letter !== "_") return false;
  }
  return letters.length > 1;
}

/** `pH`, `ph` and `parHead` stand for `parseHeader`: each word of the query begins a word of the name, in order. */
function matchesWordStarts(name: string, query: string): boolean {
  const wanted = /[A-Z_]/.test(query) ? wordsOf(query) : [...query.toLowerCase()];
  let next = 0;
  for (const word of wordsOf(name)) {
    if (next < wanted.length && word.startsWith(wanted[next]!)) next++;
  }
  return next === wanted.length && wanted.length > 1;
}

function wordsOf(name: string): string[] {
  return (name.match(IDENTIFIER) ?? []).flatMap(partsOf);
}

function addTo(map: Map<string, Set<Name>>, key: string, name: Name): void {
  const names = map.get(key);
  if (names === undefined) map.set(key, new Set([name]));
  else names.add(name);
}

function removeFrom(map: Map<string, Set<Name>>, key: string, name: Name): void {
  const names = map.get(key);
  names?.delete(name);
  if (names?.size === 0) map.delete(key);
}
