// Builds everything that ships into dist/: one bundle per process, the webviews, prompts and the demo model.
import { cp, rm } from "node:fs/promises";
import { type BuildOptions, build } from "esbuild";

/** Native packages stay outside the bundles: they load binaries by their own paths. */
const NATIVE = ["node-llama-cpp", "@fugood/llama.node"];

/** ESM bundles need `require` for the CommonJS packages inside them. */
const REQUIRE_IN_ESM =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

const node: BuildOptions = {
  bundle: true,
  platform: "node",
  target: "node20",
  sourcemap: "linked",
  legalComments: "none",
};
const esm: BuildOptions = { ...node, format: "esm", outExtension: { ".js": ".mjs" }, banner: { js: REQUIRE_IN_ESM } };

await rm("dist", { recursive: true, force: true });
await Promise.all([
  build({ ...esm, entryPoints: { server: "server/src/main.ts" }, outdir: "dist", external: NATIVE }),
  build({ ...esm, entryPoints: { cli: "server/src/cli.ts" }, outdir: "dist", external: NATIVE }),
  build({ ...esm, entryPoints: { engine: "engine/src/main.ts" }, outdir: "dist", external: NATIVE }),
  build({ ...esm, entryPoints: { vision: "engine/src/visionMain.ts" }, outdir: "dist", external: NATIVE }),
  build({
    ...node,
    format: "cjs",
    entryPoints: { extension: "extension/src/extension.ts" },
    outdir: "dist",
    outExtension: { ".js": ".cjs" },
    external: ["vscode"],
  }),
  build({
    bundle: true,
    platform: "browser",
    target: "es2022",
    format: "iife",
    sourcemap: "linked",
    entryPoints: { chat: "media/chat.ts", pasteImage: "media/pasteImage.ts" },
    outdir: "dist/media",
  }),
  cp("server/src/prompts", "dist/prompts", { recursive: true }),
  cp("engine/models", "dist/models", { recursive: true }),
  cp("media", "dist/media", { recursive: true, filter: (source) => !/\.(ts|json)$/.test(source) }),
]);
