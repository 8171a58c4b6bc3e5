// The house rules that a machine can check: who imports whom, first lines, sizes, manifest and code, prompts, documents.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { COMMAND_IDS } from "../extension/src/commandIds.ts";
import { DEFAULT_SETTINGS } from "../server/src/protocol/settings.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SOURCE_FOLDERS = ["engine/src", "server/src", "extension/src", "media"];
const CEILING_LINES = 500;
const MAX_SETTINGS = 25;

/** What each folder may import of ours; the longest folder that fits a file counts. DESIGN calls these the arrows. */
const ARROWS: Record<string, readonly string[]> = {
  "engine/src": ["engine/src"],
  "server/src/protocol": ["server/src/protocol"],
  // The engine's face is two files: its types, and the wire that carries them over the process border.
  "server/src": ["server/src", "engine/src/api.ts", "engine/src/rpc.ts"],
  "extension/src": ["extension/src", "server/src/protocol"],
  media: ["media", "server/src/protocol"],
};

/** Features are used by the composition root alone; what two of them share stands in a leaf. */
const FEATURES = ["completion", "chat", "edit", "screenshot"].map((name) => `server/src/${name}`);

interface Source {
  path: string;
  text: string;
  lines: string[];
}

const sources = SOURCE_FOLDERS.flatMap(sourcesIn);
const tests = sourcesIn("test");
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

