// The treemap as numbers: a tree of folders and files, rectangles whose areas are tokens, and who lies beside whom; no DOM.
import { type HierarchyRectangularNode, hierarchy, treemap, treemapSquarify } from "d3-hierarchy";
import type { ContextMapFile, FileForm } from "../server/src/protocol/messages.ts";

/** Name strip above what is in a folder, pixels. */
const HEADER_PX = 18;
/** Folders smaller than this have no name strip: it would take most of their area. */
const MIN_HEADER_WIDTH_PX = 46;
const MIN_HEADER_HEIGHT_PX = 44;
/** Between a folder's frame and its contents, and between tiles. */
const FRAME_PX = 2;
const GAP_PX = 1;
/** Smaller files cannot be told apart or hit: they become one tile, square pixels. */
const MIN_FILE_AREA_PX = 90;
/** Smaller folders are one tile. */
const MIN_FOLDER_AREA_PX = 700;
/** A folder thinner than this is one tile: between its edges there is no room for what is in it. */
const MIN_FOLDER_SIDE_PX = 10;
/** Thinner tiles could not be seen or hit. */
const MIN_TILE_SIDE_PX = 3;
/** More tiles than this take longer than a frame to draw and tell nobody more. */
const MOST_TILES = 2500;
/** When everything in the shown folder is small, so many are drawn all the same. */
const MOST_SMALL_TILES = 400;

/** A file, a folder, or the small files of a folder together. */
export interface MapNode {
  kind: "file" | "folder" | "rest";
  /** Last part of the path; of folders with nothing else in them, all their names. */
  name: string;
  /** Without a slash at the end; of a rest, its folder's with `/*`. */
  path: string;
  tokens: number;
  /** Number of files below; 1 for a file. */
  nFiles: number;
  file?: ContextMapFile;
  children: MapNode[];
}

export interface Tile {
  node: MapNode;
  /** Frame: a folder whose contents are drawn in it. */
  frame: boolean;
  depth: number;
  x: number;
  y: number;
  width: number;
  height: number;
  /** Height of the name strip of a frame; 0: none. */
  header: number;
}

export type Direction = "left" | "right" | "up" | "down";

/**
 * The folders and files of some forms as a tree, the largest first.
 * @param forms Only files of these forms.
 */
export function buildTree(workspace: string, files: readonly ContextMapFile[], forms: ReadonlySet<FileForm>): MapNode {
  const root: MapNode = folderNode(workspace, "");
  const folders = new Map([["", root]]);
  for (const file of files) {
    if (!forms.has(file.form)) continue;
    const path = file.path.replace(/\/+$/, "");
    const parent = folderOf(path.slice(0, Math.max(0, path.lastIndexOf("/"))), folders);
    const name = file.path.slice(file.path.lastIndexOf("/", file.path.length - 2) + 1);
    parent.children.push({ kind: "file", name, path, tokens: file.tokens, nFiles: 1, file, children: [] });
  }
  sumUp(root);
  return root;
}

function folderNode(name: string, path: string): MapNode {
  return { kind: "folder", name, path, tokens: 0, nFiles: 0, children: [] };
}

function folderOf(path: string, folders: Map<string, MapNode>): MapNode {
  const known = folders.get(path);
  if (known !== undefined) return known;
  const slash = path.lastIndexOf("/");
  const made = folderNode(path.slice(slash + 1), path);
  folders.set(path, made);
  folderOf(path.slice(0, Math.max(0, slash)), folders).children.push(made);
  return made;
}

/** Sums, sorts, and joins folders that hold nothing but one folder: `src/main/java` is one frame. */
function sumUp(node: MapNode): void {
  for (const [index, child] of node.children.entries()) {
    if (child.kind !== "folder") continue;
    sumUp(child);
    const only = child.children.length === 1 ? child.children[0] : undefined;
    if (only?.kind === "folder") node.children[index] = { ...only, name: `${child.name}/${only.name}` };
  }
  node.tokens = node.children.reduce((sum, { tokens }) => sum + tokens, 0);
  node.nFiles = node.children.reduce((sum, { nFiles }) => sum + nFiles, 0);
  node.children.sort((a, b) => b.tokens - a.tokens || (a.path < b.path ? -1 : 1));
}

/** The node of this path, or the nearest folder above it that still exists. */
export function findNode(root: MapNode, path: string): MapNode {
  let found = root;
  for (;;) {
    const next = found.children.find((child) => child.path === path || path.startsWith(`${child.path}/`));
    if (next === undefined || next.kind === "file") return found;
    if (next.path === path) return next;
    found = next;
  }
}

/** The folders from the root down to this one, both included. */
export function trailTo(root: MapNode, node: MapNode): MapNode[] {
  const trail = [root];
  for (let at = root; at !== node; ) {
    const next = at.children.find((child) => child === node || node.path.startsWith(`${child.path}/`));
    // What is not in the tree as such, the rest of a folder, stands below that folder.
    if (next === undefined) return [...trail, node];
    trail.push(next);
    at = next;
  }
  return trail;
}

/**
 * Places a folder's contents in a rectangle, squarified; what is too small to be seen becomes one tile per folder.
 * @param width Pixels.
 * @param height Pixels.
 * @returns Frames before what stands in them.
 */
export function layOut(top: MapNode, width: number, height: number): Tile[] {
  if (top.nFiles === 0 || width < 1 || height < 1) return [];
  const pixelsPerToken = (width * height) / weightOf(top);
  for (let coarser = 1; ; coarser *= 2) {
    const tiles = place(prune(top, pixelsPerToken / coarser, true), width, height);
    if (tiles.length <= MOST_TILES) return tiles;
  }
}

