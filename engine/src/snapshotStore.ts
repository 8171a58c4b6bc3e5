// Which snapshots there are, and which one serves a wanted token list; files are snapshotFiles.ts, room is snapshotQuota.ts.
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { SnapshotCheck, SnapshotFolder, SnapshotInfo, SnapshotKind } from "./api.ts";
import type { Token } from "./backend.ts";
import {
  isMissing,
  SnapshotError,
  SnapshotFiles,
  type SnapshotHeader,
  type StateIdentity,
  snapshotId,
} from "./snapshotFiles.ts";
import { foldersOf, makeRoom } from "./snapshotQuota.ts";

/**
 * Newest snapshots kept per workspace and kind. Bases: the present one and those of two other branches. A half-read base
 * is superseded by the next save. Conversations: those a person goes back to.
 */
export const SNAPSHOTS_KEPT: Readonly<Record<SnapshotKind, number>> = { base: 3, partial: 2, conversation: 4 };

/** Left free on the disk for everything else, bytes. */
const DISK_RESERVE_BYTES = 512 * 1024 ** 2;

/** Layout hashes have this many hex digits. */
const HASH_DIGITS = 16;

const TOKEN_BYTES = 4;

export type SnapshotLookup =
  | { kind: "none" }
  | { kind: "found"; id: string; stateFile: string; tokens: number; bytes: number }
  /** It was there but cannot be trusted; it has been set aside. */
  | { kind: "unusable"; reason: string };

/** Identifies a token list: the same tokens are the same layout. @returns 16 hex digits. */
export function hashTokens(tokens: readonly Token[]): string {
  return createHash("sha256").update(Int32Array.from(tokens)).digest("hex").slice(0, HASH_DIGITS);
}

export class SnapshotStore {
  readonly #folder: SnapshotFolder;
  readonly #files: SnapshotFiles;
  readonly #diskReserveBytes: number;
  /** Set aside by this process: not asked for again even where the folder is read-only and they had to stay. */
  readonly #distrusted = new Set<string>();

  /** @param diskReserveBytes Left free on the disk, bytes. */
  constructor(folder: SnapshotFolder, diskReserveBytes: number = DISK_RESERVE_BYTES) {
    this.#folder = folder;
    this.#files = new SnapshotFiles(folder.dir);
    this.#diskReserveBytes = diskReserveBytes;
  }

  get dir(): string {
    return this.#folder.dir;
  }

  get quotaBytes(): number {
    return this.#folder.quotaBytes;
  }

