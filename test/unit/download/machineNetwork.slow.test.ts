// Tests downloads in a company's network: a certificate that only the operating system trusts, or nobody, and a proxy.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { createServer as createProxy } from "node:http";
import { createServer, type Server } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "../../model/harness.ts";

const DOWNLOAD = new URL("../../../server/src/download/download.ts", import.meta.url).href;
const SUBJECT = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];

describe("a download from a host with a certificate of its own", function () {
  // The system's store is what OpenSSL's environment variables name on Linux only.
  if (process.platform !== "linux") return;
  this.timeout(60_000);
  const folder = temporaryFolder("certificates");
  const certificate = join(folder.path, "certificate.pem");
  let server: Server;
  let host: string;

  before(async () => {
    const key = join(folder.path, "key.pem");
    const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate];
    execFileSync("openssl", [...made, ...SUBJECT], { stdio: "pipe" });
    server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (_, response) => {
      response.end("content");
    });
    server.listen(0, "localhost");
    await once(server, "listening");
    host = `localhost:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    folder.remove();
  });

  /** Downloads in a process of its own, which reads its environment at the start. @returns How it ended. */
  async function download(environment: NodeJS.ProcessEnv): Promise<string> {
    const request = { url: `https://${host}/file`, file: join(folder.path, "file"), consentToHost: host };
    const script = `
      const { downloadFile } = await import(${JSON.stringify(DOWNLOAD)});
      const request = { ...${JSON.stringify(request)}, retryDelaysMs: [] };
      console.log(await downloadFile(request).then(({ kind }) => kind, ({ message }) => message));
    `;
    const env = { PATH: process.env.PATH, SSL_CERT_DIR: "/nowhere", ...environment };
    rmSync(request.file, { force: true });
    const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", "--eval", script], { env });
    return stdout.trim();
  }

  it("arrives where the system trusts it", async () => {
    assert.equal(await download({ SSL_CERT_FILE: certificate }), "complete");
    assert.equal(readFileSync(join(folder.path, "file"), "utf8"), "content");
  });

  it("is refused where nobody trusts it, with what to do", async () => {
    const sentence =
      /^The connection to localhost:\d+ failed: its certificate is not trusted here .*NODE_EXTRA_CA_CERTS/;
    assert.match(await download({ SSL_CERT_FILE: "/nowhere.pem" }), sentence);
  });

  it("goes through the proxy that the environment names", async () => {
    const asked: string[] = [];
    const proxy = createProxy().on("connect", ({ url = "" }, client) => {
      asked.push(url);
      const { hostname, port } = new URL(`https://${url}`);
      const target = connect(Number(port), hostname, () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
      target.pipe(client).pipe(target);
    });
    proxy.listen(0, "localhost");
    await once(proxy, "listening");
    const environment = { HTTPS_PROXY: `http://localhost:${(proxy.address() as AddressInfo).port}` };
    assert.equal(await download({ ...environment, SSL_CERT_FILE: certificate }), "complete");
    assert.ok(asked.length > 0 && asked.every((each) => each === host), asked.join(" "));
    const before = asked.length;
    assert.equal(await download({ ...environment, NO_PROXY: "localhost", SSL_CERT_FILE: certificate }), "complete");
    assert.equal(asked.length, before);
    proxy.close();
    const wrong = await download({ HTTPS_PROXY: "user:secret", SSL_CERT_FILE: certificate });
    assert.match(wrong, /^HTTPS_PROXY or HTTP_PROXY .*does not hold a proxy's address\. Nothing was fetched\./);
    assert.doesNotMatch(wrong, /secret/);
  });
});
