// The packed server gets the real runtime for CUDA from the real registry, and its engine finds it where it was put.
import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultUrl } from "registry-url";
import { CUDA_VERSION, cudaPackages } from "../../server/src/cuda/cudaPackages.ts";
import {
  CudaRuntimeRequest,
  DownloadCudaRuntimeRequest,
  RemoveCudaRuntimeRequest,
} from "../../server/src/protocol/cudaMessages.ts";
import { RestartEngineRequest } from "../../server/src/protocol/messages.ts";
import { packFor } from "../../vsix.ts";
import { seeminglyNvidia } from "../fakes/nvidiaDriver.ts";
import { Session, settingsForTiny } from "../lsp/session.ts";
import { unpack } from "./vsixFile.ts";

/** 305 MiB over a slow line. */
const DOWNLOAD_MS = 600_000;

describe("the runtime for CUDA beside the package", () => {
  const folder = mkdtempSync(join(tmpdir(), "fathom-cuda-package-"));
  const driver = seeminglyNvidia();
  let session: Session;

  before(async function () {
    if (process.platform !== "linux" || process.arch !== "x64") this.skip();
    const vsix = join(folder, "fathom.vsix");
    await packFor("linux-x64", vsix);
    await unpack(vsix, join(folder, "package"));
    session = await Session.start({
      server: join(folder, "package/extension/dist/server.mjs"),
      settings: settingsForTiny({ model: { gpu: "auto" } }),
      env: driver.env,
    });
    await session.ready();
  });
  after(async () => {
    await session?.end();
    driver.remove();
    rmSync(folder, { recursive: true });
  });

  it("is downloaded, compared with the lock file's hashes and unpacked", async function () {
    this.timeout(DOWNLOAD_MS);
    const { host, problem, installed } = await session.connection.sendRequest(CudaRuntimeRequest.type, null);
    assert.deepEqual(
      { host, problem, installed },
      { host: new URL(defaultUrl).host, problem: undefined, installed: false },
    );
    const state = await session.connection.sendRequest(DownloadCudaRuntimeRequest.type, { consentToHost: host });
    // Without a GPU it cannot start, and the engine goes on with what it had.
    assert.deepEqual([state.installed, state.inUse, state.problem], [true, false, undefined]);
    assert.equal((await session.statusNow()).state, "ready");
    const [runtime, kernels] = cudaPackages("linux-x64").map(({ name }) =>
      join(runtimeFolder(), name, "bins/linux-x64-cuda"),
    );
    assert.ok(existsSync(join(runtime!, "llama-addon.node")));
    assert.ok(existsSync(join(kernels!, "fallback/libggml-cuda.so")));
    assert.deepEqual(readdirSync(join(session.storageDir, "runtimes")), [`cuda-${CUDA_VERSION}`]);
  });

  it("is what the engine's runtime is given when it asks for CUDA", async () => {
    const { name } = cudaPackages("linux-x64")[0]!;
    const asked = join(folder, "asked");
    appendFileSync(
      join(runtimeFolder(), name, "dist/index.js"),
      `\nawait fs.writeFile(${JSON.stringify(asked)}, packageVersion);\n`,
    );
    await session.connection.sendRequest(RestartEngineRequest.type, null);
    assert.ok(existsSync(asked));
  });

  it("is gone when it is removed", async () => {
    const state = await session.connection.sendRequest(RemoveCudaRuntimeRequest.type, null);
    assert.equal(state.installed, false);
    assert.deepEqual(
      readdirSync(session.storageDir).filter((entry) => entry.startsWith("runtimes")),
      [],
    );
  });

  function runtimeFolder(): string {
    return join(session.storageDir, "runtimes", `cuda-${CUDA_VERSION}`);
  }
});
