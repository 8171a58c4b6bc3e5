// Shows the status in the status bar and offers what can be done about it; decides nothing.
import {
  commands,
  type Disposable,
  l10n,
  MarkdownString,
  type QuickPickItem,
  StatusBarAlignment,
  type StatusBarItem,
  ThemeColor,
  window,
} from "vscode";
import type { EngineState, Status } from "../../server/src/protocol/messages.ts";
import { type CommandId, MANAGE_TRUST_COMMAND } from "./commandIds.ts";
import { barText, demoNotice, escapeMarkdown, headline, stateLine, statusFacts } from "./statusText.ts";

/** Left of the editor's own items (position, encoding), right of most others. */
const PRIORITY = 100;

/** Milliseconds. Each change draws the tooltip anew, and it fades in: at the pace of reading it could not be read. */
const READING_REFRESH_MS = 5000;

const BACKGROUND: Partial<Record<EngineState, ThemeColor>> = {
  failed: new ThemeColor("statusBarItem.errorBackground"),
  noModel: new ThemeColor("statusBarItem.warningBackground"),
};

/** The status bar item. */
export class StatusBar implements Disposable {
  readonly #item: StatusBarItem = window.createStatusBarItem("fathom.status", StatusBarAlignment.Right, PRIORITY);
  #reading = false;
  #paused = false;
  #shownAt = 0;

  constructor() {
    this.#item.name = "Fathom";
    this.#item.command = "fathom.showMenu" satisfies CommandId;
    this.#item.show();
  }

  readonly show = (status: Status): void => {
    const text = barText(status);
    const isFresh = Date.now() - this.#shownAt < READING_REFRESH_MS;
    const isSteady = status.reading !== undefined && this.#paused === (status.hold === "user");
    if (this.#reading === (status.state === "reading") && isSteady && text === this.#item.text && isFresh) return;
    this.#shownAt = Date.now();
    this.#item.text = text;
    this.#item.tooltip = tooltip(status);
    this.#item.backgroundColor = BACKGROUND[status.state];
    this.#item.accessibilityInformation = { label: l10n.t("Fathom: {0}", stateLine(status)), role: "button" };
    this.#setReading(status.state === "reading");
    this.#setPaused(status.hold === "user");
  };

  dispose(): void {
    this.#item.dispose();
  }

  /** For `when` clauses: Stop Reading is offered only while there is something to stop. */
  #setReading(reading: boolean): void {
    if (reading === this.#reading) return;
    this.#reading = reading;
    void commands.executeCommand("setContext", "fathom.reading", reading);
  }

  /** The same for Pause and Resume Reading. */
  #setPaused(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    void commands.executeCommand("setContext", "fathom.paused", paused);
  }
}

interface MenuItem extends QuickPickItem {
  command: string;
}

/** Quick pick with everything that can be done in this state. */
export async function showMenu(status: Status): Promise<void> {
  const chosen = await window.showQuickPick(menuItems(status), {
    title: "Fathom",
    placeHolder: status.message,
  });
  if (chosen) await commands.executeCommand(chosen.command);
}

function menuItems(status: Status): MenuItem[] {
  const item = (icon: string, label: string, command: CommandId | typeof MANAGE_TRUST_COMMAND): MenuItem => ({
    label: `$(${icon}) ${label}`,
    command,
  });
  const items: MenuItem[] = [];
  if (status.state === "untrusted")
    items.push(item("workspace-trusted", l10n.t("Manage Workspace Trust"), MANAGE_TRUST_COMMAND));
  if (status.state === "failed") items.push(item("refresh", l10n.t("Restart Language Server"), "fathom.restartServer"));
  items.push(
    item("comment-discussion", l10n.t("Ask about This Codebase"), "fathom.focusChat"),
    item("search", l10n.t("Search Codebase…"), "fathom.search"),
    status.state === "reading"
      ? item("debug-stop", l10n.t("Stop Reading"), "fathom.stopReading")
      : item("book", l10n.t("Read Workspace"), "fathom.readWorkspace"),
    status.hold === "user"
      ? item("debug-continue", l10n.t("Resume Reading"), "fathom.resumeReading")
      : item("debug-pause", l10n.t("Pause Reading"), "fathom.pauseReading"),
    item("layout", l10n.t("Show Context Map"), "fathom.showContextMap"),
    item("cloud-download", l10n.t("Get Model…"), "fathom.getModel"),
    item("zap", l10n.t("Switch Inline Completions On or Off"), "fathom.toggleCompletion"),
    item("bell-slash", l10n.t("Snooze Inline Completions…"), "fathom.snoozeCompletion"),
    item("graph", l10n.t("Show Completion Statistics"), "fathom.showCompletionStatistics"),
    item("refresh", l10n.t("Restart Engine"), "fathom.restartEngine"),
    item("pulse", l10n.t("Doctor"), "fathom.doctor"),
    item("output", l10n.t("Show Log"), "fathom.showLog"),
  );
  return items;
}

function tooltip(status: Status): MarkdownString {
  const lines = [`**Fathom**: ${escapeMarkdown(headline(status))}`, ""];
  for (const fact of statusFacts(status)) lines.push(`- ${escapeMarkdown(fact.name)}: ${escapeMarkdown(fact.text)}`);
  if (status.model?.demo) lines.push("", escapeMarkdown(demoNotice()));
  const links: { title: string; command: CommandId }[] = [
    { title: l10n.t("Context Map"), command: "fathom.showContextMap" },
    { title: l10n.t("Get Model…"), command: "fathom.getModel" },
    { title: l10n.t("Doctor"), command: "fathom.doctor" },
    { title: l10n.t("Show Log"), command: "fathom.showLog" },
  ];
  lines.push("", links.map(({ title, command }) => `[${escapeMarkdown(title)}](command:${command})`).join(" · "));
  const text = new MarkdownString(lines.join("\n"));
  // These commands run and no others, whatever the texts say.
  text.isTrusted = { enabledCommands: links.map(({ command }) => command) };
  return text;
}
