// Packs the extension for one platform: stages what runs, gives it to vsce, and says how large the result became.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parseArgs, promisify } from "node:util";
import { build, type Plugin } from "esbuild";
import { LICENSE_FILE, noticesOf } from "./notices.ts";

const ROOT = import.meta.dirname;
const STAGE = join(ROOT, ".build", "vsix");

/**
 * The runtimes lie beside the bundles, where Node looks first. vsce takes a node_modules at the top only whole, with all
 * that npm installed; what node-llama-cpp needs to build llama.cpp is most of that, and is never used here.
 */
const STAGED_MODULES = "dist/node_modules";

/**
 * Packages with binaries, by VS Code's name of the platform: the processor and, where there is one, Vulkan or Metal; and
 * the store of the search index, which has none for Macs with Intel processors: there is no package for them.
 */
const BINARIES: Record<string, readonly string[]> = {
  "linux-x64": [
    "@node-llama-cpp/linux-x64",
    "@node-llama-cpp/linux-x64-vulkan",
    "@fugood/node-llama-linux-x64",
    "@fugood/node-llama-linux-x64-vulkan",
    "@lancedb/lancedb-linux-x64-gnu",
  ],
  "linux-arm64": [
    "@node-llama-cpp/linux-arm64",
    "@fugood/node-llama-linux-arm64",
    "@fugood/node-llama-linux-arm64-vulkan",
    "@lancedb/lancedb-linux-arm64-gnu",
  ],
  "darwin-arm64": [
    "@node-llama-cpp/mac-arm64-metal",
    "@fugood/node-llama-darwin-arm64",
    "@lancedb/lancedb-darwin-arm64",
  ],
  "win32-x64": [
    "@node-llama-cpp/win-x64",
    "@node-llama-cpp/win-x64-vulkan",
    "@fugood/node-llama-win32-x64",
    "@fugood/node-llama-win32-x64-vulkan",
    "@lancedb/lancedb-win32-x64-msvc",
  ],
  "win32-arm64": [
    "@node-llama-cpp/win-arm64",
    "@fugood/node-llama-win32-arm64",
    "@fugood/node-llama-win32-arm64-vulkan",
    "@lancedb/lancedb-win32-arm64-msvc",
  ],
};

/** Files that the runtimes read by path, which no import shows (found by tracing a start with strace). */
const READ_BY_PATH = ["node_modules/node-llama-cpp/llama/binariesGithubRelease.json"];

/** Read by people only: the licences of what was compiled into the index's store. */
const LICENCES_INSIDE = ["node_modules/@lancedb/lancedb/RUST_THIRD_PARTY_LICENSES.html"];

/**
 * Found by the import graph, but only on the way of node-llama-cpp's own downloads, which are switched off, and of
 * embedding services, which LanceDB knows and nobody here uses.
 */
const NEVER_IMPORTED = ["@reflink/*", "openai", "@huggingface/transformers"];

/** Reached by LanceDB's `require`; an import would bring its second half, for modules, besides. */
const ONLY_REQUIRED = ["apache-arrow"];

/** Pictures for the README in the repository; the one that ships shows none of them. */
const SCREENSHOTS = join(ROOT, "dist", "media", "screenshots");

/** Packages whose files the build copies, which no source map shows: the grammars. */
const COPIED = ["node_modules/@vscode/tree-sitter-wasm"];

const DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE"];
const NOT_RUN = /\.(map|md|ts|d\.ts)$/;
const LISTED_ENTRIES = 10;
const BYTES_PER_MB = 1_000_000;

/** Outside a repository, seconds since 1970: a zip file knows no time before 1980. */
const EARLIEST_ZIP_TIME = "315619200";

/** Binaries for other platforms, which npm does not install here; each under its name and version. */
const FETCHED = join(ROOT, ".build", "binaries");

/**
 * Most that a package may take, bytes. Two fifths are the store of the search index, a third the runtimes with Vulkan; a
 * package over its budget is not written off as growth, but looked at.
 */
const BUDGET_BYTES: Record<string, number> = {
  "linux-x64": 150 * BYTES_PER_MB,
  "linux-arm64": 115 * BYTES_PER_MB,
  "darwin-arm64": 85 * BYTES_PER_MB,
  "win32-x64": 145 * BYTES_PER_MB,
  "win32-arm64": 105 * BYTES_PER_MB,
};

