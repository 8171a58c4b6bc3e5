// Makes a folder and those that it lies in, one level at a time, and fails with the system's error where that cannot be.
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * In the place of `mkdir` with `recursive`, which never returns (Node 20 and 24) where a folder exists and making one in it
 * says ENOENT: below /proc, or in a folder that is deleted but still in use.
 * @throws The file system's error.
 */
export async function makeFolder(folder: string): Promise<void> {
  const missing: string[] = [];
  for (let at = folder; !(await isFolder(at)); at = dirname(at)) {
    missing.unshift(at);
    // A drive that is not there.
    if (dirname(at) === at) break;
  }
  for (const each of missing) await makeOne(each);
}

/** Another process may make the same one at the same time. */
async function makeOne(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !(await isFolder(folder))) throw error;
  }
}

/** @returns Also true for a link to one. @throws The file system's error, unless there is nothing. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
