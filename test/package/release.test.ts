// Runs the release as its maintainer does, without uploading: what it would publish where, and when it refuses.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { filesIn } from "./vsixFile.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const HERE = `${process.platform}-${process.arch}`;

function release(...args: string[]) {
  const { VSCE_PAT: _marketplace, OVSX_PAT: _openVsx, ...env } = process.env;
  return spawnSync(process.execPath, ["--no-warnings", "release.ts", ...args], { cwd: ROOT, env, encoding: "utf8" });
}

describe("release", () => {
  it("packs in a dry run and says what it would publish where", async () => {
    const { stdout, stderr } = release("--dry-run", "--target", HERE);
    const lines = stdout.split("\n").filter((line) => line.startsWith("Would publish"));
    assert.equal(lines.length, 2, stderr);
    assert.match(lines[0]!, /to the Visual Studio Marketplace: .*vsce publish .*--packagePath \S+\.vsix$/);
    assert.match(lines[1]!, /to Open VSX: .*ovsx publish .*--packagePath \S+\.vsix$/);
    const file = /(\S+\.vsix)$/.exec(lines[0]!)![1]!;
    assert.ok((await filesIn(file)).some(({ path }) => path === "extension/package.json"));
  });

  it("publishes nothing without a token", () => {
    const { status, stdout, stderr } = release("--to", "open-vsx", "--target", HERE);
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /The token for Open VSX is not in OVSX_PAT\./);
    assert.match(stderr, /Nothing was packed or published\./);
  });

  it("knows two stores", () => {
    const { status, stderr } = release("--to", "elsewhere", "--dry-run");
    assert.equal(status, 1);
    assert.equal(stderr, 'There is no store "elsewhere". Choose of: marketplace, open-vsx.\n');
  });
});
