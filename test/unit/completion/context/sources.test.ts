// Tests what each source proposes for a cursor: definitions, imports, neighbours, similar lines, search hits, views.
import assert from "node:assert/strict";
import {
  type AskForDefinitions,
  EditorDefinitions,
  IndexedDefinitions,
} from "../../../../server/src/completion/context/definitions.ts";
import { Imports } from "../../../../server/src/completion/context/imports.ts";
import { Neighbours, neighboursOf } from "../../../../server/src/completion/context/neighbours.ts";
import { SearchHits } from "../../../../server/src/completion/context/searchHits.ts";
import { SimilarWindows } from "../../../../server/src/completion/context/similar.ts";
import { ViewedRanges } from "../../../../server/src/completion/context/viewedRanges.ts";
import type { SymbolEntry } from "../../../../server/src/index/symbolTable.ts";
import type { DefinitionsParams } from "../../../../server/src/protocol/contextMessages.ts";
import { ContextWorld, NEVER, numbered, uriOf } from "./contextWorld.ts";

const OWN = "src/own.ts";
const lines = (startLine: number, endLine = startLine) => ({
  start: { line: startLine, character: 0 },
  end: { line: endLine, character: 0 },
});

const LONG_CLASS = [
  "export class Server {",
  "  readonly port: number;",
  "",
  "  constructor(port: number) {",
  "    this.port = port;",
  "  }",
  "",
  "  /** Begins to answer. */",
  "  async listen(host: string): Promise<void> {",
  ...Array.from({ length: 20 }, (_, n) => `    await this.step(${n});`),
  "  }",
  "}",
];

describe("definitions by the editor", () => {
  const FILES = { [OWN]: "", "src/server.ts": LONG_CLASS.join("\n"), "src/short.ts": "\nexport const LIMIT = 3;\n" };

  function source(world: ContextWorld, answer: (params: DefinitionsParams) => unknown): EditorDefinitions {
    const ask: AskForDefinitions = async (params) => answer(params);
    return new EditorDefinitions(ask, world.outlines);
  }

  it("are asked for at the names near the cursor, the nearest first", async () => {
    const world = new ContextWorld(FILES);
    let asked: DefinitionsParams | undefined;
    const definitions = source(world, (params) => {
      asked = params;
      return [];
    });
    await definitions.gather(world.surroundings(OWN, "let limit = 1;\nserver.listen(¦)"), NEVER);
    assert.deepEqual(asked, {
      uri: uriOf(OWN),
      positions: [
        { line: 1, character: 7 },
        { line: 1, character: 0 },
        { line: 0, character: 4 },
      ],
    });
  });

  it("are signatures when they are long, whole when they are short", async () => {
    const world = new ContextWorld(FILES);
    const definitions = source(world, () => [
      { position: 0, uri: uriOf("src/server.ts"), range: lines(0, LONG_CLASS.length - 1) },
      { position: 1, uri: uriOf("src/short.ts"), range: lines(1) },
    ]);
    const found = await definitions.gather(world.surroundings(OWN, "LIMIT + server.listen(¦)"), NEVER);
    assert.deepEqual(
      found.map(({ path, text, form, reason }) => [path, form, reason, text]),
      [
        [
          "src/server.ts",
          "signatures",
          "definition of listen",
          "export class Server\n  readonly port: number\n  constructor(port: number)\n  // Begins to answer.\n  async listen(host: string): Promise<void>",
        ],
        ["src/short.ts", "lines", "definition of server", "export const LIMIT = 3;"],
      ],
    );
  });

  it("are whole when the editor tells the name alone", async () => {
    const text = "const before = 1;\n@decorated\nexport class Box {\n  size = 1;\n}\nconst after = 2;\n";
    const world = new ContextWorld({ ...FILES, "src/box.ts": text });
    const definitions = source(world, () => [{ position: 0, uri: uriOf("src/box.ts"), range: lines(2) }]);
    assert.deepEqual(await world.places(definitions, OWN, "Box.¦"), ["src/box.ts:3-5 definition of Box"]);
  });

  it("come from files of the workspace alone, and never from the own file", async () => {
    const world = new ContextWorld(FILES);
    const outside = [
      "file:///etc/passwd",
      "file:///w/../secret.ts",
      "untitled:x",
      uriOf("node_modules/a.ts"),
      uriOf(OWN),
    ];
    const definitions = source(world, () => outside.map((uri) => ({ position: 0, uri, range: lines(0) })));
    assert.deepEqual(await world.places(definitions, OWN, "name.¦"), []);
    assert.deepEqual(world.reads, []);
  });

  const malformed: unknown[] = [
    null,
    "text",
    { position: 0 },
    [null, 1, {}],
    [{ position: 9, uri: uriOf("src/short.ts"), range: lines(0) }],
    [{ position: 0, uri: 3, range: lines(0) }],
    [{ position: 0, uri: uriOf("src/short.ts"), range: { start: {}, end: {} } }],
    [{ position: 0, uri: uriOf("src/short.ts"), range: lines(-1) }],
    [{ position: 0, uri: uriOf("src/short.ts"), range: lines(99_999, 1e9) }],
  ];
  for (const answer of malformed) {
    it(`bear the answer ${JSON.stringify(answer)}`, async () => {
      const world = new ContextWorld(FILES);
      assert.deepEqual(
        await world.places(
          source(world, () => answer),
          OWN,
          "name.¦",
        ),
        [],
      );
    });
  }
});

