// Runs the suites of inHost/ inside the real extension host and reports each of their tests as one of ours.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { Test } from "mocha";
import { CodeServer } from "./codeServer.ts";
import { complaints, watchConsole } from "./complaints.ts";
import { RESULTS_VARIABLE, type Result } from "./inHost/run.ts";
import { SAMPLE } from "./journey.ts";
import { stage } from "./stage.ts";

const BUILT = join(import.meta.dirname, "..", "..", ".build", "vscode", "inHost");
const EXTENSION = join(BUILT, "tests");
const FILES = { ...SAMPLE, ".fathomignore": "*.log\n" };

describe("inside the extension host", () => {
  let results: Result[] = [];

  before(async function () {
    results = await runInHost();
    // Added here, because their titles are known only now; mocha looks for tests after this hook.
    for (const { title, error } of results) {
      const check = () => {
        if (error !== undefined) throw new Error(error);
      };
      this.test!.parent!.addTest(new Test(title, check));
    }
  });

  it("all suites were run", () => assert.ok(results.length >= 9, `${results.length} tests`));
});

async function runInHost(): Promise<Result[]> {
  const { entry, extensionsDir, browser } = stage();
  const testsPath = await buildSuites();
  const resultsFile = join(BUILT, "results.json");
  writeFileSync(resultsFile, "[]");
  const env = { [RESULTS_VARIABLE]: resultsFile };
  const server = await CodeServer.start({ entry, extensionsDir, files: FILES, runsTests: true, env });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const errors = watchConsole(page);
    const ended = new Promise<void>((resolve) => void page.exposeFunction("codeAutomationExit", () => resolve()));
    await page.exposeFunction("codeAutomationLog", () => {});
    await page.goto(addressWithTests(server, testsPath));
    await ended;
    assert.deepEqual(complaints(errors, server.logs(), []), []);
    return JSON.parse(readFileSync(resultsFile, "utf8"));
  } finally {
    await context.close();
    await server.stop();
  }
}

/** @returns The bundle; the extension host loads it as CommonJS. */
async function buildSuites(): Promise<string> {
  const outfile = join(EXTENSION, "suites.cjs");
  await build({
    entryPoints: [join(import.meta.dirname, "inHost", "run.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["vscode", "mocha"],
  });
  // VS Code runs tests for an extension under development; ours is installed from its package, so this one has only tests.
  const manifest = { name: "tests", publisher: "fathom", version: "0.0.1", engines: { vscode: "*" } };
  writeFileSync(join(EXTENSION, "package.json"), JSON.stringify(manifest));
  return outfile;
}

/** A server's window takes paths as remote ones, named by host and port of its page. */
function addressWithTests(server: CodeServer, testsPath: string): string {
  const remote = (path: string) => `vscode-remote://${new URL(server.url).host}${path}`;
  const payload = [
    ["extensionDevelopmentPath", remote(EXTENSION)],
    ["extensionTestsPath", remote(testsPath)],
  ];
  return `${server.address()}&payload=${encodeURIComponent(JSON.stringify(payload))}`;
}
