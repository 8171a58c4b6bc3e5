// Small helpers for building elements; text is always set as text, never as HTML.

export interface ElementOptions {
  className?: string;
  text?: string;
  title?: string;
  attributes?: Record<string, string>;
  children?: (Node | string)[];
}

/** Makes an element. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: ElementOptions = {},
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (options.className) made.className = options.className;
  if (options.text !== undefined) made.textContent = options.text;
  if (options.title) made.title = options.title;
  for (const [name, value] of Object.entries(options.attributes ?? {})) made.setAttribute(name, value);
  made.append(...(options.children ?? []));
  return made;
}

/** Makes a button that runs `onClick`. */
export function button(text: string, className: string, onClick: () => void): HTMLButtonElement {
  const made = element("button", { text, className, attributes: { type: "button" } });
  made.addEventListener("click", onClick);
  return made;
}

/** Replaces what is in an element; if the focus was in it, the new one at the same place of the tab order gets it. */
export function replaceKeepingFocus(parent: HTMLElement, children: readonly Node[]): void {
  const focusable = () => [...parent.querySelectorAll<HTMLElement>("button, summary")];
  const { activeElement } = document;
  const index = activeElement instanceof HTMLElement ? focusable().indexOf(activeElement) : -1;
  parent.replaceChildren(...children);
  if (index >= 0) focusable()[index]?.focus();
}
