// Tests that nothing ships without its licence: packages with a file of their own, those that are known here, and none else.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noticesOf } from "../../notices.ts";

describe("noticesOf", () => {
  const root = mkdtempSync(join(tmpdir(), "fathom-notices-"));
  after(() => rmSync(root, { recursive: true }));

  function packageOf(name: string, license: string, files: Record<string, string> = {}): string {
    const folder = join(root, name);
    mkdirSync(folder, { recursive: true });
    const content = { ...files, "package.json": JSON.stringify({ name, version: "1.0.0", license }) };
    for (const [file, text] of Object.entries(content)) writeFileSync(join(folder, file), text);
    return folder;
  }

  it("repeats the files that a package brings", async () => {
    const folder = packageOf("whole", "ISC", { "LICENSE.md": "Copyright Somebody\n", NOTICE: "and others\n" });
    assert.ok((await noticesOf([folder])).includes("whole 1.0.0 (ISC)\n\nCopyright Somebody\n\nand others\n"));
  });

  it("knows whose the packages are that bring none, and what is inside binaries", async () => {
    const notices = await noticesOf([packageOf("@lancedb/lancedb", "Apache-2.0"), packageOf("@fugood/x", "MIT")]);
    assert.match(
      notices,
      /@lancedb\/lancedb 1\.0\.0 \(Apache-2\.0\)\n\nCopyright The LanceDB Authors\n\nLicensed under/,
    );
    assert.match(notices, /@fugood\/x 1\.0\.0 \(MIT\)\n\nCopyright .* llama\.node.*\n\nMIT License\n\nPermission/);
    assert.match(notices, /llama\.cpp and ggml.*\n\nCopyright .* The ggml authors/);
  });

  it("lets no package ship without a licence, nor one whose licence is another now", async () => {
    const message = /brings no licence file\. Look up whose it is and name it in notices\.ts\.$/;
    await assert.rejects(noticesOf([packageOf("unknown", "MIT")]), message);
    await assert.rejects(noticesOf([packageOf("@simple-git/other", "GPL-3.0")]), message);
  });
});
