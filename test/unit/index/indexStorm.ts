// Storms of what happens to files, over the real index on disk, and the comparison of that index with a fresh one.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import type { InitializeParams } from "vscode-languageserver/node";
import { Workspace } from "../../../server/src/codebase/workspace.ts";
import { Documents } from "../../../server/src/documents.ts";
import { fileKey } from "../../../server/src/index/codeIndex.ts";
import { IndexService } from "../../../server/src/index/indexService.ts";
import { startIndexProcess } from "../../../server/src/index/startIndexProcess.ts";
import { ownMark } from "../../../server/src/processMark.ts";
import type { Place } from "../../../server/src/protocol/messages.ts";
import { fileUri } from "../../../server/src/uris.ts";
import { FakeEditor } from "../../fakes/fakeEditor.ts";
import { temporaryFolder } from "../../model/harness.ts";
import { firstTree } from "../codebase/stormActions.ts";
import { RULE_FILE, RULES, StormWorld, textContent } from "../codebase/stormWorld.ts";
import { EMBEDDER_FILE, GRAMMAR_DIR, PATIENT_CLOCK, SYNTAX_ENTRY } from "./indexed.ts";
import { type Action, codeOf, contentOf, QUERIES } from "./indexStormActions.ts";

const ENTRY = fileURLToPath(new URL("../../../server/src/index/indexProcess.ts", import.meta.url));
const READER = fileURLToPath(new URL("./storeRows.ts", import.meta.url));
const MAX_ROWS_BYTES = 256 * 1024 ** 2;
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

/** The server's parts from the workspace to the index process, as one window has them. */
class Window {
  readonly workspace: Workspace;
  readonly service: IndexService;

  constructor(root: string, storage: string, editor: FakeEditor, world: StormWorld) {
    const options = {
      folder: storage,
      owner: ownMark(),
      embedderFile: EMBEDDER_FILE,
      syntaxEntry: SYNTAX_ENTRY,
      grammarDir: GRAMMAR_DIR,
    };
    this.service = new IndexService({
      start: (listener) => startIndexProcess(ENTRY, options, listener),
      clock: PATIENT_CLOCK,
      embed: async () => [],
      onStatus() {},
      onLog() {},
      onNotice() {},
    });
    const params = { workspaceFolders: [{ name: "work", uri: fileUri(root) }] } as unknown as InitializeParams;
    this.workspace = new Workspace(params, new Documents(editor.connection), this.service);
    this.workspace.register(editor.connection, () => {});
    world.reopenIn(editor);
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
      case "restart":
        await this.#window.service.dispose();
        world.loseEvents();
        this.#window = this.#open();
        return;
      case "check":
        return this.check();
    }
  }

  /** The index has what a fresh one has, which has what is on disk and in the editor. */
  async check(): Promise<void> {
    this.#world.tell();
    const truth = this.#world.truth();
    const after = await this.#findings(this.#storage);
    await this.#window.service.dispose();
    const storage = join(this.#freshStorage, String(this.#nFresh++));
    this.#window = this.#open(storage);
    const fresh = await this.#findings(storage);
    await this.#window.service.dispose();
    this.#window = this.#open();
    const keys = new Set(fresh.files.map(({ key }) => key));
    for (const [path, text] of truth) assert.ok(keys.has(fileKey({ path, text })), `${path} is there`);
    // What is of other times may stay in the store.
    const ofNow = (rows: Row[]) => rows.filter(({ key }) => keys.has(key)).map((row) => JSON.stringify(row));
    assert.deepEqual(ofNow(after.files).sort(), ofNow(fresh.files).sort());
    assert.deepEqual(ofNow(after.chunks).sort(), ofNow(fresh.chunks).sort());
    assert.deepEqual(after.told, fresh.told);
  }

  async #findings(storage: string): Promise<Findings> {
    const { workspace, service } = this.#window;
    await this.#window.search("x");
    const { files, totalFiles, chunks, symbols: nSymbols } = await service.statistics();
    const symbols = await service.symbols({ query: "", limit: ALL });
    const imports: Record<string, string[]> = {};
    for (const path of this.#world.truth().keys()) imports[path] = await service.imported(path);
    const places: Record<string, string[]> = {};
    for (const query of QUERIES) places[query] = meant(await this.#window.search(query));
    return {
      files: await rowsOf(storage, "files"),
      chunks: await rowsOf(storage, "chunks"),
      told: {
        counts: [files, totalFiles, chunks, nSymbols],
        symbols: symbols.map((symbol) => JSON.stringify(symbol)).sort(),
        imports,
        places,
        leftOut: (await workspace.files()).leftOut,
      },
    };
  }

  async #find(): Promise<void> {
    this.#world.tell();
    await this.#window.workspace.files();
    const paths = new Set((await this.#window.service.symbols({ query: "", limit: ALL })).map(({ path }) => path));
    const truth = this.#world.truth();
    assert.deepEqual(
      [...paths].filter((path) => !truth.has(path)),
      [],
      "nothing is found of what is not there",
    );
  }

  #open(storage = this.#storage): Window {
    return new Window(this.#root, storage, this.#editor, this.#world);
  }
}

/** What an index has and what it answers. */
interface Findings {
  files: Row[];
  chunks: Row[];
  told: Record<string, unknown>;
}

type Row = Record<string, unknown>;

/** Read by another process, as in the product LanceDB is in the index process only. */
async function rowsOf(storage: string, table: "files" | "chunks"): Promise<Row[]> {
  const options = { maxBuffer: MAX_ROWS_BYTES };
  const { stdout } = await promisify(execFile)(process.execPath, [READER, storage, table], options);
  return JSON.parse(stdout);
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
