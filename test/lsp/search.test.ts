// Tests the search over LSP: while the index is built, after changes, after a restart, after kills, and without a disk.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@lancedb/lancedb";
import { FileChangeType, SymbolKind, type WorkspaceSymbol } from "vscode-languageserver-protocol/node";
import {
  type AnswerEvent,
  DoctorRequest,
  type Place,
  type RemoveIndexParams,
  RemoveIndexRequest,
  SearchRequest,
} from "../../server/src/protocol/messages.ts";
import { commandLine } from "./commandLine.ts";
import { Session, type SessionOptions, withSession } from "./session.ts";

// Before LanceDB's native code runs: it reads this once (see startIndexProcess.ts).
process.env.LANCE_CPU_THREADS ??= "4";

const NO_MODEL = { model: { path: "", demo: false } };
/** More than a search waits for: 4 MiB. */
const LARGE = sourceFiles(150, 50_000);
/** Enough for several batches. */
const MANY = sourceFiles(400, 1500);
const KILLS = 10;

async function start(options: SessionOptions): Promise<Session> {
  const session = await Session.start({ settings: NO_MODEL, ...options });
  // Before, nothing of the workspace may be read.
  await session.status(({ state }) => state === "noModel");
  return session;
}

async function inSession(options: SessionOptions, test: (session: Session) => Promise<void>): Promise<void> {
  const session = await start(options);
  try {
    await test(session);
  } finally {
    await session.end();
  }
}

describe("search over LSP while the index is built", () => {
  it("answers from what there is so far and says how much, and from everything where that is wanted", () =>
    inSession({ files: LARGE }, async (session) => {
      const early = await find(session, "uniqueName149");
      assert.equal(session.statuses.filter(isReady).length, 0);
      assert.ok(early.length <= 20);
      const [place] = await find(session, "uniqueName149", { whole: true });
      assert.deepEqual([place?.path, place?.symbol], ["src/file149.ts", "uniqueName149"]);
      const ready = await session.status(isReady);
      assert.deepEqual([ready.index?.files, ready.index?.totalFiles], [150, 150]);
      const doneFiles = session.statuses.flatMap(({ index }) => index?.files ?? []);
      assert.deepEqual(
        doneFiles,
        doneFiles.toSorted((a, b) => a - b),
      );
      assert.ok(doneFiles.some((files) => files > 0 && files < 150));
    }));

  it("says of the places of a question that they come from a part, once", () =>
    inSession({ files: LARGE }, async (session) => {
      const ask = () => session.ask({ turns: [{ role: "user", text: "uniqueName3" }] });
      const early = await ask();
      const note = /^The search index is still being built: these places come from \d+ of 150 files\./;
      assert.match(early.outcome.notice ?? "", note);
      const kinds = (events: readonly AnswerEvent[]) => events.map(({ kind }) => kind);
      assert.deepEqual(kinds(early.events), ["places", "note"]);
      await session.status(isReady);
      const { outcome, events } = await ask();
      assert.match(outcome.notice ?? "", /^No model is set/);
      assert.deepEqual(kinds(events), ["places"]);
      assert.equal(outcome.places[0]?.path, "src/file003.ts");
    }));

  it("takes a changed file in before the rest of a large workspace", () =>
    inSession({ files: LARGE }, async (session) => {
      await session.open("src/file149.ts", "export function pangolin() {}\n");
      await session.open("src/file100.ts", "export function numbat() {}\n");
      await session.change("src/file149.ts", 2, "export function quokka() {}\n");
      assert.deepEqual((await find(session, "quokka"))[0]?.path, "src/file149.ts");
      assert.equal(session.statuses.filter(isReady).length, 0);
      assert.deepEqual((await find(session, "numbat"))[0]?.path, "src/file100.ts");
      assert.deepEqual(await find(session, "pangolin", { whole: true }), []);
      assert.deepEqual((await find(session, "quokka", { whole: true }))[0]?.path, "src/file149.ts");
    }));
});

