// Owns the one output channel; never gets user code: only ids, counts, times, versions and reasons.
import { type LogOutputChannel, window } from "vscode";

/** The part of the channel that features write to. */
export type Log = Pick<LogOutputChannel, "debug" | "info" | "warn" | "error">;

/** Creates the channel; its level follows VS Code's "Set Log Level" command. */
export function createLog(): LogOutputChannel {
  return window.createOutputChannel("Fathom", { log: true });
}

/**
 * Gives the lines of one topic a common beginning, so that they can be found by filtering.
 * @param log The channel.
 * @param topic One word, e.g. `completion`.
 */
export function topicLog(log: Log, topic: string): Log {
  const prefix = `[${topic}] `;
  return {
    debug: (message) => log.debug(prefix + message),
    info: (message) => log.info(prefix + message),
    warn: (message) => log.warn(prefix + message),
    error: (message) => log.error(prefix + message),
  };
}
