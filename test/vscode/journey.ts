// One test in a real window: starts what it needs, takes a picture at its end, and lets no error pass unseen.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext } from "playwright-core";
import { CodeServer } from "./codeServer.ts";
import { complaints } from "./complaints.ts";
import { stage } from "./stage.ts";
import { Workbench } from "./workbench.ts";

/** Pictures and logs of the last run; git ignores it. */
const RESULTS = join(import.meta.dirname, "..", "..", ".build", "vscode");

/** A few small files with symbols to find. */
export const SAMPLE: Record<string, string> = {
  "src/parser.ts":
    "export interface Header {\n  name: string;\n}\n\n/** Reads the first line. */\nexport function parseHeader(text: string): Header {\n  const name = text.split(':')[0] ?? '';\n  return { name };\n}\n",
  "src/render.ts":
    "import { parseHeader } from './parser';\n\nexport function renderTitle(text: string): string {\n  return '<h1>' + parseHeader(text).name + '</h1>';\n}\n",
  "README.md": "# Sample\n\nTurns headers into titles.\n",
};

export interface JourneyOptions {
  /** Files of the workspace; default {@link SAMPLE}. */
  files?: Record<string, string | Uint8Array>;
  /** User settings. */
  settings?: Record<string, unknown>;
  /** What of the workspace is opened: a folder or a `.code-workspace` file in it. */
  opens?: string;
  /** False: the folder is opened in restricted mode. */
  trusted?: boolean;
  /** Put the workspace on a disk that nobody can write to. */
  readOnly?: boolean;
  /** Environment variables of everything that runs, on top of the test's own. */
  env?: NodeJS.ProcessEnv;
  /** Complaints that the journey provokes; each must come. */
  provokes?: RegExp[];
}

/** What a journey has at hand. */
export interface Journey {
  workbench: Workbench;
  server: CodeServer;
  /** Opens one more window, of the same folder unless told otherwise. */
  openWindow(path?: string): Promise<Workbench>;
  /** Takes a picture on the way. */
  picture(name: string): Promise<void>;
}

/**
 * Registers a test in a window of its own, on a server, folders and settings of its own.
 * @param title What a user can rely on.
 * @param walk What the user does and sees.
 */
export function journey(title: string, walk: (journey: Journey) => Promise<void>): void;
export function journey(title: string, options: JourneyOptions, walk: (journey: Journey) => Promise<void>): void;
export function journey(
  title: string,
  optionsOrWalk: JourneyOptions | ((journey: Journey) => Promise<void>),
  maybeWalk?: (journey: Journey) => Promise<void>,
): void {
  const [options, walk] = typeof optionsOrWalk === "function" ? [{}, optionsOrWalk] : [optionsOrWalk, maybeWalk!];
  it(title, async function () {
    const name = this.test!.fullTitle();
    const { entry, extensionsDir, browser } = stage();
    const server = await CodeServer.start({ files: SAMPLE, ...options, entry, extensionsDir });
    const context = await browser.newContext(WINDOW);
    try {
      await walked(name, options, server, context, walk);
    } catch (error) {
      // Mocha tells only the last attempt's error.
      console.log(`An attempt failed: ${name}\n${(error as Error).stack}`);
      throw error;
    } finally {
      await context.close();
      await server.stop();
    }
  });
}

const WINDOW = { viewport: { width: 1280, height: 800 }, permissions: ["clipboard-read", "clipboard-write"] };

async function walked(
  title: string,
  { opens = "", provokes = [] }: JourneyOptions,
  server: CodeServer,
  context: BrowserContext,
  walk: (journey: Journey) => Promise<void>,
): Promise<void> {
  const windows: Workbench[] = [];
  const openWindow = async (path = opens) => {
    const opened = await Workbench.open(context, server.address(path));
    windows.push(opened);
    return opened;
  };
  try {
    const workbench = await openWindow();
    await walk({ workbench, server, openWindow, picture: (name) => takePicture(workbench, `${title} ${name}`) });
    const consoles = windows.flatMap(({ consoleErrors }) => consoleErrors);
    assert.deepEqual(complaints(consoles, server.logs(), provokes), []);
  } catch (error) {
    keepLogs(title, server);
    throw error;
  } finally {
    for (const [index, opened] of windows.entries()) {
      if (!opened.page.isClosed()) await takePicture(opened, index === 0 ? title : `${title} window ${index + 1}`);
    }
  }
}

async function takePicture(workbench: Workbench, name: string): Promise<void> {
  await workbench.page.screenshot({ path: join(RESULTS, "screenshots", `${fileName(name)}.png`) });
}

/** After a failure the logs say more than the picture. */
function keepLogs(title: string, server: CodeServer): void {
  const folder = join(RESULTS, "logs");
  mkdirSync(folder, { recursive: true });
  const logs = [...server.logs(), ["server", server.output] as const];
  writeFileSync(join(folder, `${fileName(title)}.log`), logs.map(([path, text]) => `== ${path}\n${text}`).join("\n"));
}

function fileName(title: string): string {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}
