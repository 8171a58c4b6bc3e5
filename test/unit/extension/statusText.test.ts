// Tests the words for reading, for why it waits, and for what changed since, in the status bar, its tooltip and the views.
import assert from "node:assert/strict";
import type { CompletionState } from "../../../extension/src/completionState.ts";
import {
  barText,
  headline,
  holdSentence,
  readingLine,
  searchTitle,
  stateLine,
  statusFacts,
} from "../../../extension/src/statusText.ts";
import type { HoldReason, ReadingProgress, Status } from "../../../server/src/protocol/messages.ts";

const READING: ReadingProgress = {
  purpose: "base",
  phase: "prefill",
  doneTokens: 22_397,
  totalTokens: 224_746,
  doneFiles: 13,
  totalFiles: 151,
  file: "src/a.ts",
  tokensPerSecond: 596.2,
  secondsLeft: 340,
};

/** Nothing is switched off. */
const ON: CompletionState = { enabled: true, language: { id: "typescript", on: true } };

const BASE: NonNullable<Status["base"]> = {
  tokens: 80_000,
  totalTokens: 80_000,
  files: 212,
  outlines: 0,
  leftOut: 0,
  origin: "snapshot",
};

function status(more: Partial<Status> = {}): Status {
  return { state: "ready", message: "Ready.", engineRestarts: 0, ...more };
}

function reading(more: Partial<Status> = {}): Status {
  return status({ state: "reading", message: "Reading.", reading: READING, ...more });
}

function inBar(shown: Status, completions: CompletionState = ON): string {
  return barText(shown, completions);
}

function fact(shown: Status, name: string, completions: CompletionState = ON): string | undefined {
  return statusFacts(shown, completions).find((each) => each.name === name)?.text;
}

describe("the time that is left", () => {
  const cases: [secondsLeft: number | undefined, expected: string][] = [
    [undefined, "$(book) Fathom: reading 9 %"],
    [Number.POSITIVE_INFINITY, "$(book) Fathom: reading 9 %"],
    [0, "$(book) Fathom: reading 9 %, a moment left"],
    [4.9, "$(book) Fathom: reading 9 %, a moment left"],
    [5, "$(book) Fathom: reading 9 %, 10 s left"],
    [41, "$(book) Fathom: reading 9 %, 50 s left"],
    [55, "$(book) Fathom: reading 9 %, 1 min left"],
    [340, "$(book) Fathom: reading 9 %, 6 min left"],
    [3600, "$(book) Fathom: reading 9 %, 1 h 0 min left"],
    [7800, "$(book) Fathom: reading 9 %, 2 h 10 min left"],
  ];
  for (const [secondsLeft, expected] of cases) {
    it(`${secondsLeft} s: ${expected}`, () =>
      assert.equal(inBar(reading({ reading: { ...READING, secondsLeft } })), expected));
  }
});

describe("reading that waits", () => {
  const holds: [hold: HoldReason, bar: string, line: string, sentence: string][] = [
    [
      "user",
      "$(debug-pause) Fathom: paused at 9 %",
      "22,397 of 224,746 tokens read, 13 of 151 files, 9 % · reading is paused",
      "reading is paused; Resume Reading goes on.",
    ],
    [
      "battery",
      "$(debug-pause) Fathom: paused: on battery at 9 %",
      "22,397 of 224,746 tokens read, 13 of 151 files, 9 % · reading waits while the computer runs on battery",
      "reading waits while the computer runs on battery.",
    ],
    [
      // It would come and go with every word, so the bar does not name it.
      "typing",
      "$(book) Fathom: reading 9 %, 6 min left",
      "22,397 of 224,746 tokens read, 13 of 151 files, 9 % · reading waits while you type",
      "reading waits while you type.",
    ],
  ];
  for (const [hold, bar, line, sentence] of holds) {
    it(`${hold}: is named in the bar, in the line and in the tooltip`, () => {
      assert.equal(inBar(reading({ hold })), bar);
      assert.equal(stateLine(reading({ hold })), line);
      assert.equal(fact(reading({ hold }), "Waiting"), sentence);
      assert.equal(holdSentence(hold), sentence);
    });
  }
  it("shows a pause also when nothing is read", () => {
    assert.equal(inBar(status({ hold: "user" })), "$(debug-pause) Fathom: paused");
    assert.equal(stateLine(status({ hold: "user", base: BASE })), "reading is paused");
  });
  it("does not hide what is worse", () => {
    assert.equal(inBar(status({ state: "failed", hold: "user" })), "$(error) Fathom: stopped");
    assert.equal(inBar(reading({ state: "restarting", hold: "battery" })), "$(sync~spin) Fathom: restarting");
  });
});

