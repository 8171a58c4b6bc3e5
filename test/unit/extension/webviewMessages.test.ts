// Tests that only exactly known messages of the webviews get through.
import assert from "node:assert/strict";
import { isWebLink, readChatMessage, readPasteMessage } from "../../../extension/src/webviewMessages.ts";

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
