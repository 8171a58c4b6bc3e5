// The language server as an editor sees it: real process, real LSP, real engine on the tiny model.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createMessageConnection,
  ErrorCodes,
  FileChangeType,
  type InitializeResult,
  IPCMessageReader,
  IPCMessageWriter,
  LSPErrorCodes,
  type WorkDoneProgressReport,
} from "vscode-languageserver-protocol/node";
import { FathomErrorCodes } from "../../server/src/protocol/errors.ts";
import {
  type AnswerEvent,
  EditRequest,
  PrefillRequest,
  RestartEngineRequest,
  ScreenshotRequest,
  SearchRequest,
  StatusRequest,
} from "../../server/src/protocol/messages.ts";
import { FILES, HALF_FUNCTION, question, SERVER, Session, settingsForTiny, withSession } from "./session.ts";

const SCREENSHOT = fileURLToPath(new URL("../fixtures/screenshot.png", import.meta.url));
const AFTER_RETURN = { line: 1, character: 9 };

describe("language server", () => {
  it("says what it can do, gets ready and ends with its engine", async () => {
    const session = new Session({});
    const { capabilities } = await session.initialize({});
    assert.equal(capabilities.inlineCompletionProvider, true);
    assert.deepEqual(capabilities.textDocumentSync, { openClose: true, change: 2, save: true });
    const status = await session.ready();
    assert.equal(status.model?.contextTokens, 8192);
    assert.equal(status.model?.canFillInMiddle, true);
    const pid = await session.enginePid();
    assert.equal(await session.end(), 0);
    assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  });

  it("speaks over node IPC too, as VS Code starts it", async () => {
    const child = fork(SERVER, ["--node-ipc"], { execArgv: [], silent: true });
    const connection = createMessageConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
    connection.listen();
    const params = { processId: process.pid, rootUri: null, capabilities: {} };
    const result = await connection.sendRequest<InitializeResult>("initialize", params);
    assert.equal(result.serverInfo?.name, "Fathom");
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await connection.sendRequest("shutdown");
    await connection.sendNotification("exit");
    assert.equal(await ended, 0);
    connection.dispose();
  });

  it("ends at once when an editor over node IPC has gone, which it does not ask for by a number", async () => {
    const child = fork(SERVER, ["--node-ipc"], { execArgv: [], silent: true });
    const connection = createMessageConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
    connection.listen();
    await connection.sendRequest("initialize", { processId: null, rootUri: null, capabilities: {} });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    connection.dispose();
    child.disconnect();
    assert.equal(await ended, 1);
  });

  it("takes settings from the start options of a client that cannot be asked", () =>
    withSession({ asksConfiguration: false, capabilities: {} }, async (session) => {
      assert.equal((await session.ready()).model?.contextTokens, 8192);
    }));

  it("names the setting that is wrong and goes on with the default", () =>
    withSession({ settings: { ...settingsForTiny(), completion: { maxTokens: "many" } } }, async (session) => {
      await session.ready();
      const wanted = "The setting fathom.completion.maxTokens is not a whole number from 1 to 2048; 96 is used.";
      assert.ok(session.logs.some((line) => line.includes(wanted)));
    }));
});

