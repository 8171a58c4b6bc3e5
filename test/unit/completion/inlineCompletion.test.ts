// Tests what the editor is answered and told: several texts, stale ones, items of the suggest widget.
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  CancellationToken,
  type Connection,
  type InlineCompletionItem,
  type InlineCompletionParams,
  InlineCompletionTriggerKind,
  type Range,
} from "vscode-languageserver/node";
import type { PromptPart } from "../../../engine/src/api.ts";
import { InlineCompletion, type InlineCompletionOptions } from "../../../server/src/completion/inlineCompletion.ts";
import { TotalsFile } from "../../../server/src/completion/totalsFile.ts";
import { Documents } from "../../../server/src/documents.ts";
import { CompletionStatisticsRequest } from "../../../server/src/protocol/completionMessages.ts";
import { DEFAULT_SETTINGS } from "../../../server/src/protocol/settings.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";
import { FakeEditor } from "../../fakes/fakeEditor.ts";
import { FIGURES, ScriptedEngine } from "../../fakes/scriptedEngine.ts";

const URI = "file:///w/a.ts";
const MODEL = { specialTexts: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"], fimTokens: {}, name: "test" };

type Handler = (params: InlineCompletionParams, token: CancellationToken) => Promise<InlineCompletionItem[] | null>;

const AT_FOUR: Range = { start: { line: 0, character: 4 }, end: { line: 0, character: 4 } };

/** An editor with one file, and everything behind it but the model. */
class Editor {
  readonly clock = new FakeClock();
  readonly engine = new ScriptedEngine();
  readonly fake = new FakeEditor();
  readonly warnings: string[] = [];
  /** What became of the newest completion. */
  reason = "";
  #handler: Handler | undefined;
  #version = 1;

  constructor(text: string) {
    const connection = {
      ...this.fake.connection,
      console: { warn: (line: string) => this.warnings.push(line) },
      languages: {
        inlineCompletion: {
          on: (handler: Handler) => {
            this.#handler = handler;
          },
        },
      },
    } as unknown as Connection;
    const syntax = { factsAt: async () => undefined, errorsAdded: async () => undefined };
    const context = { items: async () => [], refresh: async () => false, forget: () => {} };
    const active = { info: { ...MODEL, completionContextTokens: 4096 } };
    const parts = {
      connection,
      engine: {
        generate: (...asked: Parameters<ScriptedEngine["generate"]>) => this.engine.generate(...asked),
        countTokens: async (texts: string[]) => texts.map(({ length }) => length),
      },
      session: { active },
      settings: { current: DEFAULT_SETTINGS, latest: async () => DEFAULT_SETTINGS },
      status: {
        current: {},
        update: (change: { lastCompletion: { reason: string } }) => {
          this.reason = change.lastCompletion.reason;
        },
      },
      documents: new Documents(this.fake.connection),
      workspace: { name: "w", pathOf: () => "a.ts" },
      syntax,
      context,
      edits: { removedNear: () => [] },
      // Below a file nothing is written.
      totals: new TotalsFile(join(import.meta.filename, "totals.json"), this.clock),
      maySpeculate: () => false,
      clock: this.clock,
    };
    new InlineCompletion(parts as unknown as InlineCompletionOptions).register();
    this.fake.open(URI, text);
  }

  /** Asks by hand, unless an item is chosen in the suggest widget. */
  ask(character: number, chosen?: { range: Range; text: string }): Promise<InlineCompletionItem[] | null> {
    const { Invoked, Automatic } = InlineCompletionTriggerKind;
    const context = { triggerKind: chosen === undefined ? Invoked : Automatic, selectedCompletionInfo: chosen };
    const params = { textDocument: { uri: URI }, position: { line: 0, character }, context };
    return this.#handler!(params, CancellationToken.None);
  }

  change(text: string): void {
    this.fake.change(URI, text, ++this.#version);
  }

  /** What the newest request says. */
  async say(text: string): Promise<void> {
    await this.clock.settle();
    this.engine.newest.say(text);
    this.engine.newest.end();
    await this.clock.settle();
  }

  async evaluatedTokens(): Promise<number> {
    const statistics = await this.fake.call(CompletionStatisticsRequest.type.method, {}, CancellationToken.None);
    return (statistics as { session: { evaluatedTokens: number } }).session.evaluatedTokens;
  }
}

const textsOf = (items: InlineCompletionItem[] | null) => items?.map(({ insertText }) => insertText);
const promptOf = (parts: readonly PromptPart[]) =>
  parts.map((part) => ("special" in part ? part.special : part.text)).join("");

describe("completion: answering the editor", () => {
  it("gives several texts, and counts what each of them cost", async () => {
    const editor = new Editor("x = \n");
    const answer = editor.ask(4);
    for (const text of ["one;\n", "two;\n", "three;\n"]) await editor.say(text);
    assert.deepEqual(textsOf(await answer), ["one;", "two;", "three;"]);
    assert.equal(await editor.evaluatedTokens(), 3 * FIGURES.evaluatedTokens);
  });

  it("keeps the first text where further ones fail, and says so", async () => {
    const editor = new Editor("x = \n");
    const answer = editor.ask(4);
    await editor.clock.settle();
    const first = editor.engine.newest;
    editor.engine.generate = () => Promise.reject(new Error("no more"));
    first.say("one;\n");
    assert.deepEqual(textsOf(await answer), ["one;"]);
    assert.deepEqual(editor.warnings, ["No further completions: no more"]);
  });

  it("ends the making of further texts when the user types, and gives none", async () => {
    const editor = new Editor("x = \n");
    const answer = editor.ask(4);
    await editor.say("one;\n");
    assert.equal(editor.engine.live.length, 1);
    editor.change("x = y\n");
    assert.equal(editor.engine.live.length, 0);
    assert.equal(await answer, null);
    assert.equal(editor.reason, "the user typed on");
  });

  it("tells what became of the newest request alone", async () => {
    const editor = new Editor("x = \n");
    const first = editor.ask(4);
    for (const text of ["one;\n", "two;\n", "three;\n"]) await editor.say(text);
    await first;
    const old = editor.ask(0);
    await editor.clock.settle();
    const { range } = (await editor.ask(4, { range: AT_FOUR, text: "" }))![0]!;
    assert.deepEqual(range, AT_FOUR);
    assert.equal(await old, null);
    assert.equal(editor.reason, "shown");
  });

  it("gives the model no text that the chosen item takes the place of", async () => {
    const editor = new Editor("x.lenOld = 1\n");
    const range = { start: { line: 0, character: 2 }, end: { line: 0, character: 8 } };
    const answer = editor.ask(5, { range, text: "length" });
    await editor.clock.pass(1000);
    assert.match(promptOf(editor.engine.newest.request.parts), /x\.length<\|fim_suffix\|> = 1/);
    editor.engine.newest.say("Of");
    editor.engine.newest.end();
    await answer;
  });
});
