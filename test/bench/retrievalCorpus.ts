// Reads the sources of this repository's own dependencies as one codebase, each file once; knows nothing of queries.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { collectFiles } from "../../server/src/codebase/fileSet.ts";
import { readTextFile } from "../../server/src/codebase/readText.ts";
import type { WorkspaceFolder } from "../../server/src/codebase/workspaceFile.ts";
import { fileEnding } from "../../server/src/syntax/languages.ts";

export const PACKAGES_FOLDER = join(import.meta.dirname, "../../node_modules");

/**
 * The languages with enough documented code. C and C++ are llama.cpp's sources in the packages of the runtimes (MIT);
 * Python is gyp (BSD-3-Clause) in node-gyp (MIT), which is a development dependency for this alone.
 */
export type Language = "typescript" | "javascript" | "cpp" | "python";

const LANGUAGES: Readonly<Record<string, Language>> = {
  ...ofEndings("typescript", "ts mts cts tsx"),
  ...ofEndings("javascript", "js mjs cjs jsx"),
  ...ofEndings("cpp", "c h cc cpp hpp"),
  ...ofEndings("python", "py"),
};

/** Folders that hold the same sources in other forms. */
const VARIANT =
  /^(?:dist|dist-\w+|lib|lib-\w+|esm|cjs|commonjs|browser|react-native|workerd|es\d*|es\d+\.\w+|umd|src|source|build|types|typings|modules?|out|node)$/;

export interface CorpusFile {
  /** Begins with the name of the package. */
  path: string;
  package: string;
  /** Undefined for Markdown, which only stands in the way. */
  language: Language | undefined;
  text: string;
}

/**
 * @param only Names of packages; default: all.
 * @returns Files by path. Packages often bring sources, their compiled form and declarations: the sources count.
 */
export async function readCorpus(folder = PACKAGES_FOLDER, only?: readonly string[]): Promise<CorpusFile[]> {
  const packages = await packagesIn(folder);
  const { files } = await collectFiles(packages.filter(({ name }) => only?.includes(name) ?? true));
  const texts: CorpusFile[] = [];
  for (const file of files) {
    if (languageOf(file.path) === undefined && fileEnding(file.path) !== "md") continue;
    const read = await readTextFile(file);
    if (read === undefined || "skipped" in read) continue;
    texts.push({ path: file.path, package: file.folder, language: languageOf(file.path), text: read.text });
  }
  return withoutCopies(texts);
}

export function languageOf(path: string): Language | undefined {
  return LANGUAGES[fileEnding(path)];
}

/** @returns Of the files of a package that differ in variant folders and endings only, the one nearest to the source. */
export function withoutCopies(files: readonly CorpusFile[]): CorpusFile[] {
  const best = new Map<string, CorpusFile>();
  for (const file of [...files].sort((a, b) => rankOf(a) - rankOf(b) || (a.path < b.path ? -1 : 1))) {
    const key = `${file.package} ${sourceName(file)}`;
    if (!best.has(key)) best.set(key, file);
  }
  return [...best.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function sourceName({ path, language }: CorpusFile): string {
  if (language !== "typescript" && language !== "javascript") return path;
  const steps = path.split("/").filter((step) => !VARIANT.test(step));
  return steps.join("/").replace(/(?:\.d)?\.\w+$/, "");
}

/** Sources before what was made of them, declarations last. */
function rankOf({ path, language }: CorpusFile): number {
  if (/\.d\.\w+$/.test(path)) return 2;
  return language === "typescript" ? 0 : 1;
}

async function packagesIn(folder: string): Promise<WorkspaceFolder[]> {
  const packages: WorkspaceFolder[] = [];
  for (const name of (await readdir(folder)).filter((entry) => !entry.startsWith(".")).sort()) {
    const names = name.startsWith("@")
      ? (await readdir(join(folder, name))).sort().map((inner) => `${name}/${inner}`)
      : [name];
    for (const each of names) packages.push({ name: each, path: join(folder, each) });
  }
  return packages;
}

function ofEndings(language: Language, endings: string): Record<string, Language> {
  return Object.fromEntries(endings.split(" ").map((ending) => [ending, language]));
}
