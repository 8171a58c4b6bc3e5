// Tests the words of the status bar, of figures, of reports and of the list of models.
import assert from "node:assert/strict";
import { hostOf, modelRow, projectorNames } from "../../../extension/src/modelChoices.ts";
import { doctorReport, outcomeSentence, readingReport } from "../../../extension/src/reports.ts";
import {
  barText,
  escapeMarkdown,
  figuresLine,
  headline,
  seconds,
  size,
  stateLine,
  statusFacts,
} from "../../../extension/src/statusText.ts";
import type {
  BaseStatus,
  Figures,
  ModelChoice,
  ModelStatus,
  PrefillOutcome,
  Status,
} from "../../../server/src/protocol/messages.ts";

const FIGURES: Figures = {
  promptTokens: 12_034,
  reusedTokens: 11_900,
  evaluatedTokens: 134,
  generatedTokens: 100,
  chunks: 1,
  prefillMs: 400,
  decodeMs: 4000,
  firstTokenMs: 420,
  totalMs: 4420,
};

const MODEL: ModelStatus = {
  name: "Qwen3.5-4B",
  file: "/m/a.gguf",
  demo: false,
  contextTokens: 65_536,
  kvType: "q8_0",
  gpu: "Metal",
  canFillInMiddle: true,
  canSeeImages: false,
};

const READING = {
  purpose: "base",
  phase: "prefill",
  doneTokens: 999,
  totalTokens: 2000,
  doneFiles: 3,
  totalFiles: 9,
  file: "src/a.ts",
  tokensPerSecond: 812.4,
} as const;

const CHOICE: ModelChoice = {
  id: "4b",
  title: "Qwen3.5-4B",
  detail: "the default",
  parameters: "4.7 B",
  licence: "Apache-2.0",
  source: "https://models.example.org/a/b.gguf",
  downloadBytes: 2_740_000_000,
  installed: false,
  selected: false,
  fit: "Fits with 65,536 tokens.",
};

const OUTCOME: PrefillOutcome = {
  figures: FIGURES,
  cancelled: false,
  origin: "computed",
  files: 12,
  outlines: 0,
  savedTokens: 0,
  leftOut: [],
  notes: [],
};

/** Nothing is switched off. */
const ON = { enabled: true };

function status(more: Partial<Status>): Status {
  return { state: "ready", message: "Ready.", engineRestarts: 0, ...more };
}

describe("status", () => {
  const bars: [Partial<Status>, string][] = [
    [{}, "$(sparkle) Fathom"],
    [{ state: "reading", reading: READING }, "$(book) Fathom: reading 49 %"],
    [{ state: "reading", reading: { ...READING, totalTokens: 0 } }, "$(book) Fathom: reading 0 %"],
    [{ state: "reading" }, "$(book) Fathom: reading"],
    [{ model: { ...MODEL, demo: true } }, "$(sparkle) Fathom (demo)"],
    [{ state: "failed" }, "$(error) Fathom: stopped"],
  ];
  for (const [more, expected] of bars) it(expected, () => assert.equal(barText(status(more), ON), expected));

  it("is one line with model, state and what is read", () => {
    const base: BaseStatus = {
      tokens: 80_000,
      totalTokens: 90_000,
      files: 212,
      outlines: 0,
      leftOut: 0,
      origin: "snapshot",
    };
    assert.equal(stateLine(status({ model: MODEL, base })), "Qwen3.5-4B · 80,000 tokens of 212 files read");
    assert.equal(stateLine(status({ model: MODEL })), "Qwen3.5-4B · ready");
    assert.equal(stateLine(status({ state: "noModel", message: "No model." })), "No model.");
    const facts = statusFacts(status({ base: { ...base, leftOut: 1 } }), ON);
    assert.deepEqual(facts, [{ name: "Read", text: "80,000 tokens of 212 files, restored from disk; 1 not read" }]);
  });

  it("tells how far reading is", () => {
    const line = stateLine(status({ state: "reading", message: "Reading.", reading: READING }));
    assert.equal(line, "reading 999 of 2,000 tokens, 3 of 9 files, 49 %, 812 tokens/s");
    assert.equal(headline(status({ state: "reading", message: "Reading.", reading: READING })), line);
    assert.equal(headline(status({})), "Ready.");
  });
});

