// The commands that switch inline completions on or off in the settings, as a whole or for one language.
import { ConfigurationTarget, l10n, type WorkspaceConfiguration, window, workspace } from "vscode";
import { DEFAULT_SETTINGS, SETTINGS_SECTION } from "../../server/src/protocol/settings.ts";
import { SERVED_SCHEMES } from "./client.ts";
import { isOnFor } from "./completionState.ts";
import { SlipError } from "./failures.ts";
import { say } from "./notices.ts";

const ENABLED_KEY = "completion.enabled";
const LANGUAGES_KEY = "completion.languages";

/** Switches inline completions on or off where the setting is decided now: folder of the file in front, workspace or user. */
export async function toggleCompletion(): Promise<void> {
  const settings = workspace.getConfiguration(SETTINGS_SECTION, window.activeTextEditor?.document.uri ?? null);
  const enabled = settings.get<boolean>(ENABLED_KEY, DEFAULT_SETTINGS.completion.enabled);
  await settings.update(ENABLED_KEY, !enabled, decidedIn(settings, ENABLED_KEY));
  say(enabled ? l10n.t("Fathom: inline completions are off.") : l10n.t("Fathom: inline completions are on."));
}

/** The same for the language of the editor in front. */
export async function toggleCompletionLanguage(): Promise<void> {
  const document = window.activeTextEditor?.document;
  if (document === undefined || !SERVED_SCHEMES.includes(document.uri.scheme)) {
    throw new SlipError(l10n.t("Open a file first: its language is the one to switch."));
  }
  const { languageId } = document;
  // Not of the file in front: no folder can decide this setting for itself.
  const settings = workspace.getConfiguration(SETTINGS_SECTION);
  const languages = settings.get<Record<string, boolean>>(LANGUAGES_KEY, DEFAULT_SETTINGS.completion.languages);
  const isOn = isOnFor(languages, languageId);
  await settings.update(LANGUAGES_KEY, { ...languages, [languageId]: !isOn }, decidedIn(settings, LANGUAGES_KEY));
  say(
    isOn
      ? l10n.t("Fathom: inline completions are off for {0}.", languageId)
      : l10n.t("Fathom: inline completions are on for {0}.", languageId),
  );
}

function decidedIn(settings: WorkspaceConfiguration, key: string): ConfigurationTarget {
  const inspected = settings.inspect(key);
  if (inspected?.workspaceFolderValue !== undefined) return ConfigurationTarget.WorkspaceFolder;
  return inspected?.workspaceValue === undefined ? ConfigurationTarget.Global : ConfigurationTarget.Workspace;
}
