// Measures how fast the index is made, kept and searched: cold, after one change, and at 100,000 chunks.
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { SYSTEM_CLOCK } from "../../server/src/codebase/clock.ts";
import { collectFiles } from "../../server/src/codebase/fileSet.ts";
import { readTextFile } from "../../server/src/codebase/readText.ts";
import type { WorkspaceFile, WorkspaceFolder } from "../../server/src/codebase/workspaceFile.ts";
import type { IndexedText } from "../../server/src/index/codeIndex.ts";
import { codeWords } from "../../server/src/index/codeWords.ts";
import { Indexer } from "../../server/src/index/indexer.ts";
import { bytesIn } from "../../server/src/index/indexFolder.ts";
import { type IndexParts, openIndex } from "./indexParts.ts";
import { type Bench, type Figures, median, rounded } from "./measuring.ts";
import { PACKAGES_FOLDER } from "./retrievalCorpus.ts";

const BYTES_PER_MB = 1e6;
const MS_PER_SECOND = 1000;
const LARGE_CHUNKS = 100_000;
const CHANGES = 30;
const QUESTIONS = 60;
const COPIES_PER_BATCH = 256;
const RARE_NAME_LETTERS = 12;
/** Large packages in three languages; the lib declarations of TypeScript come with its compiler, one for each platform. */
const PACKAGES = ["@fugood/llama.node", "apache-arrow", "openai"];

export const indexBench: Bench = {
  summary: "making the index of a codebase, one changed file, and searching, also at 100,000 chunks",
  options: { repo: "folder to index (default: TypeScript's lib and three other large dependencies)" },
  async run({ repo }, report) {
    const folders = repo === undefined ? await defaultFolders() : [{ name: basename(repo), path: resolve(repo) }];
    const root = await mkdtemp(join(tmpdir(), "fathom-bench-"));
    const parts = await openIndex(root);
    try {
      report("indexing");
      const { files, figures } = await cold(folders, parts);
      report(`searching ${figures.chunks} chunks`);
      const texts = await textsOf(files);
      const small = { ...(await changes(texts, parts, "")), ...(await searches(parts, "")) };
      const dbBytes = await bytesIn(root);
      report(`copying files until there are ${LARGE_CHUNKS} chunks`);
      await fill(texts, parts);
      report("searching again");
      const large = { ...(await changes(texts, parts, "Large")), ...(await searches(parts, "Large")) };
      const rssMb = rounded(process.memoryUsage.rss() / BYTES_PER_MB);
      return { ...figures, ...small, dbBytes, largeChunks: parts.index.statistics.chunks, ...large, rssMb };
    } finally {
      await parts.close();
      await rm(root, { recursive: true });
    }
  },
};

async function defaultFolders(): Promise<WorkspaceFolder[]> {
  const scope = join(PACKAGES_FOLDER, "@typescript");
  const compiler = (await readdir(scope)).sort()[0]!;
  const packages = PACKAGES.map((name) => ({ name, path: join(PACKAGES_FOLDER, name) }));
  return [{ name: "typescript", path: join(scope, compiler, "lib") }, ...packages];
}

/** Everything: finding files, reading, parsing, embedding, storing, and making the indexes of the store. */
async function cold(
  folders: WorkspaceFolder[],
  { index }: IndexParts,
): Promise<{ files: WorkspaceFile[]; figures: Figures }> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const { files } = await collectFiles(folders);
  const indexer = new Indexer({
    index,
    read: readTextFile,
    clock: SYSTEM_CLOCK,
    onProgress: () => {},
    onTrouble: (sentence) => {
      throw new Error(sentence);
    },
  });
  indexer.collect({ files, texts: new Map() });
  await indexer.settled(true, new AbortController().signal);
  await index.tidy();
  const seconds = (performance.now() - start) / MS_PER_SECOND;
  const { user, system } = process.cpuUsage(cpu);
  await indexer.close();
  const mb = files.reduce((sum, { bytes }) => sum + bytes, 0) / BYTES_PER_MB;
  const figures = {
    files: index.statistics.files,
    chunks: index.statistics.chunks,
    symbols: index.statistics.symbols,
    mb: rounded(mb, 2),
    seconds: rounded(seconds, 2),
    /** Of all threads: what a machine with nothing else to do needs on one core. */
    cpuSeconds: rounded((user + system) / 1e6, 2),
    filesPerSec: rounded(files.length / seconds),
    mbPerSec: rounded(mb / seconds, 2),
  };
  return { files, figures };
}

async function textsOf(files: readonly WorkspaceFile[]): Promise<IndexedText[]> {
  const texts: IndexedText[] = [];
  for (const file of files) {
    const read = await readTextFile(file);
    if (read === undefined || "skipped" in read) continue;
    texts.push({ path: file.path, uri: `file:///${file.path}`, text: read.text, changedMs: file.mtimeMs });
  }
  return texts;
}

/** Puts copies of all files under other paths. */
async function fill(texts: readonly IndexedText[], { index, syntaxes, copies }: IndexParts): Promise<void> {
  for (let number = 1; index.statistics.chunks < LARGE_CHUNKS; number++) {
    for (let at = 0; at < texts.length && index.statistics.chunks < LARGE_CHUNKS; at += COPIES_PER_BATCH) {
      const batch = texts.slice(at, at + COPIES_PER_BATCH).map(({ path, ...text }) => {
        const copy = `copy${number}/${path}`;
        copies.set(copy, syntaxes.get(path)!);
        return { ...text, path: copy, uri: `file:///${copy}` };
      });
      await index.put(batch);
    }
  }
  await index.tidy();
}

/** Changes single files, each until it is found. */
async function changes(texts: readonly IndexedText[], { index }: IndexParts, suffix: string): Promise<Figures> {
  const times: number[] = [];
  for (let number = 0; number < CHANGES; number++) {
    const file = texts[Math.floor((number * texts.length) / CHANGES)]!;
    const name = rareName(`${suffix} ${number}`);
    const changed = { ...file, text: `${file.text}\nexport function ${name}() {}\n`, uri: `file:///${file.path}` };
    const start = performance.now();
    await index.put([changed]);
    times.push(performance.now() - start);
    const places = await index.search(name);
    if (places.every(({ path }) => path !== file.path)) throw new Error(`A change of ${file.path} was not found.`);
  }
  return { [`incremental${suffix}MsP50`]: rounded(median(times), 1) };
}

/** A name that looks like no other: one letter for each hex digit. */
function rareName(seed: string): string {
  const digits = createHash("sha256").update(seed).digest("hex").slice(0, RARE_NAME_LETTERS);
  return [...digits].map((digit) => "abcdefghijklmnop"[Number.parseInt(digit, 16)]).join("");
}

/** Names and questions by turns, made from definitions of the codebase. */
async function searches({ index }: IndexParts, suffix: string): Promise<Figures> {
  const names = index.symbols("", index.statistics.symbols).map(({ name }) => name);
  const questions = Array.from({ length: QUESTIONS }, (_, number) => {
    const name = names[Math.floor((number * names.length) / QUESTIONS)]!;
    return number % 2 === 0 ? name : `where is the ${codeWords(name).join(" ")} of a file handled?`;
  });
  const times: number[] = [];
  // The first round reads the store's indexes into memory.
  for (const question of questions) await index.search(question);
  for (const question of questions) {
    const start = performance.now();
    await index.search(question);
    times.push(performance.now() - start);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const p95 = sorted[Math.floor(sorted.length * 0.95)]!;
  return { [`search${suffix}MsP50`]: rounded(median(times), 1), [`search${suffix}MsP95`]: rounded(p95, 1) };
}
