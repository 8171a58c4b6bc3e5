// Tests what surrounds the model's answers: conversation prompts, taking code out of an answer, settings, error codes.
import assert from "node:assert/strict";
import fc from "fast-check";
import { EngineError } from "../../../engine/src/api.ts";
import { ChatPrompt } from "../../../server/src/chat/chatPrompt.ts";
import { extractReplacement } from "../../../server/src/edit/editFormat.ts";
import { fencedBlock, fenceLanguage } from "../../../server/src/fences.ts";
import { ModelLibraryError } from "../../../server/src/models/library.ts";
import { promptText } from "../../../server/src/promptTexts.ts";
import { FathomErrorCodes } from "../../../server/src/protocol/errors.ts";
import { DEFAULT_SETTINGS, parseSettings } from "../../../server/src/protocol/settings.ts";
import { asResponseError, cutOffNote, joinNotes, RequestError } from "../../../server/src/requests.ts";

const place = { uri: "file:///a.ts", path: "a.ts", startLine: 4, endLine: 5, reason: "", preview: "" };
const user = (text: string) => ({ role: "user" as const, text });

describe("ChatPrompt", () => {
  const textOf = (prompt: ChatPrompt, turns: Parameters<ChatPrompt["messages"]>[1], text: string | undefined) =>
    prompt
      .messages([], turns, [{ place, text }])
      .map(({ content: [first] }) => (first !== undefined && "text" in first ? first.text : ""));

  it("numbers the lines of an excerpt from its place on", () => {
    const [, question] = prompt(["q"], "one\ntwo");
    assert.match(question ?? "", /a\.ts:5-6\n5: one\n6: two/);
  });

  it("names only the place when the model has read the file", () => {
    const [, question] = prompt(["q"], undefined);
    assert.ok(question?.endsWith("a.ts:5-6"));
  });

  it("repeats earlier questions word for word, so that their tokens are reused", () => {
    const chat = new ChatPrompt();
    const first = textOf(chat, [user("q")], "one")[1];
    const answer = { role: "assistant" as const, text: "a" };
    const later = textOf(chat, [user("q"), answer, user("next")], "two");
    assert.equal(later[1], first);
    assert.notEqual(first, "q");
  });

  it("leaves a question without places alone", () => {
    const messages = new ChatPrompt().messages([], [user("q")], []);
    assert.deepEqual(messages[1]?.content, [{ text: "q" }]);
  });

  function prompt(questions: string[], text: string | undefined): string[] {
    return textOf(new ChatPrompt(), questions.map(user), text);
  }
});

describe("extractReplacement", () => {
  const cases: [what: string, answer: string, original: string, expected: string | undefined][] = [
    ["takes the fenced block", "Here:\n```ts\nnew();\n```\nDone.", "old();\n", "new();\n"],
    ["takes bare code", "new();", "old();\n", "new();\n"],
    ["takes a block that was cut off", "```ts\nnew();\nmore", "old();\n", "new();\nmore\n"],
    ["adds no line break where there was none", "```\nnew()\n```", "old()", "new()"],
    ["keeps indentation", "```\n    new();\n```", "    old();\n", "    new();\n"],
    ["keeps a fence inside a longer fence", "````md\n```\nx\n```\n````", "old", "```\nx\n```"],
    ["has nothing to take from an empty block", "```\n```", "old();\n", undefined],
    ["has nothing to take from an empty answer", "", "old();\n", undefined],
  ];
  for (const [what, answer, original, expected] of cases) {
    it(what, () => assert.equal(extractReplacement(answer, original), expected));
  }

  it("reads the fence's language", () => {
    assert.equal(fenceLanguage("```TSX\na\n```"), "tsx");
    assert.equal(fenceLanguage("```\na\n```"), undefined);
    assert.equal(fencedBlock("no fence"), undefined);
  });
});

describe("settings", () => {
  it("takes what is right and reports what is wrong", () => {
    const { settings, problems } = parseSettings({ chat: { maxTokens: 12, thinking: "yes" }, unknown: 1 });
    assert.equal(settings.chat.maxTokens, 12);
    assert.equal(settings.chat.thinking, false);
    assert.deepEqual(problems, ["The setting fathom.chat.thinking is not true or false; false is used."]);
  });

  it("never throws and always gives complete settings", () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        const { settings } = parseSettings(input);
        assert.deepEqual(Object.keys(settings), Object.keys(DEFAULT_SETTINGS));
      }),
    );
  });
});

describe("errors", () => {
  const cases: [error: unknown, code: number, message: string][] = [
    [new RequestError(FathomErrorCodes.badRequest, "Bad."), FathomErrorCodes.badRequest, "Bad."],
    [new EngineError("modelMissing", "Gone."), FathomErrorCodes.modelUnusable, "Gone."],
    [new EngineError("engineStopped", "Off."), FathomErrorCodes.engineStopped, "Off."],
    [new ModelLibraryError("Unknown."), FathomErrorCodes.modelUnusable, "Unknown."],
    [new TypeError("x is undefined"), FathomErrorCodes.engineFailed, "Fathom failed: x is undefined"],
    ["text", FathomErrorCodes.engineFailed, "Fathom failed: text"],
  ];
  for (const [error, code, message] of cases) {
    it(`answers ${String(error)} with its code and sentence`, () => {
      const answer = asResponseError(error);
      assert.deepEqual([answer.code, answer.message], [code, message]);
    });
  }

  it("says why an answer is not whole", () => {
    assert.equal(joinNotes(undefined, cutOffNote("end")), undefined);
    assert.equal(joinNotes("A.", cutOffNote("maxTokens")), "A. The answer was cut off at the length limit.");
  });
});

describe("prompt texts", () => {
  it("fill their marks once and leave unknown ones visible", () => {
    const text = promptText("question", { question: "{{places}}" });
    assert.ok(text.startsWith("{{places}}"));
    assert.ok(text.endsWith("{{places}}"));
  });
});
