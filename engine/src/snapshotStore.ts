// Snapshots on disk: a state file and a header that vouches for it; knows files and checksums, nothing of models.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import type { KvType, SnapshotInfo } from "./api.ts";

/** Raised whenever header or state change their meaning; older ones are set aside and rebuilt. */
export const SNAPSHOT_FORMAT = 1;

/** Newest snapshots kept per folder: the present layout and the one before (a branch switch and back). */
export const SNAPSHOTS_KEPT = 2;

const STATE = ".state";
const HEADER = ".json";
const SET_ASIDE = ".bad";
const TEMPORARY = ".tmp";

/** No state takes this long to write; a temporary file older than this belongs to a process that was killed. */
const ABANDONED_MS = 3_600_000;

/** What must be equal for a state to be usable. */
export interface SnapshotKey {
  modelHash: string;
  runtime: string;
  kvType: KvType;
  layoutHash: string;
}

interface Header extends SnapshotKey {
  format: number;
  tokens: number;
  bytes: number;
  createdAt: string;
  stateSha256: string;
  /** Over all fields above, so that a flipped byte in the header is seen too. */
  headerSha256: string;
}

export type SnapshotLookup =
  | { kind: "none" }
  | { kind: "found"; stateFile: string; tokens: number; bytes: number }
  /** It was there but cannot be trusted; it has been set aside. */
  | { kind: "unusable"; reason: string };

