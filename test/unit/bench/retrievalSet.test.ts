// Tests the maker of the retrieval set: descriptions, questions with their answers, what is hidden, and the two halves.
import assert from "node:assert/strict";
import type { FileSyntax } from "../../../server/src/syntax/fileSyntax.ts";
import { rankOf } from "../../bench/retrieval.ts";
import { type CorpusFile, languageOf, withoutCopies } from "../../bench/retrievalCorpus.ts";
import { DeclarationFinder } from "../../bench/retrievalDocs.ts";
import { descriptionOf, docQueries, importQueries, testQueries } from "../../bench/retrievalSet.ts";

const finder = new DeclarationFinder();

function file(path: string, text = ""): CorpusFile {
  return { path, package: path.split("/")[0]!, language: languageOf(path), text };
}

async function docsOf(...files: CorpusFile[]) {
  return docQueries(
    await Promise.all(files.map(async (each) => ({ ...each, declared: await finder.declarationsOf(each) }))),
  );
}

/** @param symbols Names with first and last line. */
function syntax(part: Partial<FileSyntax>, symbols: Record<string, [number, number]> = {}): FileSyntax {
  const spans = Object.entries(symbols).map(([name, [line, endLine]]) => {
    return { name, kind: "function" as const, container: "", signature: name, line, endLine };
  });
  return { outline: "", definitions: [], references: [], imports: [], ...part, parts: { chunks: [], symbols: spans } };
}

/** Questions with the places of their answers: "text → path:first-last". */
function shown(queries: ReturnType<typeof importQueries>): string[] {
  return queries.map(({ text, targets }) => {
    const places = targets.map(({ path, startLine, endLine }) => `${path}:${startLine}-${endLine}`);
    return `${text} → ${places.sort().join(" ")}`;
  });
}

describe("descriptions in documentation", () => {
  for (const [doc, expected] of [
    ["/** Reads one line of the file. */", "Reads one line of the file."],
    ["/**\n * Reads one line\n * of the `file`.\n * @param x y\n */", "Reads one line of the file."],
    ["// Reads one line\n// of the file\n//\n// and more", "Reads one line of the file"],
    ['"""Reads one line of the file.\n\n    Args:\n      x: y\n    """', "Reads one line of the file."],
    ["# See {@link Reader the reader} of all files", "See Reader the reader of all files"],
    ["/** Too few words. */", undefined],
    ["/* Copyright of somebody who wrote this file */", undefined],
    ["// const x = { old: code of this file };", undefined],
  ] as const) {
    it(JSON.stringify(doc), () => assert.equal(descriptionOf(doc), expected));
  }
});

describe("questions by documentation", () => {
  it("ask for what is documented, without the documentation", async () => {
    const text =
      "const a = 1;\n/**\n * Reads one line of the file.\n * @returns It.\n */\nexport function read() {\n}\n";
    const { queries, files } = await docsOf(file("p/a.ts", text));
    assert.deepEqual(shown(queries), ["Reads one line of the file. → p/a.ts:5-6"]);
    assert.equal(files[0]!.text, "const a = 1;\n\n\n\n\nexport function read() {\n}\n");
  });

  it("leave out what is documented twice the same way", async () => {
    const text = (name: string) => `/** Reads one line of the file. */\nexport function ${name}() {}\n`;
    const { queries, files } = await docsOf(file("p/a.ts", text("a")), file("q/b.ts", text("b")));
    assert.deepEqual(shown(queries), []);
    assert.equal(files[0]!.text, text("a"));
  });

  it("take declaration and definition in C++, and docstrings in Python", async () => {
    const { queries, files } = await docsOf(
      file("p/a.h", "// Reads one line of the file\nint read_line(int x);\n"),
      file("p/a.cpp", "int read_line(int x) {\n  return x;\n}\n"),
      file("q/b.py", 'def write(x):\n    """Writes one line of the file."""\n    return x\n'),
    );
    assert.deepEqual(shown(queries).sort(), [
      "Reads one line of the file → p/a.cpp:0-2 p/a.h:1-1",
      "Writes one line of the file. → q/b.py:0-2",
    ]);
    assert.equal(files[2]!.text, "def write(x):\n    \n    return x\n");
    assert.equal(new Set(queries.filter(({ language }) => language === "cpp").map(({ half }) => half)).size, 1);
  });
});

