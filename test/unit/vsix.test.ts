// Tests of the packaging's pure parts: binaries by platform, the shipped manifest, the README, packages of paths.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { binaryPackages, manifestsAbove, packageFolder, readmeOfPackage, shippedManifest } from "../../vsix.ts";

const root = new URL("../../", import.meta.url);
const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, root), "utf8"));
const TARGETS = ["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64", "win32-arm64"];

describe("vsix", () => {
  for (const target of TARGETS) {
    it(`takes the binaries of both runtimes and of the index for ${target}, all in the lock file, none for CUDA`, () => {
      const packages = binaryPackages(target);
      assert.ok(packages.some((name) => name.startsWith("@node-llama-cpp/")));
      assert.ok(packages.some((name) => name.startsWith("@fugood/node-llama-")));
      assert.ok(packages.some((name) => name.startsWith("@lancedb/lancedb-")));
      assert.deepEqual(
        packages.filter((name) => /cuda|wasm/.test(name)),
        [],
      );
      const locked = readJson("package-lock.json").packages;
      assert.deepEqual(
        packages.filter((name) => locked[`node_modules/${name}`] === undefined),
        [],
      );
    });
  }

  it("refuses a platform without binaries and names the others", () => {
    assert.throws(() => binaryPackages("web"), /"web".*linux-x64.*win32-arm64/);
  });

  it("ships the manifest without the repository's parts", () => {
    const manifest = readJson("package.json");
    const shipped = shippedManifest(manifest);
    const dropped = Object.keys(manifest).filter((key) => !(key in shipped));
    assert.deepEqual(dropped.sort(), ["allowScripts", "dependencies", "devDependencies", "private", "scripts"]);
    assert.equal(shipped.main, manifest.main);
    assert.deepEqual(shipped.bin, manifest.bin);
  });

  it("lets every file ship that the manifest names", () => {
    const allowed = readFileSync(new URL(".vscodeignore", root), "utf8").match(/(?<=^!)[^*\n]+/gm) ?? [];
    const named = [...pathsIn(shippedManifest(readJson("package.json"))), "package.nls.json"];
    assert.ok(named.includes("dist/extension.cjs") && named.length >= 5, named.join(", "));
    assert.deepEqual(
      named.filter((path) => !allowed.some((place) => `${path}/`.startsWith(place))),
      [],
    );
  });

  for (const [what, markdown, expected] of [
    ["a picture on a line of its own", "a\n\n![Chat](media/chat.png)\n\nb\n", "a\n\nb\n"],
    ["a picture in a line", "a ![Chat](./chat.png) b\n", "a  b\n"],
    ["a linked document of the repository", "see [the text](ARCHITECTURE.md).\n", "see the text.\n"],
    ["a link to the web or within", "[a](https://example.org) [b](#b)\n", "[a](https://example.org) [b](#b)\n"],
    ["a part for a clone", "a\n\n<!-- repository -->\nb\n\n<!-- /repository -->\n\nc\n", "a\n\nc\n"],
    ["a picture of the web", "![x](https://example.org/x.png)\n", "![x](https://example.org/x.png)\n"],
  ] as const) {
    it(`reads a README with ${what}`, () => assert.equal(readmeOfPackage(markdown), expected));
  }

  for (const [path, folder] of [
    ["node_modules/semver/functions/parse.js", "node_modules/semver"],
    ["node_modules/@kwsites/file-exists/dist/index.js", "node_modules/@kwsites/file-exists"],
    ["node_modules/cross-spawn/node_modules/which/which.js", "node_modules/cross-spawn/node_modules/which"],
    ["server/src/server.ts", undefined],
  ] as const) {
    it(`knows the package of ${path}`, () => assert.equal(packageFolder(path), folder));
  }

  it("looks for manifests in every folder of a package, since one inside may change the kind of module", () => {
    assert.deepEqual(manifestsAbove("node_modules/isexe/dist/commonjs/index.js"), [
      "node_modules/isexe/package.json",
      "node_modules/isexe/dist/package.json",
      "node_modules/isexe/dist/commonjs/package.json",
    ]);
    assert.deepEqual(manifestsAbove("server/src/server.ts"), []);
  });
});

/** What looks like a relative path, anywhere in a manifest. */
function pathsIn(value: unknown): string[] {
  if (typeof value === "string")
    return /^(\.\/|dist\/|media\/|syntaxes\/)[\w./-]+$/.test(value) ? [value.replace(/^\.\//, "")] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(pathsIn);
}
