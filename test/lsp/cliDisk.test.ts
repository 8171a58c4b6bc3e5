// What the command line makes costs minutes: where it cannot be written, it is said before the model starts, or the result is printed.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parsePatch } from "diff";
import { tinyModelFiles } from "../model/tinyModel.ts";
import { type CommandLine, commandLine } from "./commandLine.ts";
import { SmallDisk } from "./smallDisk.ts";

const SCREENSHOT = fileURLToPath(new URL("../fixtures/screenshot.png", import.meta.url));
const SEES = ["--mmproj", tinyModelFiles().mmproj];
const SOURCE = "export function twice(value: number): number {\n  return value * 2;\n}\n";
const DISK_BYTES = 256 * 1024;

describe("command line on a disk that fails", () => {
  let storage: string;
  let disk: SmallDisk;
  let commands: CommandLine;

  beforeEach(() => {
    storage = mkdtempSync(join(tmpdir(), "fathom-cli-storage-"));
    disk = new SmallDisk(DISK_BYTES);
    writeFileSync(join(disk.folder, "twice.ts"), SOURCE);
    commands = commandLine(disk.folder, storage);
  });
  afterEach(() => {
    disk.release();
    rmSync(storage, { recursive: true, force: true });
  });

  /** A file as large as what is free. */
  const fill = () => {
    try {
      writeFileSync(join(disk.folder, "filler.bin"), Buffer.alloc(2 * DISK_BYTES));
      assert.fail("the disk has room");
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    }
  };

  it("read-only: refuses a new file before the model starts", async () => {
    disk.makeReadOnly();
    const { code, stdout, stderr } = await commands.run("ui", SCREENSHOT, "--out", "ui.html", ...SEES);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^fathom: Nothing can be written to .*: the disk is read-only\.\n/);
    assert.doesNotMatch(stderr, /tokens/);
  });

  it("full: prints the code of an image and leaves no half file", async () => {
    fill();
    const { code, stdout, stderr } = await commands.run("ui", SCREENSHOT, "--out", "ui.html", ...SEES);
    assert.equal(code, 1, stderr);
    assert.ok(stdout.trim().length > 0);
    assert.match(stderr, /^fathom: ui\.html could not be written: the disk is full\. The code was printed instead\.$/m);
    assert.ok(!readdirSync(disk.folder).includes("ui.html"));
    const value = await commands.json(1, "ui", SCREENSHOT, "--out", "ui.html", ...SEES);
    assert.match(value.error.message, /the disk is full/);
    assert.ok(value.code.length > 0);
  });

  it("read-only: shows a change and says in words that nothing was written", async () => {
    disk.makeReadOnly();
    const args = ["edit", "twice.ts", "--instruction", "Add a comment.", "--apply"];
    const { code, stdout, stderr } = await commands.run(...args);
    assert.equal(code, 1, stderr);
    assert.equal(parsePatch(stdout).length, 1);
    assert.match(stderr, /^fathom: twice\.ts cannot be written: the disk is read-only\. Nothing was written\.$/m);
    assert.doesNotMatch(stderr, /EROFS/);
    const value = await commands.json(1, ...args);
    assert.deepEqual([value.applied, value.diff], [false, stdout]);
    assert.match(value.error.message, /the disk is read-only/);
    assert.equal(readFileSync(join(disk.folder, "twice.ts"), "utf8"), SOURCE);
  });
});