describe("definitions by the index", () => {
  const entry = (name: string, path: string, line: number, endLine = line): SymbolEntry => {
    return { name, kind: "function", line, endLine, path, uri: uriOf(path) };
  };
  const FILES = { [OWN]: "", "src/a.ts": "\nfunction load() {}\n", "lib/b.ts": "function saveAll() {}\n" };

  function source(world: ContextWorld, entries: SymbolEntry[]): IndexedDefinitions {
    return new IndexedDefinitions(
      { named: async () => entries, imported: async () => ["deep/er/c.ts"] },
      world.outlines,
    );
  }

  it("are those of the names near the cursor, in the same folder and in imported files first", async () => {
    const world = new ContextWorld({ ...FILES, "deep/er/c.ts": "function send() {}\n" });
    const entries = [entry("saveAll", "lib/b.ts", 0), entry("load", "src/a.ts", 1), entry("send", "deep/er/c.ts", 0)];
    const found = await source(world, entries).gather(world.surroundings(OWN, "send(load(saveAll(¦"), NEVER);
    assert.deepEqual(
      found.map(({ text, score }) => [text, score.toFixed(2)]),
      [
        ["function saveAll() {}", "0.70"],
        ["function load() {}", "0.94"],
        ["function send() {}", "0.88"],
      ],
    );
  });

  it("are the near ones where there are some", async () => {
    const world = new ContextWorld({ ...FILES, "lib/c.ts": "function load() {}\n" });
    const entries = [entry("load", "lib/c.ts", 0), entry("load", "src/a.ts", 1)];
    assert.deepEqual(await world.places(source(world, entries), OWN, "load(¦"), ["src/a.ts:2-2 load is defined there"]);
  });

  it("are none far away for a name that means much, or that is defined twice", async () => {
    const world = new ContextWorld({
      ...FILES,
      "lib/d.ts": "const after = 1, loadAll = 2;\n",
      "lib/e.ts": "const loadAll = 3;\n",
    });
    const entries = [entry("after", "lib/d.ts", 0), entry("loadAll", "lib/d.ts", 0), entry("loadAll", "lib/e.ts", 0)];
    assert.deepEqual(await world.places(source(world, entries), OWN, "after(loadAll(¦"), []);
  });

  it("are none for a name that the file defines itself, that many define nearby, or that is not there any more", async () => {
    const many = Array.from({ length: 4 }, (_, n) => entry("run", `src/r${n}.ts`, 0));
    const files = Object.fromEntries(many.map(({ path }) => [path, "function run() {}"]));
    const world = new ContextWorld({ ...FILES, ...files });
    const entries = [entry("load", "src/a.ts", 1), entry("load", OWN, 3), entry("saveAll", "lib/b.ts", 1), ...many];
    assert.deepEqual(await world.places(source(world, entries), OWN, "load(saveAll(run(¦"), []);
  });
});

describe("imports", () => {
  const api = [
    "/** Reads. */",
    "export function readApi(path: string): string {\n  return path;\n}",
    "export interface Options {\n  deep: boolean;\n}",
    ...Array.from({ length: 30 }, (_, n) => `export function other${n}(): void {\n  return;\n}`),
  ].join("\n");

  it("show signatures of what the file uses first, and some of what it could use", async () => {
    const world = new ContextWorld({ [OWN]: "", "src/api.ts": api });
    const imports = new Imports({ imported: async () => ["src/api.ts"] }, world.outlines);
    const [found] = await imports.gather(
      world.surroundings(OWN, 'import { other29 } from "./api";\nother29(¦)'),
      NEVER,
    );
    const shown = found!.text.split("\n");
    assert.deepEqual(shown.slice(0, 3), [
      "// Reads.",
      "export function readApi(path: string): string",
      "export interface Options { deep: boolean; }",
    ]);
    assert.deepEqual([shown.length, shown.at(-1)], [13, "export function other29(): void"]);
    assert.deepEqual([found!.form, found!.score.toFixed(1)], ["outline", "0.7"]);
  });

  it("are worth less when nothing of them is used, and nothing without signatures", async () => {
    const world = new ContextWorld({ [OWN]: "", "src/api.ts": api, "src/data.ts": "work();\n" });
    const imports = new Imports({ imported: async () => ["src/data.ts", "src/api.ts", "src/gone.ts"] }, world.outlines);
    const found = await imports.gather(world.surroundings(OWN, "¦"), NEVER);
    assert.deepEqual(
      found.map(({ path, score }) => [path, score]),
      [["src/api.ts", 0.4]],
    );
  });
});

