// How one snapshot lies on disk: a state file and a signed header that vouches for it; knows no policy and no models.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import type { KvType, SnapshotInfo, SnapshotKind } from "./api.ts";

/** Raised whenever header or state change their meaning; older ones are set aside and rebuilt. */
export const SNAPSHOT_FORMAT = 2;

const STATE = ".state";
const HEADER = ".json";
const SET_ASIDE = ".bad";

/** Ours and nothing else: the folder also holds what the server keeps there. */
const OUR_HEADER = /^([0-9a-f]{24})\.json$/;
const OUR_STATE = /^([0-9a-f]{24})\.state$/;
const OUR_SET_ASIDE = /^[0-9a-f]{24}\.(?:json|state)\.bad$/;
/** Half-written states, with the process that writes them, and half-written headers. */
const OUR_TEMPORARY = /^[0-9a-f]{24}\.(?:([0-9a-f]{8})-(\d+)-\d+\.tmp|json\.\d+)$/;

/** Names this machine in temporary files: only its own processes can be asked whether they live. */
const HOST = sha256(hostname()).slice(0, 8);

/** Longer than any header; a longer file is none. */
const MAX_HEADER_BYTES = 16 * 1024;

/** No state takes this long to write; what is half-written and older belongs to a process that was killed. */
const ABANDONED_MS = 3_600_000;

const KINDS: readonly unknown[] = ["base", "partial", "conversation"] satisfies SnapshotKind[];
const KV_TYPES: readonly unknown[] = ["f16", "q8_0"] satisfies KvType[];

/** What must be equal for a state to be usable by this engine. */
export interface StateIdentity {
  modelHash: string;
  runtime: string;
  kvType: KvType;
}

export interface SnapshotHeader extends StateIdentity {
  format: number;
  kind: SnapshotKind;
  /** Length of the token history in the state. */
  tokens: number;
  /** Hash of exactly these tokens (`hashTokens`). */
  layoutHash: string;
  bytes: number;
  createdAt: string;
  stateSha256: string;
  /** Over all fields above, so that a flipped byte in the header is seen too. */
  headerSha256: string;
}

export type UnsignedHeader = Omit<SnapshotHeader, "format" | "bytes" | "createdAt" | "stateSha256" | "headerSha256">;

/** Why a snapshot could not be written; the message is a part of a sentence for people. */
export class SnapshotError extends Error {}

/** A header that cannot be trusted; the message says why, as part of a sentence. */
class HeaderError extends Error {}

/** Content-addressed: the name says which state it is, the header is still compared field by field. */
export function snapshotId(identity: StateIdentity, layoutHash: string, tokens: number): string {
  const parts = [identity.modelHash, identity.runtime, identity.kvType, layoutHash, String(tokens)];
  return sha256(parts.join("\n")).slice(0, 24);
}

/** Counts the states that this process has written, so that no two share a temporary file. */
let written = 0;

/** The snapshots of one folder as files. Other processes may use the same folder at the same time. */
export class SnapshotFiles {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  stateFile(id: string): string {
    return this.#file(id, STATE);
  }

