// Answers requests about the snapshots on disk: which there are, which to remove, which are damaged.
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Connection } from "vscode-languageserver/node";
import type { Engine, SnapshotCheck, SnapshotInfo } from "../../../engine/src/api.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import {
  ListSnapshotsRequest,
  RemoveSnapshotsRequest,
  type Snapshot,
  VerifySnapshotsRequest,
} from "../protocol/messages.ts";
import { handle, RequestError } from "../requests.ts";
import { removeRecords } from "./baseRecords.ts";

/** Shorter beginnings of an id name a snapshot by chance, characters. */
const SHORTEST_ID = 4;

export interface SnapshotRequestsOptions {
  engine: Pick<Engine, "listSnapshots" | "removeSnapshots" | "verifySnapshots">;
  /** Folder of this workspace's snapshots; its parent holds those of all workspaces. */
  readonly snapshotDir: string;
}

/** Registers the requests. They read nothing of the workspace and need neither a model nor its trust. */
export function registerSnapshotRequests(connection: Connection, options: SnapshotRequestsOptions): void {
  const { engine } = options;
  const root = dirname(options.snapshotDir);
  const asSnapshot = (info: SnapshotInfo | SnapshotCheck) => describe(info, basename(options.snapshotDir));
  handle(connection, ListSnapshotsRequest.type, async () => (await engine.listSnapshots(root)).map(asSnapshot));
  handle(connection, VerifySnapshotsRequest.type, async () => (await engine.verifySnapshots(root)).map(asSnapshot));
  handle(connection, RemoveSnapshotsRequest.type, async (params) => {
    const ids = params.ids === "all" ? undefined : idsOf(params.ids, await engine.listSnapshots(root));
    const removed = await engine.removeSnapshots(root, ids);
    await forgetTexts(root, ids === undefined ? await foldersIn(root) : removed.map(({ workspace }) => workspace));
    return removed.map(asSnapshot);
  });

  /** What a base was laid out from holds the text of the code: it goes with the last state of its workspace. */
  async function forgetTexts(root: string, workspaces: readonly string[]): Promise<void> {
    const kept = new Set((await engine.listSnapshots(root)).map(({ workspace }) => workspace));
    for (const workspace of new Set(workspaces)) if (!kept.has(workspace)) await removeRecords(join(root, workspace));
  }
}

/** A missing folder has none. */
async function foldersIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/**
 * Ids come from outside and would become names of files: only those of the list go on to the engine.
 * @param wanted Ids or beginnings of ids.
 * @throws RequestError badRequest if one names no snapshot, or several: nothing is removed then.
 */
function idsOf(wanted: unknown, known: readonly SnapshotInfo[]): string[] {
  const isList = Array.isArray(wanted) && wanted.every((id) => typeof id === "string");
  if (!isList || wanted.length === 0) throw refusal("Name the snapshots to remove by their ids.");
  const found = (wanted as string[]).map((start) => {
    if (start.length < SHORTEST_ID) throw refusal(`“${start}” is too short to name a snapshot; give more of its id.`);
    const ids = [...new Set(known.filter(({ id }) => id.startsWith(start)).map(({ id }) => id))];
    const [id] = ids.includes(start) ? [start] : ids;
    if (id === undefined) throw refusal(`There is no snapshot “${start}”.`);
    if (ids.length > 1 && id !== start) throw refusal(`“${start}” is the beginning of ${ids.length} snapshots.`);
    return id;
  });
  return [...new Set(found)];
}

function refusal(why: string): RequestError {
  return new RequestError(FathomErrorCodes.badRequest, `${why} Nothing was removed.`);
}

/** What clients may see; the hash of the layout means nothing to them. */
function describe({ layoutHash: _, ...info }: SnapshotInfo | SnapshotCheck, workspace: string): Snapshot {
  return { ...info, ofThisWorkspace: info.workspace === workspace };
}