describe("neighbours", () => {
  const pairs: [source: string, test: string][] = [
    ["src/foo.ts", "src/foo.test.ts"],
    ["src/foo.tsx", "src/foo.spec.tsx"],
    ["src/foo.js", "test/unit/foo.test.mjs"],
    ["pkg/foo.py", "tests/test_foo.py"],
    ["pkg/foo.py", "pkg/foo_test.py"],
    ["src/main/java/a/Foo.java", "src/test/java/a/FooTest.java"],
    ["src/Foo.cs", "tests/FooTests.cs"],
    ["src/Foo.kt", "src/FooSpec.kt"],
    ["net/foo.go", "net/foo_test.go"],
    ["lib/foo.rb", "spec/foo_spec.rb"],
    ["src/foo.cpp", "test/test_foo.cpp"],
  ];
  for (const [source, test] of pairs) {
    it(`pair ${source} with ${test}`, () => {
      const files = [source, test, "other/bar.ts", "other/foo.md"].map((path) => ({ path, mtimeMs: 0 }));
      assert.deepEqual(neighboursOf(source, files).partners, [test]);
      assert.deepEqual(neighboursOf(test, files).partners, [source]);
    });
  }

  it("do not take every name that ends in letters of a test", () => {
    const files = ["src/latest.ts", "src/la.ts", "src/contest.ts", "src/con.ts"].map((path) => ({ path, mtimeMs: 0 }));
    assert.deepEqual(neighboursOf("src/la.ts", files).partners, []);
    assert.deepEqual(neighboursOf("src/con.ts", files).partners, []);
  });

  it("prefer the pair that lies nearest, and siblings with similar names", () => {
    const paths = [
      "a/x/foo.test.ts",
      "b/x/foo.test.ts",
      "c/foo.test.ts",
      "a/x/bar.ts",
      "a/x/fooParts.ts",
      "a/y/fop.ts",
    ];
    const { partners, siblings } = neighboursOf(
      "a/x/foo.ts",
      paths.map((path) => ({ path, mtimeMs: 0 })),
    );
    assert.deepEqual(partners, ["a/x/foo.test.ts", "b/x/foo.test.ts"]);
    assert.deepEqual(siblings, ["a/x/fooParts.ts"]);
  });

  it("show outlines, and of a test without declarations its beginning", async () => {
    const world = new ContextWorld({
      "foo.ts": "export function foo(a: string): string {\n  return a;\n}\n",
      "foo.test.ts": `${'it("works", () => foo("a"));\n'.repeat(50)}`,
      "fooParts.ts": "export const OTHER = 1;\n",
      "bar.ts": "export const BAR = 1;\n",
    });
    const neighbours = new Neighbours(world.workspace, world.outlines);
    const [test, sibling] = await neighbours.gather(world.surroundings("foo.ts", "¦"), NEVER);
    assert.deepEqual([test!.form, test!.endLine, test!.reason], ["lines", 29, "the test of this file"]);
    assert.deepEqual([sibling!.text, sibling!.reason], ["export const OTHER = 1", "in the same folder"]);
    const [source] = await neighbours.gather(world.surroundings("foo.test.ts", "¦"), NEVER);
    assert.deepEqual(
      [source!.text, source!.reason],
      ["export function foo(a: string): string", "what this file tests"],
    );
  });
});

