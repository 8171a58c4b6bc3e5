// Packs the extension for every platform and looks inside: the right binaries and no others, within budget, the same bytes twice.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Packed, packFor, TARGETS } from "../../vsix.ts";
import { machineOf } from "./machine.ts";
import { beginnings, filesIn } from "./vsixFile.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const HERE = `${process.platform}-${process.arch}`;
/** Where an executable's header says which processor it is for. */
const HEADER_BYTES = 4096;
const BINARY = /\.(node|so|dll|dylib|exe)(\.[\d.]+)?$/;
const FOREIGN = /cuda|\.(map|ts)$|(^|\/)(test|\.github)\//;

describe("packages", () => {
  const folder = mkdtempSync(join(tmpdir(), "fathom-packages-"));
  after(() => rmSync(folder, { recursive: true }));
  const packed = new Map<string, Packed>();

  for (const target of TARGETS) {
    describe(target, () => {
      const vsix = join(folder, `${target}.vsix`);
      before(async () => {
        packed.set(target, await packFor(target, vsix));
      });

      it("is within its budget", () => {
        const { vsixBytes, budgetBytes } = packed.get(target)!;
        assert.ok(vsixBytes <= budgetBytes, `${vsixBytes} of ${budgetBytes} bytes`);
        // A budget far away from the truth would hide growth.
        assert.ok(vsixBytes > budgetBytes * 0.8, `${vsixBytes} of ${budgetBytes} bytes: lower the budget`);
      });

      it("has binaries for this platform and for no other", async () => {
        const heads = await beginnings(vsix, (path) => BINARY.test(path), HEADER_BYTES);
        const machines = new Map([...heads].map(([path, head]) => [path, machineOf(head)]));
        assert.ok(machines.size >= 5, [...machines.keys()].join("\n"));
        const wrong = [...machines].filter(([, machine]) => machine !== target);
        assert.deepEqual(wrong, []);
        for (const runtime of ["node-llama-cpp", "node-llama-", "lancedb"]) {
          assert.ok(
            [...machines.keys()].some((path) => path.includes(runtime)),
            runtime,
          );
        }
      });

      it("has what the manifest names, and nothing that only development needs", async () => {
        const paths = (await filesIn(vsix)).map(({ path }) => path);
        const manifest = JSON.parse(await contentOf(vsix, "extension/package.json"));
        for (const named of [manifest.main, ...Object.values<string>(manifest.bin)]) {
          assert.ok(paths.includes(join("extension", named)), named);
        }
        const notices = await contentOf(vsix, "extension/THIRD_PARTY_NOTICES.txt");
        assert.match(notices, /llama\.cpp and ggml/);
        assert.ok(paths.some((path) => path.endsWith("RUST_THIRD_PARTY_LICENSES.html")));
        const texts = ["extension/package.nls.json", join("extension", manifest.l10n, "bundle.l10n.json")];
        assert.deepEqual(
          texts.filter((path) => !paths.includes(path)),
          [],
        );
        assert.deepEqual(
          paths.filter((path) => FOREIGN.test(path)),
          [],
        );
      });

      it("has a page that leads to nothing which is not there", async () => {
        const page = await contentOf(vsix, "extension/readme.md");
        assert.match(page, /Get Model…/);
        assert.doesNotMatch(page, /\]\((?!https?:|#)|npm (ci|start|run)|<!--/);
      });

      it("has the runtimes that stay outside the bundles", async () => {
        const paths = (await filesIn(vsix)).map(({ path }) => path);
        const { dependencies } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
        const missing = Object.keys(dependencies).filter(
          (name) => !paths.includes(`extension/dist/node_modules/${name}/package.json`),
        );
        assert.deepEqual(missing, []);
      });

      it("says for which platform it is", async () => {
        assert.ok((await contentOf(vsix, "extension.vsixmanifest")).includes(`TargetPlatform="${target}"`));
      });
    });
  }

  describe("packed again", () => {
    it("has the same bytes", async () => {
      const again = join(folder, "again.vsix");
      await packFor(HERE, again);
      assert.deepEqual(await filesIn(again), await filesIn(join(folder, `${HERE}.vsix`)));
    });
  });
});

async function contentOf(vsix: string, path: string): Promise<string> {
  const found = await beginnings(vsix, (name) => name === path, 2 ** 20);
  return (found.get(path) ?? assert.fail(`${path} is not in the package`)).toString();
}
