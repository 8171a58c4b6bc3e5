// Finds what differs from one base: knows which files may have changed, and looks at these alone.
import { lstat } from "node:fs/promises";
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { Documents } from "../documents.ts";
import { canonicalUri } from "../uris.ts";
import { MANY_FILES } from "./difference.ts";
import type { FileSet } from "./fileSet.ts";
import type { Change } from "./overlayText.ts";
import {
  DEFAULT_MAX_FILE_BYTES,
  MAX_WANTED_FILE_BYTES,
  normalised,
  readTextFile,
  reasonAgainst,
  textHash,
} from "./readText.ts";
import type { Workspace } from "./workspace.ts";
import type { BaseFile, WorkspaceFile } from "./workspaceFile.ts";

/**
 * Files read at most in one comparison: half a second before a question. More than {@link MANY_FILES}, because files that
 * were touched and are the same (a switch of branches and back) must not count as changed.
 */
const MAX_READS = 10 * MANY_FILES;

export interface ChangesOptions {
  workspace: Pick<Workspace, "files" | "fileOf" | "takeChangedOnDisk">;
  /** What the base has of each file. */
  files: readonly BaseFile[];
  /** The files of the workspace as they were found for it; may have more, e.g. such as are gone by now. */
  byUri: ReadonlyMap<string, WorkspaceFile>;
  /** Files that changed since it was laid out. */
  changedUris: Iterable<string>;
}

export interface FoundChanges {
  /** What differs, oldest change first. */
  changes: Change[];
  /** Paths of what may differ too and was not looked at, because so much differs already. */
  unseen: string[];
}

/** The newest text of a file as it was found at one time. */
interface Look {
  /** Undefined: the file is gone, or must not be read any more. */
  text: string | undefined;
  /** `textHash` of the text; empty without one. */
  hash: string;
  /** Tells without reading whether the file on disk is still the same; empty: it must be read to know. */
  stamp: string;
  /** When the text became this, milliseconds: orders what is noticed together. Unsaved text is newer than any file. */
  changedMs: number;
}

interface Changed {
  /** Grows with each new text; the entries stand in this order. */
  order: number;
  /** Undefined before the first look. */
  look?: Look;
}

const GONE: Look = { text: undefined, hash: "", stamp: "", changedMs: 0 };

/** Of one base: another base has its own. */
export class Changes {
  readonly base: ReadonlyMap<string, BaseFile>;
  readonly #workspace: ChangesOptions["workspace"];
  /** Hashes of files that the base has only the path of, as they were before their first change here, by path. */
  readonly #origins = new Map<string, string>();
  /** The file set at the last comparison, and its files by path. */
  #fileSet: FileSet | undefined;
  #files: ReadonlyMap<string, WorkspaceFile> = new Map();
  /** Stamps of the files that the last file set told, by path. */
  #listed: ReadonlyMap<string, string>;
  /** What may differ from the base, by path. */
  readonly #changed = new Map<string, Changed>();
  #order = 0;
  /** Paths of the documents that were open at the last comparison. */
  #open: ReadonlySet<string> = new Set();
  #ended = false;
  readonly #documentLooks = new WeakMap<TextDocument, { version: number; wanted: boolean; look: Look }>();

  constructor({ workspace, files, byUri, changedUris }: ChangesOptions) {
    this.#workspace = workspace;
    this.base = new Map(files.map((file) => [file.path, file]));
    this.#listed = new Map([...byUri.values()].map((file) => [file.path, stampOf(file)]));
    for (const { path } of byUri.values()) if (!this.base.has(path)) this.#note(path);
    for (const uri of changedUris) this.#note(byUri.get(canonicalUri(uri))?.path);
  }

  /** True if the file may differ from the base, as of the last {@link find}. */
  has(path: string): boolean {
    return this.#changed.has(path);
  }

