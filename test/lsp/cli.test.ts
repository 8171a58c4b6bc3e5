// The command line as a user meets it: the built program as a child process, on a small workspace, with the tiny model.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { applyPatch, parsePatch } from "diff";
import { FathomErrorCodes } from "../../server/src/protocol/errors.ts";
import { tinyModelFiles } from "../model/tinyModel.ts";
import { CLI, type CommandLine, commandLine, finished, LONG_FILE } from "./commandLine.ts";
import { FILES } from "./session.ts";

const SCREENSHOT = fileURLToPath(new URL("../fixtures/screenshot.png", import.meta.url));
const { model: MODEL, mmproj: MMPROJ } = tinyModelFiles();

describe("command line", () => {
  let folder: string;
  let storage: string;
  let start: CommandLine["start"];
  let run: CommandLine["run"];
  let json: CommandLine["json"];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "fathom-cli-"));
    storage = mkdtempSync(join(tmpdir(), "fathom-cli-storage-"));
    for (const [path, text] of Object.entries({ ...FILES, "src/long.ts": LONG_FILE })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    ({ start, run, json } = commandLine(folder, storage));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
    rmSync(storage, { recursive: true, force: true });
  });

  it("finds places without a model", async () => {
    const { places } = await json(0, "search", "parseHeader");
    assert.equal(places[0].path, "src/parser.ts");
    const { stdout } = await run("search", "parseHeader");
    assert.match(stdout, /^src\/parser\.ts:6 {2}export function parseHeader/);
    assert.equal((await run("search", "zzzzqqqq")).stdout, "Nothing was found.\n");
  });

  it("reads, keeps the state on disk, and restores it in the next process", async () => {
    const first = await json(0, "prefill");
    assert.equal(first.origin, "computed");
    assert.equal(first.files, Object.keys(FILES).length + 1);
    assert.ok(first.savedBytes > 0);
    assert.equal(first.figures.evaluatedTokens, first.figures.promptTokens);
    const second = await run("prefill");
    assert.equal(second.code, 0);
    assert.match(second.stdout, /^Restored from disk in .+: 4 files, [\d,]+ tokens\.\n/);
  });

  it("shows where to look before the answer", async () => {
    const { code, stdout, stderr } = await run("ask", "where", "is", "parseHeader");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Where to look\n {2}src\/parser\.ts:6 /);
    assert.match(stderr, /prompt [\d,]+ tokens, [\d,]+ reused/);
    const value = await json(0, "ask", "where is parseHeader");
    assert.equal(value.places[0].path, "src/parser.ts");
    assert.ok(value.text.length > 0);
    assert.equal(value.reading.origin, "snapshot");
    assert.ok(value.figures.reusedTokens >= value.reading.figures.promptTokens);
  });

  it("completes at a cursor, with figures or a reason", async () => {
    const value = await json(0, "complete", "src/parser.ts:7:16");
    assert.deepEqual([value.path, value.line, value.column], ["src/parser.ts", 7, 16]);
    assert.ok(value.figures.promptTokens > 0);
    assert.ok(typeof value.text === "string" || value.reason.length > 0);
  });

  it("proposes an edit as a patch, and writes it only when told to", async () => {
    const file = join(folder, "src/render.ts");
    const before = readFileSync(file, "utf8");
    const args = ["edit", "src/render.ts:3-5", "--instruction", "Add a comment."];
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(file, "utf8"), before);
    const [patch] = parsePatch(stdout);
    assert.ok(patch);
    const patched = applyPatch(before, patch);
    assert.ok(typeof patched === "string" && patched !== before);
    const applied = await json(0, ...args, "--apply");
    assert.equal(applied.applied, true);
    const after = readFileSync(file, "utf8");
    writeFileSync(file, before);
    assert.equal(after, patched);
    assert.equal(applied.diff, stdout);
  });

  it("lists, imports and chooses models", async () => {
    const imported = await json(0, "models", "import", MODEL);
    const used = await json(0, "models", "use", imported.model.id, "--model", imported.model.id);
    assert.equal(used.status.state, "ready");
    const { models } = await json(0, "models");
    const ids = models.map(({ id }: { id: string }) => id);
    assert.ok(ids.includes("demo") && ids.includes(imported.model.id), String(ids));
  });

  it("downloads nothing without consent to the very host", async () => {
    const { models } = await json(0, "models", "list");
    const choice = models.find((model: { installed: boolean }) => !model.installed);
    const { host } = new URL(choice.source);
    const silent = await json(2, "models", "get", choice.id);
    assert.ok(silent.error.message.includes(`--consent ${host}`), silent.error.message);
    const wrong = await json(2, "models", "get", choice.id, "--consent", `not-${host}`);
    assert.match(wrong.error.message, /nothing is downloaded/);
    assert.ok(!readdirSync(storage).includes("models"));
  });

  it("checks the machine, the model and the folders", async () => {
    const { code, stdout } = await run("doctor", "--json");
    const { rows } = JSON.parse(stdout);
    const verdicts = rows.map(({ verdict }: { verdict: string }) => verdict);
    assert.equal(code, verdicts.includes("bad") ? 1 : 0);
    assert.ok(rows.some(({ topic }: { topic: string }) => topic === "model"));
  });

  it("writes the code of an image into a new file, never over another", async () => {
    const out = join(folder, "ui.html");
    const value = await json(0, "ui", SCREENSHOT, "--out", out, "--mmproj", MMPROJ);
    assert.equal(readFileSync(out, "utf8"), `${value.code.trimEnd()}\n`);
    const again = await json(2, "ui", SCREENSHOT, "--out", out);
    assert.match(again.error.message, /exists already/);
    rmSync(out);
  });

  it("says what is wrong with the model", async () => {
    const missing = await json(1, "prefill", "--model", join(folder, "none.gguf"));
    assert.equal(missing.error.code, FathomErrorCodes.modelUnusable);
    const { code, stderr } = await run("prefill", "--model", "no-such-id");
    assert.equal(code, 1);
    const once =
      /^fathom: --model is “no-such-id”, which is neither [^\n]+\(installed: [^\n]+\)\. See “fathom models”, [^\n]+\n$/;
    assert.match(stderr, once);
    assert.doesNotMatch(missing.error.message, /Get Model/);
  });

  it("refuses wrong usage with exit code 2", async () => {
    const cases: [string[], RegExp][] = [
      [["complete", "src/parser.ts:99:1"], /has \d+ lines/],
      [["complete", "src/parser.ts:1:99"], /ends at column/],
      [["complete", "src/none.ts:1:1"], /There is no file src\/none\.ts in /],
      [["complete", "src:1:1"], /src is a folder, not a file/],
      [["ask", ""], /An argument is empty/],
      [["search", "  "], /An argument is empty/],
      [["help", "bogus"], /no command “bogus”.\nSee “fathom help”\.\n$/],
      [["doctor", "--storage", MODEL], /is a file, not a folder, so --storage/],
      [["doctor", "--storage", join(MODEL, "deep", "er")], /is a file, not a folder, so --storage/],
      [["search", "x", "--path", MODEL], /is a file, not a folder; name the folder/],
      [["ui", "none.png"], /There is no file none\.png\./],
      [["ui", SCREENSHOT, "--out", "none/ui.html"], /There is no folder .*none to write none\/ui\.html to/],
      [["edit", "src/parser.ts:1-99", "--instruction", "x"], /has \d+ lines/],
      [["edit", "src/parser.ts"], /--instruction/],
      [["edit", MODEL, "--instruction", "x"], /is not in .*--path/],
      [["ui", "src/parser.ts"], /neither a PNG nor a JPEG/],
      [["prefill", "nowhere"], /no folder/],
      [["models", "sell"], /no action/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await run(...args);
      assert.equal(code, 2, args.join(" "));
      assert.equal(stdout, "");
      assert.match(stderr, message);
    }
  });

  it("takes the paths that a search prints, from another folder too", async () => {
    const elsewhere = commandLine(storage, storage);
    const { stdout } = await elsewhere.run("search", "parseHeader", "--path", folder);
    const path = stdout.split(":")[0] ?? "";
    const value = await elsewhere.json(0, "complete", `${path}:7:16`, "--path", folder);
    assert.equal(value.path, "src/parser.ts");
  });

  it("says before the answer that no file is in the context", async () => {
    const { code, stderr } = await run("ask", "where is parseHeader", "--context", "100");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^No file is in the model's context of 256 tokens \(does not fit: 4\): /m);
    assert.match(stderr, /^Loading the model: 0 %, /);
  });

  it("hears Ctrl+C before there is any work", async () => {
    // Sends the signal as soon as somebody wants to hear it.
    const preload = `const { on } = process;
      process.on = function (event, listener) {
        on.call(this, event, listener);
        if (event === "SIGINT") process.kill(process.pid, "SIGINT");
        return this;
      };`;
    const node = ["--no-warnings", "--import", `data:text/javascript,${encodeURIComponent(preload)}`];
    const { code, stdout, stderr } = await finished(spawn(process.execPath, [...node, CLI, "doctor"]));
    assert.equal(code, 130, stderr);
    assert.match(stderr, /Cancelled\.\n$/);
    assert.equal(stdout, "");
  });

  it("ends with 130 when the user stops it, and its server with it", async () => {
    const large = mkdtempSync(join(tmpdir(), "fathom-cli-large-"));
    for (let n = 0; n < 40; n++) writeFileSync(join(large, `part${n}.ts`), LONG_FILE);
    try {
      const child = start("prefill", large, "--context", "131072");
      // The first line of progress in which something is read.
      child.stderr.on("data", (data) => String(data).includes(" of ") && child.kill("SIGINT"));
      const { code, stdout, stderr } = await finished(child);
      assert.equal(code, 130, stderr);
      assert.match(stdout, /^Reading was stopped after [\d,]+ of [\d,]+ tokens\./);
      assert.match(stderr, /Stopping\./);
    } finally {
      rmSync(large, { recursive: true, force: true });
    }
  });

  it("says that a model without a projector cannot see", async () => {
    const alone = join(storage, "alone.gguf");
    copyFileSync(MODEL, alone);
    const { error } = await json(1, "ui", SCREENSHOT, "--model", alone);
    assert.equal(error.code, FathomErrorCodes.modelUnusable);
  });

  it("shows everything in the tour, with figures for each step, and writes nothing", async () => {
    const value = await json(0, "tour");
    const steps = value.steps.map(({ step }: { step: string }) => step);
    assert.deepEqual(steps, ["read", "restore", "ask", "complete", "edit"]);
    const [read, restore, ask, complete, edit] = value.steps;
    assert.equal(read.outcome.origin, "computed");
    assert.equal(restore.outcome.origin, "snapshot");
    assert.ok(restore.restartMs > 0);
    assert.equal(restore.figures.reusedTokens, read.figures.promptTokens);
    assert.equal(ask.question, "Where is `longFunction` defined and what does it do?");
    assert.equal(ask.places[0].path, "src/long.ts");
    assert.ok(ask.figures.reusedTokens >= read.figures.promptTokens);
    assert.equal(complete.path, "src/long.ts");
    assert.equal(complete.tried[0].actual, "value + 1;");
    assert.equal(edit.path, "src/long.ts");
    for (const { step, figures } of value.steps) assert.ok(figures.totalMs > 0, step);
    assert.equal(readFileSync(join(folder, "src/long.ts"), "utf8"), LONG_FILE);
  });
});
