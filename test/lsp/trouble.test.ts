// What the language server does when things go wrong: engine killed, workspace not trusted, model files that are none.
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FathomErrorCodes } from "../../server/src/protocol/errors.ts";
import {
  type AnswerEvent,
  EditRequest,
  RestartEngineRequest,
  SearchRequest,
  TrustGrantedNotification,
} from "../../server/src/protocol/messages.ts";
import { HALF_FUNCTION, question, Session, settingsForTiny, withSession } from "./session.ts";

describe("trouble over LSP", () => {
  it("says so when the engine is killed, and the next request works", () =>
    withSession({ settings: settingsForTiny({ chat: { maxTokens: 4000 } }) }, async (session) => {
      await session.ready();
      const pid = await session.enginePid();
      const { partialResultToken, first } = session.collect<AnswerEvent>(({ kind }) => kind === "text");
      const pending = session.connection.sendRequest("fathom/chat", { ...question("parseHeader"), partialResultToken });
      const restarting = session.nextStatus(({ state }) => state === "restarting");
      await first;
      process.kill(pid, "SIGKILL");
      await assert.rejects(pending, { code: FathomErrorCodes.engineStopped });
      const status = await restarting;
      // A request between crash and restart waits for the restart.
      assert.notEqual(await session.enginePid(), pid);
      assert.equal(status.message, "The engine ended unexpectedly (SIGKILL); it is being restarted.");
      assert.equal(status.engineRestarts, 1);
      await session.open("src/new.ts", HALF_FUNCTION);
      const edit = await session.connection.sendRequest(EditRequest.type, {
        uri: session.uri("src/parser.ts"),
        range: { start: { line: 0, character: 0 }, end: { line: 2, character: 0 } },
        instruction: "Add a comment.",
      });
      assert.ok(edit.figures.generatedTokens > 0);
      assert.notEqual(await session.enginePid(), pid);
    }));

  it("stays off with a sentence after three crashes at one stage, until restarted", () =>
    withSession({}, async (session) => {
      await session.ready();
      for (let crash = 1; crash <= 3; crash++) {
        const pid = await session.enginePid();
        // A "ready" from before the crash may still be on its way: the count tells them apart.
        const next = session.nextStatus(
          ({ state, engineRestarts }) => engineRestarts === crash && state === (crash < 3 ? "ready" : "failed"),
        );
        process.kill(pid, "SIGKILL");
        const status = await next;
        if (crash === 3) assert.match(status.message, /3 times in a row and stays off\. Restart it/);
      }
      await assert.rejects(session.ask(question("parseHeader")), /stays off/);
      const restarted = await session.connection.sendRequest(RestartEngineRequest.type, null);
      assert.equal(restarted.state, "ready");
    }));

  it("reads nothing of an untrusted workspace until it is trusted", () =>
    withSession({ initialization: { trusted: false } }, async (session) => {
      await session.status(({ state }) => state === "untrusted");
      await assert.rejects(session.ask(question("parseHeader")), { code: FathomErrorCodes.untrusted });
      const search = session.connection.sendRequest(SearchRequest.type, { query: "parseHeader" });
      await assert.rejects(search, { code: FathomErrorCodes.untrusted });
      await session.connection.sendNotification(TrustGrantedNotification.type, null);
      await session.ready();
      const { outcome } = await session.ask(question("parseHeader"));
      assert.equal(outcome.places[0]?.path, "src/parser.ts");
    }));

  for (const [what, content, message] of [
    ["missing", undefined, /does not exist\. Choose or download a model with Get Model/],
    ["not a model", "hello, this is text", /is not a GGUF model file/],
    ["damaged", `GGUF${"\u0001".repeat(200)}`, /is damaged: its GGUF header cannot be read/],
  ] as const) {
    it(`names a model file that is ${what}, and search still works`, async () => {
      const session = await Session.start({ settings: settingsForTiny({ model: { path: "", demo: false } }) });
      try {
        const path = join(session.storageDir, "broken.gguf");
        if (content !== undefined) writeFileSync(path, content);
        const failed = session.nextStatus(({ state }) => state === "failed");
        await session.changeSettings(settingsForTiny({ model: { path } }));
        const status = await failed;
        assert.match(status.message, message);
        assert.ok(status.message.includes(path));
        const places = await session.connection.sendRequest(SearchRequest.type, { query: "parseHeader" });
        assert.equal(places[0]?.path, "src/parser.ts");
        assert.equal(existsSync(path), content !== undefined);
        const ready = session.nextStatus(({ state }) => state === "ready");
        await session.changeSettings(settingsForTiny());
        await ready;
      } finally {
        await session.end();
      }
    });
  }
});
