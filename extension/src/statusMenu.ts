// What the menu of the status bar item offers in which state; pure, no VS Code.
import * as l10n from "@vscode/l10n";
import type { Status } from "../../server/src/protocol/messages.ts";
import { type CommandId, MANAGE_TRUST_COMMAND } from "./commandIds.ts";
import type { CompletionState } from "./completionState.ts";

export interface MenuRow {
  /** With an icon of VS Code's own set. */
  label: string;
  description?: string;
  command: CommandId | typeof MANAGE_TRUST_COMMAND;
}

/** The way out of trouble first, then what is used most. */
export function menuRows(status: Status, completions: CompletionState): MenuRow[] {
  const rows: MenuRow[] = [];
  if (status.state === "untrusted") {
    rows.push(row("workspace-trusted", l10n.t("Manage Workspace Trust"), MANAGE_TRUST_COMMAND));
  }
  if (status.state === "failed") rows.push(row("refresh", l10n.t("Restart Language Server"), "fathom.restartServer"));
  rows.push(
    row("comment-discussion", l10n.t("Ask about This Codebase"), "fathom.focusChat"),
    row("search", l10n.t("Search Codebase…"), "fathom.search"),
    ...readingRows(status),
    row("layout", l10n.t("Show Context Map"), "fathom.showContextMap"),
    row("cloud-download", l10n.t("Get Model…"), "fathom.getModel"),
    ...completionRows(completions),
    row("graph", l10n.t("Show Completion Statistics"), "fathom.showCompletionStatistics"),
    row("refresh", l10n.t("Restart Engine"), "fathom.restartEngine"),
    row("pulse", l10n.t("Doctor"), "fathom.doctor"),
    row("output", l10n.t("Show Log"), "fathom.showLog"),
  );
  return rows;
}

/** Pausing is for a reading or compaction that runs; the palette has it always, for one that is still to come. */
function readingRows({ state, reading, hold }: Status): MenuRow[] {
  const rows = [
    state === "reading"
      ? row("debug-stop", l10n.t("Stop Reading"), "fathom.stopReading")
      : row("book", l10n.t("Read Workspace"), "fathom.readWorkspace"),
  ];
  if (hold === "user") rows.push(row("debug-continue", l10n.t("Resume Reading"), "fathom.resumeReading"));
  else if (state === "reading" || reading !== undefined) {
    rows.push(row("debug-pause", l10n.t("Pause Reading"), "fathom.pauseReading"));
  }
  return rows;
}

/** While completions are off as a whole, neither their languages nor a snooze matter. */
function completionRows({ enabled, language, snoozedUntil }: CompletionState): MenuRow[] {
  if (!enabled) return [row("zap", l10n.t("Switch Inline Completions On"), "fathom.toggleCompletion")];
  const rows = [row("zap", l10n.t("Switch Inline Completions Off"), "fathom.toggleCompletion")];
  if (language !== undefined) {
    const label = language.on
      ? l10n.t("Switch Inline Completions for {0} Off", language.id)
      : l10n.t("Switch Inline Completions for {0} On", language.id);
    rows.push(row("zap", label, "fathom.toggleCompletionLanguage"));
  }
  const snooze = row("bell-slash", l10n.t("Snooze Inline Completions…"), "fathom.snoozeCompletion");
  rows.push(
    snoozedUntil === undefined ? snooze : { ...snooze, description: l10n.t("snoozed until {0}", snoozedUntil) },
  );
  return rows;
}

function row(icon: string, label: string, command: MenuRow["command"]): MenuRow {
  return { label: `$(${icon}) ${label}`, command };
}
