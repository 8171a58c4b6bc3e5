// Measures how well the index finds what it is asked for, on questions made from this repository's own dependencies.
import { tellingTerms, termsOf } from "../../server/src/index/terms.ts";
import { type IndexParts, openIndex } from "./indexParts.ts";
import { type Bench, type Figures, rounded, UsageError } from "./measuring.ts";
import { type CorpusFile, readCorpus } from "./retrievalCorpus.ts";
import { DeclarationFinder } from "./retrievalDocs.ts";
import {
  type DeclaredFile,
  docQueries,
  HALVES,
  type Half,
  importQueries,
  type RetrievalQuery,
  type Target,
  testQueries,
} from "./retrievalSet.ts";

/** Places that count, as in Recall@10 and MRR@10. */
const DEPTH = 10;
/** Results that are asked for: those in the file of the question do not count. */
const ASKED = 50;
const BATCH_FILES = 64;
/** Batches at a time: one is parsed while another is embedded and stored. */
const LANES = 2;

type Place = Pick<Target, "path" | "startLine" | "endLine">;
type Way = (query: RetrievalQuery, parts: IndexParts) => Promise<readonly Place[]>;

/** The ways to search that are compared. */
const WAYS: Record<string, Way> = {
  /** All terms: what any full-text search does. */
  bm25: ({ text }, { store }) => store.searchTerms([...new Set(termsOf(text))], { limit: ASKED }),
  /** Only those that say something, as the embedder has learned. */
  bm25w: ({ text }, { store, embedder }) => {
    const terms = tellingTerms(text, (word) => embedder.importance(word));
    return store.searchTerms(terms, { limit: ASKED });
  },
  vectors: ({ text }, { store, embedder }) => store.searchVector(embedder.embedQuery(text), { limit: ASKED }),
  hybrid: ({ text }, { index }) => index.fused(text, new Map(), { graph: false }),
  graph: ({ text, from }, { index }) => index.fused(text, focusOf(from)),
  /** What people see. */
  search: ({ text, from }, { index }) => index.search(text, { focus: focusOf(from), limit: ASKED }),
};

export const retrievalBench: Bench = {
  summary: "finding code by documentation, tests and uses: words, vectors, both, and with the file graph",
  options: { half: "tune or test (default: test); nothing is ever tuned on the test half" },
  async run(values, report) {
    const half = readHalf(values.half);
    report("reading the dependencies");
    const { files, queries } = await documented(await readCorpus());
    const parts = await openIndex("memory://");
    try {
      report(`indexing ${files.length} files`);
      await putAll(files, parts);
      queries.push(...testQueries(files, parts.syntaxes), ...importQueries(files, parts.syntaxes));
      const asked = queries.filter((query) => query.half === half);
      report(`asking ${asked.length} questions`);
      const { files: nFiles, chunks } = parts.index.statistics;
      return { half, files: nFiles, chunks, queries: asked.length, ...(await figuresOf(asked, parts)) };
    } finally {
      await parts.close();
    }
  },
};

/** @throws UsageError */
function readHalf(value = "test"): Half {
  const half = HALVES.find((each) => each === value);
  if (half === undefined) throw new UsageError(`--half takes tune or test, not "${value}".`);
  return half;
}

async function documented(corpus: readonly CorpusFile[]) {
  const finder = new DeclarationFinder();
  const declared: DeclaredFile[] = [];
  for (const file of corpus) {
    declared.push({ ...file, declared: file.language === undefined ? [] : await finder.declarationsOf(file) });
  }
  return docQueries(declared);
}

async function putAll(files: readonly CorpusFile[], { index }: IndexParts): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < files.length) {
      const batch = files.slice(next, next + BATCH_FILES);
      next += BATCH_FILES;
      await index.put(batch.map(({ path, text }) => ({ path, text, uri: `file:///${path}`, changedMs: 0 })));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await index.tidy();
}

function focusOf(from: string | undefined): Map<string, number> {
  return new Map(from === undefined ? [] : [[from, 1]]);
}

/** Recall and MRR of each way, over all questions, by language and by kind. */
async function figuresOf(queries: readonly RetrievalQuery[], parts: IndexParts): Promise<Figures> {
  const ranks = new Map<string, (number | undefined)[]>();
  for (const [way, search] of Object.entries(WAYS)) {
    const found: (number | undefined)[] = [];
    for (const query of queries) found.push(rankOf(query, await search(query, parts)));
    ranks.set(way, found);
  }
  const figures: Figures = {};
  const groups = new Map<string, (query: RetrievalQuery) => boolean>([["", () => true]]);
  for (const { language, kind } of queries) {
    groups.set(`_${language}`, (query) => query.language === language);
    groups.set(`_${kind}`, (query) => query.kind === kind);
    groups.set(`_${language}_${kind}`, (query) => query.language === language && query.kind === kind);
  }
  for (const [name, isIn] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const places = [...queries.keys()].filter((at) => isIn(queries[at]!));
    figures[`queries${name}`] = places.length;
    for (const [way, found] of ranks) {
      const hits = places.map((at) => found[at]).filter((rank) => rank !== undefined);
      figures[`${way}Recall10${name}`] = rounded((100 * hits.length) / places.length, 1);
      const sum = hits.reduce((total, rank) => total + 1 / rank, 0);
      figures[`${way}Mrr${name}`] = rounded((100 * sum) / places.length, 1);
    }
  }
  return figures;
}

/** @returns 1 for the first place; undefined if no right answer is among the first ten. */
export function rankOf({ targets, from }: RetrievalQuery, found: readonly Place[]): number | undefined {
  const others = found.filter(({ path }) => path !== from).slice(0, DEPTH);
  const at = others.findIndex((place) => targets.some((target) => overlap(place, target)));
  return at === -1 ? undefined : at + 1;
}

function overlap(a: Place, b: Target): boolean {
  return a.path === b.path && a.startLine <= b.endLine && b.startLine <= a.endLine;
}
