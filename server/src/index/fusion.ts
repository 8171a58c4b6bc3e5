// Puts what was found by words and what was found by vectors into one order; pure, so that its weights can be measured.
import type { FoundChunk } from "./chunkStore.ts";
import { codeWords } from "./codeWords.ts";

/** Reciprocal rank fusion: 60 as in Cormack, Clarke and Büttcher (SIGIR 2009). */
const RANK_OFFSET = 60;

/**
 * Weights, chosen on the tune half of the retrieval bench. Vectors count double (server/models/embedder/MODEL_CARD.md).
 * The others are in units of a first place by words.
 */
export const WEIGHTS = {
  terms: 1,
  vector: 2,
  /** All words of the question stand in the name of the definition. */
  symbol: 0.6,
  /** The same in the path. */
  path: 0.2,
  /** All ties of the best files lead to this one. */
  near: 0.25,
} as const;

/** The best chunks whose files draw their neighbours. */
const SEEDS = 10;

export interface Fused extends FoundChunk {
  /** Sum of what the sides gave; larger is better. */
  score: number;
}

export interface FusionRequest {
  /** Best first. */
  byTerms: readonly FoundChunk[];
  byVector: readonly FoundChunk[];
  /** Words of the question. */
  words: readonly string[];
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
  const give = (chunk: FoundChunk, score: number) => {
    const id = `${chunk.key} ${chunk.startLine}`;
    const known = fused.get(id);
    if (known === undefined) fused.set(id, { ...chunk, score });
    else known.score += score;
  };
  for (const [rank, chunk] of request.byTerms.entries()) give(chunk, weights.terms / (RANK_OFFSET + rank + 1));
  for (const [rank, chunk] of request.byVector.entries()) give(chunk, weights.vector / (RANK_OFFSET + rank + 1));
  const all = [...fused.values()];
  const words = importantWords(request.words, request.importance);
  for (const chunk of all) {
    chunk.score += unit * weights.symbol * shareIn(chunk.symbol, words);
    chunk.score += unit * weights.path * shareIn(chunk.path, words);
  }
  all.sort(compareFused);
  const near = request.near(seedsOf(all, request.focus));
  const most = Math.max(...near.values(), Number.MIN_VALUE);
  for (const chunk of all) chunk.score += (unit * weights.near * (near.get(chunk.path) ?? 0)) / most;
  return all.sort(compareFused);
}

/** Files of the best chunks by what they are worth, and those in focus as much as the best. */
function seedsOf(chunks: readonly Fused[], focus: ReadonlyMap<string, number>): Map<string, number> {
  const seeds = new Map<string, number>();
  for (const { path, score } of chunks.slice(0, SEEDS)) seeds.set(path, (seeds.get(path) ?? 0) + score);
  const best = Math.max(...seeds.values(), Number.MIN_VALUE);
  const heaviest = Math.max(...focus.values(), 1);
  for (const [path, weight] of focus) seeds.set(path, (seeds.get(path) ?? 0) + (best * weight) / heaviest);
  return seeds;
}

function importantWords(words: readonly string[], importance: (word: string) => number): Map<string, number> {
  return new Map(words.map((word) => [word, importance(word)]));
}

/** @returns Share of the words, by importance, that stand in a name or path. */
function shareIn(name: string, words: ReadonlyMap<string, number>): number {
  if (name === "" || words.size === 0) return 0;
  const own = new Set(codeWords(name));
  let found = 0;
  let all = 0;
  for (const [word, importance] of words) {
    all += importance;
    if (own.has(word) || own.has(word.replace(/s$/, "")) || own.has(`${word}s`)) found += importance;
  }
  return all === 0 ? 0 : found / all;
}

function compareFused(a: Fused, b: Fused): number {
  if (a.score !== b.score) return b.score - a.score;
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.startLine - b.startLine;
}
