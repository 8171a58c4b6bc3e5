// Tests which snapshot serves a wanted token list, how many are kept, and what is said when one cannot be saved; no model.
import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { SnapshotKind } from "../../../engine/src/api.ts";
import { SnapshotError, type StateIdentity } from "../../../engine/src/snapshotFiles.ts";
import { hashTokens, SNAPSHOTS_KEPT, SnapshotStore } from "../../../engine/src/snapshotStore.ts";
import { temporaryFolder } from "../../model/harness.ts";
import { DAMAGES, FOREIGN, IDENTITY, tokensOf, usedDaysAgo, writing } from "./savedStates.ts";

const TARGET = tokensOf(1000);
const STATE = Buffer.from("the state of a sequence ".repeat(50));

describe("SnapshotStore", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let dir: string;
  let store: SnapshotStore;

  beforeEach(() => {
    folder = temporaryFolder("snapshot-store");
    dir = join(folder.path, "root", "not yet there");
    store = open();
  });

  afterEach(() => folder.remove());

  /** As another process would, or this one after a restart. */
  const open = (quotaBytes = 1e12, reserveBytes = 0) => new SnapshotStore({ dir, quotaBytes }, reserveBytes);

  /** Saves a beginning of the target, or other tokens. */
  async function save(
    tokens: number | readonly number[],
    options: { kind?: SnapshotKind; state?: string | Buffer | number; keep?: string[]; identity?: StateIdentity } = {},
  ): Promise<string> {
    const list = typeof tokens === "number" ? TARGET.slice(0, tokens) : tokens;
    const { kind = "base", state = STATE, keep, identity = IDENTITY } = options;
    const bytes = typeof state === "number" ? state : state.length;
    const saved = await store.save(identity, kind, list, bytes, writing(state), keep);
    assert.equal(saved.bytes, bytes);
    return saved.id;
  }

  const filesOf = (id: string) => ({ header: join(dir, `${id}.json`), state: join(dir, `${id}.state`) });

  /** Length of what is found. */
  async function foundTokens(target: readonly number[] = TARGET, moreThan = 0, identity = IDENTITY): Promise<number> {
    const found = await store.find(identity, target, moreThan);
    assert.notEqual(found.kind, "unusable");
    return found.kind === "found" ? found.tokens : 0;
  }

  async function isUnusable(reason: RegExp): Promise<void> {
    const found = await store.find(IDENTITY, TARGET, 0);
    assert.match(found.kind === "unusable" ? found.reason : found.kind, reason);
    assert.match(found.kind === "unusable" ? found.reason : "", /set aside: .*The files are read again\.$/);
  }

  it("names equal tokens equally, and others otherwise", () => {
    assert.match(hashTokens(TARGET), /^[0-9a-f]{16}$/);
    assert.equal(hashTokens([1, 2, 3]), hashTokens([1, 2, 3]));
    const others = [[], [1], [1, 2, 3, 0], [3, 2, 1], [1, 2, 65_539]].map(hashTokens);
    assert.equal(new Set([hashTokens([1, 2, 3]), ...others]).size, 6);
  });

  describe("finds", () => {
    it("what was saved, whole and nothing else", async () => {
      assert.deepEqual(await store.find(IDENTITY, TARGET, 0), { kind: "none" });
      const id = await save(TARGET);
      const found = await store.find(IDENTITY, TARGET, 0);
      const { state } = filesOf(id);
      assert.deepEqual(found, { kind: "found", id, stateFile: state, tokens: TARGET.length, bytes: STATE.length });
      assert.deepEqual(readFileSync(state), STATE);
      assert.deepEqual(readdirSync(dir).sort(), [`${id}.json`, `${id}.state`]);
    });

    it("the longest beginning of the target, and no other token list", async () => {
      const other = tokensOf(900, 7);
      for (const tokens of [300, 700]) await save(tokens, { kind: "partial" });
      await save(other);
      await save([...TARGET, 1], { kind: "conversation" });
      assert.deepEqual([await foundTokens(), await store.longest(IDENTITY, TARGET)], [700, 700]);
      assert.equal(await foundTokens(other), 900);
      assert.equal(await foundTokens([...TARGET, 1, 2]), 1001);
      assert.equal(await foundTokens(TARGET.slice(0, 699)), 300);
      assert.equal(await foundTokens(TARGET.slice(0, 299)), 0);
      assert.equal(await foundTokens([]), 0);
      // The last token differs.
      assert.equal(await foundTokens([...TARGET.slice(0, 699), 0]), 300);
    });

    it("nothing that is no longer than what there is already", async () => {
      await save(700);
      assert.deepEqual([await foundTokens(TARGET, 699), await foundTokens(TARGET, 700)], [700, 0]);
    });

    for (const [name, change] of FOREIGN) {
      it(`nothing of another ${name}, which stays where it is`, async () => {
        const identity = { ...IDENTITY, ...change };
        const id = await save(700, { identity });
        assert.deepEqual([await foundTokens(), await store.longest(IDENTITY, TARGET)], [0, 0]);
        assert.deepEqual(await store.tidy(), []);
        assert.equal(await store.has(IDENTITY, TARGET.slice(0, 700)), false);
        assert.equal(await foundTokens(TARGET, 0, identity), 700);
        assert.ok(existsSync(filesOf(id).state));
      });
    }

    it("exactly these tokens by their header", async () => {
      await save(700);
      assert.equal(await store.has(IDENTITY, TARGET.slice(0, 700)), true);
      for (const tokens of [TARGET, TARGET.slice(0, 699), tokensOf(700, 7)]) {
        assert.equal(await store.has(IDENTITY, tokens), false);
      }
    });
  });

  for (const damage of DAMAGES) {
    it(`sets ${damage.name} aside, and finds the next best`, async () => {
      await save(300, { kind: "partial" });
      const id = await save(700);
      damage.do(filesOf(id));
      store = open();
      if (damage.in === "header") {
        // Seen by its header: never even a candidate.
        assert.equal(await foundTokens(), 300);
        const [sentence = "", ...more] = await store.tidy();
        assert.deepEqual(more, []);
        assert.match(sentence, new RegExp(`^The saved state ${id} was set aside: Its header is damaged \\(`));
        assert.match(sentence, damage.reason);
      } else {
        assert.deepEqual(await store.tidy(), []);
        await isUnusable(damage.reason);
      }
      assert.equal(await foundTokens(), 300);
      assert.equal(await store.longest(IDENTITY, TARGET), 300);
      assert.deepEqual(await store.tidy(), []);
      assert.ok(existsSync(`${filesOf(id).header}.bad`));
      // What was set aside does not stand in the way of a new one.
      await save(700);
      assert.equal(await foundTokens(), 700);
    });
  }

  it("does not trust again what it could not move away", async () => {
    const id = await save(700);
    const { header, state } = filesOf(id);
    assert.match(
      await store.reject(id, "It holds nonsense"),
      /set aside: It holds nonsense\. The files are read again\.$/,
    );
    // As in a read-only folder, where they stay under their names.
    for (const file of [header, state]) copyFileSync(`${file}.bad`, file);
    assert.deepEqual([await foundTokens(), await store.longest(IDENTITY, TARGET), await store.tidy()], [0, 0, []]);
    await save(700);
    assert.equal(await foundTokens(), 700);
  });

  it("removes what killed processes left when it tidies and when it saves", async () => {
    const id = await save(700);
    const leftOver = join(dir, `${id}.json.12345`);
    for (const work of [() => store.tidy(), () => save(300)]) {
      writeFileSync(leftOver, "half a header");
      utimesSync(leftOver, 0, 0);
      await work();
      assert.ok(!existsSync(leftOver), "a half-written file stays for ever");
    }
  });

  describe("keeps", () => {
    for (const [kind, kept] of Object.entries(SNAPSHOTS_KEPT) as [SnapshotKind, number][]) {
      it(`the ${kept} of kind ${kind} that were used last`, async () => {
        const ids: string[] = [];
        for (let variant = 0; variant <= kept; variant++) {
          // The first is the one that was used last.
          for (const [index, id] of ids.entries()) usedDaysAgo(dir, id, 1 + index);
          ids.push(await save(tokensOf(700, variant), { kind }));
        }
        const left = readdirSync(dir).filter((name) => name.endsWith(".state"));
        const gone = ids[kept - 1]!;
        assert.equal(left.length, kept);
        assert.deepEqual(
          left.sort(),
          ids
            .filter((id) => id !== gone)
            .map((id) => `${id}.state`)
            .sort(),
        );
      });
    }

    it("more of a kind if they must stay, and counts their use", async () => {
      const first = await save(tokensOf(700, 1));
      for (let variant = 2; variant <= 5; variant++) {
        usedDaysAgo(dir, first, 30);
        await save(tokensOf(700, variant), { keep: [first] });
        const { mtimeMs } = statSync(filesOf(first).header);
        assert.ok(Date.now() - mtimeMs < 3_600_000, "what serves looks forgotten to other workspaces");
      }
      assert.ok(existsSync(filesOf(first).state));
      assert.equal(readdirSync(dir).filter((name) => name.endsWith(".state")).length, SNAPSHOTS_KEPT.base + 1);
    });

    it("what others have in the folder", async () => {
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, "notes.json"), '{"mine": true}');
      writeFileSync(join(dir, "notes.txt"), "mine");
      for (let variant = 0; variant < 6; variant++) await save(tokensOf(700, variant));
      assert.ok(existsSync(join(dir, "notes.json")) && existsSync(join(dir, "notes.txt")));
    });
  });

  describe("cannot save", () => {
    const failures: [code: string, sentence: string][] = [
      ["ENOSPC", "the disk is full"],
      ["EDQUOT", "the disk quota is used up"],
      ["EFBIG", "the file would be too large for this disk"],
      ["EROFS", "the disk is read-only"],
      ["EACCES", "writing there is not allowed"],
      ["EPERM", "writing there is not allowed"],
    ];
    for (const [code, sentence] of failures) {
      it(`after ${code}: ${sentence}; what was there stays`, async () => {
        await save(700, { state: "older" });
        const error = Object.assign(new Error(`${code}: write`), { code });
        const failing = async (file: string) => {
          writeFileSync(file, "half");
          throw error;
        };
        const saving = store.save(IDENTITY, "base", TARGET.slice(0, 700), 5, failing);
        await assert.rejects(saving, (thrown: SnapshotError) => {
          assert.ok(thrown instanceof SnapshotError);
          assert.deepEqual([thrown.message, thrown.cause], [sentence, error]);
          return true;
        });
        assert.equal(await foundTokens(), 700);
        assert.equal(readdirSync(dir).length, 2);
      });
    }

    it("for a reason of the runtime's, which is passed on", async () => {
      const error = new Error("device lost");
      const saving = store.save(IDENTITY, "base", TARGET, 5, () => Promise.reject(error));
      await assert.rejects(saving, (thrown) => thrown === error);
      assert.deepEqual(readdirSync(dir), []);
    });

    it("without room in the quota or on the disk, and does not begin to write", async () => {
      let written = 0;
      const write = async () => {
        written += 1;
      };
      await assert.rejects(open(999).save(IDENTITY, "base", TARGET, 1000, write), SnapshotError);
      await assert.rejects(
        open(1e12, 1e18).save(IDENTITY, "base", TARGET, 1000, write),
        /of the disk are kept free, but only .* are free/,
      );
      assert.equal(written, 0);
    });

    it("more than the quota: the least used of another workspace goes first", async () => {
      const other = new SnapshotStore({ dir: join(folder.path, "root", "other"), quotaBytes: 2500 }, 0);
      const { id: old } = await other.save(IDENTITY, "base", tokensOf(5, 1), 1000, writing(1000));
      usedDaysAgo(other.dir, old, 3);
      store = open(2500);
      const kept = await save(700, { state: 1000 });
      const id = await save(800, { state: 1000 });
      assert.deepEqual(readdirSync(other.dir), []);
      assert.deepEqual(
        [kept, id].map((one) => existsSync(filesOf(one).state)),
        [true, true],
      );
    });
  });

  it("in a folder that is a file finds nothing, and fails to save with the reason", async () => {
    mkdirSync(join(folder.path, "root"));
    writeFileSync(dir, "");
    assert.deepEqual([await foundTokens(), await store.longest(IDENTITY, TARGET), await store.tidy()], [0, 0, []]);
    assert.equal(await store.has(IDENTITY, TARGET), false);
    await assert.rejects(save(TARGET), /EEXIST|ENOTDIR/);
    dir = join(dir, "below");
    store = open();
    await assert.rejects(save(TARGET), /EEXIST|ENOTDIR/);
  });
});