/** A file without tokens is still there. */
function weightOf({ tokens, nFiles }: MapNode): number {
  return Math.max(tokens, nFiles);
}

/** A node and those of its children that are drawn; none: it is one tile, whatever it holds. */
interface Shown {
  node: MapNode;
  children: Shown[];
}

/** Decides what is drawn: small children become one rest, and a folder of nothing but small ones is one tile. */
function prune(node: MapNode, pixelsPerToken: number, isTop: boolean): Shown {
  const areaOf = (each: MapNode) => weightOf(each) * pixelsPerToken;
  const isClosed = node.kind !== "folder" || areaOf(node) < MIN_FOLDER_AREA_PX;
  if (isClosed && !isTop) return { node, children: [] };
  // The largest come first, so the small ones are the end of the list.
  const firstSmall = node.children.findIndex((child) => areaOf(child) < MIN_FILE_AREA_PX);
  if (firstSmall === 0 && !isTop) return { node, children: [] };
  const nLarge =
    firstSmall === -1 ? node.children.length : firstSmall || Math.min(MOST_SMALL_TILES, node.children.length);
  const small = node.children.slice(nLarge);
  const drawn = small.length > 1 ? [...node.children.slice(0, nLarge), restOf(node, small)] : node.children;
  return { node, children: drawn.map((child) => prune(child, pixelsPerToken, false)) };
}

function restOf(folder: MapNode, children: MapNode[]): MapNode {
  const sum = (of: (node: MapNode) => number) => children.reduce((total, child) => total + of(child), 0);
  const nFiles = sum(({ nFiles }) => nFiles);
  const path = folder.kind === "rest" ? folder.path : `${folder.path}/*`.replace(/^\//, "");
  const name = `${nFiles.toLocaleString("en-US")} more ${nFiles === 1 ? "file" : "files"}`;
  return { kind: "rest", name, path, tokens: sum(({ tokens }) => tokens), nFiles, children };
}

function place(top: Shown, width: number, height: number): Tile[] {
  const root = hierarchy(top).sum(({ node, children }) => (children.length === 0 ? weightOf(node) : 0));
  const laidOut = treemap<Shown>()
    .tile(treemapSquarify)
    .size([width, height])
    .round(true)
    .paddingInner(GAP_PX)
    .paddingOuter((node) => (node.depth === 0 ? 0 : FRAME_PX))
    .paddingTop((node) => headerOf(node) || (node.depth === 0 ? 0 : FRAME_PX))(root);
  // Their contents would all lie on one line.
  laidOut.eachBefore((node) => {
    if (node.depth > 0 && Math.min(node.x1 - node.x0, node.y1 - node.y0) < MIN_FOLDER_SIDE_PX) delete node.children;
  });
  return laidOut
    .descendants()
    .filter((node) => node.depth > 0)
    .map((node) => ({
      node: node.data.node,
      frame: node.children !== undefined,
      depth: node.depth,
      ...inside(node, width, height),
      header: node.children === undefined ? 0 : headerOf(node),
    }));
}

/** Rounding leaves nothing of what is thin, but each file is somewhere: a thin one lies on the edge of its neighbour. */
function inside({ x0, y0, x1, y1 }: HierarchyRectangularNode<Shown>, width: number, height: number) {
  const [x, y] = [Math.min(x0, width - MIN_TILE_SIDE_PX), Math.min(y0, height - MIN_TILE_SIDE_PX)];
  return { x, y, width: Math.max(MIN_TILE_SIDE_PX, x1 - x), height: Math.max(MIN_TILE_SIDE_PX, y1 - y) };
}

function headerOf(node: HierarchyRectangularNode<Shown>): number {
  const fits = node.x1 - node.x0 >= MIN_HEADER_WIDTH_PX && node.y1 - node.y0 >= MIN_HEADER_HEIGHT_PX;
  return node.depth > 0 && fits ? HEADER_PX : 0;
}

/** False for a frame without a name strip: nothing of it can be pointed at, its contents can. */
export function isReachable({ frame, header }: Tile): boolean {
  return !frame || header > 0;
}

/**
 * The nearest tile in a direction: what one would step on next, walking from the middle of the tile.
 * @returns Undefined at the edge.
 */
export function neighbour(tiles: readonly Tile[], from: Tile, direction: Direction): Tile | undefined {
  const [here, isAcross] = [spotOf(from), direction === "left" || direction === "right"];
  const sign = direction === "left" || direction === "up" ? -1 : 1;
  const middle = (span: Span) => (span.start + span.end) / 2;
  let best: { tile: Tile; distance: number } | undefined;
  for (const tile of tiles) {
    if (tile === from || !isReachable(tile)) continue;
    const spot = spotOf(tile);
    const [along, aside] = isAcross ? [spot.x, spot.y] : [spot.y, spot.x];
    const [from1, from2] = isAcross ? [here.x, here.y] : [here.y, here.x];
    const gap = sign > 0 ? along.start - from1.end : from1.start - along.end;
    // Neighbours share an edge; a pixel of overlap comes from rounding.
    if (gap < -1) continue;
    const beside = Math.max(0, aside.start - middle(from2), middle(from2) - aside.end);
    const distance = Math.max(0, gap) + 2 * beside;
    if (best === undefined || distance < best.distance) best = { tile, distance };
  }
  return best?.tile;
}

interface Span {
  start: number;
  end: number;
}

/** Where a tile can be stepped on: a frame only on its name. */
function spotOf({ x, y, width, height, frame, header }: Tile): { x: Span; y: Span } {
  return { x: { start: x, end: x + width }, y: { start: y, end: y + (frame ? header : height) } };
}
