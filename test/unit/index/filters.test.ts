// Tests the filters of a search: how they are read out of a query, as a condition of the store, and on places.
import assert from "node:assert/strict";
import {
  conditionOf,
  matchesFilters,
  nothingFound,
  type QueryFilters,
  splitFilters,
} from "../../../server/src/index/filters.ts";

function checkSplit(query: string, filters: QueryFilters, rest: string): void {
  it(query, () => {
    const split = splitFilters(query);
    assert.deepEqual(split.filters, filters);
    assert.equal(split.rest.replace(/\s+/g, " ").trim(), rest);
  });
}

describe("filters in a query", () => {
  checkSplit("where is it", {}, "where is it");
  checkSplit("path:src/Net where is it", { path: "src/net" }, "where is it");
  checkSplit('a path:"my folder" b', { path: "my folder" }, "a b");
  checkSplit("lang:ts a", { languages: ["ts", "tsx", "mts", "cts"] }, "a");
  checkSplit("a lang:.GO", { languages: ["go"] }, "a");
  checkSplit("lang:C++ a", { languages: ["cpp", "cc", "cxx", "hpp", "hh", "h"] }, "a");
  checkSplit("symbol:Parse lang:py path:x", { symbol: "parse", languages: ["py", "pyi", "pyw"], path: "x" }, "");
  checkSplit("path:a path:b c", { path: "b" }, "c");
  // Not at the beginning of a word, without a value, in capitals.
  checkSplit("xpath:a path: b PATH:c", {}, "xpath:a path: b PATH:c");
  for (const quoted of ['"Use lang:ts to narrow"', "`see path:src here`", "say 'symbol:x is'"])
    checkSplit(quoted, {}, quoted);
  checkSplit('"a lang:ts b" path:"c d" isn\'t lang:go', { path: "c d", languages: ["go"] }, '"a lang:ts b" isn\'t');
  checkSplit("lang:constructor a", { languages: ["constructor"] }, "a");
  checkSplit("lang:__proto__ a", { languages: ["__proto__"] }, "a");
  checkSplit("lang:typescriptreact a", { languages: ["tsx"] }, "a");
  checkSplit('path:"open', { path: '"open' }, "");
});

describe("a search that finds nothing", () => {
  it("says in which files, where a language narrowed it", () => {
    for (const query of ["zebra", "zebra path:src", "symbol:zebra"]) {
      assert.equal(nothingFound(query), "Nothing was found.");
    }
    assert.equal(nothingFound("zebra lang:golng"), "Nothing was found in files that end in .golng.");
    assert.equal(
      nothingFound("zebra lang:typescript"),
      "Nothing was found in files that end in .ts, .tsx, .mts, .cts.",
    );
  });

  it("says that no file fits, where only files were asked for", () => {
    assert.equal(nothingFound("lang:golng "), "No file ends in .golng.");
    assert.equal(nothingFound("path:Zebra"), "No file has zebra in its path.");
    assert.equal(nothingFound('lang:rust path:"my z"'), "No file ends in .rs and has my z in its path.");
    assert.equal(nothingFound("symbol:x lang:go"), "Nothing was found in files that end in .go.");
  });

  it("says that there is nothing to search", () => {
    const sentence = /^There is nothing to search: the workspace has no files/;
    assert.match(nothingFound("zebra lang:go", 0), sentence);
    assert.equal(nothingFound("zebra", 1), "Nothing was found.");
  });
});

describe("filters as a condition", () => {
  const inColumn = "strpos(lower(symbol), 'x') > 0";
  for (const [filters, withSymbol, expected] of [
    [{}, undefined, undefined],
    [{ symbol: "x" }, undefined, undefined],
    [{ symbol: "x" }, [], inColumn],
    [{ symbol: "x" }, ["a", "it's"], `(${inColumn} OR path IN ('a', 'it''s'))`],
    [{ path: "src" }, undefined, "strpos(lower(path), 'src') > 0"],
    [{ languages: ["c", "h"] }, undefined, "language IN ('c', 'h')"],
    [{ path: "it's", languages: ["c"] }, undefined, "strpos(lower(path), 'it''s') > 0 AND language IN ('c')"],
  ] as [QueryFilters, string[] | undefined, string | undefined][]) {
    it(`${JSON.stringify(filters)} ${withSymbol}`, () => assert.equal(conditionOf(filters, withSymbol), expected));
  }
});

describe("filters on places", () => {
  for (const [path, symbol, filters, expected] of [
    ["src/Net/a.ts", undefined, {}, true],
    ["src/Net/a.ts", undefined, { path: "net/" }, true],
    ["src/Net/a.ts", undefined, { path: "web/" }, false],
    ["src/a.TS", undefined, { languages: ["ts"] }, true],
    ["src/a.ts", undefined, { languages: ["js"] }, false],
    ["src/a.ts", "parseHeader", { symbol: "header" }, true],
    ["src/a.ts", "parseHeader", { symbol: "body" }, false],
    ["src/a.ts", undefined, { symbol: "header" }, false],
  ] as [string, string | undefined, QueryFilters, boolean][]) {
    it(`${JSON.stringify(filters)} on ${symbol ?? ""} ${path}`, () =>
      assert.equal(matchesFilters({ path }, symbol, filters), expected));
  }
});
