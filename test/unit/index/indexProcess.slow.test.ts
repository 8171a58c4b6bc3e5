// Tests the index service with the real process: the server's own thread stays free, a process that ends is replaced, errors are values.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { InitializeParams } from "vscode-languageserver/node";
import { SYSTEM_CLOCK } from "../../../server/src/codebase/clock.ts";
import { Workspace } from "../../../server/src/codebase/workspace.ts";
import { Documents } from "../../../server/src/documents.ts";
import { IndexService } from "../../../server/src/index/indexService.ts";
import { type IndexProcess, startIndexProcess } from "../../../server/src/index/startIndexProcess.ts";
import { ownMark } from "../../../server/src/processMark.ts";
import { fileUri } from "../../../server/src/uris.ts";
import { FakeEditor } from "../../fakes/fakeEditor.ts";
import { EMBEDDER_FILE, GRAMMAR_DIR, PATIENT_CLOCK, SYNTAX_ENTRY } from "./indexed.ts";

const ENTRY = fileURLToPath(new URL("../../../server/src/index/indexProcess.ts", import.meta.url));
const N_FILES = 300;
/** Work on the server's own thread, in steps of a few milliseconds as the old index had it, would leave about one a file. */
const TURNS_PER_FILE = 20;

/** So many processes are ended, each with so many searches under way. */
const CLOSINGS = 5;
const SEARCHES = 30;

class Real {
  readonly root = mkdtempSync(join(tmpdir(), "fathom-process-"));
  readonly storage = mkdtempSync(join(tmpdir(), "fathom-process-index-"));
  readonly processes: IndexProcess[] = [];
  readonly notices: string[] = [];
  isReady = false;
  readonly service: IndexService;
  readonly workspace: Workspace;

  constructor({ embedderFile = EMBEDDER_FILE, clock = SYSTEM_CLOCK } = {}) {
    for (let n = 0; n < N_FILES; n++) writeFileSync(join(this.root, `f${n}.ts`), sourceFile(n));
    const options = {
      folder: this.storage,
      owner: ownMark(),
      embedderFile,
      syntaxEntry: SYNTAX_ENTRY,
      grammarDir: GRAMMAR_DIR,
    };
    this.service = new IndexService({
      start: (listener) => {
        const process = startIndexProcess(ENTRY, options, listener);
        this.processes.push(process);
        return process;
      },
      clock,
      embed: async () => assert.fail("no embedding model is set"),
      onStatus: ({ phase }) => {
        this.isReady = phase === "ready";
      },
      onLog: () => {},
      onNotice: (notice) => this.notices.push(notice),
    });
    const { connection } = new FakeEditor();
    const params = { workspaceFolders: [{ name: "work", uri: fileUri(this.root) }] } as unknown as InitializeParams;
    this.workspace = new Workspace(params, new Documents(connection), this.service);
  }

  async find(name: string): Promise<string[]> {
    return (await this.workspace.search(name, 1, { whole: true })).map(({ path }) => path);
  }

  async end(): Promise<void> {
    await this.service.dispose();
    for (const folder of [this.root, this.storage]) rmSync(folder, { recursive: true, force: true });
  }
}

async function withReal(test: (real: Real) => Promise<void>, embedderFile?: string): Promise<void> {
  const real = new Real({ embedderFile });
  try {
    await test(real);
  } finally {
    await real.end();
  }
}

describe("the index process", () => {
  it("leaves the server's own thread free while a workspace is indexed", () =>
    withReal(async (real) => {
      await real.workspace.files();
      let turns = 0;
      for (; !real.isReady; turns++) await setImmediate();
      assert.deepEqual(await real.find("uniqueName299"), ["f299.ts"]);
      assert.ok(turns > TURNS_PER_FILE * N_FILES, `${turns} turns`);
    }));

  it("is replaced when it ends, with what was stored before, and answers what was asked meanwhile", () =>
    withReal(async (real) => {
      assert.deepEqual(await real.find("uniqueName1"), ["f1.ts"]);
      const found = real.find("uniqueName2");
      await real.processes[0]!.kill();
      assert.deepEqual(await found, ["f2.ts"]);
      assert.equal(real.processes.length, 2);
      const { files, computedFiles, bytes } = await real.service.statistics();
      assert.deepEqual([files, computedFiles, bytes > 0], [N_FILES, 0, true]);
      assert.equal(real.notices.length, 1);
    }));

  it("ends in order with searches under way", async () => {
    for (let n = 0; n < CLOSINGS; n++) {
      const real = new Real({ clock: PATIENT_CLOCK });
      const { service, workspace, storage, notices } = real;
      try {
        await workspace.files();
        await service.statistics();
        const found = Array.from({ length: SEARCHES }, (_, m) => workspace.search(`helper${m}x1 "return ${m}"`, 20));
        const ended = Promise.allSettled(found);
        assert.ok(existsSync(join(storage, "owner.pid")));
        await new Promise((resolve) => setTimeout(resolve, n));
        await service.dispose();
        // The last thing that is put away: a crash would have left it.
        assert.ok(!existsSync(join(storage, "owner.pid")));
        await ended;
        assert.deepEqual(notices, []);
      } finally {
        await real.end();
      }
    }
  });

  it("says why it cannot start, and bears what is told to it afterwards", async () => {
    const options = { folder: "", owner: "", embedderFile: "", syntaxEntry: "", grammarDir: "" };
    const logged: string[] = [];
    let started: IndexProcess | undefined;
    const reason = await new Promise((resolve) => {
      const listener = { onMessage: () => {}, onLog: (text: string) => logged.push(text), onEnd: resolve };
      started = startIndexProcess("/nowhere/index.mjs", options, listener);
    });
    assert.match(String(reason), /^Error: Cannot find module '.*index\.mjs'/);
    assert.match(logged.join("\n"), /Cannot find module/);
    started?.send({ cancel: 1 });
    await started?.kill();
  });

  it("answers every call with the sentence of what is missing", () =>
    withReal(async ({ service, workspace, notices }) => {
      const sentence = /The code embedder .*missing\.bin cannot be used .* Install Fathom again\.$/;
      await assert.rejects(service.statistics(), sentence);
      await assert.rejects(service.symbols({ query: "x", limit: 1 }), sentence);
      await workspace.files();
      assert.deepEqual(await workspace.search("x", 1), []);
      assert.match(service.failure ?? "", sentence);
      assert.equal(notices.length, 1);
    }, "/nowhere/missing.bin"));
});

function sourceFile(n: number): string {
  const helpers = Array.from({ length: 20 }, (_, m) => `export function helper${n}x${m}() {\n  return ${m};\n}\n`);
  return `export function uniqueName${n}() {}\n${helpers.join("\n")}`;
}
