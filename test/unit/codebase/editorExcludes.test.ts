// Tests the editor's globs, which of the settings' values count, and what is asked of which client.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Connection } from "vscode-languageserver/node";
import { ResponseError } from "vscode-languageserver/node";
import { EditorExcludes, globPattern, readEditorExcludes } from "../../../server/src/codebase/editorExcludes.ts";

const GLOBS: [glob: string, matches: string, others: string][] = [
  ["**/node_modules", "node_modules a/node_modules a/b/node_modules", "node_modules2 xnode_modules node_modules/a"],
  ["*.js", "a.js .js", "b/a.js a.jsx"],
  ["**/*.js", "a.js b/a.js b/c/a.js", "a.jsx a.js/b"],
  ["docs", "docs", "a/docs docs2"],
  ["docs/", "docs", "a/docs"],
  ["/docs", "docs", "a/docs"],
  ["./docs", "docs", "a/docs"],
  ["docs/**", "docs docs/a docs/a/b", "docs2 a/docs"],
  ["**/docs/**", "docs a/docs docs/a a/docs/b/c", "docs2 xdocs/a"],
  ["a/**/b", "a/b a/x/b a/x/y/b", "ab a/xb b"],
  ["**", "a a/b", ""],
  ["**/*.{ts,tsx}", "a.ts b/a.tsx", "a.js a.{ts,tsx}"],
  ["{**/a,b/**}", "a x/a b b/c", "c a/c"],
  ["{a,b/{c,d}}/x", "a/x b/c/x b/d/x", "b/x c/x"],
  ["**/{out,dist}/**", "out a/dist dist/x", "outer"],
  ["?.ts", "a.ts", "ab.ts .ts"],
  ["[ab].ts", "a.ts b.ts", "c.ts"],
  ["[!ab].ts", "c.ts", "a.ts"],
  ["[a-c]1", "a1 c1", "d1"],
  ["a.b+(c)", "a.b+(c)", "aXb+(c) a.bbc"],
  ["a,b", "a,b", "a b"],
  ["a**b", "ab axb", "a/b"],
  ["**/.git", ".git a/.git", ".gitignore"],
];

describe("editor excludes", () => {
  for (const [glob, matches, others] of GLOBS) {
    const pattern = globPattern(glob);
    for (const path of matches.split(" ").filter(Boolean)) {
      it(`${glob} matches ${path}`, () => assert.equal(pattern?.test(path), true));
    }
    for (const path of others.split(" ").filter(Boolean)) {
      it(`${glob} does not match ${path}`, () => assert.equal(pattern?.test(path), false));
    }
  }

  it("takes any text as a glob without throwing", () => {
    const text = fc.string({ unit: fc.constantFrom(..."{}[],*?!^/\\-ab.()|$+".split("")), maxLength: 30 });
    fc.assert(fc.property(text, text, (glob, path) => globPattern(glob)?.test(path) !== null));
  });

  it("counts only the value true, and says which setting it was", () => {
    const excludes = new EditorExcludes({
      "files.exclude": { a: true, b: false, c: { when: "$(basename).ts" }, d: "yes" },
      "search.exclude": { e: true, b: true },
    });
    assert.equal(excludes.reasonAgainst("a/"), "excluded by files.exclude (a)");
    assert.equal(excludes.reasonAgainst("e"), "excluded by search.exclude (e)");
    assert.equal(excludes.reasonAgainst("b/"), "excluded by search.exclude (b)");
    for (const path of ["c", "d/", "f"]) assert.equal(excludes.reasonAgainst(path), undefined);
  });

  it("takes any value as settings", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        new EditorExcludes({ "files.exclude": value, "search.exclude": value }).reasonAgainst("a/b");
      }),
    );
  });

  it("asks for both settings of each folder", async () => {
    const asked: unknown[] = [];
    const connection = clientThat(async (items) => {
      asked.push(...(items as unknown[]));
      return [{ a: true }, null];
    });
    const folders = [
      { name: "one", path: "/w/one" },
      { name: "two", path: "/w/two" },
    ];
    const excludes = await readEditorExcludes(connection, folders);
    assert.equal(excludes.get("/w/two")?.reasonAgainst("a"), "excluded by files.exclude (a)");
    assert.deepEqual(asked.slice(0, 2), [
      { section: "files.exclude", scopeUri: "file:///w/one" },
      { section: "search.exclude", scopeUri: "file:///w/one" },
    ]);
    assert.equal(asked.length, 4);
  });

  it("has none from a client that answers with an error, and fails with a lost connection", async () => {
    const folders = [{ name: "one", path: "/w/one" }];
    const refusing = clientThat(() => Promise.reject(new ResponseError(-32601, "what?")));
    assert.equal((await readEditorExcludes(refusing, folders)).get("/w/one")?.reasonAgainst("a"), undefined);
    const gone = clientThat(() => Promise.reject(new Error("connection closed")));
    await assert.rejects(readEditorExcludes(gone, folders), /connection closed/);
  });
});

function clientThat(getConfiguration: (items: unknown) => Promise<unknown>): Connection {
  return { workspace: { getConfiguration } } as unknown as Connection;
}
