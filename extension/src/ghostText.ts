// Decides whether inline completions of the server are shown; the server makes them, VS Code draws them.
import {
  commands,
  type Disposable,
  type Event,
  EventEmitter,
  type InlineCompletionItem,
  type InlineCompletionList,
  l10n,
  type ProviderResult,
  type QuickPickItem,
  type TextDocument,
  window,
  workspace,
} from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import type { Status } from "../../server/src/protocol/messages.ts";
import { DEFAULT_SETTINGS, SETTINGS_SECTION } from "../../server/src/protocol/settings.ts";
import type { Log } from "./log.ts";
import { say } from "./notices.ts";
import { clockTime } from "./statusText.ts";

type Suggestions = InlineCompletionItem[] | InlineCompletionList;

/** Choices of a pause, minutes. */
const SNOOZE_MINUTES = [5, 15, 30, 60];
const MS_PER_MINUTE = 60_000;

/** The middleware of the language client for `textDocument/inlineCompletion`. Each empty result is logged with its reason. */
export class GhostText implements Disposable {
  readonly #log: Log;
  readonly #snoozed = new EventEmitter<void>();
  #serverReason: string | undefined;
  /** Milliseconds since the epoch. */
  #snoozedUntil = 0;
  #endOfSnooze: NodeJS.Timeout | undefined;

  /** A snooze began or ended. */
  readonly onSnooze: Event<void> = this.#snoozed.event;

  constructor(log: Log) {
    this.#log = log;
  }

  /** When the snooze that runs ends, in milliseconds since the epoch; undefined: none runs. */
  get snoozedUntil(): number | undefined {
    return Date.now() < this.#snoozedUntil ? this.#snoozedUntil : undefined;
  }

  dispose(): void {
    clearTimeout(this.#endOfSnooze);
    this.#snoozed.dispose();
  }

  /** Logs what the server says about its last completion: the reason for nothing, or the figures. */
  readonly noteStatus = (status: Status): void => {
    const reason = status.lastCompletion?.reason;
    if (reason !== undefined && reason !== this.#serverReason) this.#log.debug(`Server: ${reason}`);
    this.#serverReason = reason;
  };

  /** Lets the user choose how long nothing is shown; a pause that runs can be ended. */
  async snooze(): Promise<void> {
    const choices = SNOOZE_MINUTES.map(
      (minutes): SnoozeItem => ({ label: l10n.t("For {0} minutes", minutes), minutes }),
    );
    const end: SnoozeItem = {
      label: l10n.t("Go on now"),
      description: l10n.t("snoozed until {0}", clockTime(this.#snoozedUntil)),
      minutes: 0,
    };
    const chosen = await window.showQuickPick(this.snoozedUntil === undefined ? choices : [end, ...choices], {
      title: l10n.t("Snooze Inline Completions"),
      placeHolder: l10n.t("The model is not asked meanwhile"),
    });
    if (chosen === undefined) return;
    this.#snoozeFor(chosen.minutes * MS_PER_MINUTE);
    if (chosen.minutes === 0) {
      say(l10n.t("Fathom: inline completions go on."));
      return;
    }
    await commands.executeCommand("editor.action.inlineSuggest.hide");
    say(l10n.t("Fathom: no inline completions until {0}.", clockTime(this.#snoozedUntil)));
  }

  get middleware(): Middleware {
    return {
      provideInlineCompletionItems: async (document, position, context, token, next) => {
        if (!isEnabled(document)) return this.#nothing("switched off by the setting fathom.completion.enabled");
        if (this.snoozedUntil !== undefined) return this.#nothing(`snoozed until ${clockTime(this.#snoozedUntil)}`);
        const version = document.version;
        const result = await this.#ask(() => next(document, position, context, token));
        if (result === undefined) return undefined;
        if (token.isCancellationRequested) return this.#nothing("cancelled by the editor, usually by further typing");
        if (document.version !== version) {
          return this.#nothing(`made for version ${version}, the document is at ${document.version}`);
        }
        const nItems = "items" in result ? result.items.length : result.length;
        if (nItems === 0) return this.#nothing("the server suggested nothing");
        this.#log.debug(`Offered ${nItems} suggestion(s) for version ${version}.`);
        return result;
      },
    };
  }

  #snoozeFor(ms: number): void {
    this.#snoozedUntil = Date.now() + ms;
    clearTimeout(this.#endOfSnooze);
    // One more millisecond, since a timer may come a little early.
    this.#endOfSnooze = setTimeout(() => this.#snoozed.fire(), ms + 1);
    this.#snoozed.fire();
  }

  async #ask(next: () => ProviderResult<Suggestions>): Promise<Suggestions | undefined> {
    try {
      return (await next()) ?? this.#nothing("the server suggested nothing");
    } catch (error) {
      // Nobody asked for this by hand, so the reason goes into the log only.
      return this.#nothing(`the request failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #nothing(reason: string): undefined {
    this.#log.debug(`Nothing shown: ${reason}.`);
    return undefined;
  }
}

interface SnoozeItem extends QuickPickItem {
  minutes: number;
}

function isEnabled(document: TextDocument): boolean {
  const settings = workspace.getConfiguration(SETTINGS_SECTION, document);
  return settings.get<boolean>("completion.enabled", DEFAULT_SETTINGS.completion.enabled);
}
