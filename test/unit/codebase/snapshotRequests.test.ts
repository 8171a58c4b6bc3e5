// Tests that only ids of listed snapshots reach the engine, and what clients see of them.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection } from "vscode-languageserver/node";
import { CancellationToken, ResponseError } from "vscode-languageserver/node";
import type { SnapshotInfo } from "../../../engine/src/api.ts";
import { registerSnapshotRequests } from "../../../server/src/codebase/snapshotRequests.ts";
import { FathomErrorCodes } from "../../../server/src/protocol/errors.ts";

const [A, B, C] = ["abcd1111", "abcd2222", "ffff0000"] as const;

function requestsWith(ids: readonly string[] = [A, B, C], snapshotDir = "/data/snapshots/mine") {
  const removed: (string[] | undefined)[] = [];
  const roots = new Set<string>();
  const handlers = new Map<string, (params: unknown, token: CancellationToken) => Promise<unknown>>();
  const connection = {
    onRequest: (type: { method: string }, handler: never) => void handlers.set(type.method, handler),
    console: { error: () => {} },
  };
  let infos = ids.map((id, index) => infoOf(id, index === 0 ? "mine" : "other"));
  registerSnapshotRequests(connection as unknown as Connection, {
    engine: {
      listSnapshots: async (root) => {
        roots.add(root);
        return infos;
      },
      verifySnapshots: async () => infos.map((info) => ({ ...info, problem: "torn" })),
      removeSnapshots: async (_root, wanted) => {
        removed.push(wanted);
        const gone = infos.filter(({ id }) => wanted === undefined || wanted.includes(id));
        infos = infos.filter((info) => !gone.includes(info));
        return gone;
      },
    },
    snapshotDir,
  });
  const ask = (method: string, params: unknown) => handlers.get(`fathom/${method}`)!(params, CancellationToken.None);
  return { ask, removed, roots };
}

describe("requests about snapshots", () => {
  it("list those of all workspaces, without the engine's own fields", async () => {
    const { ask, roots } = requestsWith();
    const found = (await ask("listSnapshots", null)) as { id: string; ofThisWorkspace: boolean }[];
    assert.deepEqual(
      found.map(({ id, ofThisWorkspace }) => [id, ofThisWorkspace]),
      [
        [A, true],
        [B, false],
        [C, false],
      ],
    );
    assert.ok(found.every((each) => !("layoutHash" in each)));
    assert.deepEqual([...roots], ["/data/snapshots"]);
  });

  it("name what is wrong with a damaged one", async () => {
    const [first] = (await requestsWith().ask("verifySnapshots", null)) as { problem: string }[];
    assert.equal(first!.problem, "torn");
  });

  for (const [what, ids, expected] of [
    ["all", "all", undefined],
    ["one by its id", [A], [A]],
    ["several by beginnings", ["abcd1", "ffff"], [A, C]],
    ["one that is named twice", [A, "abcd1"], [A]],
  ] as const) {
    it(`remove ${what}`, async () => {
      const { ask, removed } = requestsWith();
      await ask("removeSnapshots", { ids });
      assert.deepEqual(removed, [expected]);
    });
  }

  for (const [what, ids, left] of [
    ["all states", "all", []],
    ["the last state of one workspace", [A], ["other", "third"]],
    ["one of several states", [B], ["mine", "other", "third"]],
  ] as const) {
    it(`remove the texts of the code with ${what}`, async () => {
      const root = mkdtempSync(join(tmpdir(), "fathom-snapshots-"));
      try {
        for (const name of ["mine", "other", "third"]) {
          mkdirSync(join(root, name));
          writeFileSync(join(root, name, "0123456789abcdef.base.json.gz"), "");
        }
        await requestsWith([A, B, C], join(root, "mine")).ask("removeSnapshots", { ids });
        const kept = readdirSync(root).filter((name) => readdirSync(join(root, name)).length > 0);
        assert.deepEqual(kept.sort(), left);
      } finally {
        rmSync(root, { recursive: true });
      }
    });
  }

  it("remove the one whose whole id is the beginning of another", async () => {
    const { ask, removed } = requestsWith(["abcd", "abcd1111"]);
    await ask("removeSnapshots", { ids: ["abcd"] });
    assert.deepEqual(removed, [["abcd"]]);
  });

  const wrong: [ids: unknown, reason: RegExp][] = [
    [[], /^Name the snapshots/],
    [undefined, /^Name the snapshots/],
    ["everything", /^Name the snapshots/],
    [[1], /^Name the snapshots/],
    [{ 0: A, length: 1 }, /^Name the snapshots/],
    [[""], /too short/],
    [["abc"], /too short/],
    [["abcd"], /beginning of 2 snapshots/],
    [["0000"], /no snapshot “0000”/],
    [["../../../etc"], /no snapshot/],
    [[`${A}/../x`], /no snapshot/],
    [[A, "gone"], /no snapshot “gone”/],
  ];
  for (const [ids, reason] of wrong) {
    it(`remove nothing for ${JSON.stringify(ids)}`, async () => {
      const { ask, removed } = requestsWith();
      const answer = await ask("removeSnapshots", { ids });
      assert.ok(answer instanceof ResponseError);
      assert.equal(answer.code, FathomErrorCodes.badRequest);
      assert.match(answer.message, reason);
      assert.match(answer.message, /Nothing was removed\.$/);
      assert.deepEqual(removed, []);
    });
  }
});

function infoOf(id: string, workspace: string): SnapshotInfo {
  const times = { createdAt: "2026-01-01", usedAt: "2026-01-02" };
  return { id, workspace, kind: "base", ...times, tokens: 5, bytes: 9, modelHash: "m", layoutHash: "l", kvType: "f16" };
}
