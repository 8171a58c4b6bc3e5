// Tests that a request meets parameters of its own shape only, and that whoever sends others is told what is needed.
import assert from "node:assert/strict";
import {
  CancellationToken,
  type Connection,
  ErrorCodes,
  type RequestType,
  ResponseError,
} from "vscode-languageserver/node";
import {
  type ChatParams,
  ChatRequest,
  ContextMapRequest,
  type EditParams,
  EditRequest,
  type PrefillParams,
  PrefillRequest,
  type SearchParams,
  SearchRequest,
  StatusRequest,
} from "../../../server/src/protocol/messages.ts";
import { wrongParameters } from "../../../server/src/requestShapes.ts";
import { handle } from "../../../server/src/requests.ts";

const SEARCH = "search needs { query: text, limit?: number, whole?: true or false }.";
const CHAT = 'chat needs { turns: [{ role: "user" or "assistant", text: text }], thinking?: true or false }.';
const EDIT =
  "edit needs { uri: text, range: { start: { line: number, character: number }, " +
  "end: { line: number, character: number } }, instruction: text }.";

const POSITION = { line: 0, character: 2 };
const EDITED: EditParams = { uri: "file:///a", range: { start: POSITION, end: POSITION }, instruction: "x" };

describe("shapes of requests", () => {
  for (const [{ type }, params] of [
    [SearchRequest, { query: "" } satisfies SearchParams],
    [SearchRequest, { query: "a", limit: 3, whole: true } satisfies SearchParams],
    [SearchRequest, { query: "a", limit: undefined, more: 1 }],
    [ChatRequest, { turns: [] } satisfies ChatParams],
    [
      ChatRequest,
      { turns: [{ role: "user", text: "a" }], thinking: false, partialResultToken: 7 } satisfies ChatParams,
    ],
    [EditRequest, EDITED],
    [PrefillRequest, {} satisfies PrefillParams],
    [PrefillRequest, { force: true, workDoneToken: "t" } satisfies PrefillParams],
    [ContextMapRequest, {}],
    [StatusRequest, null],
  ] as const) {
    it(`take ${JSON.stringify(params)} for ${type.method}`, () =>
      assert.equal(wrongParameters(type.method, params), undefined));
  }

  for (const [{ type }, params, needed] of [
    [SearchRequest, undefined, SEARCH],
    [SearchRequest, null, SEARCH],
    [SearchRequest, "parseHeader", SEARCH],
    [SearchRequest, [{ query: "a" }], SEARCH],
    [SearchRequest, {}, SEARCH],
    [SearchRequest, { query: ["a"] }, SEARCH],
    [SearchRequest, { query: "a", limit: -1 }, SEARCH],
    [SearchRequest, { query: "a", limit: 1.5 }, SEARCH],
    [SearchRequest, { query: "a", whole: "yes" }, SEARCH],
    [ChatRequest, {}, CHAT],
    [ChatRequest, { turns: { role: "user", text: "a" } }, CHAT],
    [ChatRequest, { turns: ["a"] }, CHAT],
    [ChatRequest, { turns: [{ role: "system", text: "a" }] }, CHAT],
    [EditRequest, {}, EDIT],
    [EditRequest, { ...EDITED, range: { start: POSITION } }, EDIT],
    [EditRequest, { ...EDITED, range: { start: POSITION, end: { line: 0, character: "2" } } }, EDIT],
    [PrefillRequest, { force: 1 }, "prefill needs { force?: true or false }."],
  ] as const) {
    it(`refuse ${JSON.stringify(params)} for ${type.method}`, () =>
      assert.equal(wrongParameters(type.method, params), needed));
  }
});

describe("a registered request", () => {
  /** Calls the handler as the library does: with the parameters, or those of a list one by one, and the token. */
  const answered = async ({ type }: typeof SearchRequest | typeof StatusRequest, ...given: unknown[]) => {
    let handler: (...given: unknown[]) => unknown = () => assert.fail("nothing is registered");
    const onRequest = (_: unknown, registered: typeof handler) => {
      handler = registered;
    };
    const connection = { onRequest } as unknown as Connection;
    handle<unknown, unknown>(connection, type as RequestType<unknown, unknown, void>, async () => "done");
    return handler(...given, CancellationToken.None);
  };
  const refused = new ResponseError(ErrorCodes.InvalidParams, SEARCH);

  it("is answered, or refused before anything is done", async () => {
    assert.equal(await answered(SearchRequest, { query: "a" }), "done");
    assert.deepEqual(await answered(SearchRequest, {}), refused);
  });

  it("may come with a list of parameters", async () => {
    assert.deepEqual(await answered(SearchRequest), refused);
    assert.deepEqual(await answered(SearchRequest, "a", 1), refused);
    assert.equal(await answered(SearchRequest, { query: "a" }, 1), "done");
    assert.equal(await answered(StatusRequest), "done");
  });
});
