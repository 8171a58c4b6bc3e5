// Opens the index of a workspace in its folder; without a folder that can be used it is kept in memory, and says so.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ChunkStore } from "./chunkStore.ts";
import { CodeIndex, type CodeIndexOptions } from "./codeIndex.ts";
import type { Embedder } from "./embedder.ts";

export const IN_MEMORY = "memory://";
/** Names the process that writes into the folder: two would take each other's unfinished files for damage. */
const OWNER_FILE = "owner.pid";

export interface OpenedIndex {
  index: CodeIndex;
  store: ChunkStore;
  /** Undefined: in memory. */
  folder: string | undefined;
  /** Why it is in memory, for people. */
  notice?: string;
}

export interface OpenOptions extends Pick<CodeIndexOptions, "analyse" | "byModel"> {
  folder: string;
  embedder: Embedder;
  /** Names the embedder's file: vectors of another one cannot be compared. */
  embedderName: string;
}

/** Opens the index; one that is damaged is removed, and everything is computed again. */
export async function openIndex(options: OpenOptions): Promise<OpenedIndex> {
  const { folder } = options;
  const reason = take(folder);
  if (reason === undefined) {
    try {
      return { ...(await openAt(folder, options)), folder };
    } catch {
      // Damaged, or written by another version of the store.
    }
    try {
      rmSync(folder, { recursive: true, force: true });
      take(folder);
      return { ...(await openAt(folder, options)), folder };
    } catch (error) {
      return inMemory(options, String(error instanceof Error ? error.message : error));
    }
  }
  return inMemory(options, reason);
}

/** @returns True if another process that runs has the folder. */
export function isUsedElsewhere(folder: string): boolean {
  const owner = Number(readOwner(join(folder, OWNER_FILE)));
  return owner !== process.pid && isRunning(owner);
}

/** Lets another process have the folder. */
export function release(folder: string): void {
  rmSync(join(folder, OWNER_FILE), { force: true });
}

/** @returns Bytes of all files in a folder; 0 if it is not there. */
export async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  // A file may go while others are counted.
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function inMemory(options: OpenOptions, reason: string): Promise<OpenedIndex> {
  const notice = `The search index is kept in memory and made anew at each start: ${reason}`;
  return { ...(await openAt(IN_MEMORY, options)), folder: undefined, notice };
}

async function openAt(place: string, options: OpenOptions): Promise<Pick<OpenedIndex, "index" | "store">> {
  const { embedder, embedderName, analyse, byModel } = options;
  const store = await ChunkStore.open(place, embedderName, embedder.dim);
  const index = await CodeIndex.open({ store, embedder, analyse, byModel });
  // Looks into the indexes: what is damaged there is found now, not at a question.
  await Promise.all([
    store.searchTerms(["a"], { limit: 1 }),
    store.searchVector(new Float32Array(embedder.dim), { limit: 1 }),
  ]);
  return { index, store };
}

/** Makes the folder and marks it as this process's. @returns Why that cannot be. */
function take(folder: string): string | undefined {
  const file = join(folder, OWNER_FILE);
  try {
    mkdirSync(folder, { recursive: true });
    if (isUsedElsewhere(folder)) return "another window or command uses the one on disk";
    writeFileSync(file, String(process.pid));
    return undefined;
  } catch (error) {
    return `${folder} cannot be written (${(error as NodeJS.ErrnoException).code ?? error})`;
  }
}

function readOwner(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