describe("search over LSP after changes", () => {
  const files = { "src/one.ts": "export function pangolin() {}\n", "src/two.ts": "export function numbat() {}\n" };
  const pathsOf = async (session: Session, query: string) => (await find(session, query)).map(({ path }) => path);

  it("finds what is typed and not saved, and what is saved once the document is closed", () =>
    inSession({ files }, async (session) => {
      assert.deepEqual(await pathsOf(session, "pangolin"), ["src/one.ts"]);
      await session.open("src/one.ts", files["src/one.ts"]);
      await session.change("src/one.ts", 2, "export function quokka() {}\n");
      assert.deepEqual([await pathsOf(session, "quokka"), await pathsOf(session, "pangolin")], [["src/one.ts"], []]);
      await session.close("src/one.ts");
      assert.deepEqual([await pathsOf(session, "quokka"), await pathsOf(session, "pangolin")], [[], ["src/one.ts"]]);
    }));

  it("follows files that are made, moved and deleted", () =>
    inSession({ files }, async (session) => {
      assert.deepEqual(await pathsOf(session, "quokka"), []);
      session.write("src/three.ts", "export function quokka() {}\n");
      await session.fileEvent("src/three.ts", FileChangeType.Created);
      assert.deepEqual(await pathsOf(session, "quokka"), ["src/three.ts"]);
      session.remove("src/three.ts");
      session.write("lib/moved.ts", "export function quokka() {}\n");
      await session.fileEvent("src/three.ts", FileChangeType.Deleted);
      await session.fileEvent("lib/moved.ts", FileChangeType.Created);
      assert.deepEqual(await pathsOf(session, "quokka"), ["lib/moved.ts"]);
      session.remove("lib/moved.ts");
      await session.fileEvent("lib/moved.ts", FileChangeType.Deleted);
      assert.deepEqual(await pathsOf(session, "quokka"), []);
      assert.deepEqual(await pathsOf(session, "numbat"), ["src/two.ts"]);
    }));

  it("finds files by filters alone, also new ones", () =>
    inSession({ files }, async (session) => {
      assert.deepEqual(await pathsOf(session, "lang:ts path:one"), ["src/one.ts"]);
      assert.deepEqual(await pathsOf(session, "lang:go"), []);
      session.write("src/three.go", "package three\n");
      await session.fileEvent("src/three.go", FileChangeType.Created);
      assert.deepEqual(await pathsOf(session, "lang:go"), ["src/three.go"]);
      assert.deepEqual((await pathsOf(session, "path:src")).sort(), ["src/one.ts", "src/three.go", "src/two.ts"]);
    }));

  it("tells of a workspace without files that it has none", () =>
    inSession({ files: {} }, async (session) => {
      assert.deepEqual(await find(session, "pangolin", { whole: true }), []);
      const { index } = await session.status(isReady);
      assert.deepEqual([index?.files, index?.totalFiles], [0, 0]);
    }));

  it("puts what is near to open files first", () => {
    const shelf = "export function readShelf() {\n  return openBook();\n}\n";
    const uses = (folder: string) => `import { readShelf } from "./${folder}/read";\nexport const x = readShelf();\n`;
    const near = { "a/read.ts": shelf, "b/read.ts": shelf, "one.ts": uses("a"), "two.ts": uses("b") };
    const best = async (session: Session) => (await pathsOf(session, "how is a book opened"))[0];
    return inSession({ files: near }, async (session) => {
      await session.open("one.ts", near["one.ts"]);
      assert.equal(await best(session), "a/read.ts");
      await session.close("one.ts");
      await session.open("two.ts", near["two.ts"]);
      assert.equal(await best(session), "b/read.ts");
    });
  });

  it("gives the editor's search for symbols its names", () =>
    inSession({ files }, async (session) => {
      const symbols = (query: string) =>
        session.connection.sendRequest<WorkspaceSymbol[]>("workspace/symbol", { query });
      const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
      const location = { uri: session.uri("src/one.ts"), range };
      assert.deepEqual(await symbols("pango"), [
        { name: "pangolin", kind: SymbolKind.Function, containerName: "src/one.ts", location },
      ]);
      assert.deepEqual(await symbols("zebra"), []);
    }));

  it("leaves symbols to what else finds them in the editor, once it works", () => {
    const mixed = { ...files, "three.py": "def pangolin():\n    pass\n" };
    const symbolProviders = [
      { languages: ["typescript"], endings: ["ts"] },
      { languages: ["go"], endings: ["go", "py"] },
    ];
    return inSession({ files: mixed, initialization: { symbolProviders } }, async (session) => {
      const uris = async () => {
        const found = await session.connection.sendRequest<WorkspaceSymbol[]>("workspace/symbol", { query: "pango" });
        return found.map(({ location }) => location.uri).sort();
      };
      assert.deepEqual(await uris(), [session.uri("src/one.ts"), session.uri("three.py")]);
      await session.open("src/two.ts", files["src/two.ts"]);
      assert.deepEqual(await uris(), [session.uri("three.py")]);
      await session.close("src/two.ts");
      assert.equal((await uris()).length, 2);
    });
  });

  it("gives the editor's search for symbols nothing where that is switched off", () =>
    inSession({ files, settings: { ...NO_MODEL, search: { workspaceSymbols: false } } }, async (session) => {
      assert.deepEqual(await session.connection.sendRequest("workspace/symbol", { query: "pango" }), []);
      assert.equal((await pathsOf(session, "pangolin")).length, 1);
    }));

  it("gives no symbols of an untrusted workspace", () =>
    withSession({ files, settings: NO_MODEL, initialization: { trusted: false } }, async (session) => {
      await session.status(({ state }) => state === "untrusted");
      assert.deepEqual(await session.connection.sendRequest("workspace/symbol", { query: "pango" }), []);
    }));
});

