// Tests what the context map offers in each state, and when it is asked for again.
import assert from "node:assert/strict";
import { MAP_COMMANDS, mapActions, mapKey } from "../../../extension/src/contextMapActions.ts";
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

const BASE: NonNullable<Status["base"]> = {
  tokens: 2000,
  totalTokens: 2000,
  files: 9,
  outlines: 0,
  leftOut: 0,
  origin: "computed",
};

function status(more: Partial<Status> = {}): Status {
  return { state: "ready", message: "Ready.", engineRestarts: 0, ...more };
}

describe("the context map offers", () => {
  const cases: [name: string, status: Partial<Status>, commands: string[]][] = [
    ["to read what was not read", {}, ["fathom.readWorkspace"]],
    ["nothing when all is read", { base: BASE }, []],
    ["to pause while reading", { state: "reading", reading: READING }, ["fathom.pauseReading"]],
    ["to pause a compaction", { base: BASE, reading: { ...READING, purpose: "compaction" } }, ["fathom.pauseReading"]],
    ["to resume after a pause", { state: "reading", reading: READING, hold: "user" }, ["fathom.resumeReading"]],
    ["to resume when nothing is read, too", { base: BASE, hold: "user" }, ["fathom.resumeReading"]],
    ["to pause on battery", { state: "reading", reading: READING, hold: "battery" }, ["fathom.pauseReading"]],
    ["a model where there is none", { state: "noModel" }, ["fathom.getModel"]],
    ["trust in the restricted mode", { state: "untrusted" }, ["workbench.trust.manage"]],
    ["a restart when the engine is off", { state: "failed" }, ["fathom.restartServer"]],
    ["nothing while the model is loaded", { state: "loading" }, []],
  ];
  for (const [name, more, commands] of cases) {
    it(name, () => {
      const offered = mapActions(status(more));
      assert.deepEqual(
        offered.map(({ command }) => command),
        commands,
      );
      for (const { command } of offered) assert.ok(MAP_COMMANDS.has(command), command);
    });
  }
});

describe("the context map is asked for again", () => {
  const reading = (more: Partial<ReadingProgress>) => status({ state: "reading", reading: { ...READING, ...more } });
  const isAsked = (before: Status, after: Status) => mapKey(before) !== mapKey(after);

  it("when a twentieth more is read, not with each chunk", () => {
    assert.equal(isAsked(reading({}), reading({ doneTokens: 199, file: "b", secondsLeft: 9 })), false);
    assert.equal(isAsked(reading({}), reading({ doneTokens: 200 })), true);
  });
  const changes: [name: string, before: Status, after: Status][] = [
    ["when reading begins", status(), reading({})],
    ["when the files are known", reading({ phase: "tokenize", totalTokens: 0 }), reading({ doneTokens: 0 })],
    ["when reading ends", reading({}), status({ base: BASE })],
    [
      "when a file changes",
      status({ base: BASE }),
      status({ base: BASE, overlay: { files: 1, tokens: 5, onlyNamed: 0 } }),
    ],
    ["when reading is paused", reading({}), { ...reading({}), hold: "user" }],
    ["when the workspace is trusted", status({ state: "untrusted" }), status()],
  ];
  for (const [name, before, after] of changes) it(name, () => assert.equal(isAsked(before, after), true));

  it("not for a message or a completion", () => {
    const after = status({ message: "Other.", lastCompletion: { reason: "shown" }, engineRestarts: 1 });
    assert.equal(isAsked(status(), after), false);
    assert.equal(isAsked({ ...reading({}), hold: "typing" }, reading({})), false);
  });
});
