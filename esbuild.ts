// Builds everything that ships into dist/: one bundle per process, the webviews, prompts, the demo model and the embedder.
import { cp, mkdir, rm } from "node:fs/promises";
import { type BuildOptions, build } from "esbuild";
import { GRAMMARS } from "./server/src/syntax/languages.ts";

/** Stay outside the bundles: they load binaries by their own paths, or must be the same copy as LanceDB's. */
const NATIVE = ["node-llama-cpp", "@fugood/llama.node", "@lancedb/lancedb", "apache-arrow"];

/** CommonJS packages inside an ESM bundle expect these names. */
const COMMONJS_IN_ESM = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __fileURLToPath } from 'node:url';",
  "const require = __createRequire(import.meta.url);",
  "const __filename = __fileURLToPath(import.meta.url);",
  "const __dirname = __fileURLToPath(new URL('.', import.meta.url));",
].join("\n");

const node: BuildOptions = {
  bundle: true,
  platform: "node",
  target: "node20",
  sourcemap: "linked",
  legalComments: "none",
};
const esm: BuildOptions = { ...node, format: "esm", outExtension: { ".js": ".mjs" }, banner: { js: COMMONJS_IN_ESM } };

await rm("dist", { recursive: true, force: true });
await mkdir("dist/models/embedder", { recursive: true });
await cp("server/models/embedder/code-embedder.bin", "dist/models/embedder/code-embedder.bin");
await Promise.all([
  build({ ...esm, entryPoints: { server: "server/src/main.ts" }, outdir: "dist", external: NATIVE }),
  build({ ...esm, entryPoints: { cli: "server/src/cli.ts" }, outdir: "dist", external: NATIVE }),
  build({ ...esm, entryPoints: { index: "server/src/index/indexProcess.ts" }, outdir: "dist", external: NATIVE }),
  build({ ...esm, entryPoints: { syntax: "server/src/syntax/syntaxWorker.ts" }, outdir: "dist", external: NATIVE }),
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
    entryPoints: { chat: "media/chat.ts", contextMap: "media/contextMap.ts", pasteImage: "media/pasteImage.ts" },
    outdir: "dist/media",
  }),
  cp("server/src/prompts", "dist/prompts", { recursive: true }),
  cp("engine/models", "dist/models", { recursive: true, filter: (source) => !source.endsWith("training") }),
  // The parser's runtime looks for its wasm beside its own code.
  cp("node_modules/web-tree-sitter/web-tree-sitter.wasm", "dist/web-tree-sitter.wasm"),
  ...GRAMMARS.map((name) => {
    const file = `tree-sitter-${name}.wasm`;
    return cp(`node_modules/@vscode/tree-sitter-wasm/wasm/${file}`, `dist/grammars/${file}`);
  }),
  cp("media", "dist/media", { recursive: true, filter: (source) => !/\.(ts|json)$|screenshots/.test(source) }),
]);
