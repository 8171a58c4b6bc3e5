// Tests which snapshots of all workspaces go when another one needs room, and that none goes when there cannot be enough.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { SnapshotKind } from "../../../engine/src/api.ts";
import { SnapshotFiles } from "../../../engine/src/snapshotFiles.ts";
import { foldersOf, makeRoom, type RoomWanted } from "../../../engine/src/snapshotQuota.ts";
import { temporaryFolder } from "../../model/harness.ts";
import { DAMAGES, idOf, tokensOf, unsigned, usedDaysAgo, writing } from "./savedStates.ts";

/** Each snapshot of these tests has so many bytes unless it says otherwise. */
const BYTES = 1000;

interface Existing {
  workspace: string;
  kind: SnapshotKind;
  daysAgo: number;
  bytes?: number;
}

describe("room for snapshots", () => {
  let folder: ReturnType<typeof temporaryFolder>;

  beforeEach(() => {
    folder = temporaryFolder("snapshot-quota");
    mkdirSync(dirOf("here"));
  });

  afterEach(() => folder.remove());

  const dirOf = (workspace: string) => join(folder.path, workspace);

  /** @returns Their ids, in the same order. */
  async function writeAll(snapshots: readonly Existing[]): Promise<string[]> {
    const ids: string[] = [];
    for (const [variant, { workspace, kind, daysAgo, bytes = BYTES }] of snapshots.entries()) {
      const tokens = tokensOf(5, variant);
      mkdirSync(dirOf(workspace), { recursive: true });
      await new SnapshotFiles(dirOf(workspace)).write(unsigned(tokens, kind), writing(bytes));
      usedDaysAgo(dirOf(workspace), idOf(tokens), daysAgo);
      ids.push(idOf(tokens));
    }
    return ids;
  }

  const wanted = (changes: Partial<RoomWanted> = {}): RoomWanted => ({
    id: idOf(tokensOf(9, 99)),
    dir: dirOf("here"),
    bytes: BYTES,
    keep: [],
    quotaBytes: 3 * BYTES,
    reserveBytes: 0,
    ...changes,
  });

  const states = () =>
    readdirSync(folder.path, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".state"));

  /** Numbers of the snapshots that are still there. */
  function left(ids: readonly string[]): number[] {
    const there = states().join();
    return ids.flatMap((id, index) => (there.includes(id) ? index : []));
  }

  it("is there up to the last byte of the quota", async () => {
    const ids = await writeAll([
      { workspace: "here", kind: "base", daysAgo: 0 },
      { workspace: "there", kind: "base", daysAgo: 0 },
    ]);
    await makeRoom(wanted());
    assert.deepEqual(left(ids), [0, 1]);
    await makeRoom(wanted({ bytes: BYTES + 1 }));
    assert.equal(left(ids).length, 1);
  });

  const oldestFirst: [name: string, snapshots: Existing[], first: number][] = [
    [
      "the least recently used of all workspaces",
      [
        { workspace: "here", kind: "base", daysAgo: 2.5 },
        { workspace: "there", kind: "base", daysAgo: 4.5 },
        { workspace: "elsewhere", kind: "base", daysAgo: 3.5 },
      ],
      1,
    ],
    [
      "of the same day, what came after a base before any base",
      [
        { workspace: "here", kind: "base", daysAgo: 0.9 },
        { workspace: "there", kind: "conversation", daysAgo: 0.1 },
        { workspace: "here", kind: "base", daysAgo: 0.5 },
      ],
      1,
    ],
    [
      "of the same day, a half-read base before any base",
      [
        { workspace: "here", kind: "base", daysAgo: 0.9 },
        { workspace: "there", kind: "partial", daysAgo: 0.1 },
        { workspace: "here", kind: "base", daysAgo: 0.5 },
      ],
      1,
    ],
    [
      "a base of another day before a conversation of today",
      [
        { workspace: "here", kind: "conversation", daysAgo: 0.5 },
        { workspace: "there", kind: "base", daysAgo: 1.5 },
        { workspace: "here", kind: "base", daysAgo: 0.1 },
      ],
      1,
    ],
    [
      "of two conversations of today, the one used earlier",
      [
        { workspace: "here", kind: "conversation", daysAgo: 0.2 },
        { workspace: "there", kind: "base", daysAgo: 0.5 },
        { workspace: "here", kind: "conversation", daysAgo: 0.4 },
      ],
      2,
    ],
  ];
  for (const [name, snapshots, first] of oldestFirst) {
    it(`is made by removing ${name}`, async () => {
      const ids = await writeAll(snapshots);
      await makeRoom(wanted());
      assert.deepEqual(
        left(ids),
        [0, 1, 2].filter((index) => index !== first),
      );
    });
  }

  it("is made in order of worth, and by no more than needed", async () => {
    const ids = await writeAll([
      { workspace: "here", kind: "base", daysAgo: 0.5 },
      { workspace: "there", kind: "conversation", daysAgo: 0.4 },
      { workspace: "there", kind: "base", daysAgo: 8.5 },
      { workspace: "here", kind: "partial", daysAgo: 0.6 },
    ]);
    const worthLeastFirst = [2, 3, 1, 0];
    for (let removed = 0; removed <= 4; removed++) {
      await makeRoom(wanted({ quotaBytes: 5 * BYTES - removed * BYTES }));
      assert.deepEqual(left(ids), worthLeastFirst.slice(removed).sort());
    }
  });

  it("is not made of what must stay", async () => {
    const ids = await writeAll([
      { workspace: "here", kind: "base", daysAgo: 9 },
      { workspace: "there", kind: "conversation", daysAgo: 5 },
      { workspace: "there", kind: "base", daysAgo: 1 },
    ]);
    await makeRoom(wanted({ keep: [ids[0]!, ids[1]!] }));
    assert.deepEqual(left(ids), [0, 1]);
  });

  it("is made of left-overs and what was set aside before any snapshot", async () => {
    const ids = await writeAll([
      { workspace: "here", kind: "base", daysAgo: 1 },
      { workspace: "there", kind: "base", daysAgo: 1 },
      { workspace: "there", kind: "base", daysAgo: 0 },
    ]);
    await new SnapshotFiles(dirOf("there")).setAside(ids[2]!, "damaged");
    await makeRoom(wanted());
    assert.deepEqual(left(ids), [0, 1]);
    assert.deepEqual(
      readdirSync(dirOf("there")).filter((name) => name.endsWith(".bad")),
      [],
    );
  });

  it("is made of what nobody can read before any snapshot, also in workspaces that are never read again", async () => {
    for (const damage of DAMAGES.filter((one) => one.in === "header")) {
      const ids = await writeAll([
        { workspace: "here", kind: "base", daysAgo: 9 },
        { workspace: "there", kind: "base", daysAgo: 1 },
        { workspace: "there", kind: "base", daysAgo: 9 },
      ]);
      damage.do({ header: join(dirOf("there"), `${ids[1]}.json`), state: "" });
      await makeRoom(wanted());
      assert.deepEqual(left(ids), [0, 2], damage.name);
      folder.remove();
      mkdirSync(dirOf("here"), { recursive: true });
    }
  });

  it("counts what lies on the disk, not what a header says", async () => {
    const three: Existing[] = [
      { workspace: "here", kind: "base", daysAgo: 3 },
      { workspace: "there", kind: "base", daysAgo: 2 },
      { workspace: "there", kind: "base", daysAgo: 1 },
    ];
    // The first was cut off: neither removing nor replacing it gives what its header says.
    for (const [isReplaced, expected] of [
      [false, [2]],
      [true, [0, 2]],
    ] as const) {
      const ids = await writeAll(three);
      truncateSync(join(dirOf("here"), `${ids[0]}.state`), 10);
      await makeRoom(wanted({ bytes: 1.5 * BYTES, ...(isReplaced && { id: ids[0] }) }));
      assert.deepEqual(left(ids), expected);
    }
  });

  it("leaves what was set aside where there is room for it", async () => {
    const ids = await writeAll([{ workspace: "here", kind: "base", daysAgo: 1 }]);
    await new SnapshotFiles(dirOf("here")).setAside(ids[0]!, "damaged");
    await makeRoom(wanted({ quotaBytes: 10 * BYTES }));
    assert.ok(existsSync(join(dirOf("here"), `${ids[0]}.state.bad`)));
  });

  it("counts half-written states of others, which are not touched", async () => {
    const ids = await writeAll([{ workspace: "there", kind: "base", daysAgo: 1 }]);
    await new SnapshotFiles(dirOf("there")).write(unsigned(tokensOf(8)), async (temporary) => {
      writeFileSync(temporary, Buffer.alloc(2 * BYTES));
      await makeRoom(wanted());
      assert.ok(existsSync(temporary));
    });
    assert.deepEqual(left(ids), []);
  });

  it("does not count the older self of what will be written", async () => {
    const ids = await writeAll([
      { workspace: "here", kind: "base", daysAgo: 1 },
      { workspace: "here", kind: "conversation", daysAgo: 1 },
      { workspace: "here", kind: "base", daysAgo: 1 },
    ]);
    await makeRoom(wanted({ id: ids[1]! }));
    assert.deepEqual(left(ids), [0, 1, 2]);
    await makeRoom(wanted({ id: ids[1]!, bytes: 2 * BYTES }));
    // It goes only when the new one is there.
    assert.equal(left(ids).length, 2);
    assert.ok(left(ids).includes(1));
  });

  describe("that cannot be", () => {
    const three: Existing[] = [
      { workspace: "here", kind: "base", daysAgo: 1 },
      { workspace: "there", kind: "conversation", daysAgo: 1 },
      { workspace: "there", kind: "base", daysAgo: 1 },
    ];

    it("in the quota costs no snapshot, and says both figures", async () => {
      const ids = await writeAll(three);
      const reason = { message: "it takes 0.0 MB, the limit for all saved states is 0.0 MB" };
      await assert.rejects(makeRoom(wanted({ bytes: 3 * BYTES + 1 })), reason);
      assert.deepEqual(left(ids), [0, 1, 2]);
      const large = wanted({ bytes: 21e9, quotaBytes: 20e9 });
      await assert.rejects(makeRoom(large), /it takes 21\.0 GB, the limit for all saved states is 20\.0 GB/);
    });

    it("beside what must stay costs no snapshot", async () => {
      const ids = await writeAll(three);
      await assert.rejects(makeRoom(wanted({ bytes: 2 * BYTES, keep: [ids[0]!, ids[2]!] })), /the limit for all/);
      assert.deepEqual(left(ids), [0, 1, 2]);
    });

    it("on the disk costs no snapshot, and says what it takes, what stays free and what is free", async () => {
      const ids = await writeAll(three);
      const { bavail, bsize } = statfsSync(folder.path);
      const reserveBytes = bavail * bsize + 1e9;
      const more = wanted({ bytes: 4.7e6, quotaBytes: Number.MAX_SAFE_INTEGER, reserveBytes });
      const reason =
        /^Error: it takes 4\.7 MB and (\d+\.\d) GB of the disk are kept free, but only \d+\.\d [GM]B are free$/;
      await assert.rejects(makeRoom(more), (error) => {
        const kept = Number(reason.exec(String(error))?.[1]);
        return Math.abs(kept * 1e9 - reserveBytes) < 1e8;
      });
      assert.deepEqual(left(ids), [0, 1, 2]);
    });
  });

  it("looks into folders only, and a missing root has none", async () => {
    await writeAll([{ workspace: "there", kind: "base", daysAgo: 0 }]);
    writeFileSync(join(folder.path, "file.json"), "");
    assert.deepEqual((await foldersOf(folder.path)).map(({ dir }) => dir).sort(), [dirOf("here"), dirOf("there")]);
    assert.deepEqual(await foldersOf(dirOf("missing")), []);
  });

  it("keeps the quota with whatever lies there, or takes nothing", async () => {
    const existing = fc.record({
      workspace: fc.constantFrom("here", "there", "elsewhere"),
      kind: fc.constantFrom<SnapshotKind>("base", "partial", "conversation"),
      daysAgo: fc.integer({ min: 0, max: 40 }).map((quarters) => quarters / 4 + 0.01),
      bytes: fc.integer({ min: 1, max: 4000 }),
    });
    const room = fc.record({ bytes: fc.nat(5000), quotaBytes: fc.nat(12_000), pinned: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(existing, { maxLength: 6 }), room, async (snapshots, { bytes, quotaBytes, pinned }) => {
        folder.remove();
        mkdirSync(dirOf("here"), { recursive: true });
        const ids = await writeAll(snapshots);
        const keep = ids.slice(0, pinned);
        const sizes = (indexes: readonly number[]) => indexes.reduce((sum, index) => sum + snapshots[index]!.bytes, 0);
        const all = [...ids.keys()];
        const possible = sizes(all.slice(0, pinned)) + bytes <= quotaBytes;
        const made = await makeRoom(wanted({ bytes, quotaBytes, keep })).then(
          () => true,
          () => false,
        );
        assert.equal(made, possible);
        if (!made) assert.deepEqual(left(ids), all);
        else assert.ok(sizes(left(ids)) + bytes <= quotaBytes);
        assert.ok(keep.every((id) => left(ids).includes(ids.indexOf(id))));
      }),
      { numRuns: 60 },
    );
  });
});
