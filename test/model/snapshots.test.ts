// Tests the state on disk with a real runtime: another process goes on from it, and a damaged or foreign one is never loaded.
import assert from "node:assert/strict";
import {
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { KvType, LoadOptions, PrefillResult, PromptPart } from "../../engine/src/api.ts";
import { snapshotId } from "../../engine/src/snapshotFiles.ts";
import { SnapshotStore } from "../../engine/src/snapshotStore.ts";
import { EngineHost } from "../../server/src/engineHost.ts";
import {
  type Answer,
  answerOf,
  createTestEngine,
  difference,
  ENGINE_ENTRY,
  evaluatedTokens,
  KV_TYPES,
  loadOptions,
  question,
  sourceFiles,
  type TestEngine,
  temporaryFolder,
} from "./harness.ts";
import { writeTinyModel } from "./tinyModel.ts";

/** Enough tokens for a snapshot to be written. */
const PARTS = sourceFiles(8);
const ASK = question("What does value do?", { maxTokens: 16 });

function options(changes: Partial<LoadOptions> = {}): LoadOptions {
  return loadOptions({ contextTokens: 4096, chunkTokens: 256, ...changes });
}

/** Plenty for everything these tests save. */
function snapshotsIn(dir: string) {
  return { dir, quotaBytes: 1e12 };
}

describe("snapshots", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let test: TestEngine;
  /** Where each test works; removed after it. */
  let snapshotDir: string;
  const uninterrupted = new Map<KvType, { answer: Answer; tokens: number }>();

  before(async () => {
    folder = temporaryFolder("snapshots");
    test = createTestEngine();
    for (const kvType of KV_TYPES) {
      await test.engine.load(options({ kvType }));
      const { figures } = await test.engine.prefill({ parts: PARTS });
      const answer = answerOf(await test.engine.generate(ASK));
      uninterrupted.set(kvType, { answer, tokens: figures.promptTokens });
    }
  });

  beforeEach(() => {
    snapshotDir = join(folder.path, "root", "work");
  });

  afterEach(() => {
    rmSync(snapshotDir, { recursive: true, force: true });
  });

  after(async () => {
    await test.engine.dispose();
    folder.remove();
  });

  describe("in another process", () => {
    let hosts: EngineHost[] = [];

    afterEach(async () => {
      await Promise.all(hosts.map((host) => host.dispose()));
      hosts = [];
    });

    function startHost(): EngineHost {
      const ignore = () => {};
      const host = new EngineHost({ entry: ENGINE_ENTRY, log: ignore, onCrash: ignore, onRestarted: ignore });
      hosts.push(host);
      return host;
    }

    for (const kvType of KV_TYPES) {
      it(`continue as if nothing had been stopped (${kvType})`, async function () {
        const expected = uninterrupted.get(kvType)!;
        const first = startHost();
        await first.load(options({ kvType }));
        const written = await first.prefill({ parts: PARTS, snapshots: snapshotsIn(snapshotDir) });
        assert.deepEqual([written.origin, written.notes], ["computed", []]);
        assert.ok(written.saved !== undefined && written.saved.bytes > 0);
        const pid = first.pid;
        await first.dispose();
        const second = startHost();
        await second.load(options({ kvType }));
        assert.notEqual(second.pid, pid);
        const read = await second.prefill({ parts: PARTS, snapshots: snapshotsIn(snapshotDir) });
        assert.deepEqual([read.origin, read.notes, read.saved], ["snapshot", [], undefined]);
        assert.equal(read.restored?.bytes, written.saved.bytes);
        assert.deepEqual([read.figures.reusedTokens, read.figures.evaluatedTokens], [expected.tokens, 0]);
        const apart = difference(answerOf(await second.generate(ASK)), expected.answer);
        assert.equal(apart, 0);
        this.test!.title += ` (difference ${apart})`;
        // Its end is a checkpoint, as it was before: the next question costs its own tokens only.
        const other = await second.generate(question("Name one function."));
        assert.equal(other.figures.reusedTokens, expected.tokens);
        assert.equal(difference(answerOf(await second.generate(ASK)), expected.answer), 0);
      });
    }
  });

  describe("in this process", () => {
    let saved: PrefillResult;
    let id: string;
    let modelHash: string;
    /** Written once, copied for each test. */
    let original: string;
    let stateFile: string;
    let headerFile: string;
    /** Of the base that is read again and again. */
    let wantedTokens: number[];

    before(async () => {
      original = join(folder.path, "original", "work");
      ({ modelHash } = await test.engine.load(options()));
      saved = await test.engine.prefill({ parts: PARTS, snapshots: snapshotsIn(original) });
      wantedTokens = test.recorder.longTokens();
      id = snapshotId(identity(), saved.layoutHash, saved.figures.promptTokens);
    });

    beforeEach(async () => {
      cpSync(original, snapshotDir, { recursive: true });
      stateFile = join(snapshotDir, `${id}.state`);
      headerFile = join(snapshotDir, `${id}.json`);
      await test.engine.load(options());
      test.recorder.calls.length = 0;
    });

    function identity() {
      return { modelHash, runtime: test.recorder.backend.runtime, kvType: "f16" as const };
    }

    /** Reads the base with what is in the folder now, and checks that the answer is the right one. */
    async function readAndAnswer(parts: PromptPart[] = PARTS): Promise<PrefillResult> {
      const result = await test.engine.prefill({ parts, snapshots: snapshotsIn(snapshotDir) });
      assert.equal(result.cancelled, false);
      const expected = uninterrupted.get("f16")!;
      assert.equal(difference(answerOf(await test.engine.generate(ASK)), expected.answer), 0);
      return result;
    }

    /** Asserts that what is there was set aside with this reason, everything read anew, and saved again. */
    async function isSetAside(reason: RegExp): Promise<void> {
      const names = readdirSync(snapshotDir);
      assert.ok(names.length > 0);
      const result = await readAndAnswer();
      assert.equal(result.origin, "computed");
      assert.equal(result.figures.evaluatedTokens, result.figures.promptTokens);
      assert.equal(result.notes.length, 1, result.notes.join("\n"));
      assert.match(result.notes[0]!, reason);
      assert.match(result.notes[0]!, /set aside/);
      for (const name of names) assert.ok(existsSync(join(snapshotDir, `${name}.bad`)), `${name}.bad is missing`);
      assert.ok(result.saved !== undefined);
    }

    it("are read instead of evaluating", async () => {
      const result = await readAndAnswer();
      assert.deepEqual([result.origin, result.figures.evaluatedTokens], ["snapshot", 0]);
      const restoring = test.recorder.calls.filter(({ kind }) => kind === "restore" || kind === "evaluate");
      assert.equal(restoring[0]?.kind, "restore");
    });

    it("fit a context of another size and other chunks", async () => {
      await test.engine.load(options({ contextTokens: 3072, chunkTokens: 64, checkpointBytes: 0 }));
      assert.equal((await readAndAnswer()).origin, "snapshot");
    });

    it("replace a beginning that is in memory, and nothing is evaluated", async () => {
      await test.engine.prefill({ parts: PARTS.slice(0, 3) });
      test.recorder.calls.length = 0;
      const { origin, figures } = await test.engine.prefill({ parts: PARTS, snapshots: snapshotsIn(snapshotDir) });
      assert.deepEqual([origin, figures.evaluatedTokens], ["snapshot", 0]);
      assert.equal(evaluatedTokens(test.recorder.calls), 0);
      await readAndAnswer();
    });

    it("are not asked for when all is in memory, but written again if they are gone", async () => {
      await test.engine.prefill({ parts: PARTS });
      rmSync(snapshotDir, { recursive: true });
      const { origin, saved: again } = await readAndAnswer();
      assert.deepEqual([origin, again?.tokens], ["memory", wantedTokens.length]);
    });

    it("are listed", async () => {
      const [info, ...more] = await test.engine.listSnapshots(dirname(snapshotDir));
      assert.deepEqual(more, []);
      const { createdAt, usedAt, ...rest } = info!;
      assert.ok(!Number.isNaN(Date.parse(createdAt)) && !Number.isNaN(Date.parse(usedAt)));
      const { tokens } = uninterrupted.get("f16")!;
      const { layoutHash } = saved;
      const { bytes } = saved.saved!;
      const kind = "base";
      assert.deepEqual(rest, { id, workspace: "work", kind, tokens, bytes, modelHash, layoutHash, kvType: "f16" });
      assert.deepEqual(await test.engine.listSnapshots(join(folder.path, "missing")), []);
    });

    it("are not written for a base that is read faster than restored", async () => {
      const { saved: written, notes } = await test.engine.prefill({
        parts: PARTS.slice(0, 2),
        snapshots: snapshotsIn(snapshotDir),
      });
      assert.deepEqual([written, notes], [undefined, []]);
    });

    it("of another model or KV type are left alone", async () => {
      const names = readdirSync(snapshotDir);
      await test.engine.load(options({ kvType: "q8_0" }));
      const { origin, notes } = await test.engine.prefill({ parts: PARTS, snapshots: snapshotsIn(snapshotDir) });
      assert.deepEqual([origin, notes], ["computed", []]);
      for (const name of names) assert.ok(existsSync(join(snapshotDir, name)));
    });

    const positions: [name: string, share: number][] = [
      ["at its beginning", 0],
      ["in its tokens", 0.002],
      ["in its middle", 0.5],
      ["at its end", 1],
    ];
    for (const [where, share] of positions) {
      it(`are set aside when a byte of the state is flipped ${where}`, async () => {
        flipByte(stateFile, share);
        await isSetAside(/checksum does not match/);
      });
    }

    for (const [where, share] of positions) {
      it(`are set aside when a byte of the header is flipped ${where}`, async () => {
        flipByte(headerFile, share === 1 ? 0.99 : share);
        await isSetAside(/header is damaged/);
      });
    }

    it("are written anew where one was set aside, and used from then on", async () => {
      flipByte(stateFile, 0.1);
      await isSetAside(/checksum/);
      await test.engine.load(options());
      const { origin, notes } = await readAndAnswer();
      assert.deepEqual([origin, notes], ["snapshot", []]);
    });

    it("are set aside when a number in the header is changed", async () => {
      const { tokens } = uninterrupted.get("f16")!;
      rewriteHeader((header) => ({ ...header, tokens: tokens + 1 }));
      await isSetAside(/header is damaged \(checksum\)/);
    });

    it("are set aside when the header is of an older format", async () => {
      rewriteHeader((header) => ({ ...header, format: 0 }));
      await isSetAside(/format 0, this version reads 2/);
    });

    it("are set aside when the header is empty", async () => {
      truncateSync(headerFile, 0);
      await isSetAside(/header is damaged/);
    });

    it("are set aside when the state is cut off", async () => {
      truncateSync(stateFile, 1000);
      await isSetAside(/It has 1,?000 bytes instead of/);
    });

    it("are set aside when the state is missing", async () => {
      rmSync(stateFile);
      await isSetAside(/It cannot be read/);
    });

    it("are forgotten when the header is missing", async () => {
      rmSync(headerFile);
      const { origin, notes, saved: again } = await readAndAnswer();
      assert.deepEqual([origin, notes], ["computed", []]);
      assert.ok(again !== undefined);
    });

    it("of another model are set aside under this one's name", async () => {
      const modelFile = join(folder.path, "seed2.gguf");
      writeTinyModel(modelFile, { seed: 2 });
      await renameSnapshotOf(options({ modelFile }), PARTS);
      await isSetAside(/not its own name/);
    });

    it("of another KV type are set aside under this one's name", async () => {
      await renameSnapshotOf(options({ kvType: "q8_0" }), PARTS);
      await isSetAside(/not its own name/);
    });

    it("of another layout are set aside under this one's name", async () => {
      await renameSnapshotOf(options(), sourceFiles(8, 500));
      await isSetAside(/not its own name/);
    });

    it("that hold other tokens than their header says are set aside", async () => {
      const foreign = join(folder.path, "elsewhere", "otherLayout");
      await test.engine.prefill({ parts: sourceFiles(8, 500), snapshots: snapshotsIn(foreign) });
      await forge(join(foreign, readdirSync(foreign).find((name) => name.endsWith(".state"))!));
      rmSync(foreign, { recursive: true });
      await test.engine.load(options());
      const { origin, notes } = await readAndAnswer();
      assert.equal(origin, "computed");
      assert.ok(existsSync(`${stateFile}.bad`));
      assert.match(notes.join(" "), /set aside.*does not hold the tokens/);
    });

    it("that no runtime can load are set aside", async () => {
      const noise = join(folder.path, "noise");
      writeFileSync(noise, Buffer.alloc(5000, "noise"));
      await forge(noise);
      const { origin, notes } = await readAndAnswer();
      assert.equal(origin, "computed");
      assert.ok(existsSync(`${stateFile}.bad`));
      assert.match(notes.join(" "), /could not be loaded/);
    });

    it("that no runtime can load do not spoil what is in memory", async () => {
      const noise = join(folder.path, "noise");
      writeFileSync(noise, Buffer.alloc(5000, "noise"));
      await forge(noise);
      const { figures: inMemory } = await test.engine.prefill({ parts: PARTS.slice(0, 5) });
      // It was parked before the attempt, and comes back from disk.
      const { origin, figures } = await readAndAnswer();
      assert.deepEqual([origin, figures.reusedTokens], ["snapshot", inMemory.promptTokens]);
    });

    const unwritable: [name: string, dir: () => string][] = [
      ["is a file", () => stateFile],
      ["lies in a file", () => join(stateFile, "snapshots")],
    ];
    for (const [name, dir] of unwritable) {
      it(`cost only a note when their folder ${name}`, async () => {
        const result = await test.engine.prefill({ parts: PARTS, snapshots: snapshotsIn(dir()) });
        assert.deepEqual([result.cancelled, result.origin, result.saved], [false, "computed", undefined]);
        assert.equal(result.figures.evaluatedTokens, result.figures.promptTokens);
        assert.ok(result.notes.length > 0);
        assert.match(result.notes.join(" "), /could not be saved.*stays in memory/);
        const expected = uninterrupted.get("f16")!;
        assert.equal(difference(answerOf(await test.engine.generate(ASK)), expected.answer), 0);
      });
    }

    function rewriteHeader(change: (header: Record<string, unknown>) => Record<string, unknown>): void {
      const header = JSON.parse(readFileSync(headerFile, "utf8")) as Record<string, unknown>;
      writeFileSync(headerFile, JSON.stringify(change(header)));
    }

    /** Writes another model's, KV type's or layout's snapshot, and gives it the name of the wanted one. */
    async function renameSnapshotOf(load: LoadOptions, parts: PromptPart[]): Promise<void> {
      rmSync(snapshotDir, { recursive: true });
      await test.engine.load(load);
      await test.engine.prefill({ parts, snapshots: snapshotsIn(snapshotDir) });
      for (const name of readdirSync(snapshotDir)) {
        renameSync(join(snapshotDir, name), name.endsWith(".json") ? headerFile : stateFile);
      }
      await test.engine.load(options());
    }

    /** Puts a state with a valid header of this key into the folder, whatever it holds. */
    async function forge(state: string): Promise<void> {
      const store = new SnapshotStore(snapshotsIn(snapshotDir));
      const copy = async (file: string) => copyFileSync(state, file);
      await store.save(identity(), "base", wantedTokens, 0, copy);
    }
  });
});

/** @param share Position of the byte as a share of the file, 0 to 1. */
function flipByte(file: string, share: number): void {
  const bytes = readFileSync(file);
  const at = Math.min(bytes.length - 1, Math.floor(bytes.length * share));
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x01, at);
  writeFileSync(file, bytes);
}
