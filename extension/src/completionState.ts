// Whether inline completions are shown in the editor in front, why not, and the words for it; pure, no VS Code.
import * as l10n from "@vscode/l10n";

/** Stands for all languages that are not named in the setting. */
const OTHERS = "*";

/** What the user can switch, as it is for the editor in front. */
export interface CompletionState {
  enabled: boolean;
  /** Of the file in front. Absent: there is none that Fathom completes. */
  language?: { id: string; on: boolean };
  /** Clock time at which a snooze ends. */
  snoozedUntil?: string;
}

/** Whether the setting `fathom.completion.languages` has completions on for a language; the server decides by the same rule. */
export function isOnFor(languages: Readonly<Record<string, boolean>>, languageId: string): boolean {
  const own = Object.hasOwn(languages, languageId) ? languages[languageId] : undefined;
  return own ?? languages[OTHERS] ?? true;
}

/** Behind the other words of the status bar, such as `completions off`. @returns Undefined while they are on. */
export function restWords({ enabled, language, snoozedUntil }: CompletionState): string | undefined {
  if (!enabled) return l10n.t("completions off");
  if (language?.on === false) return l10n.t("completions off for {0}", language.id);
  if (snoozedUntil !== undefined) return l10n.t("completions snoozed until {0}", snoozedUntil);
  return undefined;
}

/** The same as a fact of the tooltip, with what brings them back. */
export function restFact({ enabled, language, snoozedUntil }: CompletionState): string | undefined {
  if (!enabled) return l10n.t("off; a click here offers to switch them on");
  if (language?.on === false) return l10n.t("off for {0}; a click here offers to switch them on", language.id);
  if (snoozedUntil !== undefined) return l10n.t("snoozed until {0}; a click here offers to go on now", snoozedUntil);
  return undefined;
}
