// The runtime for CUDA on this disk: downloaded after consent, checked, unpacked, removed; knows nothing of LSP or GPUs.
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readdir, rename, rm, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { defaultUrl } from "registry-url";
import { extract } from "tar";
import { downloadFile } from "../download/download.ts";
import { absentAs, codeOf } from "../download/partialFile.ts";
import { makeFolder } from "../makeFolder.ts";
import type { FathomErrorCodes } from "../protocol/errors.ts";
import { formatBytes } from "../protocol/formatBytes.ts";
import type { CudaPackage } from "./cudaPackages.ts";

/** Begins the names of the folders with a whole runtime; its version follows. */
const FOLDER_PREFIX = "cuda-";
/** Ends the names of folders that are being removed. */
const REMOVED = ".removed";
/** What an archive of npm has around everything. */
const ARCHIVE_FOLDERS = 1;

/** A runtime that could not be put in place or removed; the message is a sentence for people. */
export class CudaRuntimeError extends Error {
  readonly code = "downloadFailed" satisfies keyof typeof FathomErrorCodes;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CudaRuntimeError";
  }
}

export interface CudaRuntimeOptions {
  /** Fathom's folder for what it keeps. */
  storageDir: string;
  packages: readonly CudaPackage[];
  version: string;
}

export interface CudaDownload {
  /** Address of an npm registry; empty: npm's own. */
  registry: string;
  /** The host that the user agreed to. */
  consentToHost: string;
  signal: AbortSignal;
  /** @param receivedBytes Of all packages together, those of an earlier try included. */
  onProgress: (receivedBytes: number) => void;
  /** Everything is here; unpacking takes some seconds more. */
  onUnpacking: () => void;
}

export class CudaRuntime {
  /** Where the engine looks for the packages, whether or not they are there. */
  readonly folder: string;
  /** Of all archives together. */
  readonly downloadBytes: number;
  readonly unpackedBytes: number;
  readonly #packages: readonly CudaPackage[];
  readonly #version: string;
  /** Of every version, and the archives on their way. */
  readonly #runtimesDir: string;

  constructor({ storageDir, packages, version }: CudaRuntimeOptions) {
    this.#packages = packages;
    this.#version = version;
    this.#runtimesDir = join(storageDir, "runtimes");
    this.folder = join(this.#runtimesDir, FOLDER_PREFIX + version);
    this.downloadBytes = packages.reduce((sum, { bytes }) => sum + bytes, 0);
    this.unpackedBytes = packages.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0);
  }

  get installed(): boolean {
    return this.#packages.length > 0 && existsSync(this.folder);
  }

