// Draws the treemap as elements that the pointer and the keyboard can reach, with a tooltip; decides no layout.
import { describe, dominantForm, hasWords } from "./contextMapDescription.ts";
import { type Direction, isReachable, layOut, type MapNode, neighbour, type Tile } from "./contextMapLayout.ts";
import { short } from "./contextMapText.ts";
import { element } from "./dom.ts";

/** Smaller tiles carry no name, pixels. */
const MIN_NAME_WIDTH_PX = 34;
const MIN_NAME_HEIGHT_PX = 15;
/** Tiles this tall carry their tokens below the name, pixels. */
const MIN_AMOUNT_HEIGHT_PX = 32;
/** Between pointer and tooltip, pixels. */
const TIP_DISTANCE_PX = 14;

const DIRECTION: Record<string, Direction> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

export interface TreemapActions {
  open(uri: string): void;
  /** Shows the contents of a folder, or of a rest. */
  zoom(node: MapNode): void;
  zoomOut(): void;
}

/** The treemap of one folder at a time; one of its tiles is in the tab order. */
export class Treemap {
  readonly element: HTMLElement;
  readonly #canvas = element("div", {
    className: "canvas",
    attributes: { role: "tree", "aria-label": "Files by tokens; arrow keys move, Enter opens, Escape goes up" },
  });
  readonly #empty = element("p", { className: "empty", text: "No file has one of the forms that are switched on." });
  readonly #tip = element("div", { className: "tip", attributes: { "aria-hidden": "true" } });
  readonly #actions: TreemapActions;
  #top: MapNode | undefined;
  #tiles: Tile[] = [];
  #elements: HTMLElement[] = [];
  /** Index of the tile in the tab order. */
  #current = 0;
  #words: readonly string[] = [];

  constructor(actions: TreemapActions) {
    this.#actions = actions;
    this.element = element("div", { className: "treemap", children: [this.#canvas, this.#empty, this.#tip] });
    this.#tip.hidden = true;
    this.#empty.hidden = true;
    this.#listen();
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  /** The folder that fills the view. */
  get top(): MapNode | undefined {
    return this.#top;
  }

  show(top: MapNode): void {
    this.#top = top;
    this.#draw();
  }

  focusFirst(): void {
    this.#focus(Math.max(0, this.#tiles.findIndex(isReachable)));
  }

  /** Focuses the tile of a node, or of what it is drawn in. */
  focusNode(node: MapNode): void {
    const index = this.#tiles.findLastIndex(
      (tile) => isReachable(tile) && (tile.node === node || node.path.startsWith(`${tile.node.path}/`)),
    );
    this.#focus(Math.max(0, index));
  }

  /** Focuses the first tile that was found. */
  focusMatch(): void {
    const index = this.#elements.findIndex((each) => each.classList.contains("match"));
    if (index >= 0) this.#focus(index);
  }

  /**
   * Marks the files whose path contains all words.
   * @param words In lower case; none: no marks.
   * @returns Number of files in the shown folder.
   */
  highlight(words: readonly string[]): number {
    this.#words = words;
    this.#canvas.classList.toggle("searching", words.length > 0);
    const nFits = (node: MapNode): number =>
      node.kind === "file"
        ? Number(hasWords(node.path, words))
        : node.children.reduce((sum, child) => sum + nFits(child), 0);
    for (const [index, { node, frame }] of this.#tiles.entries()) {
      const isMatch = words.length > 0 && !frame && nFits(node) > 0;
      this.#elements[index]?.classList.toggle("match", isMatch);
    }
    return words.length === 0 || this.#top === undefined ? 0 : nFits(this.#top);
  }

  #draw(): void {
    const top = this.#top;
    if (top === undefined) return;
    const hadFocus = this.#canvas.contains(document.activeElement);
    const before = this.#tiles[this.#current]?.node.path;
    this.#tiles = layOut(top, this.#canvas.clientWidth, this.#canvas.clientHeight);
    this.#elements = this.#tiles.map(tileElement);
    this.#canvas.replaceChildren(...this.#elements);
    this.#empty.hidden = top.nFiles > 0;
    this.#tip.hidden = true;
    const again = this.#tiles.findIndex((tile) => isReachable(tile) && tile.node.path === before);
    this.#current = again < 0 ? Math.max(0, this.#tiles.findIndex(isReachable)) : again;
    const current = this.#elements[this.#current];
    if (current) current.tabIndex = 0;
    if (hadFocus) current?.focus({ preventScroll: true });
    if (this.#words.length > 0) this.highlight(this.#words);
  }

  #listen(): void {
    const canvas = this.#canvas;
    canvas.addEventListener("click", (event) => {
      const index = this.#indexOf(event.target);
      if (index === undefined) return;
      this.#focus(index);
      this.#enter(this.#tiles[index]);
    });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focusin", (event) => {
      const index = this.#indexOf(event.target);
      const tile = index === undefined ? undefined : this.#tiles[index];
      if (index === undefined || tile === undefined) return;
      this.#setCurrent(index);
      this.#showTip(tile, tile.x + Math.min(tile.width, 40), tile.y + (tile.header || tile.height));
    });
    canvas.addEventListener("focusout", () => {
      this.#tip.hidden = true;
    });
    canvas.addEventListener("pointermove", (event) => {
      const index = this.#indexOf(event.target);
      const tile = index === undefined ? undefined : this.#tiles[index];
      const box = canvas.getBoundingClientRect();
      if (tile) this.#showTip(tile, event.clientX - box.left, event.clientY - box.top);
      else this.#tip.hidden = true;
    });
    canvas.addEventListener("pointerleave", () => {
      this.#tip.hidden = true;
    });
  }

  #key(event: KeyboardEvent): void {
    const tile = this.#tiles[this.#current];
    if (tile === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = DIRECTION[event.key];
    if (direction !== undefined) {
      const next = neighbour(this.#tiles, tile, direction);
      if (next) this.#focus(this.#tiles.indexOf(next));
    } else if (event.key === "Enter" || event.key === " ") this.#enter(tile);
    else if (event.key === "Escape" || event.key === "Backspace") this.#actions.zoomOut();
    else if (event.key === "Home") this.focusFirst();
    else if (event.key === "End") this.#focus(this.#tiles.length - 1);
    else return;
    event.preventDefault();
  }

  #enter(tile: Tile | undefined): void {
    if (tile === undefined) return;
    const { node } = tile;
    if (node.kind !== "file") this.#actions.zoom(node);
    else if (node.file?.uri !== undefined) this.#actions.open(node.file.uri);
  }

  #focus(index: number): void {
    this.#setCurrent(index);
    this.#elements[index]?.focus({ preventScroll: true });
  }

  #setCurrent(index: number): void {
    const [before, now] = [this.#elements[this.#current], this.#elements[index]];
    if (before) before.tabIndex = -1;
    if (now) now.tabIndex = 0;
    this.#current = index;
  }

  #indexOf(target: EventTarget | null): number | undefined {
    const tile = target instanceof Element ? target.closest<HTMLElement>(".tile") : null;
    const index = tile ? this.#elements.indexOf(tile) : -1;
    return index < 0 ? undefined : index;
  }

  /** @param x Where to, from the corner of the treemap, pixels; it is moved so that the tip stays inside. */
  #showTip({ node }: Tile, x: number, y: number): void {
    const [first = "", ...more] = describe(node);
    const lines = [element("strong", { text: first }), ...more.map((text) => element("span", { text }))];
    this.#tip.replaceChildren(...lines);
    this.#tip.hidden = false;
    const { clientWidth, clientHeight } = this.#canvas;
    const { offsetWidth, offsetHeight } = this.#tip;
    const isBelow = y + TIP_DISTANCE_PX + offsetHeight <= clientHeight;
    const top = isBelow ? y + TIP_DISTANCE_PX : y - TIP_DISTANCE_PX - offsetHeight;
    this.#tip.style.left = `${Math.max(0, Math.min(x + TIP_DISTANCE_PX, clientWidth - offsetWidth))}px`;
    this.#tip.style.top = `${Math.max(0, top)}px`;
  }
}

function tileElement(tile: Tile): HTMLElement {
  const { node, frame, header } = tile;
  const form = node.file?.form ?? dominantForm(node);
  const made = element("div", {
    className: `tile ${frame ? "frame" : `${node.kind} ${form}`}`,
    attributes: { role: "treeitem", "aria-level": String(tile.depth), "aria-label": describe(node).join(", ") },
  });
  if (isReachable(tile)) made.tabIndex = -1;
  const { style } = made;
  [style.left, style.top] = [`${tile.x}px`, `${tile.y}px`];
  [style.width, style.height] = [`${tile.width}px`, `${tile.height}px`];
  const hasName = frame ? header > 0 : tile.width >= MIN_NAME_WIDTH_PX && tile.height >= MIN_NAME_HEIGHT_PX;
  // Only then: the space around a name would make a thin tile wider than it is.
  made.classList.toggle("named", hasName);
  if (hasName) made.append(element("span", { className: "name", text: node.name }));
  const hasAmount = frame ? header > 0 && tile.width > 120 : hasName && tile.height >= MIN_AMOUNT_HEIGHT_PX;
  if (hasAmount && node.tokens > 0) made.append(element("span", { className: "amount", text: short(node.tokens) }));
  return made;
}
