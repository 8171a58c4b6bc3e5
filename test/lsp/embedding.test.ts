// Tests the setting for an embedding model over LSP: new vectors, back, restarts, crashes, changed and missing files.
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Connection, connect } from "@lancedb/lancedb";
import {
  DoctorRequest,
  type DoctorRow,
  type EmbeddingStatus,
  type Place,
  SearchRequest,
  type Status,
} from "../../server/src/protocol/messages.ts";
import { temporaryFolder } from "../model/harness.ts";
import { tinyEmbeddingFiles, writeTinyBert, writeTinyQwen3Embedding } from "../model/tinyEmbeddingModel.ts";
import { tinyModelFiles } from "../model/tinyModel.ts";
import { Session, type SessionOptions } from "./session.ts";

// Before LanceDB's native code runs: it reads this once (see startIndexProcess.ts).
process.env.LANCE_CPU_THREADS ??= "4";

const { bert, qwen3 } = tinyEmbeddingFiles();

/** The model knows that a quagga is a zebra; nothing else does. */
const FILES: Record<string, string> = {
  "src/quagga.ts": "export const quagga = 1;\n",
  "src/teapot.ts": "export const teapot = 2;\n",
  "src/marina.ts": "export const marina = 3;\n",
  "src/iceberg.ts": "export const iceberg = 4;\n",
  // About nothing: what is near to a question is told by what is far from it.
  ...Object.fromEntries([..."abcdefghijklmnop"].map((name) => [`src/${name}.ts`, `export const ${name} = 5;\n`])),
};
const CHUNKS = Object.keys(FILES).length;

function settings(embeddingModel: string): Record<string, unknown> {
  return { model: { path: "", demo: false, gpu: "cpu" }, search: { embeddingModel } };
}

async function inSession(options: SessionOptions, test: (session: Session) => Promise<void>): Promise<void> {
  const session = await Session.start({ files: FILES, ...options });
  try {
    await session.status(({ state }) => state === "noModel");
    await test(session);
  } finally {
    await session.end();
  }
}

const embeddingOf = ({ index }: Status) => index?.embedding;

/** Waits until the status says this of the embedding model. */
async function embedding(
  session: Session,
  fits: (embedding: EmbeddingStatus | undefined) => boolean,
): Promise<EmbeddingStatus | undefined> {
  const now = embeddingOf(await session.statusNow());
  return fits(now) ? now : embeddingOf(await session.nextStatus((status) => fits(embeddingOf(status))));
}

const isWhole = (status: EmbeddingStatus | undefined) => status?.inUse === true && status.chunks === status.totalChunks;

async function paths(session: Session, query: string): Promise<string[]> {
  const places = await session.connection.sendRequest<Place[]>(SearchRequest.type.method, { query, whole: true });
  return places.map(({ path }) => path);
}

/** Asks until this file comes first: on a busy machine the bundled embedder answers before the model is loaded. */
async function finds(session: Session, query: string, path: string): Promise<void> {
  while ((await paths(session, query))[0] !== path);
}

async function doctorRow(session: Session, topic: string): Promise<DoctorRow | undefined> {
  const rows = await session.connection.sendRequest(DoctorRequest.type, null);
  return rows.find((row) => row.topic === topic);
}

function openTables(storageDir: string): Promise<Connection> {
  const root = join(storageDir, "index");
  return connect(join(root, readdirSync(root)[0]!));
}

async function tableNames(storageDir: string): Promise<string[]> {
  return (await openTables(storageDir)).tableNames();
}

/** Rows and length of the vectors of each table with vectors, by the name behind its version. */
async function tables(storageDir: string): Promise<Record<string, { rows: number; dimensions: number }>> {
  const connection = await openTables(storageDir);
  const found: Record<string, { rows: number; dimensions: number }> = {};
  for (const name of await connection.tableNames()) {
    if (!name.startsWith("chunks_")) continue;
    const table = await connection.openTable(name);
    const [row] = await table.query().select(["vector"]).limit(1).toArray();
    const kind = name.includes("_model_") ? name.split("_model_")[1]! : "bundled";
    found[kind] = { rows: await table.countRows(), dimensions: row?.vector.length ?? 0 };
  }
  return found;
}

