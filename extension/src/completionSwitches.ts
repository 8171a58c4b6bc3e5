// The commands that switch inline completions on or off in the settings, as a whole or for one language.
import { ConfigurationTarget, l10n, window, workspace } from "vscode";
import { DEFAULT_SETTINGS, SETTINGS_SECTION } from "../../server/src/protocol/settings.ts";
import { say } from "./notices.ts";

const ENABLED_KEY = "completion.enabled";
const LANGUAGES_KEY = "completion.languages";
/** Stands for all languages that are not named. */
const OTHERS = "*";

/** Switches inline completions on or off where the setting is decided now: workspace or user. */
export async function toggleCompletion(): Promise<void> {
  const settings = workspace.getConfiguration(SETTINGS_SECTION);
  const enabled = settings.get<boolean>(ENABLED_KEY, DEFAULT_SETTINGS.completion.enabled);
  await settings.update(ENABLED_KEY, !enabled, decidedIn(ENABLED_KEY));
  say(enabled ? l10n.t("Fathom: inline completions are off.") : l10n.t("Fathom: inline completions are on."));
}

/** The same for the language of the editor in front. */
export async function toggleCompletionLanguage(): Promise<void> {
  const languageId = window.activeTextEditor?.document.languageId;
  if (languageId === undefined) {
    void window.showInformationMessage(l10n.t("Open a file first: its language is the one to switch."));
    return;
  }
  const settings = workspace.getConfiguration(SETTINGS_SECTION);
  const languages = settings.get<Record<string, boolean>>(LANGUAGES_KEY, DEFAULT_SETTINGS.completion.languages);
  const isOn = languages[languageId] ?? languages[OTHERS] ?? true;
  await settings.update(LANGUAGES_KEY, { ...languages, [languageId]: !isOn }, decidedIn(LANGUAGES_KEY));
  say(
    isOn
      ? l10n.t("Fathom: inline completions are off for {0}.", languageId)
      : l10n.t("Fathom: inline completions are on for {0}.", languageId),
  );
}

function decidedIn(key: string): ConfigurationTarget {
  const inspected = workspace.getConfiguration(SETTINGS_SECTION).inspect(key);
  return inspected?.workspaceValue === undefined ? ConfigurationTarget.Global : ConfigurationTarget.Workspace;
}
