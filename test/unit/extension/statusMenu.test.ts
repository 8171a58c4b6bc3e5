// Tests what the menu of the status bar item offers, by what is going on and what is switched off.
import assert from "node:assert/strict";
import { type CompletionState, isOnFor } from "../../../extension/src/completionState.ts";
import { menuRows } from "../../../extension/src/statusMenu.ts";
import type { ReadingProgress, Status } from "../../../server/src/protocol/messages.ts";

const READING: ReadingProgress = {
  purpose: "base",
  phase: "prefill",
  doneTokens: 100,
  totalTokens: 2000,
  doneFiles: 3,
  totalFiles: 9,
  file: "src/a.ts",
  tokensPerSecond: 800,
};
const ON: CompletionState = { enabled: true };

function status(more: Partial<Status> = {}): Status {
  return { state: "ready", message: "Ready.", engineRestarts: 0, ...more };
}

function labels(shown: Status, completions: CompletionState, words: RegExp): string[] {
  return menuRows(shown, completions)
    .map(({ label, description }) => [label.replace(/^\$\([\w-]+\) /, ""), description].filter(Boolean).join(" – "))
    .filter((label) => words.test(label));
}

describe("the menu", () => {
  const readings: [more: Partial<Status>, expected: string[]][] = [
    [{}, ["Read Workspace"]],
    [{ state: "reading", reading: READING }, ["Stop Reading", "Pause Reading"]],
    [{ reading: { ...READING, purpose: "compaction" } }, ["Read Workspace", "Pause Reading"]],
    [{ hold: "user" }, ["Read Workspace", "Resume Reading"]],
    [{ state: "reading", reading: READING, hold: "user" }, ["Stop Reading", "Resume Reading"]],
  ];
  for (const [more, expected] of readings) {
    it(`offers ${expected.join(" and ")}`, () =>
      assert.deepEqual(labels(status(more), ON, /^Read |Reading$/), expected));
  }

  const completions: [state: CompletionState, expected: string[]][] = [
    [ON, ["Switch Inline Completions Off", "Snooze Inline Completions…"]],
    [{ ...ON, enabled: false, language: { id: "go", on: true } }, ["Switch Inline Completions On"]],
    [
      { ...ON, language: { id: "go", on: true } },
      ["Switch Inline Completions Off", "Switch Inline Completions for go Off", "Snooze Inline Completions…"],
    ],
    [
      { ...ON, language: { id: "go", on: false }, snoozedUntil: "14:30" },
      [
        "Switch Inline Completions Off",
        "Switch Inline Completions for go On",
        "Snooze Inline Completions… – snoozed until 14:30",
      ],
    ],
  ];
  for (const [state, expected] of completions) {
    it(`says what it will do: ${expected[0]}, ${JSON.stringify(state)}`, () =>
      assert.deepEqual(labels(status(), state, /Inline/), expected));
  }

  it("begins with the way out of trouble", () => {
    assert.match(menuRows(status({ state: "failed" }), ON)[0]!.label, /Restart Language Server$/);
    assert.match(menuRows(status({ state: "untrusted" }), ON)[0]!.label, /Manage Workspace Trust$/);
  });
});

describe("a language", () => {
  const cases: [languages: Record<string, boolean>, expected: boolean][] = [
    [{}, true],
    [{ "*": false }, false],
    [{ "*": false, go: true }, true],
    [{ "*": true, go: false }, false],
  ];
  for (const [languages, expected] of cases) {
    it(`go is ${expected} in ${JSON.stringify(languages)}`, () => assert.equal(isOnFor(languages, "go"), expected));
  }
  it("has no name that every object knows", () => assert.equal(isOnFor({ "*": false }, "constructor"), false));
});
