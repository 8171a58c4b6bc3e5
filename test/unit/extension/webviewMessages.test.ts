// Tests that only exactly known messages of the webviews get through.
import assert from "node:assert/strict";
import {
  isWebLink,
  readChatMessage,
  readContextMapMessage,
  readPasteMessage,
} from "../../../extension/src/webviewMessages.ts";

function accepts(posted: unknown): void {
  assert.deepEqual(readChatMessage(posted), posted);
}

function drops(posted: unknown): void {
  assert.equal(readChatMessage(posted), undefined);
}

describe("readChatMessage", () => {
  const good: unknown[] = [
    { kind: "ready", payload: null },
    { kind: "ask", payload: { text: "where?" } },
    { kind: "openPlace", payload: { uri: "file:///a/b.ts", startLine: 0, endLine: 4 } },
    { kind: "openLink", payload: { href: "https://example.org/a" } },
    { kind: "copy", payload: { text: "" } },
    { kind: "action", payload: { command: "fathom.getModel" } },
  ];
  for (const posted of good) it(`takes ${JSON.stringify(posted)}`, () => accepts(posted));

  const bad: unknown[] = [
    undefined,
    "ready",
    { kind: "ready" },
    { kind: "ready", payload: {} },
    { kind: "constructor", payload: null },
    { kind: "ask", payload: { text: "  \n" } },
    { kind: "ask", payload: { text: 7 } },
    { kind: "ask", payload: { text: "x".repeat(400_001) } },
    { kind: "openPlace", payload: { uri: "file:///a", startLine: -1, endLine: 0 } },
    { kind: "openPlace", payload: { uri: "file:///a", startLine: 0.5, endLine: 1 } },
    { kind: "openPlace", payload: { uri: 1, startLine: 0, endLine: 1 } },
    { kind: "openLink", payload: { href: "command:workbench.action.quit" } },
    { kind: "openLink", payload: { href: "file:///etc/passwd" } },
    { kind: "action", payload: { command: "workbench.action.terminal.sendSequence" } },
    { kind: "action", payload: { command: "fathom.acceptEdit" } },
  ];
  for (const posted of bad) it(`drops ${JSON.stringify(posted)?.slice(0, 80)}`, () => drops(posted));

  it("takes over known fields only", () => {
    const read = readChatMessage({ kind: "ask", payload: { text: "a", __proto__: { x: 1 }, more: 2 }, extra: 3 });
    assert.deepEqual(read, { kind: "ask", payload: { text: "a" } });
  });
  it("turns an end before the start into the start", () => {
    const payload = { uri: "file:///a", startLine: 5, endLine: 2 };
    assert.deepEqual(readChatMessage({ kind: "openPlace", payload }), {
      kind: "openPlace",
      payload: { ...payload, endLine: 5 },
    });
  });
});

describe("readPasteMessage", () => {
  it("takes an image and a cancel", () => {
    for (const posted of [
      { kind: "use", payload: { imageBase64: "AAAA" } },
      { kind: "cancel", payload: null },
    ]) {
      assert.deepEqual(readPasteMessage(posted), posted);
    }
  });
  it("drops the messages of the chat", () =>
    assert.equal(readPasteMessage({ kind: "stop", payload: null }), undefined));
});

describe("readContextMapMessage", () => {
  const inside = "file:///w/src/a.ts";
  const read = (posted: unknown) => readContextMapMessage(posted, new Set([inside]));

  const good: unknown[] = [
    { kind: "ready", payload: null },
    { kind: "open", payload: { uri: inside } },
    { kind: "action", payload: { command: "fathom.pauseReading" } },
    { kind: "action", payload: { command: "workbench.trust.manage" } },
  ];
  for (const posted of good) it(`takes ${JSON.stringify(posted)}`, () => assert.deepEqual(read(posted), posted));

  const bad: unknown[] = [
    null,
    [],
    "open",
    { kind: "open" },
    { kind: ["open"], payload: { uri: inside } },
    { kind: "toString", payload: null },
    { kind: "__proto__", payload: null },
    { kind: "ready", payload: { uri: inside } },
    { kind: "open", payload: { uri: "file:///etc/passwd" } },
    { kind: "open", payload: { uri: "file:///w/src/../../etc/passwd" } },
    { kind: "open", payload: { uri: "file:///w/src/a.ts/../b.ts" } },
    { kind: "open", payload: { uri: "file:///w/src/%61.ts" } },
    { kind: "open", payload: { uri: "command:workbench.action.quit" } },
    { kind: "open", payload: { uri: [inside] } },
    { kind: "open", payload: { uri: { toString: () => inside } } },
    { kind: "open", payload: { uri: "" } },
    { kind: "open", payload: inside },
    { kind: "action", payload: { command: "fathom.acceptEdit" } },
    { kind: "action", payload: { command: "workbench.action.terminal.sendSequence" } },
    { kind: "action", payload: { command: ["fathom.pauseReading"] } },
    { kind: "action", payload: { command: "fathom.pauseReading " } },
    { kind: "action", payload: null },
    { kind: "ask", payload: { text: "hello" } },
  ];
  for (const posted of bad) it(`drops ${JSON.stringify(posted)}`, () => assert.equal(read(posted), undefined));

  it("opens nothing before a map was sent", () => {
    const posted = { kind: "open", payload: { uri: inside } };
    assert.equal(readContextMapMessage(posted, new Set()), undefined);
  });
  it("takes over known fields only", () => {
    const posted = { kind: "open", payload: { uri: inside, selection: [0, 9] }, more: 1 };
    assert.deepEqual(read(posted), { kind: "open", payload: { uri: inside } });
  });
});

describe("isWebLink", () => {
  const cases: [string, boolean][] = [
    ["https://example.org", true],
    ["HTTP://example.org/x?y#z", true],
    ["javascript:alert(1)", false],
    [" vscode://file/x", false],
    ["//example.org", false],
    ["", false],
  ];
  for (const [href, expected] of cases) it(`${href} is ${expected}`, () => assert.equal(isWebLink(href), expected));
});
