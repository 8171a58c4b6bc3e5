// Tests of the texts on the terminal: numbers, times, figures, columns, and what is made harmless.
import assert from "node:assert/strict";
import {
  columns,
  count,
  counted,
  duration,
  figuresLine,
  leftOutSentence,
  placeLabel,
  printable,
  rate,
  readingLine,
  readingSentence,
  savedSentence,
  shorten,
  wrap,
} from "../../../server/src/cli/format.ts";
import type { Figures, PrefillOutcome } from "../../../server/src/protocol/messages.ts";

const FIGURES: Figures = {
  promptTokens: 12_000,
  reusedTokens: 11_900,
  evaluatedTokens: 100,
  generatedTokens: 50,
  chunks: 2,
  prefillMs: 200,
  decodeMs: 2000,
  firstTokenMs: 250,
  totalMs: 2260,
};

const OUTCOME: PrefillOutcome = {
  figures: {
    ...FIGURES,
    reusedTokens: 0,
    evaluatedTokens: 12_000,
    generatedTokens: 0,
    prefillMs: 24_000,
    totalMs: 24_400,
  },
  cancelled: false,
  origin: "computed",
  files: 3,
  leftOut: [],
  notes: [],
};

function checkAll<T>(format: (value: T) => string | undefined, cases: [T, string | undefined][]) {
  for (const [value, expected] of cases) assert.equal(format(value), expected, JSON.stringify(value));
}

describe("cli format", () => {
  it("writes numbers and times for people", () => {
    checkAll(count, [
      [0, "0"],
      [1234567.4, "1,234,567"],
    ]);
    checkAll(duration, [
      [0, "0 ms"],
      [99.4, "99 ms"],
      [99.6, "0.1 s"],
      [9949, "9.9 s"],
      [9950, "10 s"],
      [59_499, "59 s"],
      [59_500, "1 min 0 s"],
      [185_000, "3 min 5 s"],
    ]);
    assert.equal(counted(1, "file"), "1 file");
    assert.equal(counted(1200, "file"), "1,200 files");
  });

  it("writes speeds, and a dash for what was not measured", () => {
    assert.equal(rate(50, 2000), "25");
    assert.equal(rate(5, 2000), "2.5");
    assert.equal(rate(0, 2000), "–");
    assert.equal(rate(5, 0), "–");
  });

  it("writes figures in one line, without what did not happen", () => {
    assert.equal(
      figuresLine(FIGURES),
      "prompt 12,000 tokens, 11,900 reused · 100 evaluated at 500 tokens/s · 50 written at 25 tokens/s · first after 0.3 s · 2.3 s in all",
    );
    const nothingNew = { ...FIGURES, evaluatedTokens: 0, generatedTokens: 0, totalMs: 12 };
    assert.equal(figuresLine(nothingNew), "prompt 12,000 tokens, 11,900 reused · 12 ms in all");
  });

  it("says where the read state came from", () => {
    checkAll(readingSentence, [
      [OUTCOME, "Read in 24 s: 3 files, 12,000 tokens, 500 tokens/s."],
      [{ ...OUTCOME, origin: "memory" }, "Already read: 3 files, 12,000 tokens."],
      [{ ...OUTCOME, origin: "snapshot", restoredMs: 80 }, "Restored from disk in 80 ms: 3 files, 12,000 tokens."],
      [
        { ...OUTCOME, leftOut: [{ path: "a.png", reason: "binary" }] },
        `${readingSentence(OUTCOME)} Left out: 1 (binary: 1).`,
      ],
      [
        { ...OUTCOME, cancelled: true, figures: { ...OUTCOME.figures, evaluatedTokens: 3000 } },
        "Reading was stopped after 3,000 of 12,000 tokens.",
      ],
    ]);
    assert.equal(savedSentence(OUTCOME), undefined);
    assert.equal(savedSentence({ ...OUTCOME, savedBytes: 12, savedMs: 34 }), "Snapshot saved: 12 bytes in 34 ms.");
  });

  it("groups what was left out by its reason, most frequent first", () => {
    const leftOut = ["b", "a", "c", "b", "d", "d", "d"].map((reason) => ({ path: "x", reason }));
    assert.equal(leftOutSentence(leftOut), "Left out: 7 (d: 3; b: 2; a: 1; …).");
    assert.equal(leftOutSentence(leftOut.slice(4)), "Left out: 3 (d: 3).");
  });

  it("says how far reading is", () => {
    const reading = {
      doneTokens: 1200,
      totalTokens: 8000,
      doneFiles: 3,
      totalFiles: 21,
      file: "a.ts",
      tokensPerSecond: 900,
    };
    assert.equal(
      readingLine({ ...reading, phase: "prefill" }),
      "reading 1,200 of 8,000 tokens, 3 of 21 files, 900 tokens/s",
    );
    const counting = { ...reading, totalTokens: 0, doneTokens: 0, tokensPerSecond: 0 };
    assert.equal(readingLine({ ...counting, phase: "tokenize" }), "counting tokens, 3 of 21 files");
  });

  it("counts the lines of places from 1", () => {
    assert.equal(placeLabel({ path: "src/a.ts", startLine: 0 }), "src/a.ts:1");
  });

  it("lays out columns", () => {
    const rows = [
      ["a", "1", "x"],
      ["longer", "1,000"],
    ];
    assert.deepEqual(columns(rows), ["a       1      x", "longer  1,000"]);
    assert.deepEqual(columns(rows, [1]), ["a           1  x", "longer  1,000"]);
    assert.deepEqual(columns([]), []);
  });

  it("shortens and wraps", () => {
    assert.equal(shorten("abcdef", 6), "abcdef");
    assert.equal(shorten("abcdef", 4), "abc…");
    assert.deepEqual(wrap("one two three", 7), ["one two", "three"]);
    assert.deepEqual(wrap("incomprehensible", 4), ["incomprehensible"]);
  });

  it("makes control characters harmless, not text", () => {
    checkAll(printable, [
      ["a\tb\nc é 漢 🙂", "a\tb\nc é 漢 🙂"],
      ["line\r\n", "line\n"],
      ["\u001b]0;title\u0007", "\uFFFD]0;title\uFFFD"],
      ["\u009b31m", "\uFFFD31m"],
      ["\u007f", "\uFFFD"],
    ]);
  });
});
