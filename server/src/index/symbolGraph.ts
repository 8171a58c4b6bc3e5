// The symbol graph: which file uses which, by names and imports, and what rank that gives each file; knows no texts.
import { DirectedGraph } from "graphology";
import pagerank from "graphology-metrics/centrality/pagerank.js";
import { ImportResolver } from "./importResolver.ts";

/** A name that so many files define (`get`, `run`) says nothing about who is meant. */
const MAX_DEFINERS = 20;
/** Of a file's rank, what it passes on goes to the files in focus by this share; the rest to the files that it uses. */
const FOCUS_SHARE = 0.2;
/** A node that is no file; those of files are their numbers, because the graph cannot hold every path (`__proto__`). */
const FOCUS = "focus";
/** The package exports the function itself, but declares it as a property `default`. */
const computeRanks = pagerank as unknown as typeof pagerank.default;

/** A file with the names that it defines and uses. */
export interface GraphFile {
  path: string;
  definitions: readonly string[];
  /** Names that mean nothing inside the file itself. */
  references: readonly string[];
  /** As written, without quotes. */
  imports: readonly string[];
}

/**
 * Ranks files by PageRank over who uses whom. Each name that a file uses is one vote, shared by the files that define it:
 * by those among them that the file imports, if there are any. Each import is one more vote. Files in focus draw ranks
 * towards themselves and towards what they use: every file passes a share of its rank on to them.
 * @param files Each path once.
 * @param focus Weights of files in focus by path; others than those of `files` do not count.
 * @returns Shares by path; their sum is 1.
 */
export function rankFiles(files: readonly GraphFile[], focus: ReadonlyMap<string, number>): Map<string, number> {
  if (files.length === 0) return new Map();
  const graph = new DirectedGraph<object, { weight: number }>();
  const nodes = new Map(files.map(({ path }, index) => [path, String(index)]));
  for (const node of nodes.values()) graph.addNode(node);
  const votes = votesOf(files);
  const inFocus = [...focus].filter(([path, weight]) => weight > 0 && nodes.has(path));
  if (inFocus.length > 0) {
    graph.addNode(FOCUS);
    for (const [path, weight] of inFocus) graph.addEdge(FOCUS, nodes.get(path), { weight });
  }
  for (const [from, targets] of votes) {
    let given = 0;
    for (const [to, weight] of targets) {
      graph.addEdge(nodes.get(from), nodes.get(to), { weight });
      given += weight;
    }
    const weight = (given * FOCUS_SHARE) / (1 - FOCUS_SHARE);
    if (inFocus.length > 0 && given > 0) graph.addEdge(nodes.get(from), FOCUS, { weight });
  }
  const ranks = computeRanks(graph, { getEdgeWeight: "weight" });
  const rankOf = (path: string) => ranks[nodes.get(path)!]!;
  const sum = files.reduce((total, { path }) => total + rankOf(path), 0);
  return new Map(files.map(({ path }) => [path, rankOf(path) / sum]));
}

/** @returns Weights by user and used file. */
export function votesOf(files: readonly GraphFile[]): Map<string, Map<string, number>> {
  const steps = voteSteps(files);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/** The same in small steps, for who gives way to other work in between: one for each file, after the first. */
export function* voteSteps(files: readonly GraphFile[]): Generator<undefined, Map<string, Map<string, number>>> {
  const definers = definersOf(files);
  yield;
  const resolver = new ImportResolver(files.map(({ path }) => path));
  const votes = new Map<string, Map<string, number>>();
  for (const { path, references, imports } of files) {
    const targets = new Map<string, number>();
    const vote = (to: string, weight: number) => {
      if (to !== path) targets.set(to, (targets.get(to) ?? 0) + weight);
    };
    const imported = new Set<string>();
    for (const text of imports) {
      const meant = resolver.resolve(path, text);
      for (const target of meant) {
        imported.add(target);
        vote(target, 1 / meant.length);
      }
    }
    for (const name of references) {
      const known = definers.get(name);
      if (known === undefined) continue;
      const meant = amongImported(known, imported);
      if (meant.size <= MAX_DEFINERS) for (const definer of meant) vote(definer, 1 / meant.size);
    }
    votes.set(path, targets);
    yield;
  }
  return votes;
}

function definersOf(files: readonly GraphFile[]): Map<string, Set<string>> {
  const definers = new Map<string, Set<string>>();
  for (const { path, definitions } of files) {
    for (const name of definitions) {
      const paths = definers.get(name);
      if (paths === undefined) definers.set(name, new Set([path]));
      else paths.add(path);
    }
  }
  return definers;
}

/** @returns Those of the definers of a name that are imported; all of them if none is. Makes nothing new where it can. */
function amongImported(definers: ReadonlySet<string>, imported: ReadonlySet<string>): ReadonlySet<string> {
  if (definers.size === 1 || imported.size === 0) return definers;
  const [few, many] = definers.size < imported.size ? [definers, imported] : [imported, definers];
  const both = new Set<string>();
  for (const path of few) if (many.has(path)) both.add(path);
  return both.size > 0 ? both : definers;
}
