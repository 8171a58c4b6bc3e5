// Finds the files of the workspace that may be read into the context, and says why every other one is left out.
import type { Dirent } from "node:fs";
import { opendir, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { EditorExcludes } from "./editorExcludes.ts";
import { reasonAgainstKind } from "./fileKinds.ts";
import { type IgnoreRules, ignoreRulesFor } from "./ignoreRules.ts";
import { inParallel } from "./inParallel.ts";
import { DEFAULT_MAX_FILE_BYTES, readTextFile, unreadableReason } from "./readText.ts";
import { secretByName } from "./secrets.ts";
import { comparePaths, type LeftOut, type WorkspaceFile, type WorkspaceFolder } from "./workspaceFile.ts";
import { printable, rootsOf, type WorkspaceRoot } from "./workspaceRoots.ts";

/** Files and folders in flight; more than libuv's four threads so that they never wait for the event loop. */
const PARALLEL_READS = 16;
/** Entries of one folder looked at before other work may run: about a millisecond of rules. */
const ENTRIES_PER_TURN = 200;

export interface FileSet {
  /** In the order of their paths. */
  files: WorkspaceFile[];
  /** In the order of their paths; an ignored folder stands for all that is in it. */
  leftOut: LeftOut[];
}

/** What a walk finds, with what is needed to tell which later change can alter it. */
export interface CollectedFiles extends FileSet {
  /** Left out for what they are or hold, not by a rule: when they change, they may have become readable. */
  unfit: WorkspaceFile[];
  /** Absolute paths of what rules leave out, whatever is in it; folders end with a separator. */
  excluded: string[];
}

export interface CollectOptions {
  /** Largest file to read, bytes. */
  maxFileBytes?: number;
  /** The editor's excludes, by the absolute path of the workspace folder. */
  editorExcludes?: ReadonlyMap<string, EditorExcludes>;
  signal?: AbortSignal;
}

/**
 * Lists the text files of the workspace and looks once into each. Symbolic links are not followed: what one points to
 * inside the folder is read in its own place, and what lies outside is not the workspace.
 * @param folders The workspace folders; a folder inside another one is read once, as itself.
 * @returns The files to read and all that is left out, each with the reason. Unreadable parts are in `leftOut`.
 * @throws Only the signal's reason, when aborted.
 */
export async function collectFiles(folders: WorkspaceFolder[], options: CollectOptions = {}): Promise<CollectedFiles> {
  const walk = new Walk(options);
  const roots = rootsOf(folders);
  for (const { folder, prefix } of roots) {
    const others = new Set(roots.map((root) => root.folder.path).filter((path) => path !== folder.path));
    await walk.readFolder({ folder, prefix, others });
  }
  walk.files.sort(comparePaths);
  walk.leftOut.sort((a, b) => comparePaths(a, b) || (a.reason < b.reason ? -1 : 1));
  return { files: walk.files, leftOut: walk.leftOut, unfit: walk.unfit, excluded: walk.excluded };
}

interface Root extends WorkspaceRoot {
  /** Absolute paths of the other workspace folders. */
  others: ReadonlySet<string>;
}

interface Folder {
  absolutePath: string;
  /** Relative to the root, with a slash at the end; empty for the root. */
  path: string;
  rules: IgnoreRules;
  /** True in a folder that .fathomignore brings back: what is in it is read whatever it is. */
  wanted: boolean;
  /** Why all that is in it is left out, except for what .fathomignore brings back. */
  onlyWanted?: string;
}

interface Candidate {
  path: string;
  absolutePath: string;
  wanted: boolean;
}

class Walk {
  readonly files: WorkspaceFile[] = [];
  readonly leftOut: LeftOut[] = [];
  readonly unfit: WorkspaceFile[] = [];
  readonly excluded: string[] = [];
  readonly #options: CollectOptions;

  constructor(options: CollectOptions) {
    this.#options = options;
  }

  /** Goes down level by level, so that the number of open folders is bounded and no recursion can overflow. */
  async readFolder(root: Root): Promise<void> {
    const { signal } = this.#options;
    const rules = await ignoreRulesFor(root.folder.path);
    let level: Folder[] = [{ absolutePath: root.folder.path, path: "", rules, wanted: false }];
    while (level.length > 0) {
      const below: Folder[] = [];
      const candidates: Candidate[] = [];
      await inParallel(level, PARALLEL_READS, (folder) => this.#readEntries(root, folder, below, candidates), signal);
      await inParallel(candidates, PARALLEL_READS, (candidate) => this.#inspect(root, candidate), signal);
      level = below;
    }
  }

  async #readEntries(root: Root, folder: Folder, folders: Folder[], candidates: Candidate[]): Promise<void> {
    const entries: Dirent[] = [];
    try {
      for await (const entry of await opendir(folder.absolutePath, { bufferSize: ENTRIES_PER_TURN })) {
        entries.push(entry);
      }
    } catch (error) {
      this.#leaveOut(root, folder.path === "" ? "./" : folder.path, unreadableReason(error));
      return;
    }
    const names = new Set(entries.map((entry) => entry.name));
    const rules = await folder.rules.inFolder(folder.absolutePath, folder.path, names, (path, reason) =>
      this.#leaveOut(root, path, reason),
    );
    for (const [index, entry] of entries.entries()) {
      if (index % ENTRIES_PER_TURN === ENTRIES_PER_TURN - 1) {
        await setImmediate();
        this.#options.signal?.throwIfAborted();
      }
      const absolutePath = join(folder.absolutePath, entry.name);
      const path = folder.path + entry.name + (entry.isDirectory() ? "/" : "");
      if (entry.name === ".git" || root.others.has(absolutePath)) continue;
      const { reason, wanted } = this.#judge(root, { ...folder, rules }, entry, path);
      if (entry.isDirectory() && (reason === undefined || (!wanted && rules.leadsToWanted(path)))) {
        folders.push({ absolutePath, path, rules, wanted, onlyWanted: reason });
      } else if (reason !== undefined) this.#leaveOut(root, path, reason);
      else if (entry.isSymbolicLink()) {
        const against = await linkReason(absolutePath, root.folder.path);
        this.#refuse(root, { path: root.prefix + path, absolutePath, ...asWanted(wanted) }, against);
      } else candidates.push({ absolutePath, path, wanted });
    }
  }

  /**
   * In the order of strength: what nothing can override, .fathomignore, .gitignore, the editor's excludes, the kind of the
   * file. The ignore files come before the kind because their reason says more.
   */
  #judge(root: Root, folder: Folder, entry: Dirent, path: string): { reason?: string; wanted: boolean; final?: true } {
    const never = reasonAgainstName(entry, path);
    if (never !== undefined) return { reason: never, wanted: false, final: true };
    const verdict = folder.rules.judge(path, folder.wanted);
    if (verdict.kind === "wanted") return { reason: reasonAgainstType(entry), wanted: true };
    if (verdict.kind === "out" && verdict.final) return { reason: verdict.reason, wanted: false, final: true };
    const ruled =
      folder.onlyWanted ?? (verdict.kind === "out" ? verdict.reason : undefined) ?? reasonAgainstType(entry);
    if (ruled !== undefined || folder.wanted) return { reason: ruled, wanted: folder.wanted };
    const editor = this.#options.editorExcludes?.get(root.folder.path)?.reasonAgainst(path);
    return { reason: editor ?? reasonAgainstKind(path), wanted: false };
  }

  async #inspect(root: Root, candidate: Candidate): Promise<void> {
    const { absolutePath, wanted } = candidate;
    const path = root.prefix + candidate.path;
    const file = { path, absolutePath, ...asWanted(wanted) };
    const read = await readTextFile(file, this.#options.maxFileBytes ?? DEFAULT_MAX_FILE_BYTES);
    if (read === undefined) return;
    if ("skipped" in read) this.#refuse(root, file, read.skipped);
    else {
      const { bytes, mtimeMs, vetted } = read;
      this.files.push({ ...file, folder: root.folder.name, bytes, mtimeMs, vetted });
    }
  }

  #leaveOut(root: Root, path: string, reason: string): void {
    this.leftOut.push({ path: root.prefix + printable(path), reason });
    this.excluded.push(join(root.folder.path, path));
  }

  #refuse(root: Root, file: Pick<WorkspaceFile, "path" | "absolutePath" | "wanted">, reason: string): void {
    this.leftOut.push({ path: file.path, reason });
    this.unfit.push({ ...file, folder: root.folder.name, bytes: 0, mtimeMs: 0 });
  }
}

function asWanted(wanted: boolean): Pick<WorkspaceFile, "wanted"> {
  return wanted ? { wanted: true } : {};
}

/** Rules that nothing can override. */
function reasonAgainstName(entry: Dirent, path: string): string | undefined {
  if (printable(entry.name) !== entry.name) return "its name contains control characters";
  const secret = secretByName(path);
  return secret === undefined ? undefined : `secret: ${secret}`;
}

function reasonAgainstType(entry: Dirent): string | undefined {
  return entry.isFile() || entry.isDirectory() || entry.isSymbolicLink() ? undefined : "not a regular file";
}

/** @returns Why a symbolic link below the root is not read, for people. */
export async function linkReason(link: string, root: string): Promise<string> {
  try {
    const [target, realRoot] = await Promise.all([realpath(link), realpath(root)]);
    const inside = target === realRoot || target.startsWith(realRoot + sep);
    return inside ? "symbolic link (its target is read in its own place)" : "symbolic link out of the folder";
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "ENOENT" || code === "ELOOP" ? "symbolic link that leads nowhere" : unreadableReason(error);
  }
}
