// The workspace as the server knows it: folders, files, their texts for search, and what changed since they were read.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Connection,
  FileChangeType,
  type InitializeParams,
  type WorkspaceFolder as LspFolder,
} from "vscode-languageserver/node";
import type { Documents } from "../documents.ts";
import { SearchIndex } from "../index/search.ts";
import { type Place, SearchRequest } from "../protocol/messages.ts";
import { handle } from "../requests.ts";
import { canonicalUri, fileUri } from "../uris.ts";
import { collectFiles, type FileSet } from "./fileSet.ts";
import { readTextFile, reasonAgainst } from "./readText.ts";
import type { WorkspaceFile, WorkspaceFolder } from "./workspaceFile.ts";

/** Files read at once while indexing. */
const INDEX_BATCH = 64;

const DEFAULT_SEARCH_LIMIT = 20;

export class Workspace {
  readonly #documents: Documents;
  readonly #index = new SearchIndex();
  #folders: WorkspaceFolder[];
  #fileSet: FileSet = { files: [], leftOut: [] };
  /** Files by uri, of the last collection. */
  #byUri = new Map<string, WorkspaceFile>();
  /** True until the file set was collected, and again after files came or went. */
  #stale = true;
  /** Uris of the folders that the ignore rules leave out, with a slash at the end: what happens there does not matter. */
  #ignored: string[] = [];
  /** Known files whose text in the index is old. */
  readonly #toIndex = new Set<string>();
  #collecting: Promise<void> = Promise.resolve();
  /** Uris that changed on disk since `takeChanged` was last called. */
  readonly #changedOnDisk = new Set<string>();

  constructor(params: InitializeParams, documents: Documents) {
    this.#documents = documents;
    this.#folders = foldersOf(params);
    // Indexed at the next question: a keystroke must not wait for it.
    documents.onChange((uri) => this.#toIndex.add(canonicalUri(uri)));
  }

  register(connection: Connection, assertTrusted: () => void): void {
    connection.onDidChangeWatchedFiles(({ changes }) => {
      for (const { uri, type } of changes) this.#fileEvent(canonicalUri(uri), type);
    });
    connection.onNotification("workspace/didChangeWorkspaceFolders", (params: FolderChange) => {
      const removed = new Set(params.event.removed.map((folder) => fileURLToPath(folder.uri)));
      this.#folders = this.#folders.filter((folder) => !removed.has(folder.path));
      this.#folders.push(...params.event.added.map(asFolder));
      this.#stale = true;
    });
    handle(connection, SearchRequest.type, async ({ query, limit }) => {
      assertTrusted();
      return this.search(query, limit ?? DEFAULT_SEARCH_LIMIT);
    });
  }

  /** Names this set of folders, for what is kept on disk for it. */
  get key(): string {
    const paths = this.#folders.map((folder) => folder.path).sort();
    return createHash("sha256").update(paths.join("\n")).digest("hex").slice(0, 16);
  }

  get folders(): readonly WorkspaceFolder[] {
    return this.#folders;
  }

  /** Name for the repository in prompts. */
  get name(): string {
    return this.#folders.map((folder) => folder.name).join("+") || "workspace";
  }

  /** Makes the next question collect all files anew, for file systems that tell no changes. */
  forget(): void {
    this.#stale = true;
  }

  /** Uris that changed on disk since the last call. */
  takeChangedOnDisk(): string[] {
    const changed = [...this.#changedOnDisk];
    this.#changedOnDisk.clear();
    return changed;
  }

  /** The file of this uri, if it belongs to the workspace and is not left out. */
  fileOf(uri: string): WorkspaceFile | undefined {
    return this.#byUri.get(canonicalUri(uri));
  }

  /** Path for people: relative to its workspace folder, else the file's name. */
  pathOf(uri: string): string {
    const known = this.fileOf(uri);
    if (known !== undefined) return known.path;
    const name = decodeURIComponent(uri.split("/").at(-1) ?? uri);
    return name === "" ? uri : name;
  }

  /** Collects files and indexes their texts if anything changed since the last time. @throws The signal's reason. */
  async files(signal?: AbortSignal): Promise<FileSet> {
    // One collection at a time; whoever comes later sees its result.
    const before = this.#collecting;
    this.#collecting = before.catch(() => undefined).then(() => this.#refresh(signal));
    await this.#collecting;
    return this.#fileSet;
  }

  /** Places by symbol and text, open documents as they are in the editor. */
  async search(query: string, limit: number): Promise<Place[]> {
    await this.files();
    return this.#index.search(query, { limit });
  }

  async #refresh(signal?: AbortSignal): Promise<void> {
    if (this.#stale) await this.#collect(signal);
    const uris = [...this.#toIndex];
    this.#toIndex.clear();
    for (const uri of uris) await this.#indexOne(uri);
  }

  async #collect(signal?: AbortSignal): Promise<void> {
    this.#stale = false;
    this.#toIndex.clear();
    try {
      this.#fileSet = await collectFiles(this.#folders, { signal });
      this.#byUri = new Map(this.#fileSet.files.map((file) => [uriOf(file), file]));
      this.#ignored = this.#ignoredFolders();
      const tooMuch = await this.#indexAll(signal);
      this.#fileSet = { ...this.#fileSet, leftOut: [...this.#fileSet.leftOut, ...tooMuch] };
    } catch (error) {
      this.#stale = true;
      throw error;
    }
  }

  /** With several folders, paths begin with a folder's name, and only whole collections are certain. */
  #ignoredFolders(): string[] {
    const [folder, second] = this.#folders;
    if (folder === undefined || second !== undefined) return [];
    const folders = this.#fileSet.leftOut.filter(({ path }) => path.endsWith("/"));
    return folders.map(({ path }) => `${fileUri(join(folder.path, path)).replace(/\/$/, "")}/`);
  }

  /** @returns What the index has no room for. */
  async #indexAll(signal?: AbortSignal) {
    const entries: { path: string; uri: string; text: string }[] = [];
    const { files } = this.#fileSet;
    for (let start = 0; start < files.length; start += INDEX_BATCH) {
      signal?.throwIfAborted();
      const batch = files.slice(start, start + INDEX_BATCH);
      const texts = await Promise.all(batch.map((file) => readTextFile(file)));
      for (const [position, read] of texts.entries()) {
        const file = batch[position]!;
        if (read === undefined || "skipped" in read) continue;
        const uri = uriOf(file);
        entries.push({ path: file.path, uri, text: this.#openText(file, uri) ?? read.text });
      }
    }
    return this.#index.update(entries, signal);
  }

  async #indexOne(uri: string): Promise<void> {
    const file = this.#byUri.get(uri);
    if (file === undefined) return;
    const open = this.#openText(file, uri);
    const read = open === undefined ? await readTextFile(file) : { text: open };
    if (read === undefined || "skipped" in read) this.#index.removeFile(file.path);
    else this.#index.updateFile({ path: file.path, uri, text: read.text });
  }

  /** Text of an open document, under the rules for files: a secret typed into it is found nowhere. */
  #openText(file: WorkspaceFile, uri: string): string | undefined {
    const text = this.#documents.get(uri)?.getText().replaceAll("\r\n", "\n");
    if (text === undefined) return undefined;
    return reasonAgainst(file.path, text) === undefined ? text : "";
  }

