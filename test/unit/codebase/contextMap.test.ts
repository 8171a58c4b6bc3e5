// Tests that the context map has every file once, with sums that agree, and that nothing that fails hides it.
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import type { SnapshotInfo } from "../../../engine/src/api.ts";
import { type ContextMapOptions, contextMap } from "../../../server/src/codebase/contextMap.ts";
import type { OverlayEntry } from "../../../server/src/codebase/overlay.ts";
import { NOTHING_READ } from "../../../server/src/codebase/readingTexts.ts";
import type { BaseFile, LeftOut, WorkspaceFile, WorkspaceFolder } from "../../../server/src/codebase/workspaceFile.ts";
import type { ReaderView } from "../../../server/src/codebase/workspaceReader.ts";
import { placeIn, rootsOf } from "../../../server/src/codebase/workspaceRoots.ts";
import type { ContextMap, ContextMapFile } from "../../../server/src/protocol/messages.ts";
import { DEFAULT_SETTINGS } from "../../../server/src/protocol/settings.ts";
import { fileUri } from "../../../server/src/uris.ts";
import { listed, withTree } from "./tempTree.ts";

const INFO = { contextTokens: 10_000, kvType: "f16", kvBytesPerToken: { f16: 100, q8_0: 50 }, gpu: "CPU" };
const HELD = { baseTokens: 70, stateTokens: 90, checkpoints: 3, checkpointBytes: 30, tokensPerSecond: 500 };

interface World {
  view?: Partial<ReaderView>;
  files?: WorkspaceFile[];
  options?: Partial<ContextMapOptions>;
}

function mapOf({ view, files = [], options }: World): Promise<ContextMap> {
  const nothing = { files: [], leftOut: [], frontTokens: 0, budget: undefined, overlay: [] };
  return contextMap({
    engine: { longContext: async () => HELD, listSnapshots: async () => [] },
    session: { active: { info: INFO }, assertTrusted: () => {} } as unknown as ContextMapOptions["session"],
    settings: { current: DEFAULT_SETTINGS },
    status: { current: { state: "ready", message: "", engineRestarts: 0 } },
    workspace: workspaceOf([{ name: "repo", path: "/repo" }], files),
    reader: { view: async () => ({ ...nothing, ...view }) },
    speeds: { of: async () => 123 },
    snapshotDir: "/data/snapshots/mine",
    ...options,
  });
}

