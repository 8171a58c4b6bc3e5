// Tests of downloads against a real HTTP server on this machine: consent, resume, cancelling, verification, failures.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DownloadError,
  type DownloadOutcome,
  type DownloadProblem,
  type DownloadRequest,
  downloadFile,
} from "../../../server/src/download/download.ts";

const KIB = 1024;
const BODY = Buffer.from(
  Uint8Array.from({ length: 3 * KIB * KIB }, (_, index) => Math.imul(index, 2_654_435_761) >>> 24),
);
const SHA256 = createHash("sha256").update(BODY).digest("hex");
const WRONG_SHA256 = "0".repeat(64);
const HALF = BODY.length / 2;

interface Seen {
  method: string;
  range: string | undefined;
  /** Where in the file the answer began. */
  from: number;
}

/** Does what a model host does, and on request what a bad one does. */
class FileHost {
  readonly seen: Seen[] = [];
  body: Uint8Array = BODY;
  etag: string | undefined = `"${SHA256}"`;
  headers: Record<string, string> = {};
  knowsRange = true;
  knowsHead = true;
  saysLength = true;
  status = 200;
  /** Answers of this many GETs end half way through what is left. */
  cuts = 0;
  /** Sends half and then nothing more, until the client goes. */
  hangs = false;
  /** Bodies being sent. */
  openAnswers = 0;
  /** Path that `/file` redirects to, or a whole address. */
  redirectTo: string | undefined;
  port = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `http://${this.host}/file`;
  }

  gets(): number[] {
    return this.seen.filter((request) => request.method === "GET").map((request) => request.from);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url = "" } = request;
    const range = request.headers.range;
    const asked = this.knowsRange ? /^bytes=(\d+)-$/.exec(range ?? "")?.[1] : undefined;
    const from = asked === undefined ? 0 : Number(asked);
    this.seen.push({ method, range, from });
    if (url === "/file" && this.redirectTo !== undefined) {
      response.writeHead(302, { location: this.redirectTo, ...this.headers }).end();
      return;
    }
    if (this.status !== 200) return void response.writeHead(this.status).end();
    if (method === "HEAD" && !this.knowsHead) return void response.writeHead(405).end();
    const part = this.body.subarray(from);
    if (part.length === 0 && from > 0) return void response.writeHead(416).end();
    if (this.etag !== undefined) response.setHeader("etag", this.etag);
    if (this.saysLength) response.setHeader("content-length", part.length);
    if (asked !== undefined) {
      response.setHeader("content-range", `bytes ${from}-${this.body.length - 1}/${this.body.length}`);
    }
    response.writeHead(asked === undefined ? 200 : 206, this.headers);
    if (method === "HEAD") return void response.end();
    this.#sendBody(part, response);
  }

  #sendBody(part: Uint8Array, response: ServerResponse): void {
    this.openAnswers++;
    response.on("close", () => this.openAnswers--);
    const half = part.subarray(0, Math.floor(part.length / 2));
    if (this.hangs) return void response.write(half);
    if (this.cuts === 0) return void response.end(part);
    this.cuts--;
    response.write(half, () => response.destroy());
  }
}