describe("inline completion over LSP", () => {
  it("answers at a cursor and tells its figures", () =>
    withSession({}, async (session) => {
      await session.ready();
      await session.open("src/new.ts", HALF_FUNCTION);
      const items = await session.complete("src/new.ts", AFTER_RETURN);
      const { lastCompletion } = await session.connection.sendRequest(StatusRequest.type, null);
      const figures = lastCompletion?.figures;
      assert.ok(figures !== undefined && figures.generatedTokens > 0 && figures.generatedTokens <= 16);
      assert.equal(figures.reusedTokens + figures.evaluatedTokens, figures.promptTokens);
      if (items === null) assert.notEqual(lastCompletion?.reason, "shown");
      else assert.deepEqual(items[0]?.range, { start: AFTER_RETURN, end: AFTER_RETURN });
    }));

  it("pays only for the changed line when the user types on", () =>
    withSession({}, async (session) => {
      await session.ready();
      const lines = Array.from({ length: 60 }, (_, index) => `const value${index} = ${index};\n`).join("");
      await session.open("src/long.ts", `${lines}return `);
      await session.complete("src/long.ts", { line: 60, character: 7 });
      await session.change("src/long.ts", 2, `${lines}return v`);
      await session.complete("src/long.ts", { line: 60, character: 8 });
      const { lastCompletion } = await session.connection.sendRequest(StatusRequest.type, null);
      const figures = lastCompletion?.figures;
      assert.ok(figures !== undefined && figures.promptTokens > 500);
      assert.ok(figures.evaluatedTokens < 40, `evaluated ${figures.evaluatedTokens} tokens`);
    }));

  it("keeps only the newest of many rapid requests", () =>
    withSession({ settings: settingsForTiny({ completion: { maxTokens: 200 } }) }, async (session) => {
      await session.ready();
      await session.open("src/new.ts", HALF_FUNCTION);
      const answers: Promise<unknown>[] = [];
      await session.unanswered(async () => {
        for (let version = 2; version < 22; version++) {
          await session.change("src/new.ts", version, HALF_FUNCTION.replace("return ", `return a${version}`));
          answers.push(session.complete("src/new.ts", { line: 1, character: 10 + String(version).length }));
        }
      });
      const settled = await Promise.all(answers);
      assert.equal(settled.slice(0, -1).filter((answer) => answer !== null).length, 0);
    }));

  it("ends a cancelled request without an answer, and the next one works", () =>
    withSession({ settings: settingsForTiny({ completion: { maxTokens: 500 } }) }, async (session) => {
      await session.ready();
      await session.open("src/new.ts", HALF_FUNCTION);
      const source = session.cancellation();
      const pending = session.complete("src/new.ts", AFTER_RETURN, source.token);
      source.cancel();
      // The library may answer a cancelled request itself; either way there is nothing to show.
      const answer = await pending.catch((error: { code: number }) => {
        assert.equal(error.code, LSPErrorCodes.RequestCancelled);
        return null;
      });
      assert.equal(answer, null);
      await session.complete("src/new.ts", { line: 0, character: 0 });
      const { lastCompletion } = await session.connection.sendRequest(StatusRequest.type, null);
      assert.ok((lastCompletion?.figures?.generatedTokens ?? 0) > 0);
    }));

  for (const [what, text, position] of [
    ["CRLF", "const a = 1;\r\nconst b = \r\n", { line: 1, character: 10 }],
    ["surrogate pairs", "const smile = '😀😀'; const x = \n", { line: 0, character: 30 }],
    ["a position past the end", "a\n", { line: 99, character: 99 }],
    ["an empty document", "", { line: 0, character: 0 }],
  ] as const) {
    it(`survives ${what}`, () =>
      withSession({}, async (session) => {
        await session.ready();
        await session.open("src/odd.ts", text);
        await session.complete("src/odd.ts", position);
        const { lastCompletion } = await session.connection.sendRequest(StatusRequest.type, null);
        assert.ok((lastCompletion?.figures?.promptTokens ?? 0) > 0, lastCompletion?.reason);
      }));
  }

  it("does not read a file that may hold secrets", () =>
    withSession({}, async (session) => {
      await session.ready();
      await session.open(".env", "A=", "plaintext");
      assert.equal(await session.complete(".env", { line: 0, character: 2 }), null);
      const { lastCompletion } = await session.connection.sendRequest(StatusRequest.type, null);
      assert.match(lastCompletion?.reason ?? "", /^\.env may hold secrets/);
    }));

  it("says why it shows nothing when switched off in the settings", () =>
    withSession({}, async (session) => {
      await session.ready();
      await session.open("src/new.ts", HALF_FUNCTION);
      await session.changeSettings(settingsForTiny({ completion: { enabled: false } }));
      assert.equal(await session.complete("src/new.ts", AFTER_RETURN), null);
      const { lastCompletion } = await session.connection.sendRequest(StatusRequest.type, null);
      assert.match(lastCompletion?.reason ?? "", /switched off/);
    }));
});

