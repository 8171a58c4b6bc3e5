// Writes the list of the repository's files that stands at the end of the base, at four levels of detail.
import type { BaseForm } from "./workspaceFile.ts";

/** From all names to a single sentence; the first one that fits is used. */
export const TREE_DETAILS = ["files", "folders", "topFolders", "count"] as const;
export type TreeDetail = (typeof TREE_DETAILS)[number];

/** The words for files that are not given whole; the system text explains them. */
const WORDS = { outline: "signatures only", path: "not here" } as const;
const HEAD = "All files, by folder:";

export interface TreeFile {
  /** With forward slashes. */
  path: string;
  form: BaseForm;
}

/** Names of one folder's files. */
type Folder = Record<BaseForm, string[]>;

/**
 * One line for each folder, which is far shorter than one for each file: `src/: a.ts, b.ts; not here: c.ts`.
 * @param files In any order.
 * @param detail How much to write.
 * @returns The list, ending with a line end; the same for the same files in any order.
 */
export function repositoryTree(files: readonly TreeFile[], detail: TreeDetail): string {
  const folders = new Map<string, Folder>();
  for (const { path, form } of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const slash = detail === "topFolders" ? path.indexOf("/") : path.lastIndexOf("/");
    const folder = detail === "count" ? "" : path.slice(0, slash + 1) || "./";
    const names = folders.get(folder) ?? { whole: [], outline: [], path: [] };
    folders.set(folder, names);
    names[form].push(path.slice(slash + 1));
  }
  if (detail === "count") return `${HEAD} ${counts(folders.get("") ?? { whole: [], outline: [], path: [] })}.\n`;
  const lines = [...folders].sort(([a], [b]) => (a < b ? -1 : 1)).map(([folder, names]) => line(folder, names, detail));
  return `${[HEAD, ...lines].join("\n")}\n`;
}

function line(folder: string, names: Folder, detail: TreeDetail): string {
  return `${folder}: ${detail === "files" ? nameLists(names) : counts(names)}`;
}

function nameLists({ whole, outline, path }: Folder): string {
  const lists = [
    whole.map(quoted).join(", "),
    outline.length === 0 ? "" : `${WORDS.outline}: ${outline.map(quoted).join(", ")}`,
    path.length === 0 ? "" : `${WORDS.path}: ${path.map(quoted).join(", ")}`,
  ];
  return lists.filter((list) => list !== "").join("; ");
}

function counts({ whole, outline, path }: Folder): string {
  const nFiles = whole.length + outline.length + path.length;
  const numbers = [
    `${nFiles} ${nFiles === 1 ? "file" : "files"}`,
    outline.length === 0 ? "" : `${outline.length} ${WORDS.outline}`,
    path.length === 0 ? "" : `${path.length} ${WORDS.path}`,
  ];
  return numbers.filter((number) => number !== "").join(", ");
}

/** A name with the list's own punctuation in it is quoted. */
function quoted(name: string): string {
  return /[,;:"]/.test(name) ? JSON.stringify(name) : name;
}
