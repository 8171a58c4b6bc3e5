// The files of the context map as a tree of folders: sums them up, narrows them to a path, chooses the entries that fit a screen; pure.
import type { ContextMapFile, FileForm } from "../protocol/messages.ts";

/** From all of a file to nothing of it. */
export const FORMS = ["whole", "outline", "overlay", "path", "out"] as const satisfies FileForm[];

export interface TreeNode {
  kind: "folder" | "file";
  /** Last part of the path, of a folder with a slash at the end; folders that hold nothing but one folder are one. */
  name: string;
  path: string;
  /** Tokens in the context. */
  tokens: number;
  /** Tokens that what is not in the context would take, estimated. */
  outside: number;
  /** How many files there are of each form. */
  files: Record<FileForm, number>;
  file?: ContextMapFile;
  /** The largest first. */
  children: TreeNode[];
}

/** One line of the tree. */
export interface TreeRow {
  depth: number;
  /** Undefined: the rest of a folder. */
  node?: TreeNode;
  tokens: number;
  outside: number;
  files: Record<FileForm, number>;
  /** Entries that the rest stands for; 0 for a node. */
  more: number;
}

/** True for forms whose tokens are in the context; those of the others are estimates. */
export function isRead(form: FileForm): boolean {
  return form === "whole" || form === "outline" || form === "overlay";
}

/**
 * Those of the files that are at or under a path.
 * @param path Relative to the workspace with forward slashes; empty: all.
 * @returns For a path in a folder that is left out as a whole, that folder.
 */
export function filesAt(files: readonly ContextMapFile[], path: string): ContextMapFile[] {
  if (path === "") return [...files];
  const one = files.find((file) => isAt(file, path));
  return one === undefined ? files.filter((file) => file.path.startsWith(`${path}/`)) : [one];
}

/**
 * The tree of what {@link filesAt} found.
 * @param name Name of the whole workspace.
 * @returns A file where the path is one, without folders around it.
 */
export function treeOf(files: readonly ContextMapFile[], path: string, name: string): TreeNode {
  if (path === "") return buildTree(name, files);
  const [file] = files;
  if (file !== undefined && isAt(file, path)) return fileNode(file.path, file);
  const start = `${path}/`;
  return buildTree(
    start,
    files.map((each) => ({ ...each, path: each.path.slice(start.length) })),
  );
}

/**
 * The lines to show: the root and its largest entries, wherever they lie, each under its folder; what is left of a shown
 * folder is one line at its end.
 * @param most Most lines; a root with one rest is always shown.
 */
export function chooseRows(root: TreeNode, most: number): TreeRow[] {
  const shown = new Set([root]);
  const shownIn = new Map<TreeNode, number>([[root, 0]]);
  let lines = 1;
  // A folder comes before what is in it: it has at least as much of everything, and stands higher.
  for (const { node, parent } of bySize(root)) {
    if (!shown.has(parent)) continue;
    const before = shownIn.get(parent) ?? 0;
    // The first entry of a folder brings the line of the rest; the last one takes it away.
    const rest = (nShown: number) => (nShown > 0 && nShown < parent.children.length ? 1 : 0);
    const added = 1 + rest(before + 1) - rest(before);
    // What has no room of its own may leave some for a smaller one in a folder that is open already.
    if (lines + added > most) continue;
    lines += added;
    shown.add(node);
    shownIn.set(parent, before + 1);
  }
  return rowsOf(root, 0, shown);
}

/** What a folder's line and its place in the order are about: without anything read, what it would take. */
export function sizeOf({ tokens, outside }: Pick<TreeNode, "tokens" | "outside">, anyRead: boolean): number {
  return anyRead ? tokens : outside;
}

function buildTree(name: string, files: readonly ContextMapFile[]): TreeNode {
  const root = folderNode(name, "");
  const folders = new Map([["", root]]);
  for (const file of files) {
    const path = file.path.replace(/\/+$/, "");
    const slash = path.lastIndexOf("/");
    const parent = folderOf(path.slice(0, Math.max(0, slash)), folders);
    parent.children.push(fileNode(file.path.slice(slash + 1), file));
  }
  sumUp(root);
  return root;
}

/** The file itself, or the folder that is left out with all that is in it. */
function isAt(file: ContextMapFile, path: string): boolean {
  return file.path === path || (file.path.endsWith("/") && `${path}/`.startsWith(file.path));
}

function rowsOf(node: TreeNode, depth: number, shown: ReadonlySet<TreeNode>): TreeRow[] {
  const { tokens, outside, files, children } = node;
  const visible = children.filter((child) => shown.has(child));
  const hidden = children.filter((child) => !shown.has(child));
  const own: TreeRow = { depth, node, tokens, outside, files, more: 0 };
  const rows = [own, ...visible.flatMap((child) => rowsOf(child, depth + 1, shown))];
  if (hidden.length === 0 || (visible.length === 0 && depth > 0)) return rows;
  return [...rows, { depth: depth + 1, ...sumOf(hidden), more: hidden.length }];
}

function bySize(root: TreeNode): { node: TreeNode; parent: TreeNode; depth: number }[] {
  const all: { node: TreeNode; parent: TreeNode; depth: number }[] = [];
  const collect = (parent: TreeNode, depth: number) => {
    for (const node of parent.children) {
      all.push({ node, parent, depth });
      collect(node, depth + 1);
    }
  };
  collect(root, 1);
  return all.sort((a, b) => compareSizes(a.node, b.node) || a.depth - b.depth || comparePaths(a.node, b.node));
}

function compareSizes(a: TreeNode, b: TreeNode): number {
  return b.tokens - a.tokens || b.outside - a.outside;
}

function comparePaths(a: TreeNode, b: TreeNode): number {
  return a.path < b.path ? -1 : 1;
}

function folderOf(path: string, folders: Map<string, TreeNode>): TreeNode {
  const known = folders.get(path);
  if (known !== undefined) return known;
  const slash = path.lastIndexOf("/");
  const made = folderNode(`${path.slice(slash + 1)}/`, path);
  folders.set(path, made);
  folderOf(path.slice(0, Math.max(0, slash)), folders).children.push(made);
  return made;
}

function folderNode(name: string, path: string): TreeNode {
  return { kind: "folder", name, path, ...sumOf([]), children: [] };
}

function fileNode(name: string, file: ContextMapFile): TreeNode {
  const { path, form, tokens } = file;
  const files = { ...sumOf([]).files, [form]: 1 };
  const amount = isRead(form) ? { tokens, outside: 0 } : { tokens: 0, outside: tokens };
  return { kind: "file", name, path, ...amount, files, file, children: [] };
}

/** Sums and sorts, and joins folders that hold nothing but one folder: `src/main/java/` is one line. */
function sumUp(node: TreeNode): void {
  for (const [index, child] of node.children.entries()) {
    if (child.kind === "file") continue;
    sumUp(child);
    const [only, ...others] = child.children;
    if (only?.kind === "folder" && others.length === 0)
      node.children[index] = { ...only, name: child.name + only.name };
  }
  Object.assign(node, sumOf(node.children));
  node.children.sort((a, b) => compareSizes(a, b) || comparePaths(a, b));
}

function sumOf(nodes: readonly TreeNode[]): Pick<TreeNode, "tokens" | "outside" | "files"> {
  const files = { whole: 0, outline: 0, overlay: 0, path: 0, out: 0 };
  let [tokens, outside] = [0, 0];
  for (const node of nodes) {
    tokens += node.tokens;
    outside += node.outside;
    for (const form of FORMS) files[form] += node.files[form];
  }
  return { tokens, outside, files };
}
