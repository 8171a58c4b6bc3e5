// Answers the request to remove indexes from disk: that of this workspace, or all that no other process uses.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Connection } from "vscode-languageserver/node";
import { RemoveIndexRequest } from "../protocol/messages.ts";
import { handle } from "../requests.ts";
import { bytesIn, isUsedElsewhere } from "./indexFolder.ts";
import type { IndexService } from "./indexService.ts";

export interface IndexRemovalOptions {
  index: Pick<IndexService, "restart">;
  /** Where the indexes of all workspaces lie, each in a folder. */
  indexDir: string;
  workspace: { readonly key: string };
}

/** Registers the request. It reads nothing of the workspace and needs neither a model nor its trust. */
export function registerIndexRemoval(
  connection: Connection,
  { index, indexDir, workspace }: IndexRemovalOptions,
): void {
  handle(connection, RemoveIndexRequest.type, async ({ all = false }) => {
    const present = await foldersIn(indexDir);
    const folders = present.filter((name) => all || name === workspace.key).map((name) => join(indexDir, name));
    let removed = 0;
    let bytes = 0;
    await index.restart(async () => {
      for (const folder of folders) {
        // Asked only now, when this server's own is nobody's.
        if (isUsedElsewhere(folder)) continue;
        bytes += await bytesIn(folder);
        await rm(folder, { recursive: true, force: true });
        removed += 1;
      }
    });
    return { removed, bytes, inUse: folders.length - removed };
  });
}

/** A missing folder has none. */
async function foldersIn(indexDir: string): Promise<string[]> {
  const entries = await readdir(indexDir, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