describe("similar lines of open files", () => {
  const block = "const parsed = parseHeader(input);\nif (parsed.isBroken) throw new HeaderError(parsed.reason);\n";
  const other = (n: number) =>
    Array.from({ length: n }, (_, line) => `alpha${line}(beta${line}, gamma${line});`).join("\n");

  it("are the window with the most names in common, one for a file", async () => {
    const world = new ContextWorld({
      [OWN]: "",
      "near.ts": `${other(200)}\n${block}${block}${other(20)}`,
      "far.ts": other(200),
      "closed.ts": block,
    });
    world.open(OWN, "near.ts", "far.ts");
    const found = await new SimilarWindows(world.documents).gather(world.surroundings(OWN, `${block}¦`), NEVER);
    assert.deepEqual(
      found.map(({ path }) => path),
      [],
    );
    world.change("near.ts", `${other(200)}\n${block}\n${"\n".repeat(60)}${other(20)}`);
    const again = await new SimilarWindows(world.documents).gather(world.surroundings(OWN, `${block}¦`), NEVER);
    assert.equal(again.length, 1);
    assert.ok(again[0]!.text.endsWith(block.trimEnd()), again[0]!.text);
    assert.ok(again[0]!.endLine - again[0]!.startLine < 60);
  });

  it("are found in short files and at both ends", async () => {
    const world = new ContextWorld({
      [OWN]: "",
      "short.ts": block,
      "start.ts": `${block}\n${"\n".repeat(70)}${other(90)}`,
    });
    world.open(OWN, "short.ts", "start.ts");
    const similar = new SimilarWindows(world.documents);
    assert.deepEqual(await world.places(similar, OWN, `${block}¦`), [
      "short.ts:1-2 an open file with the same names",
      "start.ts:1-2 an open file with the same names",
    ]);
    world.change("short.ts", "nothing in common");
    assert.equal((await world.places(similar, OWN, `${block}¦`)).length, 1);
  });
});

describe("search hits", () => {
  it("are what the index finds for the names, without the own file, cut to their length", async () => {
    const world = new ContextWorld({ [OWN]: "", "a.ts": numbered("a", 200), "b.ts": numbered("b", 3) });
    const queries: string[] = [];
    const place = (path: string, startLine: number, endLine: number) => {
      return { uri: uriOf(path), path, startLine, endLine, reason: "2 words", preview: "" };
    };
    const search = async (query: string) => {
      queries.push(query);
      return [place(OWN, 0, 1), place("a.ts", 10, 150), place("b.ts", 1, 1), place("gone.ts", 0, 0)];
    };
    const hits = new SearchHits({ search });
    assert.deepEqual(await world.places(hits, OWN, "parse(header.¦"), [
      "a.ts:11-50 found: 2 words",
      "b.ts:2-2 found: 2 words",
    ]);
    assert.deepEqual(queries, ["header parse"]);
    assert.deepEqual(await world.places(hits, OWN, "¦"), []);
    assert.equal(queries.length, 1);
  });
});

describe("viewed lines", () => {
  it("are those seen last, of other files, moved with edits, the middle of a tall screen", async () => {
    const world = new ContextWorld({ [OWN]: "", "a.ts": numbered("a", 300), "b.ts": numbered("b", 300) });
    const views = new ViewedRanges(world.clock);
    world.documents.onEdit((edit) => views.edited(edit));
    world.open(OWN, "a.ts", "b.ts");
    views.viewed({ uri: uriOf("a.ts"), ranges: [lines(10, 20), lines(100, 299)] });
    views.viewed({ uri: uriOf(OWN), ranges: [lines(0, 5)] });
    views.viewed({ uri: uriOf("b.ts"), ranges: [lines(0, 9)] });
    views.viewed({ uri: uriOf("b.ts"), ranges: [lines(5, 14)] });
    world.type("a.ts", 0, 0, "new\n");
    assert.deepEqual(await world.places(views, OWN, "¦"), [
      "b.ts:6-15 seen lately",
      "a.ts:172-231 seen lately",
      "a.ts:12-22 seen lately",
    ]);
    await world.clock.pass(31 * 60_000);
    assert.deepEqual(await world.places(views, OWN, "¦"), []);
  });

  it("bear what no editor would send", async () => {
    const world = new ContextWorld({ [OWN]: "", "a.ts": numbered("a", 9) });
    const views = new ViewedRanges(world.clock);
    const wrong: unknown[] = [
      {},
      { uri: 3, ranges: [] },
      { uri: uriOf("a.ts"), ranges: "x" },
      { uri: uriOf("a.ts"), ranges: [null, {}, lines(-1, 4), lines(5, 2), lines(0.5, 2), lines(0, Number.NaN)] },
      { uri: "file:///etc/passwd", ranges: [lines(0, 4)] },
    ];
    for (const params of wrong) views.viewed(params as Parameters<ViewedRanges["viewed"]>[0]);
    assert.deepEqual(await world.places(views, OWN, "¦"), []);
    assert.deepEqual(world.reads, []);
  });
});
