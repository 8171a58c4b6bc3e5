// Tests that every folder's paths begin differently, the same in whatever order folders are open, and lead back to their places.
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import fc from "fast-check";
import type { WorkspaceFolder } from "../../../server/src/codebase/workspaceFile.ts";
import { placeIn, rootsOf } from "../../../server/src/codebase/workspaceRoots.ts";

const ROOT = resolve("/w");

function folder(path: string, name = path.slice(path.lastIndexOf("/") + 1)): WorkspaceFolder {
  return { name, path: join(ROOT, path) };
}

function check(folders: WorkspaceFolder[], expected: Record<string, string>): void {
  for (const order of [folders, folders.toReversed()]) {
    const prefixes = rootsOf(order).map(({ folder: { path }, prefix }) => [path, prefix]);
    assert.deepEqual(
      Object.fromEntries(prefixes),
      Object.fromEntries(Object.entries(expected).map(([path, prefix]) => [join(ROOT, path), prefix])),
    );
  }
}

describe("workspace roots", () => {
  it("have no prefix where there is only one", () => {
    check([], {});
    check([folder("a")], { a: "" });
    check([folder("a"), folder("a/")], { a: "" });
  });

  it("begin with their names, and equal names get a number", () => {
    check([folder("a"), folder("b", "x/y\n")], { a: "a/", b: "x-y\uFFFD/" });
    check([folder("client/src"), folder("server/src")], { "client/src": "src/", "server/src": "src (2)/" });
    check([folder("1", "src"), folder("2", "src"), folder("3", "src (2)")], {
      "1": "src/",
      "2": "src (2)/",
      "3": "src (2) (2)/",
    });
  });

  it("say where a path lies, and of none that climbs out", () => {
    const roots = rootsOf([folder("client/src"), folder("server/src")]);
    const places = ["src/a/b.ts", "src (2)/a.ts", "other/a.ts", "src", "src/", "src/../../a.ts", "src (2)\\..\\a"];
    assert.deepEqual(
      places.map((path) => placeIn(roots, path)),
      [join(ROOT, "client/src/a/b.ts"), join(ROOT, "server/src/a.ts"), ...Array(5).fill(undefined)],
    );
    assert.equal(placeIn(rootsOf([folder("a")]), "src/b.ts"), join(ROOT, "a/src/b.ts"));
    assert.equal(placeIn(rootsOf([folder("a")]), "../b.ts"), undefined);
    assert.equal(placeIn([], "a.ts"), undefined);
  });

  it("lead from every path back to its place, whatever the names", () => {
    const names = fc.constantFrom("src", "src (2)", "src (3)", "a/b", "a-b", "");
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 6 }), (given) => {
        const roots = rootsOf(given.map((name, index) => folder(`${index}`, name)));
        for (const { folder: own, prefix } of roots) {
          assert.equal(placeIn(roots, `${prefix}x/a.ts`), join(own.path, "x/a.ts"));
        }
      }),
    );
  });
});