  /** Ids of everything that has a header. A missing folder has none. */
  async ids(): Promise<string[]> {
    return (await this.#names()).flatMap((name) => OUR_HEADER.exec(name)?.[1] ?? []);
  }

  /** @throws HeaderError if it is damaged; the file system's error if it is gone. */
  async header(id: string): Promise<SnapshotHeader> {
    const header = parseHeader(await this.#headerText(id));
    if (snapshotId(header, header.layoutHash, header.tokens) !== id) throw new HeaderError("not its own name");
    return header;
  }

  async #headerText(id: string): Promise<string> {
    const file = this.#file(id, HEADER);
    try {
      if ((await stat(file)).size > MAX_HEADER_BYTES) throw new HeaderError("too long");
      return await readFile(file, "utf8");
    } catch (error) {
      if (error instanceof HeaderError || isMissing(error)) throw error;
      throw new HeaderError(message(error), { cause: error });
    }
  }

  /** @throws As {@link header}. */
  async info(id: string): Promise<SnapshotInfo> {
    const { kind, createdAt, tokens, bytes, modelHash, layoutHash, kvType } = await this.header(id);
    const usedAt = (await stat(this.#file(id, HEADER))).mtime.toISOString();
    const workspace = basename(this.dir);
    return { id, workspace, kind, createdAt, usedAt, tokens, bytes, modelHash, layoutHash, kvType };
  }

  /** Of everything with a sound header. */
  async infos(): Promise<SnapshotInfo[]> {
    const infos: SnapshotInfo[] = [];
    for (const id of await this.ids()) {
      try {
        infos.push(await this.info(id));
      } catch (error) {
        // A damaged header is not a snapshot: it is set aside with a sentence when its workspace is read.
        if (!(error instanceof HeaderError) && !isMissing(error)) throw error;
      }
    }
    return infos;
  }

  /**
   * Reads the whole snapshot.
   * @returns Its header, and what is wrong with its state as a sentence without its end; undefined: it is gone.
   * @throws HeaderError if the header is damaged.
   */
  async verify(id: string): Promise<{ header: SnapshotHeader; problem: string | undefined } | undefined> {
    for (let header = await this.#headerIfThere(id); header !== undefined; ) {
      const problem = await this.#problemOf(id, header);
      if (problem === undefined) return { header, problem };
      // Another process may have removed or replaced it meanwhile; then this is no damage.
      const now = await this.#headerIfThere(id);
      if (now?.headerSha256 === header.headerSha256) return { header, problem };
      header = now;
    }
    return undefined;
  }

  async #headerIfThere(id: string): Promise<SnapshotHeader | undefined> {
    try {
      return await this.header(id);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #problemOf(id: string, header: SnapshotHeader): Promise<string | undefined> {
    const file = this.#file(id, STATE);
    try {
      const { size } = await stat(file);
      if (size !== header.bytes) return `It has ${size} bytes instead of ${header.bytes}`;
      return (await sha256OfFile(file)) === header.stateSha256 ? undefined : "Its checksum does not match";
    } catch (error) {
      return `It cannot be read (${message(error)})`;
    }
  }

  /**
   * Writes a state: temporary file, checksum, sync, rename, and the header last, which makes it visible.
   * @param write Writes the state to the given path.
   * @returns Bytes of the state.
   * @throws What `write` or the file system throw; nothing half-written is left visible.
   */
  async write(unsigned: UnsignedHeader, write: (file: string) => Promise<void>): Promise<number> {
    const id = snapshotId(unsigned, unsigned.layoutHash, unsigned.tokens);
    const temporary = this.#file(id, `.${HOST}-${process.pid}-${written++}.tmp`);
    try {
      await write(temporary);
      await sync(temporary);
      const { size } = await stat(temporary);
      const header = signHeader({
        ...unsigned,
        format: SNAPSHOT_FORMAT,
        bytes: size,
        createdAt: new Date().toISOString(),
        stateSha256: await sha256OfFile(temporary),
      });
      // A header that outlives its state would vouch for the wrong bytes.
      await rm(this.#file(id, HEADER), { force: true });
      await rename(temporary, this.#file(id, STATE));
      await this.#writeHeader(id, header);
      return size;
    } finally {
      // The error of a disk that fails is worth more than that of cleaning up on it.
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }

  /** On a disk that just got full, a state that nothing vouches for would only take the room of everything else. */
  async #writeHeader(id: string, header: SnapshotHeader): Promise<void> {
    try {
      await writeFileAtomic(this.#file(id, HEADER), `${JSON.stringify(header, null, 2)}\n`);
    } catch (error) {
      await rm(this.#file(id, STATE), { force: true }).catch(() => undefined);
      throw error;
    }
  }

  /** Notes the use: the least recently used snapshots go first. A read-only folder keeps the older time. */
  async touch(id: string): Promise<void> {
    const now = new Date();
    await utimes(this.#file(id, HEADER), now, now).catch(() => undefined);
  }

  /** One that is gone already is no error. The header goes first: without it nothing vouches for the state. */
  async remove(id: string): Promise<void> {
    await rm(this.#file(id, HEADER), { force: true });
    await rm(this.#file(id, STATE), { force: true });
  }

  /** Never loaded again, kept for a look: only the newest one, since each may have gigabytes. @returns A sentence. */
  async setAside(id: string, what: string): Promise<string> {
    await this.removeSetAside();
    for (const ending of [HEADER, STATE]) {
      try {
        await rename(this.#file(id, ending), this.#file(id, ending + SET_ASIDE));
      } catch (error) {
        // In a read-only folder it stays, and is refused again by its checksum.
        if (!isMissing(error)) await rm(this.#file(id, ending), { force: true }).catch(() => undefined);
      }
    }
    return `The saved state ${id} was set aside: ${what}. The files are read again.`;
  }

  async removeSetAside(): Promise<void> {
    for (const name of await this.#names()) {
      // In a read-only folder it stays: it does no harm there.
      if (OUR_SET_ASIDE.test(name)) await rm(join(this.dir, name), { force: true }).catch(() => undefined);
    }
  }

  /** What killed processes left: half-written states and headers, and states whose header is gone. */
  async removeLeftOvers(): Promise<void> {
    const names = await this.#names();
    for (const name of names) {
      const temporary = OUR_TEMPORARY.exec(name);
      const id = OUR_STATE.exec(name)?.[1];
      if (temporary === null && (id === undefined || names.includes(id + HEADER))) continue;
      const file = join(this.dir, name);
      const writerIsDead = temporary?.[1] === HOST && !isAlive(Number(temporary[2]));
      // Where it cannot be removed, nothing can be saved either, and that says why.
      if (writerIsDead || (await ageMs(file)) > ABANDONED_MS) await rm(file, { force: true }).catch(() => undefined);
    }
  }

  /** What nobody can load: its header is damaged, or of another version of this program. */
  async removeUnreadable(): Promise<void> {
    for (const id of await this.ids()) {
      try {
        await this.header(id);
      } catch (error) {
        // One that cannot be removed still counts, and the room is looked for elsewhere.
        if (error instanceof HeaderError) await this.remove(id).catch(() => undefined);
      }
    }
  }

  /** Bytes that a state takes on the disk, whatever its header says; 0: it is not there. */
  async bytesOf(id: string): Promise<number> {
    return (await statIfThere(this.#file(id, STATE)))?.size ?? 0;
  }

  /** Bytes of everything of ours in the folder: snapshots, what is set aside, what is half-written. */
  async bytes(): Promise<number> {
    let bytes = 0;
    for (const name of await this.#names()) {
      if (![OUR_STATE, OUR_SET_ASIDE, OUR_TEMPORARY].some((ours) => ours.test(name))) continue;
      bytes += (await statIfThere(join(this.dir, name)))?.size ?? 0;
    }
    return bytes;
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.dir);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  #file(id: string, ending: string): string {
    return join(this.dir, id + ending);
  }
}

function parseHeader(text: string): SnapshotHeader {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HeaderError("not JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null) throw new HeaderError("not an object");
  const { headerSha256, ...fields } = value as SnapshotHeader;
  // The format is read before the checksum, so that an older format is named as such.
  if (fields.format !== SNAPSHOT_FORMAT) {
    throw new HeaderError(`format ${String(fields.format)}, this version reads ${SNAPSHOT_FORMAT}`);
  }
  if (headerSha256 !== signHeader(fields).headerSha256) throw new HeaderError("checksum");
  if (!hasRightFields(fields)) throw new HeaderError("fields");
  return value as SnapshotHeader;
}

/** A checksum proves that nothing changed by chance, not who wrote it. */
function hasRightFields(fields: Omit<SnapshotHeader, "headerSha256">): boolean {
  const { modelHash, runtime, kvType, kind, tokens, layoutHash, bytes, createdAt, stateSha256 } = fields;
  const texts: unknown[] = [modelHash, runtime, layoutHash, createdAt, stateSha256];
  return (
    texts.every((text) => typeof text === "string") &&
    [tokens, bytes].every((count) => Number.isSafeInteger(count) && count >= 0) &&
    KINDS.includes(kind) &&
    KV_TYPES.includes(kvType) &&
    !Number.isNaN(Date.parse(createdAt))
  );
}

function signHeader(fields: Omit<SnapshotHeader, "headerSha256">): SnapshotHeader {
  const sorted = JSON.stringify(Object.entries(fields).sort(([a], [b]) => a.localeCompare(b)));
  return { ...fields, headerSha256: sha256(sorted) };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function sync(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A file that is gone meanwhile has no age. */
async function ageMs(file: string): Promise<number> {
  const found = await statIfThere(file);
  return found === undefined ? 0 : Date.now() - found.mtimeMs;
}

async function statIfThere(file: string) {
  try {
    return await stat(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether a process of this machine lives; one that may not be asked does. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Nothing is there: also when a part of the path is a file. */
export function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