  /**
   * Sets aside what has a damaged header and removes what killed processes left.
   * @returns A sentence for each that was set aside.
   */
  async tidy(): Promise<string[]> {
    const sentences: string[] = [];
    try {
      for (const id of await this.#files.ids()) {
        if (this.#distrusted.has(id)) continue;
        const problem = await this.#headerProblem(id);
        if (problem !== undefined) sentences.push(await this.reject(id, problem));
      }
      await this.#files.removeLeftOvers();
    } catch {
      // A folder that cannot be read holds nothing for us; saving into it says why.
    }
    return sentences;
  }

  /**
   * The longest snapshot that is a beginning of `target`, all of it verified (reads the whole file).
   * @param moreThan Shorter ones and this length itself are of no use, tokens.
   * @throws Nothing: a damaged snapshot is "unusable", with a sentence for the log; asking again finds the next one.
   */
  async find(identity: StateIdentity, target: readonly Token[], moreThan: number): Promise<SnapshotLookup> {
    try {
      for (const id of (await this.#candidates(identity, target, moreThan))
        .map((candidate) => candidate.id)
        .reverse()) {
        const verified = await this.#files.verify(id);
        // Another process removed it.
        if (verified === undefined) continue;
        if (verified.problem !== undefined)
          return { kind: "unusable", reason: await this.reject(id, verified.problem) };
        await this.#files.touch(id);
        const { tokens, bytes } = verified.header;
        return { kind: "found", id, stateFile: this.#files.stateFile(id), tokens, bytes };
      }
      return { kind: "none" };
    } catch (error) {
      return { kind: "unusable", reason: `The saved states in ${this.dir} cannot be read (${message(error)}).` };
    }
  }

  /** Length of the longest snapshot that begins `target`, by its header only; 0: there is none. Never throws. */
  async longest(identity: StateIdentity, target: readonly Token[]): Promise<number> {
    try {
      return (await this.#candidates(identity, target, 0)).at(-1)?.header.tokens ?? 0;
    } catch {
      // Whatever is wrong is said by `find`, when the snapshot is needed.
      return 0;
    }
  }

  /** True if exactly this token list is on disk, by its header only. */
  async has(identity: StateIdentity, tokens: readonly Token[]): Promise<boolean> {
    try {
      await this.#files.header(snapshotId(identity, hashTokens(tokens), tokens.length));
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Saves a state and makes room for it: other snapshots past the number kept or past the quota go, before it is written,
   * so that all of them together never pass the quota.
   * @param expectedBytes About what the state will take; refused before writing if there is no room.
   * @param write Writes the state to the given path.
   * @param keep Ids that must stay, e.g. the base that serves.
   * @returns Id and bytes.
   * @throws SnapshotError why it was not saved; nothing half-written is left. What `write` throws is passed on if it is
   *   not an error of the file system.
   */
  async save(
    identity: StateIdentity,
    kind: SnapshotKind,
    tokens: readonly Token[],
    expectedBytes: number,
    write: (file: string) => Promise<void>,
    keep: readonly string[] = [],
  ): Promise<{ id: string; bytes: number }> {
    const layoutHash = hashTokens(tokens);
    const id = snapshotId(identity, layoutHash, tokens.length);
    const { quotaBytes } = this.#folder;
    try {
      await makeFolder(this.dir);
      const reserveBytes = this.#diskReserveBytes;
      await makeRoom({ id, dir: this.dir, bytes: expectedBytes, keep, quotaBytes, reserveBytes });
      const bytes = await this.#files.write({ ...identity, kind, tokens: tokens.length, layoutHash }, write);
      this.#distrusted.delete(id);
      await this.#dropSurplus(id, keep);
      // In use for as long as the engine runs, though read from disk only once: other workspaces must not think it forgotten.
      for (const kept of keep) await this.#files.touch(kept);
      return { id, bytes };
    } catch (error) {
      if (error instanceof SnapshotError || (error as NodeJS.ErrnoException).code === undefined) throw error;
      throw new SnapshotError(reasonOf(error), { cause: error });
    }
  }

  async remove(id: string): Promise<void> {
    await this.#files.remove(id);
  }

  /** Sets a snapshot aside that was verified but turned out not to load. @returns A sentence for people. */
  reject(id: string, what: string): Promise<string> {
    this.#distrusted.add(id);
    return this.#files.setAside(id, what);
  }

  /** Those that begin `target`, ascending by length; one pass over the tokens for all of them. */
  async #candidates(identity: StateIdentity, target: readonly Token[], moreThan: number) {
    const headers: { id: string; header: SnapshotHeader }[] = [];
    for (const id of await this.#files.ids()) {
      if (this.#distrusted.has(id)) continue;
      // Damaged ones are set aside by `tidy`.
      const header = await this.#files.header(id).catch(() => undefined);
      if (header === undefined || header.tokens <= moreThan || header.tokens > target.length) continue;
      if (isOf(identity, header)) headers.push({ id, header });
    }
    headers.sort((a, b) => a.header.tokens - b.header.tokens);
    const bytes = Buffer.from(Int32Array.from(target).buffer);
    const hash = createHash("sha256");
    let hashed = 0;
    return headers.filter(({ header: { tokens, layoutHash } }) => {
      hash.update(bytes.subarray(hashed * TOKEN_BYTES, tokens * TOKEN_BYTES));
      hashed = tokens;
      return hash.copy().digest("hex").slice(0, HASH_DIGITS) === layoutHash;
    });
  }

  async #headerProblem(id: string): Promise<string | undefined> {
    try {
      await this.#files.header(id);
      return undefined;
    } catch (error) {
      return isMissing(error) ? undefined : `Its header is damaged (${message(error)})`;
    }
  }

  async #dropSurplus(justSaved: string, keep: readonly string[]): Promise<void> {
    const infos = await this.#files.infos();
    for (const kind of Object.keys(SNAPSHOTS_KEPT) as SnapshotKind[]) {
      const newestFirst = infos
        .filter((info) => info.kind === kind)
        .sort((a, b) => Number(b.id === justSaved) - Number(a.id === justSaved) || b.usedAt.localeCompare(a.usedAt));
      for (const { id } of newestFirst.slice(SNAPSHOTS_KEPT[kind])) if (!keep.includes(id)) await this.remove(id);
    }
  }
}

/**
 * The readable snapshots of all workspaces, newest first. A missing folder is an empty list.
 * @param root Parent of the workspaces' folders.
 */
export async function listSnapshots(root: string): Promise<SnapshotInfo[]> {
  const infos: SnapshotInfo[] = [];
  for (const files of await foldersOf(root)) infos.push(...(await files.infos()));
  return infos.sort(newestFirst);
}

/**
 * Removes the snapshots with these ids; without ids all, and what was set aside or left over. One that another process
 * uses goes too: it has loaded it.
 * @returns What was removed, newest first.
 * @throws Error a sentence for people, e.g. in a read-only folder; some may be removed already.
 */
export async function removeSnapshots(root: string, ids?: readonly string[]): Promise<SnapshotInfo[]> {
  const removed: SnapshotInfo[] = [];
  for (const files of await foldersOf(root)) {
    const infos = (await files.infos()).filter(({ id }) => ids === undefined || ids.includes(id));
    try {
      for (const { id } of infos) await files.remove(id);
      if (ids === undefined) {
        for (const id of await files.ids()) await files.remove(id);
        await files.removeSetAside();
        await files.removeLeftOvers();
      }
    } catch (error) {
      throw new Error(`The saved states in ${files.dir} could not all be removed: ${reasonOf(error)}.`, {
        cause: error,
      });
    }
    removed.push(...infos);
  }
  return removed.sort(newestFirst);
}

/** Reads every byte of every snapshot. What is damaged is set aside; its `problem` says why. */
export async function verifySnapshots(root: string): Promise<SnapshotCheck[]> {
  const checks: SnapshotCheck[] = [];
  for (const files of await foldersOf(root)) {
    for (const id of await files.ids()) {
      const check = await checked(files, id);
      if (check?.problem !== undefined) await files.setAside(id, check.problem);
      if (check !== undefined) checks.push(check);
    }
  }
  return checks.sort(newestFirst);
}

/** Undefined: another process removed it meanwhile. */
async function checked(files: SnapshotFiles, id: string): Promise<SnapshotCheck | undefined> {
  try {
    const info = await files.info(id);
    const verified = await files.verify(id);
    return verified && { ...info, problem: verified.problem };
  } catch (error) {
    if (isMissing(error)) return undefined;
    return { ...UNKNOWN, id, workspace: basename(files.dir), problem: `Its header is damaged (${message(error)})` };
  }
}

/** What is shown of a snapshot whose header says nothing. */
const UNKNOWN = {
  kind: "partial",
  createdAt: "",
  usedAt: "",
  tokens: 0,
  bytes: 0,
  modelHash: "",
  layoutHash: "",
  kvType: "f16",
} as const;

function newestFirst(a: SnapshotInfo, b: SnapshotInfo): number {
  return b.createdAt.localeCompare(a.createdAt);
}

function isOf(identity: StateIdentity, header: SnapshotHeader): boolean {
  const { modelHash, runtime, kvType } = header;
  return modelHash === identity.modelHash && runtime === identity.runtime && kvType === identity.kvType;
}

/** Node's recursive `mkdir` says of a read-only disk that a folder is missing: making the first missing one says why. */
async function makeFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
  } catch (error) {
    const parent = dirname(dir);
    if (!isMissing(error) || parent === dir) throw error;
    await makeFolder(parent);
    await mkdir(dir);
  }
}

/** What the system's error codes mean, as part of a sentence. */
const DISK_SENTENCES: Record<string, string> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be too large for this disk",
  EROFS: "the disk is read-only",
  EACCES: "writing there is not allowed",
  EPERM: "writing there is not allowed",
};

/** Why a file operation failed, as part of a sentence. */
function reasonOf(error: unknown): string {
  return DISK_SENTENCES[(error as NodeJS.ErrnoException).code ?? ""] ?? message(error);
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
