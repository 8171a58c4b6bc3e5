// The wire between engine process and its owner: method names, parameter types and how errors cross the border.
import { ErrorCodes, NotificationType, RequestType, ResponseError } from "vscode-jsonrpc/node";
import {
  type EmbeddingModelFacts,
  type EmbedRequest,
  type EmbedResult,
  EngineError,
  type EngineErrorCode,
  type GenerateChunk,
  type GenerateRequest,
  type GenerateResult,
  type Hardware,
  type LoadedModel,
  type LoadOptions,
  type LongContextState,
  type ModelFacts,
  type PrefillProgress,
  type PrefillRequest,
  type PrefillResult,
  type Reach,
  type SnapshotCheck,
  type SnapshotInfo,
  type VisionRequest,
  type VisionResult,
} from "./api.ts";

/** A long call carries an id, so that its progress finds its way back. */
export type WithId<T> = T & { callId: number };

export const InspectCall = new RequestType<{ modelFile: string }, ModelFacts, void>("inspect");
export const LoadCall = new RequestType<WithId<{ options: LoadOptions }>, LoadedModel, void>("load");
export const UnloadCall = new RequestType<null, null, void>("unload");
export const PrefillCall = new RequestType<WithId<{ request: PrefillRequest }>, PrefillResult, void>("prefill");
export const GenerateCall = new RequestType<WithId<{ request: GenerateRequest }>, GenerateResult, void>("generate");
export const SeeCall = new RequestType<WithId<{ request: VisionRequest }>, VisionResult, void>("see");
export const InspectEmbeddingCall = new RequestType<{ modelFile: string }, EmbeddingModelFacts, void>(
  "inspectEmbedding",
);
export const EmbedCall = new RequestType<{ request: EmbedRequest }, EmbedResult, void>("embed");
export const ReleaseEmbeddingCall = new RequestType<null, null, void>("releaseEmbedding");
export const CountTokensCall = new RequestType<{ texts: string[] }, number[], void>("countTokens");
export const HardwareCall = new RequestType<{ gpu: "auto" | "cpu" }, Hardware, void>("hardware");
export const ReachCall = new RequestType<{ request: PrefillRequest }, Reach, void>("reach");
export const LongContextCall = new RequestType<null, LongContextState, void>("longContext");
export const PrefillSpeedCall = new RequestType<null, number, void>("prefillSpeed");
export const HoldBackgroundCall = new RequestType<{ hold: boolean }, null, void>("holdBackground");
export const ListSnapshotsCall = new RequestType<{ root: string }, SnapshotInfo[], void>("listSnapshots");
export const RemoveSnapshotsCall = new RequestType<{ root: string; ids?: string[] }, SnapshotInfo[], void>(
  "removeSnapshots",
);
export const VerifySnapshotsCall = new RequestType<{ root: string }, SnapshotCheck[], void>("verifySnapshots");

/** Progress of a running call, engine → owner. */
export type CallProgress = { load: number } | { prefill: PrefillProgress } | { chunk: GenerateChunk };
export const ProgressEvent = new NotificationType<WithId<{ progress: CallProgress }>>("progress");

/** A line of the runtime's log, engine → owner. */
export const LogEvent = new NotificationType<{ line: string }>("log");

/** JSON-RPC code of every EngineError; its own code travels in the data. */
const ENGINE_ERROR = -32000;

/** What the library answers for a process that is gone. */
const CONNECTION_ERRORS: number[] = [ErrorCodes.PendingResponseRejected, ErrorCodes.ConnectionInactive];

/** Errors lose their class on the wire; this keeps code and sentence. */
export function toWire(error: unknown): ResponseError<{ code: EngineErrorCode }> {
  if (error instanceof EngineError) return new ResponseError(ENGINE_ERROR, error.message, { code: error.code });
  const reason = error instanceof Error ? error.message : String(error);
  return new ResponseError(ENGINE_ERROR, `The engine failed: ${reason}`, { code: "backendFailed" });
}

/** @returns The EngineError that crossed the wire; a broken connection becomes engineStopped. */
export function fromWire(error: unknown): EngineError {
  if (error instanceof ResponseError) {
    const code = (error.data as { code?: EngineErrorCode } | undefined)?.code;
    if (error.code === ENGINE_ERROR && code !== undefined) return new EngineError(code, error.message);
    if (!CONNECTION_ERRORS.includes(error.code)) return new EngineError("backendFailed", error.message);
  }
  return new EngineError("engineStopped", "The engine stopped while it was working; it is being restarted.", {
    cause: error,
  });
}
