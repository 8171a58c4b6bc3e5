// Knows the state of inline completions for the editor in front, from the settings and the snooze, and tells when it changes.
import { type Disposable, type Event, EventEmitter, window, workspace } from "vscode";
import { DEFAULT_SETTINGS, SETTINGS_SECTION } from "../../server/src/protocol/settings.ts";
import { SERVED_SCHEMES } from "./client.ts";
import { type CompletionState, isOnFor } from "./completionState.ts";
import type { GhostText } from "./ghostText.ts";
import { clockTime } from "./statusText.ts";

export class CompletionWatch implements Disposable {
  readonly #ghostText: GhostText;
  readonly #changed = new EventEmitter<void>();
  readonly #listeners: Disposable[];

  /** May fire without a change. */
  readonly onChange: Event<void> = this.#changed.event;

  constructor(ghostText: GhostText) {
    this.#ghostText = ghostText;
    const fire = () => this.#changed.fire();
    this.#listeners = [
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(`${SETTINGS_SECTION}.completion`)) fire();
      }),
      window.onDidChangeActiveTextEditor(fire),
      // A document that gets another language is closed and opened anew, in the same editor.
      workspace.onDidOpenTextDocument((document) => {
        if (document === window.activeTextEditor?.document) fire();
      }),
      ghostText.onSnooze(fire),
    ];
  }

  get state(): CompletionState {
    const document = window.activeTextEditor?.document;
    const { enabled, languages } = DEFAULT_SETTINGS.completion;
    // A folder can decide the one setting for itself, but not the other.
    const ofFile = workspace.getConfiguration(SETTINGS_SECTION, document ?? null);
    const ofWindow = workspace.getConfiguration(SETTINGS_SECTION);
    const state: CompletionState = { enabled: ofFile.get("completion.enabled", enabled) };
    if (document !== undefined && SERVED_SCHEMES.includes(document.uri.scheme)) {
      const id = document.languageId;
      state.language = { id, on: isOnFor(ofWindow.get("completion.languages", languages), id) };
    }
    const { snoozedUntil } = this.#ghostText;
    if (snoozedUntil !== undefined) state.snoozedUntil = clockTime(snoozedUntil);
    return state;
  }

  dispose(): void {
    for (const disposable of [...this.#listeners, this.#changed]) disposable.dispose();
  }
}