describe("the index over LSP", () => {
  it("is used again after a restart, and only what changed meanwhile is parsed", async () => {
    const first = await start({ files: MANY });
    await find(first, "x", { whole: true });
    assert.match(await indexRow(first), /^400 files, .* on disk; 400 files parsed since the start$/);
    await first.stop();
    first.write("src/file007.ts", "export function quokka() {}\n");
    const second = await start({ folder: first.folder, storageDir: first.storageDir });
    try {
      assert.deepEqual((await find(second, "quokka", { whole: true }))[0]?.path, "src/file007.ts");
      assert.match(await indexRow(second), /^400 files, .*; 1 files parsed since the start$/);
    } finally {
      await second.end();
    }
  });

  it(`has the rows of a fresh one after ${KILLS} kills at any moment`, async () => {
    let session = await start({ files: MANY });
    const { folder, storageDir } = session;
    for (let kill = 0; kill < KILLS; kill++) {
      // Each time a little later: before anything is stored, while it is, and while the rest is.
      const moment = Math.floor((kill * 400) / KILLS);
      const come = session.status(({ index }) => index !== undefined && index.files >= moment);
      void find(session, "x", { whole: true }).catch(() => undefined);
      await come;
      await session.kill();
      // What was stored once is not computed again, so there must be something new to be killed in.
      for (let n = kill * 40; n < kill * 40 + 40; n++) session.write(pathOf(n), sourceFile(n + 1000, 1500));
      session = await start({ folder, storageDir });
    }
    await find(session, "x", { whole: true });
    // The index process of a server that was killed has let go of the folder each time.
    assert.match(await indexRow(session), /^400 files, .* on disk; /);
    await session.stop();
    const fresh = await start({ folder });
    await find(fresh, "x", { whole: true });
    await fresh.stop();
    const [after, expected] = [await rowsOf(storageDir), await rowsOf(fresh.storageDir)];
    session.removeFolders();
    fresh.removeFolders();
    assert.equal(expected.files.length, 400);
    // Older texts may still be stored; of each new one there is everything, once.
    const keys = new Set(expected.files.map((row) => JSON.parse(row).key));
    const ofNow = (rows: string[]) => rows.filter((row) => keys.has(JSON.parse(row).key));
    assert.deepEqual(ofNow(after.files), expected.files);
    assert.deepEqual(ofNow(after.chunks), expected.chunks);
  });

  it("is removed when the user says so, and made again by itself", async () => {
    const session = await start({ files: MANY });
    const remove = (params: RemoveIndexParams) => session.connection.sendRequest(RemoveIndexRequest.type, params);
    const other = await start({ files: { "a.ts": "const a = 1;\n" }, storageDir: session.storageDir });
    try {
      await find(session, "x", { whole: true });
      await find(other, "x", { whole: true });
      const asked = find(session, "uniqueName7", { whole: true });
      const { removed, bytes, inUse } = await remove({ all: true });
      assert.deepEqual([removed, bytes > 10_000, inUse], [1, true, 1]);
      assert.equal((await asked)[0]?.path, pathOf(7));
      assert.equal((await find(session, "uniqueName399", { whole: true }))[0]?.path, pathOf(399));
      assert.match(await indexRow(session), /^400 files, .* on disk; 400 files parsed since the start$/);
      await other.stop();
      assert.equal((await remove({})).removed, 1);
      await find(session, "x", { whole: true });
      assert.equal(readdirSync(join(session.storageDir, "index")).length, 2);
      assert.equal((await remove({ all: true })).removed, 2);
      assert.equal((await find(session, "uniqueName8", { whole: true }))[0]?.path, pathOf(8));
    } finally {
      await session.end();
      other.removeFolders();
    }
  });

  it("works from memory where its folder cannot be made, and says so once", async () => {
    const session = new Session({ settings: NO_MODEL, files: MANY });
    try {
      writeFileSync(join(session.storageDir, "index"), "a file in its place");
      await session.initialize({});
      await session.status(({ state }) => state === "noModel");
      for (const n of [3, 300]) assert.equal((await find(session, `uniqueName${n}`))[0]?.path, pathOf(n));
      session.write("src/new.ts", "export function quokka() {}\n");
      await session.fileEvent("src/new.ts", FileChangeType.Created);
      assert.equal((await find(session, "quokka"))[0]?.path, "src/new.ts");
      assert.match(await indexRow(session), /; kept in memory; 401 files parsed/);
      assert.equal(session.logs.filter((line) => /search index is kept in memory/.test(line)).length, 1);
    } finally {
      await session.end();
    }
  });
});

