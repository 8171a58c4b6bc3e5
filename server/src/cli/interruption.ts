// Hears Ctrl+C from its import on: the first one asks the work to end, the second ends this process.
import { constants } from "node:os";

const stop = new AbortController();
let remark: (text: string) => void = () => {};

process.on("SIGINT", onSignal);
process.on("SIGTERM", onSignal);

/** Aborted by the first Ctrl+C, which may come before there is any work. */
export const interruption: AbortSignal = stop.signal;

/** Names who tells the user what Ctrl+C does; until then nobody does. */
export function tellInterruptionTo(listener: (text: string) => void): void {
  remark = listener;
}

/** The server of a process that ends at once ends by itself. */
function onSignal(signal: NodeJS.Signals): void {
  if (stop.signal.aborted) process.exit(128 + constants.signals[signal]);
  remark("Stopping. Ctrl+C once more stops at once.");
  stop.abort(new Error("Cancelled."));
}