export class SnapshotStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Looks for the state of exactly this key and verifies all of it (reads the whole file).
   * @throws Nothing: an unreadable or damaged snapshot is "unusable", with a sentence for the log.
   */
  async find(key: SnapshotKey): Promise<SnapshotLookup> {
    const id = snapshotId(key);
    let header: Header;
    try {
      header = parseHeader(await readFile(this.#file(id, HEADER), "utf8"));
    } catch (error) {
      if (isMissing(error)) return { kind: "none" };
      return { kind: "unusable", reason: await this.#setAside(id, `Its header is damaged (${message(error)})`) };
    }
    const mismatch = foreignField(header, key);
    if (mismatch !== undefined) return { kind: "unusable", reason: await this.#setAside(id, mismatch) };
    const stateFile = this.#file(id, STATE);
    try {
      const { size } = await stat(stateFile);
      if (size !== header.bytes)
        return {
          kind: "unusable",
          reason: await this.#setAside(id, `It has ${size} bytes instead of ${header.bytes}`),
        };
      if ((await sha256OfFile(stateFile)) !== header.stateSha256) {
        return { kind: "unusable", reason: await this.#setAside(id, "Its checksum does not match") };
      }
    } catch (error) {
      return { kind: "unusable", reason: await this.#setAside(id, `It cannot be read (${message(error)})`) };
    }
    return { kind: "found", stateFile, tokens: header.tokens, bytes: header.bytes };
  }

  /**
   * Saves a state: temporary file, checksum, sync, rename, and the header last, which makes it visible.
   * @param write Writes the state to the given path.
   * @returns Bytes written.
   * @throws The file system's error; nothing half-written is left visible.
   */
  async save(key: SnapshotKey, tokens: number, write: (file: string) => Promise<void>): Promise<number> {
    await mkdir(this.#dir, { recursive: true });
    const id = snapshotId(key);
    const temporary = this.#file(id, `.${process.pid}${TEMPORARY}`);
    try {
      await write(temporary);
      await sync(temporary);
      const { size } = await stat(temporary);
      const header = signHeader({
        ...key,
        format: SNAPSHOT_FORMAT,
        tokens,
        bytes: size,
        createdAt: new Date().toISOString(),
        stateSha256: await sha256OfFile(temporary),
      });
      // A header that outlives its state would vouch for the wrong bytes.
      await rm(this.#file(id, HEADER), { force: true });
      await rename(temporary, this.#file(id, STATE));
      await writeFileAtomic(this.#file(id, HEADER), `${JSON.stringify(header, null, 2)}\n`);
      await this.#evict(id);
      return size;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /**
   * Sets a snapshot aside that was verified but turned out not to load.
   * @returns A sentence for people.
   */
  reject(key: SnapshotKey, what: string): Promise<string> {
    return this.#setAside(snapshotId(key), what);
  }

  /** The readable snapshots, newest first. A missing folder is an empty list. */
  async list(): Promise<SnapshotInfo[]> {
    const infos: SnapshotInfo[] = [];
    for (const name of await this.#names()) {
      if (!name.endsWith(HEADER)) continue;
      try {
        const header = parseHeader(await readFile(join(this.#dir, name), "utf8"));
        const { createdAt, tokens, bytes, modelHash, layoutHash, kvType } = header;
        infos.push({ id: name.slice(0, -HEADER.length), createdAt, tokens, bytes, modelHash, layoutHash, kvType });
      } catch (error) {
        // A damaged header is not a snapshot; find() says so and sets it aside when its turn comes.
        if (!(error instanceof HeaderError) && !isMissing(error)) throw error;
      }
    }
    return infos.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  }

  async #evict(justSaved: string): Promise<void> {
    const snapshots = await this.list();
    const others = snapshots.filter(({ id }) => id !== justSaved);
    for (const { id } of others.slice(SNAPSHOTS_KEPT - 1)) {
      await rm(this.#file(id, HEADER), { force: true });
      await rm(this.#file(id, STATE), { force: true });
    }
    await this.#removeLeftOvers();
  }

  /** What killed processes left: half-written states, and states whose header is gone. */
  async #removeLeftOvers(): Promise<void> {
    const names = await this.#names();
    for (const name of names) {
      const file = join(this.#dir, name);
      const orphan = name.endsWith(STATE) && !names.includes(name.slice(0, -STATE.length) + HEADER);
      const abandoned = name.endsWith(TEMPORARY) && (await ageMs(file)) > ABANDONED_MS;
      if (orphan || abandoned) await rm(file, { force: true });
    }
  }

  /** Never loaded again, kept for a look: only the newest one, since each may have gigabytes. */
  async #setAside(id: string, what: string): Promise<string> {
    const bad = (await this.#names()).filter((name) => name.endsWith(SET_ASIDE));
    for (const name of bad) await rm(join(this.#dir, name), { force: true });
    for (const ending of [HEADER, STATE]) {
      try {
        await rename(this.#file(id, ending), this.#file(id, ending + SET_ASIDE));
      } catch (error) {
        if (!isMissing(error)) await rm(this.#file(id, ending), { force: true });
      }
    }
    return `The saved state ${id} was set aside: ${what}. The files are read again.`;
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#dir);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  #file(id: string, ending: string): string {
    return join(this.#dir, id + ending);
  }
}

/** Content-addressed: the name says which state it is, the header is still compared field by field. */
export function snapshotId(key: SnapshotKey): string {
  const identity = [key.modelHash, key.runtime, key.kvType, key.layoutHash].join("\n");
  return createHash("sha256").update(identity).digest("hex").slice(0, 24);
}

class HeaderError extends Error {}

function parseHeader(text: string): Header {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HeaderError("not JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null) throw new HeaderError("not an object");
  const { headerSha256, ...fields } = value as Header;
  // The format is read before the checksum, so that an older format is named as such.
  if (fields.format !== SNAPSHOT_FORMAT) {
    throw new HeaderError(`format ${String(fields.format)}, this version reads ${SNAPSHOT_FORMAT}`);
  }
  if (headerSha256 !== signHeader(fields).headerSha256) throw new HeaderError("checksum");
  return value as Header;
}

function signHeader(fields: Omit<Header, "headerSha256">): Header {
  const sorted = JSON.stringify(Object.entries(fields).sort(([a], [b]) => a.localeCompare(b)));
  return { ...fields, headerSha256: createHash("sha256").update(sorted).digest("hex") };
}

function foreignField(header: Header, key: SnapshotKey): string | undefined {
  const names: Record<keyof SnapshotKey, string> = {
    modelHash: "It belongs to another model",
    runtime: "It was written by another runtime version",
    kvType: "It has another KV cache type",
    layoutHash: "It belongs to another layout of the codebase",
  };
  for (const field of Object.keys(names) as (keyof SnapshotKey)[]) {
    if (header[field] !== key[field]) return names[field];
  }
  return undefined;
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
  try {
    return Date.now() - (await stat(file)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

/** Nothing is there: also when a part of the path is a file. */
function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
