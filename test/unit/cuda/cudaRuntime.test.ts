// Tests of the runtime for CUDA on disk, against a registry on this machine: consent, checks, resuming, unpacking, removing.
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { defaultUrl } from "registry-url";
import { type CudaDownload, CudaRuntime } from "../../../server/src/cuda/cudaRuntime.ts";
import { NpmRegistry, npmArchive } from "../../fakes/npmRegistry.ts";

const VERSION = "1.2.3";
const NAMES = ["@node-llama-cpp/linux-x64-cuda", "@node-llama-cpp/linux-x64-cuda-ext"] as const;
/** Not compressible, so that a broken archive is noticed in the middle. */
const BINARY = Array.from({ length: 20_000 }, (_, n) => Math.imul(n, 2_654_435_761).toString(36)).join("");

describe("CudaRuntime", () => {
  let storageDir: string;
  let registry: NpmRegistry;
  let runtime: CudaRuntime;
  let received: number[];
  const runtimesDir = () => join(storageDir, "runtimes");
  const pathOf = (name: string) => `/npm/${name}/-/${name.split("/")[1]}-${VERSION}.tgz`;

  beforeEach(async () => {
    storageDir = mkdtempSync(join(tmpdir(), "fathom-cuda-"));
    registry = new NpmRegistry();
    await registry.listen();
    received = [];
    runtime = await published();
  });

  afterEach(async () => {
    await registry.close();
    rmSync(storageDir, { recursive: true, force: true });
  });

  /** Puts both packages into the registry. */
  async function published(changes: { integrity?: string; unpackedBytes?: number } = {}): Promise<CudaRuntime> {
    const packages = [];
    for (const name of NAMES) {
      const files = { "package.json": "{}", "dist/index.js": `// ${name}`, "bins/libggml-cuda.so": BINARY };
      const { archive, integrity } = await npmArchive(files);
      registry.archives.set(pathOf(name), archive);
      packages.push({ name, holds: "test", bytes: archive.length, unpackedBytes: 1000, integrity, ...changes });
    }
    return new CudaRuntime({ storageDir, packages, version: VERSION });
  }

  function download(changes: Partial<CudaDownload> = {}): Promise<void> {
    return runtime.download({
      registry: registry.url,
      consentToHost: registry.host,
      signal: new AbortController().signal,
      onProgress: (bytes) => received.push(bytes),
      onUnpacking: () => {},
      ...changes,
    });
  }

  it("puts both packages where the engine looks, and leaves nothing else", async () => {
    assert.equal(runtime.installed, false);
    await download();
    assert.equal(runtime.installed, true);
    for (const name of NAMES) {
      assert.equal(readFileSync(join(runtime.folder, name, "dist/index.js"), "utf8"), `// ${name}`);
      assert.equal(readFileSync(join(runtime.folder, name, "bins/libggml-cuda.so"), "utf8"), BINARY);
    }
    assert.deepEqual(readdirSync(runtimesDir()), [`cuda-${VERSION}`]);
    assert.deepEqual(registry.fetched, NAMES.map(pathOf));
    assert.deepEqual(
      received,
      received.toSorted((a, b) => a - b),
    );
    assert.equal(received.at(-1), runtime.downloadBytes);
  });

  it("takes a registry with and without a slash at its end, and npm's own by default", async () => {
    await download({ registry: registry.url.replace(/\/$/, "") });
    assert.deepEqual(registry.fetched, NAMES.map(pathOf));
    assert.equal(runtime.hostOf(registry.url), registry.host);
    assert.equal(runtime.hostOf(""), new URL(defaultUrl).host);
    assert.equal(runtime.hostOf("no address"), "no address");
  });

  it("asks no host that was not agreed to, and none without encryption", async () => {
    await assert.rejects(download({ consentToHost: "example.com" }), { problem: "noConsent" });
    const insecure = { registry: "http://mirror.example/npm", consentToHost: "mirror.example" };
    await assert.rejects(download(insecure), { problem: "insecure" });
    await assert.rejects(download({ registry: "no address", consentToHost: "no address" }), { problem: "insecure" });
    assert.deepEqual(registry.fetched, []);
    assert.equal(runtime.installed, false);
  });

  it("puts nothing in place when an archive is not the pinned one", async () => {
    runtime = await published({ integrity: `sha512-${Buffer.alloc(64).toString("base64")}` });
    await assert.rejects(download(), /its SHA-512 is [0-9a-f]{12}… instead of 0{12}…/);
    assert.equal(runtime.installed, false);
    assert.deepEqual(registry.fetched, [pathOf(NAMES[0])]);
  });

  it("keeps what has arrived when it is cancelled, and fetches only the rest then", async () => {
    registry.hangs = true;
    const stop = new AbortController();
    const cancelled = assert.rejects(download({ signal: stop.signal }));
    const part = join(runtimesDir(), `${NAMES[0].replace("/", "-")}-${VERSION}.tgz.part`);
    while (!existsSync(part) || statSync(part).size === 0) await setImmediate();
    stop.abort();
    await cancelled;
    received = [];
    assert.equal(runtime.installed, false);
    registry.hangs = false;
    await download();
    assert.ok(received[0]! > 0, "began anew");
    assert.equal(runtime.installed, true);
  });

  it("does not fetch a whole archive again after the second one failed", async () => {
    const second = registry.archives.get(pathOf(NAMES[1]))!;
    registry.archives.delete(pathOf(NAMES[1]));
    await assert.rejects(download(), { problem: "refused" });
    registry.archives.set(pathOf(NAMES[1]), second);
    await download();
    assert.deepEqual(registry.fetched, NAMES.map(pathOf));
    assert.equal(runtime.installed, true);
  });

  it("unpacks nothing where the disk has no room, and says how much is missing", async () => {
    runtime = await published({ unpackedBytes: Number.MAX_SAFE_INTEGER / 4 });
    await assert.rejects(download(), /too full to unpack the CUDA runtime: .* are needed and .* are free\. .*kept/);
    assert.equal(runtime.installed, false);
  });

  it("leaves nothing half unpacked behind when an archive cannot be read", async () => {
    const name = NAMES[0];
    const broken = Buffer.from("this is no archive");
    writeFileSync(join(mkRuntimes(), `${name.replace("/", "-")}-${VERSION}.tgz`), broken);
    await assert.rejects(download(), /could not be unpacked: .*kept/);
    assert.equal(runtime.installed, false);
    assert.deepEqual(
      readdirSync(runtimesDir()).filter((entry) => !entry.endsWith(".tgz")),
      [],
    );
  });

  it("takes the place of another version, whose binaries the runtime would refuse", async () => {
    const older = join(mkRuntimes(), "cuda-1.0.0");
    assert.equal(runtime.outdated, false);
    mkdirSync(older);
    assert.deepEqual([runtime.installed, runtime.outdated], [false, true]);
    await download();
    assert.equal(existsSync(older), false);
    assert.equal(runtime.outdated, false);
    assert.equal(runtime.installed, true);
  });

  it("is gone with everything that belonged to it when it is removed", async () => {
    await download();
    await runtime.remove();
    assert.equal(runtime.installed, false);
    assert.deepEqual(readdirSync(storageDir), []);
    await runtime.remove();
  });

  it("is never there where there are no packages for it", () => {
    mkdirSync(runtime.folder, { recursive: true });
    const none = new CudaRuntime({ storageDir, packages: [], version: VERSION });
    assert.deepEqual([none.installed, none.downloadBytes], [false, 0]);
  });

  function mkRuntimes(): string {
    mkdirSync(runtimesDir(), { recursive: true });
    return runtimesDir();
  }
});
