// The messages about the runtime for CUDA, which does not ship with Fathom and can be downloaded later.
import { ProtocolRequestType, RequestType, type WorkDoneProgressParams } from "vscode-languageserver-protocol";

export interface CudaRuntimeState {
  /** Sentence: why it is of no use here as things are, and what to do; absent when it is. */
  problem?: string;
  installed: boolean;
  /** There is one for another version of Fathom, which this one cannot use. */
  outdated: boolean;
  /** The engine runs on it. */
  inUse: boolean;
  /** The GPU that the engine uses, by whichever runtime; absent: none. */
  gpu?: string;
  /** Host that a download connects to. */
  host: string;
  /** What is downloaded, a line each. */
  packages: string[];
  downloadBytes: number;
  /** What it takes on disk. */
  unpackedBytes: number;
  licence: string;
}

/** Client → server: whether the runtime for CUDA is of use, installed and in use. */
export const CudaRuntimeRequest = {
  type: new RequestType<null, CudaRuntimeState, void>("fathom/cudaRuntime"),
};

export interface DownloadCudaRuntimeParams extends WorkDoneProgressParams {
  /** The host the user agreed to connect to, as shown to them; must equal the state's, else nothing is fetched. */
  consentToHost: string;
}

/** Client → server: download it and start the engine on it; resumes a partial download. Progress by `$/progress`. */
export const DownloadCudaRuntimeRequest = {
  type: new ProtocolRequestType<DownloadCudaRuntimeParams, CudaRuntimeState, never, void, void>(
    "fathom/downloadCudaRuntime",
  ),
};

/** Client → server: remove it from the disk; the engine starts without it. */
export const RemoveCudaRuntimeRequest = {
  type: new RequestType<null, CudaRuntimeState, void>("fathom/removeCudaRuntime"),
};
