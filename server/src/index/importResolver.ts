// Finds the files that an import means, by its text and the paths of the codebase alone; knows no package manager.
import { posix } from "node:path";
import { fileEnding } from "../syntax/languages.ts";

/** A file that stands for its folder. */
const FOLDER_FILES = new Set(["index", "__init__", "mod"]);
/** A file that stands for the folder of a Rust crate. */
const CRATE_FILES = ["lib", "main"];
/** Languages whose imports name a package, which is all files of a folder. */
const PACKAGE_LANGUAGES = new Set(["go", "java", "cs", "py", "php"]);
/** What ends like this many files, or a folder with this many, is too common to mean one of them. */
const MAX_TARGETS = 50;
/** Where a shell script lies, as it finds out itself: `$(dirname "$0")/`, `$ROOT/`. */
const SHELL_FOLDER = /^.*\$[^/]*\//;
const SCRIPT = /^[cm]?[jt]sx?$/;

export class ImportResolver {
  /** Files by their path without its extension; one that stands for a folder is here by the folder's path too. */
  readonly #files = new Map<string, string[]>();
  /** Files by their folder, for imports that name a package. */
  readonly #folders = new Map<string, string[]>();
  /** Keys of the two above by each of their endings: `api`, `src/api`, `engine/src/api`. */
  readonly #fileEndings: ReadonlyMap<string, string[]>;
  readonly #folderEndings: ReadonlyMap<string, string[]>;

  /** @param paths Paths of all files, with forward slashes. */
  constructor(paths: readonly string[]) {
    for (const path of paths) {
      const bare = withoutExtension(path);
      const folder = folderOf(path);
      add(this.#files, bare, path);
      if (FOLDER_FILES.has(posix.basename(bare))) add(this.#files, folder, path);
      add(this.#folders, folder, path);
    }
    this.#fileEndings = endingsOf(this.#files.keys());
    this.#folderEndings = endingsOf(this.#folders.keys());
  }

  /**
   * Relative imports are followed. Others are looked up by how paths end: an import often begins with what is no folder
   * (a module's address, a namespace, an alias) and paths begin with what no import names (`src/main/java`). The last
   * step of an import can also name something inside the file. Of several files, those nearest to the importing one are
   * meant. One step alone is more often the name of a library, so it counts only in a folder around the importing file.
   * @param from Path of the importing file.
   * @param text The import as written, without quotes: `./api.ts`, `os.path`, `crate::net::Socket`, `net/http`.
   * @returns Paths of the files it can mean, those of the importing file's language if there are any; none for something
   *   from outside.
   */
  resolve(from: string, text: string): readonly string[] {
    const found = this.#find(from, text.replaceAll("\\", "/").replace(SHELL_FOLDER, ""));
    const language = languageOf(from);
    const same = found.filter((path) => languageOf(path) === language);
    return same.length > 0 ? same : found;
  }

  #find(from: string, text: string): readonly string[] {
    const folder = folderOf(from);
    if (/^\.{1,2}(\/|$)/.test(text)) return this.#at(join(folder, text));
    const dots = /^\.+/.exec(text)?.[0].length ?? 0;
    // Python: one dot is the own package, each further one a package around it.
    if (dots > 0) return this.#inside(join(folder, "../".repeat(dots - 1)), text.slice(dots).split("."));
    if (fileEnding(from) === "rs") return this.#rust(from, text);
    const exact = this.#named(text.replace(/^\/+/, ""), from);
    if (exact.length > 0) return exact;
    return this.#byEnding(
      from,
      text.split(text.includes("/") ? /\/+/ : /[./]+/).filter((step) => step !== ""),
    );
  }

  /** The file at a place; its extension may be missing, or be that of what a script is compiled to. */
  #at(place: string): readonly string[] {
    const bare = withoutExtension(place);
    const named = this.#files.get(bare)?.filter((path) => path === place) ?? [];
    if (named.length > 0) return named;
    const files = this.#files.get(place) ?? (SCRIPT.test(fileEnding(place)) ? this.#files.get(bare) : undefined);
    return files ?? [];
  }

