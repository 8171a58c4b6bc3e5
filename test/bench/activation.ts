// Bench "activation": what the packed extension costs at the start of a real VS Code, and what its processes take of the memory.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { tinyModelFiles } from "../model/tinyModel.ts";
import { CodeServer } from "../vscode/codeServer.ts";
import { SAMPLE } from "../vscode/journey.ts";
import { clearStage, setUpStage, stage } from "../vscode/stage.ts";
import { Workbench } from "../vscode/workbench.ts";
import type { Bench, Figures } from "./measuring.ts";
import { median, positiveInteger, rounded } from "./measuring.ts";

const DEFAULT_RUNS = 3;
const KB_PER_MB = 1024;
/** In the extension host's log, after the time of the line: VS Code begins to activate the extension. */
const ACTIVATES = /^(\S+ \S+) \[info\] ExtensionService#_doActivateExtension fathom\.fathom,/m;
/** In the extension's log: the server has answered `initialize`. */
const SERVER_RUNS = /^(\S+ \S+) \[info\] Language server: running\.$/m;
const SERVER = "dist/server.mjs";
const ENGINE = "dist/engine.mjs";
const INDEX = "dist/index.mjs";

/** One start; memory in MB, times in ms. */
interface Start {
  activationMs: number;
  serverReadyMs: number;
  serverMb: number;
  engineMb: number;
  indexMb: number;
  serverWithModelMb: number;
  engineWithModelMb: number;
  indexWithModelMb: number;
}

export const activationBench: Bench = {
  summary:
    "activation of the packed extension as VS Code measures it (ms), server ready (ms), memory without and with the tiny model (MB)",
  options: {
    runs: `starts, each of a new server and window (default: ${DEFAULT_RUNS}); FATHOM_VSIX takes a package that is there`,
  },
  async run(values, report) {
    const nRuns = positiveInteger(values, "runs") ?? DEFAULT_RUNS;
    const model = tinyModelFiles().model;
    await setUpStage();
    try {
      const starts: Start[] = [];
      for (let run = 1; run <= nRuns; run++) {
        starts.push(await measureStart(model));
        report(`start ${run} of ${nRuns}: ${JSON.stringify(starts.at(-1))}`);
      }
      return figuresOf(starts);
    } finally {
      await clearStage();
    }
  },
};

function figuresOf(starts: readonly Start[]): Figures {
  const middle = (key: keyof Start) => rounded(median(starts.map((start) => start[key])));
  return {
    starts: starts.length,
    activationMs: middle("activationMs"),
    activationMsEach: starts.map(({ activationMs }) => activationMs),
    serverReadyMs: middle("serverReadyMs"),
    serverRssMb: middle("serverMb"),
    engineRssMb: middle("engineMb"),
    indexRssMb: middle("indexMb"),
    serverRssWithModelMb: middle("serverWithModelMb"),
    engineRssWithModelMb: middle("engineWithModelMb"),
    indexRssWithModelMb: middle("indexWithModelMb"),
  };
}

async function measureStart(model: string): Promise<Start> {
  const { entry, extensionsDir, browser } = stage();
  const settings = { "fathom.model.demo": false };
  const server = await CodeServer.start({ files: SAMPLE, settings, entry, extensionsDir });
  const context = await browser.newContext();
  try {
    const workbench = await Workbench.open(context, server.address());
    await workbench.waitForStatus(/Fathom: no model/);
    const [serverMb, engineMb, indexMb] = [memoryMb(server, SERVER), memoryMb(server, ENGINE), memoryMb(server, INDEX)];
    const activationMs = await activationTime(workbench);
    server.changeSettings({ "fathom.model.path": model });
    await workbench.waitForStatus(/Fathom$/);
    await workbench.waitForFact(/^Read: /);
    return {
      activationMs,
      serverReadyMs: serverReadyMs(server),
      serverMb,
      engineMb,
      indexMb,
      serverWithModelMb: memoryMb(server, SERVER),
      engineWithModelMb: memoryMb(server, ENGINE),
      indexWithModelMb: memoryMb(server, INDEX),
    };
  } finally {
    await context.close();
    await server.stop();
  }
}

/** The editor's own figure, from its list of running extensions. */
async function activationTime(workbench: Workbench): Promise<number> {
  await workbench.run("Developer: Show Running Extensions");
  const row = workbench.page.locator(".runtime-extensions-editor .extension", { hasText: "Fathom" });
  const text = await row.locator(".activation-time").innerText();
  // It lies over everything else.
  await workbench.press("Escape");
  await row.waitFor({ state: "detached" });
  const ms = /(\d+)\s*ms/.exec(text)?.[1];
  assert.ok(ms !== undefined, `VS Code says: ${text}`);
  return Number(ms);
}

/** From the beginning of the activation until the server has answered, by the times in the logs. */
function serverReadyMs(server: CodeServer): number {
  const texts = [...server.logs().values()];
  const [begun, running] = [ACTIVATES, SERVER_RUNS].map((line) => {
    const at = texts.map((text) => line.exec(text)?.[1]).find((time) => time !== undefined);
    assert.ok(at !== undefined, `No log has a line like ${line}`);
    return Date.parse(at);
  });
  return running! - begun!;
}

/** What all processes that run a script have in memory; 0 if there is none. */
function memoryMb(server: CodeServer, script: string): number {
  const ids = server.processes(script);
  if (ids.length === 0) return 0;
  const lines = execFileSync("ps", ["-o", "rss=", "-p", ids.join(",")], { encoding: "utf8" })
    .trim()
    .split("\n");
  return lines.reduce((sum, line) => sum + Number(line) / KB_PER_MB, 0);
}
