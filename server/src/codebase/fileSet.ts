// Finds the files of the workspace that may be read into the context, and says why every other one is left out.
import type { Dirent } from "node:fs";
import { readdir, realpath } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type IgnoreRules, ignoreRulesFor } from "./ignoreRules.ts";
import { inParallel } from "./inParallel.ts";
import { DEFAULT_MAX_FILE_BYTES, readTextFile, unreadableReason } from "./readText.ts";
import { secretByName } from "./secrets.ts";
import { comparePaths, type LeftOut, type WorkspaceFile, type WorkspaceFolder } from "./workspaceFile.ts";

/** Files and folders in flight; more than libuv's four threads so that they never wait for the event loop. */
const PARALLEL_READS = 16;
/** Entries of one folder looked at before other work may run: about a millisecond of rules. */
const ENTRIES_PER_TURN = 200;

const NEVER_ENTERED = new Set([".git", "node_modules"]);

const LOCK_FILES = new Set(
  (
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock Cargo.lock poetry.lock " +
    "Pipfile.lock uv.lock pdm.lock pixi.lock conda-lock.yml composer.lock Gemfile.lock go.sum go.work.sum mix.lock " +
    "rebar.lock flake.lock pubspec.lock Podfile.lock Cartfile.resolved Package.resolved gradle.lockfile packages.lock.json " +
    "paket.lock stack.yaml.lock cabal.project.freeze shard.lock conan.lock .terraform.lock.hcl MODULE.bazel.lock"
  )
    .toLowerCase()
    .split(" "),
);

/** Extensions that are never text; what is missing here is found by its content. */
const BINARY_EXTENSIONS = new Set(
  (
    "png jpg jpeg jfif gif bmp ico icns webp avif heic tif tiff psd ai eps xcf sketch fig mp3 wav flac ogg m4a aac mp4 m4v " +
    "mov avi mkv webm zip gz tgz bz2 xz zst lz4 7z rar tar jar war ear aar apk ipa dmg iso deb rpm msi whl egg gem nupkg " +
    "vsix crx exe dll so dylib a lib o obj pdb class pyc pyo pyd wasm node bin dat db sqlite sqlite3 mdb pdf doc docx xls " +
    "xlsx ppt pptx odt ods odp ttf otf woff woff2 eot gguf safetensors onnx pt pth ckpt h5 npy npz pkl parquet arrow feather " +
    "blend fbx glb stl swf keynote pages numbers"
  ).split(" "),
);

export interface FileSet {
  /** In the order of their paths. */
  files: WorkspaceFile[];
  /** In the order of their paths; an ignored folder stands for all that is in it. */
  leftOut: LeftOut[];
}

export interface CollectOptions {
  /** Largest file to read, bytes. */
  maxFileBytes?: number;
  /** Patterns in the syntax of .gitignore, relative to each folder; stronger than the ignore files. */
  excludes?: readonly string[];
  signal?: AbortSignal;
}

/**
 * Lists the text files of the workspace and looks once into each. Symbolic links are not followed: what one points to
 * inside the folder is read in its own place, and what lies outside is not the workspace.
 * @param folders The workspace folders; a folder inside another one is read once, as itself.
 * @returns The files to read and all that is left out, each with the reason. Unreadable parts are in `leftOut`.
 * @throws Only the signal's reason, when aborted.
 */
export async function collectFiles(folders: WorkspaceFolder[], options: CollectOptions = {}): Promise<FileSet> {
  const walk = new Walk(options);
  const roots = distinctFolders(folders);
  for (const { folder, prefix } of roots) {
    const others = new Set(roots.map((root) => root.folder.path).filter((path) => path !== folder.path));
    await walk.readFolder({ folder, prefix, others });
  }
  walk.files.sort(comparePaths);
  walk.leftOut.sort((a, b) => comparePaths(a, b) || (a.reason < b.reason ? -1 : 1));
  return { files: walk.files, leftOut: walk.leftOut };
}

interface Root {
  folder: WorkspaceFolder;
  /** Begins every path for people: the folder's name and a slash, or empty. */
  prefix: string;
  /** Absolute paths of the other workspace folders. */
  others: ReadonlySet<string>;
}

interface Folder {
  absolutePath: string;
  /** Relative to the root, with a slash at the end; empty for the root. */
  path: string;
  rules: IgnoreRules;
}

interface Candidate {
  path: string;
  absolutePath: string;
}

class Walk {
  readonly files: WorkspaceFile[] = [];
  readonly leftOut: LeftOut[] = [];
  readonly #options: CollectOptions;

  constructor(options: CollectOptions) {
    this.#options = options;
  }

