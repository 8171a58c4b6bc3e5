// The context map: what the model has of each file as a treemap, with totals, legend, search and what is left out.
import type { ContextMap, FileForm } from "../server/src/protocol/messages.ts";
import type { FromContextMapView, ToContextMapView } from "../server/src/protocol/webview.ts";
import { contentsOf, foundText, searchWords } from "./contextMapDescription.ts";
import { buildTree, findNode, type MapNode, trailTo } from "./contextMapLayout.ts";
import { arithmeticSection, factsList, legend, outSection, windowBar } from "./contextMapPanels.ts";
import { defaultForms, FORMS } from "./contextMapText.ts";
import { Treemap } from "./contextMapTiles.ts";
import { button, element, replaceKeepingFocus } from "./dom.ts";
import { loadState, receive, saveState, sender } from "./host.ts";

const send = sender<FromContextMapView>();

let map: ContextMap | undefined;
/** What is offered now, as text, to see whether it changes. */
let offered = "";
let root: MapNode | undefined;
/** Chosen in the legend; undefined: what suits the map. */
let chosenForms: ReadonlySet<FileForm> | undefined;
/** Path of the folder that fills the view. */
let zoomPath = "";

const treemap = new Treemap({
  open: (uri) => send("open", { uri }),
  zoom: (node) => zoomTo(node),
  zoomOut: () => zoomOut(),
});

const title = element("h1", { text: "Context Map" });
// No live region: while reading it changes many times a second, and nobody could listen to anything else.
const stateText = element("p", { className: "state", text: "Asking…" });
const actions = element("div", { className: "row" });
const failure = element("p", { className: "failure", attributes: { role: "alert" } });
const overview = element("div", { className: "overview" });
const legendBox = element("div", { className: "legend", attributes: { role: "group", "aria-label": "Show" } });
const search = element("input", {
  className: "search",
  attributes: { type: "search", placeholder: "Find a file", "aria-label": "Find a file", spellcheck: "false" },
});
const found = element("span", { className: "found", attributes: { role: "status" } });
const trail = element("nav", { className: "trail", attributes: { "aria-label": "Shown folder" } });
const arithmetic = element("div");
const outList = element("div");

document.getElementById("app")?.append(
  element("header", {
    className: "top",
    children: [element("div", { className: "titles", children: [title, stateText] }), actions],
  }),
  failure,
  overview,
  legendBox,
  element("div", {
    className: "toolbar",
    children: [trail, element("div", { className: "finder", children: [found, search] })],
  }),
  treemap.element,
  element("div", { className: "below", children: [arithmetic, outList] }),
);
failure.hidden = true;
restore(loadState());
search.addEventListener("input", () => {
  highlight();
  remember();
});
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === "ArrowDown") treemap.focusMatch();
  else if (event.key === "Escape") clearSearch();
});

receive<ToContextMapView>({
  map: (payload) => {
    const before = map;
    map = payload.map;
    failure.hidden = true;
    showFigures(map);
    // While the workspace is read the files stay what they are; drawing them again would take the tooltip away.
    if (before === undefined || !isSameTree(before, map)) showFiles(map);
  },
  state: (payload) => {
    stateText.textContent = payload.text;
    const offer = JSON.stringify(payload.actions);
    // The state comes many times a second while reading: a button that is replaced meanwhile cannot be clicked.
    if (offer === offered) return;
    offered = offer;
    replaceKeepingFocus(
      actions,
      payload.actions.map(({ title, command }, index) =>
        button(title, index === 0 ? "primary" : "secondary", () => send("action", { command })),
      ),
    );
  },
  failed: (payload) => {
    failure.textContent = payload.message;
    failure.hidden = false;
  },
});
send("ready", null);

function isSameTree(a: ContextMap, b: ContextMap): boolean {
  return a.workspace === b.workspace && JSON.stringify(a.files) === JSON.stringify(b.files);
}

function showFigures(shown: ContextMap): void {
  title.textContent = shown.workspace;
  overview.replaceChildren(...windowBar(shown), factsList(shown));
  replaceKeepingFocus(arithmetic, [arithmeticSection(shown, isOpen(arithmetic))]);
}

function showFiles(shown: ContextMap): void {
  replaceKeepingFocus(
    outList,
    outSection(shown, isOpen(outList), (uri) => send("open", { uri })),
  );
  showTree();
}

function isOpen(box: HTMLElement): boolean {
  return box.querySelector("details")?.open ?? false;
}

function forms(): ReadonlySet<FileForm> {
  return chosenForms ?? defaultForms(map?.files ?? []);
}

function showTree(): void {
  if (map === undefined) return;
  const shown = forms();
  replaceKeepingFocus(legendBox, legend(map, shown, toggle));
  root = buildTree(map.workspace, map.files, shown);
  showZoomed(findNode(root, zoomPath));
}

function showZoomed(node: MapNode): void {
  if (root === undefined) return;
  // The rest of a folder exists on the screen only; after a change its folder is shown.
  zoomPath = node.path.replace(/\/?\*$/, "");
  const nodes = trailTo(root, node);
  replaceKeepingFocus(trail, [
    ...nodes.flatMap((each) => {
      if (each === node) return [element("span", { className: "here", text: each.name })];
      return [button(each.name, "link", () => zoomTo(each)), element("span", { className: "slash", text: "/" })];
    }),
    element("span", { className: "sum", text: contentsOf(node) }),
  ]);
  treemap.show(node);
  highlight();
  remember();
}

function zoomTo(node: MapNode): void {
  showZoomed(node);
  treemap.focusFirst();
}

function zoomOut(): void {
  if (root === undefined || treemap.top === undefined || treemap.top === root) return;
  const left = treemap.top;
  const above = trailTo(root, left).at(-2) ?? root;
  showZoomed(above);
  treemap.focusNode(left);
}

function toggle(form: FileForm): void {
  const next = new Set(forms());
  if (!next.delete(form)) next.add(form);
  chosenForms = next;
  showTree();
}

function highlight(): void {
  const words = searchWords(search.value);
  const nHere = treemap.highlight(words);
  found.textContent = foundText(words, nHere, map?.files ?? []);
}

function clearSearch(): void {
  search.value = "";
  highlight();
  remember();
}

function remember(): void {
  saveState({ zoomPath, search: search.value, forms: chosenForms && [...chosenForms] });
}

function restore(state: Record<string, unknown>): void {
  if (typeof state.zoomPath === "string") zoomPath = state.zoomPath;
  if (typeof state.search === "string") search.value = state.search;
  if (Array.isArray(state.forms))
    chosenForms = new Set(FORMS.filter((form) => (state.forms as unknown[]).includes(form)));
}