describe("search on the command line", () => {
  it("says that its index is kept in memory, without being asked for more", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fathom-cli-search-"));
    try {
      const [files, storage] = ["files", "storage"].map((name) => join(folder, name)) as [string, string];
      mkdirSync(files);
      mkdirSync(storage);
      writeFileSync(join(files, "a.ts"), "export function quokka() {}\n");
      // No folder can be made there.
      writeFileSync(join(storage, "index"), "a file");
      const { stdout, stderr } = await commandLine(files, storage).run("search", "quokka");
      assert.match(stdout, /a\.ts/);
      assert.match(stderr, /^The search index is kept in memory and made anew at each start: .*cannot be written/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function find(session: Session, query: string, more: { whole?: boolean } = {}): Promise<Place[]> {
  return session.connection.sendRequest(SearchRequest.type, { query, ...more });
}

function isReady({ index }: { index?: { phase: string } }): boolean {
  return index?.phase === "ready";
}

async function indexRow(session: Session): Promise<string> {
  const rows = await session.connection.sendRequest(DoctorRequest.type, null);
  return rows.find(({ topic }) => topic === "search")?.text ?? "";
}

/** All rows of both tables as JSON, in order; vectors follow from the rest. */
async function rowsOf(storageDir: string): Promise<{ files: string[]; chunks: string[] }> {
  const root = join(storageDir, "index");
  const connection = await connect(join(root, readdirSync(root)[0]!));
  const rows = async (beginning: string, columns: string[]) => {
    const name = (await connection.tableNames()).find((table) => table.startsWith(beginning));
    const table = await connection.openTable(name ?? assert.fail(`no table ${beginning}`));
    const found = await table.query().select(columns).toArray();
    return found
      .map((row) => JSON.stringify(Object.fromEntries(columns.map((column) => [column, row[column]]))))
      .sort();
  };
  return {
    files: await rows("files", ["key", "path", "syntax", "chunks"]),
    chunks: await rows("chunks", ["key", "path", "startLine", "endLine", "symbol", "signature", "terms"]),
  };
}

function pathOf(n: number): string {
  return `src/file${String(n).padStart(3, "0")}.ts`;
}

/** @param chars Its length, about. */
function sourceFile(n: number, chars: number): string {
  let text = `export function uniqueName${n}(value: number): number {\n  return value;\n}\n`;
  for (let m = 0; text.length < chars; m++) {
    text += `\nexport function helper${n}x${m}(): number {\n  return ${m} + uniqueName${n}(${m});\n}\n`;
  }
  return text;
}

function sourceFiles(count: number, chars: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [pathOf(n), sourceFile(n, chars)]));
}