describe("house rules", () => {
  it("looks at all sources", () => assert.ok(sources.length > 60, `${sources.length} files`));

  it("keeps the import arrows", () => {
    const wrong = sources.flatMap((source) =>
      localImports(source)
        .filter((target) => !mayImport(source.path, target))
        .map((target) => `${source.path} imports ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  it("lets features import no other feature", () => {
    const featureOf = (path: string) => FEATURES.find((feature) => path.startsWith(`${feature}/`));
    const wrong = sources.flatMap((source) =>
      localImports(source)
        .filter((target) => featureOf(source.path) !== undefined && featureOf(target) !== undefined)
        .filter((target) => featureOf(source.path) !== featureOf(target))
        .map((target) => `${source.path} imports ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  it("has no import cycles", () => assert.deepEqual(cycles(sources), []));

  it("finds a cycle where there is one", () => {
    const make = (path: string, target: string) => ({ path, text: `import { x } from "${target}";`, lines: [] });
    const found = cycles([make("engine/src/a.ts", "./b.ts"), make("engine/src/b.ts", "./a.ts")]);
    assert.deepEqual(found, ["engine/src/a.ts → engine/src/b.ts → engine/src/a.ts"]);
  });

  it("opens every file with a sentence that says what it owns", () => {
    const wrong = [...sources, ...tests].filter(({ lines }) => !/^\/\/ [A-Z].{20,}\.$/.test(lines[0] ?? ""));
    assert.deepEqual(
      wrong.map(({ path, lines }) => `${path}: ${lines[0]}`),
      [],
    );
  });

  it(`keeps files under ${CEILING_LINES} lines`, () => {
    const long = [...sources, ...tests].filter(({ lines }) => lines.length > CEILING_LINES);
    assert.deepEqual(
      long.map(({ path, lines }) => `${path}: ${lines.length}`),
      [],
    );
  });

  it("re-exports nothing: one name, one home", () => {
    const barrels = sources.filter(({ text }) => /^export\s+(\*|\{[^}]*\}|type\s+\{[^}]*\})\s+from\s/m.test(text));
    assert.deepEqual(
      barrels.map(({ path }) => path),
      [],
    );
  });

  it("writes to no console in server and engine, where stdout is the wire", () => {
    const isCommandLine = (path: string) => path === "server/src/cli.ts" || path.startsWith("server/src/cli/");
    const loud = sources
      .filter(({ path }) => /^(server|engine)\//.test(path) && !isCommandLine(path))
      .filter(({ text }) =>
        /\bconsole\s*\.|process\.stdout\.write/.test(withoutComments(text).replaceAll("connection.console", "")),
      );
    assert.deepEqual(
      loud.map(({ path }) => path),
      [],
    );
  });

  it("leaves nothing unfinished and no test alone", () => {
    const marks = new RegExp(["TO", "DO|FIX", "ME|not imple", "mented"].join(""));
    assert.deepEqual(
      sources.filter(({ text }) => marks.test(text)).map(({ path }) => path),
      [],
    );
    const alone = tests.filter(({ text }) => /\b(it|describe)\.(only|skip)\(/.test(text));
    assert.deepEqual(
      alone.map(({ path }) => path),
      [],
    );
  });
});

describe("manifest and code", () => {
  it("name the same commands", () => {
    const contributed = manifest.contributes.commands.map(({ command }: { command: string }) => command);
    assert.deepEqual(contributed.toSorted(), [...COMMAND_IDS].sort());
  });

  it(`name the same settings with the same defaults, at most ${MAX_SETTINGS}`, () => {
    const inCode = Object.entries(DEFAULT_SETTINGS).flatMap(([group, values]) =>
      Object.entries(values).map(([key, value]) => [`fathom.${group}.${key}`, value]),
    );
    const groups = manifest.contributes.configuration as { properties: Record<string, { default: unknown }> }[];
    const properties = Object.assign({}, ...groups.map((group) => group.properties)) as Record<
      string,
      { default: unknown }
    >;
    const inManifest = Object.entries(properties).map(([key, property]) => [key, property.default]);
    assert.deepEqual(Object.fromEntries(inManifest), Object.fromEntries(inCode));
    assert.ok(inManifest.length <= MAX_SETTINGS);
  });

  it("name the same prompts", () => {
    const used = sources.flatMap(({ text }) => [...text.matchAll(/promptText\(\s*"(\w+)"/g)].map((match) => match[1]!));
    const files = readdirSync(join(ROOT, "server/src/prompts")).map((name) => name.replace(/\.md$/, ""));
    assert.deepEqual(files.toSorted(), [...new Set(used)].sort());
  });

  it("describe every message of the protocol in ARCHITECTURE.md", () => {
    const files = sources.filter(({ path }) => /^server\/src\/protocol\/\w*[mM]essages\.ts$/.test(path));
    const messages = files.map(({ text }) => text).join("\n");
    const methods = [...messages.matchAll(/"(fathom\/\w+)"/g)].map((match) => match[1]!);
    assert.ok(methods.length > 10);
    const document = readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8");
    assert.deepEqual(
      methods.filter((method) => !document.includes(`\`${method}\``)),
      [],
    );
  });

  it("agree on the versions of the runtimes", () => {
    const backend = sources.find(({ path }) => path === "engine/src/backends/llamaCpp.ts")?.text ?? "";
    assert.ok(backend.includes(`"node-llama-cpp ${manifest.dependencies["node-llama-cpp"]}"`));
  });
});

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(ROOT, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    if (statSync(join(ROOT, path)).isDirectory()) return sourcesIn(path);
    if (!name.endsWith(".ts")) return [];
    const text = readFileSync(join(ROOT, path), "utf8");
    return [{ path, text, lines: text.trimEnd().split("\n") }];
  });
}

/** Paths of our own files that a file imports, relative to the repository. */
function localImports({ path, text }: Source): string[] {
  const imports = withoutComments(text).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g);
  return [...imports].map((match) =>
    relative(ROOT, resolve(ROOT, dirname(path), match[1]!))
      .split(sep)
      .join("/"),
  );
}

function mayImport(path: string, target: string): boolean {
  const folder = Object.keys(ARROWS)
    .filter((candidate) => path.startsWith(`${candidate}/`))
    .sort((a, b) => b.length - a.length)[0];
  const allowed = ARROWS[folder ?? ""] ?? [];
  // package.json gives the command line its version.
  return allowed.some((place) => target === place || target.startsWith(`${place}/`)) || target === "package.json";
}

/** Each cycle once, as a path that ends where it began. */
function cycles(files: readonly Source[]): string[] {
  const graph = new Map(files.map((file) => [file.path, localImports(file)]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) found.push([...trail.slice(at), path].join(" → "));
    if (at >= 0 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

describe("repository", () => {
  for (const name of [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    ".vscodeignore",
    ".ci/run",
  ]) {
    it(`has ${name}`, () => assert.ok(existsSync(join(ROOT, name))));
  }

  it("gives the two commands for a fresh machine", () => {
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    assert.ok(readme.includes("npm ci && npm start"));
    assert.ok(readme.includes("npm ci && npm test"));
  });
});
