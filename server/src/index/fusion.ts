// Puts what was found by words and what was found by vectors into one order; pure, so that its weights can be measured.
import type { FoundChunk } from "./chunkStore.ts";
import { codeWords } from "./codeWords.ts";

/** Reciprocal rank fusion: 60 as in Cormack, Clarke and Büttcher (SIGIR 2009). */
const RANK_OFFSET = 60;

/**
 * Weights, chosen on the tune half of the retrieval bench, in units of a first place by words. The embedder's card counts
 * vectors double; here that is no better for documentation (MRR 40.5 both) and worse for uses (52.9, not 55.5), because
 * words that say little are not searched for.
 */
export const WEIGHTS = {
  terms: 1,
  vector: 1,
  /** The words of the question and those of the definition's name are the same. */
  symbol: 1,
  /** All words of the question stand in the path. */
  path: 0.4,
  /** An identifier of the question stands in no other chunk: else what both sides found a little of would come before it. */
  compound: 1,
  /** The best files are tied to this one more than to any other. */
  near: 0.15,
  /** The files in focus are. */
  focus: 0.75,
} as const;

/** The best chunks whose files draw their neighbours. */
const SEEDS = 10;

export interface Fused extends FoundChunk {
  /** Sum of what the sides gave; larger is better. */
  score: number;
  /** Dot product with the question, -1 to 1; 0 if only its words were found. */
  similarity: number;
}

export interface FusionRequest {
  /** Best first. */
  byTerms: readonly FoundChunk[];
  byVector: readonly FoundChunk[];
  /** Words of the question. */
  words: readonly string[];
  /** Identifiers of several words in the question (`compoundsOf`). */
  compounds: readonly string[];
  /** How much a word says, 0 to 1. */
  importance: (word: string) => number;
  /** Files near to these, with weights. */
  near: (weights: ReadonlyMap<string, number>) => ReadonlyMap<string, number>;
  /** Weights of open and mentioned files. */
  focus: ReadonlyMap<string, number>;
  weights?: Partial<Record<keyof typeof WEIGHTS, number>>;
}

/** @returns Each chunk once, best first; equals by path and line. */
export function fuse(request: FusionRequest): Fused[] {
  const weights = { ...WEIGHTS, ...request.weights };
  const unit = 1 / (RANK_OFFSET + 1);
  const fused = new Map<string, Fused>();
  const give = (chunk: FoundChunk, score: number): Fused => {
    const id = `${chunk.key} ${chunk.startLine}`;
    const known = fused.get(id) ?? { ...chunk, score: 0, similarity: 0 };
    known.score += score;
    fused.set(id, known);
    return known;
  };
  for (const [rank, chunk] of request.byTerms.entries()) give(chunk, weights.terms / (RANK_OFFSET + rank + 1));
  for (const [rank, chunk] of request.byVector.entries()) {
    give(chunk, weights.vector / (RANK_OFFSET + rank + 1)).similarity = chunk.score;
  }
  const all = [...fused.values()];
  const words = importantWords(request.words, request.importance);
  for (const chunk of all) {
    const inName = sharesOf(chunk.symbol, words, request.importance);
    chunk.score += unit * weights.symbol * Math.sqrt(inName.ofQuestion * inName.ofName);
    chunk.score += unit * weights.path * sharesOf(chunk.path, words, request.importance).ofQuestion;
  }
  for (const [chunk, telling] of compoundsIn(all, request.compounds)) {
    chunk.score += unit * weights.compound * Math.min(1, telling);
  }
  all.sort(compareFused);
  const nearBest = shares(request.near(seedsOf(all)));
  const nearFocus = shares(request.near(request.focus));
  for (const chunk of all) {
    chunk.score += unit * weights.near * (nearBest.get(chunk.path) ?? 0);
    // The root: of many ties each is a small share, and still a tie.
    chunk.score += unit * weights.focus * Math.sqrt(nearFocus.get(chunk.path) ?? 0);
  }
  return all.sort(compareFused);
}

/** @returns For each chunk with such identifiers how much they say: the fewer others have one, the more. */
function compoundsIn(chunks: readonly Fused[], compounds: readonly string[]): Map<Fused, number> {
  const telling = new Map<Fused, number>();
  for (const name of compounds) {
    const whole = new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`, "i");
    const having = chunks.filter(({ path, symbol, text }) => [path, symbol, text].some((part) => whole.test(part)));
    for (const chunk of having) telling.set(chunk, (telling.get(chunk) ?? 0) + 1 / Math.sqrt(having.length));
  }
  return telling;
}

/** Files of the best chunks by what they are worth. */
function seedsOf(chunks: readonly Fused[]): Map<string, number> {
  const seeds = new Map<string, number>();
  for (const { path, score } of chunks.slice(0, SEEDS)) seeds.set(path, (seeds.get(path) ?? 0) + score);
  return seeds;
}

/** @returns Each weight as a share of the largest. */
function shares(weights: ReadonlyMap<string, number>): Map<string, number> {
  const most = Math.max(...weights.values(), Number.MIN_VALUE);
  return new Map([...weights].map(([path, weight]) => [path, weight / most]));
}

function importantWords(words: readonly string[], importance: (word: string) => number): Map<string, number> {
  return new Map(words.map((word) => [word, importance(word)]));
}

/** @returns How much of the question stands in a name or path, and how much of the name in the question, by importance. */
function sharesOf(
  name: string,
  words: ReadonlyMap<string, number>,
  importanceOf: (word: string) => number,
): { ofQuestion: number; ofName: number } {
  const own = new Set(codeWords(name));
  let found = 0;
  let asked = 0;
  for (const [word, importance] of words) {
    asked += importance;
    if (own.has(word) || own.has(word.replace(/s$/, "")) || own.has(`${word}s`)) found += importance;
  }
  if (found === 0) return { ofQuestion: 0, ofName: 0 };
  const named = [...own].reduce((sum, word) => sum + importanceOf(word), 0);
  return { ofQuestion: found / asked, ofName: Math.min(1, found / named) };
}

function compareFused(a: Fused, b: Fused): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.startLine - b.startLine;
}