  /**
   * Compares open documents and what changed on disk with the base. Reads no file again that did not change since the
   * last time. One call at a time.
   * @param documents The open ones; those outside the workspace do not count.
   */
  async find(documents: Pick<Documents, "all">): Promise<FoundChanges> {
    await this.#noticeChanges();
    const open = this.#openDocuments(documents);
    // While a document is open, its file may change behind it: that shows when the document is closed without saving.
    for (const path of this.#open) if (!open.has(path)) this.#note(path);
    this.#open = new Set(open.keys());
    return this.#compare(open);
  }

  /** Another base serves: what happens on disk from now on is told to its changes. */
  end(): void {
    this.#ended = true;
  }

  /** File events, and what only a new file set tells: files that came, went, or changed without an event. */
  async #noticeChanges(): Promise<void> {
    const workspace = this.#workspace;
    const fileSet = await workspace.files();
    if (fileSet !== this.#fileSet) {
      this.#fileSet = fileSet;
      this.#files = new Map(fileSet.files.map((file) => [file.path, file]));
      const before = this.#listed;
      this.#listed = new Map(fileSet.files.map((file) => [file.path, stampOf(file)]));
      for (const [path, stamp] of this.#listed) if (before.get(path) !== stamp) this.#note(path);
      for (const path of before.keys()) if (!this.#listed.has(path)) this.#note(path);
      for (const path of this.base.keys()) if (!this.#listed.has(path)) this.#note(path);
    }
    const uris = this.#ended ? [] : workspace.takeChangedOnDisk();
    for (const uri of uris) this.#note(workspace.fileOf(uri)?.path);
  }

  /** The file may have changed; what is known of it is old. */
  #note(path: string | undefined): void {
    if (path === undefined) return;
    const known = this.#changed.get(path);
    if (known === undefined) this.#changed.set(path, { order: ++this.#order });
    else if (known.look !== undefined) known.look = { ...known.look, stamp: "" };
  }

  /** By path. */
  #openDocuments(documents: Pick<Documents, "all">): Map<string, TextDocument> {
    const open = new Map<string, TextDocument>();
    for (const document of documents.all()) {
      const path = this.#workspace.fileOf(document.uri)?.path;
      if (path !== undefined) open.set(path, document);
    }
    return open;
  }

  /** Looks at what may have changed, open documents first, then the newest, until so many differ that no other matters. */
  async #compare(open: ReadonlyMap<string, TextDocument>): Promise<FoundChanges> {
    const closed = [...this.#changed].filter(([path]) => !open.has(path));
    const newestFirst = closed.sort(([, a], [, b]) => b.order - a.order).map(([path]) => path);
    const looks = new Map<string, Look>();
    const unseen: string[] = [];
    let reads = 0;
    for (const path of [...[...open.keys()].sort(), ...newestFirst]) {
      const document = open.get(path);
      if (document === undefined && (looks.size >= MANY_FILES || reads >= MAX_READS)) {
        unseen.push(path);
        continue;
      }
      const known = this.#changed.get(path)?.look;
      const look = await this.#look(path, document, known);
      if (look !== known && document === undefined) reads += 1;
      if (!(await this.#differs(path, look))) this.#changed.delete(path);
      else if (looks.size < MANY_FILES) looks.set(path, look);
      else {
        this.#note(path);
        unseen.push(path);
      }
    }
    this.#remember(looks);
    const orderOf = (path: string) => this.#changed.get(path)?.order ?? 0;
    const changes = [...looks].sort(([a], [b]) => orderOf(a) - orderOf(b));
    return { changes: changes.map(([path, { text, hash }]) => ({ path, text, hash })), unseen: unseen.sort() };
  }

  /** What has another text than at the last look moves to the end; what is the same keeps its place. */
  #remember(looks: ReadonlyMap<string, Look>): void {
    const moved = [...looks].filter(([path, { hash }]) => this.#changed.get(path)?.look?.hash !== hash);
    moved.sort(([pathA, a], [pathB, b]) => a.changedMs - b.changedMs || (pathA < pathB ? -1 : 1));
    for (const [path] of moved) this.#changed.set(path, { order: ++this.#order });
    for (const [path, look] of looks) this.#changed.get(path)!.look = look;
  }

  /** @returns `known` itself if the file did not change since. */
  async #look(path: string, document: TextDocument | undefined, known: Look | undefined): Promise<Look> {
    const file = this.#files.get(path);
    if (file === undefined) return GONE;
    if (document !== undefined) return this.#lookAtDocument(file, document);
    const stat = await lstat(file.absolutePath).catch(() => undefined);
    const stamp = stat === undefined ? "" : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
    if (known !== undefined && stamp !== "" && known.stamp === stamp) return known;
    const text = await textOnDisk(file);
    return text === undefined ? { ...GONE, stamp } : lookOf(text, stamp, stat?.mtimeMs ?? 0);
  }

  #lookAtDocument(file: WorkspaceFile, document: TextDocument): Look {
    const { version } = document;
    const wanted = file.wanted === true;
    const known = this.#documentLooks.get(document);
    if (known?.version === version && known.wanted === wanted) return known.look;
    const text = normalised(document.getText());
    const limit = wanted ? MAX_WANTED_FILE_BYTES : DEFAULT_MAX_FILE_BYTES;
    // What is typed into an open document is under the same rules as what is saved, secrets first of all.
    const refused = Buffer.byteLength(text) > limit || reasonAgainst(file.path, text, wanted) !== undefined;
    const look = refused ? GONE : lookOf(text, "", Number.POSITIVE_INFINITY);
    this.#documentLooks.set(document, { version, wanted, look });
    return look;
  }

  async #differs(path: string, { text, hash }: Look): Promise<boolean> {
    const before = this.base.get(path);
    if (before === undefined) return text !== undefined;
    if (text === undefined) return true;
    const origin = before.hash === "" ? await this.#origin(path) : before.hash;
    return hash !== origin;
  }

  /** A file that was never read and changed by no event yet is on disk what it was when its path was listed. */
  async #origin(path: string): Promise<string | undefined> {
    const file = this.#files.get(path);
    if (!this.#origins.has(path) && !this.#changed.has(path) && file !== undefined) {
      const text = await textOnDisk(file);
      this.#origins.set(path, text === undefined ? "" : textHash(text));
    }
    return this.#origins.get(path);
  }
}

function stampOf({ mtimeMs, bytes }: WorkspaceFile): string {
  return `${mtimeMs} ${bytes}`;
}

function lookOf(text: string, stamp: string, changedMs: number): Look {
  return { text, hash: textHash(text), stamp, changedMs };
}

async function textOnDisk(file: WorkspaceFile): Promise<string | undefined> {
  const read = await readTextFile(file);
  return read !== undefined && "text" in read ? read.text : undefined;
}
