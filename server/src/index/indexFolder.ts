// Opens the index of a workspace in its folder; without a folder that can be used it is kept in memory, and says so.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { makeFolder } from "../makeFolder.ts";
import { isOfAnother, ownMark } from "../processMark.ts";
import { ChunkStore } from "./chunkStore.ts";
import { CodeIndex, type CodeIndexOptions } from "./codeIndex.ts";
import type { Embedder } from "./embedder.ts";

export const IN_MEMORY = "memory://";
const USED = "another window or command uses the one on disk";
/** Names the process that writes into the folder: two would take each other's unfinished files for damage. */
const OWNER_FILE = "owner.pid";
/** A process whose server has gone ends as soon as it hears of it; so long the next one waits for that, milliseconds. */
const END_MS = 5000;
const POLL_MS = 20;

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
  /** Mark of the process that owns this one. */
  owner: string;
  embedder: Embedder;
  /** Names the embedder's file: vectors of another one cannot be compared. */
  embedderName: string;
}

/** Opens the index; one that is damaged is removed, and everything is computed again. */
export async function openIndex(options: OpenOptions): Promise<OpenedIndex> {
  const { folder, owner } = options;
  const reason = await take(folder, owner);
  if (reason !== undefined) return inMemory(options, reason);
  try {
    return { ...(await openAt(folder, options)), folder };
  } catch {
    // Damaged, or written by another version of the store.
  }
  try {
    rmSync(folder, { recursive: true, force: true });
    const taken = await take(folder, owner);
    if (taken !== undefined) return inMemory(options, taken);
    return { ...(await openAt(folder, options)), folder };
  } catch (error) {
    return inMemory(options, String(error instanceof Error ? error.message : error));
  }
}

/** @returns True if another process that runs has the folder. */
export function isUsedElsewhere(folder: string): boolean {
  return isOfAnother(readMark(folder).process);
}

/** Lets another process have the folder, if it is this one's. */
export function release(folder: string): void {
  if (readMark(folder).process === ownMark()) rmSync(join(folder, OWNER_FILE), { force: true });
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
async function take(folder: string, owner: string): Promise<string | undefined> {
  try {
    await makeFolder(folder);
    const until = Date.now() + END_MS;
    while (!mark(folder, owner)) {
      const marked = readMark(folder);
      if (marked.process === ownMark()) return undefined;
      if (!isOfAnother(marked.process)) rmSync(join(folder, OWNER_FILE), { force: true });
      else if (isEnding(marked) && Date.now() < until) await setTimeout(POLL_MS);
      else return USED;
    }
    return undefined;
  } catch (error) {
    return `${folder} cannot be written (${(error as NodeJS.ErrnoException).code ?? error})`;
  }
}

/** Who has a folder: an index process, and the server that owns it. */
interface Mark {
  process: string;
  /** Undefined in marks of older versions. */
  owner: string | undefined;
}

function isEnding({ owner }: Mark): boolean {
  return owner !== undefined && !isOfAnother(owner);
}

/** @returns False if there is a mark already. */
function mark(folder: string, owner: string): boolean {
  try {
    writeFileSync(join(folder, OWNER_FILE), `${ownMark()}\n${owner}`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Without a mark it is nobody's. */
function readMark(folder: string): Mark {
  try {
    const [process = "", owner] = readFileSync(join(folder, OWNER_FILE), "utf8").split("\n");
    return { process, owner };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { process: "", owner: undefined };
    throw error;
  }
}
