// Tests that a folder is made with all it lies in, and that what is in the way is an error at once, never a wait.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeFolder } from "../../../server/src/makeFolder.ts";

const MODULE = new URL("../../../server/src/makeFolder.ts", import.meta.url).href;
const onLinux = process.platform === "linux" ? it : it.skip;
const onPosix = process.platform === "win32" ? it.skip : it;

describe("makeFolder", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "fathom-folder-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("makes a folder and those it lies in, and is content with what is there", async () => {
    const folder = join(root, "a", "b", "c");
    for (let time = 0; time < 2; time++) {
      await makeFolder(folder);
      assert.ok(statSync(folder).isDirectory());
    }
  });

  // Node's own `recursive` never returns there.
  onLinux("fails at once where the system makes no folders", async () => {
    for (const folder of ["/proc/nope", "/proc/nope/x", "/proc/nope/x/y"]) {
      await assert.rejects(makeFolder(folder), { code: "ENOENT", path: "/proc/nope" });
    }
  });

  it("does not take a file for a folder", async () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    await assert.rejects(makeFolder(file), { code: "EEXIST" });
    for (const folder of [join(file, "x"), join(file, "x", "y")]) {
      await assert.rejects(makeFolder(folder), ({ code }) => ["EEXIST", "ENOTDIR"].includes(code));
    }
  });

  onPosix("goes through links to folders, and fails at one that leads nowhere", async () => {
    mkdirSync(join(root, "real"));
    symlinkSync(join(root, "real"), join(root, "link"));
    await makeFolder(join(root, "link", "x"));
    assert.ok(statSync(join(root, "real", "x")).isDirectory());
    const dangling = join(root, "dangling");
    symlinkSync(join(root, "nowhere"), dangling);
    for (const folder of [dangling, join(dangling, "x"), join(dangling, "x", "y")]) {
      await assert.rejects(makeFolder(folder), { code: "EEXIST", path: dangling });
    }
    assert.equal(readlinkSync(dangling), join(root, "nowhere"));
  });

  it("lets several processes make the same folders at once", async () => {
    const script = `
      import { join } from "node:path";
      import { makeFolder } from ${JSON.stringify(MODULE)};
      for (let n = 0; n < 300; n++) await makeFolder(join(process.argv[1], String(n), "a", "b"));`;
    const run = () => promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script, root]);
    await Promise.all([run(), run(), run()]);
    assert.ok(statSync(join(root, "299", "a", "b")).isDirectory());
  });
});
