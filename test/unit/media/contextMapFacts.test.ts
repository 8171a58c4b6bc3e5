// Tests the figures around the treemap: the bar of the window, memory, disk and speed, legend numbers, what is left out.
import assert from "node:assert/strict";
import { facts, outGroups, readSoFar, windowParts } from "../../../media/contextMapFacts.ts";
import { count, defaultForms, FORM_MEANING, FORM_NAME, short, sumOf } from "../../../media/contextMapText.ts";
import type { ContextMap, FileForm, ModelStatus } from "../../../server/src/protocol/messages.ts";
import { file, totals } from "./mapFiles.ts";

const MODEL: ModelStatus = {
  name: "m",
  file: "/m.gguf",
  demo: false,
  contextTokens: 1000,
  kvType: "q8_0",
  gpu: "CPU",
  canFillInMiddle: true,
  canSeeImages: false,
};

const FULL = totals({
  windowTokens: 1000,
  baseTokens: 600,
  readTokens: 600,
  frontTokens: 100,
  wholeTokens: 450,
  outlineTokens: 50,
  overlayTokens: 30,
  roomTokens: 370,
  kvBytes: 2 ** 28,
  checkpoints: 3,
  checkpointBytes: 2 ** 20,
  snapshotBytes: 40e6,
  allSnapshotBytes: 45e6,
  prefillTokensPerSecond: 812.4,
});

function factTexts(map: Pick<ContextMap, "totals" | "model">): string[] {
  return facts(map).map(({ name, text }) => `${name}: ${text}`);
}

describe("the window", () => {
  it("is divided without rest into what is in it", () => {
    const parts = windowParts({ totals: FULL });
    assert.deepEqual(
      parts.map(({ className }) => className),
      ["front", "whole", "outline", "overlay", "room"],
    );
    assert.equal(
      parts.reduce((sum, { tokens }) => sum + tokens, 0),
      FULL.windowTokens,
    );
  });
  it("has no parts without tokens", () => {
    const parts = windowParts({ totals: { ...FULL, outlineTokens: 0, overlayTokens: 0 } });
    assert.deepEqual(
      parts.map(({ className }) => className),
      ["front", "whole", "room"],
    );
    assert.deepEqual(windowParts({ totals: totals() }), []);
  });
  it("says how far reading is until it is at the end", () => {
    assert.deepEqual(readSoFar({ totals: { ...FULL, readTokens: 150 } }), { text: "150 read so far", share: 0.25 });
    assert.equal(readSoFar({ totals: FULL }), undefined);
    assert.equal(readSoFar({ totals: { ...FULL, readTokens: 604 } }), undefined);
    assert.equal(readSoFar({ totals: totals() }), undefined);
  });
});

describe("facts", () => {
  it("are memory, disk and speed", () => {
    assert.deepEqual(factTexts({ totals: FULL, model: MODEL }), [
      "KV cache: 256 MiB, q8_0",
      "Checkpoints: 3 with 1.0 MiB",
      "On disk: 38 MiB + 4.8 MiB of other workspaces, at most 20 GB",
      "Reading: 812 tokens/s",
    ]);
  });
  it("before anything is read say so", () => {
    assert.deepEqual(factTexts({ totals: totals({ windowTokens: 8 }), model: MODEL }), [
      "KV cache: 0 bytes, q8_0",
      "Checkpoints: none",
      "On disk: nothing, at most 20 GB",
      "Reading: not measured yet",
    ]);
  });
  it("without a model are the disk only", () =>
    assert.deepEqual(factTexts({ totals: totals() }), ["On disk: nothing, at most 20 GB"]));
  it("explain each of their words", () => {
    for (const { meaning } of facts({ totals: FULL })) assert.match(meaning, /^[A-Z].{20,}\.$/);
  });
});

describe("what is left out", () => {
  const files = [
    file("a", 1),
    file("b.png", 0, { form: "out", reason: "binary" }),
    file(".env", 0, { form: "out", reason: "secret" }),
    file("c.png", 0, { form: "out", reason: "binary" }),
  ];
  it("stands by reason, the most frequent first", () => {
    const groups = outGroups(files, 10).map(({ reason, nFiles, listed }) => [reason, nFiles, listed.length]);
    assert.deepEqual(groups, [
      ["binary", 2, 2],
      ["secret", 1, 1],
    ]);
  });
  it("is counted whole and listed in part", () => {
    const groups = outGroups(files, 1).map(({ nFiles, listed }) => [nFiles, listed.length]);
    assert.deepEqual(groups, [
      [2, 1],
      [1, 0],
    ]);
  });
});

describe("forms", () => {
  const shown = (...amounts: [FileForm, number][]) => [
    ...defaultForms(amounts.map(([form, tokens]) => file("x", tokens, { form }))),
  ];
  it("are shown but for what is left out", () => {
    assert.deepEqual(shown(["whole", 10], ["path", 90]), ["whole", "outline", "overlay", "path"]);
    assert.deepEqual(shown(["path", 1000], ["out", 5]), ["whole", "outline", "overlay", "path"]);
  });
  it("are shown without paths that would drown what is read", () =>
    assert.deepEqual(shown(["whole", 10], ["path", 91]), ["whole", "outline", "overlay"]));
  it("are summed", () => {
    const files = [file("a", 3), file("b", 4), file("c", 5, { form: "out" })];
    assert.deepEqual(sumOf(files, "whole"), { files: 2, tokens: 7 });
    assert.deepEqual(sumOf(files, "outline"), { files: 0, tokens: 0 });
  });
  it("have a name and a meaning each", () => {
    assert.deepEqual(Object.keys(FORM_NAME), Object.keys(FORM_MEANING));
    assert.equal(new Set(Object.values(FORM_NAME)).size, 5);
  });
});

describe("numbers", () => {
  const cases: [text: string, expected: string][] = [
    [count(1234567.4), "1,234,567"],
    [short(0), "0"],
    [short(999), "999"],
    [short(1000), "1.0K"],
    [short(99_949), "99.9K"],
    [short(99_950), "100K"],
    [short(999_499), "999K"],
    [short(999_500), "1.0M"],
  ];
  for (const [text, expected] of cases) it(expected, () => assert.equal(text, expected));
});
