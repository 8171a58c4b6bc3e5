// The wire between the engine process and its vision child: what each side sends; knows neither side's work.
import type { EngineErrorCode, StopReason, VisionRequest } from "./api.ts";

/** Parent → child: one picture to answer about. All requests to one child name the same files, context, device, threads. */
export interface SeeMessage extends Omit<VisionRequest, "threads"> {
  threads: number;
  /** Size of the picture, pixels. */
  image: { width: number; height: number };
}

/** Child → parent. A request is answered by `started`, any number of `chunk` and one `done`, or at any time by `failed`. */
export type ChildMessage = LoadingMessage | LoadedMessage | StartedMessage | ChunkMessage | DoneMessage | FailedMessage;

/** Sent before the runtime loads a model, which may abort the process: the parent then knows what was tried. */
export interface LoadingMessage {
  kind: "loading";
  device: "gpu" | "cpu";
}

export interface LoadedMessage {
  kind: "loaded";
}

export interface StartedMessage {
  kind: "started";
  /** Length of the prompt, tokens of the picture included. */
  promptTokens: number;
  /** Part of it that the request before has left in memory. */
  reusedTokens: number;
}

export interface ChunkMessage {
  kind: "chunk";
  text: string;
}

export interface DoneMessage {
  kind: "done";
  stopReason: StopReason;
  generatedTokens: number;
  /** Time for the picture and the prompt, milliseconds. */
  prefillMs: number;
  /** Time for the answer's tokens, milliseconds. */
  decodeMs: number;
}

/** Ends the request, and the child: the parent kills it. */
export interface FailedMessage {
  kind: "failed";
  code: EngineErrorCode;
  /** A sentence for people. */
  message: string;
}