describe("questions over LSP", () => {
  it("shows where to look before the first word, then streams what it returns", () =>
    withSession({}, async (session) => {
      await session.ready();
      const { outcome, events } = await session.ask(question("Where is parseHeader defined?"));
      const [first] = events;
      assert.ok(first?.kind === "places");
      assert.equal(first.places[0]?.path, "src/parser.ts");
      assert.equal(first.places[0]?.symbol, "parseHeader");
      const streamed = events.map((event) => (event.kind === "text" ? event.text : "")).join("");
      assert.equal(streamed, outcome.text);
      assert.ok((outcome.figures?.generatedTokens ?? 0) > 0);
    }));

  it("reuses the conversation for the next question", () =>
    withSession({}, async (session) => {
      await session.ready();
      await session.connection.sendRequest(PrefillRequest.type, {});
      const first = { role: "user" as const, text: "What does renderTitle do?" };
      const { outcome } = await session.ask({ turns: [first] });
      const answer = { role: "assistant" as const, text: outcome.text };
      const next = await session.ask({ turns: [first, answer, { role: "user", text: "And parseHeader?" }] });
      const before = outcome.figures!;
      const after = next.outcome.figures!;
      assert.ok(after.reusedTokens > before.reusedTokens, `${after.reusedTokens} of ${after.promptTokens} reused`);
    }));

  it("answers with the places alone when no model is set", () =>
    withSession({ settings: settingsForTiny({ model: { path: "", demo: false } }) }, async (session) => {
      const status = await session.status(({ state }) => state === "noModel");
      assert.match(status.message, /Get Model/);
      const { outcome } = await session.ask(question("parseHeader"));
      assert.equal(outcome.figures, undefined);
      assert.equal(outcome.places[0]?.path, "src/parser.ts");
      assert.match(outcome.notice ?? "", /No model is set/);
    }));

  it("stops when cancelled and keeps what was said", () =>
    withSession({ settings: settingsForTiny({ chat: { maxTokens: 4000 } }) }, async (session) => {
      await session.ready();
      const source = session.cancellation();
      const pending = session.ask(question("parseHeader"), source.token);
      source.cancel();
      const { outcome, events } = await pending;
      assert.equal(outcome.stopReason, "cancelled");
      const streamed = events.map((event) => (event.kind === "text" ? event.text : "")).join("");
      assert.equal(streamed, outcome.text);
      const { outcome: next } = await session.ask({ turns: [{ role: "user", text: "renderTitle" }] });
      assert.notEqual(next.stopReason, "cancelled");
    }));

  it("refuses an empty question with a sentence", () =>
    withSession({}, async (session) => {
      await session.ready();
      const expected = { code: FathomErrorCodes.badRequest, message: "There is no question to answer." };
      await assert.rejects(session.ask(question("  ")), expected);
    }));

  it("leaves out the oldest turns when the context is short, and says so", () =>
    withSession({ settings: settingsForTiny({ context: { maxTokens: 4096 } }) }, async (session) => {
      await session.ready();
      const old = { role: "user" as const, text: "x y z ".repeat(700) };
      const answer = { role: "assistant" as const, text: "yes" };
      const { outcome, events } = await session.ask({ turns: [old, answer, { role: "user", text: "parseHeader" }] });
      assert.notEqual(outcome.stopReason, "cancelled");
      assert.ok(events.some((event) => event.kind === "note" && /the oldest 2 turns were left out/.test(event.text)));
    }));

  it("tells the model which files were deleted since it read them", () =>
    withSession({}, async (session) => {
      await session.ready();
      const read = await session.connection.sendRequest(PrefillRequest.type, {});
      const before = (await session.ask(question("zzz"))).outcome.figures!;
      session.remove("src/render.ts");
      await session.fileEvent("src/render.ts", FileChangeType.Deleted);
      const after = (await session.ask(question("zzz"))).outcome.figures!;
      assert.equal(after.reusedTokens, read.figures.promptTokens);
      assert.ok(after.promptTokens > before.promptTokens);
    }));

  it("answers from an open document as it is in the editor, without reading the base again", () =>
    withSession({}, async (session) => {
      await session.ready();
      const read = await session.connection.sendRequest(PrefillRequest.type, {});
      await session.open("src/parser.ts", `${FILES["src/parser.ts"]}export const added = 1;\n`);
      const { outcome } = await session.ask(question("What is added?"));
      assert.equal(outcome.figures?.reusedTokens, read.figures.promptTokens);
      assert.equal(outcome.places[0]?.path, "src/parser.ts");
    }));
});

