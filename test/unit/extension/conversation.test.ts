// Tests what a conversation sends to the server, keeps, and takes over.
import assert from "node:assert/strict";
import { Conversation, MAX_STORED_CHARS, MAX_STORED_ENTRIES } from "../../../extension/src/conversation.ts";
import type { ChatOutcome, Place } from "../../../server/src/protocol/messages.ts";

const PLACE: Place = {
  uri: "file:///w/a.ts",
  path: "a.ts",
  startLine: 1,
  endLine: 2,
  reason: "symbol a",
  preview: "function a() {",
};

function outcome(text: string, more: Partial<ChatOutcome> = {}): ChatOutcome {
  return { text, stopReason: "end", places: [], ...more };
}

function answered(...pairs: [string, string][]): Conversation {
  const conversation = new Conversation();
  for (const [question, answer] of pairs) {
    conversation.begin(question);
    conversation.finish(outcome(answer));
  }
  return conversation;
}

describe("Conversation", () => {
  it("gathers the events of an answer", () => {
    const conversation = new Conversation();
    conversation.begin("q");
    conversation.add({ kind: "places", places: [PLACE] });
    conversation.add({ kind: "thinking", text: "h" });
    conversation.add({ kind: "thinking", text: "m" });
    conversation.add({ kind: "note", text: "one file left out" });
    conversation.add({ kind: "text", text: "He" });
    conversation.add({ kind: "text", text: "y" });
    const entry = conversation.finish(
      outcome("", { stopReason: "maxTokens", notice: "demo one file left out It was cut off." }),
    );
    assert.deepEqual(entry, {
      role: "assistant",
      text: "Hey",
      thinking: "hm",
      places: [PLACE],
      notes: ["one file left out"],
      notice: "demo It was cut off.",
    });
    assert.equal(conversation.busy, false);
  });

  it("drops an event after the end", () => {
    const conversation = answered(["q", "a"]);
    conversation.add({ kind: "text", text: "late" });
    assert.equal(conversation.entries[1]?.text, "a");
  });

  it("sends answered questions and the one being asked", () => {
    const conversation = answered(["q1", "a1"]);
    conversation.begin("failed");
    conversation.fail({ message: "no" });
    conversation.begin("stopped");
    conversation.add({ kind: "text", text: "half" });
    conversation.cancel();
    conversation.begin("q2");
    assert.deepEqual(conversation.turns(), [
      { role: "user", text: "q1" },
      { role: "assistant", text: "a1" },
      { role: "user", text: "stopped" },
      { role: "assistant", text: "half" },
      { role: "user", text: "q2" },
    ]);
  });

  it("keeps finished entries only", () => {
    const conversation = answered(["q", "a"]);
    conversation.begin("running");
    assert.deepEqual(
      conversation.toStored().map((entry) => entry.text),
      ["q", "a"],
    );
  });

  it("keeps the newest pairs within its limits", () => {
    const many = answered(...Array.from({ length: MAX_STORED_ENTRIES }, (_, idx): [string, string] => [`${idx}`, "a"]));
    assert.equal(many.toStored().length, MAX_STORED_ENTRIES);
    assert.equal(many.toStored().at(-2)?.text, `${MAX_STORED_ENTRIES - 1}`);
    const long = answered(["old", "x".repeat(MAX_STORED_CHARS)], ["new", "a"]);
    assert.deepEqual(
      long.toStored().map((entry) => entry.text),
      ["new", "a"],
    );
  });

  it("takes over what it stored", () => {
    const conversation = new Conversation();
    conversation.begin("q");
    conversation.finish(outcome("a", { places: [PLACE], notice: "n" }));
    const again = new Conversation();
    again.restore(JSON.parse(JSON.stringify(conversation.toStored())));
    assert.deepEqual(again.entries, conversation.entries);
  });

  const broken: [string, unknown][] = [
    ["nothing", undefined],
    ["no list", { role: "user" }],
    ["an odd entry", [{ role: "user", text: "q" }]],
    [
      "roles the wrong way round",
      [
        { role: "assistant", text: "a" },
        { role: "user", text: "q" },
      ],
    ],
    [
      "no text",
      [
        { role: "user", text: 3 },
        { role: "assistant", text: "a" },
      ],
    ],
  ];
  for (const [name, stored] of broken) {
    it(`takes nothing over from ${name}`, () => {
      const conversation = new Conversation();
      conversation.restore(stored);
      assert.deepEqual(conversation.entries, []);
    });
  }

  it("leaves out places that are none", () => {
    const conversation = new Conversation();
    conversation.restore([
      { role: "user", text: "q" },
      { role: "assistant", text: "a", places: [PLACE, { uri: 1 }, null] },
    ]);
    assert.deepEqual(conversation.entries[1]?.places, [PLACE]);
  });

  it("refuses to end what has not begun", () => {
    assert.throws(() => new Conversation().cancel(), /without a running answer/);
  });
});
