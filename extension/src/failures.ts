// Turns whatever a request was rejected with into a sentence and one action; shows nothing itself.
import * as l10n from "@vscode/l10n";
import { FathomErrorCodes } from "../../server/src/protocol/errors.ts";
import type { ChatFailure } from "../../server/src/protocol/webview.ts";
import { type CommandId, MANAGE_TRUST_COMMAND } from "./commandIds.ts";

/** `RequestCancelled` and `ServerCancelled` of LSP 3.18, section "Response Message". */
const CANCELLED_CODES = [-32800, -32802];
/** `PendingResponseRejected` of vscode-jsonrpc: the server went away. */
const WENT_AWAY_CODE = -32097;
/** `ConnectionInactive` of vscode-jsonrpc: it was not there. */
const NOT_THERE_CODE = -32096;
/** Longest message shown; a stack trace or a dump of code is of no use to people. */
const MAX_MESSAGE_CHARS = 600;

/** The title is chosen late: the texts of the display language are not there yet when this file is read. */
interface Action {
  title: () => string;
  command: CommandId | typeof MANAGE_TRUST_COMMAND;
}

const GET_MODEL: Action = { title: () => l10n.t("Get Model…"), command: "fathom.getModel" };
const RESTART_ENGINE: Action = { title: () => l10n.t("Restart Engine"), command: "fathom.restartEngine" };
const RESTART_SERVER: Action = { title: () => l10n.t("Restart"), command: "fathom.restartServer" };
const MANAGE_TRUST: Action = { title: () => l10n.t("Manage Trust"), command: MANAGE_TRUST_COMMAND };
const SHOW_LOG: Action = { title: () => l10n.t("Show Log"), command: "fathom.showLog" };

const ACTION_OF_CODE = new Map<number, Action>([
  [WENT_AWAY_CODE, RESTART_SERVER],
  [NOT_THERE_CODE, RESTART_SERVER],
  [FathomErrorCodes.noModel, GET_MODEL],
  [FathomErrorCodes.modelUnusable, GET_MODEL],
  [FathomErrorCodes.engineStopped, SHOW_LOG],
  [FathomErrorCodes.untrusted, MANAGE_TRUST],
  [FathomErrorCodes.downloadFailed, GET_MODEL],
  [FathomErrorCodes.engineFailed, RESTART_ENGINE],
]);

/** What the user asked for makes no sense as things are; nothing failed, and no log knows more than the sentence. */
export class SlipError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SlipError";
  }
}

/** True if there is something to tell, but nothing went wrong. */
export function isSlip(error: unknown): boolean {
  return error instanceof SlipError || codeOf(error) === FathomErrorCodes.badRequest;
}

/** Commands that a failure can offer, and therefore the only ones the chat view may ask for. */
export const FAILURE_COMMANDS: ReadonlySet<string> = new Set(
  [GET_MODEL, RESTART_ENGINE, RESTART_SERVER, MANAGE_TRUST, SHOW_LOG].map((action) => action.command),
);

/** True if the error says that somebody cancelled; that is not a failure and is never shown. */
export function isCancelled(error: unknown): boolean {
  const code = codeOf(error);
  const named = error instanceof Error && error.name === "Canceled";
  return named || (code !== undefined && CANCELLED_CODES.includes(code));
}

/**
 * Describes a failed request for people.
 * @param error What the request was rejected with; not a cancellation, see {@link isCancelled}.
 * @returns A sentence and, where there is something to do, one action.
 */
export function describeFailure(error: unknown): ChatFailure {
  const code = codeOf(error);
  const message = goneSentence(code) ?? messageOf(error);
  const action = isSlip(error) ? undefined : actionFor(code);
  return action === undefined ? { message } : { message, action: { title: action.title(), command: action.command } };
}

function goneSentence(code: number | undefined): string | undefined {
  if (code === WENT_AWAY_CODE) return l10n.t("The language server stopped before it answered. Nothing was changed.");
  if (code === NOT_THERE_CODE) return l10n.t("Fathom's language server is not running. Nothing was changed.");
  return undefined;
}

function actionFor(code: number | undefined): Action {
  return (code !== undefined && ACTION_OF_CODE.get(code)) || SHOW_LOG;
}

function codeOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "number" ? error.code : undefined;
}

function messageOf(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).trim();
  if (text === "") return l10n.t("The request failed without saying why.");
  return text.length > MAX_MESSAGE_CHARS ? `${text.slice(0, MAX_MESSAGE_CHARS)}…` : text;
}
