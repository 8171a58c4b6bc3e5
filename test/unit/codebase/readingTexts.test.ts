// Tests the words and numbers for people about a reading.
import assert from "node:assert/strict";
import {
  asReading,
  NOTHING_READ,
  readyMessage,
  describe as say,
  shareOf,
} from "../../../server/src/codebase/readingTexts.ts";
import type { ModelStatus, ReadingProgress } from "../../../server/src/protocol/messages.ts";

const PROGRESS = {
  phase: "prefill",
  doneTokens: 1500,
  totalTokens: 4000,
  doneLabels: 3,
  totalLabels: 9,
  label: "a.ts",
  tokensPerSecond: 1000,
  savedTokens: 0,
  serving: true,
  layoutHash: "",
} as const;

describe("what a reading says", () => {
  it("counts files, tokens and the seconds that are left", () => {
    const reading = asReading(PROGRESS, "base");
    assert.equal(say(reading), "Reading: 3 of 9 files, 1,500 of 4,000 tokens.");
    assert.deepEqual([reading.secondsLeft, reading.file, reading.purpose], [3, "a.ts", "base"]);
    assert.equal(shareOf(reading), 0.375);
  });

  it("knows no seconds before the first chunk, and no share of nothing", () => {
    assert.equal(asReading({ ...PROGRESS, tokensPerSecond: 0 }, "compaction").secondsLeft, undefined);
    assert.equal(shareOf({ ...asReading(PROGRESS, "base"), ...NOTHING_READ }), 0);
  });

  it("names each phase", () => {
    const phase = (name: ReadingProgress["phase"]) => say(asReading({ ...PROGRESS, phase: name }, "base"));
    assert.deepEqual(
      [phase("tokenize"), phase("restore"), phase("save")],
      ["Looking through 3 of 9 files.", "Restoring what was read before.", "Saving what was read."],
    );
  });

  it("says what the model has read", () => {
    const model = { name: "M" } as ModelStatus;
    const base = { tokens: 5000, totalTokens: 5000, files: 7, outlines: 0, leftOut: 0, origin: "computed" } as const;
    const message = (some: Partial<typeof base> | Record<string, number>) =>
      readyMessage({ model, base: { ...base, ...some } });
    assert.equal(readyMessage({ model, base: undefined }), "M is ready.");
    assert.equal(readyMessage({ model: undefined, base: undefined }), "The model is ready.");
    assert.equal(message({}), "M is ready: 7 files, 5,000 tokens read.");
    assert.equal(message({ outlines: 2 }), "M is ready: 7 files and the outlines of 2, 5,000 tokens read.");
    assert.equal(message({ tokens: 100 }), "M is ready. Reading stopped at 100 of 5,000 tokens.");
  });
});
