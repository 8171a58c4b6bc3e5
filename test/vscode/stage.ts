// What all tests in VS Code share and mocha sets up once: the packed extension, installed, and a browser.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { packFor } from "../../vsix.ts";
import { CodeServer, installExtension } from "./codeServer.ts";
import { install } from "./setup.ts";

const BROWSER_FLAGS = [
  // Chromium refuses to run as root with its sandbox, and containers rarely allow it; only our own pages are shown.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  // No other name resolves: whatever the workbench shows comes from this machine.
  "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
];

export interface Stage {
  /** The script that starts VS Code's server. */
  entry: string;
  /** Where the packed extension is installed. */
  extensionsDir: string;
  browser: Browser;
}

let prepared: (Stage & { folder: string }) | undefined;

/** What {@link setUpStage} prepared. */
export function stage(): Stage {
  if (prepared === undefined) throw new Error("Run these tests with: npm run test:vscode");
  return prepared;
}

/** Packs what is built (or takes FATHOM_VSIX), installs the package as a user does, and starts a browser. */
export async function setUpStage(): Promise<void> {
  const { serverEntry: entry, chromium: executablePath } = await install();
  const folder = mkdtempSync(join(tmpdir(), "fathom-stage-"));
  const extensionsDir = join(folder, "extensions");
  await installExtension(entry, process.env.FATHOM_VSIX ?? (await packed(folder)), extensionsDir);
  const browser = await chromium.launch({ executablePath, args: BROWSER_FLAGS });
  prepared = { entry, extensionsDir, browser, folder };
}

/** Ends what {@link setUpStage} began. */
export async function clearStage(): Promise<void> {
  await prepared?.browser.close();
  if (prepared) rmSync(prepared.folder, { recursive: true, force: true });
}

/** Called by mocha before the first test. */
export const mochaGlobalSetup = setUpStage;

/** How often each test was begun, by its title. */
const attempts = new Map<string, number>();

/** Called by mocha around each attempt at a test. */
export const mochaHooks = {
  beforeEach(this: Mocha.Context) {
    const title = this.currentTest!.fullTitle();
    attempts.set(title, (attempts.get(title) ?? 0) + 1);
  },
  afterEach: () => CodeServer.stopAll(),
};

/** Called by mocha after the last test; says how many were tried once more, which is none as long as all is well. */
export async function mochaGlobalTeardown(): Promise<void> {
  await clearStage();
  const retried = [...attempts].filter(([, count]) => count > 1).map(([title]) => title);
  console.log([`Retries: ${retried.length}`, ...retried].join("\n  "));
}

async function packed(folder: string): Promise<string> {
  const { file } = await packFor(`${process.platform}-${process.arch}`, join(folder, "fathom.vsix"));
  return file;
}
