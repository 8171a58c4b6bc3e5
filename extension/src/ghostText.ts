// Decides whether inline completions of the server are shown; the server makes them, VS Code draws them.
import {
  ConfigurationTarget,
  type InlineCompletionItem,
  type InlineCompletionList,
  type ProviderResult,
  type TextDocument,
  workspace,
} from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import type { Status } from "../../server/src/protocol/messages.ts";
import { DEFAULT_SETTINGS, SETTINGS_SECTION } from "../../server/src/protocol/settings.ts";
import type { Log } from "./log.ts";
import { say } from "./notices.ts";

type Suggestions = InlineCompletionItem[] | InlineCompletionList;

const ENABLED_KEY = "completion.enabled";

/** The middleware of the language client for `textDocument/inlineCompletion`. Each empty result is logged with its reason. */
export class GhostText {
  readonly #log: Log;
  #serverReason: string | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs what the server says about its last completion: the reason for nothing, or the figures. */
  readonly noteStatus = (status: Status): void => {
    const reason = status.lastCompletion?.reason;
    if (reason !== undefined && reason !== this.#serverReason) this.#log.debug(`Server: ${reason}`);
    this.#serverReason = reason;
  };

  get middleware(): Middleware {
    return {
      provideInlineCompletionItems: async (document, position, context, token, next) => {
        if (!isEnabled(document)) return this.#nothing("switched off by the setting fathom.completion.enabled");
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

/** Switches inline completions on or off where the setting is decided now: folder, workspace or user. */
export async function toggleCompletion(): Promise<void> {
  const settings = workspace.getConfiguration(SETTINGS_SECTION);
  const enabled = settings.get<boolean>(ENABLED_KEY, DEFAULT_SETTINGS.completion.enabled);
  const inspected = settings.inspect<boolean>(ENABLED_KEY);
  const inWorkspace = inspected?.workspaceValue !== undefined;
  await settings.update(
    ENABLED_KEY,
    !enabled,
    inWorkspace ? ConfigurationTarget.Workspace : ConfigurationTarget.Global,
  );
  say(enabled ? "Fathom: inline completions are off." : "Fathom: inline completions are on.");
}

function isEnabled(document: TextDocument): boolean {
  const settings = workspace.getConfiguration(SETTINGS_SECTION, document);
  return settings.get<boolean>(ENABLED_KEY, DEFAULT_SETTINGS.completion.enabled);
}
