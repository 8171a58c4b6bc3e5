// Tests one snapshot as two files: what is written, what is trusted, what is set aside, what killed processes leave.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { SNAPSHOT_FORMAT, SnapshotFiles } from "../../../engine/src/snapshotFiles.ts";
import { temporaryFolder } from "../../model/harness.ts";
import { DAMAGES, idOf, tokensOf, unsigned, usedDaysAgo, writing } from "./savedStates.ts";

const TOKENS = tokensOf(1234);
const ID = idOf(TOKENS);
const STATE = Buffer.from("the state of a sequence ".repeat(50));

describe("SnapshotFiles", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let dir: string;
  let files: SnapshotFiles;

  beforeEach(() => {
    folder = temporaryFolder("snapshot-files");
    dir = join(folder.path, "work");
    mkdirSync(dir);
    files = new SnapshotFiles(dir);
  });

  afterEach(() => folder.remove());

  const write = (tokens = TOKENS, state: Buffer | number = STATE) => files.write(unsigned(tokens), writing(state));
  const file = (ending: string) => join(dir, ID + ending);
  const names = () => readdirSync(dir).sort();

  it("are a state and a header that vouches for it, and nothing else", async () => {
    assert.equal(await write(), STATE.length);
    assert.deepEqual(names(), [`${ID}.json`, `${ID}.state`]);
    assert.deepEqual(readFileSync(file(".state")), STATE);
    const { stateSha256, headerSha256, createdAt, ...header } = await files.header(ID);
    assert.deepEqual(header, { ...unsigned(TOKENS), format: SNAPSHOT_FORMAT, bytes: STATE.length });
    assert.match(`${stateSha256} ${headerSha256}`, /^[0-9a-f]{64} [0-9a-f]{64}$/);
    assert.ok(!Number.isNaN(Date.parse(createdAt)));
    assert.equal((await files.verify(ID))?.problem, undefined);
    assert.equal(await files.bytes(), STATE.length);
  });

  it("are replaced whole", async () => {
    await write();
    assert.equal(await write(TOKENS, Buffer.from("newer")), 5);
    assert.equal(readFileSync(file(".state"), "utf8"), "newer");
    assert.equal((await files.verify(ID))?.problem, undefined);
    assert.equal(names().length, 2);
  });

  it("leave nothing when writing fails, and what was there before", async () => {
    const failing = async (path: string) => {
      writeFileSync(path, "half");
      throw new Error("disk full");
    };
    await assert.rejects(files.write(unsigned(TOKENS), failing), /disk full/);
    assert.deepEqual(names(), []);
    await write();
    await assert.rejects(files.write(unsigned(TOKENS), failing), /disk full/);
    assert.equal((await files.verify(ID))?.problem, undefined);
    assert.equal(names().length, 2);
  });

  it("do not mix when two are written at once", async () => {
    const other = tokensOf(99);
    await Promise.all([write(), files.write(unsigned(other), writing(10))]);
    assert.deepEqual((await files.ids()).sort(), [ID, idOf(other)].sort());
    for (const id of await files.ids()) assert.equal((await files.verify(id))?.problem, undefined);
  });

  it("know when they were used last, beside when they were made", async () => {
    await write();
    usedDaysAgo(dir, ID, 3);
    const before = await files.info(ID);
    assert.ok(before.usedAt < before.createdAt);
    await files.touch(ID);
    const after = await files.info(ID);
    assert.ok(after.usedAt >= before.createdAt);
    assert.equal(after.createdAt, before.createdAt);
    await files.touch(idOf([1]));
  });

  it("are gone after removal, however often", async () => {
    await write();
    await files.remove(ID);
    await files.remove(ID);
    assert.deepEqual([names(), await files.verify(ID)], [[], undefined]);
  });

  for (const damage of DAMAGES) {
    it(`do not pass with ${damage.name}`, async () => {
      await write();
      damage.do({ header: file(".json"), state: file(".state") });
      if (damage.in === "header") await assert.rejects(files.verify(ID), damage.reason);
      else assert.match((await files.verify(ID))?.problem ?? "", damage.reason);
      assert.equal((await files.infos()).length, damage.in === "header" ? 0 : 1);
    });
  }

  it("do not pass with any changed, missing or added byte of the state", async () => {
    const change = fc.oneof(
      fc.record({ at: fc.nat(STATE.length - 1), xor: fc.integer({ min: 1, max: 255 }) }),
      fc.record({ cut: fc.nat(STATE.length - 1) }),
      fc.record({ add: fc.uint8Array({ minLength: 1, maxLength: 9 }) }),
    );
    await write();
    await fc.assert(
      fc.asyncProperty(change, async (change) => {
        const bytes = Buffer.from(STATE);
        if ("at" in change) bytes[change.at]! ^= change.xor;
        const cut = "cut" in change ? bytes.subarray(0, change.cut) : bytes;
        writeFileSync(file(".state"), "add" in change ? Buffer.concat([cut, change.add]) : cut);
        assert.match((await files.verify(ID))?.problem ?? "", /checksum does not match|has \d+ bytes instead of \d+/);
      }),
      { numRuns: 60, seed: 9 },
    );
  });

  it("do not pass with any changed byte of the header", async () => {
    await write();
    const header = readFileSync(file(".json"));
    await fc.assert(
      fc.asyncProperty(fc.nat(header.length - 2), fc.integer({ min: 1, max: 127 }), async (at, xor) => {
        const bytes = Buffer.from(header);
        bytes[at]! ^= xor;
        // White space between the fields says nothing.
        fc.pre(parsed(bytes) !== parsed(header));
        writeFileSync(file(".json"), bytes);
        await assert.rejects(files.header(ID));
      }),
      { numRuns: 200, seed: 10 },
    );
  });

  it("are not damaged when another process removes or replaces them during a look", async () => {
    await write();
    const newer = Buffer.from("a newer state of the same tokens");
    // Large enough for the look to be under way.
    await write(TOKENS, 8 << 20);
    const look = files.verify(ID);
    await write(TOKENS, newer);
    assert.equal((await look)?.problem, undefined);
    const other = files.verify(ID);
    await files.remove(ID);
    assert.equal((await other)?.problem, undefined);
  });

  describe("set aside", () => {
    it("keep their bytes for a look and are never seen again", async () => {
      await write();
      const sentence = await files.setAside(ID, "Its checksum does not match");
      assert.equal(
        sentence,
        `The saved state ${ID} was set aside: Its checksum does not match. The files are read again.`,
      );
      assert.deepEqual(names(), [`${ID}.json.bad`, `${ID}.state.bad`]);
      assert.deepEqual(readFileSync(file(".state.bad")), STATE);
      assert.deepEqual([await files.ids(), await files.verify(ID)], [[], undefined]);
      assert.ok((await files.bytes()) >= STATE.length, "they take no room");
    });

    it("take the room of one: only the newest stays", async () => {
      const other = tokensOf(99);
      await write();
      await write(other);
      await files.setAside(ID, "old");
      await files.setAside(idOf(other), "new");
      assert.deepEqual(names(), [`${idOf(other)}.json.bad`, `${idOf(other)}.state.bad`]);
      await files.removeSetAside();
      assert.deepEqual(names(), []);
    });

    it("are whatever is left of them", async () => {
      await write();
      rmSync(file(".state"));
      await files.setAside(ID, "no state");
      assert.deepEqual(names(), [`${ID}.json.bad`]);
      await files.setAside(ID, "nothing at all");
      assert.deepEqual(names(), []);
    });
  });

  describe("of killed processes", () => {
    /** As the process with this number would have named a half-written state. */
    async function temporaryOf(pid: number): Promise<string> {
      let name = "";
      await files.write(unsigned(TOKENS), async (path) => {
        name = path.replace(`-${process.pid}-`, `-${pid}-`);
        writeFileSync(path, "half a state");
      });
      await files.remove(ID);
      writeFileSync(name, "half a state");
      return name;
    }

    function makeOld(path: string): void {
      utimesSync(path, 0, 0);
    }

    async function deadPid(): Promise<number> {
      const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
      await once(child, "exit");
      return child.pid!;
    }

    it("are removed, those of the living are not", async () => {
      const dead = await temporaryOf(await deadPid());
      const living = await temporaryOf(process.ppid);
      const own = await temporaryOf(process.pid);
      assert.equal(await files.bytes(), 3 * "half a state".length);
      await files.removeLeftOvers();
      assert.deepEqual([dead, living, own].map(existsSync), [false, true, true]);
    });

    it("are removed when they are old, whoever wrote them, on whatever machine", async () => {
      const own = await temporaryOf(process.pid);
      const elsewhere = join(dir, `${ID}.00000000-${await deadPid()}-0.tmp`);
      writeFileSync(elsewhere, "");
      await files.removeLeftOvers();
      assert.ok(existsSync(elsewhere), "nobody here can know whether its writer lives");
      makeOld(own);
      makeOld(elsewhere);
      await files.removeLeftOvers();
      assert.deepEqual(names(), []);
    });

    it("are removed when a state lost its header or never had one, but not at once", async () => {
      await write();
      rmSync(file(".json"));
      const halfHeader = file(".json.123456");
      writeFileSync(halfHeader, "{");
      await files.removeLeftOvers();
      // Another process may be about to write the header.
      assert.equal(names().length, 2);
      makeOld(file(".state"));
      makeOld(halfHeader);
      await files.removeLeftOvers();
      assert.deepEqual(names(), []);
    });

    it("are all that is removed", async () => {
      await write();
      const others = ["notes.json", "notes.state", "base-1.json", "x.tmp", "0123.state", `${ID}.records`];
      for (const name of others) writeFileSync(join(dir, name), "mine");
      mkdirSync(join(dir, "folder.state"));
      const before = names();
      for (const name of before) if (!name.startsWith(ID)) makeOld(join(dir, name));
      makeOld(file(".state"));
      await files.removeLeftOvers();
      await files.removeSetAside();
      assert.deepEqual(names(), before);
      assert.deepEqual(await files.ids(), [ID]);
      assert.equal(await files.bytes(), statSync(file(".state")).size);
    });
  });

  it("are none in a folder that is missing, or that is a file", async () => {
    writeFileSync(join(folder.path, "file"), "");
    for (const name of ["missing", "file", join("file", "below")]) {
      const none = new SnapshotFiles(join(folder.path, name));
      assert.deepEqual([await none.ids(), await none.infos(), await none.bytes()], [[], [], 0]);
      assert.equal(await none.verify(ID), undefined);
      await none.removeLeftOvers();
    }
  });

  it("are listed past damaged headers", async () => {
    await write();
    writeFileSync(join(dir, `${"0".repeat(24)}.json`), "{");
    mkdirSync(join(dir, `${"1".repeat(24)}.json`));
    const infos = await files.infos();
    assert.deepEqual(
      infos.map(({ id, workspace, kind, tokens, bytes }) => ({ id, workspace, kind, tokens, bytes })),
      [{ id: ID, workspace: "work", kind: "base", tokens: 1234, bytes: STATE.length }],
    );
  });
});

function parsed(bytes: Buffer): string {
  try {
    return JSON.stringify(JSON.parse(bytes.toString()));
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    return "not JSON";
  }
}
