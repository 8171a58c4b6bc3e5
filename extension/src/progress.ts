// Shows work that takes long as a notification with a Cancel button, fed by the server's progress.
import { type CancellationToken, type Progress, ProgressLocation, window } from "vscode";
import type { ProgressValue } from "./client.ts";

export type Report = Progress<{ message?: string; increment?: number }>;

/**
 * Runs work under a notification that the user can cancel.
 * @param title What is going on; the notification puts a colon and the message after it.
 */
export async function withCancellableProgress<R>(
  title: string,
  work: (report: Report, token: CancellationToken) => Promise<R>,
): Promise<R> {
  return window.withProgress({ location: ProgressLocation.Notification, title, cancellable: true }, work);
}

/** Turns the server's percentages into the increments that VS Code wants; a percentage that falls is not shown. */
export function toReport(report: Report): (value: ProgressValue) => void {
  let shown = 0;
  return (value) => {
    if (value.kind === "end") return;
    const increment = Math.max(0, Math.min(100, value.percentage ?? 0) - shown);
    shown += increment;
    report.report({ ...(value.message === undefined ? {} : { message: value.message }), increment });
  };
}
