// Tests which turns of a conversation go when the context is short.
import assert from "node:assert/strict";
import type { ChatMessage } from "../../../engine/src/api.ts";
import { fitConversation } from "../../../server/src/chat/fitConversation.ts";
import { canonicalUri } from "../../../server/src/uris.ts";

const countTokens = async (texts: string[]) => texts.map((text) => text.length);
const message = (role: ChatMessage["role"], text: string): ChatMessage => ({ role, content: [{ text }] });
const TALK = [
  message("system", "s"),
  message("user", "a".repeat(50)),
  message("assistant", "b".repeat(50)),
  message("user", "c".repeat(50)),
  message("assistant", "d".repeat(50)),
  message("user", "question"),
];

describe("fitConversation", () => {
  const cases: [room: number, kept: string, dropped: number][] = [
    [1000, "sabcdq", 0],
    [200, "scdq", 2],
    [60, "sq", 4],
    [0, "sq", 4],
  ];
  for (const [room, kept, dropped] of cases) {
    it(`keeps ${kept} in ${room} tokens`, async () => {
      const { messages, droppedTurns, fits } = await fitConversation(TALK, room, countTokens);
      assert.equal(fits, room > 0);
      const letters = messages.map(({ content: [part] }) => (part !== undefined && "text" in part ? part.text[0] : ""));
      assert.equal(letters.join(""), kept);
      assert.equal(droppedTurns, dropped);
    });
  }
});

describe("canonicalUri", () => {
  const cases: [spelled: string, canonical: string][] = [
    ["file:///r/%28shop%29/a.ts", "file:///r/(shop)/a.ts"],
    ["file:///r/%40acme/a%2Bb.ts", "file:///r/@acme/a+b.ts"],
    ["file:///r/plain.ts", "file:///r/plain.ts"],
    ["file:///r/sm%C3%B6r%20g.ts", "file:///r/sm%C3%B6r%20g.ts"],
    ["untitled:Untitled-1", "untitled:Untitled-1"],
    ["file://host/share/a.ts", "file://host/share/a.ts"],
  ];
  for (const [spelled, canonical] of cases) {
    it(`spells ${spelled} in one way`, () => assert.equal(canonicalUri(spelled), canonical));
  }
});
