// What all tests in VS Code share and mocha sets up once: the packed extension, installed, and a browser.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { packFor } from "../../vsix.ts";
import { installExtension } from "./codeServer.ts";
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

/** What {@link mochaGlobalSetup} prepared. */
export function stage(): Stage {
  if (prepared === undefined) throw new Error("Run these tests with: npm run test:vscode");
  return prepared;
}

/** Called by mocha before the first test: packs what is built (or takes FATHOM_VSIX), and installs the package as a user does. */
export async function mochaGlobalSetup(): Promise<void> {
  const { serverEntry: entry, chromium: executablePath } = await install();
  const folder = mkdtempSync(join(tmpdir(), "fathom-stage-"));
  const extensionsDir = join(folder, "extensions");
  await installExtension(entry, process.env.FATHOM_VSIX ?? (await packed(folder)), extensionsDir);
  const browser = await chromium.launch({ executablePath, args: BROWSER_FLAGS });
  prepared = { entry, extensionsDir, browser, folder };
}

/** Called by mocha after the last test. */
export async function mochaGlobalTeardown(): Promise<void> {
  await prepared?.browser.close();
  if (prepared) rmSync(prepared.folder, { recursive: true, force: true });
}

async function packed(folder: string): Promise<string> {
  const { file } = await packFor(`${process.platform}-${process.arch}`, join(folder, "fathom.vsix"));
  return file;
}
