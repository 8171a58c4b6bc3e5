// Tests what the search finds and in which order, on a small workspace, and that updates leave nothing behind.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { CodeIndex } from "../../../server/src/index/codeIndex.ts";
import type { Place } from "../../../server/src/protocol/messages.ts";
import { emptyIndex, indexOf, text } from "./indexed.ts";

const filler = (count: number) => "// nothing of interest\n".repeat(count);

const FILES: Record<string, string> = {
  "src/header.ts": `import { open } from "./open.ts";

/** Reads the first bytes of a file. */
export function parseHeader(bytes: Uint8Array): Header {
  return { magic: bytes[0] };
}

export interface Header {
  magic: number;
}
`,
  "src/session.ts": `export class SessionStore {
  #tokens = new Map<string, string>();

  validateToken(token: string): boolean {
    return this.#tokens.has(token);
  }

  expire(): void {
    this.#tokens.clear();
  }
}
`,
  "src/session.test.ts": `function validateToken() {}

describe("validateToken", () => {
  it("validates a session token", () => validateToken("token session token session"));
});
`,
  "src/http/client.py": `class HTTPClient:
    def send_request(self, url):
        """Sends a request and tries again with exponential backoff."""
        return self.retry(url)

    def retry(self, url):
        raise ConnectionError("Gave up: server unreachable")
`,
  "src/long.ts": `${filler(100)}// The needle lies in the haystack here.\n${filler(60)}`,
  "docs/guide.md": `# Guide\n\nHow sessions expire: call expire from a timer.\n\n文件结构说明\n`,
  "tools/build.sh": "echo building\n",
};

/** Query, and the first places: `path`, `path:line` or `path:first-last`, lines counted from 1, with `#symbol`. */
const RANKING: [name: string, query: string, expected: string[]][] = [
  ["an exact name", "parseHeader", ["src/header.ts:4-6#parseHeader"]],
  ["a name in other case", "parseheader", ["src/header.ts:4-6#parseHeader"]],
  ["a name before names that begin with it", "Session", ["src/session.ts:1-11#SessionStore"]],
  ["the beginning of a name", "parseHe", ["src/header.ts:4-6#parseHeader"]],
  ["words of a name", "http client", ["src/http/client.py:1-7#HTTPClient"]],
  ["words of a name in snake case", "request sending", ["src/http/client.py:2-4#send_request"]],
  ["a question", "where is the session token validated?", ["src/session.ts:4-6#validateToken"]],
  ["a question about words in a comment", "what does exponential backoff", ["src/http/client.py:2-4#send_request"]],
  ["tests when asked for", "validateToken test", ["src/session.test.ts:1-1#validateToken"]],
  [
    "tests last otherwise",
    "validateToken",
    ["src/session.ts:4-6#validateToken", "src/session.test.ts:1-1#validateToken"],
  ],
  ["a quoted text, its line", 'who says "Gave up: server"', ["src/http/client.py:7#retry"]],
  ["a quoted text, ignoring case if need be", '"gave UP: server"', ["src/http/client.py:7#retry"]],
  ["a quoted part of a word", '"unreach"', ["src/http/client.py:7#retry"]],
  ["a quoted part of a word, ignoring case", '"UNREACH"', ["src/http/client.py:7#retry"]],
  ["quoted signs", '"[0] }"', ["src/header.ts:5#parseHeader"]],
  ["a quoted part of a script without spaces", '"件结构"', ["docs/guide.md:5"]],
  ["code with punctuation", "tokens.clear(", ["src/session.ts:9#expire"]],
  ["a path", "what is in src/http/client.py", ["src/http/client.py:1"]],
  ["the end of a path, with a line", "header.ts:4", ["src/header.ts:4#parseHeader"]],
  ["a line beyond the end", "header.ts:4000", ["src/header.ts:11"]],
  ["part of a path", "see docs/", ["docs/guide.md:1"]],
  ["a window of a long file", "needle haystack", ["src/long.ts:81-120"]],
  ["a script without spaces", "结构", ["docs/guide.md:5"]],
  ["a script without spaces, among other words", "where is 结构", ["docs/guide.md:1-5"]],
  ["only stop words", "where was there", []],
  ["nothing", "", []],
  ["a word that does not occur", "zebra", []],
];

