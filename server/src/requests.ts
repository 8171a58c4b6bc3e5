// How requests of Fathom's own are answered: cancellation as a signal, errors as codes with sentences, streams as progress.
import {
  type CancellationToken,
  type Connection,
  ErrorCodes,
  LSPErrorCodes,
  ProgressType,
  type RequestHandler,
  type RequestType,
  ResponseError,
  type WorkDoneProgressBegin,
  type WorkDoneProgressEnd,
  type WorkDoneProgressReport,
} from "vscode-languageserver/node";
import { EngineError, type EngineErrorCode } from "../../engine/src/api.ts";
import { type FathomErrorCode, FathomErrorCodes } from "./protocol/errors.ts";
import type { AnswerEvent, StopReason } from "./protocol/messages.ts";
import { wrongParameters } from "./requestShapes.ts";

/** A failure of the server's own, with the code that its client acts on. */
export class RequestError extends Error {
  readonly code: FathomErrorCode;
  constructor(code: FathomErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RequestError";
    this.code = code;
  }
}

const CODE_OF_ENGINE_ERROR: Record<EngineErrorCode, FathomErrorCode> = {
  modelMissing: FathomErrorCodes.modelUnusable,
  modelUnreadable: FathomErrorCodes.modelUnusable,
  modelUnsupported: FathomErrorCodes.modelUnusable,
  mmprojUnusable: FathomErrorCodes.modelUnusable,
  outOfMemory: FathomErrorCodes.engineFailed,
  noModel: FathomErrorCodes.noModel,
  baseReplaced: FathomErrorCodes.engineFailed,
  promptTooLong: FathomErrorCodes.badRequest,
  badGrammar: FathomErrorCodes.badRequest,
  badImage: FathomErrorCodes.badRequest,
  visionFailed: FathomErrorCodes.engineFailed,
  backendFailed: FathomErrorCodes.engineFailed,
  engineStopped: FathomErrorCodes.engineStopped,
};

/**
 * Registers a handler. It meets no parameters of another shape than the request's. Its signal aborts when the client
 * cancels; an abort that ends in an error is answered as cancelled, every other error with a code and the sentence it carries.
 */
export function handle<P, R>(
  connection: Connection,
  type: RequestType<P, R, void>,
  handler: (params: P, signal: AbortSignal) => Promise<R>,
): void {
  const answer = async (params: P, token: CancellationToken): Promise<R | ResponseError<void>> => {
    const wrong = wrongParameters(type.method, params);
    if (wrong !== undefined) return new ResponseError<void>(ErrorCodes.InvalidParams, wrong);
    const signal = asSignal(token);
    try {
      return await handler(params, signal);
    } catch (error) {
      if (signal.aborted) return new ResponseError<void>(LSPErrorCodes.RequestCancelled, "Cancelled.");
      const failure = asResponseError(error);
      connection.console.error(`${type.method}: ${failure.message}`);
      return failure;
    }
  };
  // Parameters in a list come one by one, the token behind them; of an empty list there is only the token.
  const spread = (...given: unknown[]) =>
    answer((given.length > 1 ? given[0] : undefined) as P, given.at(-1) as CancellationToken);
  connection.onRequest(type, spread as RequestHandler<P, R, void>);
  const answers = ANSWERS.get(connection) ?? new Map<string, Answer>();
  ANSWERS.set(connection, answers.set(type.method, answer as Answer));
}

type Answer = (params: unknown, token: CancellationToken) => Promise<unknown>;

/** What was registered by {@link handle}, by method. */
const ANSWERS = new WeakMap<Connection, Map<string, Answer>>();

/** @returns What answers a request of Fathom's own, for clients that reach it by another way; undefined if there is none. */
export function answerOf(connection: Connection, method: string): Answer | undefined {
  return ANSWERS.get(connection)?.get(method);
}

/** @returns A signal that aborts with the token. */
export function asSignal(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  else token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}

/** Says why an answer is not whole, so that a cut-off text is never taken for a finished one. */
export function cutOffNote(stopReason: StopReason): string | undefined {
  switch (stopReason) {
    case "maxTokens":
      return "The answer was cut off at the length limit.";
    case "contextFull":
      return "The answer was cut off because the model's context is full.";
    case "repetition":
      return "The answer was stopped because the model repeated itself.";
    case "end":
    case "stopText":
    case "cancelled":
      return undefined;
  }
}

/** Joins the sentences that there are. */
export function joinNotes(...notes: (string | undefined)[]): string | undefined {
  const present = notes.filter((note) => note !== undefined);
  return present.length === 0 ? undefined : present.join(" ");
}

/** Sends events of a streamed answer; silent for clients that gave no token. */
export function answerStream(connection: Connection, token: string | number | undefined): (event: AnswerEvent) => void {
  if (token === undefined) return () => {};
  const type = new ProgressType<AnswerEvent>();
  return (event) => void connection.sendProgress(type, token, event);
}

const WORK_DONE = new ProgressType<WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd>();

/** Standard work-done progress; silent for clients that gave no token. */
export function workDone(connection: Connection, token: string | number | undefined, title: string) {
  const send = (value: WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd) => {
    if (token !== undefined) void connection.sendProgress(WORK_DONE, token, value);
  };
  send({ kind: "begin", title, cancellable: true, percentage: 0 });
  return {
    report: (share: number, message: string) =>
      send({ kind: "report", percentage: Math.floor(Math.min(1, share) * 100), message }),
    end: () => send({ kind: "end" }),
  };
}

export function asResponseError(error: unknown): ResponseError<void> {
  if (error instanceof RequestError) return new ResponseError(error.code, error.message);
  if (error instanceof EngineError) return new ResponseError(CODE_OF_ENGINE_ERROR[error.code], error.message);
  const reason = error instanceof Error ? error.message : String(error);
  // Parts that know nothing of LSP name the code they mean.
  const named = (error as { code?: unknown } | null)?.code;
  if (typeof named === "string" && Object.hasOwn(FathomErrorCodes, named)) {
    return new ResponseError(FathomErrorCodes[named as keyof typeof FathomErrorCodes], reason);
  }
  return new ResponseError(FathomErrorCodes.engineFailed, `Fathom failed: ${reason}`);
}
