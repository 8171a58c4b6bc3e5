// Runs the suites of inHost/ inside the real extension host; what fails there fails here.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { CodeServer } from "./codeServer.ts";
import { complaints, watchConsole } from "./complaints.ts";
import { RESULTS_VARIABLE, type Result } from "./inHost/run.ts";
import { SAMPLE } from "./journey.ts";
import { stage } from "./stage.ts";

const BUILT = join(import.meta.dirname, "..", "..", ".build", "vscode", "inHost");
const EXTENSION = join(BUILT, "tests");
const FILES = { ...SAMPLE, ".fathomignore": "*.log\n" };

/** Of all suites; a suite that is not found would pass unseen. */
const LEAST_TESTS = 9;

describe("inside the extension host", () => {
  // One test for the whole run, and not one for each of its tests: so a run that failed is tried once more as any journey.
  it("all suites pass", async () => {
    const results = await runInHost();
    assert.ok(results.length >= LEAST_TESTS, `${results.length} tests`);
    const failures = results.filter(({ error }) => error !== undefined);
    assert.deepEqual(failures, []);
  });
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