/** What most tests ask. */
let shared: CodeIndex;

before(async () => {
  shared = await indexOf(FILES);
});

describe("search", () => {
  for (const [name, query, expected] of RANKING) {
    it(`finds ${name}`, async () => {
      const found = await shared.search(query);
      if (expected.length === 0) assert.deepEqual(found, []);
      const shown = expected.map((place, position) => show(found[position], place));
      assert.deepEqual(shown, expected);
    });
  }

  it("says why, and shows the first line that is not empty", async () => {
    const index = await indexOf({ "a.ts": `\n\nexport function run() {\n  stop();\n}\n${"x".repeat(50)}\n` });
    const [place] = await index.search("run stop");
    assert.deepEqual(place, {
      uri: "file:///a.ts",
      path: "a.ts",
      startLine: 2,
      endLine: 4,
      symbol: "run",
      reason: "symbol run; words: run, stop",
      preview: "export function run()",
    });
  });

  it("caps the preview", async () => {
    const [place] = await (await indexOf({ "a.md": `needle ${"x".repeat(500)}\n` })).search("needle");
    assert.equal(place?.preview.length, 160);
  });

  it("gives other files a turn after two places of one, then goes on", async () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => `function load${index}() {}\n`).join("");
    const index = await indexOf({ "a.ts": many(5), "b.ts": many(1) });
    const paths = (await index.search("load")).map((place) => place.path);
    assert.deepEqual(paths.slice(0, 3).sort(), ["a.ts", "a.ts", "b.ts"]);
    assert.ok(paths.length >= 6);
    assert.equal((await index.search("load", { limit: 2 })).length, 2);
  });

  it("forgets what changed and what is gone", async () => {
    const index = await indexOf({ "a.ts": "function before() {}\n", "b.ts": "function other() {}\n" });
    await index.put([text("a.ts", "\nfunction after() {}\n")]);
    assert.deepEqual(await index.search("before"), []);
    assert.deepEqual(index.symbols("before", 5), []);
    assert.equal((await index.search("after"))[0]?.startLine, 1);
    await index.put([text("a.ts", "function third() {}\n")]);
    index.keepOnly(new Set(["a.ts"]));
    assert.deepEqual(
      index.symbols("", 5).map((symbol) => symbol.name),
      ["third"],
    );
    assert.deepEqual(await index.search("other"), []);
  });

  it("finds the same whatever the order and history of the files", async () => {
    const files = Object.entries(FILES).map(([path, content]) => text(path, content));
    const queries = RANKING.map(([, query]) => query);
    const order = fc.shuffledSubarray(files, { minLength: files.length });
    const noise = fc.array(fc.constantFrom(...files), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(order, noise, async (shuffled, changed) => {
        const { index } = await emptyIndex();
        for (const { path } of changed) {
          await index.put([text(path, `function parseHeader() {}\nsession token ${path}\n`)]);
        }
        await index.put(shuffled);
        await index.forgetUnused(0);
        await index.tidy();
        for (const query of queries) assert.deepEqual(await index.search(query), await shared.search(query));
        assert.deepEqual(index.symbols("e", 50), shared.symbols("e", 50));
      }),
      { numRuns: 30 },
    );
  });

  it("finds the newest text of a file, however many older ones are stored", async () => {
    const { index } = await emptyIndex();
    await index.put([text("b.ts", "// a wombat sleeps\n")]);
    const N_VERSIONS = 400;
    for (let n = 1; n <= N_VERSIONS; n++) await index.put([text("a.ts", `// wombat wombat ${n}\n`)]);
    await index.tidy();
    const pathsOf = async (query: string) => (await index.search(query)).map(({ path }) => path).sort();
    assert.deepEqual(await pathsOf("wombat"), ["a.ts", "b.ts"]);
    assert.deepEqual(await pathsOf('"wombat wombat 400"'), ["a.ts", "b.ts"]);
  });

  it("keeps a few older texts of a path, and only so many of all", async () => {
    const { index, store } = await emptyIndex();
    for (let n = 0; n < 9; n++) await index.put([text("a.ts", `${n}\n`), text(`b${n}.ts`, "b\n")]);
    index.keepOnly(new Set(["a.ts", "b8.ts"]));
    await index.forgetUnused(9);
    const stored = (await store.files()).map(({ path }) => path).sort();
    const paths = ["a.ts", "a.ts", "a.ts", "a.ts", "a.ts", "b3.ts", "b4.ts", "b5.ts", "b6.ts", "b7.ts", "b8.ts"];
    assert.deepEqual(stored, paths);
  });

  it("takes any query and any text", async () => {
    const query = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.stringMatching(/^(path|lang|symbol):.{0,9}$/),
    );
    await fc.assert(
      fc.asyncProperty(query, async (any) => {
        for (const place of await shared.search(any)) {
          const nLines = FILES[place.path]!.split("\n").length;
          assert.ok(0 <= place.startLine && place.startLine <= place.endLine && place.endLine < nLines);
        }
      }),
    );
    const { index } = await emptyIndex();
    await fc.assert(fc.asyncProperty(fc.string({ unit: "binary" }), (any) => index.put([text("any.ts", any)])));
  });
});

