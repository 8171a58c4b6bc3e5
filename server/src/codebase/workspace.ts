// The workspace as the server knows it: folders and files, what changed since they were read, and what the index is told of it.
import { createHash } from "node:crypto";
import { lstat, readdir } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Connection,
  FileChangeType,
  type InitializeParams,
  type WorkspaceFolder as LspFolder,
} from "vscode-languageserver/node";
import type { Documents } from "../documents.ts";
import type { IndexedText } from "../index/codeIndex.ts";
import type { IndexService } from "../index/indexService.ts";
import type { SymbolEntry } from "../index/symbolTable.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import { type Place, SearchRequest } from "../protocol/messages.ts";
import { handle, RequestError } from "../requests.ts";
import { canonicalUri, fileUri } from "../uris.ts";
import type { EditorExcludes } from "./editorExcludes.ts";
import { collectFiles, type FileSet, linkReason } from "./fileSet.ts";
import { LINK_REASON, readTextFile, reasonAgainst } from "./readText.ts";
import { comparePaths, type LeftOut, type WorkspaceFile, type WorkspaceFolder } from "./workspaceFile.ts";
import { placeIn, rootsOf } from "./workspaceRoots.ts";

/** Changed files that go to the index at once. */
const INDEX_BATCH = 64;

const DEFAULT_SEARCH_LIMIT = 20;

/** What the workspace needs of the index. */
export type WorkspaceIndex = Pick<IndexService, "failure" | "collect" | "put" | "remove" | "search" | "symbols">;

export interface FindOptions {
  /** Wait until everything is indexed; else a large workspace is searched as far as it is. */
  whole?: boolean;
  signal?: AbortSignal;
}

export interface SymbolOptions {
  /** Endings of files, without dots, whose symbols are not wanted. */
  without?: readonly string[];
  signal?: AbortSignal;
}

export class Workspace {
  /** Called with the uris of files that came, went or changed on disk, as soon as that is known. */
  onChanged: (uris: readonly string[]) => void = () => {};
  /** Asks for the editor's excludes, by the absolute path of the folder. */
  readExcludes: () => Promise<ReadonlyMap<string, EditorExcludes>> = async () => new Map();
  /** Weights of open and mentioned files, by path: what is near to them is found first. */
  focusWeights: () => ReadonlyMap<string, number> = () => new Map();
  readonly #documents: Documents;
  readonly #index: WorkspaceIndex;
  #folders: WorkspaceFolder[];
  #fileSet: FileSet = { files: [], leftOut: [] };
  /** What the index could not take in. */
  #unindexed: LeftOut[] = [];
  /** What was told last, and what it was made of. */
  #lastTold: { fileSet: FileSet; unindexed: readonly LeftOut[]; told: FileSet } | undefined;
  /** Files by uri, of the last collection. */
  #byUri = new Map<string, WorkspaceFile>();
  /** True until the file set was collected, and again after files came or went. */
  #stale = true;
  /** True once the file set was collected and given to the index as a whole. */
  #known = false;
  /** Files left out for what is in them, by uri: when they change, they may come in. */
  #unfit = new Map<string, WorkspaceFile>();
  /** Uris of what rules leave out, folders with a slash at the end: what changes there does not matter. */
  #excludedFolders: string[] = [];
  #excludedFiles: ReadonlySet<string> = new Set();
  /** Files whose text in the index is old, and unfit ones that changed. */
  readonly #toIndex = new Set<string>();
  /** Uris that changed and that the last collection has not met. */
  readonly #strange = new Set<string>();
  #collecting: Promise<void> = Promise.resolve();
  /** Uris of what went while all files are collected: it may have been met before. */
  #goneMeanwhile: string[] | undefined;
  /** Uris that changed on disk since `takeChangedOnDisk` was last called. */
  readonly #changedOnDisk = new Set<string>();