  /** A changed file is indexed again; a new one may change the ignore rules or be ignored, so all are collected anew. */
  #fileEvent(uri: string, type: FileChangeType): void {
    if (NEVER_READ.test(uri) || this.#ignored.some((folder) => uri.startsWith(folder))) return;
    this.#changedOnDisk.add(uri);
    const isRuleFile = /\/\.(git|fathom)ignore$/.test(uri);
    if (isRuleFile || type === FileChangeType.Created) this.#stale = true;
    else if (type === FileChangeType.Deleted) this.#forgetFile(uri);
    else this.#toIndex.add(uri);
  }

  /** A folder's deletion is told as one event, so everything below it goes too. */
  #forgetFile(uri: string): void {
    const gone = [...this.#byUri].filter(([known]) => known === uri || known.startsWith(`${uri}/`));
    for (const [known, file] of gone) {
      this.#byUri.delete(known);
      this.#index.removeFile(file.path);
    }
    const paths = new Set(gone.map(([, file]) => file.path));
    this.#fileSet = { ...this.#fileSet, files: this.#fileSet.files.filter(({ path }) => !paths.has(path)) };
  }
}

/** Folders whose files change all the time and are never part of the workspace. */
const NEVER_READ = /\/(\.git|node_modules)\//;

interface FolderChange {
  event: { added: LspFolder[]; removed: LspFolder[] };
}

/** The uri that clients use for a file. */
export function uriOf(file: WorkspaceFile): string {
  return fileUri(file.absolutePath);
}

function foldersOf(params: InitializeParams): WorkspaceFolder[] {
  if (params.workspaceFolders)
    return params.workspaceFolders.filter(({ uri }) => uri.startsWith("file:")).map(asFolder);
  const root = params.rootUri;
  return root?.startsWith("file:") ? [asFolder({ uri: root, name: root.split("/").at(-1) ?? "workspace" })] : [];
}

function asFolder(folder: LspFolder): WorkspaceFolder {
  return { name: folder.name, path: fileURLToPath(folder.uri) };
}
