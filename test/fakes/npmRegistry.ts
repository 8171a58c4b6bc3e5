// An npm registry on this machine: answers with archives that a test made, and counts what it is asked for.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create } from "tar";

export class NpmRegistry {
  /** Paths of the GETs, in their order. */
  readonly fetched: string[] = [];
  /** By path, as npm's registry names them. */
  readonly archives = new Map<string, Buffer>();
  /** Sends half of an archive and then nothing more, until the client goes. */
  hangs = false;
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    // It is made before mocha knows which tests will run, and then perhaps closed by none.
    this.#server.unref();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}/npm/`;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    const whole = this.archives.get(path);
    if (whole === undefined) return void response.writeHead(404).end();
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const part = whole.subarray(from);
    response.setHeader("content-length", part.length);
    if (from > 0) response.setHeader("content-range", `bytes ${from}-${whole.length - 1}/${whole.length}`);
    response.writeHead(from > 0 ? 206 : 200);
    if (request.method === "HEAD") return void response.end();
    this.fetched.push(path);
    if (this.hangs) response.write(part.subarray(0, part.length / 2));
    else response.end(part);
  }
}

/**
 * An archive as npm makes it: everything within `package/`.
 * @param files Content by path in the package.
 * @returns With its hash as a lock file writes it.
 */
export async function npmArchive(files: Record<string, string>): Promise<{ archive: Buffer; integrity: string }> {
  const folder = mkdtempSync(join(tmpdir(), "fathom-archive-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, "package", path)), { recursive: true });
    writeFileSync(join(folder, "package", path), text);
  }
  const file = join(folder, "archive.tgz");
  await create({ file, cwd: folder, gzip: true }, ["package"]);
  const archive = readFileSync(file);
  rmSync(folder, { recursive: true });
  return { archive, integrity: `sha512-${createHash("sha512").update(archive).digest("base64")}` };
}
