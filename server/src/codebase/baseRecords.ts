// What bases were laid out from, on disk beside their snapshots: found again after a restart or a switch of branches.
import { createHash } from "node:crypto";
import { readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import writeFileAtomic from "write-file-atomic";
import type { PromptPart } from "../../../engine/src/api.ts";
import { makeFolder } from "../makeFolder.ts";
import { textHash } from "./readText.ts";
import type { BaseFile, BaseForm, LeftOut } from "./workspaceFile.ts";

/** Raised whenever the fields of a record change their meaning; older ones are ignored. */
const FORMAT = 1;
/** The base, the one before a compaction, and those of two other branches. */
const MAX_RECORDS = 4;
/** The longest window is a megabyte of text, which a record holds twice; the list of files comes on top. Compressed, bytes. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;
/** The same unpacked: a small file must not become all of the memory, bytes. */
const MAX_RECORD_BYTES = 128 * 1024 * 1024;
/** Writing takes seconds; what lies there for longer was left by a process that was killed, milliseconds. */
const ABANDONED_MS = 3_600_000;

const ENDING = ".base.json.gz";
const SET_ASIDE = `unusable${ENDING}.bad`;
/** The only special tokens of a base; no other can be smuggled in. */
const SPECIALS = new Set(["<|repo_name|>", "<|file_sep|>"]);
const FORMS: readonly BaseForm[] = ["whole", "outline", "path"];

/** What a base was laid out from. */
export interface BaseRecord {
  repoName: string;
  /** The base itself. */
  parts: PromptPart[];
  /** Every file of the workspace then. */
  files: BaseFile[];
  leftOut: LeftOut[];
  tokens: number;
  /** Tokens of what is no file: system text, name, list of files. */
  frontTokens: number;
  /** ISO time. */
  createdAt: string;
}

/** Names a base by its content. @returns 16 hex digits. */
export function recordId(parts: readonly PromptPart[]): string {
  return textHash(JSON.stringify(parts));
}

export interface FoundRecords {
  /** The last used first. */
  records: BaseRecord[];
  /** Sentences about files that could not be used. */
  notes: string[];
}

export class BaseRecords {
  readonly #dir: string;

  /** @param dir Folder of this workspace's snapshots; made when it is needed. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Writes a record, or notes that it is used again; the least recently used beyond {@link MAX_RECORDS} go.
   * @throws The file system's error: no room, read-only, no permission.
   */
  async save(record: BaseRecord): Promise<void> {
    await makeFolder(this.#dir);
    const file = join(this.#dir, recordId(record.parts) + ENDING);
    const now = new Date();
    const known = await utimes(file, now, now).then(
      () => true,
      () => false,
    );
    if (!known) {
      const text = JSON.stringify(record);
      const content = JSON.stringify({ format: FORMAT, sha256: sha256(text), record });
      await writeFileAtomic(file, await promisify(gzip)(content));
    }
    await this.#prune();
  }

  /** Removes all other records. @throws The file system's error. */
  async keepOnly(record: Pick<BaseRecord, "parts">): Promise<void> {
    const own = recordId(record.parts) + ENDING;
    const names = await readdir(this.#dir).catch((): string[] => []);
    const others = names.filter((name) => name.includes(ENDING) && name !== own);
    for (const name of others) await rm(join(this.#dir, name), { force: true });
  }

  /** Reads them all. What cannot be trusted is set aside and named. Never throws. */
  async all(): Promise<FoundRecords> {
    const found: FoundRecords = { records: [], notes: [] };
    for (const name of await this.#names()) {
      try {
        found.records.push(await this.#read(name));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        found.notes.push(
          `The note ${name} about what was read before cannot be used (${reason}); the workspace is laid out anew.`,
        );
        // Kept for whoever wants to know why, but not met again. In a read-only folder it stays where it is.
        await rename(join(this.#dir, name), join(this.#dir, SET_ASIDE)).catch(() => undefined);
      }
    }
    return found;
  }

  async #read(name: string): Promise<BaseRecord> {
    const file = join(this.#dir, name);
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES) throw new Error("it is too large");
    const text = await promisify(gunzip)(await readFile(file), { maxOutputLength: MAX_RECORD_BYTES });
    const content: unknown = JSON.parse(text.toString("utf8"));
    if (!isObject(content) || content.format !== FORMAT) throw new Error("it has another format");
    if (sha256(JSON.stringify(content.record)) !== content.sha256) throw new Error("its checksum is wrong");
    const record = parseRecord(content.record);
    if (recordId(record.parts) + ENDING !== name) throw new Error("it has the name of another base");
    return record;
  }

  /** The last used first. */
  async #names(): Promise<string[]> {
    const names = await readdir(this.#dir).catch((): string[] => []);
    const used = new Map<string, number>();
    for (const name of names.filter((each) => each.endsWith(ENDING))) {
      const info = await stat(join(this.#dir, name)).catch(() => undefined);
      if (info?.isFile()) used.set(name, info.mtimeMs);
    }
    return [...used.keys()].sort((a, b) => used.get(b)! - used.get(a)! || (a < b ? -1 : 1));
  }

  async #prune(): Promise<void> {
    const names = await this.#names();
    for (const name of names.slice(MAX_RECORDS)) await rm(join(this.#dir, name), { force: true });
    const unfinished = (await readdir(this.#dir)).filter((name) => name.includes(`${ENDING}.`) && name !== SET_ASIDE);
    for (const name of unfinished) {
      const info = await stat(join(this.#dir, name)).catch(() => undefined);
      if (info !== undefined && Date.now() - info.mtimeMs > ABANDONED_MS) {
        await rm(join(this.#dir, name), { force: true });
      }
    }
  }
}

/**
 * Removes all records of a workspace: they hold the text of its code.
 * @param dir Folder of its snapshots.
 * @throws The file system's error.
 */
export async function removeRecords(dir: string): Promise<void> {
  const names = await readdir(dir).catch((): string[] => []);
  for (const name of names.filter((each) => each.includes(ENDING))) await rm(join(dir, name), { force: true });
}

/** @throws Error with what is wrong, as part of a sentence. */
function parseRecord(value: unknown): BaseRecord {
  if (!isObject(value)) throw new Error("it holds no record");
  const { repoName, parts, files, leftOut, tokens, frontTokens, createdAt } = value;
  const plain =
    typeof repoName === "string" && typeof createdAt === "string" && isCount(tokens) && isCount(frontTokens);
  const lists = Array.isArray(parts) && Array.isArray(files) && Array.isArray(leftOut);
  if (!plain || !lists) throw new Error("a field is missing");
  if (!parts.every(isPart)) throw new Error("a part of the base is not one");
  if (!files.every(isBaseFile)) throw new Error("an entry of a file is not one");
  if (!leftOut.every(isLeftOut)) throw new Error("an entry of what is left out is not one");
  assertAgrees(parts, files);
  return { repoName, parts, files, leftOut, tokens, frontTokens, createdAt };
}

/** What is said of a file must be what stands in the base, else changes would be told against a text nobody has read. */
function assertAgrees(parts: readonly PromptPart[], files: readonly BaseFile[]): void {
  const texts = new Map<string, string>();
  for (const part of parts) if ("text" in part && part.label !== undefined) texts.set(part.label, part.text);
  const seen = new Set<string>();
  for (const { path, form, text, hash } of files) {
    if (seen.has(path)) throw new Error("a file is in it twice");
    seen.add(path);
    if (form === "path") continue;
    if (!texts.get(path)?.includes(text)) throw new Error("a file's text does not stand in the base");
    if (form === "whole" && textHash(text) !== hash) throw new Error("a file's text does not fit its hash");
  }
}

function isPart(value: unknown): value is PromptPart {
  if (!isObject(value)) return false;
  if ("special" in value) return typeof value.special === "string" && SPECIALS.has(value.special);
  const { text, label } = value;
  return typeof text === "string" && (label === undefined || typeof label === "string");
}

function isBaseFile(value: unknown): value is BaseFile {
  if (!isObject(value)) return false;
  const { path, form, text, hash, tokens, reason } = value;
  const texts = [text, hash, reason].every((each) => typeof each === "string");
  return texts && isCount(tokens) && FORMS.includes(form as BaseForm) && isInside(path);
}

function isLeftOut(value: unknown): value is LeftOut {
  return isObject(value) && typeof value.path === "string" && typeof value.reason === "string";
}

/** A path of the file set: relative, forward slashes, never out of its folder. */
function isInside(path: unknown): path is string {
  if (typeof path !== "string" || (process.platform === "win32" && /[:\\]/.test(path))) return false;
  return path.split("/").every((segment) => !["", ".", ".."].includes(segment) && !hasControls(segment));
}

function hasControls(text: string): boolean {
  return [...text].some((char) => char < " " || char === "\u007f");
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
