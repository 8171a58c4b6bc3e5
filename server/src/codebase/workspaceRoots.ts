// Gives each workspace folder the beginning of its paths, and tells from a path where it lies: the one place that knows both.
import { join, resolve } from "node:path";
import type { WorkspaceFolder } from "./workspaceFile.ts";

export interface WorkspaceRoot {
  /** Its name is usable in paths and no other root's; its path is absolute. */
  folder: WorkspaceFolder;
  /** Begins every path for people: the folder's name and a slash; empty if there is only one root. */
  prefix: string;
}

/**
 * One root per place on disk. Of folders with the same name, all but one get a number.
 * @returns In the order of their places, so that the same folders have the same prefixes in whatever order they are open.
 */
export function rootsOf(folders: readonly WorkspaceFolder[]): WorkspaceRoot[] {
  const byPath = new Map<string, string>();
  for (const { name, path } of folders) {
    const place = resolve(path);
    if (!byPath.has(place)) byPath.set(place, name);
  }
  const inOrder = [...byPath].sort(([a], [b]) => (a < b ? -1 : 1));
  const names = new Set<string>();
  return inOrder.map(([path, given]) => {
    const plain = printable(given).replace(/[\\/]/g, "-");
    let name = plain;
    for (let count = 2; names.has(name); count++) name = `${plain} (${count})`;
    names.add(name);
    return { folder: { name, path }, prefix: byPath.size > 1 ? `${name}/` : "" };
  });
}

/** @returns Absolute path, whether there is such a file or not; undefined if no root has it or it climbs out of its root. */
export function placeIn(roots: readonly WorkspaceRoot[], path: string): string | undefined {
  if (path.split(/[/\\]/).includes("..")) return undefined;
  const own = roots.find(({ prefix }) => path.startsWith(prefix) && path.length > prefix.length);
  return own === undefined ? undefined : join(own.folder.path, path.slice(own.prefix.length));
}

/** Replaces control characters, which could pretend to be lines of the tree in the prompt. */
export function printable(text: string): string {
  let result = "";
  for (const char of text) result += char < " " || char === "\u007f" ? "\uFFFD" : char;
  return result;
}