describe("symbol search", () => {
  const names = ["parse", "Parse", "parseHeader", "parse_header", "reparse", "Sparse", "HeaderParser", "other"];
  const cases: [query: string, expected: string[]][] = [
    ["parse", ["parse", "Parse", "parseHeader", "parse_header", "HeaderParser", "Sparse", "reparse"]],
    ["Parse", ["Parse", "parse", "parseHeader", "parse_header", "HeaderParser", "Sparse", "reparse"]],
    ["pH", ["parseHeader", "parse_header"]],
    ["parHead", ["parseHeader", "parse_header"]],
    ["header", ["HeaderParser", "parseHeader", "parse_header"]],
    ["zebra", []],
  ];
  for (const [query, expected] of cases) {
    it(`ranks ${query}`, async () => {
      const index = await indexOf({ "a.py": names.map((name) => `def ${name}():\n    pass\n`).join("") });
      assert.deepEqual(
        index.symbols(query, 10).map((symbol) => symbol.name),
        expected,
      );
    });
  }

  it("gives definitions of exactly these names, in their order, and what a file imports", async () => {
    const index = await indexOf({
      "a.py": "from b import Run\n\ndef run():\n    pass\n",
      "b.py": "class Run:\n    pass\n\ndef runner():\n    pass\n",
    });
    const named = index.named(["Run", "gone", "run"]).map(({ name, path, line }) => `${name} ${path}:${line}`);
    assert.deepEqual(named, ["Run b.py:0", "run a.py:2"]);
    assert.deepEqual(index.imported("a.py"), ["b.py"]);
    index.remove(["b.py"]);
    assert.deepEqual([index.named(["Run"]), index.imported("a.py")], [[], []]);
  });

  it("has path, uri, kind and lines, and keeps to the limit", async () => {
    const index = await indexOf({ "b.py": "def run():\n    pass\n", "a.py": "\ndef run():\n    pass\n" });
    const where = { kind: "function", line: 1, endLine: 2, path: "a.py", uri: "file:///a.py" };
    assert.deepEqual(index.symbols("run", 1), [{ name: "run", ...where, container: "", signature: "def run()" }]);
  });
});

/** A place in the form of the expectation: with as much detail as that has. */
function show(place: Place | undefined, expected: string): string {
  if (place === undefined) return "nothing";
  const first = place.startLine + 1;
  const last = place.endLine + 1;
  const symbol = expected.includes("#") ? `#${place.symbol}` : "";
  return `${place.path}:${first === last && !/\d-\d/.test(expected) ? first : `${first}-${last}`}${symbol}`;
}