describe("completions that were switched off", () => {
  const demo = {
    name: "m",
    file: "/m.gguf",
    demo: true,
    contextTokens: 1000,
    kvType: "f16",
    gpu: "CPU",
    canFillInMiddle: true,
    canSeeImages: false,
  };
  const states: [completions: CompletionState, bar: string, fact: string | undefined][] = [
    [{ enabled: true }, "", undefined],
    [ON, "", undefined],
    [{ ...ON, enabled: false }, ", completions off", "off; a click here offers to switch them on"],
    [
      { enabled: true, language: { id: "go", on: false } },
      ", completions off for go",
      "off for go; a click here offers to switch them on",
    ],
    [
      { ...ON, snoozedUntil: "14:30" },
      ", completions snoozed until 14:30",
      "snoozed until 14:30; a click here offers to go on now",
    ],
    // What lasts longest is named.
    [
      { enabled: false, language: { id: "go", on: false }, snoozedUntil: "14:30" },
      ", completions off",
      "off; a click here offers to switch them on",
    ],
  ];
  for (const [completions, words, text] of states) {
    it(`${JSON.stringify(completions)}: ${words}`, () => {
      assert.equal(inBar(status({ model: demo }), completions), `$(sparkle) Fathom (demo)${words}`);
      assert.equal(inBar(reading(), completions), `$(book) Fathom: reading 9 %, 6 min left${words}`);
      assert.equal(fact(status(), "Completions", completions), text);
    });
  }
  it("are not named where there could be none", () => {
    for (const state of ["noModel", "untrusted", "starting", "loading", "restarting", "failed"] as const) {
      assert.doesNotMatch(inBar(status({ state }), { enabled: false }), /completions/);
    }
  });
});

describe("a line of reading", () => {
  const lines: [more: Partial<ReadingProgress>, expected: string][] = [
    [{}, "reading 22,397 of 224,746 tokens, 13 of 151 files, 9 %, 596 tokens/s, 6 min left"],
    [
      { phase: "save", tokensPerSecond: 0, secondsLeft: undefined },
      "saving 22,397 of 224,746 tokens, 13 of 151 files, 9 %",
    ],
    [{ phase: "tokenize", doneTokens: 0, totalTokens: 0 }, "looking through 13 of 151 files"],
    [{ purpose: "compaction", phase: "tokenize", totalTokens: 0 }, "compaction: looking through 13 of 151 files"],
    [
      { purpose: "compaction", phase: "restore" },
      "compaction: restoring 22,397 of 224,746 tokens, 13 of 151 files, 9 %, 596 tokens/s, 6 min left",
    ],
  ];
  for (const [more, expected] of lines) {
    it(expected, () => {
      assert.equal(readingLine({ ...READING, ...more }), expected);
      assert.equal(headline(reading({ reading: { ...READING, ...more } })), expected);
    });
  }
  it("never says more than all", () => assert.match(readingLine({ ...READING, doneTokens: 300_000 }), /, 100 %, /));
});

