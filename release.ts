// Publishes the packages of all platforms to the Visual Studio Marketplace and to Open VSX; `--dry-run` uploads nothing.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { type Packed, packFor, TARGETS } from "./vsix.ts";

const ROOT = import.meta.dirname;
/** Where the packages of a release are put. */
const RELEASE = join(ROOT, ".build", "release");

/** Fetched only here (EPL-2.0): whoever builds or tests Fathom does not need it. */
const OVSX = "ovsx@1.4.0";

/** Where extensions are published. */
interface Store {
  name: string;
  /** The environment variable with the token; never an argument, which every process of the machine could read. */
  tokenVariable: string;
  /** Command and arguments that upload these packages. */
  command(packages: readonly string[]): string[];
}

const STORES: Record<string, Store> = {
  marketplace: {
    name: "the Visual Studio Marketplace",
    tokenVariable: "VSCE_PAT",
    command: (packages) => [process.execPath, vsce(), "publish", "--skip-duplicate", "--packagePath", ...packages],
  },
  "open-vsx": {
    name: "Open VSX",
    tokenVariable: "OVSX_PAT",
    command: (packages) => [
      "npm",
      "exec",
      "--yes",
      `--package=${OVSX}`,
      "--",
      "ovsx",
      "publish",
      "--skip-duplicate",
      "--packagePath",
      ...packages,
    ],
  },
};

/** What a release is checked by. */
export interface ReleaseFacts {
  /** Version in package.json. */
  version: string;
  /** Text of CHANGELOG.md. */
  changelog: string;
  /** `git status --porcelain`: empty if everything is committed. */
  uncommitted: string;
  /** Names of the tags at the commit that is packed. */
  tags: readonly string[];
}

/**
 * Why these sources are no release.
 * @returns Sentences; none if it may be published.
 */
export function releaseProblems({ version, changelog, uncommitted, tags }: ReleaseFacts): string[] {
  const problems: string[] = [];
  const heading = changelog.split("\n").find((line) => line.startsWith(`## [${version}]`));
  if (heading === undefined) problems.push(`CHANGELOG.md has no section "## [${version}] - date".`);
  else if (!/^## \[[^\]]+\] - \d{4}-\d{2}-\d{2}$/.test(heading))
    problems.push(`CHANGELOG.md: "${heading}" has no date.`);
  if (uncommitted.trim() !== "") problems.push("There are changes that are not committed.");
  if (!tags.includes(`v${version}`)) problems.push(`The commit has no tag v${version}.`);
  return problems;
}

async function main(): Promise<void> {
  const {
    to,
    target,
    "dry-run": dryRun,
  } = parseArgs({
    options: {
      to: { type: "string", multiple: true, default: Object.keys(STORES) },
      target: { type: "string", multiple: true, default: [...TARGETS] },
      "dry-run": { type: "boolean", default: false },
    },
  }).values;
  const stores = to.map(storeNamed);
  const problems = [...releaseProblems(await releaseFacts()), ...(dryRun ? [] : missingTokens(stores))];
  for (const problem of problems) console.error(problem);
  if (problems.length > 0 && !dryRun) throw new Error("Nothing was packed or published.");

  const packages = await packAll(target);
  for (const { name, command } of stores) {
    const words = command(packages.map(({ file }) => file));
    console.log(`${dryRun ? "Would publish" : "Publishing"} to ${name}: ${words.join(" ")}`);
    if (!dryRun) await run(words);
  }
  if (problems.length > 0) process.exitCode = 1;
}

function storeNamed(name: string): Store {
  const store = STORES[name];
  if (store !== undefined) return store;
  throw new Error(`There is no store "${name}". Choose of: ${Object.keys(STORES).join(", ")}.`);
}

function missingTokens(stores: readonly Store[]): string[] {
  const missing = stores.filter(({ tokenVariable }) => !process.env[tokenVariable]);
  return missing.map(({ name, tokenVariable }) => `The token for ${name} is not in ${tokenVariable}.`);
}

/** All are packed before the first is uploaded: a release of some platforms only would be worse than none. */
async function packAll(targets: readonly string[]): Promise<Packed[]> {
  const packages: Packed[] = [];
  for (const target of targets) {
    const packed = await packFor(target, join(RELEASE, `fathom-${target}.vsix`));
    console.log(`${packed.file}: ${packed.vsixBytes} of at most ${packed.budgetBytes} bytes`);
    packages.push(packed);
  }
  const large = packages.filter(({ vsixBytes, budgetBytes }) => vsixBytes > budgetBytes);
  if (large.length === 0) return packages;
  throw new Error(`Over their budget, so nothing was published: ${large.map(({ target }) => target).join(", ")}.`);
}

async function releaseFacts(): Promise<ReleaseFacts> {
  const text = (name: string) => readFile(join(ROOT, name), "utf8");
  const git = async (...args: string[]) => (await promisify(execFile)("git", args, { cwd: ROOT })).stdout;
  const { version } = JSON.parse(await text("package.json"));
  const tags = (await git("tag", "--points-at", "HEAD")).split("\n");
  return { version, changelog: await text("CHANGELOG.md"), uncommitted: await git("status", "--porcelain"), tags };
}

function vsce(): string {
  return join(dirname(createRequire(import.meta.url).resolve("@vscode/vsce/package.json")), "vsce");
}

async function run([command = "", ...args]: string[]): Promise<void> {
  const child = spawn(command, args, { stdio: "inherit", shell: process.platform === "win32" && command === "npm" });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${command} ended with exit code ${code}. What it uploaded before stays published.`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
