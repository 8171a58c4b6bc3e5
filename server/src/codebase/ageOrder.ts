// Orders files by their last change, oldest first, from git's history where there is one, else from the file system.
import { createHash } from "node:crypto";
import { resolve, sep } from "node:path";
import { type History, readHistory } from "./gitHistory.ts";
import { inParallel } from "./inParallel.ts";
import { MAX_WANTED_FILE_BYTES, readBytes } from "./readText.ts";
import { comparePaths, type WorkspaceFile, type WorkspaceFolder } from "./workspaceFile.ts";

/**
 * Content compared with the last commit at most, bytes: the files touched last on disk, among which the changed ones are.
 * About a second of reading; in a fresh clone, where all files were touched at once, none is changed.
 */
const MAX_COMPARED_BYTES = 32 * 1024 * 1024;
const PARALLEL_READS = 16;

/**
 * Orders files from the least to the most recently changed, so that what changes next stands near the end. A committed
 * file has the time of the last commit that touched it, whatever its time on disk: that differs with every checkout. A
 * file that differs from the last commit, or is not in it, has its time on disk. If the history was too long to read
 * whole, what is older than what was read counts as oldest. Text that git stores converted (other than by line ends)
 * counts as different from the last commit: the converters are programs that a repository names, and none of them runs.
 * @param folders The workspace folders that the files were collected from.
 * @param files Files of these folders.
 * @param signal Aborting ends git early; the order is then by what was read.
 * @returns A new array; equal times are in the order of the paths, so a clean checkout has the same order on every
 *   machine. Never throws: without git, by the time on disk.
 */
export async function orderByAge(
  folders: readonly WorkspaceFolder[],
  files: readonly WorkspaceFile[],
  signal?: AbortSignal,
): Promise<WorkspaceFile[]> {
  const histories = await Promise.all(folders.map((folder) => readHistory(resolve(folder.path), signal)));
  const entries = files.map((file) => ({ file, ...committed(file, histories) }));
  const changed = await changedFiles(entries, signal);
  const seconds = new Map(
    entries.map(({ file, commit }) => [file, changed.has(file) ? onDisk(file) : (commit ?? onDisk(file))]),
  );
  return [...files].sort((a, b) => seconds.get(a)! - seconds.get(b)! || comparePaths(a, b));
}

/** What the last commit knows of a file. */
interface Committed {
  /** Seconds since 1970; undefined if no commit has the file. */
  commit?: number;
  /** Id of its content there. */
  blob?: string;
}

function committed(file: WorkspaceFile, histories: readonly History[]): Committed {
  // With one folder inside another, the longest root is the file's own.
  let own: History | undefined;
  for (const history of histories) {
    const holds = file.absolutePath.startsWith(history.root);
    if (holds && (own === undefined || history.root.length > own.root.length)) own = history;
  }
  if (own === undefined) return {};
  const path = file.absolutePath.slice(own.root.length).split(sep).join("/");
  const blob = own.blobs?.get(path);
  if (own.blobs !== undefined && blob === undefined) return {};
  return { commit: own.seconds.get(path) ?? (own.whole ? undefined : 0), blob };
}

/** Seconds since 1970. */
function onDisk(file: WorkspaceFile): number {
  return Math.floor(file.mtimeMs / 1000);
}

/** Those whose content on disk is not what the last commit has. */
async function changedFiles(
  entries: readonly ({ file: WorkspaceFile } & Committed)[],
  signal: AbortSignal | undefined,
): Promise<Set<WorkspaceFile>> {
  const newestFirst = entries
    .filter(({ blob }) => blob !== undefined)
    .sort((a, b) => b.file.mtimeMs - a.file.mtimeMs || comparePaths(a.file, b.file));
  const changed = new Set<WorkspaceFile>();
  let left = MAX_COMPARED_BYTES;
  const compared = newestFirst.filter(({ file }) => {
    left -= file.bytes;
    return left >= 0;
  });
  try {
    await inParallel(
      compared,
      PARALLEL_READS,
      async ({ file, blob }) => {
        const read = await readBytes(file.absolutePath, MAX_WANTED_FILE_BYTES);
        if (read !== undefined && "content" in read && !isBlob(read.content, blob!)) changed.add(file);
      },
      signal,
    );
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
  return changed;
}

/** True if git would store this content under this id, as it is or with its line ends converted. */
function isBlob(content: Buffer, blob: string): boolean {
  if (blobId(content, blob) === blob) return true;
  if (!content.includes("\r\n")) return false;
  const converted = Buffer.from(content.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
  return blobId(converted, blob) === blob;
}

function blobId(content: Buffer, like: string): string {
  // Repositories name their content by SHA-1 with 40 digits or by SHA-256 with 64.
  const hash = createHash(like.length === 64 ? "sha256" : "sha1");
  return hash.update(`blob ${content.length}\0`).update(content).digest("hex");
}
