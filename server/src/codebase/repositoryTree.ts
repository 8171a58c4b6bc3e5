// Writes the list of the repository's files that stands at the front of the base, at four levels of detail.

/** From all names to a single sentence; the first one that fits is used. */
export const TREE_DETAILS = ["files", "folders", "topFolders", "count"] as const;
export type TreeDetail = (typeof TREE_DETAILS)[number];

/** Word for the files that only their path is known of; the system text explains it. */
const NOT_HERE = "not here";

interface FolderEntry {
  here: string[];
  notHere: string[];
}

/**
 * One line for each folder, which is far shorter than one for each file: `src/: a.ts, b.ts; not here: c.ts`.
 * @param paths Paths with forward slashes, in any order.
 * @param included Those of `paths` that follow whole.
 * @param detail How much to write.
 * @returns The list, ending with a line end; the same for the same paths in any order.
 */
export function repositoryTree(paths: readonly string[], included: ReadonlySet<string>, detail: TreeDetail): string {
  if (detail === "count") return `${counts(paths.length, paths.length - included.size)}.\n`;
  const folders = new Map<string, FolderEntry>();
  for (const path of [...paths].sort()) {
    const slash = detail === "topFolders" ? path.indexOf("/") : path.lastIndexOf("/");
    const folder = path.slice(0, slash + 1) || "./";
    const entry = folders.get(folder) ?? { here: [], notHere: [] };
    folders.set(folder, entry);
    (included.has(path) ? entry.here : entry.notHere).push(path.slice(slash + 1));
  }
  const lines = [...folders].sort(([a], [b]) => (a < b ? -1 : 1)).map(([folder, entry]) => line(folder, entry, detail));
  return `Files by folder; those ${NOT_HERE} do not fit the context:\n${lines.join("\n")}\n`;
}

function line(folder: string, { here, notHere }: FolderEntry, detail: TreeDetail): string {
  if (detail !== "files") return `${folder}: ${counts(here.length + notHere.length, notHere.length)}`;
  const left = notHere.length === 0 ? [] : [`${NOT_HERE}: ${notHere.map(quoted).join(", ")}`];
  const present = here.length === 0 ? [] : [here.map(quoted).join(", ")];
  return `${folder}: ${[...present, ...left].join("; ")}`;
}

function counts(nFiles: number, nNotHere: number): string {
  const files = `${nFiles} ${nFiles === 1 ? "file" : "files"}`;
  return nNotHere === 0 ? files : `${files}, ${nNotHere} ${NOT_HERE}`;
}

/** A name with the list's own punctuation in it is quoted. */
function quoted(name: string): string {
  return /[,;:"]/.test(name) ? JSON.stringify(name) : name;
}
