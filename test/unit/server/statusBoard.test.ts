// Tests what the status says of the last completion once a model is ready, and that changes reach the client.
import assert from "node:assert/strict";
import type { Connection } from "vscode-languageserver/node";
import type { Status } from "../../../server/src/protocol/messages.ts";
import { NO_MODEL_READY, StatusBoard } from "../../../server/src/statusBoard.ts";

const LOADING = "Loading 4B: 100 %.";

describe("status board", () => {
  const sent: Status[] = [];
  const connection = { sendNotification: async (_: unknown, status: Status) => sent.push(status) };
  let board: StatusBoard;

  beforeEach(() => {
    sent.length = 0;
    board = new StatusBoard(connection as unknown as Connection, true);
    board.update({ state: "loading", message: LOADING });
  });

  it("forgets that no model was ready when one is", () => {
    board.update({ lastCompletion: { reason: `${NO_MODEL_READY}: ${LOADING}` } });
    board.update({ message: "Loading 4B: 100 %." });
    assert.equal(board.current.lastCompletion?.reason, "no model is ready: Loading 4B: 100 %.");
    board.update({ state: "ready", message: "4B is ready." });
    assert.deepEqual([board.current.lastCompletion, sent.at(-1)], [undefined, board.current]);
  });

  it("is sent to nobody who did not ask for it", () => {
    const silent = new StatusBoard(connection as unknown as Connection, false);
    sent.length = 0;
    silent.update({ state: "ready", message: "4B is ready." });
    assert.deepEqual([silent.current.state, sent], ["ready", []]);
  });

  it("keeps every other reason", () => {
    for (const reason of ["shown", "the document is not open", "a.ts is not read: it is no model"]) {
      board.update({ lastCompletion: { reason } });
      board.update({ state: "ready" });
      assert.equal(board.current.lastCompletion?.reason, reason);
    }
  });
});
