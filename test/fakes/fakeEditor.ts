// An editor at the other end of the connection, without a wire: what the server registers can be called by name.
import assert from "node:assert/strict";
import type { Connection, FileChangeType } from "vscode-languageserver/node";

type Handler = (params: unknown, token?: unknown) => unknown;

/** The methods of a connection that take a handler and that the tested parts use. */
const REGISTRATIONS = [
  "onDidOpenTextDocument",
  "onDidChangeTextDocument",
  "onDidCloseTextDocument",
  "onDidSaveTextDocument",
  "onWillSaveTextDocument",
  "onWillSaveTextDocumentWaitUntil",
  "onDidChangeWatchedFiles",
] as const;

export class FakeEditor {
  /** What the server's parts get. Warnings and errors that they log fail the test. */
  readonly connection: Connection;
  readonly #handlers = new Map<string, Handler>();

  constructor() {
    const on = (name: string, handler: Handler) => {
      this.#handlers.set(name, handler);
      return { dispose() {} };
    };
    this.connection = {
      ...Object.fromEntries(REGISTRATIONS.map((name) => [name, (handler: Handler) => on(name, handler)])),
      onNotification: on,
      onRequest: (type: { method: string }, handler: Handler) => on(type.method, handler),
      sendNotification: async () => {},
      console: { log() {}, warn: assert.fail, error: assert.fail },
    } as unknown as Connection;
  }

  /** @param name The connection's method, or the name of the request or notification. */
  call(name: string, params: unknown, token?: unknown): unknown {
    const handler = this.#handlers.get(name) ?? assert.fail(`nobody listens to ${name}`);
    return handler(params, token);
  }

  open(uri: string, text: string): void {
    this.call("onDidOpenTextDocument", { textDocument: { uri, languageId: "x", version: 1, text } });
  }

  change(uri: string, text: string, version: number): void {
    this.call("onDidChangeTextDocument", { textDocument: { uri, version }, contentChanges: [{ text }] });
  }

  close(uri: string): void {
    this.call("onDidCloseTextDocument", { textDocument: { uri } });
  }

  onDisk(changes: { uri: string; type: FileChangeType }[]): void {
    this.call("onDidChangeWatchedFiles", { changes });
  }
}
