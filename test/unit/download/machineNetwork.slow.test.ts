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
/** Nobody resolves names that end so (RFC 6761). */
const NAME_OF_THE_NETWORK = "company.test";
const SUBJECT = ["-subj", "/CN=localhost", "-addext", `subjectAltName=DNS:localhost,DNS:${NAME_OF_THE_NETWORK}`];

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
  async function download(environment: NodeJS.ProcessEnv, from = host): Promise<string> {
    const request = { url: `https://${from}/file`, file: join(folder.path, "file"), consentToHost: from };
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

  describe("behind a proxy", () => {
    const asked: string[] = [];
    const proxy = createProxy().on("connect", ({ url = "" }, client) => {
      asked.push(url);
      // The proxy knows a name that nobody else does.
      const target = connect(Number(new URL(`https://${url}`).port), "localhost");
      target.once("connect", () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
      target.pipe(client).pipe(target);
    });
    let HTTPS_PROXY: string;

    before(async () => {
      proxy.listen(0, "localhost");
      await once(proxy, "listening");
      HTTPS_PROXY = `http://localhost:${(proxy.address() as AddressInfo).port}`;
    });
    beforeEach(() => void asked.splice(0));
    after(() => void proxy.close());

    const inside = () => host.replace("localhost", NAME_OF_THE_NETWORK);

    it("arrives by the proxy that the environment names", async () => {
      assert.equal(await download({ HTTPS_PROXY, SSL_CERT_FILE: certificate }, inside()), "complete");
      assert.ok(asked.length > 0 && asked.every((each) => each === inside()), asked.join(" "));
    });

    for (const NO_PROXY of [NAME_OF_THE_NETWORK, ".test", "*"]) {
      it(`does not ask it for a host that is excepted by ${NO_PROXY}`, async () => {
        const environment = { HTTPS_PROXY, NO_PROXY };
        // Whatever the machine makes of that name.
        assert.match(await download(environment, inside()), /^The connection to company\.test:\d+ failed: /);
        assert.deepEqual(asked, []);
      });
    }

    it("does not ask it for this machine", async () => {
      assert.equal(await download({ HTTPS_PROXY, SSL_CERT_FILE: certificate }), "complete");
      assert.equal(await download({ HTTPS_PROXY, NO_PROXY: "a.test", SSL_CERT_FILE: certificate }), "complete");
      assert.deepEqual(asked, []);
    });

    it("says that the environment holds no address", async () => {
      const wrong = await download({ HTTPS_PROXY: "user:secret", SSL_CERT_FILE: certificate });
      assert.match(wrong, /^HTTPS_PROXY or HTTP_PROXY .*does not hold a proxy's address\. Nothing was fetched\./);
      assert.doesNotMatch(wrong, /secret/);
    });
  });
});
