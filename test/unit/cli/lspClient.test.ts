// Tests of the connection to the server when the server is bad: missing, dying, silent.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectServer, ServerEndedError } from "../../../server/src/cli/lspClient.ts";
import { DoctorRequest } from "../../../server/src/protocol/messages.ts";

/** Answers requests without a library: `initialize` and `fathom/getStatus`; what the others get is up to `rest`. */
const server = (rest: string) => `
let buffer = "";
const send = (message) => {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  process.stdout.write("Content-Length: " + Buffer.byteLength(body) + "\\r\\n\\r\\n" + body);
};
process.stdin.on("data", (data) => {
  buffer += data;
  for (;;) {
    const match = /^Content-Length: (\\d+)\\r\\n\\r\\n/.exec(buffer);
    if (!match || buffer.length < match[0].length + Number(match[1])) return;
    const message = JSON.parse(buffer.slice(match[0].length, match[0].length + Number(match[1])));
    buffer = buffer.slice(match[0].length + Number(match[1]));
    const status = { state: "ready", message: "here", engineRestarts: 0 };
    if (message.method === "initialize") send({ id: message.id, result: { capabilities: {} } });
    else if (message.method === "fathom/getStatus") send({ id: message.id, result: status });
    else if (message.method === "shutdown") send({ id: message.id, result: null });
    else if (message.method === "exit") process.exit(0);
    else { ${rest} }
  }
});
process.stdin.on("end", () => process.exit(1));
`;

describe("cli connection to the server", () => {
  let folder: string;
  const serverEntry = (script: string) => {
    const file = join(folder, "server.mjs");
    writeFileSync(file, script);
    return file;
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "fathom-client-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("says that the server is not built", async () => {
    await assert.rejects(connectServer({ serverEntry: join(folder, "none.mjs") }), /none\.mjs is missing\. Run/);
  });

  it("tells the last words of a server that dies at its start", async () => {
    const entry = serverEntry("console.error('first'); console.error('boom'); process.exitCode = 3;");
    await assert.rejects(connectServer({ serverEntry: entry }), (error) => {
      assert.ok(error instanceof ServerEndedError, String(error));
      assert.match(error.message, /stopped \(exit code 3\); your files are untouched\.\nfirst\nboom$/);
      return true;
    });
  });

  it("gives up a server that never answers when asked to", async () => {
    const controller = new AbortController();
    const entry = serverEntry("setInterval(() => {}, 1000); console.error('up');");
    const onLog = () => controller.abort(new Error("enough"));
    await assert.rejects(connectServer({ serverEntry: entry, signal: controller.signal, onLog }), /enough/);
  });

  it("fails what waits when the server dies in the middle", async () => {
    const client = await connectServer({ serverEntry: serverEntry(server("if (message.id) process.exit(7);")) });
    const waiting = client.waitForStatus(({ state }) => state === "failed");
    await Promise.all([
      assert.rejects(client.request(DoctorRequest.type, null), /stopped \(exit code 7\)/),
      assert.rejects(waiting, ServerEndedError),
    ]);
    await assert.rejects(client.status(), ServerEndedError);
    await client.end();
  });

  it("puts the server's sentences into the words that it is given, in the status and of failures", async () => {
    const rest = `send({ id: message.id, error: { code: -32892, message: "not here" } });`;
    const words = (sentence: string) => sentence.replace("here", "there");
    const client = await connectServer({ serverEntry: serverEntry(server(rest)), words });
    assert.equal((await client.status()).message, "there");
    const failure = { name: "Error", code: -32892, message: "not there" };
    await assert.rejects(client.request(DoctorRequest.type, null), failure);
    await client.end();
  });

  it("cancels a request, waits for a status and ends in order", async () => {
    const rest = `if (message.method === "$/cancelRequest")
      send({ id: message.params.id, error: { code: -32800, message: "Cancelled." } });`;
    const client = await connectServer({ serverEntry: serverEntry(server(rest)) });
    assert.equal((await client.waitForStatus(({ state }) => state === "ready")).message, "here");
    const controller = new AbortController();
    const request = client.request(DoctorRequest.type, null, { signal: controller.signal });
    controller.abort();
    await assert.rejects(request, { code: -32800 });
    await client.end();
  });
});
