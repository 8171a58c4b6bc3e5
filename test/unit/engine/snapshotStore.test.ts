// Tests snapshots as files: what is written, what is trusted, what is set aside, what is removed; no model.
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { SNAPSHOTS_KEPT, type SnapshotKey, SnapshotStore, snapshotId } from "../../../engine/src/snapshotStore.ts";
import { temporaryFolder } from "../../model/harness.ts";

const KEY: SnapshotKey = { modelHash: "m".repeat(16), runtime: "fake 1", kvType: "f16", layoutHash: "a".repeat(16) };
const ID = snapshotId(KEY);
const STATE = Buffer.from("the state of a sequence ".repeat(50));

describe("SnapshotStore", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let dir: string;
  let store: SnapshotStore;

  beforeEach(() => {
    folder = temporaryFolder("snapshot-store");
    dir = join(folder.path, "not", "yet", "there");
    store = new SnapshotStore(dir);
  });

  afterEach(() => folder.remove());

  const save = (key: SnapshotKey = KEY, state = STATE) =>
    store.save(key, 1234, async (file) => writeFileSync(file, state));
  const file = (ending: string) => join(dir, ID + ending);

  async function isUnusable(reason: RegExp): Promise<void> {
    const found = await store.find(KEY);
    assert.equal(found.kind, "unusable");
    assert.match(found.kind === "unusable" ? found.reason : "", reason);
    assert.match(found.kind === "unusable" ? found.reason : "", /set aside: .*The files are read again\.$/);
    assert.deepEqual(await store.find(KEY), { kind: "none" });
    assert.deepEqual(await store.list(), []);
  }

  it("finds what was saved, whole and nothing else", async () => {
    assert.deepEqual(await store.find(KEY), { kind: "none" });
    assert.equal(await save(), STATE.length);
    const found = await store.find(KEY);
    assert.deepEqual(found, { kind: "found", stateFile: file(".state"), tokens: 1234, bytes: STATE.length });
    assert.deepEqual(readFileSync(file(".state")), STATE);
    assert.deepEqual(readdirSync(dir).sort(), [`${ID}.json`, `${ID}.state`]);
  });

  it("finds only what is equal in every respect", async () => {
    await save();
    for (const change of [
      { modelHash: "x" },
      { runtime: "fake 2" },
      { kvType: "q8_0" },
      { layoutHash: "x" },
    ] as const) {
      assert.deepEqual(await store.find({ ...KEY, ...change }), { kind: "none" });
    }
    assert.equal((await store.find(KEY)).kind, "found");
  });

  it("replaces an older one of the same key", async () => {
    await save();
    const newer = Buffer.from("newer");
    assert.equal(await save(KEY, newer), 5);
    assert.equal((await store.find(KEY)).kind, "found");
    assert.deepEqual(readFileSync(file(".state")), newer);
  });

  it("leaves nothing visible when writing fails", async () => {
    const failing = store.save(KEY, 1, async (path) => {
      writeFileSync(path, "half");
      throw new Error("disk full");
    });
    await assert.rejects(failing, /disk full/);
    assert.deepEqual(readdirSync(dir), []);
    assert.deepEqual(await store.find(KEY), { kind: "none" });
  });

  it("keeps the older one when writing a newer one fails", async () => {
    await save();
    const failing = store.save(KEY, 1, async () => {
      throw new Error("disk full");
    });
    await assert.rejects(failing, /disk full/);
    assert.equal((await store.find(KEY)).kind, "found");
  });

  it("removes what a killed process left behind", async () => {
    mkdirSync(dir, { recursive: true });
    const leftOver = join(dir, `${ID}.99999999.tmp`);
    writeFileSync(leftOver, "half a state");
    utimesSync(leftOver, 0, 0);
    await save();
    assert.ok(!existsSync(leftOver), "a half-written state stays for ever");
  });

  it("removes a state that lost its header when the next one is saved", async () => {
    await save();
    rmSync(file(".json"));
    await save({ ...KEY, layoutHash: "b" });
    await save({ ...KEY, layoutHash: "c" });
    assert.ok(!existsSync(file(".state")), "a state without a header stays for ever");
  });

  it(`keeps the newest ${SNAPSHOTS_KEPT} and lists them, newest first`, async () => {
    const keys = ["a", "b", "c", "d"].map((layoutHash) => ({ ...KEY, layoutHash }));
    for (const key of keys) {
      await save(key);
      // Times of creation must differ for an order.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const listed = await store.list();
    assert.deepEqual(
      listed.map(({ layoutHash }) => layoutHash),
      ["d", "c"],
    );
    assert.equal(readdirSync(dir).length, 2 * SNAPSHOTS_KEPT);
    const { createdAt, ...info } = listed[0]!;
    assert.ok(!Number.isNaN(Date.parse(createdAt)));
    assert.deepEqual(info, {
      id: snapshotId(keys[3]!),
      tokens: 1234,
      bytes: STATE.length,
      modelHash: KEY.modelHash,
      layoutHash: "d",
      kvType: "f16",
    });
  });

  it("does not remove other files", async () => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "notes.json"), '{"mine": true}');
    writeFileSync(join(dir, "notes.txt"), "mine");
    for (const layoutHash of ["a", "b", "c", "d"]) await save({ ...KEY, layoutHash });
    assert.ok(existsSync(join(dir, "notes.json")) && existsSync(join(dir, "notes.txt")));
  });

  describe("sets aside", () => {
    beforeEach(async () => {
      await save();
    });

    it("a state with any changed, missing or added byte", async () => {
      const change = fc.oneof(
        fc.record({ at: fc.nat(STATE.length - 1), xor: fc.integer({ min: 1, max: 255 }) }),
        fc.record({ cut: fc.nat(STATE.length - 1) }),
        fc.record({ add: fc.uint8Array({ minLength: 1, maxLength: 9 }) }),
      );
      await fc.assert(
        fc.asyncProperty(change, async (change) => {
          await save();
          const bytes = Buffer.from(STATE);
          if ("at" in change) bytes[change.at]! ^= change.xor;
          const cut = "cut" in change ? bytes.subarray(0, change.cut) : bytes;
          writeFileSync(file(".state"), "add" in change ? Buffer.concat([cut, change.add]) : cut);
          await isUnusable(/checksum does not match|has \d+ bytes instead of \d+/);
          assert.ok(existsSync(file(".state.bad")) && existsSync(file(".json.bad")));
        }),
        { numRuns: 60, seed: 9 },
      );
    });

    it("a header with any changed byte", async () => {
      const header = readFileSync(file(".json"));
      await fc.assert(
        fc.asyncProperty(fc.nat(header.length - 2), fc.integer({ min: 1, max: 127 }), async (at, xor) => {
          await save();
          const bytes = readFileSync(file(".json"));
          const text = bytes.toString();
          bytes[at]! ^= xor;
          // White space between the fields says nothing.
          fc.pre(JSON.stringify(parsed(bytes.toString())) !== JSON.stringify(parsed(text)));
          writeFileSync(file(".json"), bytes);
          await isUnusable(/header is damaged/);
        }),
        { numRuns: 100, seed: 10 },
      );
    });

    for (const [name, header] of [
      ["empty", ""],
      ["no JSON", "{"],
      ["a list", "[]"],
      ["null", "null"],
      ["of an older format", '{"format":0}'],
      ["without a checksum", '{"format":1}'],
    ] as const) {
      it(`a header that is ${name}`, async () => {
        writeFileSync(file(".json"), header);
        await isUnusable(/header is damaged/);
      });
    }

    const foreign: [name: string, change: Partial<SnapshotKey>, reason: RegExp][] = [
      ["model", { modelHash: "x" }, /belongs to another model/],
      ["runtime version", { runtime: "fake 2" }, /another runtime version/],
      ["KV type", { kvType: "q8_0" }, /another KV cache type/],
      ["layout", { layoutHash: "x" }, /another layout/],
    ];
    for (const [name, change, reason] of foreign) {
      it(`one of another ${name} under this name`, async () => {
        rmSync(dir, { recursive: true });
        const other = { ...KEY, ...change };
        await save(other);
        for (const ending of [".json", ".state"]) renameSync(join(dir, snapshotId(other) + ending), file(ending));
        await isUnusable(reason);
      });
    }

    it("a header whose state is missing", async () => {
      rmSync(file(".state"));
      await isUnusable(/cannot be read/);
      assert.ok(existsSync(file(".json.bad")));
    });

    it("a state that is a folder", async () => {
      rmSync(file(".state"));
      mkdirSync(file(".state"));
      await isUnusable(/bytes instead of|cannot be read/);
    });

    it("one that was verified but does not load", async () => {
      const reason = await store.reject(KEY, "It holds nonsense");
      assert.match(reason, /set aside: It holds nonsense\. The files are read again\.$/);
      assert.ok(existsSync(file(".state.bad")));
      assert.deepEqual(await store.find(KEY), { kind: "none" });
    });

    it("only one per name, the newest", async () => {
      writeFileSync(file(".state"), "first");
      await store.find(KEY);
      await save();
      writeFileSync(file(".state"), "second");
      await store.find(KEY);
      assert.equal(readFileSync(file(".state.bad"), "utf8"), "second");
      assert.equal(readdirSync(dir).length, 2);
    });
  });

  describe("in a folder that is none", () => {
    beforeEach(() => {
      store = new SnapshotStore(join(folder.path, "file"));
      writeFileSync(join(folder.path, "file"), "");
    });

    it("finds nothing and lists nothing", async () => {
      assert.notEqual((await store.find(KEY)).kind, "found");
      assert.deepEqual(await store.list(), []);
    });

    it("fails to save with the file system's reason", async () => {
      await assert.rejects(save(), /EEXIST|ENOTDIR/);
    });
  });

  it("lists past damaged headers", async () => {
    await save();
    writeFileSync(join(dir, `${"0".repeat(24)}.json`), "{");
    assert.equal((await store.list()).length, 1);
  });
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    return "not JSON";
  }
}
