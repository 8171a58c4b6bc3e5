// What surrounds the treemap: the bar of the window, figures, legend, arithmetic and the list of what is left out.
import type { ContextMap, FileForm } from "../server/src/protocol/messages.ts";
import { facts, outGroups, readSoFar, windowParts } from "./contextMapFacts.ts";
import { count, FORM_MEANING, FORM_NAME, FORMS, isRead, short, sumOf } from "./contextMapText.ts";
import { button, element } from "./dom.ts";

/** Rows of the list of what is left out; more would make the page slow, and nobody reads them. */
const MOST_OUT_ROWS = 500;

/** How the window is divided; without a model there is none. */
export function windowBar(map: ContextMap): Node[] {
  const { totals } = map;
  if (totals.windowTokens === 0) return [element("p", { className: "lead", text: "No model is loaded." })];
  const parts = windowParts(map);
  const read = readSoFar(map);
  const words = parts.map(({ name, tokens }) => `${name}: ${count(tokens)} tokens`);
  const bar = element("div", {
    className: "bar",
    attributes: { role: "img", "aria-label": `The window. ${words.join(", ")}.` },
    children: parts.map(({ className, tokens }, index) => {
      const part = element("span", { className: `part ${className}`, title: words[index] });
      // Through the object model: the policy of the page allows no style attributes.
      part.style.flexGrow = String(tokens);
      return part;
    }),
  });
  const line = element("p", {
    className: "lead",
    children: [
      element("strong", { text: count(totals.baseTokens + totals.overlayTokens) }),
      ` of ${count(totals.windowTokens)} tokens${read ? ` · ${read.text}` : ""}`,
      element("span", { className: "aside", text: `room for ${count(totals.roomTokens)}` }),
    ],
  });
  if (read === undefined) return [line, bar];
  const mark = element("div", { className: "read-mark", attributes: { "aria-hidden": "true" } });
  mark.style.width = `${(100 * read.share * totals.baseTokens) / totals.windowTokens}%`;
  return [line, bar, mark];
}

/** Memory, disk and speed. */
export function factsList(map: ContextMap): Node {
  return element("dl", {
    className: "facts",
    children: facts(map).map(({ name, text, meaning }) =>
      element("div", { title: meaning, children: [element("dt", { text: name }), element("dd", { text })] }),
    ),
  });
}

/** One switch a form: what it looks like, how many files and tokens there are. */
export function legend({ files }: ContextMap, shown: ReadonlySet<FileForm>, toggle: (form: FileForm) => void): Node[] {
  return FORMS.map((form) => {
    const { files: nFiles, tokens } = sumOf(files, form);
    const chip = button("", "chip", () => toggle(form));
    chip.append(
      element("span", { className: `swatch ${form}`, attributes: { "aria-hidden": "true" } }),
      element("span", { text: FORM_NAME[form] }),
      element("span", { className: "amount", text: amountOf(form, nFiles, tokens) }),
    );
    chip.title = FORM_MEANING[form];
    chip.disabled = nFiles === 0;
    chip.setAttribute("aria-pressed", String(shown.has(form)));
    return chip;
  });
}

function amountOf(form: FileForm, nFiles: number, tokens: number): string {
  if (nFiles === 0 || tokens === 0) return count(nFiles);
  return `${count(nFiles)} · ${isRead(form) ? "" : "≈ "}${short(tokens)}`;
}

/** How the length of the base was found. */
export function arithmeticSection({ arithmetic }: ContextMap, open: boolean): Node {
  const steps = arithmetic.map((text) => element("li", { text }));
  return section("arithmetic", "How the length was chosen", open, [element("ol", { children: steps })]);
}

/** What is left out, by reason; files can be opened. */
export function outSection({ files }: ContextMap, open: boolean, openFile: (uri: string) => void): Node[] {
  const groups = outGroups(files, MOST_OUT_ROWS);
  if (groups.length === 0) return [];
  const nOut = groups.reduce((sum, { nFiles }) => sum + nFiles, 0);
  const rows = groups.flatMap(({ reason, nFiles, listed }) => {
    const items = listed.map(({ path, uri }) =>
      element("li", { children: [uri === undefined ? path : button(path, "link", () => openFile(uri))] }),
    );
    const more = nFiles - listed.length;
    if (more > 0) items.push(element("li", { className: "more", text: `and ${count(more)} more` }));
    return [element("h3", { text: `${reason} (${count(nFiles)})` }), element("ul", { children: items })];
  });
  return [section("out-list", `Left out (${count(nOut)})`, open, rows)];
}

function section(className: string, title: string, open: boolean, children: Node[]): HTMLDetailsElement {
  const made = element("details", { className, children: [element("summary", { text: title }), ...children] });
  made.open = open;
  return made;
}
