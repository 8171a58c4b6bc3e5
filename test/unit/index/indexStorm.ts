// Storms of what happens to files, over the real index on disk, and the comparison of that index with a fresh one.
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@lancedb/lancedb";
import fc from "fast-check";
import type { InitializeParams } from "vscode-languageserver/node";
import { SYSTEM_CLOCK } from "../../../server/src/codebase/clock.ts";
import { Workspace } from "../../../server/src/codebase/workspace.ts";
import { Documents } from "../../../server/src/documents.ts";
import { fileKey } from "../../../server/src/index/codeIndex.ts";
import { IndexService, type IndexThread, startIndexThread } from "../../../server/src/index/indexService.ts";
import type { Place } from "../../../server/src/protocol/messages.ts";
import { fileUri } from "../../../server/src/uris.ts";
import { FakeEditor } from "../../fakes/fakeEditor.ts";
import { temporaryFolder } from "../../model/harness.ts";
import { firstTree } from "../codebase/stormActions.ts";
import { RULE_FILE, RULES, StormWorld, textContent } from "../codebase/stormWorld.ts";
import { EMBEDDER_FILE, GRAMMAR_DIR, SYNTAX_ENTRY } from "./indexed.ts";
import { type Action, codeOf, contentOf, QUERIES } from "./indexStormActions.ts";

const ENTRY = fileURLToPath(new URL("../../../server/src/index/indexThread.ts", import.meta.url));
/** The same storm each time; another one by FATHOM_STORM_SEED. */
const SEED = Number(process.env.FATHOM_STORM_SEED ?? 20_261_126);
/** Less than mocha's limit for these tests, milliseconds. */
const MAX_MS = 500_000;
/** More than there is: everything that is found is compared. */
const ALL = 10_000;

/** @param numRuns Storms. */
export function checkIndexStorms(storms: fc.Arbitrary<Action[]>, numRuns: number): Promise<void> {
  const property = fc.asyncProperty(storms, runStorm);
  return fc.assert(property, { seed: SEED, numRuns, interruptAfterTimeLimit: MAX_MS, markInterruptAsFailure: true });
}

async function runStorm(list: readonly Action[]): Promise<void> {
  const folders = ["files", "index", "fresh"].map((name) => temporaryFolder(`index-storm-${name}`));
  const [root, storage, fresh] = folders.map(({ path }) => path) as [string, string, string];
  const storm = new IndexStorm(root, storage, fresh);
  try {
    for (const action of list) await storm.do(action);
    await storm.check();
  } finally {
    await storm.dispose();
    for (const folder of folders) folder.remove();
  }
}

/** The server's parts from the workspace to the index thread, as one window has them. */
class Window {
  readonly workspace: Workspace;
  readonly service: IndexService;
  #thread: IndexThread | undefined;

  constructor(root: string, storage: string, editor: FakeEditor, world: StormWorld) {
    const options = {
      folder: storage,
      embedderFile: EMBEDDER_FILE,
      syntaxEntry: SYNTAX_ENTRY,
      grammarDir: GRAMMAR_DIR,
    };
    const start = () => {
      this.#thread = startIndexThread(ENTRY, options);
      return this.#thread;
    };
    this.service = new IndexService({
      start,
      clock: SYSTEM_CLOCK,
      embed: async () => [],
      onStatus() {},
      onNotice() {},
    });
    const params = { workspaceFolders: [{ name: "work", uri: fileUri(root) }] } as unknown as InitializeParams;
    this.workspace = new Workspace(params, new Documents(editor.connection), this.service);
    this.workspace.register(editor.connection, () => {});
    world.reopenIn(editor);
  }

  async crash(): Promise<void> {
    await this.#thread?.terminate();
  }

  /** Everything is indexed then. */
  search(query: string): Promise<Place[]> {
    return this.workspace.search(query, ALL, { whole: true });
  }
}

class IndexStorm {
  readonly #root: string;
  readonly #storage: string;
  readonly #freshStorage: string;
  readonly #editor = new FakeEditor();
  readonly #world: StormWorld;
  #window: Window;
  #nFresh = 0;

  constructor(root: string, storage: string, freshStorage: string) {
    this.#root = root;
    this.#storage = storage;
    this.#freshStorage = freshStorage;
    this.#world = new StormWorld(root, this.#editor);
    this.#world.checkOut(new Map([...firstTree().keys()].map((path, n) => [path, textContent(codeOf(path, n))])));
    this.#world.write(RULE_FILE, textContent(RULES[0]!.text));
    this.#world.loseEvents();
    this.#window = this.#open();
  }

  dispose(): Promise<void> {
    return this.#window.service.dispose();
  }