describe("an embedding model over LSP", () => {
  it("makes vectors that searches use, and goes again with its setting", () =>
    inSession({ settings: settings("") }, async (session) => {
      assert.deepEqual(await paths(session, "zebra"), []);
      assert.equal(embeddingOf(await session.statusNow()), undefined);
      await session.changeSettings(settings(bert));
      const whole = await embedding(session, isWhole);
      assert.deepEqual(whole, { model: "tiny-bert (test weights)", chunks: CHUNKS, totalChunks: CHUNKS, inUse: true });
      await finds(session, "zebra", "src/quagga.ts");
      await finds(session, "kettle", "src/teapot.ts");
      assert.deepEqual(await doctorRow(session, "embedding"), {
        topic: "embedding",
        verdict: "good",
        text: "tiny-bert (test weights): 20 of 20 chunks have a vector of 64 numbers; in use",
      });
      await session.changeSettings(settings(""));
      await embedding(session, (status) => status === undefined);
      assert.deepEqual(await paths(session, "zebra"), []);
      assert.equal(await doctorRow(session, "embedding"), undefined);
    }));

  it("keeps its vectors apart from the others', by identity, and drops them once another's are whole", async () => {
    const session = await Session.start({ files: FILES, settings: settings(bert) });
    await embedding(session, isWhole);
    await session.stop();
    const first = await tables(session.storageDir);
    const [identity = ""] = Object.keys(first).filter((name) => name !== "bundled");
    assert.match(identity, /^[0-9a-f]{12}$/);
    assert.deepEqual(first[identity], { rows: CHUNKS, dimensions: 64 });
    assert.equal(first.bundled?.rows, CHUNKS);
    const { folder, storageDir } = session;
    const second = await Session.start({ folder, storageDir, settings: settings(qwen3) });
    await embedding(second, isWhole);
    // They go after the status has said that the others are whole, and the end of the server waits for it only a moment.
    while ((await tableNames(storageDir)).some((name) => name.includes(identity)));
    await second.stop();
    const after = await tables(storageDir);
    assert.deepEqual([Object.keys(after).length, after[identity], after.bundled?.rows], [2, undefined, CHUNKS]);
    second.removeFolders();
  });

  it("has its vectors at once after a restart, and follows changed files", async () => {
    const session = await Session.start({ files: FILES, settings: settings(bert) });
    const { folder, storageDir } = session;
    await embedding(session, isWhole);
    await session.stop();
    const before = await tables(storageDir);
    const again = await Session.start({ folder, storageDir, settings: settings(bert) });
    await embedding(again, isWhole);
    assert.ok(again.statuses.map(embeddingOf).every((status) => (status?.chunks ?? 0) === (status?.totalChunks ?? 0)));
    assert.deepEqual(await tables(storageDir), before);
    await finds(again, "zebra", "src/quagga.ts");
    // What is typed, and not saved.
    await again.open("src/quagga.ts", "export const b = 1;\n");
    await again.open("src/a.ts", "export const quagga = 7;\n");
    await paths(again, "quagga");
    await embedding(again, isWhole);
    await finds(again, "zebra", "src/a.ts");
    await again.end();
  });

  it("goes on after the engine was killed in the middle", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 300 }, (_, n) => [`src/f${n}.ts`, `export const name${n} = ${n};\n`.repeat(20)]),
    );
    await inSession({ files: { ...FILES, ...files }, settings: settings(bert) }, async (session) => {
      await embedding(session, (status) => (status?.chunks ?? 0) > 0);
      const pid = await session.enginePid();
      const restarted = session.nextStatus(({ engineRestarts }) => engineRestarts === 1);
      process.kill(pid, "SIGKILL");
      await restarted;
      // Before all files are indexed, the vectors of those that are may be whole, too.
      await embedding(session, (status) => isWhole(status) && status!.totalChunks > 300);
      await finds(session, "zebra", "src/quagga.ts");
    });
  });

  it("that is missing, or none, is told in a sentence, and searches work by the bundled embedder", () =>
    inSession({ settings: settings("/nowhere/model.gguf") }, async (session) => {
      const failed = await embedding(session, (status) => status?.problem !== undefined);
      assert.match(
        failed?.problem ?? "",
        /^The file \/nowhere\/model\.gguf does not exist\. .*Search uses the bundled/,
      );
      assert.deepEqual(await paths(session, "teapot"), ["src/teapot.ts"]);
      const row = await doctorRow(session, "embedding");
      assert.deepEqual(row, { topic: "embedding", verdict: "bad", text: failed?.problem });
      await session.changeSettings(settings(tinyModelFiles().model));
      const other = await embedding(session, (status) => status?.problem?.includes("makes text, not vectors") ?? false);
      assert.match(other?.problem ?? "", /"qwen35"/);
      await session.changeSettings(settings("models/relative.gguf"));
      await embedding(session, (status) => status?.problem?.includes("is not absolute") ?? false);
      assert.deepEqual(await paths(session, "teapot"), ["src/teapot.ts"]);
      await session.changeSettings(settings(bert));
      await embedding(session, isWhole);
      await finds(session, "zebra", "src/quagga.ts");
    }));

  it("whose file goes, or is another one, while it is in use", async () => {
    const folder = temporaryFolder("embedding-lsp");
    const file = join(folder.path, "model.gguf");
    writeTinyBert(file);
    await inSession({ settings: settings(file) }, async (session) => {
      await embedding(session, isWhole);
      const pid = await session.enginePid();
      // Another model in its place, and an engine that has to load it again.
      rmSync(file);
      writeTinyQwen3Embedding(file);
      process.kill(pid, "SIGKILL");
      const other = await embedding(session, (status) => isWhole(status) && status!.model.includes("qwen3"));
      assert.equal(other?.totalChunks, CHUNKS);
      rmSync(file);
      process.kill(await session.enginePid(), "SIGKILL");
      await embedding(session, (status) => status?.problem?.includes("does not exist") ?? false);
      await finds(session, "teapot", "src/teapot.ts");
    });
    folder.remove();
  });

  it("is not looked at in an untrusted workspace", async () => {
    const session = await Session.start({
      files: FILES,
      settings: settings("/nowhere/model.gguf"),
      initialization: { trusted: false },
    });
    await session.status(({ state }) => state === "untrusted");
    await session.changeSettings(settings("/nowhere/other.gguf"));
    assert.deepEqual(await session.connection.sendRequest("workspace/symbol", { query: "quagga" }), []);
    assert.equal(embeddingOf(await session.statusNow()), undefined);
    await session.end();
  });
});