describe("figures", () => {
  it("are one line", () => {
    const expected = "100 tokens in 4.4 s · 25 tokens/s · first after 0.4 s · prompt 12,034 tokens (11,900 reused)";
    assert.equal(figuresLine(FIGURES), expected);
    assert.equal(
      figuresLine({ ...FIGURES, generatedTokens: 0, decodeMs: 0, reusedTokens: 0 }),
      "0 tokens in 4.4 s · prompt 12,034 tokens",
    );
  });
  const times: [number, string][] = [
    [0, "0 ms"],
    [99.4, "99 ms"],
    [99.5, "0.1 s"],
    [9949, "9.9 s"],
    [9950, "10 s"],
    [59_499, "59 s"],
    [59_500, "1 min 0 s"],
    [185_000, "3 min 5 s"],
  ];
  for (const [ms, expected] of times) it(`${ms} ms are ${expected}`, () => assert.equal(seconds(ms), expected));
  const sizes: [number, string][] = [
    [12, "12 bytes"],
    [299_800, "293 KiB"],
    [7_444_889, "7.1 MiB"],
    [870_400_000, "830 MiB"],
    [2_740_000_000, "2.55 GiB"],
  ];
  for (const [bytes, expected] of sizes) {
    it(`${bytes} bytes are ${expected}`, () => assert.equal(size(bytes), expected));
  }
  it("know the singular", () => assert.match(figuresLine({ ...FIGURES, generatedTokens: 1 }), /^1 token in /));
});

describe("escapeMarkdown", () => {
  it("leaves nothing that Markdown could read", () => {
    assert.equal(escapeMarkdown("[a](command:x)"), "\\[a\\]\\(command\\:x\\)");
    assert.equal(escapeMarkdown("Qwen 3\n\n# b <i>"), "Qwen 3 \\# b \\<i\\>");
  });
});

describe("reports", () => {
  it("put problems first, and steps into a list", () => {
    const text = doctorReport([
      { topic: "GPU", verdict: "good", text: "Metal" },
      { topic: "model", verdict: "bad", text: "a|b\nc" },
    ]);
    const shown = ["- problem · **model**:", "  - a\\|b", "  - c", "- ok · **GPU**: Metal"];
    assert.deepEqual(text.split("\n").slice(2, -1), shown);
  });
  it("show names and paths as they are", () => {
    const text = doctorReport([{ topic: "model", verdict: "good", text: "C:\\m\\a_b_c.gguf <x> *y* [z](w) `v` $u$" }]);
    assert.match(text, /: C:\\\\m\\\\a\\_b\\_c\.gguf \\<x\\> \\\*y\\\* \\\[z\\\]\(w\) \\`v\\` \\\$u\\\$\n/);
  });
  const sentences: [Partial<PrefillOutcome>, string][] = [
    [{}, "12 files (12,034 tokens) were read in 4.4 s."],
    [{ cancelled: true }, "Reading was stopped; 12 files (12,034 tokens) are read and kept."],
    [{ origin: "snapshot", restoredMs: 900 }, "12 files (12,034 tokens) were restored from disk in 0.9 s."],
    [
      { origin: "memory", leftOut: [{ path: "x", reason: "y" }] },
      "12 files (12,034 tokens) were already read. 1 was not read.",
    ],
  ];
  for (const [more, expected] of sentences) {
    it(expected, () => assert.equal(outcomeSentence({ ...OUTCOME, ...more }), expected));
  }
  it("list what was not read", () => {
    const text = readingReport({ ...OUTCOME, leftOut: [{ path: "big.bin", reason: "binary" }], notes: ["n"] });
    assert.ok(text.includes("\n| big.bin | binary |\n") && text.includes("- n"), text);
  });
});

describe("models", () => {
  it("are rows with what a narrow list must not cut off: fit, size, licence, advice", () => {
    assert.deepEqual(modelRow(CHOICE), {
      label: "$(cloud-download) Qwen3.5-4B",
      description: "Fits with 65,536 tokens.",
      detail: "2.55 GiB · Apache-2.0 · the default",
    });
    assert.equal(modelRow({ ...CHOICE, recommended: true }).description, "recommended · Fits with 65,536 tokens.");
    const selected = modelRow({ ...CHOICE, installed: true, selected: true, licence: "" });
    assert.equal(selected.detail, "in use · the default");
    assert.match(selected.label, /^\$\(check\) /);
  });
  const hosts: [string | undefined, string | undefined][] = [
    ["https://models.example.org/a/b.gguf", "models.example.org"],
    ["https://models.example.org:8443/a", "models.example.org:8443"],
    ["http://models.example.org/a", undefined],
    ["models.example.org", undefined],
    [undefined, undefined],
  ];
  for (const [source, host] of hosts) {
    it(`the host of ${source} is ${host}`, () => assert.equal(hostOf({ ...CHOICE, source }), host));
  }
  it("find projectors beside a model", () => {
    const names = ["a.gguf", "mmproj-a-f16.gguf", "MMPROJ-b.GGUF", "mmproj.txt", "a-mmproj.gguf"];
    assert.deepEqual(projectorNames(names, "a-mmproj.gguf"), ["MMPROJ-b.GGUF", "mmproj-a-f16.gguf"]);
  });
});
