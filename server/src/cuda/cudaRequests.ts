// Answers the requests about the runtime for CUDA: is it of use here, download with consent, remove.
import module from "node:module";
import type { Connection } from "vscode-languageserver/node";
import type { Hardware } from "../../../engine/src/api.ts";
import type { EngineHost } from "../engineHost.ts";
import type { ModelSession } from "../modelSession.ts";
import {
  CudaRuntimeRequest,
  type CudaRuntimeState,
  DownloadCudaRuntimeRequest,
  RemoveCudaRuntimeRequest,
} from "../protocol/cudaMessages.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import { formatBytes } from "../protocol/formatBytes.ts";
import { handle, RequestError, workDone } from "../requests.ts";
import type { SettingsStore } from "../settingsStore.ts";
import { CUDA_LICENCE, CUDA_VERSION, cudaPackages } from "./cudaPackages.ts";
import type { CudaRuntime } from "./cudaRuntime.ts";

export interface CudaRequestOptions {
  engine: Pick<EngineHost, "hardware" | "restart">;
  cuda: CudaRuntime;
  session: Pick<ModelSession, "reload" | "forgetFailures">;
  settings: Pick<SettingsStore, "current">;
}

export function registerCudaRequests(connection: Connection, options: CudaRequestOptions): void {
  const { cuda, settings } = options;
  handle(connection, CudaRuntimeRequest.type, () => stateOf(options));
  handle(connection, DownloadCudaRuntimeRequest.type, async ({ consentToHost, workDoneToken }, signal) => {
    const { problem } = await stateOf(options);
    if (problem !== undefined) throw new RequestError(FathomErrorCodes.badRequest, problem);
    const progress = workDone(connection, workDoneToken, "Downloading the CUDA runtime");
    try {
      const { npmRegistry: registry } = settings.current.runtime;
      const total = formatBytes(cuda.downloadBytes);
      const onProgress = (received: number) =>
        progress.report(received / cuda.downloadBytes, `${formatBytes(received)} of ${total}`);
      const onUnpacking = () => progress.report(1, "Unpacking");
      await cuda.download({ registry, consentToHost, signal, onProgress, onUnpacking });
    } finally {
      progress.end();
    }
    await startAnew(options);
    return stateOf(options);
  });
  handle(connection, RemoveCudaRuntimeRequest.type, async () => {
    // The engine has its libraries open, which Windows would keep.
    await options.engine.restart();
    await cuda.remove();
    await startAnew(options);
    return stateOf(options);
  });
}

/** Only a new process looks for binaries again. */
async function startAnew({ engine, session }: CudaRequestOptions): Promise<void> {
  await engine.restart();
  session.forgetFailures();
  await session.reload();
}

async function stateOf({ engine, cuda, settings }: CudaRequestOptions): Promise<CudaRuntimeState> {
  const { model, runtime } = settings.current;
  const hardware = await engine.hardware({ gpu: model.gpu }).catch((error: unknown) => {
    // An engine that stays off may do so because of this runtime: it must be possible to remove it.
    return error instanceof Error ? error.message : String(error);
  });
  const gpu = typeof hardware === "string" ? undefined : hardware.gpu;
  return {
    problem: problemOf(hardware, model.gpu),
    installed: cuda.installed,
    outdated: cuda.outdated,
    inUse: gpu?.backend === "cuda",
    gpu: gpu?.name,
    host: cuda.hostOf(runtime.npmRegistry),
    packages: cudaPackages().map(({ name, holds }) => `${name} ${CUDA_VERSION}: ${holds}`),
    downloadBytes: cuda.downloadBytes,
    unpackedBytes: cuda.unpackedBytes,
    licence: CUDA_LICENCE,
  };
}

/**
 * Why the runtime would be of no use, with what to do.
 * @param hardware Or the sentence why the engine does not say it.
 */
function problemOf(hardware: Hardware | string, gpu: "auto" | "cpu"): string | undefined {
  if (cudaPackages().length === 0) {
    return "There is no CUDA runtime for this machine: it exists for Linux and Windows on x64 processors.";
  }
  if (!("registerHooks" in module)) {
    return `The CUDA runtime needs Node.js 22.15 or later, as in VS Code 1.101; this is ${process.versions.node}. Update VS Code.`;
  }
  if (gpu === "cpu") {
    return "The setting fathom.model.gpu is “cpu”, so no GPU is used. Set it to “auto” to use CUDA.";
  }
  if (typeof hardware === "string") return hardware;
  if (hardware.cudaFound) return undefined;
  return (
    "No NVIDIA driver with CUDA's own libraries (cudart and cublas of CUDA 12 or 13) was found on this machine, and the " +
    "CUDA runtime needs both. Install NVIDIA's driver and CUDA toolkit, then restart VS Code. Without them Fathom uses " +
    "Vulkan where there is a GPU, and the processor where there is none."
  );
}
