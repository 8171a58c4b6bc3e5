// Inline completion in the real server: what is typed through costs nothing, stale answers never come, and odd texts are no trouble.
import assert from "node:assert/strict";
import { InlineCompletionRequest, InlineCompletionTriggerKind } from "vscode-languageserver-protocol/node";
import { CompletionStatisticsRequest } from "../../server/src/protocol/completionMessages.ts";
import { StatusRequest } from "../../server/src/protocol/messages.ts";
import { type Session, settingsForTiny, withSession } from "./session.ts";

const PATH = "src/typed.ts";

/** A document as an editor has it, and what it sends about it. */
class Editor {
  readonly #session: Session;
  readonly #path: string;
  #text: string;
  #version = 1;

  constructor(session: Session, text: string, path = PATH) {
    this.#session = session;
    this.#path = path;
    this.#text = text;
  }

  open(languageId = "typescript"): Promise<void> {
    return this.#session.open(this.#path, this.#text, languageId);
  }

  /** One change event with several changes, as several cursors make it. */
  async insert(text: string, ...offsets: number[]): Promise<void> {
    this.#version += 1;
    const contentChanges = offsets
      .toSorted((a, b) => b - a)
      .map((offset) => {
        const at = this.position(offset);
        this.#text = this.#text.slice(0, offset) + text + this.#text.slice(offset);
        return { range: { start: at, end: at }, text };
      });
    const textDocument = { uri: this.#session.uri(this.#path), version: this.#version };
    await this.#session.connection.sendNotification("textDocument/didChange", { textDocument, contentChanges });
  }

  /** In UTF-16 units, line ends of both kinds. */
  position(offset: number): { line: number; character: number } {
    const before = this.#text.slice(0, offset).split(/\r\n|\n/);
    return { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
  }

  ask(offset: number, triggerKind: InlineCompletionTriggerKind = InlineCompletionTriggerKind.Invoked) {
    const textDocument = { uri: this.#session.uri(this.#path) };
    const params = { textDocument, position: this.position(offset), context: { triggerKind } };
    return this.#session.connection.sendRequest(InlineCompletionRequest.type, params) as Promise<
      { insertText: string; range: unknown; command?: { command: string; arguments?: unknown[] } }[] | null
    >;
  }

  get end(): number {
    return this.#text.length;
  }
}

const statisticsOf = (session: Session) => session.connection.sendRequest(CompletionStatisticsRequest.type, {});

/** The tiny model says something usable at one of these places; which, is the same on each machine. */
const PLACES = Array.from({ length: 40 }, (_, n) => `const value${n} = [${n}];\nexport const name${n} = `);

/** Opens documents until the model has something to suggest. */
async function suggested(session: Session): Promise<{ editor: Editor; text: string; id: unknown }> {
  for (const [n, text] of PLACES.entries()) {
    const editor = new Editor(session, text, `src/place${n}.ts`);
    await editor.open();
    const [item] = (await editor.ask(editor.end)) ?? [];
    const said = item?.insertText.split("\n")[0] ?? "";
    if (item !== undefined && [...said].length >= 3) {
      return { editor, text: item.insertText, id: item.command?.arguments?.[0] };
    }
  }
  return assert.fail("the tiny model suggests nothing anywhere");
}

describe("inline completion, typed along", () => {
  it("asks the model for nothing that is typed of a suggestion", () =>
    withSession({}, async (session) => {
      await session.ready();
      const { editor, text } = await suggested(session);
      for (const character of [...text].slice(0, 2)) {
        await editor.insert(character, editor.end);
        await editor.ask(editor.end, InlineCompletionTriggerKind.Automatic);
        const [newest] = (await statisticsOf(session)).recent;
        assert.equal(newest?.source, "typed");
        assert.equal(newest?.evaluatedTokens, 0);
      }
    }));

  it("counts what the user takes, told by a standard command", () =>
    withSession({}, async (session) => {
      await session.ready();
      const { editor, text, id } = await suggested(session);
      await editor.insert(text, editor.end);
      await session.connection.sendRequest("workspace/executeCommand", {
        command: "fathom.server.completionAccepted",
        arguments: [id],
      });
      const { accepted, shown, acceptedCharacters } = (await statisticsOf(session)).session;
      assert.deepEqual(
        { accepted, shown, acceptedCharacters },
        { accepted: 1, shown: 1, acceptedCharacters: text.length },
      );
    }));

  it("answers the newest of a hundred rapid changes alone", () =>
    withSession({ settings: settingsForTiny({ completion: { maxTokens: 100 } }) }, async (session) => {
      await session.ready();
      const editor = new Editor(session, "const total = ");
      await editor.open();
      const answers: Promise<unknown>[] = [];
      await session.unanswered(async () => {
        for (let key = 0; key < 100; key++) {
          await editor.insert("abcdefghij"[key % 10]!, editor.end);
          answers.push(editor.ask(editor.end, InlineCompletionTriggerKind.Automatic));
        }
      });
      const settled = await Promise.all(answers);
      assert.equal(settled.slice(0, -1).filter((answer) => answer !== null).length, 0);
      const { answered } = (await statisticsOf(session)).session;
      assert.equal(answered, 1);
    }));

  it("gives no answer for a text that has changed meanwhile", () =>
    withSession({ settings: settingsForTiny({ completion: { maxTokens: 100 } }) }, async (session) => {
      await session.ready();
      const editor = new Editor(session, "const total = ");
      await editor.open();
      let stale: Promise<unknown> | undefined;
      await session.unanswered(async () => {
        stale = editor.ask(editor.end);
        await editor.insert("§", 0);
      });
      assert.equal(await stale, null);
    }));

  it("gives several texts to choose from, the same one never twice, when asked by hand", () =>
    withSession({}, async (session) => {
      await session.ready();
      for (const [n, text] of PLACES.slice(0, 10).entries()) {
        const editor = new Editor(session, text, `src/choice${n}.ts`);
        await editor.open();
        const items = (await editor.ask(editor.end)) ?? [];
        const texts = items.map(({ insertText }) => insertText);
        assert.equal(new Set(texts).size, texts.length);
        if (texts.length > 1) return;
      }
      assert.fail("there was never more than one text");
    }));

  for (const [what, text] of [
    ["CRLF", "function f() {\r\n\tconst a = 1;\r\n\treturn \r\n}\r\n"],
    ["surrogate pairs", "const smile = '😀😀';\nconst other = \n"],
    ["tabs", "if (a) {\n\t\tb();\n\t\t\n}\n"],
    ["right-to-left text", "// שלום עולם\nconst greeting = '\n"],
  ] as const) {
    it(`answers at every place of ${what}, each in its turn`, () =>
      withSession({}, async (session) => {
        await session.ready();
        const editor = new Editor(session, text);
        await editor.open();
        for (let offset = 0; offset <= editor.end; offset += 5) {
          const items = await editor.ask(offset);
          const at = editor.position(offset);
          for (const { range } of items ?? []) assert.deepEqual(range, { start: at, end: at });
        }
        const { lastCompletion } = await session.connection.sendRequest(StatusRequest.type, null);
        assert.ok((lastCompletion?.reason ?? "") !== "");
        assert.ok((await statisticsOf(session)).session.answered > 3);
      }));
  }

  it("goes on from the item that is chosen in the suggest widget", () =>
    withSession({}, async (session) => {
      await session.ready();
      for (const [n, text] of PLACES.entries()) {
        const path = `src/chosen${n}.ts`;
        await session.open(path, `${text}foo.l`);
        const lines = `${text}foo.l`.split("\n");
        const end = { line: lines.length - 1, character: lines.at(-1)!.length };
        const range = { start: { ...end, character: end.character - 1 }, end };
        const context = { triggerKind: 1 as const, selectedCompletionInfo: { range, text: "length" } };
        const textDocument = { uri: session.uri(path) };
        const params = { textDocument, position: end, context };
        const items = (await session.connection.sendRequest(InlineCompletionRequest.type, params)) as
          | { insertText: string; range: unknown }[]
          | null;
        const [item] = items ?? [];
        if (item === undefined) continue;
        assert.ok(item.insertText.startsWith("length") && item.insertText.length > "length".length);
        assert.deepEqual(item.range, range);
        return;
      }
      assert.fail("the tiny model suggests nothing anywhere");
    }));

  it("is silent in comments where the settings say so, and only there", () =>
    withSession({ settings: settingsForTiny({ completion: { inComments: false } }) }, async (session) => {
      await session.ready();
      const editor = new Editor(session, "const a = 1; // a note\nconst b = ");
      await editor.open();
      const reasonAt = async (offset: number) => {
        await editor.ask(offset);
        return (await session.connection.sendRequest(StatusRequest.type, null)).lastCompletion?.reason ?? "";
      };
      // The first question of all may come before the parser is there.
      await reasonAt(20);
      assert.match(await reasonAt(20), /in a comment/);
      assert.doesNotMatch(await reasonAt(editor.end), /in a comment/);
    }));

  it("follows several cursors that type at once", () =>
    withSession({}, async (session) => {
      await session.ready();
      const editor = new Editor(session, "a = \nb = \nc = \n");
      await editor.open();
      await editor.insert("x", 4, 9, 14);
      await editor.ask(5);
      const [newest] = (await statisticsOf(session)).recent;
      assert.ok((newest?.promptTokens ?? 0) > 0);
    }));
});
