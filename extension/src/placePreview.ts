// Shows places in a preview editor while someone moves through a list, and brings back what was there; knows no list.
import {
  type Range,
  type Selection,
  type Tab,
  TabInputText,
  type TextEditor,
  TextEditorRevealType,
  window,
} from "vscode";
import type { Place } from "../../server/src/protocol/messages.ts";
import type { Log } from "./log.ts";
import { previewPlace } from "./places.ts";

interface Before {
  editor: TextEditor;
  selection: Selection;
  visible: Range | undefined;
}

export class PlacePreview {
  readonly #log: Log;
  readonly #before: Before | undefined;
  /** Tabs that were there before. */
  readonly #tabs = new Set(textTabs().map(keyOf));
  #hasShown = false;
  /** One after the other: what is shown last is what was asked for last. */
  #showing: Promise<void> = Promise.resolve();
  #newest: Place | undefined;

  constructor(log: Log) {
    this.#log = log;
    const editor = window.activeTextEditor;
    this.#before = editor && { editor, selection: editor.selection, visible: editor.visibleRanges[0] };
  }

  /** Shows a place unless another one follows at once. A place that cannot be shown is passed over. */
  show(place: Place): void {
    this.#newest = place;
    this.#hasShown = true;
    this.#then(async () => {
      if (this.#newest === place) await previewPlace(place, this.#before?.editor.viewColumn);
    });
  }

  /** Nothing more is shown, and what was shown last stays. Resolves when it is there: nothing comes over what is opened then. */
  keep(): Promise<void> {
    this.#newest = undefined;
    return this.#showing;
  }

  /** Closes the preview and shows what was there before, as it was. */
  restore(): void {
    this.#newest = undefined;
    if (this.#hasShown) this.#then(() => this.#restore());
  }

  async #restore(): Promise<void> {
    const previews = textTabs().filter((tab) => tab.isPreview && !this.#tabs.has(keyOf(tab)));
    await window.tabGroups.close(previews, true);
    if (this.#before === undefined) return;
    const { editor, selection, visible } = this.#before;
    const shown = await window.showTextDocument(editor.document, { viewColumn: editor.viewColumn, selection });
    if (visible !== undefined) shown.revealRange(visible, TextEditorRevealType.AtTop);
  }

  #then(work: () => Promise<void>): void {
    this.#showing = this.#showing.then(work).catch((error: unknown) => this.#log.warn(String(error)));
  }
}

function textTabs(): Tab[] {
  return window.tabGroups.all.flatMap(({ tabs }) => tabs).filter(({ input }) => input instanceof TabInputText);
}

function keyOf({ group, input }: Tab): string {
  return `${group.viewColumn} ${(input as TabInputText).uri}`;
}
