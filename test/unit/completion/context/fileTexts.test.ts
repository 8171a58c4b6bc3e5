// Tests that no text comes into a completion's context that must not: secrets, ignored files, and what lies outside.
import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { FileTexts } from "../../../../server/src/completion/context/fileTexts.ts";
import { fileUri } from "../../../../server/src/uris.ts";
import { Overlaid } from "../../codebase/overlaid.ts";
import { type Tree, withTree } from "../../codebase/tempTree.ts";

const TOKEN = `gh${"p_"}${"aB3dE5gH7j".repeat(4).slice(0, 36)}`;
const TREE: Tree = {
  ".gitignore": "ignored.ts\n",
  ".env": "PASSWORD=x\n",
  "ignored.ts": "const a = 1;\n",
  "plain.ts": "const a = 1;\r\nconst b = 2;\r\n",
  "secret.ts": `const token = "${TOKEN}";\n`,
  "data.bin": "\0\0\0",
  "node_modules/x/index.js": "module.exports = 1;\n",
};

/** @param test Gets the folder that is open; beside it lies a file. */
async function inTree(test: (place: Overlaid, texts: FileTexts, root: string) => Promise<void>): Promise<void> {
  const inside = Object.entries(TREE).map(([path, content]) => [`work/${path}`, content]);
  await withTree({ "outside.ts": "outside", ...Object.fromEntries(inside) }, async (around) => {
    const root = join(around, "work");
    const place = new Overlaid(root);
    await place.workspace.files();
    await test(place, new FileTexts(place), root);
  });
}

describe("texts for the context", () => {
  it("have line feeds alone, by path and by any spelling of the uri", () =>
    inTree(async (place, texts) => {
      const byPath = await texts.ofPath("plain.ts");
      assert.equal(byPath?.text, "const a = 1;\nconst b = 2;\n");
      assert.equal(await texts.ofUri(place.uri("plain.ts").replace("plain", "pl%61in")), byPath);
    }));

  it("are none of what is secret, ignored, not text or not there", () =>
    inTree(async (_, texts) => {
      const paths = Object.keys(TREE).filter((path) => path !== "plain.ts" && path !== ".gitignore");
      const read = await Promise.all([...paths, "gone.ts"].map((path) => texts.ofPath(path)));
      assert.deepEqual(
        read.map((file) => file?.path),
        read.map(() => undefined),
      );
    }));

  it("are none of what lies outside", () =>
    inTree(async (place, texts, root) => {
      await symlink("/etc/hostname", join(root, "link.ts"));
      place.workspace.forget();
      await place.workspace.files();
      for (const path of ["../outside.ts", "a/../../outside.ts", "/etc/hostname", "link.ts", ""]) {
        assert.equal(await texts.ofPath(path), undefined, path);
      }
      for (const uri of [fileUri(join(root, "../outside.ts")), "file:///etc/hostname", "untitled:1", "not a uri"]) {
        assert.equal(await texts.ofUri(uri), undefined, uri);
      }
    }));

  it("are those of the editor, and none once a secret was typed", () =>
    inTree(async (place, texts) => {
      place.type("plain.ts", "typed\r\n");
      assert.equal((await texts.ofPath("plain.ts"))?.text, "typed\n");
      place.type("plain.ts", `typed "${TOKEN}"`);
      assert.equal(await texts.ofPath("plain.ts"), undefined);
      place.type("plain.ts", "typed again");
      assert.equal((await texts.ofPath("plain.ts"))?.text, "typed again");
    }));

  it("are read once until they are forgotten, and not at all when a rule has come since", () =>
    inTree(async (place, texts) => {
      const before = await texts.ofPath("plain.ts");
      await place.save("plain.ts", "changed\n");
      assert.equal(await texts.ofPath("plain.ts"), before);
      texts.forget();
      assert.equal((await texts.ofPath("plain.ts"))?.text, "changed\n");
      await place.save(".gitignore", "*.ts\n");
      await place.workspace.files();
      assert.equal(await texts.ofPath("plain.ts"), undefined);
    }));
});