describe("reading the workspace over LSP", () => {
  it("reports progress, saves, and restores after the engine restarts", () =>
    withSession({ files: { ...FILES, "src/long.ts": longFile() } }, async (session) => {
      await session.ready();
      const { events, partialResultToken } = session.collect<WorkDoneProgressReport>();
      const first = await session.connection.sendRequest(PrefillRequest.type, { workDoneToken: partialResultToken });
      assert.equal(first.origin, "computed");
      assert.equal(first.figures.evaluatedTokens, first.figures.promptTokens);
      assert.equal(first.files, 4);
      assert.ok((first.savedBytes ?? 0) > 0, first.notes.join(" "));
      const shares = events.filter(({ kind }) => kind === "report").map((event) => event.percentage ?? 0);
      assert.ok(shares.length > 2);
      assert.deepEqual(
        shares,
        shares.toSorted((a, b) => a - b),
      );
      const again = await session.connection.sendRequest(PrefillRequest.type, {});
      assert.equal(again.origin, "memory");
      assert.equal(again.figures.evaluatedTokens, 0);
      await session.connection.sendRequest(RestartEngineRequest.type, null);
      const restored = await session.connection.sendRequest(PrefillRequest.type, {});
      assert.equal(restored.origin, "snapshot", restored.notes.join(" "));
      assert.equal(restored.figures.evaluatedTokens, 0);
    }));

  it("keeps what was read when it is cancelled", () =>
    withSession({ files: { ...FILES, "src/long.ts": longFile() } }, async (session) => {
      await session.ready();
      const source = session.cancellation();
      const reading = session.nextStatus(({ reading }) => reading?.phase === "prefill" && reading.doneTokens > 0);
      const pending = session.connection.sendRequest(PrefillRequest.type, {}, source.token);
      await reading;
      source.cancel();
      const stopped = await pending;
      assert.equal(stopped.cancelled, true);
      assert.ok(stopped.figures.evaluatedTokens > 0);
      const resumed = await session.connection.sendRequest(PrefillRequest.type, {});
      assert.equal(resumed.figures.reusedTokens, stopped.figures.evaluatedTokens);
      assert.equal(resumed.figures.reusedTokens + resumed.figures.evaluatedTokens, resumed.figures.promptTokens);
    }));

  it("names the files that it leaves out", () =>
    withSession({ files: { ...FILES, ".gitignore": "ignored.ts\n", "ignored.ts": "x", ".env": "A=b" } }, async (s) => {
      await s.ready();
      const { leftOut } = await s.connection.sendRequest(PrefillRequest.type, {});
      const reasons = new Map(leftOut.map(({ path, reason }) => [path, reason]));
      assert.match(reasons.get("ignored.ts") ?? "", /ignore/);
      assert.match(reasons.get(".env") ?? "", /secret/);
    }));
});

describe("requests as standard commands", () => {
  const run = (session: Session, name: string, given: unknown) =>
    session.connection.sendRequest("workspace/executeCommand", { command: `fathom.server.${name}`, arguments: given });

  it("say what they need where that is missing or wrong, and do nothing", () =>
    withSession({ settings: settingsForTiny({ model: { path: "", demo: false } }) }, async (session) => {
      await session.status(({ state }) => state === "noModel");
      for (const [name, needed] of [
        ["search", "search needs { query: text, limit"],
        ["chat", "chat needs { turns: [{"],
        ["edit", "edit needs { uri: text, range: {"],
      ] as const) {
        for (const given of [undefined, null, {}, [], [null], ["x"], [[]], [{ query: 1, turns: {}, uri: null }]]) {
          await assert.rejects(run(session, name, given), ({ code, message }) => {
            assert.equal(code, ErrorCodes.InvalidParams);
            return message.startsWith(needed);
          });
        }
      }
      for (const name of ["completionStatistics", "prefill"]) {
        const expected = { code: ErrorCodes.InvalidParams, message: new RegExp(`^${name} needs `) };
        await assert.rejects(run(session, name, ["x"]), expected);
      }
    }));

  it("take what they need, and no list where they need nothing", () =>
    withSession({ settings: settingsForTiny({ model: { path: "", demo: false } }) }, async (session) => {
      await session.status(({ state }) => state === "noModel");
      const [place] = (await run(session, "search", [{ query: "parseHeader" }])) as { path: string }[];
      assert.equal(place?.path, "src/parser.ts");
      for (const name of ["completionStatistics", "contextMap", "doctor", "getStatus"]) {
        for (const given of [undefined, null, []]) assert.ok(await run(session, name, given), name);
      }
      assert.ok(await session.connection.sendRequest("fathom/getStatus", []));
    }));
});

