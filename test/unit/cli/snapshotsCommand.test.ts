// Tests of the table of snapshots: short ids that stay different, marks, ages, and headers that say nothing.
import assert from "node:assert/strict";
import { tableLines } from "../../../server/src/cli/snapshotsCommand.ts";
import type { Snapshot } from "../../../server/src/protocol/messages.ts";

const NOW = Date.parse("2026-03-10T12:00:00Z");
const SNAPSHOT: Snapshot = {
  id: "1a93fc04fda9acb50aad06ac",
  workspace: "81c518f10782bb2d",
  ofThisWorkspace: true,
  kind: "base",
  createdAt: "2026-03-08T11:00:00Z",
  usedAt: "2026-03-10T11:58:00Z",
  tokens: 48_833,
  bytes: 51_489_292,
  modelHash: "0123456789abcdef",
  kvType: "f16",
};

function check(found: Partial<Snapshot>[], expected: string[]) {
  const lines = tableLines(
    found.map((each) => ({ ...SNAPSHOT, ...each })),
    NOW,
  );
  assert.deepEqual(lines, expected);
}

describe("table of snapshots", () => {
  it("marks those of this workspace", () => {
    check(
      [
        {},
        { id: "ffff0000ffff0000ffff0000", workspace: "0000", ofThisWorkspace: false, kind: "conversation", tokens: 9 },
      ],
      [
        "   id        workspace  kind          tokens    size     age  last use",
        "*  1a93fc04  81c518f1   base          48,833  49 MiB  2 days     2 min",
        "   ffff0000  0000       conversation       9  49 MiB  2 days     2 min",
      ],
    );
  });

  it("shows as much of the ids as tells them apart", () => {
    check(
      [{}, { id: "1a93fc04fdb" }],
      [
        "   id           workspace  kind  tokens    size     age  last use",
        "*  1a93fc04fda  81c518f1   base  48,833  49 MiB  2 days     2 min",
        "*  1a93fc04fdb  81c518f1   base  48,833  49 MiB  2 days     2 min",
      ],
    );
  });

  it("knows that the same state may lie in two workspaces", () => {
    check(
      [{}, { workspace: "ffff", ofThisWorkspace: false }],
      [
        "   id        workspace  kind  tokens    size     age  last use",
        "*  1a93fc04  81c518f1   base  48,833  49 MiB  2 days     2 min",
        "   1a93fc04  ffff       base  48,833  49 MiB  2 days     2 min",
      ],
    );
  });

  it("shows a name that would do harm and dates that are none", () => {
    check(
      [{ id: "\u001b[2J", createdAt: "", usedAt: "x", bytes: 0, tokens: 0 }],
      [
        "   id    workspace  kind  tokens     size  age  last use",
        "*  \uFFFD[2J  81c518f1   base       0  0 bytes    –         –",
      ],
    );
  });
});
