// Finds the files that an import means, by its text and the paths of the codebase alone; knows no package manager.
import { posix } from "node:path";

/** Names that stand for their folder. */
const FOLDER_FILES = new Set(["index", "mod", "lib", "main", "__init__"]);
/** An import that ends like this many files is too common to mean one of them. */
const MAX_TARGETS = 50;

export class ImportResolver {
  readonly #paths: ReadonlySet<string>;
  /** Files by every ending of their path without its extension: `api`, `src/api`, `engine/src/api`. */
  readonly #byEnding = new Map<string, string[]>();
  /** Files by every ending of their folder, for imports that name a package of several files. */
  readonly #byFolder = new Map<string, string[]>();

  /** @param paths Paths of all files, with forward slashes. */
  constructor(paths: readonly string[]) {
    this.#paths = new Set(paths);
    for (const path of paths) {
      const bare = withoutExtension(path);
      addEndings(this.#byEnding, bare, path);
      const folder = posix.dirname(path);
      if (FOLDER_FILES.has(posix.basename(bare))) addEndings(this.#byEnding, folder, path);
      addEndings(this.#byFolder, folder, path);
    }
  }

  /**
   * @param from Path of the importing file.
   * @param text The import as written, without quotes: `./api.ts`, `os.path`, `crate::net::Socket`, `net/http`.
   * @returns Paths of the files it can mean; none for something from outside.
   */
  resolve(from: string, text: string): readonly string[] {
    if (/^\.{1,2}(\/|$)/.test(text)) return this.#relative(posix.join(posix.dirname(from), text));
    const steps = text.split(/[./\\:]+/).filter((step) => step !== "");
    // `stdio.h` has an extension, `os.path` has none; the file itself tells.
    const asPath = text.replaceAll("\\", "/");
    const exact = this.#endingWith(withoutExtension(asPath)).filter((path) => isEnding(path, asPath));
    if (exact.length > 0) return exact;
    // The last step can name something inside the file, as in Java, Rust and Python.
    for (const length of [steps.length, steps.length - 1]) {
      for (let skipped = 0; skipped < length; skipped++) {
        // One word alone is more often the name of a library.
        if (length - skipped < 2 && skipped + 1 < steps.length) break;
        const ending = steps.slice(skipped, length).join("/");
        const files = this.#endingWith(ending);
        if (files.length > 0) return files;
        const folder = this.#byFolder.get(ending) ?? [];
        if (folder.length > 0 && folder.length <= MAX_TARGETS && length - skipped > 1) return folder;
      }
    }
    return [];
  }

  #relative(path: string): readonly string[] {
    if (this.#paths.has(path)) return [path];
    const bare = withoutExtension(path);
    const isMeant = (candidate: string) => {
      const other = withoutExtension(candidate);
      return other === path || other === bare || (posix.dirname(candidate) === path && isFolderFile(candidate));
    };
    return [...new Set([...this.#endingWith(path), ...this.#endingWith(bare)])].filter(isMeant);
  }

  #endingWith(ending: string): readonly string[] {
    const files = this.#byEnding.get(ending) ?? [];
    return files.length <= MAX_TARGETS ? files : [];
  }
}

function isFolderFile(path: string): boolean {
  return FOLDER_FILES.has(posix.basename(withoutExtension(path)));
}

function isEnding(path: string, ending: string): boolean {
  return path === ending || path.endsWith(`/${ending}`);
}

function withoutExtension(path: string): string {
  const extension = posix.extname(path);
  return extension === "" ? path : path.slice(0, -extension.length);
}

function addEndings(map: Map<string, string[]>, path: string, file: string): void {
  for (let rest = path; ; rest = rest.slice(rest.indexOf("/") + 1)) {
    const files = map.get(rest);
    if (files === undefined) map.set(rest, [file]);
    // One more than is ever used tells that it is too common.
    else if (files.length <= MAX_TARGETS) files.push(file);
    if (!rest.includes("/")) return;
  }
}
