// Makes a folder of files for one test and removes it afterwards.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { WorkspaceFile } from "../../../server/src/codebase/workspaceFile.ts";

/** Contents by path with forward slashes; a path with a slash at the end is an empty folder. */
export type Tree = Record<string, string | Uint8Array>;

/** Writes the tree into a new folder, calls `test` with its path, and removes it whatever happens. */
export async function withTree<Result>(tree: Tree, test: (root: string) => Promise<Result>): Promise<Result> {
  const root = await mkdtemp(join(tmpdir(), "fathom-test-"));
  try {
    for (const [path, content] of Object.entries(tree)) await writeInto(root, path, content);
    return await test(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

export async function writeInto(root: string, path: string, content: string | Uint8Array): Promise<void> {
  const target = join(root, path);
  await mkdir(path.endsWith("/") ? target : dirname(target), { recursive: true });
  if (!path.endsWith("/")) await writeFile(target, content);
}

/** A file as the file set would list it, without one on disk. */
export function listed(path: string, bytes: number, mtimeMs = 0): WorkspaceFile {
  return { folder: "repo", path, absolutePath: `/repo/${path}`, bytes, mtimeMs };
}