  /** Goes down level by level, so that the number of open folders is bounded and no recursion can overflow. */
  async readFolder(root: Root): Promise<void> {
    const { signal, excludes = [] } = this.#options;
    const rules = await ignoreRulesFor(root.folder.path, excludes);
    const candidates: Candidate[] = [];
    let level: Folder[] = [{ absolutePath: root.folder.path, path: "", rules }];
    while (level.length > 0) {
      const found = await inParallel(level, PARALLEL_READS, (folder) => this.#readEntries(root, folder), signal);
      candidates.push(...found.flatMap((each) => each.candidates));
      level = found.flatMap((each) => each.folders);
    }
    await inParallel(candidates, PARALLEL_READS, (candidate) => this.#inspect(root, candidate), signal);
  }

  async #readEntries(root: Root, folder: Folder): Promise<{ folders: Folder[]; candidates: Candidate[] }> {
    const folders: Folder[] = [];
    const candidates: Candidate[] = [];
    let entries: Dirent[];
    try {
      entries = await readdir(folder.absolutePath, { withFileTypes: true });
    } catch (error) {
      this.#leaveOut(root, folder.path === "" ? "./" : folder.path, unreadableReason(error));
      return { folders, candidates };
    }
    const names = new Set(entries.map((entry) => entry.name));
    const rules = await folder.rules.inFolder(folder.absolutePath, folder.path, names, (path, reason) =>
      this.#leaveOut(root, path, reason),
    );
    for (const [index, entry] of entries.entries()) {
      if (index % ENTRIES_PER_TURN === ENTRIES_PER_TURN - 1) await setImmediate();
      const absolutePath = join(folder.absolutePath, entry.name);
      const path = folder.path + entry.name + (entry.isDirectory() ? "/" : "");
      if (entry.name === ".git" || root.others.has(absolutePath)) continue;
      const reason = reasonAgainstName(entry, path) ?? rules.reasonAgainst(path) ?? reasonAgainstKind(entry, path);
      if (reason !== undefined) this.#leaveOut(root, path, reason);
      else if (entry.isSymbolicLink()) this.#leaveOut(root, path, await linkReason(absolutePath, root.folder.path));
      else if (entry.isDirectory()) folders.push({ absolutePath, path, rules });
      else candidates.push({ absolutePath, path });
    }
    return { folders, candidates };
  }

  async #inspect(root: Root, candidate: Candidate): Promise<void> {
    const path = root.prefix + candidate.path;
    const file = { path, absolutePath: candidate.absolutePath };
    const read = await readTextFile(file, this.#options.maxFileBytes ?? DEFAULT_MAX_FILE_BYTES);
    if (read === undefined) return;
    if ("skipped" in read) this.leftOut.push({ path, reason: read.skipped });
    else this.files.push({ ...file, folder: root.folder.name, bytes: read.bytes, mtimeMs: read.mtimeMs });
  }

  #leaveOut(root: Root, path: string, reason: string): void {
    this.leftOut.push({ path: root.prefix + printable(path), reason });
  }
}

/** Rules that nothing can override. */
function reasonAgainstName(entry: Dirent, path: string): string | undefined {
  if (NEVER_ENTERED.has(entry.name)) return "dependencies are not read";
  if (printable(entry.name) !== entry.name) return "its name contains control characters";
  const secret = secretByName(path);
  return secret === undefined ? undefined : `secret: ${secret}`;
}

/** Rules about files that are worth nothing in a context; after the ignore files, whose reason says more. */
function reasonAgainstKind(entry: Dirent, path: string): string | undefined {
  if (entry.isDirectory() || entry.isSymbolicLink()) return undefined;
  if (!entry.isFile()) return "not a regular file";
  const name = entry.name.toLowerCase();
  if (LOCK_FILES.has(name)) return "lock file";
  if (name.endsWith(".map") || /[.-]min\.(?:[cm]?js|css)$/.test(name)) return "minified or source map";
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  return BINARY_EXTENSIONS.has(extension) && name.includes(".") ? "binary" : undefined;
}

async function linkReason(link: string, root: string): Promise<string> {
  try {
    const [target, realRoot] = await Promise.all([realpath(link), realpath(root)]);
    const inside = target === realRoot || target.startsWith(realRoot + sep);
    return inside ? "symbolic link (its target is read in its own place)" : "symbolic link out of the folder";
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "ENOENT" || code === "ELOOP" ? "symbolic link that leads nowhere" : unreadableReason(error);
  }
}

/** One entry per place on disk, with names that are usable in paths and different from each other. */
function distinctFolders(folders: WorkspaceFolder[]): { folder: WorkspaceFolder; prefix: string }[] {
  const paths = new Set<string>();
  const names = new Set<string>();
  const distinct: WorkspaceFolder[] = [];
  for (const folder of folders) {
    const path = resolve(folder.path);
    if (paths.has(path)) continue;
    paths.add(path);
    const plain = printable(folder.name).replace(/[\\/]/g, "-");
    let name = plain;
    for (let count = 2; names.has(name); count++) name = `${plain} (${count})`;
    names.add(name);
    distinct.push({ name, path });
  }
  return distinct.map((folder) => ({ folder, prefix: distinct.length > 1 ? `${folder.name}/` : "" }));
}

/** Replaces control characters, which could pretend to be lines of the tree in the prompt. */
function printable(text: string): string {
  let result = "";
  for (const char of text) result += char < " " || char === "\u007f" ? "\uFFFD" : char;
  return result;
}
