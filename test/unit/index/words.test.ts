// Tests how code and questions are split into words, and how a query is read.
import assert from "node:assert/strict";
import { parseQuery } from "../../../server/src/index/query.ts";
import { termsOf } from "../../../server/src/index/terms.ts";
import { partsOf, stem } from "../../../server/src/index/words.ts";

const PARTS: [identifier: string, parts: string[]][] = [
  ["parseHeader", ["parse", "header"]],
  ["HTTPServer", ["http", "server"]],
  ["parse_http_header", ["parse", "http", "header"]],
  ["utf8Decoder", ["utf", "8", "decoder"]],
  ["MAX_SIZE", ["max", "size"]],
  ["$el", ["el"]],
  ["größeÄndern", ["gr", "öß", "e", "Ä".toLowerCase(), "ndern"]],
  ["文件系统", ["文件", "件系", "系统"]],
  ["a".repeat(65), []],
];

/** Words that must be one to the search, and a word that must be another. */
const STEMS: [same: string[], different: string][] = [
  [["parse", "parsed", "parses", "parsing", "parser"], "part"],
  [["token", "tokens"], "take"],
  [["run", "runs", "running", "runner"], "ruin"],
  [["query", "queries"], "quiet"],
  [["class", "classes"], "clash"],
  [["cache", "caches", "cached", "caching"], "catch"],
  [["complete", "completes", "completion", "completed"], "compile"],
  [["status"], "state"],
  [["string"], "stress"],
];

describe("words", () => {
  for (const [identifier, parts] of PARTS) {
    it(`splits ${identifier}`, () => assert.deepEqual(partsOf(identifier), parts));
  }
  for (const [same, different] of STEMS) {
    it(`has one stem for ${same.join(", ")}`, () => {
      assert.deepEqual(new Set(same.map(stem)).size, 1);
      assert.notEqual(stem(same[0]!), stem(different));
    });
  }

  it("keeps the whole of a compound beside its words, and pairs of a script without spaces", () => {
    assert.deepEqual(termsOf("parseHeader(x)"), ["parse", "header", "=parseheader"]);
    assert.deepEqual(termsOf("header"), ["header"]);
    assert.deepEqual(new Set(termsOf("文件系统")), new Set(["文件系统", "文件", "件系", "系统"]));
    assert.deepEqual(termsOf("文件"), ["文件"]);
  });
});

describe("query", () => {
  const cases: [text: string, words: string[], literals: string[], paths: string[]][] = [
    ["where is the chat template rendered?", ["chat", "template", "rendered"], [], []],
    ["where is it", ["where", "is", "it"], [], []],
    ["parse parsing parseFile parsefile", ["parse", "parseFile", "parsefile"], [], []],
    ["parseFile parse_file PARSE_FILE", ["parseFile", "parse_file"], [], []],
    ["x 7 ab", ["ab"], [], []],
    ['find "not a function" and `x.y`', ["find", "function"], ["not a function", "x.y"], ["x.y"]],
    ["don't look for what's 'this one'", ["don"], ["this one"], []],
    ["src/main.ts:12 and ./lib/", ["src", "main", "ts", "lib"], [], ["src/main.ts:12", "lib/"]],
    ["list.map(", ["list", "map"], ["list.map("], ["list.map"]],
    ["größe.ts", ["größe", "ts"], ["größe.ts"], ["größe.ts"]],
    ["see app/[id]/page.tsx", ["app", "id", "page", "tsx"], [], ["app/[id]/page.tsx"]],
    ["see [main.ts](src/main.ts)", ["main", "ts", "src"], [], ["main.ts", "src/main.ts"]],
    ["the src/routes/+page.svelte", ["src", "routes", "page", "svelte"], [], ["src/routes/+page.svelte"]],
    ["in src/日本.ts", ["src", "日本", "ts"], [], ["src/日本.ts"]],
    ["看src/main.ts:12", ["看src", "main", "ts"], ["看src/main.ts:12"], ["看src/main.ts:12", "src/main.ts:12"]],
    ['"', [], [], []],
  ];
  for (const [text, words, literals, paths] of cases) {
    it(`reads ${text}`, () => {
      const query = parseQuery(text);
      const shown = query.paths.map(({ path, line }) => (line === undefined ? path : `${path}:${line + 1}`));
      assert.deepEqual([query.words.map((word) => word.text), query.literals, shown], [words, literals, paths]);
    });
  }
});
