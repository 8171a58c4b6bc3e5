// Puts an index together as the index process does, for the benches that measure it; knows no figures.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { FileSyntax, SourceText } from "../../server/src/syntax/fileSyntax.ts";

const ROOT = join(import.meta.dirname, "../..");
/** The parsing thread as it ships, which need not strip types at its start; before the first build, its source. */
const BUILT_THREAD = join(ROOT, "dist/syntax.mjs");
const THREAD = existsSync(BUILT_THREAD) ? BUILT_THREAD : join(ROOT, "server/src/syntax/syntaxWorker.ts");
/** Lance takes two of the cores for itself and then waits for a pool without threads (lance issue 7350). */
const LANCE_THREADS = String(Math.max(4, availableParallelism()));
/** As the index process has. */
const PARSING_THREADS = Math.min(2, availableParallelism());
/** Names the vectors in the store. */
const EMBEDDER = "bench";

export type IndexParts = Awaited<ReturnType<typeof openIndex>>;

/** @param place Folder of the store, or `memory://`. */
export async function openIndex(place: string) {
  // Before the native module is loaded.
  process.env.LANCE_CPU_THREADS ??= LANCE_THREADS;
  const { ChunkStore } = await import("../../server/src/index/chunkStore.ts");
  const { CodeIndex } = await import("../../server/src/index/codeIndex.ts");
  const { loadEmbedder } = await import("../../server/src/index/embedder.ts");
  const { SyntaxService } = await import("../../server/src/syntax/syntaxService.ts");
  const embedder = await loadEmbedder(join(ROOT, "server/models/embedder/code-embedder.bin"));
  const store = await ChunkStore.open(place, EMBEDDER, embedder.dim);
  const syntax = new SyntaxService({
    workerEntry: THREAD,
    grammarDir: join(ROOT, "node_modules/@vscode/tree-sitter-wasm/wasm"),
    withParts: true,
    threads: PARSING_THREADS,
  });
  /** What was analysed, by path. */
  const syntaxes = new Map<string, FileSyntax>();
  /** Files that are copies of others and need no parsing: their syntax by path. */
  const copies = new Map<string, FileSyntax>();
  const analyse = async (files: readonly SourceText[]) => {
    const fresh = files.filter(({ path }) => !copies.has(path));
    const results = await syntax.analyse(fresh);
    for (const [at, { path }] of fresh.entries()) syntaxes.set(path, results[at]!);
    return files.map(({ path }) => copies.get(path) ?? syntaxes.get(path)!);
  };
  const index = await CodeIndex.open({ store, embedder, analyse });
  const close = async () => {
    await syntax.dispose();
    await store.close();
  };
  return { index, store, embedder, syntaxes, copies, close };
}
