// Tests how the context map looks on a terminal: columns, widths, totals, and names that would do harm.
import assert from "node:assert/strict";
import { chooseRows, filesAt, treeOf } from "../../../server/src/cli/contextTree.ts";
import { arithmeticLines, totalsLines, treeLines } from "../../../server/src/cli/mapText.ts";
import { type Output, silentOutput } from "../../../server/src/cli/output.ts";
import type { ContextMap, ContextMapFile } from "../../../server/src/protocol/messages.ts";

const TOTALS: ContextMap["totals"] = {
  windowTokens: 65_536,
  baseTokens: 13_000,
  readTokens: 13_000,
  wholeTokens: 10_000,
  outlineTokens: 2000,
  frontTokens: 1000,
  overlayTokens: 250,
  roomTokens: 52_286,
  kvBytes: 64 * 1024 ** 2,
  checkpoints: 31,
  checkpointBytes: 3 * 1024 ** 2,
  snapshotBytes: 49 * 1024 ** 2,
  allSnapshotBytes: 60 * 1024 ** 2,
  snapshotQuotaBytes: 20e9,
  prefillTokensPerSecond: 431.4,
};

const FILES: ContextMapFile[] = [
  { path: "src/a.ts", form: "whole", tokens: 9000, reason: "among the most used files (rank 1 of 5)" },
  { path: "src/b.ts", form: "outline", tokens: 2000, reason: "does not fit whole: its signatures are there" },
  { path: "src/c.ts", form: "overlay", tokens: 1250, reason: "new since the base was read: its text follows the base" },
  { path: "src/d.ts", form: "path", tokens: 4711, reason: "does not fit" },
  { path: "node_modules/", form: "out", tokens: 0, reason: "ignored by .gitignore" },
  { path: "logo.png", form: "out", tokens: 30, reason: "binary" },
  { path: "notes.md", form: "out", tokens: 1, reason: "ignored by .gitignore" },
];

const MAP: ContextMap = { workspace: "work", files: FILES, totals: TOTALS, arithmetic: ["One.", "Two."] };
const ADVICE = "read it";

function outputOf(width: number): Output {
  return { ...silentOutput(), width };
}

function tree(width: number, files = FILES, path = ""): string[] {
  return treeLines(outputOf(width), chooseRows(treeOf(filesAt(files, path), path, "work"), 100));
}

function totals(changes: Partial<ContextMap["totals"]> = {}, map: Partial<ContextMap> = {}): string[] {
  return totalsLines(outputOf(200), { ...MAP, ...map, totals: { ...TOTALS, ...changes } }, ADVICE);
}

describe("context map on the terminal", () => {
  it("shows tokens, share and form, folders summed up", () => {
    assert.deepEqual(tree(80), [
      "                  tokens  share     what the model has",
      "work              12,250  ████████  1 whole, 1 outline, 1 overlay, 1 path, 3 out",
      "  src/            12,250  ████████  1 whole, 1 outline, 1 overlay, 1 path",
      "    a.ts           9,000  █████▉    whole: among the most used files (rank 1 of…",
      "    b.ts           2,000  █▎        outline: does not fit whole: its signatures…",
      "    c.ts           1,250  ▉         overlay: new since the base was read: its t…",
      "    d.ts         ≈ 4,711            path: does not fit",
      "  logo.png          ≈ 30            out: binary",
      "  notes.md           ≈ 1            out: ignored by .gitignore",
      "  node_modules/        –            out: ignored by .gitignore",
    ]);
  });

  it("keeps to the width of the terminal and shows more where there is more", () => {
    const long = [...FILES, { ...FILES[0]!, path: `src/${"deep/".repeat(9)}${"x".repeat(90)}.ts` }];
    for (const width of [60, 80, 100, 120]) {
      const lines = tree(width, long);
      assert.deepEqual(
        lines.filter((line) => line.length > width),
        [],
        String(width),
      );
      assert.equal(
        new Set(lines.map((line) => line.indexOf("█")).filter((at) => at > 0)).size,
        1,
        "bars in one column",
      );
    }
    assert.ok(tree(120).join("\n").includes("among the most used files (rank 1 of 5)"));
  });

  it("shows one file with its reason", () => {
    assert.deepEqual(tree(100, FILES, "src/d.ts").slice(1), ["src/d.ts  ≈ 4,711  ████████  path: does not fit"]);
  });

  it("shows estimates and their shares when nothing is read", () => {
    const files = FILES.slice(0, 2).map((file) => ({ ...file, form: "path" as const, reason: "not read yet" }));
    assert.deepEqual(tree(80, files).slice(1), [
      "work      ≈ 11,000  ████████  2 path",
      "  src/    ≈ 11,000  ████████  2 path",
      "    a.ts   ≈ 9,000  ██████▌   path: not read yet",
      "    b.ts   ≈ 2,000  █▌        path: not read yet",
    ]);
  });

  it("lets no name and no reason reach the terminal as commands", () => {
    const bad = "\u001b]0;x\u0007\n\u009b2J\r";
    const files = [{ path: `d${bad}/f${bad}.ts`, form: "whole" as const, tokens: 1, reason: bad }];
    const lines = [...tree(100, files), ...totals({}, { files: [{ ...files[0]!, form: "out" }] })];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    for (const line of lines) assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/);
  });

  it("tells files by form, window, memory, disk and speed", () => {
    assert.deepEqual(totals({}, { model: { kvType: "q8_0" } as ContextMap["model"] }), [
      "Files   1 whole with 9,000 tokens, 1 outline with 2,000 tokens, 1 overlay with 1,250 tokens, 1 path, 3 out (ignored by .gitignore: 2; binary: 1)",
      "Window  13,250 of 65,536 tokens (instructions and list of files 1,000, whole files 10,000, outlines 2,000, changes 250), 52,286 left for question and answer",
      "Read    all of it",
      "Memory  KV cache 64 MiB in q8_0, 31 checkpoints with 3.0 MiB",
      "Speed   431 tokens/s in the last reading",
      "Disk    snapshots of this workspace 49 MiB, other workspaces 11 MiB, at most 20 GB",
    ]);
  });

  it("says how the rest is read, and no speed of a few chunks", () => {
    const lines = totals({ readTokens: 512, checkpoints: 0, allSnapshotBytes: TOTALS.snapshotBytes });
    assert.deepEqual(lines.slice(2), [
      `Read    512 of 13,000 tokens so far; ${ADVICE}`,
      "Memory  KV cache 64 MiB",
      "Disk    snapshots of this workspace 49 MiB, at most 20 GB",
    ]);
  });

  it("says what is missing without a model", () => {
    const lines = totals({ windowTokens: 0, baseTokens: 0, readTokens: 0 }, { files: [] });
    assert.deepEqual(lines.slice(0, 2), ["Files   none", "Window  none, because no model is loaded"]);
    assert.equal(lines.length, 3);
  });

  it("gives the server's arithmetic step by step", () => {
    assert.deepEqual(arithmeticLines(outputOf(80), MAP), ["How the length was chosen", "- One.", "- Two."]);
  });
});