describe("search over LSP", () => {
  const search = async (session: Session, query: string) =>
    (await session.connection.sendRequest(SearchRequest.type, { query })).map(({ path }) => path);

  it("follows files that change, come and go", () =>
    withSession({}, async (session) => {
      await session.ready();
      assert.deepEqual(await search(session, "zebrafinch"), []);
      session.write("src/parser.ts", "export const zebrafinch = 1;\n");
      await session.fileEvent("src/parser.ts", FileChangeType.Changed);
      assert.deepEqual(await search(session, "zebrafinch"), ["src/parser.ts"]);
      session.write("src/second.ts", "export const quokka = 2;\n");
      await session.fileEvent("src/second.ts", FileChangeType.Created);
      assert.deepEqual(await search(session, "quokka"), ["src/second.ts"]);
      session.remove("src/second.ts");
      await session.fileEvent("src/second.ts", FileChangeType.Deleted);
      assert.deepEqual(await search(session, "quokka"), []);
    }));

  it("finds files under the spelling of their uri that VS Code uses", () =>
    withSession({ files: { "src/(shop)/page.ts": "export const numbat = 1;\n" } }, async (session) => {
      await session.ready();
      await search(session, "anything");
      const uri = session.uri("src/(shop)/page.ts").replace("(", "%28").replace(")", "%29");
      const text = "export const pangolin = 1;\n";
      const textDocument = { uri, languageId: "typescript", version: 1, text };
      await session.connection.sendNotification("textDocument/didOpen", { textDocument });
      assert.deepEqual(await search(session, "pangolin"), ["src/(shop)/page.ts"]);
      const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
      const outcome = await session.connection.sendRequest(EditRequest.type, { uri, range, instruction: "Rename." });
      assert.equal(outcome.original, text);
    }));

  it("sees an open document as it is in the editor, and the disk again when it is closed", () =>
    withSession({}, async (session) => {
      await session.ready();
      await search(session, "anything");
      await session.open("src/parser.ts", "export const axolotl = 1;\n");
      assert.deepEqual(await search(session, "axolotl"), ["src/parser.ts"]);
      await session.close("src/parser.ts");
      assert.deepEqual(await search(session, "axolotl"), []);
    }));
});

describe("edits and screenshots over LSP", () => {
  it("proposes a replacement and writes nothing", () =>
    withSession({}, async (session) => {
      await session.ready();
      const text = FILES["src/parser.ts"]!;
      const range = { start: { line: 5, character: 0 }, end: { line: 9, character: 0 } };
      const params = { uri: session.uri("src/parser.ts"), range, instruction: "Add a comment." };
      const outcome = await session.connection.sendRequest(EditRequest.type, params);
      assert.equal(outcome.original, text.split("\n").slice(5, 9).join("\n").concat("\n"));
      assert.ok(outcome.figures.generatedTokens > 0);
      assert.equal(readFileSync(join(session.folder, "src/parser.ts"), "utf8"), text);
    }));

  for (const [what, params, message] of [
    ["an empty selection", { character: 0, instruction: "x" }, "Nothing is selected. Select the code to change."],
    ["an empty instruction", { character: 6, instruction: " " }, "The instruction is empty. Say what to change."],
  ] as const) {
    it(`refuses ${what} with a sentence`, () =>
      withSession({}, async (session) => {
        await session.ready();
        const range = { start: { line: 0, character: 0 }, end: { line: 0, character: params.character } };
        const { instruction } = params;
        const request = session.connection.sendRequest(EditRequest.type, {
          uri: session.uri("src/parser.ts"),
          range,
          instruction,
        });
        await assert.rejects(request, { code: FathomErrorCodes.badRequest, message });
      }));
  }

  it("refuses to edit a file outside the workspace", () =>
    withSession({}, async (session) => {
      await session.ready();
      const outside = join(session.storageDir, "outside.ts");
      writeFileSync(outside, "const a = 1;\n");
      const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 5 } };
      const params = { uri: `file://${outside}`, range, instruction: "x" };
      const request = session.connection.sendRequest(EditRequest.type, params);
      await assert.rejects(request, /neither open nor a file of this workspace/);
      const elsewhere = { ...params, uri: "file://elsewhere/a.ts" };
      const other = session.connection.sendRequest(EditRequest.type, elsewhere);
      await assert.rejects(other, /elsewhere\/a\.ts cannot be edited: it is neither open/);
    }));

  it("turns a real PNG into code through the vision path", () =>
    withSession({}, async (session) => {
      await session.ready();
      const imageBase64 = readFileSync(SCREENSHOT).toString("base64");
      const { events, partialResultToken } = session.collect<AnswerEvent>();
      const params = { imageBase64, mimeType: "image/png", instruction: "", partialResultToken };
      const outcome = await session.connection.sendRequest(ScreenshotRequest.type, params);
      assert.ok(outcome.figures.generatedTokens > 0);
      assert.ok(outcome.figures.evaluatedTokens > 0);
      assert.ok(events.length > 0);
      assert.match(outcome.languageId, /^[\w+#-]+$/);
    }));

  it("refuses an image type that it cannot read", () =>
    withSession({}, async (session) => {
      await session.ready();
      const params = { imageBase64: "AAAA", mimeType: "image/webp", instruction: "" };
      const request = session.connection.sendRequest(ScreenshotRequest.type, params);
      await assert.rejects(request, { code: FathomErrorCodes.badRequest, message: /image\/webp cannot be read/ });
    }));
});

/** Over 6,000 tokens of the byte vocabulary: many chunks, and most of the context. */
function longFile(): string {
  return Array.from({ length: 240 }, (_, index) => `export const constant${index} = ${index};\n`).join("");
}