describe("downloadFile", () => {
  let dir: string;
  let host: FileHost;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "fathom-download-"));
    host = new FileHost();
    await host.listen();
  });

  afterEach(async () => {
    await host.close();
    await rm(dir, { recursive: true, force: true });
  });

  const fileOf = () => join(dir, "models", "model.gguf");
  const partSize = () => stat(`${fileOf()}.part`).then((entry) => entry.size);
  const partHasBegun = async () => {
    while (!existsSync(`${fileOf()}.part`) || (await partSize()) === 0) await sleep(10);
  };
  const left = async () => (await readdir(join(dir, "models"))).sort();

  function download(more: Partial<DownloadRequest> = {}): Promise<DownloadOutcome> {
    return downloadFile({ url: host.url, file: fileOf(), consentToHost: host.host, retryDelaysMs: [], ...more });
  }

  async function fails(problem: DownloadProblem, words: RegExp, more: Partial<DownloadRequest> = {}): Promise<void> {
    const error = await download(more).then(
      () => assert.fail("the download succeeded"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof DownloadError, String(error));
    assert.equal(error.problem, problem, error.message);
    assert.equal(error.code, "downloadFailed");
    assert.match(error.message, words);
    assert.match(error.message, /\.$/);
  }

  /** The first half is written through; how much of it the client has read when the connection breaks is up to the system. */
  async function isCutHalfWay(more: Partial<DownloadRequest> = {}): Promise<number> {
    host.cuts = 1;
    await fails("unreachable", / have arrived and are kept; the next try goes on from there/, more);
    const kept = await partSize();
    assert.ok(kept > 0 && kept <= HALF);
    return kept;
  }

  /** A download under way from a host that says nothing more after half; returned once something has arrived. */
  async function startedAndStuck(stop: AbortController): Promise<{ outcome: Promise<DownloadOutcome> }> {
    host.hangs = true;
    const outcome = download({ signal: stop.signal });
    await partHasBegun();
    return { outcome };
  }

  async function arrives(expected: Partial<DownloadOutcome>, more: Partial<DownloadRequest> = {}): Promise<void> {
    const outcome = await download(more);
    assert.deepEqual(outcome, { kind: "complete", bytes: BODY.length, ...expected });
    assert.ok(BODY.equals(await readFile(fileOf())));
    assert.deepEqual(await left(), ["model.gguf"]);
  }

  it("fetches a file, compares it with the published hash and leaves nothing else", async () => {
    await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: 0 });
    assert.deepEqual(
      host.seen.map((request) => request.method),
      ["HEAD", "GET"],
    );
  });

  it("reports progress that only grows, from the beginning to the whole", async () => {
    const received: number[] = [];
    await download({ onProgress: (progress) => received.push(progress.receivedBytes) });
    assert.equal(received[0], 0);
    assert.equal(received.at(-1), BODY.length);
    assert.deepEqual(
      received,
      [...received].sort((a, b) => a - b),
    );
  });

  describe("consent", () => {
    const noConnection = () => assert.deepEqual(host.seen, []);

    it("connects to nothing without it", async () => {
      await fails("noConsent", /no host was agreed to/, { consentToHost: "" });
      await fails("noConsent", /you agreed to other\.example/, { consentToHost: "other.example" });
      await fails("noConsent", /127\.0\.0\.1/, { consentToHost: "127.0.0.1" });
      noConnection();
      assert.equal(existsSync(join(dir, "models")), false);
    });

    it("connects to nothing unencrypted, this machine excepted", async () => {
      await fails("insecure", /not be encrypted/, { url: "http://example.com/file", consentToHost: "example.com" });
      await fails("insecure", /not be encrypted/, { url: "ftp://example.com/file", consentToHost: "example.com" });
      await fails("insecure", /not an address/, { url: "model.gguf", consentToHost: "" });
      noConnection();
    });
  });

  describe("redirects", () => {
    it("are followed, and the first host's hash counts", async () => {
      host.redirectTo = "/storage";
      host.etag = '"some-other-mark"';
      host.headers = { "x-linked-etag": `"${SHA256}"` };
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: 0 });
    });

    it("need no HEAD of the storage when the redirect says hash and size", async () => {
      host.redirectTo = "/storage";
      host.headers = { "x-linked-etag": `"${SHA256}"`, "x-linked-size": String(BODY.length) };
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: 0 });
      assert.deepEqual(
        host.seen.map((request) => request.method),
        ["HEAD", "GET", "GET"],
      );
    });

    it("to an unencrypted host or without end are refused", async () => {
      host.redirectTo = "http://example.com/file";
      await fails("insecure", /example\.com/);
      host.redirectTo = "/file";
      await fails("refused", /redirected more than/);
    });
  });

  describe("resume", () => {
    it("goes on where a broken connection ended when asked again", async () => {
      const kept = await isCutHalfWay();
      assert.deepEqual(await left(), ["model.gguf.part", "model.gguf.part.of"]);
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: kept });
      assert.deepEqual(host.gets(), [0, kept]);
    });

    it("goes on by itself while the pauses last", async () => {
      host.cuts = 3;
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: 0 }, { retryDelaysMs: [0] });
      const [first, ...later] = host.gets();
      assert.equal(first, 0);
      assert.equal(later.length, 3);
      assert.ok(later.every((from, index) => from > (host.gets()[index] ?? from)));
    });

    it("tries a busy host again, and gives up when it stays busy", async () => {
      host.status = 503;
      await fails("unreachable", /503/, { retryDelaysMs: [0, 0] });
      assert.equal(host.seen.length, 3);
    });

    it("fetches nothing when all had arrived before it was stopped", async () => {
      await isCutHalfWay();
      await writeFile(`${fileOf()}.part`, BODY);
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: BODY.length });
      assert.deepEqual(host.gets(), [0]);
    });

    it("begins again when the host cannot send a part", async () => {
      host.knowsRange = false;
      const kept = await isCutHalfWay();
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: kept });
      assert.equal(host.seen.at(-1)?.range, `bytes=${kept}-`);
      assert.equal(host.seen.at(-1)?.from, 0);
    });

    it("begins again when the host has another version of the file", async () => {
      host.body = Buffer.alloc(BODY.length, 7);
      host.etag = '"older"';
      await isCutHalfWay();
      host.body = BODY;
      host.etag = `"${SHA256}"`;
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: 0 });
      assert.deepEqual(host.gets(), [0, 0]);
    });

    it("begins again when nothing tells which version a part belongs to", async () => {
      host.etag = undefined;
      await isCutHalfWay();
      await arrives({ checkedAgainst: "size", resumedFromBytes: 0 });
    });

    it("works with a host that knows no HEAD", async () => {
      host.knowsHead = false;
      const kept = await isCutHalfWay({ expectedHash: { algorithm: "sha256", hex: SHA256 } });
      await arrives(
        { checkedAgainst: "expectedHash", resumedFromBytes: kept },
        { expectedHash: { algorithm: "sha256", hex: SHA256.toUpperCase() } },
      );
    });

    it("goes on after the process was killed", async () => {
      host.hangs = true;
      const module = new URL("../../../server/src/download/download.ts", import.meta.url);
      const request = { url: host.url, file: fileOf(), consentToHost: host.host };
      const script = `import("${module}").then((it) => it.downloadFile(${JSON.stringify(request)}))`;
      const child = spawn(process.execPath, ["--no-warnings", "--eval", script], { stdio: "ignore" });
      await partHasBegun();
      child.kill("SIGKILL");
      await once(child, "exit");
      const kept = await partSize();
      host.hangs = false;
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: kept });
      assert.deepEqual(host.gets(), [0, kept]);
    });

    it("takes over the lock that a crash left", async () => {
      await download();
      await rm(fileOf());
      // No process has this number: it is above what systems give.
      await writeFile(`${fileOf()}.part.lock`, "999999999");
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: 0 });
    });
  });

  describe("cancelling", () => {
    it("is an outcome, keeps what has arrived and lets the next try go on", async () => {
      const stop = new AbortController();
      const started = await startedAndStuck(stop);
      stop.abort();
      const outcome = await started.outcome;
      assert.ok(outcome.kind === "cancelled" && outcome.keptBytes > 0 && outcome.keptBytes <= HALF);
      assert.equal(outcome.keptBytes, await partSize());
      host.hangs = false;
      await arrives({ checkedAgainst: "publishedHash", resumedFromBytes: outcome.keptBytes });
      assert.deepEqual(host.gets(), [0, outcome.keptBytes]);
    });

    it("closes the connection", async () => {
      const stop = new AbortController();
      const started = await startedAndStuck(stop);
      assert.equal(host.openAnswers, 1);
      stop.abort();
      await started.outcome;
      while (host.openAnswers > 0) await sleep(10);
    });

    it("before the beginning connects to nothing", async () => {
      assert.deepEqual(await download({ signal: AbortSignal.abort() }), { kind: "cancelled", keptBytes: 0 });
      assert.deepEqual(host.seen, []);
    });

    it("ends the pause before another try", async () => {
      host.cuts = 1;
      const stop = new AbortController();
      const pending = download({ signal: stop.signal, retryDelaysMs: [3_600_000] });
      const waiting = setInterval(() => {
        if (host.cuts === 0 && existsSync(`${fileOf()}.part`)) stop.abort();
      }, 20);
      const outcome = await pending.finally(() => clearInterval(waiting));
      assert.equal(outcome.kind, "cancelled");
    });

    it("one of two downloads of the same file does not disturb the other", async () => {
      const stop = new AbortController();
      const started = await startedAndStuck(stop);
      await fails("busy", /already being downloaded/);
      stop.abort();
      assert.equal((await started.outcome).kind, "cancelled");
    });
  });

  describe("verification", () => {
    async function isSetAside(words: RegExp, more: Partial<DownloadRequest> = {}): Promise<void> {
      await fails("damaged", words, more);
      assert.deepEqual(await left(), ["model.gguf.corrupt"]);
    }

    it("sets a file aside that is not the expected one", async () => {
      const expectedHash = { algorithm: "sha256", hex: WRONG_SHA256 } as const;
      await isSetAside(/SHA-256 is [0-9a-f]{12}… instead of 0{12}…/, { expectedHash });
    });

    it("takes the expected hash for more than the published one, and knows SHA-512 too", async () => {
      host.etag = `"${WRONG_SHA256}"`;
      const hex = createHash("sha512").update(BODY).digest("hex");
      await arrives(
        { checkedAgainst: "expectedHash", resumedFromBytes: 0 },
        { expectedHash: { algorithm: "sha512", hex } },
      );
      const expectedHash = { algorithm: "sha512", hex: "0".repeat(128) } as const;
      await rm(fileOf());
      await isSetAside(/SHA-512 is [0-9a-f]{12}… instead of 0{12}…/, { expectedHash });
    });

    it("sets a file aside that is not the published one", async () => {
      host.etag = `"${WRONG_SHA256}"`;
      await isSetAside(/kept as .*model\.gguf\.corrupt and not used/);
    });

    it("finds a part that was damaged on the disk", async () => {
      const kept = await isCutHalfWay();
      await writeFile(`${fileOf()}.part`, Buffer.alloc(kept));
      await isSetAside(/damaged/);
      await arrivesAgain();
    });

    it("finds a file that is longer than the host said", async () => {
      host.headers = { "x-linked-size": "1000" };
      host.saysLength = false;
      await isSetAside(/bytes instead of 1000/);
    });

    it("is by size alone when no hash is known, and says so", async () => {
      host.etag = '"no-hash"';
      await arrives({ checkedAgainst: "size", resumedFromBytes: 0 });
      await rm(fileOf());
      host.saysLength = false;
      await arrives({ checkedAgainst: "nothing", resumedFromBytes: 0 });
    });

    async function arrivesAgain(): Promise<void> {
      const outcome = await download();
      assert.equal(outcome.kind, "complete");
      assert.ok(BODY.equals(await readFile(fileOf())));
    }
  });

  describe("failures are sentences", () => {
    it("no host there", async () => {
      await host.close();
      await fails("unreachable", /failed: it refused the connection\. Nothing arrived\./);
      await host.listen();
    });

    it("file not there", async () => {
      host.status = 404;
      await fails("refused", /did not send file: it answered 404 Not Found/, { retryDelaysMs: [0, 0] });
      assert.equal(host.seen.length, 1);
    });

    it("file changes between the question and the answer", async () => {
      host.headers = { "x-linked-size": "1000" };
      await fails("changed", /changed on 127\.0\.0\.1/);
    });

    it("disk too small, known before the first byte", async () => {
      host.headers = { "x-linked-size": String(2 ** 52) };
      host.saysLength = false;
      await fails("diskFull", /There is no room in .*: .* GiB are needed and .* are free\. Nothing arrived\./);
    });

    if (existsSync("/dev/full")) {
      it("disk full while writing", async () => {
        await download();
        await rm(fileOf());
        await symlink("/dev/full", `${fileOf()}.part`);
        await writeFile(`${fileOf()}.part.of`, SHA256);
        await fails("diskFull", /There is no room in .*: the disk is full\. Nothing arrived\./);
      });
    }

    it("folder that cannot be made", async () => {
      await writeFile(join(dir, "models"), "a file");
      await fails("disk", /could not be written or read/);
      assert.deepEqual(host.seen, []);
    });
  });
});
