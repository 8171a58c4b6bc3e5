// Tests listing, removing and verifying the snapshots of all workspaces, also while another process uses them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { SnapshotKind } from "../../../engine/src/api.ts";
import { listSnapshots, removeSnapshots, SnapshotStore, verifySnapshots } from "../../../engine/src/snapshotStore.ts";
import { temporaryFolder } from "../../model/harness.ts";
import { DAMAGES, IDENTITY, idOf, rewriteHeader, tokensOf, writing } from "./savedStates.ts";

const STORE = new URL("../../../engine/src/snapshotStore.ts", import.meta.url).href;

/** Verifies the folder over and over until its input ends; prints how often it saw a snapshot, and every problem. */
const VERIFIER = `
  import { verifySnapshots } from ${JSON.stringify(STORE)};
  let ended = false;
  process.stdin.on("end", () => { ended = true; }).resume();
  let seen = 0;
  const problems = [];
  process.stderr.write("ready");
  while (!ended) {
    for (const { problem } of await verifySnapshots(process.argv[1])) {
      seen += 1;
      if (problem !== undefined) problems.push(problem);
    }
    await new Promise(setImmediate);
  }
  console.log(JSON.stringify({ seen, problems }));
`;

describe("snapshots of all workspaces", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let root: string;

  beforeEach(() => {
    folder = temporaryFolder("snapshots-of-all");
    root = join(folder.path, "root");
  });

  afterEach(() => folder.remove());

  /** @param day Of its creation: the greater, the newer. */
  async function save(workspace: string, tokens: readonly number[], day: number, kind: SnapshotKind = "base") {
    const store = new SnapshotStore({ dir: join(root, workspace), quotaBytes: 1e12 }, 0);
    const { id } = await store.save(IDENTITY, kind, tokens, 100, writing(100));
    rewriteHeader(join(root, workspace, `${id}.json`), { createdAt: `2026-01-${10 + day}T00:00:00.000Z` });
    return id;
  }

  const ids = (infos: readonly { id: string }[]) => infos.map(({ id }) => id);
  const names = (workspace: string) => readdirSync(join(root, workspace)).sort();

  it("are listed newest first, with their workspace", async () => {
    assert.deepEqual(await listSnapshots(root), []);
    const old = await save("one", tokensOf(10, 1), 1);
    const newest = await save("two", tokensOf(20, 2), 3, "conversation");
    const middle = await save("one", tokensOf(30, 3), 2, "partial");
    const infos = await listSnapshots(root);
    assert.deepEqual(
      infos.map(({ id, workspace, kind, tokens, bytes }) => [id, workspace, kind, tokens, bytes]),
      [
        [newest, "two", "conversation", 20, 100],
        [middle, "one", "partial", 30, 100],
        [old, "one", "base", 10, 100],
      ],
    );
  });

  it("are listed without what is damaged and what is something else", async () => {
    const id = await save("one", tokensOf(10), 1);
    writeFileSync(join(root, "one", `${"0".repeat(24)}.json`), "{");
    writeFileSync(join(root, "one", "base.json"), "{}");
    writeFileSync(join(root, "file"), "");
    mkdirSync(join(root, "empty"));
    assert.deepEqual(ids(await listSnapshots(root)), [id]);
  });

  it("are removed by their ids, and no others", async () => {
    const [one, two, three] = [
      await save("one", tokensOf(10, 1), 1),
      await save("two", tokensOf(10, 2), 2),
      await save("two", tokensOf(10, 3), 3),
    ];
    const removed = await removeSnapshots(root, [one, three, idOf(tokensOf(10, 4)), "../two"]);
    assert.deepEqual(ids(removed), [three, one]);
    assert.deepEqual(ids(await listSnapshots(root)), [two]);
    assert.deepEqual(names("one"), []);
    assert.deepEqual(await removeSnapshots(root, []), []);
    assert.deepEqual(names("two").length, 2);
  });

  it("are all removed, with what is damaged or was set aside, and nothing else", async () => {
    const id = await save("one", tokensOf(10, 1), 1);
    const damaged = await save("two", tokensOf(10, 2), 2);
    writeFileSync(join(root, "two", `${damaged}.json`), "{");
    const aside = await save("one", tokensOf(10, 3), 3);
    await new SnapshotStore({ dir: join(root, "one"), quotaBytes: 1 }).reject(aside, "a test");
    writeFileSync(join(root, "one", "base.json"), "{}");
    assert.deepEqual(ids(await removeSnapshots(root)), [id]);
    assert.deepEqual([names("one"), names("two")], [["base.json"], []]);
    assert.deepEqual(await removeSnapshots(join(root, "missing")), []);
  });

  it("that cannot be removed are named with the reason", async () => {
    const id = await save("one", tokensOf(10, 1), 1);
    rmSync(join(root, "one", `${id}.state`));
    mkdirSync(join(root, "one", `${id}.state`));
    const reason = /^Error: The saved states in .*one could not all be removed: .+\.$/;
    await assert.rejects(removeSnapshots(root, [id]), reason);
  });

  it("are verified to the last byte, wherever they lie", async () => {
    const sound = [await save("one", tokensOf(10, 1), 1), await save("two", tokensOf(10, 2), 2)];
    const checks = await verifySnapshots(root);
    assert.deepEqual(
      checks.map(({ id, workspace, problem }) => [id, workspace, problem]),
      [
        [sound[1], "two", undefined],
        [sound[0], "one", undefined],
      ],
    );
    assert.deepEqual(await verifySnapshots(join(root, "missing")), []);
  });

  for (const damage of DAMAGES) {
    it(`name one with ${damage.name} when they are verified, and set it aside`, async () => {
      const sound = await save("one", tokensOf(10, 1), 1);
      const id = await save("two", tokensOf(10, 2), 2);
      const file = (ending: string) => join(root, "two", id + ending);
      damage.do({ header: file(".json"), state: file(".state") });
      const checks = await verifySnapshots(root);
      assert.deepEqual(new Set(ids(checks)), new Set([sound, id]));
      const bad = checks.find((check) => check.id === id)!;
      assert.equal(bad.workspace, "two");
      assert.match(bad.problem ?? "", damage.reason);
      assert.equal(checks.find((check) => check.id === sound)!.problem, undefined);
      assert.ok(
        names("two").every((name) => name.endsWith(".bad")),
        names("two").join(),
      );
      assert.deepEqual(ids(await verifySnapshots(root)), [sound]);
    });
  }

  it("stay sound in the eyes of a process that verifies them while this one saves and removes them", async () => {
    mkdirSync(root);
    const child = spawn(process.execPath, ["--input-type=module", "--eval", VERIFIER, root]);
    const printed = text(child.stdout);
    const exited = once(child, "exit");
    await once(child.stderr, "data");
    const store = new SnapshotStore({ dir: join(root, "one"), quotaBytes: 1e12 }, 0);
    for (let round = 0; round < 60; round++) {
      const tokens = tokensOf(10, round % 3);
      await store.save(IDENTITY, "base", tokens, 1 << 20, writing((1 << 20) + round));
      if (round % 2 === 0) await store.remove(idOf(tokensOf(10, (round + 1) % 3)));
    }
    child.stdin.end();
    await exited;
    const { seen, problems } = JSON.parse(await printed) as { seen: number; problems: string[] };
    assert.deepEqual(problems, []);
    assert.ok(seen > 0, "nothing was verified");
    assert.deepEqual(
      names("one").filter((name) => name.endsWith(".bad")),
      [],
    );
  });
});
