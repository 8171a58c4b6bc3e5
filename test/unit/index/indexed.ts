// A code index in memory with the real embedder and the real parsing thread, for tests.
import { fileURLToPath } from "node:url";
import { type Clock, SYSTEM_CLOCK } from "../../../server/src/codebase/clock.ts";
import { ChunkStore } from "../../../server/src/index/chunkStore.ts";
import { CodeIndex, type IndexedText } from "../../../server/src/index/codeIndex.ts";
import { type Embedder, loadEmbedder } from "../../../server/src/index/embedder.ts";
import { SyntaxService } from "../../../server/src/syntax/syntaxService.ts";

// Before the store's native code runs: it reads this once (see startIndexProcess.ts).
process.env.LANCE_CPU_THREADS ??= "4";

const here = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

export const EMBEDDER_FILE = here("server/models/embedder/code-embedder.bin");
export const SYNTAX_ENTRY = here("server/src/syntax/syntaxWorker.ts");
export const GRAMMAR_DIR = here("node_modules/@vscode/tree-sitter-wasm/wasm");

/** On a busy machine a process has more time to end than the editor gives it. */
export const PATIENT_CLOCK: Clock = { ...SYSTEM_CLOCK, after: () => () => {} };

let loading: Promise<Embedder> | undefined;
export const syntax = new SyntaxService({ workerEntry: SYNTAX_ENTRY, grammarDir: GRAMMAR_DIR, withParts: true });

export function embedder(): Promise<Embedder> {
  loading ??= loadEmbedder(EMBEDDER_FILE);
  return loading;
}

export function text(path: string, content: string): IndexedText {
  return { path, uri: `file:///${path}`, text: content, changedMs: 0 };
}

/** An index of its own, kept in memory. */
export async function emptyIndex(): Promise<{ index: CodeIndex; store: ChunkStore }> {
  const loaded = await embedder();
  const store = await ChunkStore.open("memory://", "test", loaded.dim);
  const index = await CodeIndex.open({ store, embedder: loaded, analyse: (files) => syntax.analyse(files) });
  return { index, store };
}

/** @param files Texts by path. */
export async function indexOf(files: Record<string, string>): Promise<CodeIndex> {
  const { index } = await emptyIndex();
  await index.put(Object.entries(files).map(([path, content]) => text(path, content)));
  await index.tidy();
  return index;
}
