// Tests that filters, case and age decide among all that there is, however much else would be found first.
import assert from "node:assert/strict";
import { FileGraph } from "../../../server/src/index/fileGraph.ts";
import { SearchEngine } from "../../../server/src/index/searchEngine.ts";
import { SymbolTable } from "../../../server/src/index/symbolTable.ts";
import { embedder, emptyIndex, indexOf, text } from "./indexed.ts";

/** @returns As many files as `count`, named by their number in the folder aa. */
function many(count: number, content: (n: number) => string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`aa/m${n}.ts`, content(n)]));
}

async function check(files: Record<string, string>, expected: Record<string, string[]>): Promise<void> {
  const index = await indexOf(files);
  for (const [query, places] of Object.entries(expected)) {
    const found = await index.search(query, { limit: 400 });
    const shown = found.map(({ path, startLine, symbol }) => `${path}:${startLine + 1} ${symbol ?? ""}`.trim());
    assert.deepEqual(shown, places, query);
  }
}

describe("a narrowed search", () => {
  it("finds a symbol among many of its name", () =>
    check(
      {
        ...many(70, (n) => `export function init() {\n  return ${n};\n}\n`),
        "zz/special.ts": "export function init() {\n  return 1;\n}\n",
        "zz/special.py": "def init():\n    return 1\n",
      },
      {
        "symbol:init path:zz": ["zz/special.py:1 init", "zz/special.ts:1 init"],
        "symbol:init lang:py": ["zz/special.py:1 init"],
        "init lang:py": ["zz/special.py:1 init"],
      },
    ));

  it("finds words in a symbol, however often they stand elsewhere", () =>
    check(
      {
        ...many(150, (n) => `export function retry${n}() {\n  // retry timeout\n  return retry(timeout, ${n});\n}\n`),
        "zz/h.ts": `export function handleRequest() {\n${"  // other words\n".repeat(9)}  // then a timeout is set\n}\n`,
      },
      { "symbol:handleRequest timeout": ["zz/h.ts:1 handleRequest"] },
    ));

  it("finds words of a symbol that are not those of its neighbour", () =>
    check(
      { "a.ts": "export function first() {\n  wombat();\n}\n\nexport function second() {\n  okapi();\n}\n" },
      { "symbol:second okapi": ["a.ts:5 second"] },
    ));

  it("finds a quoted text in a symbol behind many others of the same file", () => {
    const body = (n: number) => `export function f${n}() {\n  // TODO: fix ${"x".repeat(300)}\n  return ${n};\n}\n`;
    const long = `export function long() {\n${"  step();\n".repeat(90)}  // TODO: fix\n}\n`;
    return check(
      { "a.ts": Array.from({ length: 8 }, (_, n) => body(n)).join("") + long },
      { '"TODO: fix" symbol:f7': ["a.ts:30 f7"], '"TODO: fix" symbol:long': ["a.ts:124 long"] },
    );
  });

  it("finds a path among many of its name", () =>
    check(Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`p/a${n}/index.ts`, `const v = ${n};\n`])), {
      "index.ts path:p/a9": ["p/a9/index.ts:1"],
    }));
});

describe("a quoted text", () => {
  it("is found as it stands before other cases, however many", async () => {
    const index = await indexOf({
      ...many(260, () => 'throw "not found: item";\n'),
      "zz/a.ts": 'throw "Not found: item";\n',
    });
    const [place] = await index.search('"Not found: item"');
    assert.match(`${place?.path} ${place?.reason}`, /^zz\/a.ts text/);
  });

  it("is found in longer words too", () =>
    check({ "a.ts": "config.get();\n", "b.ts": "myconfig.get();\n" }, { '"config.get"': ["a.ts:1", "b.ts:1"] }));

  it("may look like a filter", () =>
    check({ "a.md": "# x\n\nUse lang:ts to narrow it.\n" }, { '"Use lang:ts to"': ["a.md:3 x"] }));
});

describe("the age of files", () => {
  const NEWER = { ...text("b.ts", "// a wombat sleeps\n"), changedMs: 9 };

  it("decides between equal places", async () => {
    const { index } = await emptyIndex();
    await index.put([text("a.ts", "// a wombat sleeps\n"), text("b.ts", "// a wombat sleeps\n")]);
    await index.tidy();
    const paths = async () => (await index.search('"a wombat"')).map(({ path }) => path);
    assert.deepEqual(await paths(), ["a.ts", "b.ts"]);
    // Saved without a change.
    await index.put([NEWER]);
    assert.deepEqual(await paths(), ["b.ts", "a.ts"]);
  });
});

describe("a file that goes while a search runs", () => {
  it("is not found", async () => {
    const path = "a.ts";
    const place = { startLine: 0, endLine: 0, symbol: "", signature: "", text: "parse header" };
    const chunk = { key: "k", path, language: "ts", ...place, score: 1 };
    const file = { path, uri: "file:///a.ts", key: "k", changedMs: 0, symbols: [], lines: 1, firstLine: "" };
    const files = new Map([[path, file]]);
    const engine = new SearchEngine({
      store: {
        searchTerms: async () => [chunk],
        searchVector: async () => [],
        withTerms: async () => [],
        containing: async () => [],
      },
      embedder: await embedder(),
      files,
      symbols: new SymbolTable(),
      graph: new FileGraph(),
      // The model takes its time.
      byModel: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        files.delete(path);
        return [];
      },
    });
    assert.deepEqual(await engine.search("parse header"), []);
  });
});