  async do(action: Action): Promise<void> {
    const world = this.#world;
    switch (action.do) {
      case "write":
        return world.write(action.file, contentOf(action.content, action.file));
      case "type":
        world.openDocument(action.file);
        return world.type(action.file, contentOf(action.content, action.file));
      case "open":
        return world.openDocument(action.file);
      case "save":
      case "close":
      case "remove":
      case "removeFolder":
      case "touch":
        return world[action.do](action.file);
      case "rename":
      case "moveFolder":
        return world[action.do](action.file, action.to);
      case "rules":
        return world.write(RULE_FILE, textContent(RULES[action.which]!.text));
      case "lose":
        // A file system without events: the next question looks at all files.
        world.loseEvents();
        return this.#window.workspace.forget();
      case "find":
        return this.#find();
      case "crash":
        world.tell();
        await this.#window.workspace.files();
        return this.#window.crash();
      case "restart":
        await this.#window.service.dispose();
        world.loseEvents();
        this.#window = this.#open();
        return;
      case "check":
        return this.check();
    }
  }

  /** The index after the storm has what a fresh one has, which has what is on disk and in the editor. */
  async check(): Promise<void> {
    this.#world.tell();
    const storage = join(this.#freshStorage, String(this.#nFresh++));
    const fresh = new Window(this.#root, storage, new FakeEditor(), this.#world);
    try {
      await Promise.all([this.#window.search("x"), fresh.search("x")]);
      const expected = await contentOfIndex(fresh, storage);
      const keys = new Set(expected.keys);
      for (const [path, text] of this.#world.truth()) assert.ok(keys.has(fileKey({ path, text })), `${path} is there`);
      assert.deepEqual(await contentOfIndex(this.#window, this.#storage, keys), expected);
      assert.deepEqual((await this.#window.workspace.files()).leftOut, (await fresh.workspace.files()).leftOut);
      for (const query of QUERIES) {
        assert.deepEqual(meant(await this.#window.search(query)), meant(await fresh.search(query)), query);
      }
    } finally {
      await fresh.service.dispose();
    }
  }

  async #find(): Promise<void> {
    this.#world.tell();
    await this.#window.workspace.files();
    const paths = new Set((await this.#window.service.symbols("", ALL)).map(({ path }) => path));
    const truth = this.#world.truth();
    assert.deepEqual(
      [...paths].filter((path) => !truth.has(path)),
      [],
      "nothing is found of what is not there",
    );
  }

  #open(): Window {
    return new Window(this.#root, this.#storage, this.#editor, this.#world);
  }
}

interface IndexContent {
  /** Names of the contents of files. */
  keys: string[];
  files: string[];
  chunks: string[];
  counts: number[];
  symbols: string[];
  imports: (readonly [string, string[]])[];
}

/** @param keys Of what is stored only these: what is of other times may stay. */
async function contentOfIndex({ service }: Window, storage: string, keys?: ReadonlySet<string>): Promise<IndexContent> {
  const isIn = (row: Row) => keys?.has(String(row.key)) ?? true;
  const files = (await rowsOf(storage, "files")).filter(isIn);
  const { files: nFiles, chunks: nChunks, symbols: nSymbols, totalFiles } = await service.statistics();
  const symbols = await service.symbols("", ALL);
  return {
    keys: files.map(({ key }) => String(key)).sort(),
    files: files.map((row) => JSON.stringify(row)).sort(),
    chunks: (await rowsOf(storage, "chunks"))
      .filter(isIn)
      .map((row) => JSON.stringify(row))
      .sort(),
    counts: [nFiles, totalFiles, nChunks, nSymbols],
    symbols: symbols.map((symbol) => JSON.stringify(symbol)).sort(),
    imports: await Promise.all(
      files
        .map(({ path }) => String(path))
        .sort()
        .map(async (path) => [path, await service.imported(path)] as const),
    ),
  };
}

type Row = Record<string, unknown>;

async function rowsOf(storage: string, table: "files" | "chunks"): Promise<Row[]> {
  const connection = await connect(storage);
  try {
    const name = (await connection.tableNames()).find((each) => each.startsWith(table));
    const opened = await connection.openTable(name ?? assert.fail(`no table ${table}`));
    const rows = (await opened.query().toArray()) as Row[];
    return rows.map((row) => ({ ...row, ...("vector" in row && { vector: [...(row.vector as Iterable<number>)] }) }));
  } finally {
    connection.close();
  }
}

/**
 * What was found by its name, path or text, or by the word itself. How near the rest comes depends on how rare words are
 * in all that is stored, also of other times.
 */
function meant(places: readonly Place[]): string[] {
  return places
    .filter(({ reason }) => /^(?:symbol|path|text) |: \w+ix$/.test(reason))
    .map(({ path, startLine, endLine, symbol, preview }) => JSON.stringify([path, startLine, endLine, symbol, preview]))
    .sort();
}