  constructor(params: InitializeParams, documents: Documents, index: WorkspaceIndex) {
    this.#documents = documents;
    this.#index = index;
    this.#folders = foldersOf(params);
    // Indexed at the next question: a keystroke must not wait for it.
    documents.onChange((uri) => this.#toIndex.add(canonicalUri(uri)));
  }

  register(connection: Connection, assertTrusted: () => void): void {
    connection.onDidChangeWatchedFiles(({ changes }) => {
      const uris = changes.map(({ uri, type }) => ({ uri: canonicalUri(uri), type }));
      this.#changed(uris.filter(({ uri, type }) => this.#fileEvent(uri, type)).map(({ uri }) => uri));
    });
    connection.onNotification("workspace/didChangeWorkspaceFolders", (params: FolderChange) => {
      const onDisk = (folders: LspFolder[]) => folders.filter(({ uri }) => isFileUri(uri)).map(asFolder);
      const removed = new Set(onDisk(params.event.removed).map(({ path }) => path));
      this.#folders = this.#folders.filter((folder) => !removed.has(folder.path));
      this.#folders.push(...onDisk(params.event.added));
      this.#stale = true;
      // Which files that are is known after the next collection, which whoever listens asks for.
      this.onChanged([]);
    });
    handle(connection, SearchRequest.type, async ({ query, limit, whole }, signal) => {
      assertTrusted();
      const places = await this.search(query, limit ?? DEFAULT_SEARCH_LIMIT, { whole, signal });
      const { failure } = this.#index;
      if (failure !== undefined) throw new RequestError(FathomErrorCodes.engineFailed, failure);
      return places;
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

  /** Name for the repository in prompts; like the key, the same in whatever order the folders are open. */
  get name(): string {
    return (
      rootsOf(this.#folders)
        .map(({ folder }) => folder.name)
        .join("+") || "workspace"
    );
  }

  /** Makes the next question collect all files anew, for file systems that tell no changes. */
  forget(): void {
    this.#stale = true;
  }

  /** Where a path of this workspace lies, whether there is such a file or not; undefined if its folder is not open. */
  placeOf(path: string): string | undefined {
    return placeIn(rootsOf(this.#folders), path);
  }

  /** True if rules keep this path out as of the last collection: ignored, excluded by the editor, or a secret by name. */
  isExcluded(path: string): boolean {
    const place = this.placeOf(path);
    const uri = place === undefined ? undefined : fileUri(place);
    if (uri === undefined) return false;
    return this.#excludedFiles.has(uri) || this.#excludedFolders.some((folder) => uri.startsWith(folder));
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
    return nameIn(uri) || uri;
  }

  /**
   * Collects files, and tells the index what changed since the last time, without waiting for it.
   * @throws The signal's reason.
   */
  async files(signal?: AbortSignal): Promise<FileSet> {
    // One collection at a time; whoever comes later sees its result.
    const before = this.#collecting;
    this.#collecting = before.catch(() => undefined).then(() => this.#refresh(signal));
    await this.#collecting;
    return this.#told();
  }

  /** The same object as before while nothing changed: whoever compares with an earlier answer sees that at once. */
  #told(): FileSet {
    const last = this.#lastTold;
    if (last?.fileSet === this.#fileSet && last.unindexed === this.#unindexed) return last.told;
    const { files, leftOut } = this.#fileSet;
    const told = { files, leftOut: [...leftOut, ...this.#unindexed] };
    this.#lastTold = { fileSet: this.#fileSet, unindexed: this.#unindexed, told };
    return told;
  }

  /** Places by symbol, text and meaning, open documents as they are in the editor; none while the index is off. */
  async search(query: string, limit: number, { whole = false, signal }: FindOptions = {}): Promise<Place[]> {
    await this.files();
    const focus = this.focusWeights();
    return this.#orNothing(this.#index.search({ query, limit, focus, whole }, signal));
  }

  /** Definitions by a part of their name, best first. */
  async symbols(query: string, limit: number, { without = [], signal }: SymbolOptions = {}): Promise<SymbolEntry[]> {
    await this.files();
    return this.#orNothing(this.#index.symbols({ query, limit, without }, signal));
  }

  /** A question must not fail because there is no index to find its places in. */
  async #orNothing<Found>(finding: Promise<Found[]>): Promise<Found[]> {
    try {
      return await finding;
    } catch (error) {
      if (this.#index.failure !== undefined) return [];
      throw error;
    }
  }

  async #refresh(signal?: AbortSignal): Promise<void> {
    const strange = [...this.#strange];
    this.#strange.clear();
    for (const uri of strange) this.#stale ||= isFileUri(uri) && (await this.#isOther(uri));
    if (this.#stale) await this.#collect(signal);
    const uris = [...this.#toIndex];
    this.#toIndex.clear();
    for (let start = 0; start < uris.length; start += INDEX_BATCH) {
      const texts: IndexedText[] = [];
      for (const uri of uris.slice(start, start + INDEX_BATCH)) {
        const text = await this.#lookInto(uri);
        if (text !== undefined) texts.push(text);
      }
      // Some may have gone while others were read.
      const present = texts.filter(({ uri }) => this.#byUri.has(uri));
      if (present.length > 0) this.#index.put(present);
    }
  }

  /**
   * Whether something stands here that the last collection has not met. Some systems tell a change of a folder whenever
   * something in it changed, and editors tell one when a folder came in the place of another: then its files differ.
   */
  async #isOther(uri: string): Promise<boolean> {
    const path = fileURLToPath(uri);
    const stat = await lstat(path).catch(() => undefined);
    if (stat === undefined || !stat.isDirectory()) return stat !== undefined;
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    const names = entries.filter((entry) => !entry.isDirectory() && entry.name !== ".git").map(({ name }) => name);
    const files = new Set(names.map((name) => fileUri(join(path, name))));
    const isIn = ([other]: [string, WorkspaceFile]) =>
      other.startsWith(`${uri}/`) && !other.includes("/", uri.length + 1);
    const fit = [...this.#byUri].filter(isIn);
    const known = new Map([...fit, ...[...this.#unfit].filter(isIn)]);
    const isNew = (other: string) => !known.has(other) && !this.#excludedFiles.has(other);
    if ([...files].some(isNew) || [...known.keys()].some((other) => !files.has(other))) return true;
    for (const [other, { absolutePath, mtimeMs, bytes }] of fit) {
      // What is to be read anyway says nothing about the folder.
      if (this.#toIndex.has(other)) continue;
      const now = await lstat(absolutePath).catch(() => undefined);
      if (now?.mtimeMs !== mtimeMs || now.size !== bytes) return true;
    }
    return false;
  }

  async #collect(signal?: AbortSignal): Promise<void> {
    this.#stale = false;
    const gone: string[] = [];
    this.#goneMeanwhile = gone;
    try {
      const editorExcludes = await this.readExcludes();
      const before = this.#byUri;
      const { files, leftOut, unfit, excluded } = await collectFiles([...this.#folders], { signal, editorExcludes });
      this.#byUri = new Map(files.map((file) => [uriOf(file), file]));
      this.#unfit = new Map(unfit.map((file) => [uriOf(file), file]));
      this.#fileSet = { files, leftOut };
      this.#excludedFolders = excluded.filter((path) => path.endsWith(sep)).map(fileUri);
      this.#excludedFiles = new Set(excluded.map(fileUri));
      for (const uri of gone) this.#forgetFile(uri);
      if (this.#known) this.#differences(before);
      else this.#indexAll();
      this.#known = true;
    } catch (error) {
      this.#stale = true;
      throw error;
    } finally {
      this.#goneMeanwhile = undefined;
    }
  }

  /**
   * What no file event told: files of folders that came or went, of changed ignore rules, of file systems without events.
   * They are indexed again with the next ones.
   */
  #differences(before: ReadonlyMap<string, WorkspaceFile>): void {
    const gone: string[] = [];
    const changed: string[] = [];
    for (const [uri, file] of this.#byUri) {
      const old = before.get(uri);
      const same = old?.mtimeMs === file.mtimeMs && old.bytes === file.bytes && old.path === file.path;
      if (same) continue;
      if (old !== undefined && old.path !== file.path) gone.push(old.path);
      this.#toIndex.add(uri);
      changed.push(uri);
    }
    for (const [uri, file] of before) {
      if (this.#byUri.has(uri)) continue;
      gone.push(file.path);
      changed.push(uri);
    }
    if (gone.length > 0) this.#index.remove(gone);
    this.#changed(changed);
  }

  #changed(uris: readonly string[]): void {
    if (uris.length === 0) return;
    for (const uri of uris) this.#changedOnDisk.add(uri);
    this.onChanged(uris);
  }

  /** Nobody waits: this may take a minute, and searches find what is indexed so far. */
  #indexAll(): void {
    const source = () => ({ files: this.#fileSet.files, texts: this.#openTexts() });
    this.#index.collect(source).then(
      (unindexed) => {
        this.#unindexed = unindexed;
      },
      // The index is off, and has said so.
      () => undefined,
    );
  }

  /** Brings a file's record to where the file is. @returns Its text for the index; undefined if it is not to be found. */
  async #lookInto(uri: string): Promise<IndexedText | undefined> {
    const file = this.#byUri.get(uri) ?? this.#unfit.get(uri);
    if (file === undefined) return undefined;
    const read = await readTextFile(file);
    const onDisk = read !== undefined && "text" in read ? read : undefined;
    // Its age decides about its place in the next layout.
    if (onDisk !== undefined) {
      Object.assign(file, { bytes: onDisk.bytes, mtimeMs: onDisk.mtimeMs, vetted: onDisk.vetted });
    }
    if (read !== undefined)
      this.#admit(uri, file, "skipped" in read ? await this.#refusal(file, read.skipped) : undefined);
    const { path, mtimeMs: changedMs } = file;
    const text = this.#byUri.has(uri) ? (this.#openText(file, uri) ?? onDisk?.text) : undefined;
    if (text !== undefined) return { path, uri, text, changedMs };
    this.#index.remove([path]);
    return undefined;
  }

  /** Why a collection would leave a file out that cannot be read. */
  async #refusal({ absolutePath }: WorkspaceFile, skipped: string): Promise<string> {
    const around = this.#folders.filter(({ path }) => absolutePath.startsWith(path + sep));
    const [root] = around.sort((a, b) => b.path.length - a.path.length);
    return skipped === LINK_REASON && root !== undefined ? linkReason(absolutePath, root.path) : skipped;
  }

  /** What a collection would make of a file that changed. @param refused Why it must not or need not be read. */
  #admit(uri: string, file: WorkspaceFile, refused: string | undefined): void {
    const { path } = file;
    const { files, leftOut } = this.#fileSet;
    if (refused === undefined && this.#unfit.delete(uri)) {
      this.#byUri.set(uri, file);
      const inOrder = [...files, file].sort(comparePaths);
      this.#fileSet = { files: inOrder, leftOut: leftOut.filter((other) => other.path !== path) };
    } else if (refused !== undefined && this.#byUri.delete(uri)) {
      this.#unfit.set(uri, file);
      const rest = files.filter((other) => other !== file);
      this.#fileSet = { files: rest, leftOut: [...leftOut, { path, reason: refused }].sort(comparePaths) };
    }
  }

  #openTexts(): Map<string, string> {
    const texts = new Map<string, string>();
    for (const document of this.#documents.all()) {
      const uri = canonicalUri(document.uri);
      const file = this.#byUri.get(uri);
      const text = file === undefined ? undefined : this.#openText(file, uri);
      if (text !== undefined) texts.set(file!.path, text);
    }
    return texts;
  }

  /** Text of an open document, under the rules for files: a secret typed into it is found nowhere. */
  #openText(file: WorkspaceFile, uri: string): string | undefined {
    const text = this.#documents.get(uri)?.getText().replaceAll("\r\n", "\n");
    if (text === undefined) return undefined;
    return reasonAgainst(file.path, text, file.wanted) === undefined ? text : "";
  }

  /**
   * A changed file is read again; a new one may change the ignore rules or be ignored, so all are collected anew.
   * @returns False if it does not concern the workspace.
   */
  #fileEvent(uri: string, type: FileChangeType): boolean {
    if (NEVER_READ.test(uri) || this.#excludedFolders.some((folder) => uri.startsWith(folder))) return false;
    const isRuleFile = /\/\.(git|fathom)ignore$/.test(uri);
    if (isRuleFile || type === FileChangeType.Created) this.#stale = true;
    else if (type === FileChangeType.Deleted) this.#gone(uri);
    else if (this.#byUri.has(uri) || this.#unfit.has(uri)) this.#toIndex.add(uri);
    else if (this.#excludedFiles.has(uri)) return false;
    // Editors join the deletion of a folder and the creation of a file in its place to one change.
    else if (!this.#stale) this.#strange.add(uri);
    return true;
  }

  #gone(uri: string): void {
    this.#forgetFile(uri);
    this.#goneMeanwhile?.push(uri);
  }

  /** A folder's deletion is told as one event, so everything below it goes too. */
  #forgetFile(uri: string): void {
    const gone = [...this.#byUri, ...this.#unfit].filter(([known]) => known === uri || known.startsWith(`${uri}/`));
    if (gone.length === 0) return;
    for (const [known] of gone) {
      this.#byUri.delete(known);
      this.#unfit.delete(known);
    }
    const paths = new Set(gone.map(([, file]) => file.path));
    this.#index.remove([...paths]);
    const without = <Item extends { path: string }>(items: Item[]) => items.filter(({ path }) => !paths.has(path));
    this.#fileSet = { files: without(this.#fileSet.files), leftOut: without(this.#fileSet.leftOut) };
  }
}

/** Folders whose files change all the time and are never part of the workspace. */
const NEVER_READ = /\/(\.git|node_modules)\//;

interface FolderChange {
  event: { added: LspFolder[]; removed: LspFolder[] };
}

function nameIn(uri: string): string {
  const name = uri.slice(uri.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(name);
  } catch {
    // A percent sign that stands for itself, in an unsaved document's name.
    return name;
  }
}

/** The uri that clients use for a file. */
export function uriOf(file: WorkspaceFile): string {
  return fileUri(file.absolutePath);
}

function foldersOf(params: InitializeParams): WorkspaceFolder[] {
  if (params.workspaceFolders) return params.workspaceFolders.filter(({ uri }) => isFileUri(uri)).map(asFolder);
  const root = params.rootUri;
  return root && isFileUri(root) ? [asFolder({ uri: root, name: root.split("/").at(-1) ?? "workspace" })] : [];
}

/** Other schemes (a virtual workspace) have no files on this disk. */
function isFileUri(uri: string): boolean {
  return uri.startsWith("file:");
}

function asFolder(folder: LspFolder): WorkspaceFolder {
  return { name: folder.name, path: fileURLToPath(folder.uri) };
}
