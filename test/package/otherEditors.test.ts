// The packed server as another editor runs it: unpacked, over stdio, with standard LSP and nothing else.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-languageserver-protocol/node";
import { packFor } from "../../vsix.ts";
import { unpack } from "./vsixFile.ts";

const FILES: Record<string, string> = {
  "src/parser.ts": "export function parseHeader(text: string): string {\n  return text.trim();\n}\n",
  "src/use.ts": 'import { parseHeader } from "./parser";\n\nexport const title = ',
};

describe("the packed server in another editor", () => {
  const folder = mkdtempSync(join(tmpdir(), "fathom-editor-"));
  const workspace = join(folder, "workspace");
  let server: ChildProcess;
  let connection: ReturnType<typeof createMessageConnection>;
  /** Messages of the server's own accord. */
  const methods = new Set<string>();
  const uri = (path: string) => pathToFileURL(join(workspace, path)).href;

  before(async () => {
    const vsix = join(folder, "fathom.vsix");
    await packFor(`${process.platform}-${process.arch}`, vsix);
    await unpack(vsix, join(folder, "package"));
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(workspace, path)), { recursive: true });
      writeFileSync(join(workspace, path), text);
    }
    const entry = join(folder, "package/extension/dist/server.mjs");
    server = spawn(process.execPath, [entry, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
    connection = createMessageConnection(
      new StreamMessageReader(server.stdout!),
      new StreamMessageWriter(server.stdin!),
    );
    connection.onNotification((method) => void methods.add(method));
    connection.onRequest((method) => {
      methods.add(method);
      return null;
    });
    connection.listen();
  });

  after(async () => {
    await connection.sendRequest("shutdown");
    await connection.sendNotification("exit");
    await new Promise((resolve) => server.once("exit", resolve));
    connection.dispose();
    rmSync(folder, { recursive: true });
  });

  it("says what it can do", async () => {
    const { capabilities } = await connection.sendRequest<{ capabilities: Record<string, unknown> }>("initialize", {
      processId: process.pid,
      rootUri: pathToFileURL(workspace).href,
      capabilities: {},
      initializationOptions: {
        storageDir: join(folder, "storage"),
        settings: {
          context: { readOnStart: false, maxTokens: 8192 },
          model: { gpu: "cpu" },
          // Told as a message of the log.
          completion: { maxTokens: "many" },
        },
      },
    });
    await connection.sendNotification("initialized", {});
    assert.equal(capabilities.inlineCompletionProvider, true);
    assert.equal(capabilities.workspaceSymbolProvider, true);
    const { commands } = capabilities.executeCommandProvider as { commands: string[] };
    assert.ok(commands.includes("fathom.server.search"));
  });

  it("finds symbols", async () => {
    const symbols = await connection.sendRequest<{ name: string }[]>("workspace/symbol", { query: "parseHeader" });
    assert.ok(symbols.some(({ name }) => name === "parseHeader"));
  });

  it("runs its requests as commands", async () => {
    const places = await connection.sendRequest<{ path: string }[]>("workspace/executeCommand", {
      command: "fathom.server.search",
      arguments: [{ query: "parseHeader", whole: true }],
    });
    assert.equal(places[0]?.path, "src/parser.ts");
  });

  it("refuses a command that it does not have", async () => {
    const unknown = { command: "fathom.server.format" };
    await assert.rejects(
      connection.sendRequest("workspace/executeCommand", unknown),
      /no command fathom\.server\.format/,
    );
  });

  it("says what a command needs", async () => {
    await assert.rejects(
      connection.sendRequest("workspace/executeCommand", { command: "fathom.server.search", arguments: [] }),
      { code: -32602, message: "search needs { query: text, limit?: number, whole?: true or false }." },
    );
  });

  it("completes, with the demo model of the package", async () => {
    const text = FILES["src/use.ts"]!;
    const textDocument = { uri: uri("src/use.ts"), languageId: "typescript", version: 1, text };
    await connection.sendNotification("textDocument/didOpen", { textDocument });
    const position = { line: 2, character: 21 };
    // The model is being loaded: until it is there, nothing is shown, with a reason.
    let status: { state: string; lastCompletion?: { figures?: { promptTokens: number } } };
    do {
      await connection.sendRequest("textDocument/inlineCompletion", {
        textDocument: { uri: textDocument.uri },
        position,
        context: { triggerKind: 1 },
      });
      status = await connection.sendRequest("workspace/executeCommand", { command: "fathom.server.getStatus" });
      assert.notEqual(status.state, "failed");
    } while (status.lastCompletion?.figures === undefined);
    assert.ok(status.lastCompletion.figures.promptTokens > 10);
  });

  it("hears nothing that is not LSP's", () => {
    assert.ok(methods.has("window/logMessage"));
    assert.deepEqual(
      [...methods].filter((method) => !/^(?:window|workspace|textDocument|client)\//.test(method)),
      [],
    );
  });
});
