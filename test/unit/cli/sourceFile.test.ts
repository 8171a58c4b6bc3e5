// Tests of finding a file that people name: from the current folder, from the one to work on, not there, outside of it.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSourceFile } from "../../../server/src/cli/sourceFile.ts";

describe("cli source file", () => {
  const started = process.cwd();
  let outer: string;
  let inner: string;

  before(() => {
    outer = realpathSync(mkdtempSync(join(tmpdir(), "fathom-source-")));
    inner = join(outer, "inner");
    mkdirSync(join(inner, "src"), { recursive: true });
    for (const path of ["a.ts", "inner/a.ts", "inner/src/b.ts"]) writeFileSync(join(outer, path), `${path}\n`);
    process.chdir(outer);
  });
  after(() => {
    process.chdir(started);
    rmSync(outer, { recursive: true, force: true });
  });

  const textOf = async (folder: string, file: string) => (await readSourceFile(folder, file)).text;
  const refuses = (folder: string, file: string, message: string) =>
    assert.rejects(readSourceFile(folder, file), { name: "UsageError", message });

  it("looks in the current folder first, then in the one to work on", async () => {
    assert.equal(await textOf(outer, "a.ts"), "a.ts\n");
    assert.equal(await textOf(inner, join("inner", "a.ts")), "inner/a.ts\n");
    assert.equal(await textOf(inner, join("src", "b.ts")), "inner/src/b.ts\n");
    assert.equal((await readSourceFile(inner, join("src", "b.ts"))).path, "src/b.ts");
  });

  it("takes the one in the folder to work on when the current folder has one of the same name outside of it", async () => {
    assert.equal(await textOf(inner, "a.ts"), "inner/a.ts\n");
  });

  it("tells a file that is missing from one that is elsewhere, and from a folder", async () => {
    await refuses(inner, "none.ts", `There is no file none.ts in ${inner}.`);
    rmSync(join(inner, "a.ts"));
    await refuses(inner, "a.ts", `a.ts is not in ${inner}; name its folder with --path.`);
    await refuses(inner, "src", "src is a folder, not a file.");
  });
});