describe("context map", () => {
  it("has the files of the base with their forms, reasons and places", async () => {
    const files = [base("a.ts", "whole", 10), base("b.ts", "outline", 4), base("c.ts", "path", 99)];
    const map = await mapOf({ view: { files, frontTokens: 7 }, files: files.map(({ path }) => listed(path, 1)) });
    assert.deepEqual(
      map.files,
      files.map(({ path, form, tokens, reason }) => ({ path, uri: fileUri(`/repo/${path}`), form, tokens, reason })),
    );
    const { wholeTokens, outlineTokens, frontTokens, baseTokens, overlayTokens, roomTokens, windowTokens } = map.totals;
    assert.deepEqual(
      { wholeTokens, outlineTokens, frontTokens, baseTokens, overlayTokens, roomTokens, windowTokens },
      {
        wholeTokens: 10,
        outlineTokens: 4,
        frontTokens: 7,
        baseTokens: 21,
        overlayTokens: 0,
        roomTokens: 9979,
        windowTokens: 10_000,
      },
    );
  });

  it("says of files that the reading has not come to yet that they are not there yet", async () => {
    const files = [
      base("a.ts", "whole", 40),
      base("b.ts", "whole", 40),
      base("c.ts", "outline", 4),
      base("d.ts", "path", 9),
    ];
    const { files: stopped } = await mapOf({ view: { files } });
    assert.match(stopped[1]!.reason, /^planned, but not read$/);
    const reading = {
      ...NOTHING_READ,
      purpose: "base" as const,
      phase: "prefill" as const,
      doneFiles: 1,
      totalFiles: 3,
    };
    const status = { current: { state: "reading" as const, message: "", engineRestarts: 0, reading } };
    const { files: shown } = await mapOf({ view: { files }, options: { status } });
    assert.deepEqual(
      shown.map(({ path, reason }) => [path, /^planned; the reading has not come/.test(reason)]),
      [
        ["a.ts", false],
        ["b.ts", true],
        ["c.ts", true],
        ["d.ts", false],
      ],
    );
  });

  it("shows changed files as overlay, with the old text that stays in the base", async () => {
    const files = ["whole.ts", "hunks.ts", "gone.ts", "old.ts"].map((path) => base(path, "whole", 100));
    const overlay = [
      entry("whole.ts", "whole", 5),
      entry("hunks.ts", "hunks", 4),
      entry("gone.ts", "deleted", 3),
      entry("new.ts", "new", 2),
      { ...entry("renamed.ts", "renamed", 1), from: "old.ts" },
      entry("path.ts", "whole", 6),
    ];
    const now = ["whole.ts", "hunks.ts", "new.ts", "renamed.ts", "path.ts"].map((path) => listed(path, 1));
    const map = await mapOf({ view: { files: [...files, base("path.ts", "path", 900)], overlay }, files: now });
    const shown = new Map(map.files.map(({ path, form, tokens, uri }) => [path, [form, tokens, uri !== undefined]]));
    assert.deepEqual(Object.fromEntries(shown), {
      "whole.ts": ["overlay", 105, true],
      "hunks.ts": ["overlay", 104, true],
      "gone.ts": ["overlay", 103, false],
      "old.ts": ["overlay", 100, false],
      "path.ts": ["overlay", 6, true],
      "new.ts": ["overlay", 2, true],
      "renamed.ts": ["overlay", 1, true],
    });
    assert.equal(map.totals.overlayTokens, 21);
    const reason = (path: string) => map.files.find((file) => file.path === path)!.reason;
    assert.match(reason("old.ts"), /^renamed to renamed\.ts since it was read/);
    assert.match(reason("renamed.ts"), /^renamed from old\.ts since it was read/);
  });

  it("shows a new file that has no room behind the base", async () => {
    const map = await mapOf({
      view: { files: [base("a.ts", "whole", 1)] },
      files: [listed("a.ts", 1), listed("b.ts", 70)],
    });
    assert.deepEqual(map.files[1], {
      path: "b.ts",
      uri: fileUri("/repo/b.ts"),
      form: "path",
      tokens: 20,
      reason: "new since the base was read: there is no room for its text behind the base",
    });
  });

  it("has every file once and sums that agree, whatever changed", async () => {
    const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const some = fc.uniqueArray(fc.constantFrom(...names));
    const form = fc.constantFrom("whole", "outline", "path");
    const kind = fc.constantFrom("whole", "hunks", "new", "deleted");
    const tokens = fc.array(fc.nat(50), { minLength: 8, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        some,
        some,
        some,
        some,
        form,
        kind,
        tokens,
        async (inBase, changed, now, out, baseForm, what, count) => {
          const view: ReaderView = {
            files: inBase.map((path, index) =>
              base(path, index % 2 === 0 ? "whole" : (baseForm as BaseFile["form"]), count[index]!),
            ),
            overlay: changed.map((path, index) => entry(path, what as OverlayEntry["kind"], count[7 - index]!)),
            leftOut: [...out, ...out].map((path): LeftOut => ({ path, reason: "ignored" })),
            frontTokens: 5,
            budget: undefined,
          };
          const map = await mapOf({ view, files: now.map((path) => listed(path, 1)) });
          const paths = map.files.map(({ path }) => path);
          assert.deepEqual(paths.toSorted(), [...new Set([...inBase, ...changed, ...now, ...out])].sort());
          const inContext = sum(map.files.filter(({ form }) => form !== "path" && form !== "out"));
          const { baseTokens, overlayTokens, frontTokens, roomTokens, windowTokens } = map.totals;
          assert.equal(inContext + frontTokens, baseTokens + overlayTokens);
          assert.equal(baseTokens + overlayTokens + roomTokens, windowTokens);
        },
      ),
    );
  });

  it("estimates what is left out by its size on disk, and follows no path out of the workspace", () =>
    withTree({ "repo/large.bin": "x".repeat(35), "secret.txt": "x", "repo/dir/a": "1" }, async (root) => {
      const leftOut = ["large.bin", "gone.bin", "dir/", "../secret.txt"].map((path) => ({ path, reason: "why" }));
      const repo = join(root, "repo");
      const workspace = workspaceOf([{ name: "repo", path: repo }]);
      const { files } = await mapOf({ view: { leftOut }, options: { workspace } });
      const none = { uri: undefined, form: "out", tokens: 0, reason: "why" };
      assert.deepEqual(files, [
        { path: "large.bin", uri: fileUri(join(repo, "large.bin")), form: "out", tokens: 10, reason: "why" },
        { path: "gone.bin", ...none },
        { path: "dir/", ...none },
        { path: "../secret.txt", ...none },
      ]);
    }));

  it("finds left-out files of several folders, also of those with equal names", () =>
    withTree({ "one/src/a.bin": "x".repeat(7), "two/src/b.bin": "x".repeat(14) }, async (root) => {
      const folders = ["one", "two"].map((name) => ({ name: "src", path: join(root, name, "src") }));
      const leftOut = ["src/a.bin", "src (2)/b.bin", "src/b.bin"].map((path) => ({ path, reason: "why" }));
      const workspace = workspaceOf(folders);
      const { files } = await mapOf({ view: { leftOut }, options: { workspace } });
      assert.deepEqual(
        files.map(({ tokens }) => tokens),
        [2, 4, 0],
      );
    }));

  it("adds up memory and disk", async () => {
    const snapshots = [snapshot("mine", 5), snapshot("other", 7), snapshot("mine", 1)];
    const { totals } = await mapOf({
      options: { engine: { longContext: async () => HELD, listSnapshots: async () => snapshots } },
    });
    assert.deepEqual(
      [totals.kvBytes, totals.snapshotBytes, totals.allSnapshotBytes, totals.snapshotQuotaBytes],
      [1_000_000, 6, 13, DEFAULT_SETTINGS.context.snapshotGigabytes * 1e9],
    );
    assert.deepEqual(
      [totals.readTokens, totals.checkpoints, totals.checkpointBytes, totals.prefillTokensPerSecond],
      [70, 3, 30, 500],
    );
  });

  it("shows the files although the engine stopped, and says what is not known", async () => {
    const fails = async () => Promise.reject(new Error("the engine stopped"));
    const map = await mapOf({
      view: { files: [base("a.ts", "whole", 3)] },
      options: { engine: { longContext: fails, listSnapshots: fails } },
    });
    assert.equal(map.files.length, 1);
    assert.deepEqual(map.arithmetic, [
      "The workspace was not read yet, so no length was chosen; the tokens are estimated from the sizes of the files.",
      "What the model holds now is not known: the engine stopped",
      "The snapshots on disk are not known: the engine stopped",
    ]);
  });

  it("remembers the speed of the last reading where nothing was read since the start", async () => {
    const engine = { longContext: async () => ({ ...HELD, tokensPerSecond: 0 }), listSnapshots: async () => [] };
    assert.equal((await mapOf({ options: { engine } })).totals.prefillTokensPerSecond, 123);
    const speeds = { of: async () => undefined };
    assert.equal((await mapOf({ options: { engine, speeds } })).totals.prefillTokensPerSecond, 0);
  });

  it("asks the engine nothing about a model that is not loaded", async () => {
    const longContext = async () => assert.fail("asked");
    const map = await mapOf({
      options: {
        session: { active: undefined, assertTrusted: () => {} },
        engine: { longContext, listSnapshots: async () => [] },
      },
    });
    assert.equal(map.totals.windowTokens, 0);
    assert.equal(map.totals.roomTokens, 0);
    assert.match(map.arithmetic[0]!, /^No model is loaded/);
  });
});

function workspaceOf(folders: WorkspaceFolder[], files: WorkspaceFile[] = []): ContextMapOptions["workspace"] {
  const placeOf = (path: string) => placeIn(rootsOf(folders), path);
  return { name: "repo", placeOf, files: async () => ({ files, leftOut: [] }) };
}

function base(path: string, form: BaseFile["form"], tokens: number): BaseFile {
  return { path, form, text: "", hash: "", tokens, reason: `reason of ${path}` };
}

function entry(path: string, kind: OverlayEntry["kind"], tokens: number): OverlayEntry {
  return { path, kind, tokens };
}

function snapshot(workspace: string, bytes: number): SnapshotInfo {
  return { workspace, bytes } as SnapshotInfo;
}

function sum(files: readonly ContextMapFile[]): number {
  return files.reduce((total, { tokens }) => total + tokens, 0);
}
