// Tests of the texts on the terminal: numbers, times, figures, columns, and what is made harmless.
import assert from "node:assert/strict";
import {
  age,
  columns,
  count,
  counted,
  duration,
  emptyContextSentence,
  figuresLine,
  hanging,
  leftOutSentence,
  loadingOf,
  oneLine,
  placeLabel,
  printable,
  rate,
  readingLine,
  readingSentence,
  savedSentence,
  shareBar,
  shorten,
  timeLeft,
  wrap,
} from "../../../server/src/cli/format.ts";
import type { Figures, PrefillOutcome, ReadingProgress } from "../../../server/src/protocol/messages.ts";

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
  outlines: 0,
  savedTokens: 0,
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

  it("says how long ago something was, in one unit", () => {
    const now = Date.parse("2026-03-10T12:00:00Z");
    checkAll(
      (date: string) => age(date, now),
      [
        ["2026-03-10T12:00:00Z", "0 s"],
        ["2026-03-10T11:59:01Z", "59 s"],
        ["2026-03-10T11:59:00Z", "1 min"],
        ["2026-03-10T11:00:01Z", "59 min"],
        ["2026-03-10T11:00:00Z", "1 h"],
        ["2026-03-09T12:00:00Z", "1 day"],
        ["2025-03-10T12:00:00Z", "365 days"],
        // Another machine's clock may be ahead.
        ["2026-03-10T12:05:00Z", "0 s"],
        ["", "–"],
      ],
    );
  });

  it("says how much time is left, in steps that do not flicker", () => {
    checkAll(timeLeft, [
      [0, "a moment left"],
      [5, "10 s left"],
      [54, "60 s left"],
      [55, "1 min left"],
      [150, "3 min left"],
      [3570, "1 h 0 min left"],
      [7260, "2 h 1 min left"],
    ]);
  });

  it("draws shares in eighths, and something for the smallest", () => {
    checkAll(
      (share: number) => shareBar(share, 4),
      [
        [0, "    "],
        [0.0001, "▏   "],
        [0.25, "█   "],
        [0.5 + 1 / 32, "██▏ "],
        [1, "████"],
        [7, "████"],
        [Number.NaN, "    "],
      ],
    );
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
      [{ ...OUTCOME, outlines: 1 }, "Read in 24 s: 3 files and 1 outline, 12,000 tokens, 500 tokens/s."],
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
      [
        { ...OUTCOME, cancelled: true, figures: { ...FIGURES, promptTokens: 0, reusedTokens: 0, evaluatedTokens: 0 } },
        "Reading was stopped before it began.",
      ],
    ]);
    assert.equal(savedSentence(OUTCOME), undefined);
    assert.equal(savedSentence({ ...OUTCOME, savedBytes: 12, savedMs: 34 }), "Snapshot saved: 12 bytes in 34 ms.");
  });

  it("says that the context holds no file, if there are files and it holds none", () => {
    const leftOut = [{ path: "a.ts", reason: "does not fit" }];
    const empty = { ...OUTCOME, files: 0, outlines: 0, leftOut };
    assert.equal(
      emptyContextSentence(empty, 256),
      "No file is in the model's context of 256 tokens (does not fit: 1): the answer knows at most the places above.",
    );
    for (const some of [
      { ...empty, files: 1 },
      { ...empty, outlines: 1 },
      { ...empty, leftOut: [] },
    ])
      assert.equal(emptyContextSentence(some, 256), undefined);
  });

  it("takes how far loading is out of the server's sentence", () => {
    assert.deepEqual(loadingOf("Loading Qwen3.5 4B: 40 %."), { share: 0.4, words: "Qwen3.5 4B" });
    assert.deepEqual(loadingOf("Loading a: b.gguf."), { share: 0, words: "a: b.gguf" });
    assert.deepEqual(loadingOf("Something else."), { share: 0, words: "Something else." });
  });

  it("groups what was left out by its reason, most frequent first", () => {
    const leftOut = ["b", "a", "c", "b", "d", "d", "d"].map((reason) => ({ path: "x", reason }));
    assert.equal(leftOutSentence(leftOut), "Left out: 7 (d: 3; b: 2; a: 1; …).");
    assert.equal(leftOutSentence(leftOut.slice(4)), "Left out: 3 (d: 3).");
  });

  it("says how far reading is", () => {
    const reading: ReadingProgress = {
      purpose: "base",
      phase: "prefill",
      doneTokens: 1200,
      totalTokens: 8000,
      doneFiles: 3,
      totalFiles: 21,
      file: "a.ts",
      tokensPerSecond: 900,
      secondsLeft: 8,
    };
    checkAll(readingLine, [
      [reading, "1,200 of 8,000 tokens, 10 s left, 3 of 21 files, 900 tokens/s"],
      [{ ...reading, secondsLeft: undefined }, "1,200 of 8,000 tokens, 3 of 21 files, 900 tokens/s"],
      [{ ...reading, phase: "save" }, "saving 1,200 of 8,000 tokens, 3 of 21 files, 900 tokens/s"],
      [
        { ...reading, doneTokens: 8000, doneFiles: 21, secondsLeft: 0 },
        "8,000 of 8,000 tokens, 21 of 21 files, 900 tokens/s",
      ],
      [
        { ...reading, phase: "tokenize", doneTokens: 0, totalTokens: 0, tokensPerSecond: 0 },
        "counting tokens, 3 of 21 files",
      ],
      [{ ...reading, totalTokens: 0, totalFiles: 0, tokensPerSecond: 0 }, ""],
    ]);
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

  it("hangs text after its label, within the width, and keeps its line ends", () => {
    assert.deepEqual(hanging("label  ", "one two three four five six\nseven", 24 + 7), [
      "label  one two three four five",
      "       six",
      "       seven",
    ]);
    // Too narrow for both: the text stays readable.
    assert.deepEqual(hanging("a long label ", "one two three four five", 14), ["a long label one two three four five"]);
  });

  it("keeps a name in its line", () => {
    assert.equal(oneLine("a\nb\tc\u001b[2J\u009b2J"), "a\uFFFDb\uFFFDc\uFFFD[2J\uFFFD2J");
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
