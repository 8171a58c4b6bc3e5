// Draws streamed Markdown as safe elements: no HTML of the answer, no image, no link that opens by itself.
import DOMPurify from "dompurify";
import { Marked, type Token } from "marked";
import type { Place } from "../server/src/protocol/messages.ts";
import { button, element } from "./dom.ts";

export interface MarkdownActions {
  copy: (text: string) => void;
  insert: (text: string) => void;
  openLink: (href: string) => void;
  openPlace: (place: Pick<Place, "uri" | "startLine" | "endLine">) => void;
}

/** Everything that Markdown makes, and nothing that loads, runs, or takes input. */
const SANITIZER = {
  ALLOWED_TAGS: [
    ...["p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "pre", "code"],
    ...["em", "strong", "del", "a", "table", "thead", "tbody", "tr", "th", "td"],
  ],
  ALLOWED_ATTR: ["href", "class", "start", "align"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^https?:/i,
  RETURN_DOM_FRAGMENT: true as const,
};

const marked = new Marked({
  gfm: true,
  renderer: {
    // An answer about HTML shows tags; they are text, not part of the page.
    html: ({ text }) => escapeHtml(text),
    image: ({ text }) => `<em>[${escapeHtml(text === "" ? "image" : `image: ${text}`)}]</em>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

/** A piece of Markdown that grows: only blocks that changed are drawn again, so that selections and focus survive. */
export class MarkdownView {
  readonly element = element("div", { className: "markdown" });
  readonly #actions: MarkdownActions;
  readonly #places: () => readonly Place[];
  #drawn: string[] = [];

  /** @param places Places that were found for the answer; inline code that names one of them becomes a link to it. */
  constructor(actions: MarkdownActions, places: () => readonly Place[]) {
    this.#actions = actions;
    this.#places = places;
  }

  /** Shows the text, which usually continues the text before. */
  show(text: string): void {
    const tokens = marked.lexer(text).filter((token) => token.type !== "space");
    const same = firstDifference(this.#drawn, tokens);
    while (this.element.children.length > same) this.element.lastElementChild?.remove();
    for (const token of tokens.slice(same)) this.element.append(this.#block(token));
    this.#drawn = tokens.map((token) => token.raw);
  }

  #block(token: Token): HTMLElement {
    const fragment = DOMPurify.sanitize(marked.parser([token]), SANITIZER);
    const block = element("div", { className: "block", children: [fragment] });
    for (const anchor of block.querySelectorAll("a")) this.#makeLink(anchor);
    for (const code of block.querySelectorAll("code")) {
      if (code.parentElement?.tagName === "PRE") this.#makeCodeBlock(code.parentElement, code);
      else this.#linkPlace(code);
    }
    return block;
  }

  /** Takes the address off the element, because VS Code would open an `href` on its own account. */
  #makeLink(anchor: HTMLAnchorElement): void {
    const href = anchor.getAttribute("href");
    if (href === null) return;
    const link = element("button", {
      className: "link",
      title: href,
      attributes: { type: "button", role: "link" },
      children: [...anchor.childNodes],
    });
    link.addEventListener("click", () => this.#actions.openLink(href));
    anchor.replaceWith(link);
  }

  #makeCodeBlock(pre: HTMLElement, code: HTMLElement): void {
    const language = /^language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
    const text = () => (code.textContent ?? "").replace(/\n$/, "");
    const bar = element("div", {
      className: "code-bar",
      children: [
        element("span", { className: "code-language", text: language }),
        button("Insert", "small", () => this.#actions.insert(text())),
        button("Copy", "small", () => this.#actions.copy(text())),
      ],
    });
    const frame = element("div", { className: "code" });
    pre.replaceWith(frame);
    // Long lines scroll inside the block; the keyboard must be able to reach that.
    pre.tabIndex = 0;
    frame.append(bar, pre);
  }

  #linkPlace(code: HTMLElement): void {
    const [, path, first, last] = /^(.+?)(?::(\d+)(?:[-–](\d+))?)?$/.exec(code.textContent ?? "") ?? [];
    const place = this.#places().find((candidate) => candidate.path === path);
    if (place === undefined) return;
    const startLine = first === undefined ? place.startLine : Number(first) - 1;
    const endLine = last === undefined ? startLine : Number(last) - 1;
    const link = element("button", { className: "link", attributes: { type: "button" } });
    link.addEventListener("click", () => this.#actions.openPlace({ uri: place.uri, startLine, endLine }));
    code.replaceWith(link);
    link.append(code);
  }
}

function firstDifference(drawn: readonly string[], tokens: readonly Token[]): number {
  const idx = drawn.findIndex((raw, position) => tokens[position]?.raw !== raw);
  return idx < 0 ? drawn.length : idx;
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
