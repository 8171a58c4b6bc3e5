// The unfinished file of a download: which version it is part of, who may write it, its size and hash; knows no network.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { isOfAnother, ownMark } from "../processMark.ts";

/** Locks held by this process, by lock file: a lock with our process number that is not here is an earlier process's. */
const heldLocks = new Set<string>();

/** The parts of a file on disk while it is downloaded. All beside the finished file, so that renaming is atomic. */
export class PartialFile {
  /** What has arrived. */
  readonly path: string;
  /** Where it goes when it is not what was asked for. */
  readonly corruptPath: string;
  readonly lockPath: string;
  readonly #finalPath: string;
  readonly #notePath: string;

  /** @param finalPath Absolute path of the finished file. */
  constructor(finalPath: string) {
    this.#finalPath = finalPath;
    this.path = `${finalPath}.part`;
    this.corruptPath = `${finalPath}.corrupt`;
    this.lockPath = `${finalPath}.part.lock`;
    this.#notePath = `${finalPath}.part.of`;
  }

  /** Bytes that have arrived; 0 when there is no file. */
  size(): Promise<number> {
    return stat(this.path).then((entry) => entry.size, absentAs(0));
  }

  /**
   * Decides whether the partial file belongs to the version that the host has now, and notes that version beside it.
   * @param identity Text that changes when the host's file changes; undefined: no telling, so begin again.
   * @param totalBytes Size of the finished file, if known.
   * @returns Bytes that can be kept; 0 after removing a foreign part.
   */
  async claim(identity: string | undefined, totalBytes: number | undefined): Promise<number> {
    const size = await this.size();
    const noted = await readFile(this.#notePath, "utf8").catch(absentAs(undefined));
    const isSame = identity !== undefined && noted === identity;
    if (isSame && size <= (totalBytes ?? size)) return size;
    await this.remove();
    await writeFile(this.#notePath, identity ?? "");
    return 0;
  }

  /** Removes what has arrived. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  /** Hash in lower-case hex of what has arrived. */
  async hash(algorithm: "sha256" | "sha512", signal: AbortSignal): Promise<string> {
    const hash = createHash(algorithm);
    for await (const chunk of createReadStream(this.path, { highWaterMark: 1024 ** 2, signal })) hash.update(chunk);
    return hash.digest("hex");
  }

  /** Puts the file in its place. */
  async finish(): Promise<void> {
    await rename(this.path, this.#finalPath);
    await rm(this.#notePath, { force: true });
  }

  /** Moves a damaged file out of the way, to `corruptPath`. */
  async setAside(): Promise<void> {
    await rename(this.path, this.corruptPath);
    await rm(this.#notePath, { force: true });
  }

  /**
   * Reserves the file for one download: two windows must not write it at once.
   * @returns False when a living process, this one included, has it.
   */
  async lock(): Promise<boolean> {
    if (heldLocks.has(this.lockPath)) return false;
    if (isOfAnother(await readFile(this.lockPath, "utf8").catch(absentAs("")))) return false;
    // A lock without a living holder is what a crash left.
    await rm(this.lockPath, { force: true });
    try {
      await writeFile(this.lockPath, ownMark(), { flag: "wx" });
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    }
    heldLocks.add(this.lockPath);
    return true;
  }

  async unlock(): Promise<void> {
    heldLocks.delete(this.lockPath);
    await rm(this.lockPath, { force: true });
  }
}

/** The system's code of an error (`ENOENT`, `ECONNREFUSED`), when it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** For a promise's failure: the value when the file is not there, else the failure itself. */
export function absentAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (codeOf(error) === "ENOENT") return value;
    throw error;
  };
}
