// Entry of the index process: opens the index of the workspace and answers the server's calls, errors as values.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { SYSTEM_CLOCK } from "../codebase/clock.ts";
import { readTextFile } from "../codebase/readText.ts";
import { SyntaxService } from "../syntax/syntaxService.ts";
import { ChunkStore, modelTableName } from "./chunkStore.ts";
import { loadEmbedder } from "./embedder.ts";
import { Indexer } from "./indexer.ts";
import { bytesIn, IN_MEMORY, type OpenedIndex, openIndex, release } from "./indexFolder.ts";
import type {
  EmbeddingChoice,
  FromIndexProcess,
  IndexCalls,
  IndexMethod,
  IndexProcessOptions,
  ToIndexProcess,
} from "./indexMessages.ts";
import { ModelVectors } from "./modelVectors.ts";
import { VectorSource } from "./vectorSource.ts";

const NAME_DIGITS = 12;
/** Parsing takes half of the time of indexing; beside it there is this process's own work. */
const PARSING_THREADS = Math.min(2, availableParallelism());

const [encodedOptions] = process.argv.slice(2);
if (process.send === undefined || encodedOptions === undefined)
  throw new Error("The language server starts this file.");
const options: IndexProcessOptions = JSON.parse(encodedOptions);
// To an owner that has just gone nothing can be said.
const send = (message: FromIndexProcess) => process.send?.(message, () => {});

// The owner's end is this one's, whatever it does: what is on disk bears that.
const end = () => process.kill(process.pid, "SIGKILL");
process.on("disconnect", end);
if (!process.connected) end();
// Ctrl+C goes to all processes of a command; the owner says when this one ends.
process.on("SIGINT", () => {});

type Handlers = {
  [Method in IndexMethod]: (
    params: IndexCalls[Method]["params"],
    signal: AbortSignal,
  ) => Promise<IndexCalls[Method]["result"]>;
};

const syntax = new SyntaxService({
  workerEntry: options.syntaxEntry,
  grammarDir: options.grammarDir,
  withParts: true,
  threads: PARSING_THREADS,
});
const source = new VectorSource(send);
/** Vectors of the embedding model, if one is set. */
let vectors: ModelVectors | undefined;
/** Choices of an embedding model, one after the other. */
let choosing: Promise<unknown> = Promise.resolve();
const opened = open();
// Each call waits for it and fails with its error.
opened.catch(() => undefined);
const handlers = opened.then(handlersFor);
handlers.catch(() => undefined);
const calls = new Map<number, AbortController>();

process.on("message", async (message: ToIndexProcess) => {
  if ("cancel" in message) {
    calls.get(message.cancel)?.abort();
    return;
  }
  if ("embedded" in message) {
    source.receive(message);
    return;
  }
  const { id, method, params } = message;
  const call = new AbortController();
  calls.set(id, call);
  try {
    const handler = (await handlers)[method] as (params: unknown, signal: AbortSignal) => Promise<never>;
    send({ id, result: await handler(params, call.signal) });
  } catch (error) {
    send({ id, error: error instanceof Error ? error.message : String(error) });
  } finally {
    calls.delete(id);
  }
});

async function open(): Promise<OpenedIndex> {
  const { folder, owner, embedderFile } = options;
  const embedder = await loadEmbedder(embedderFile);
  const analyse = (files: Parameters<SyntaxService["analyse"]>[0]) => syntax.analyse(files);
  const embedderName = createHash("sha256")
    .update(await readFile(embedderFile))
    .digest("hex")
    .slice(0, NAME_DIGITS);
  const byModel: ModelVectors["search"] = async (...question) => vectors?.search(...question);
  const index = await openIndex({ folder, owner, embedder, embedderName, analyse, byModel });
  if (index.notice !== undefined) send({ notice: index.notice });
  return index;
}

/** Opens what there is of a model's vectors; tables that are damaged are dropped, and filled in again. */
async function openVectors(
  { index, store: chunks, folder }: OpenedIndex,
  choice: EmbeddingChoice,
): Promise<ModelVectors> {
  const place = folder ?? IN_MEMORY;
  const name = modelTableName(choice.identity);
  const openStore = async () => {
    const store = await ChunkStore.open(place, name, choice.dimensions);
    return ModelVectors.open({
      store,
      chunks,
      index,
      embed: (texts, role, signal) => source.embed({ texts, role }, signal),
      clock: SYSTEM_CLOCK,
      onProgress: (embedding) => send({ embedding }),
      onWhole: () => store.dropOtherModels(name),
      onTrouble: (notice) => send({ notice }),
    });
  };
  try {
    return await openStore();
  } catch {
    await chunks.dropOtherModels("");
    return openStore();
  }
}

function handlersFor({ index, store, folder }: OpenedIndex): Handlers {
  const embedWith = async (choice: EmbeddingChoice | null) => {
    await vectors?.close();
    vectors = undefined;
    if (choice === null) return;
    vectors = await openVectors({ index, store, folder }, choice);
    vectors.wake();
  };
  const indexer: Indexer = new Indexer({
    index,
    read: readTextFile,
    clock: SYSTEM_CLOCK,
    onProgress: () => {
      const { files, totalFiles, chunks } = progress();
      send({ progress: { files, totalFiles, chunks } });
      vectors?.wake();
    },
    onTrouble: (notice) => send({ notice }),
  });
  const progress = () => ({ ...index.statistics, totalFiles: indexer.totalFiles });
  return {
    collect: async (source, signal) => {
      indexer.collect(source);
      await indexer.settled(true, signal);
      return indexer.leftOut;
    },
    put: async ({ texts }) => {
      indexer.put(texts);
      return null;
    },
    remove: async ({ paths }) => {
      indexer.remove(paths);
      return null;
    },
    search: async ({ query, limit, focus, whole }, signal) => {
      await indexer.settled(whole, signal);
      return index.search(query, { limit, focus, signal });
    },
    symbols: async ({ query, limit, without }, signal) => {
      await indexer.settled(false, signal);
      return index.symbols(query, limit, without);
    },
    named: async ({ names }, signal) => {
      await indexer.settled(false, signal);
      return index.named(names);
    },
    imported: async ({ path }, signal) => {
      await indexer.settled(false, signal);
      return index.imported(path);
    },
    statistics: async (_, signal) => {
      await indexer.settled(false, signal);
      return { ...progress(), bytes: folder === undefined ? 0 : await bytesIn(folder) };
    },
    embedWith: (choice) => {
      choosing = choosing.catch(() => undefined).then(() => embedWith(choice));
      return choosing.then(() => null);
    },
    close: async () => {
      await choosing.catch(() => undefined);
      await vectors?.close();
      await indexer.close();
      await syntax.dispose();
      await store.close();
      if (folder !== undefined) release(folder);
      return null;
    },
  };
}