  /** What the steps lead to from a place; the last ones may name something inside a file. */
  #inside(place: string, steps: readonly string[]): readonly string[] {
    for (let length = steps.length; length >= 0; length--) {
      const files = this.#files.get(join(place, ...steps.slice(0, length)));
      if (files !== undefined) return files;
    }
    return [];
  }

  /** Files whose path ends with a text that has an extension: `net/socket.h`. */
  #named(text: string, from: string): readonly string[] {
    if (posix.extname(text) === "") return [];
    const places = nearest(from, this.#fileEndings.get(withoutExtension(text)) ?? []);
    const files = places.flatMap((place) => this.#files.get(place)!);
    return files.filter((path) => path === text || path.endsWith(`/${text}`));
  }

  #byEnding(from: string, steps: readonly string[]): readonly string[] {
    for (const length of [steps.length, steps.length - 1]) {
      for (let skipped = 0; skipped < length - 1; skipped++) {
        const ending = steps.slice(skipped, length).join("/");
        const places = nearest(from, this.#fileEndings.get(ending) ?? []);
        if (places.length > 0) return places.flatMap((place) => this.#files.get(place)!);
        if (length < steps.length || !PACKAGE_LANGUAGES.has(fileEnding(from))) continue;
        const folders = nearest(from, this.#folderEndings.get(ending) ?? []);
        if (folders.length > 0) return folders.flatMap((folder) => this.#package(folder));
      }
    }
    const last = steps.at(-1);
    return last === undefined ? [] : this.#around(from, last);
  }

  /** What has this name in the folder of a file, or else in the next one around it. */
  #around(from: string, name: string): readonly string[] {
    const isPackage = PACKAGE_LANGUAGES.has(fileEnding(from));
    for (const folder of foldersAround(from)) {
      const place = join(folder, name);
      const files = this.#files.get(place) ?? (isPackage ? this.#package(place) : []);
      if (files.length > 0) return files;
    }
    return [];
  }

  #package(folder: string): readonly string[] {
    const files = this.#folders.get(folder) ?? [];
    return files.length <= MAX_TARGETS ? files : [];
  }

  /** `use` and `mod`: a tree of paths that begin at the crate, at a module around, or with the name of another crate. */
  #rust(from: string, text: string): readonly string[] {
    const found = useTree(text).flatMap((path) => this.#rustPath(from, path.split("::")));
    return [...new Set(found)];
  }

  #rustPath(from: string, steps: readonly string[]): readonly string[] {
    const [first = "", ...rest] = steps;
    const own = isRustRoot(from) ? folderOf(from) : withoutExtension(from);
    if (first === "crate") return this.#module(this.#crateOf(from), rest);
    if (first === "self") return this.#module(own, rest);
    if (first === "super") {
      const below = steps.filter((step) => step !== "super");
      return this.#module(join(own, "../".repeat(steps.length - below.length)), below);
    }
    if (this.#files.has(join(own, first))) return this.#module(join(own, first), rest);
    // Crates of one workspace lie beside each other; their names may have dashes, which code writes as underscores.
    const crates = [first, first.replaceAll("_", "-")].flatMap((name) => this.#folderEndings.get(`${name}/src`) ?? []);
    return nearest(from, crates).flatMap((crate) => this.#module(crate, rest));
  }

  #module(place: string, steps: readonly string[]): readonly string[] {
    const found = this.#inside(place, steps);
    return found.length > 0 ? found : this.#crateFiles(place);
  }

  /** The folder of the crate that a file belongs to; without one, its own. */
  #crateOf(from: string): string {
    return foldersAround(from).find((folder) => this.#crateFiles(folder).length > 0) ?? folderOf(from);
  }

  #crateFiles(folder: string): readonly string[] {
    return CRATE_FILES.flatMap((name) => this.#files.get(join(folder, name)) ?? []);
  }
}

/** `a::{b, c::{d, e as f}, self}` as `a::b`, `a::c::d`, `a::c::e`, `a`; what is no such tree as it is. */
function useTree(text: string): string[] {
  const open = text.indexOf("{");
  if (open === -1 || !text.endsWith("}")) return [text.replace(/\s+as\s+.*|::(\*|self)$/g, "").trim()];
  const prefix = text.slice(0, open);
  return branches(text.slice(open + 1, -1)).flatMap((branch) =>
    useTree(branch).map((path) => (path === "self" ? prefix.replace(/::$/, "") : prefix + path)),
  );
}

/** Splits at the commas that stand in no inner brackets. */
function branches(list: string): string[] {
  const found = [""];
  let depth = 0;
  for (const char of list) {
    if (char === "{") depth++;
    if (char === "}") depth--;
    if (char === "," && depth === 0) found.push("");
    else found[found.length - 1] += char;
  }
  return found.map((branch) => branch.trim()).filter((branch) => branch !== "");
}

/** A module in such a file has its children beside it, any other in a folder of its name. */
function isRustRoot(path: string): boolean {
  const name = posix.basename(withoutExtension(path));
  return name === "mod" || CRATE_FILES.includes(name);
}

/** Those that share the most folders with a path. */
function nearest(from: string, places: readonly string[]): readonly string[] {
  if (places.length < 2) return places;
  if (places.length > MAX_TARGETS) return [];
  const steps = from.split("/");
  const shared = places.map((place) => {
    const others = place.split("/");
    const differs = others.findIndex((step, index) => step !== steps[index]);
    return differs === -1 ? others.length : differs;
  });
  const most = Math.max(...shared);
  return places.filter((_, index) => shared[index] === most);
}

/** The folder of a path and those around it, the nearest first; the workspace itself is "". */
function foldersAround(path: string): string[] {
  const folders: string[] = [];
  for (let folder = folderOf(path); folder !== ""; folder = folderOf(folder)) folders.push(folder);
  return [...folders, ""];
}

function languageOf(path: string): string {
  const ending = fileEnding(path);
  return SCRIPT.test(ending) ? "script" : ending;
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Joins and normalises; the workspace itself is "". */
function join(...steps: string[]): string {
  const path = posix.join(...steps).replace(/\/$/, "");
  return path === "." ? "" : path;
}

function withoutExtension(path: string): string {
  const extension = posix.extname(path);
  return extension === "" ? path : path.slice(0, -extension.length);
}

function endingsOf(keys: Iterable<string>): Map<string, string[]> {
  const endings = new Map<string, string[]>();
  for (const key of keys) {
    for (let rest = key; ; rest = rest.slice(rest.indexOf("/") + 1)) {
      // One more than is ever used tells that it is too common.
      if ((endings.get(rest)?.length ?? 0) <= MAX_TARGETS) add(endings, rest, key);
      if (!rest.includes("/")) break;
    }
  }
  return endings;
}

function add(map: Map<string, string[]>, key: string, value: string): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