/** How a package came out. */
export interface Packed {
  file: string;
  target: string;
  vsixBytes: number;
  budgetBytes: number;
  /** What it takes once it is installed. */
  unpackedBytes: number;
  files: number;
  /** The largest files, largest first. */
  largest: { path: string; bytes: number }[];
}

/** All platforms that there is a package for, as VS Code names them. */
export const TARGETS: readonly string[] = Object.keys(BINARIES);

/**
 * Packages with binaries for a platform.
 * @param target VS Code's name of the platform, such as "linux-x64".
 * @throws Error if no binaries exist for it.
 */
export function binaryPackages(target: string): readonly string[] {
  const packages = BINARIES[target];
  if (packages !== undefined) return packages;
  throw new Error(`There is no package for "${target}". Choose one of: ${Object.keys(BINARIES).join(", ")}.`);
}

/**
 * The manifest that ships: without what only the repository needs. The dependencies go too, since they are staged.
 * @param manifest Content of package.json.
 */
export function shippedManifest(manifest: Record<string, unknown>): Record<string, unknown> {
  const repositorys = ["private", "scripts", "dependencies", "devDependencies", "allowScripts"];
  return Object.fromEntries(Object.entries(manifest).filter(([key]) => !repositorys.includes(key)));
}

/**
 * The README as the extension's own page: without what only a clone has, which would show as broken there.
 * @param markdown Text of README.md. Parts between the comments "repository" and "/repository" are for a clone only.
 */