describe("a compaction", () => {
  const compaction = { ...READING, purpose: "compaction" } as const;
  it("is named in the bar while the old base serves", () =>
    assert.equal(inBar(status({ base: BASE, reading: compaction })), "$(layers) Fathom: compacting 9 %, 6 min left"));
  it("can be paused like a reading", () =>
    assert.equal(inBar(status({ reading: compaction, hold: "user" })), "$(debug-pause) Fathom: paused at 9 %"));
});

describe("what changed since", () => {
  const overlay = { files: 2, tokens: 1500, onlyNamed: 0 };
  it("follows what is read", () => {
    const line = stateLine(status({ base: BASE, overlay }));
    assert.equal(line, "80,000 tokens of 212 files read · 2 changed files since");
    assert.match(stateLine(status({ base: BASE, overlay: { ...overlay, files: 1 } })), / · 1 changed file since$/);
  });
  it("says in the tooltip what had no room", () => {
    assert.equal(fact(status({ overlay }), "Changed since"), "2 changed files, 1,500 tokens");
    const named = fact(status({ overlay: { ...overlay, files: 5, onlyNamed: 3 } }), "Changed since");
    assert.equal(named, "5 changed files, 1,500 tokens; 3 more only named, for want of room");
  });
  it("stands beside outlines", () => {
    assert.equal(
      stateLine(status({ base: { ...BASE, outlines: 1 } })),
      "80,000 tokens of 212 files and 1 outline read",
    );
    const read = fact(status({ base: { ...BASE, outlines: 7, leftOut: 4 } }), "Read");
    assert.equal(read, "80,000 tokens of 212 files and 7 outlines, restored from disk; 4 not read");
  });
});

describe("the search index", () => {
  const cases: [index: Status["index"], expected: string | undefined][] = [
    [undefined, undefined],
    [{ phase: "indexing", files: 64, totalFiles: 1200, chunks: 900 }, "indexing, 64 of 1,200 files so far"],
    [{ phase: "ready", files: 1200, totalFiles: 1200, chunks: 34_000 }, "1,200 files in 34,000 chunks"],
    [
      { phase: "ready", files: 12, totalFiles: 12, chunks: 34, bytes: 2_700_000 },
      "12 files in 34 chunks, 2.6 MiB on disk",
    ],
    [{ phase: "ready", files: 12, totalFiles: 12, chunks: 34, bytes: 0 }, "12 files in 34 chunks, in memory"],
    [{ phase: "off", files: 0, totalFiles: 12, chunks: 0 }, "off, see the log"],
  ];
  for (const [index, expected] of cases) {
    it(`${index?.phase}: ${expected}`, () => assert.equal(fact(status(index && { index }), "Search"), expected));
  }

  it("has the vectors of an embedding model only where one is set", () => {
    const shown = (embedding?: NonNullable<Status["index"]>["embedding"]) =>
      fact(status({ index: { phase: "ready", files: 1, totalFiles: 1, chunks: 1, embedding } }), "Embedding model");
    const half = { model: "small", chunks: 1200, totalChunks: 2400, inUse: false };
    assert.equal(shown(), undefined);
    assert.equal(shown(half), "1,200 of 2,400 chunks have a vector of small; the bundled embedder is used meanwhile");
    assert.equal(shown({ ...half, chunks: 2400, inUse: true }), "2,400 of 2,400 chunks have a vector of small");
    assert.equal(shown({ ...half, problem: "It is gone." }), "It is gone.");
  });
});

describe("the title of the search", () => {
  const index = { phase: "indexing" as const, files: 120, totalFiles: 1400, chunks: 900 };

  it("says how much can be found while that is a part", () => {
    assert.equal(searchTitle(index), "Search Codebase (indexing, 120 of 1,400 files so far)");
    for (const whole of [undefined, { ...index, files: 1400 }, { ...index, phase: "ready" as const }]) {
      assert.equal(searchTitle(whole), "Search Codebase");
    }
  });
});
