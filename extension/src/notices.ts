// Shows failures and short outcomes to the user; knows no feature.
import { commands, window } from "vscode";
import { describeFailure, isCancelled, isSlip } from "./failures.ts";
import type { Log } from "./log.ts";

/** How long an outcome that needs no answer stays in the status bar. */
const STATUS_MESSAGE_MS = 6000;

/**
 * Shows why something the user asked for did not work, with at most one action; a slip is no alarm, a cancellation is silent.
 * @param log Receives the sentence too.
 * @param error What the work was rejected with.
 */
export async function showFailure(log: Log, error: unknown): Promise<void> {
  if (isCancelled(error)) return;
  const { message, action } = describeFailure(error);
  if (isSlip(error)) {
    log.info(message);
    await window.showInformationMessage(message);
    return;
  }
  log.warn(message);
  const chosen = await window.showErrorMessage(message, ...(action ? [action.title] : []));
  if (action && chosen === action.title) await commands.executeCommand(action.command);
}

/** Says a short outcome in the status bar, where it disappears by itself. */
export function say(sentence: string): void {
  window.setStatusBarMessage(sentence, STATUS_MESSAGE_MS);
}

/** Lets work go on without waiting for it; a failure is shown, not lost. */
export function inBackground(log: Log, work: Promise<unknown>): void {
  work.catch((error) => showFailure(log, error)).catch((error) => log.error(String(error)));
}