  /** There is one for another version of the runtime, which refuses it: what an update of Fathom can leave behind. */
  get outdated(): boolean {
    if (this.#packages.length === 0 || !existsSync(this.#runtimesDir)) return false;
    return readdirSync(this.#runtimesDir).some((name) => isWhole(name) && name !== basename(this.folder));
  }

  /**
   * The host that a download connects to, as it is shown to the user and comes back as consent.
   * @param registry Address of an npm registry; empty: npm's own.
   * @returns The address itself when it is none, so that the user sees what is wrong.
   */
  hostOf(registry: string): string {
    const address = registry || defaultUrl;
    return URL.canParse(address) ? new URL(address).host : address;
  }

  /**
   * Fetches the packages, goes on where an earlier try ended, checks them and puts them in place, all or none.
   * Runtimes of other versions are removed then: the engine takes none of them.
   * @throws DownloadError, CudaRuntimeError; what was fetched is kept. With an aborted signal its reason is thrown.
   */
  async download(request: CudaDownload): Promise<void> {
    let doneBytes = 0;
    const archives: string[] = [];
    for (const each of this.#packages) {
      archives.push(await this.#fetch(each, request, (received) => request.onProgress(doneBytes + received)));
      doneBytes += each.bytes;
    }
    request.onUnpacking();
    await this.#unpack(archives, request.signal);
    for (const archive of archives) await rm(archive, { force: true });
    for (const folder of await this.#folders()) if (folder !== this.folder) await removeFolder(folder);
  }

  /** Removes it and everything that belongs to it: other versions, archives on their way. */
  async remove(): Promise<void> {
    await removeFolder(this.#runtimesDir);
  }

  /** @returns The whole archive, checked. */
  async #fetch(each: CudaPackage, request: CudaDownload, onProgress: (received: number) => void): Promise<string> {
    const file = join(this.#runtimesDir, `${each.name.replace("/", "-")}-${this.#version}.tgz`);
    // A download puts a file there only when it is whole and checked.
    if (existsSync(file)) return file;
    const outcome = await downloadFile({
      url: archiveUrl(request.registry || defaultUrl, each.name, this.#version),
      file,
      consentToHost: request.consentToHost,
      expectedHash: { algorithm: "sha512", hex: hexOf(each.integrity) },
      signal: request.signal,
      onProgress: ({ receivedBytes }) => onProgress(receivedBytes),
    });
    if (outcome.kind === "cancelled") throw request.signal.reason;
    return file;
  }

  /** Into a folder of its own first: what the engine finds is whole. */
  async #unpack(archives: readonly string[], signal: AbortSignal): Promise<void> {
    const { bavail, bsize } = await statfs(this.#runtimesDir);
    if (bavail * bsize < this.unpackedBytes) {
      const room = `${formatBytes(this.unpackedBytes)} are needed and ${formatBytes(bavail * bsize)} are free`;
      throw new CudaRuntimeError(`The disk is too full to unpack the CUDA runtime: ${room}. ${KEPT}`);
    }
    const unpacking = await mkdtemp(join(this.#runtimesDir, "unpacking-"));
    try {
      for (const [index, { name }] of this.#packages.entries()) {
        signal.throwIfAborted();
        const cwd = join(unpacking, name);
        await makeFolder(cwd);
        const isFile = (_path: string, entry: object) => !("type" in entry) || entry.type === "File";
        await extract({ file: archives[index], cwd, strip: ARCHIVE_FOLDERS, strict: true, filter: isFile });
      }
      await rename(unpacking, this.folder).catch((error: unknown) => {
        // Another window was faster, with the same content.
        if (!existsSync(this.folder)) throw error;
      });
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new CudaRuntimeError(`The CUDA runtime could not be unpacked: ${reason}. ${KEPT}`, { cause: error });
    } finally {
      await rm(unpacking, { recursive: true, force: true });
    }
  }

  /** Whole runtimes of any version. */
  async #folders(): Promise<string[]> {
    const names = await readdir(this.#runtimesDir);
    return names.filter(isWhole).map((name) => join(this.#runtimesDir, name));
  }
}

const KEPT = "What was downloaded is kept; try again with Get CUDA Runtime….";

/** What is being removed has another ending. */
function isWhole(name: string): boolean {
  return name.startsWith(FOLDER_PREFIX) && !name.endsWith(REMOVED);
}

/** Where npm registries keep an archive, mirrors included. */
function archiveUrl(registry: string, name: string, version: string): string {
  const base = registry.endsWith("/") ? registry : `${registry}/`;
  return `${base}${name}/-/${name.split("/").at(-1)}-${version}.tgz`;
}

/** `sha512-` and base64, as in a lock file. */
function hexOf(integrity: string): string {
  return Buffer.from(integrity.slice(integrity.indexOf("-") + 1), "base64").toString("hex");
}

/** Out of the way first, so that half of it is never taken for the whole. */
async function removeFolder(folder: string): Promise<void> {
  const removed = folder + REMOVED;
  try {
    await rm(removed, { recursive: true, force: true });
    await rename(folder, removed).catch(absentAs(undefined));
    await rm(removed, { recursive: true, force: true });
  } catch (error) {
    // Windows keeps the libraries that a process has loaded.
    const held = codeOf(error) === "EPERM" || codeOf(error) === "EBUSY";
    const reason = error instanceof Error ? error.message : String(error);
    const advice = held ? "Close other windows with Fathom and try again." : `The reason: ${reason}.`;
    throw new CudaRuntimeError(`${folder} could not be removed. ${advice}`, { cause: error });
  }
}
