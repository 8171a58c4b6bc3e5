// The runtime for CUDA over LSP: when it is offered, what a download that fails says and keeps, what the doctor says of it.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CUDA_VERSION, cudaPackages } from "../../server/src/cuda/cudaPackages.ts";
import {
  CudaRuntimeRequest,
  DownloadCudaRuntimeRequest,
  RemoveCudaRuntimeRequest,
} from "../../server/src/protocol/cudaMessages.ts";
import { FathomErrorCodes } from "../../server/src/protocol/errors.ts";
import { DoctorRequest } from "../../server/src/protocol/messages.ts";
import { NpmRegistry } from "../fakes/npmRegistry.ts";
import { seeminglyNvidia } from "../fakes/nvidiaDriver.ts";
import { question, Session, settingsForTiny, withSession } from "./session.ts";

describe("the runtime for CUDA over LSP", () => {
  const registry = new NpmRegistry();
  const driver = seeminglyNvidia();
  before(function () {
    // The names of NVIDIA's libraries, and where they are looked for, are Linux's.
    if (process.platform !== "linux" || process.arch !== "x64") this.skip();
    return registry.listen();
  });
  after(async () => {
    await registry.close();
    driver.remove();
  });

  const withGpu = () => ({
    settings: { ...settingsForTiny({ model: { gpu: "auto" } }), runtime: { npmRegistry: registry.url } },
    env: driver.env,
  });
  const download = (session: Session, consentToHost: string) =>
    session.connection.sendRequest(DownloadCudaRuntimeRequest.type, { consentToHost });

  it("is of no use where no GPU may be used, and is not downloaded then", () =>
    withSession({ settings: { ...settingsForTiny(), runtime: { npmRegistry: registry.url } } }, async (session) => {
      await session.ready();
      const state = await session.connection.sendRequest(CudaRuntimeRequest.type, null);
      assert.match(state.problem ?? "", /^The setting fathom\.model\.gpu is “cpu”/);
      assert.deepEqual([state.installed, state.inUse], [false, false]);
      await assert.rejects(download(session, registry.host), { code: FathomErrorCodes.badRequest });
      assert.deepEqual(registry.fetched, []);
    }));

  it("is offered with host, sizes and licence where the driver and CUDA are found", () =>
    withSession(withGpu(), async (session) => {
      await session.ready();
      const state = await session.connection.sendRequest(CudaRuntimeRequest.type, null);
      assert.equal(state.problem, undefined);
      assert.equal(state.host, registry.host);
      assert.equal(state.licence, "MIT");
      assert.equal(state.downloadBytes, 142_850_036 + 176_679_086);
      assert.deepEqual(
        state.packages.map((line) => line.split(":")[0]),
        cudaPackages("linux-x64").map(({ name }) => `${name} ${CUDA_VERSION}`),
      );
      const rows = await session.connection.sendRequest(DoctorRequest.type, null);
      assert.match(
        rows.find(({ topic }) => topic === "CUDA")?.text ?? "",
        /Get CUDA Runtime… downloads one \(305 MiB\)/,
      );
    }));

  it("fetches nothing without consent to its host, and uses nothing that is not the pinned content", () =>
    withSession(withGpu(), async (session) => {
      await session.ready();
      await assert.rejects(download(session, "example.com"), {
        code: FathomErrorCodes.downloadFailed,
        message: /^Nothing was fetched: the file comes from 127\.0\.0\.1:\d+, but you agreed to example\.com/,
      });
      assert.deepEqual(registry.fetched, []);
      const { name } = cudaPackages("linux-x64")[0]!;
      registry.archives.set(`/npm/${name}/-/${name.split("/")[1]}-${CUDA_VERSION}.tgz`, Buffer.from("something else"));
      await assert.rejects(download(session, registry.host), {
        code: FathomErrorCodes.downloadFailed,
        message: /its SHA-512 is .* instead of .*kept as .*\.corrupt and not used/,
      });
      assert.equal((await session.connection.sendRequest(CudaRuntimeRequest.type, null)).installed, false);
      // All else goes on as before.
      const { outcome } = await session.ask(question("parseHeader"));
      assert.equal(outcome.places[0]?.path, "src/parser.ts");
      await session.connection.sendRequest(RemoveCudaRuntimeRequest.type, null);
      assert.ok(!readdirSync(session.storageDir).some((entry) => entry.startsWith("runtimes")));
    }));

  it("that is there and cannot start leaves the engine on what it has, says so, and can be removed", async () => {
    const session = await Session.start(withGpu());
    try {
      assert.equal((await session.connection.sendRequest(CudaRuntimeRequest.type, null)).outdated, false);
      mkdirSync(join(session.storageDir, "runtimes", "cuda-1.0.0"), { recursive: true });
      assert.equal((await session.connection.sendRequest(CudaRuntimeRequest.type, null)).outdated, true);
      const folder = join(session.storageDir, "runtimes", `cuda-${CUDA_VERSION}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "note.txt"), "half of a runtime");
      await session.ready();
      const state = await session.connection.sendRequest(CudaRuntimeRequest.type, null);
      assert.deepEqual([state.installed, state.inUse, state.problem], [true, false, undefined]);
      const rows = await session.connection.sendRequest(DoctorRequest.type, null);
      assert.match(rows.find(({ topic }) => topic === "CUDA")?.text ?? "", /does not run on it: the log says why/);
      const pid = await session.enginePid();
      const after = await session.connection.sendRequest(RemoveCudaRuntimeRequest.type, null);
      assert.equal(after.installed, false);
      assert.equal(existsSync(folder), false);
      assert.notEqual(await session.enginePid(), pid);
    } finally {
      await session.end();
    }
  });
});
