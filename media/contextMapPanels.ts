// What surrounds the treemap: the bar of the window, figures, legend, arithmetic and the list of what is left out.
import type { ContextMap, ContextMapFile, FileForm } from "../server/src/protocol/messages.ts";
import { count, FORM_MEANING, FORM_NAME, FORMS, isRead, short, size, sumOf } from "./contextMapText.ts";
import { button, element } from "./dom.ts";

/** Rows of the list of what is left out; more would make the page slow, and nobody reads them. */
const MOST_OUT_ROWS = 500;

/** How the window is divided; without a model there is none. */
export function windowBar({ totals }: ContextMap): Node[] {
  if (totals.windowTokens === 0) return [element("p", { className: "lead", text: "No model is loaded." })];
  const used = totals.baseTokens + totals.overlayTokens;
  const parts: [className: string, name: string, tokens: number][] = [
    ["front", "instructions and list of files", totals.frontTokens],
    ["whole", "whole files", totals.wholeTokens],
    ["outline", "outlines", totals.outlineTokens],
    ["overlay", "changes", totals.overlayTokens],
    ["room", "room for question and answer", totals.roomTokens],
  ];
  const shown = parts.filter(([, , tokens]) => tokens > 0);
  const words = shown.map(([, name, tokens]) => `${name}: ${count(tokens)} tokens`);
  const bar = element("div", {
    className: "bar",
    attributes: { role: "img", "aria-label": `The window. ${words.join(", ")}.` },
    children: shown.map(([className, , tokens], index) => {
      const part = element("span", { className: `part ${className}`, title: words[index] });
      // Through the object model: the policy of the page allows no style attributes.
      part.style.flexGrow = String(tokens);
      return part;
    }),
  });
  const read = totals.readTokens < totals.baseTokens ? ` · ${count(totals.readTokens)} read so far` : "";
  const line = element("p", {
    className: "lead",
    children: [
      element("strong", { text: count(used) }),
      ` of ${count(totals.windowTokens)} tokens${read}`,
      element("span", { className: "aside", text: `room for ${count(totals.roomTokens)}` }),
    ],
  });
  return [line, bar];
}

/** Memory, disk and speed. */
export function factsList({ totals, model }: ContextMap): Node {
  const facts: [name: string, text: string][] = [];
  if (totals.windowTokens > 0) {
    facts.push(["KV cache", `${size(totals.kvBytes)}${model ? `, ${model.kvType}` : ""}`]);
    facts.push(["Checkpoints", `${count(totals.checkpoints)}, ${size(totals.checkpointBytes)}`]);
  }
  const others = totals.allSnapshotBytes - totals.snapshotBytes;
  const shared = others > 0 ? ` + ${size(others)} of other workspaces` : "";
  facts.push(["On disk", `${size(totals.snapshotBytes)}${shared}, at most ${size(totals.snapshotQuotaBytes)}`]);
  const speed = totals.prefillTokensPerSecond;
  if (totals.windowTokens > 0) facts.push(["Reading", speed > 0 ? `${count(speed)} tokens/s` : "not measured yet"]);
  return element("dl", {
    className: "facts",
    children: facts.map(([name, text]) =>
      element("div", { children: [element("dt", { text: name }), element("dd", { text })] }),
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
    chip.dataset.form = form;
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
  const byReason = new Map<string, ContextMapFile[]>();
  for (const file of files) {
    if (file.form !== "out") continue;
    const same = byReason.get(file.reason);
    if (same) same.push(file);
    else byReason.set(file.reason, [file]);
  }
  if (byReason.size === 0) return [];
  const groups = [...byReason].sort(([, a], [, b]) => b.length - a.length);
  const nOut = groups.reduce((sum, [, same]) => sum + same.length, 0);
  let nLeft = MOST_OUT_ROWS;
  const rows = groups.flatMap(([reason, same]) => {
    const some = same.slice(0, nLeft);
    nLeft -= some.length;
    const paths = some.map(({ path, uri }) =>
      element("li", { children: [uri === undefined ? path : button(path, "link", () => openFile(uri))] }),
    );
    const more = same.length - some.length;
    if (more > 0) paths.push(element("li", { className: "more", text: `and ${count(more)} more` }));
    return [element("h3", { text: `${reason} (${count(same.length)})` }), element("ul", { children: paths })];
  });
  return [section("out-list", `Left out (${count(nOut)})`, open, rows)];
}

function section(className: string, title: string, open: boolean, children: Node[]): HTMLDetailsElement {
  const made = element("details", { className, children: [element("summary", { text: title }), ...children] });
  made.open = open;
  return made;
}
