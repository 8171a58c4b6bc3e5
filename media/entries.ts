// Draws the entries of a conversation: questions, and answers that grow while they stream.
import type { Place } from "../server/src/protocol/messages.ts";
import type { ChatEntry, ChatFailure } from "../server/src/protocol/webview.ts";
import { button, element } from "./dom.ts";
import { type MarkdownActions, MarkdownView } from "./markdown.ts";

export interface EntryActions extends MarkdownActions {
  run: (command: string) => void;
}

/** The question as the user typed it. */
export function questionElement(text: string): HTMLElement {
  return element("article", {
    className: "entry question",
    attributes: { "aria-label": "Your question" },
    children: [element("div", { className: "question-text", text })],
  });
}

/** One answer: places first, then what the model thinks and writes, then remarks about it. */
export class AnswerView {
  readonly element: HTMLElement;
  readonly #actions: EntryActions;
  readonly #onGrown: () => void;
  readonly #placesBox = element("section", { className: "places", attributes: { "aria-label": "Where to look" } });
  readonly #thinkingText = element("div", { className: "thinking-text" });
  readonly #thinkingBox = element("details", {
    className: "thinking",
    children: [element("summary", { text: "Thinking" }), this.#thinkingText],
  });
  readonly #waiting = element("div", { className: "waiting", text: "Working" });
  readonly #markdown: MarkdownView;
  readonly #remarks = element("div", { className: "remarks" });
  #places: Place[] = [];
  #text = "";
  #frame = 0;

  /** @param onGrown Called after each drawing, so that the view can follow the end. */
  constructor(actions: EntryActions, onGrown: () => void) {
    this.#actions = actions;
    this.#onGrown = onGrown;
    this.#markdown = new MarkdownView(actions, () => this.#places);
    this.element = element("article", {
      className: "entry answer",
      // While busy, screen readers wait; they read the answer when it is whole.
      attributes: { "aria-label": "Answer", "aria-busy": "true" },
      children: [this.#placesBox, this.#thinkingBox, this.#markdown.element, this.#waiting, this.#remarks],
    });
    this.#placesBox.hidden = true;
    this.#thinkingBox.hidden = true;
  }

  showPlaces(places: Place[]): void {
    this.#places = places;
    this.#placesBox.hidden = places.length === 0;
    const rows = places.map((place) => element("li", { children: [this.#placeRow(place)] }));
    this.#placesBox.replaceChildren(
      element("h3", { text: "Where to look" }),
      element("ol", { children: rows, attributes: { role: "list" } }),
    );
    this.#onGrown();
  }

  addThinking(text: string): void {
    this.#thinkingBox.hidden = false;
    this.#thinkingText.append(text);
    this.#onGrown();
  }

  /** Adds text; drawing waits for the next frame, because tokens come faster than anybody reads. */
  addText(text: string): void {
    this.#text += text;
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  addNote(text: string): void {
    this.#remarks.append(element("p", { className: "note", text }));
    this.#onGrown();
  }

  /** Shows the entry as it is kept and ends the streaming. */
  finish(entry: ChatEntry): void {
    this.showKept(entry);
    this.#waiting.remove();
    this.element.setAttribute("aria-busy", "false");
    this.#onGrown();
  }

  /** Shows what there is of an entry; more may come. */
  showKept(entry: ChatEntry): void {
    this.showPlaces(entry.places ?? []);
    this.#thinkingBox.hidden = entry.thinking === undefined;
    this.#thinkingText.textContent = entry.thinking ?? "";
    this.#text = entry.text;
    this.#draw();
    this.#remarks.replaceChildren();
    for (const note of entry.notes ?? []) this.addNote(note);
    if (entry.failure) this.#remarks.append(this.#failureBox(entry.failure));
    if (entry.notice) this.#remarks.append(element("p", { className: "notice", text: entry.notice }));
    if (entry.figures) this.#remarks.append(element("p", { className: "figures", text: entry.figures }));
  }

  #draw(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#waiting.hidden = this.#text !== "";
    this.#markdown.show(this.#text);
    this.#onGrown();
  }

  #placeRow(place: Place): HTMLElement {
    const lines =
      place.startLine === place.endLine ? `${place.startLine + 1}` : `${place.startLine + 1}-${place.endLine + 1}`;
    const folder = place.path.slice(0, place.path.lastIndexOf("/") + 1);
    const name = place.path.slice(folder.length);
    const head = element("span", {
      className: "place-head",
      children: [
        element("span", { className: "place-folder", text: folder }),
        element("span", { className: "place-name", text: name }),
        element("span", { className: "place-lines", text: `:${lines}` }),
        ...(place.symbol ? [element("span", { className: "place-symbol", text: place.symbol })] : []),
      ],
    });
    const row = button("", "place", () => this.#actions.openPlace(place));
    row.title = place.preview;
    row.append(head, element("span", { className: "place-reason", text: place.reason }));
    return row;
  }

  #failureBox({ message, action }: ChatFailure): HTMLElement {
    const box = element("div", { className: "failure", attributes: { role: "alert" } });
    box.append(element("p", { text: message }));
    if (action) box.append(button(action.title, "primary", () => this.#actions.run(action.command)));
    return box;
  }
}
