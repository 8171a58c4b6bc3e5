// Shows the status in the status bar and offers what can be done about it; decides nothing.
import {
  commands,
  type Disposable,
  l10n,
  MarkdownString,
  StatusBarAlignment,
  type StatusBarItem,
  ThemeColor,
  window,
} from "vscode";
import type { EngineState, Status } from "../../server/src/protocol/messages.ts";
import type { CommandId } from "./commandIds.ts";
import { type CompletionState, restWords } from "./completionState.ts";
import { menuRows } from "./statusMenu.ts";
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

  show(status: Status, completions: CompletionState): void {
    const text = barText(status, completions);
    const isFresh = Date.now() - this.#shownAt < READING_REFRESH_MS;
    const isSteady = status.reading !== undefined && this.#paused === (status.hold === "user");
    if (this.#reading === (status.state === "reading") && isSteady && text === this.#item.text && isFresh) return;
    this.#shownAt = Date.now();
    this.#item.text = text;
    this.#item.tooltip = tooltip(status, completions);
    this.#item.backgroundColor = BACKGROUND[status.state];
    const spoken = [stateLine(status), restWords(completions)].filter((words) => words !== undefined).join(" · ");
    this.#item.accessibilityInformation = { label: l10n.t("Fathom: {0}", spoken), role: "button" };
    this.#setReading(status.state === "reading");
    this.#setPaused(status.hold === "user");
  }

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

/** Quick pick with everything that can be done in this state. */
export async function showMenu(status: Status, completions: CompletionState): Promise<void> {
  const chosen = await window.showQuickPick(menuRows(status, completions), {
    title: "Fathom",
    placeHolder: status.message,
  });
  if (chosen) await commands.executeCommand(chosen.command);
}

function tooltip(status: Status, completions: CompletionState): MarkdownString {
  const lines = [`**Fathom**: ${escapeMarkdown(headline(status))}`, ""];
  for (const { name, text } of statusFacts(status, completions)) {
    lines.push(`- ${escapeMarkdown(name)}: ${escapeMarkdown(text)}`);
  }
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