describe("questions by use", () => {
  const main = file("p/main.ts", 'import { readLine } from "./api";\n// readLine is good\nconst x = readLine(1);\n');
  const api = file("p/api.ts");
  const using = syntax({ references: ["readLine", "other"], imports: ["./api"] });

  it("ask for the definition in the imported file", () => {
    const syntaxes = new Map([
      ["p/main.ts", using],
      ["p/api.ts", syntax({}, { readLine: [4, 90] })],
    ]);
    const queries = importQueries([main, api], syntaxes);
    assert.deepEqual(shown(queries), ["readLine const x = readLine(1); → p/api.ts:4-43"]);
    assert.equal(queries[0]!.from, "p/main.ts");
  });

  it("do not ask for what the imported file does not define, nor across packages", () => {
    const none = new Map([
      ["p/main.ts", using],
      ["p/api.ts", syntax({}, { write: [0, 1] })],
    ]);
    assert.deepEqual(importQueries([main, api], none), []);
    const far = { ...api, package: "q" };
    const syntaxes = new Map([...none, ["p/api.ts", syntax({}, { readLine: [0, 1] })] as const]);
    assert.deepEqual(importQueries([main, far], syntaxes), []);
  });
});

describe("questions by tests", () => {
  it("ask for the first function called that has one definition", () => {
    const test = file("p/test/a.js", 'it("reads lines", () => {\n  setUp();\n  assert(readLine(1));\n});\n');
    const syntaxes = new Map([
      ["p/api.js", syntax({}, { readLine: [4, 6], setUp: [0, 1] })],
      ["p/more.js", syntax({}, { setUp: [0, 1] })],
    ]);
    const queries = testQueries([test, file("p/api.js"), file("p/more.js")], syntaxes);
    assert.equal(queries.length, 1);
    assert.match(queries[0]!.text, /^reads lines\n/);
    assert.deepEqual(queries[0]!.targets, [{ path: "p/api.js", startLine: 4, endLine: 6 }]);
  });
});

describe("files of the retrieval set", () => {
  it("are the sources, once", () => {
    const paths = ["p/dist/a.js", "p/dist/a.d.ts", "p/src/a.ts", "p/lib/b.js", "p/lib/b.d.ts", "q/a.js", "p/a.md"];
    const kept = withoutCopies(paths.map((path) => file(path))).map(({ path }) => path);
    assert.deepEqual(kept, ["p/a.md", "p/lib/b.js", "p/src/a.ts", "q/a.js"]);
  });

  it("are in one half as a whole, the same each time", async () => {
    const many = Array.from({ length: 40 }, (_, at) =>
      file(
        `p${at}/a.ts`,
        `/** Reads line ${at} of the big file. */\nfunction a() {}\n/** Writes line ${at} of the big file. */\nfunction b() {}\n`,
      ),
    );
    const { queries } = await docsOf(...many);
    assert.equal(queries.length, 80);
    const halves = new Map<string, Set<string>>();
    for (const { half, targets } of queries) {
      halves.set(targets[0]!.path, (halves.get(targets[0]!.path) ?? new Set()).add(half));
    }
    assert.ok([...halves.values()].every((each) => each.size === 1));
    assert.equal(new Set([...halves.values()].flatMap((each) => [...each])).size, 2);
    assert.deepEqual((await docsOf(...many)).queries, queries);
  });
});

describe("ranks", () => {
  const place = (path: string, startLine: number) => ({ path, startLine, endLine: startLine + 9 });
  const query = {
    kind: "doc",
    language: "cpp",
    half: "tune",
    text: "",
    targets: [place("a", 10)],
    from: "open",
  } as const;
  for (const [found, expected] of [
    [[place("a", 10)], 1],
    [[place("b", 10), place("a", 20), place("a", 1)], 3],
    [[place("open", 10), place("a", 15)], 1],
    [[...Array.from({ length: 10 }, () => place("b", 0)), place("a", 10)], undefined],
    [[], undefined],
  ] as const) {
    it(`of ${found.length} places`, () =>
      assert.equal(rankOf({ ...query, targets: [...query.targets] }, found), expected));
  }
});
