// Tests that packages which were downloaded later are found, in a process of its own: the hooks hold for a whole process.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const MODULE = new URL("../../../engine/src/laterPackages.ts", import.meta.url).href;
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** Of another platform: npm did not install it here. */
const LATER = "@node-llama-cpp/win-x64-cuda";

describe("findLaterPackagesIn", () => {
  const folder = mkdtempSync(join(tmpdir(), "fathom-later-"));
  const entry = join(folder, LATER, "dist/index.js");

  before(() => {
    for (const name of [LATER, "@node-llama-cpp/linux-x64", "other"]) {
      const file = join(folder, name, "dist/index.js");
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "export const where = import.meta.url;\n");
      writeFileSync(join(folder, name, "package.json"), '{ "type": "module" }');
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What an import gives in a process that looks in the folder: the module's own address, or the code of the failure. */
  async function imported(name: string, looksIn = folder): Promise<string> {
    const code = `
      import { findLaterPackagesIn } from ${JSON.stringify(MODULE)};
      findLaterPackagesIn(${JSON.stringify(looksIn)});
      const found = await import(${JSON.stringify(name)}).catch((error) => ({ where: error.code }));
      console.log(found.where ?? "a module of its own");`;
    const options = { cwd: ROOT };
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], options);
    return stdout.trim();
  }

  it("finds binaries that npm did not install", async () => {
    assert.equal(await imported(LATER), pathToFileURL(entry).href);
  });

  it("leaves what is installed as it is", async () => {
    assert.equal(await imported("@node-llama-cpp/linux-x64"), "a module of its own");
  });

  it("finds nothing else, and fails as before where there is nothing", async () => {
    for (const name of ["other", "@node-llama-cpp/../other", "@node-llama-cpp/win-x64-cuda-ext"]) {
      assert.equal(await imported(name), "ERR_MODULE_NOT_FOUND", name);
    }
    assert.equal(await imported(LATER, join(folder, "nowhere")), "ERR_MODULE_NOT_FOUND");
  });
});