export function readmeOfPackage(markdown: string): string {
  return markdown
    .replace(/<!-- repository -->\n[\s\S]*?<!-- \/repository -->\n\n?/g, "")
    .replace(/^[ \t]*!\[[^\]]*\]\((?!https:)[^)]*\)[ \t]*\n(?:[ \t]*\n)?/gm, "")
    .replace(/!\[[^\]]*\]\((?!https:)[^)]*\)/g, "")
    .replace(/\[([^\]]+)\]\((?!https?:|#|command:)[^)]*\)/g, "$1");
}

/**
 * The package that a file of node_modules belongs to.
 * @param path Relative path with forward slashes, as esbuild and source maps write it.
 * @returns Its folder, up to and with the package's name; undefined for a file of ours.
 */
export function packageFolder(path: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

/**
 * Where Node looks for the kind of module that a file is: every folder up to its package's, since inner ones may differ.
 * @param path As in packageFolder.
 */
export function manifestsAbove(path: string): string[] {
  const top = packageFolder(path);
  if (top === undefined) return [];
  const inner = path
    .slice(top.length + 1)
    .split("/")
    .slice(0, -1);
  return [top, ...inner.map((_, index) => [top, ...inner.slice(0, index + 1)].join("/"))].map(
    (folder) => `${folder}/package.json`,
  );
}

async function main(): Promise<void> {
  const { target, out } = parseArgs({
    options: { target: { type: "string", default: `${process.platform}-${process.arch}` }, out: { type: "string" } },
  }).values;
  const packed = await packFor(target, out);
  report(packed);
  if (packed.vsixBytes <= packed.budgetBytes) return;
  console.error(`The package is larger than its budget of ${inMb(packed.budgetBytes)}; see BUDGET_BYTES in vsix.ts.`);
  process.exitCode = 1;
}

/**
 * Packs what is built for one platform. Binaries that are not installed here are fetched from the npm registry.
 * @param target One of {@link TARGETS}.
 * @param out The file to write; default: one in the repository with name, platform and version.
 */
export async function packFor(target: string, out?: string): Promise<Packed> {
  const binaries = binaryPackages(target);
  const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const file = resolve(out ?? join(ROOT, `${manifest.name}-${target}-${manifest.version}.vsix`));

  await rm(STAGE, { recursive: true, force: true });
  const bundled = await stageBundles();
  await writeFile(join(STAGE, "package.json"), JSON.stringify(shippedManifest(manifest), undefined, 2));
  await stageSyntaxes();
  await stageTexts();
  await stageDocuments();
  const runtimes = Object.keys(manifest.dependencies).filter((name) => !ONLY_REQUIRED.includes(name));
  const imported = await stageRuntimes(runtimes);
  const binaryFolders = await Promise.all(binaries.map(stageBinaries));
  const packages = [...[...bundled, ...COPIED, ...imported].map((folder) => join(ROOT, folder)), ...binaryFolders];
  await writeFile(join(STAGE, "THIRD_PARTY_NOTICES.txt"), await noticesOf(packages));
  await pack(target, file);
  return measure(target, file);
}

/** @returns Folders of the packages inside the bundles, from the source maps. */
async function stageBundles(): Promise<string[]> {
  const ships = (source: string) => !source.endsWith(".map") && source !== SCREENSHOTS;
  await cp(join(ROOT, "dist"), join(STAGE, "dist"), { recursive: true, filter: ships });
  const maps = (await filesUnder(join(ROOT, "dist"))).filter((path) => path.endsWith(".map"));
  const sources = await Promise.all(
    maps.map(async (path) => {
      const map = JSON.parse(await readFile(path, "utf8")) as { sources: string[] };
      return map.sources.map((source) => repositoryPath(resolve(dirname(path), source)));
    }),
  );
  return packageFolders(packageFolders(sources.flat()).map(installedFolder));
}

/** Where npm has put a package. One that was bundled before it was published names its parts by where they lay then. */
function installedFolder(folder: string): string {
  if (existsSync(join(ROOT, folder, "package.json"))) return folder;
  return folder.slice(folder.lastIndexOf("node_modules/"));
}

/** Grammars and language settings, which the manifest names by their place in the repository. */
async function stageSyntaxes(): Promise<void> {
  await cp(join(ROOT, "syntaxes"), join(STAGE, "syntaxes"), { recursive: true });
}

/** English and every translation there is. */
async function stageTexts(): Promise<void> {
  await cp(join(ROOT, "l10n"), join(STAGE, "l10n"), { recursive: true });
  const ofManifest = (await readdir(ROOT)).filter((name) => /^package\.nls(\..+)?\.json$/.test(name));
  for (const name of ofManifest) await copyFile(join(ROOT, name), join(STAGE, name));
}

async function stageDocuments(): Promise<void> {
  await copyFile(join(ROOT, ".vscodeignore"), join(STAGE, ".vscodeignore"));
  for (const name of DOCUMENTS) {
    const text = await readFile(join(ROOT, name), "utf8");
    await writeFile(join(STAGE, name), name === "README.md" ? readmeOfPackage(text) : text);
  }
}

/**
 * Copies the files that an import of the runtimes reaches, and nothing else of them.
 * @returns Folders of their packages.
 */
async function stageRuntimes(names: readonly string[]): Promise<string[]> {
  const { metafile } = await build({
    stdin: { contents: names.map((name) => `import ${JSON.stringify(name)};`).join("\n"), resolveDir: ROOT },
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "esm",
    // Else esbuild adds its condition "module", which Node does not know.
    conditions: [],
    external: ["../build/*", "@node-llama-cpp/*", "@lancedb/lancedb-*", ...NEVER_IMPORTED],
    plugins: [binariesOutside],
    logLevel: "error",
  });
  const files = Object.keys(metafile.inputs).filter((path) => packageFolder(path) !== undefined);
  const missing = names.filter((name) => !files.some((path) => path.startsWith(`node_modules/${name}/`)));
  if (missing.length > 0) {
    throw new Error(
      `Nothing of ${missing.join(" and ")} was found in node_modules. Nothing was packed; run npm ci first.`,
    );
  }
  const manifests = [...new Set(files.flatMap(manifestsAbove))].filter((path) => existsSync(join(ROOT, path)));
  for (const path of [...files, ...manifests, ...READ_BY_PATH, ...LICENCES_INSIDE]) await stageModuleFile(path);
  return packageFolders(files);
}

/** By the path, since the name of a package can end like a binary's: @fugood/llama.node. */
const binariesOutside: Plugin = {
  name: "binaries outside",
  setup: ({ onResolve }) => onResolve({ filter: /^\.\.?\/.*\.node$/ }, ({ path }) => ({ path, external: true })),
};

/** @returns The folder that the binaries were taken from. */
async function stageBinaries(name: string): Promise<string> {
  const installed = join(ROOT, "node_modules", name);
  const folder = existsSync(installed) ? installed : await fetched(name);
  const run = (await filesUnder(folder)).filter(
    (path) => !NOT_RUN.test(path) && !LICENSE_FILE.test(path.split(sep).at(-1) ?? ""),
  );
  for (const path of run) await stageAs(`${name}/${relative(folder, path).split(sep).join("/")}`, path);
  return folder;
}

/**
 * Fetches the version that the lock file names, and checks that its content is the one named there.
 * @returns Its folder.
 */
async function fetched(name: string): Promise<string> {
  const { packages } = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8"));
  const { version, integrity } = packages[`node_modules/${name}`];
  const folder = join(FETCHED, name, version);
  if (existsSync(join(folder, "package"))) return join(folder, "package");
  await mkdir(folder, { recursive: true });
  const run = promisify(execFile);
  const asked = ["pack", `${name}@${version}`, "--json", "--pack-destination", folder];
  const { stdout } = await run("npm", asked, { shell: process.platform === "win32", maxBuffer: 16 * BYTES_PER_MB });
  const [{ filename, integrity: found }] = JSON.parse(stdout);
  if (found !== integrity) {
    throw new Error(`${name} ${version} is not what the lock file names (${found}). Nothing was packed.`);
  }
  await run("tar", ["-xzf", filename], { cwd: folder });
  await rm(join(folder, filename));
  return join(folder, "package");
}

function stageModuleFile(path: string): Promise<void> {
  return stageAs(path.replace("node_modules/", ""), join(ROOT, path));
}

/** @param name Path below node_modules. */
async function stageAs(name: string, file: string): Promise<void> {
  const staged = join(STAGE, STAGED_MODULES, name);
  await mkdir(dirname(staged), { recursive: true });
  await copyFile(file, staged);
}

async function pack(target: string, file: string): Promise<void> {
  const manifestOfVsce = createRequire(import.meta.url).resolve("@vscode/vsce/package.json");
  const options = ["--target", target, "--out", file, "--no-dependencies", "--no-rewrite-relative-links"];
  await mkdir(dirname(file), { recursive: true });
  await promisify(execFile)(
    process.execPath,
    [join(dirname(manifestOfVsce), "vsce"), "package", ...options, "--allow-missing-repository"],
    { cwd: STAGE, maxBuffer: 16 * BYTES_PER_MB, env: { ...process.env, SOURCE_DATE_EPOCH: await lastChange() } },
  );
}

/** When the repository last changed, seconds since 1970: with it as the time of every file, the same sources make the same bytes. */
async function lastChange(): Promise<string> {
  if (process.env.SOURCE_DATE_EPOCH !== undefined) return process.env.SOURCE_DATE_EPOCH;
  const { stdout } = await promisify(execFile)("git", ["log", "-1", "--format=%ct"], { cwd: ROOT }).catch(() => ({
    stdout: EARLIEST_ZIP_TIME,
  }));
  return stdout.trim();
}

async function measure(target: string, file: string): Promise<Packed> {
  const entries = await Promise.all(
    (await filesUnder(STAGE)).map(async (path) => ({ path: relative(STAGE, path), bytes: (await stat(path)).size })),
  );
  return {
    file,
    target,
    vsixBytes: (await stat(file)).size,
    budgetBytes: BUDGET_BYTES[target] ?? 0,
    unpackedBytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
    files: entries.length,
    largest: entries.sort((a, b) => b.bytes - a.bytes).slice(0, LISTED_ENTRIES),
  };
}

function report({ file, vsixBytes, budgetBytes, unpackedBytes, files, largest }: Packed): void {
  console.log(`${relative(process.cwd(), file)}: ${inMb(vsixBytes)} of at most ${inMb(budgetBytes)}`);
  console.log(`${files} files, ${inMb(unpackedBytes)} unpacked; the largest:`);
  for (const { path, bytes } of largest) console.log(`${inMb(bytes).padStart(10)}  ${path}`);
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function packageFolders(paths: readonly string[]): string[] {
  return [...new Set(paths.map(packageFolder).filter((folder) => folder !== undefined))];
}

function repositoryPath(path: string): string {
  return relative(ROOT, path).split(sep).join("/");
}

function inMb(bytes: number): string {
  return `${(bytes / BYTES_PER_MB).toFixed(1)} MB`;
}

if (import.meta.main) await main();
