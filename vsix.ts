// Packs the extension for one platform: stages what runs, gives it to vsce, and says how large the result became.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parseArgs, promisify } from "node:util";
import { build } from "esbuild";

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
const LICENSE_FILE = /^(licen[sc]e|notice|copying)(\.|-|$)/i;
const NOT_RUN = /\.(map|md|ts|d\.ts)$/;
const LISTED_ENTRIES = 10;
const BYTES_PER_MB = 1_000_000;

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
  const { private: _private, scripts: _scripts, dependencies: _deps, devDependencies: _devDeps, ...shipped } = manifest;
  return shipped;
}

/**
 * A README without pictures of the repository, which are not in the package and would show as broken.
 * @param markdown Text of README.md.
 */
export function withoutLocalImages(markdown: string): string {
  return markdown
    .replace(/^[ \t]*!\[[^\]]*\]\((?!https:)[^)]*\)[ \t]*\n(?:[ \t]*\n)?/gm, "")
    .replace(/!\[[^\]]*\]\((?!https:)[^)]*\)/g, "");
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
  const binaries = binaryPackages(target);
  const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const file = resolve(out ?? join(ROOT, `${manifest.name}-${target}-${manifest.version}.vsix`));

  await rm(STAGE, { recursive: true, force: true });
  const bundled = await stageBundles();
  await writeFile(join(STAGE, "package.json"), JSON.stringify(shippedManifest(manifest), undefined, 2));
  await stageSyntaxes();
  await stageDocuments();
  const runtimes = Object.keys(manifest.dependencies).filter((name) => !ONLY_REQUIRED.includes(name));
  const imported = await stageRuntimes(runtimes);
  for (const name of binaries) await stageBinaries(name);
  const binaryFolders = binaries.map((name) => `node_modules/${name}`);
  await writeNotices([...bundled, ...COPIED, ...imported, ...binaryFolders]);
  await pack(target, file);
  await report(file);
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
  return packageFolders(sources.flat());
}

/** Grammars and language settings, which the manifest names by their place in the repository. */
async function stageSyntaxes(): Promise<void> {
  await cp(join(ROOT, "syntaxes"), join(STAGE, "syntaxes"), { recursive: true });
}

async function stageDocuments(): Promise<void> {
  await copyFile(join(ROOT, ".vscodeignore"), join(STAGE, ".vscodeignore"));
  for (const name of DOCUMENTS) {
    const text = await readFile(join(ROOT, name), "utf8");
    await writeFile(join(STAGE, name), name === "README.md" ? withoutLocalImages(text) : text);
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
    external: ["../build/*", "@node-llama-cpp/*", "@lancedb/lancedb-*", "*.node", ...NEVER_IMPORTED],
    logLevel: "error",
  });
  const files = Object.keys(metafile.inputs).filter((path) => packageFolder(path) !== undefined);
  const manifests = [...new Set(files.flatMap(manifestsAbove))].filter((path) => existsSync(join(ROOT, path)));
  for (const path of [...files, ...manifests, ...READ_BY_PATH]) await stageModuleFile(path);
  return packageFolders(files);
}

async function stageBinaries(name: string): Promise<void> {
  const folder = join(ROOT, "node_modules", name);
  const paths = await filesUnder(folder).catch(() => {
    throw new Error(`${name} is not installed. Get it with: npm install --no-save --force ${name}@VERSION`);
  });
  const run = paths.filter((path) => !NOT_RUN.test(path) && !LICENSE_FILE.test(path.split(sep).at(-1) ?? ""));
  for (const path of run) await stageModuleFile(repositoryPath(path));
}

async function stageModuleFile(path: string): Promise<void> {
  const staged = join(STAGE, STAGED_MODULES, path.replace("node_modules/", ""));
  await mkdir(dirname(staged), { recursive: true });
  await copyFile(join(ROOT, path), staged);
}

/** One file with the licence of every package that ships, since bundling leaves their own files behind. */
async function writeNotices(folders: readonly string[]): Promise<void> {
  const notices = new Map<string, string>();
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(await readFile(join(ROOT, folder, "package.json"), "utf8"));
    const files = (await readdir(join(ROOT, folder))).filter((file) => LICENSE_FILE.test(file)).sort();
    const texts = await Promise.all(files.map((file) => readFile(join(ROOT, folder, file), "utf8")));
    notices.set(
      `${name} ${version}`,
      [`${name} ${version} (${license})`, ...texts.map((text) => text.trim())].join("\n\n"),
    );
  }
  const sorted = [...notices].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, notice]) => notice);
  await writeFile(join(STAGE, "THIRD_PARTY_NOTICES.txt"), `${sorted.join(`\n\n${"-".repeat(72)}\n\n`)}\n`);
}

async function pack(target: string, file: string): Promise<void> {
  const manifestOfVsce = createRequire(import.meta.url).resolve("@vscode/vsce/package.json");
  const options = ["--target", target, "--out", file, "--no-dependencies", "--no-rewrite-relative-links"];
  await mkdir(dirname(file), { recursive: true });
  await promisify(execFile)(
    process.execPath,
    [join(dirname(manifestOfVsce), "vsce"), "package", ...options, "--allow-missing-repository"],
    { cwd: STAGE, maxBuffer: 16 * BYTES_PER_MB },
  );
}

async function report(file: string): Promise<void> {
  const entries = await Promise.all(
    (await filesUnder(STAGE)).map(async (path) => ({ path: relative(STAGE, path), bytes: (await stat(path)).size })),
  );
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${relative(process.cwd(), file)}: ${inMb((await stat(file)).size)}`);
  console.log(`${entries.length} files, ${inMb(total)} unpacked; the largest:`);
  for (const { path, bytes } of entries.sort((a, b) => b.bytes - a.bytes).slice(0, LISTED_ENTRIES)) {
    console.log(`${inMb(bytes).padStart(10)}  ${path}`);
  }
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
