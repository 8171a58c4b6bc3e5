// Keeps the snapshots of all workspaces within their quota and the disk: which of them go when another one needs room.
import type { Dirent } from "node:fs";
import { readdir, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SnapshotInfo } from "./api.ts";
import { isMissing, SnapshotError, SnapshotFiles } from "./snapshotFiles.ts";

const DAY_MS = 24 * 3_600_000;

export interface RoomWanted {
  /** The snapshot that will be written, and its folder; its parent holds the folders of all workspaces. */
  id: string;
  dir: string;
  /** Its size, bytes. */
  bytes: number;
  /** Ids that must stay. */
  keep: readonly string[];
  quotaBytes: number;
  /** Left free on the disk, bytes. */
  reserveBytes: number;
}

/**
 * Makes room for a snapshot in the quota and on the disk: left-overs first, then what was set aside or cannot be read,
 * then the snapshots that are worth least ({@link byWorth}).
 * @throws SnapshotError if there cannot be enough room; then no snapshot was removed.
 */
export async function makeRoom(wanted: RoomWanted): Promise<void> {
  const folders = await foldersOf(dirname(wanted.dir));
  for (const files of folders) await files.removeLeftOvers();
  let missing = await missingBytes(wanted, folders);
  if (missing.inQuota <= 0 && missing.onDisk <= 0) return;
  for (const files of folders) {
    await files.removeSetAside();
    // Its workspace may never be read again, and nobody else would set it aside.
    await files.removeUnreadable();
  }
  missing = await missingBytes(wanted, folders);
  const needed = Math.max(missing.inQuota, missing.onDisk);
  const victims = await expendable(wanted, folders);
  const freed = victims.reduce((sum, { bytes }) => sum + bytes, 0);
  if (freed < missing.inQuota) {
    const limit = gigabytes(wanted.quotaBytes);
    throw new SnapshotError(`it takes ${gigabytes(wanted.bytes)}, the limit for all saved states is ${limit}`);
  }
  if (freed < missing.onDisk) {
    const { bytes, reserveBytes } = wanted;
    const free = gigabytes(bytes + reserveBytes - missing.onDisk);
    const rule = `${gigabytes(reserveBytes)} of the disk are kept free`;
    throw new SnapshotError(`it takes ${gigabytes(bytes)} and ${rule}, but only ${free} are free`);
  }
  await freeBytes(needed, victims);
}

/** One that cannot be removed, e.g. because another process is loading it on Windows, is passed over. */
async function freeBytes(needed: number, victims: Awaited<ReturnType<typeof expendable>>): Promise<void> {
  let left = needed;
  let failure: unknown;
  for (const { files, info, bytes } of victims) {
    if (left <= 0) return;
    try {
      await files.remove(info.id);
      left -= bytes;
    } catch (error) {
      failure = error;
    }
  }
  if (left > 0) throw failure;
}

/** How much more than there is would be needed, bytes; negative: so much is left. */
async function missingBytes(wanted: RoomWanted, folders: readonly SnapshotFiles[]) {
  let used = 0;
  for (const files of folders) used += await files.bytes();
  // Its older self goes when the new one is there; until then both lie on the disk.
  const replaced = await new SnapshotFiles(wanted.dir).bytesOf(wanted.id);
  const { bavail, bsize } = await statfs(wanted.dir);
  return {
    inQuota: used - replaced + wanted.bytes - wanted.quotaBytes,
    onDisk: wanted.bytes + wanted.reserveBytes - bavail * bsize,
  };
}

async function expendable({ id, dir, keep }: RoomWanted, folders: readonly SnapshotFiles[]) {
  const found: { files: SnapshotFiles; info: SnapshotInfo; bytes: number }[] = [];
  for (const files of folders) {
    for (const info of await files.infos()) {
      const isItself = info.id === id && files.dir === dir;
      if (!isItself && !keep.includes(info.id)) found.push({ files, info, bytes: await files.bytesOf(info.id) });
    }
  }
  const now = Date.now();
  return found.sort((a, b) => byWorth(a.info, b.info, now));
}

/**
 * Orders snapshots by worth, least first: least recently used first; of those last used on the same day, conversations and
 * half-read bases before whole bases.
 *
 * Compare Marconi (arXiv 2411.19379), which evicts by recency and computation saved per byte. A base saves the same per
 * byte as any other base, but a conversation has the size of the base under it and saves only what came after. Someone
 * returns to a conversation within hours, to a branch or another workspace within weeks: a day's recency decides first.
 */
function byWorth(a: SnapshotInfo, b: SnapshotInfo, now: number): number {
  const days = ({ usedAt }: SnapshotInfo) => Math.floor((now - Date.parse(usedAt)) / DAY_MS);
  return days(b) - days(a) || Number(a.kind === "base") - Number(b.kind === "base") || a.usedAt.localeCompare(b.usedAt);
}

/** The folders of all workspaces. None if the root is missing; one that may not be looked into (`lost+found`) is not ours. */
export async function foldersOf(root: string): Promise<SnapshotFiles[]> {
  const folders: SnapshotFiles[] = [];
  for (const entry of await entriesOf(root)) {
    const dir = join(root, entry.name);
    if (entry.isDirectory() && (await isReadable(dir))) folders.push(new SnapshotFiles(dir));
  }
  return folders;
}

async function entriesOf(root: string): Promise<Dirent[]> {
  try {
    return await readdir(root, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function isReadable(dir: string): Promise<boolean> {
  return readdir(dir).then(
    () => true,
    () => false,
  );
}

function gigabytes(bytes: number): string {
  const shown = Math.max(0, bytes);
  return shown < 1e8 ? `${(shown / 1e6).toFixed(1)} MB` : `${(shown / 1e9).toFixed(1)} GB`;
}
