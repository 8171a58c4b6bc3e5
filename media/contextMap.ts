// The context map: what the model has of each file as a treemap, with totals, legend, search and what is left out.
import type { ContextMap, FileForm } from "../server/src/protocol/messages.ts";
import type { FromContextMapView, ToContextMapView } from "../server/src/protocol/webview.ts";
import { buildTree, findNode, type MapNode, trailTo } from "./contextMapLayout.ts";
import { arithmeticSection, factsList, legend, outSection, windowBar } from "./contextMapPanels.ts";
import { count, defaultForms, FORMS } from "./contextMapText.ts";
import { Treemap } from "./contextMapTiles.ts";
import { button, element } from "./dom.ts";
import { loadState, receive, saveState, sender } from "./host.ts";

const send = sender<FromContextMapView>();

let map: ContextMap | undefined;
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
const stateText = element("p", { className: "state", text: "Asking…", attributes: { role: "status" } });
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
const below = element("div", { className: "below" });

document.getElementById("app")?.append(
  element("header", {
    className: "top",
    children: [element("div", { className: "titles", children: [title, stateText] }), actions],
  }),
  failure,
  overview,
  element("div", {
    className: "toolbar",
    children: [legendBox, element("div", { className: "finder", children: [found, search] })],
  }),
  trail,
  treemap.element,
  below,
);
failure.hidden = true;
restore(loadState());
search.addEventListener("input", highlight);
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === "ArrowDown") treemap.focusMatch();
  else if (event.key === "Escape") clearSearch();
});

receive<ToContextMapView>({
  map: (payload) => {
    map = payload.map;
    failure.hidden = true;
    showMap();
  },
  state: (payload) => {
    stateText.textContent = payload.text;
    const offers = payload.actions.map(({ title, command }, index) =>
      button(title, index === 0 ? "primary" : "secondary", () => send("action", { command })),
    );
    actions.replaceChildren(...offers);
  },
  failed: (payload) => {
    failure.textContent = payload.message;
    failure.hidden = false;
  },
});
send("ready", null);

function showMap(): void {
  if (map === undefined) return;
  title.textContent = map.workspace;
  overview.replaceChildren(...windowBar(map), factsList(map));
  const isOpen = (className: string) => below.querySelector(`details.${className}`)?.hasAttribute("open") ?? false;
  below.replaceChildren(
    arithmeticSection(map, isOpen("arithmetic")),
    ...outSection(map, isOpen("out-list"), (uri) => send("open", { uri })),
  );
  showTree();
}

function forms(): ReadonlySet<FileForm> {
  return chosenForms ?? defaultForms(map?.files ?? []);
}

function showTree(): void {
  if (map === undefined) return;
  const shown = forms();
  legendBox.replaceChildren(...legend(map, shown, toggle));
  root = buildTree(map.workspace, map.files, shown);
  showZoomed(findNode(root, zoomPath));
}

function showZoomed(node: MapNode): void {
  if (root === undefined) return;
  // The rest of a folder exists on the screen only; after a change its folder is shown.
  zoomPath = node.path.replace(/\/?\*$/, "");
  const nodes = trailTo(root, node);
  trail.replaceChildren(
    ...nodes.flatMap((each) => {
      if (each === node) return [element("span", { className: "here", text: each.name })];
      return [button(each.name, "link", () => zoomTo(each)), element("span", { className: "slash", text: "/" })];
    }),
    element("span", {
      className: "sum",
      text: `${count(node.nFiles)} ${node.nFiles === 1 ? "file" : "files"}, ${count(node.tokens)} tokens`,
    }),
  );
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
  legendBox.querySelector<HTMLButtonElement>(`[data-form="${form}"]`)?.focus();
}

function highlight(): void {
  const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const nFound = treemap.highlight(words);
  const files = nFound === 1 ? "1 file" : `${count(nFound)} files`;
  found.textContent = words.length === 0 ? "" : nFound === 0 ? "nothing here" : files;
}

function clearSearch(): void {
  search.value = "";
  highlight();
}

function remember(): void {
  saveState({ zoomPath, forms: chosenForms && [...chosenForms] });
}

function restore(state: Record<string, unknown>): void {
  if (typeof state.zoomPath === "string") zoomPath = state.zoomPath;
  if (Array.isArray(state.forms))
    chosenForms = new Set(FORMS.filter((form) => (state.forms as unknown[]).includes(form)));
}
