// Tests the ranks that names, imports and focus give to files.
import assert from "node:assert/strict";
import fc from "fast-check";
import { type GraphFile, rankFiles } from "../../../server/src/index/symbolGraph.ts";

const NO_FOCUS = new Map<string, number>();

describe("symbol graph", () => {
  it("knows no ranks without files", () => assert.deepEqual(rankFiles([], NO_FOCUS), new Map()));

  it("gives all files the same share where none uses another", () => {
    const ranks = rankFiles([file("a"), file("b"), file("c", "x", "x")], NO_FOCUS);
    assert.deepEqual([...ranks.keys()], ["a", "b", "c"]);
    for (const share of ranks.values()) near(share, 1 / 3);
  });

  it("ranks what is used above what uses it", () => {
    const ranks = rankFiles([file("a", "", "Store"), file("store", "Store"), file("b", "", "Store")], NO_FOCUS);
    assert.deepEqual(order(ranks)[0], "store");
    near(ranks.get("a")!, ranks.get("b")!);
  });

  it("ranks what important files use above what others use", () => {
    const users = ["u1", "u2", "u3"].map((path) => file(path, "", "Core"));
    const ranks = rankFiles([...users, file("core", "Core", "Base"), file("base", "Base"), file("x", "X")], NO_FOCUS);
    assert.deepEqual(order(ranks).slice(0, 2), ["base", "core"]);
  });

  it("shares an ambiguous name among the files that define it", () => {
    const ranks = rankFiles(
      [file("user", "", "run only"), file("a", "run"), file("b", "run"), file("c", "only")],
      NO_FOCUS,
    );
    near(ranks.get("a")!, ranks.get("b")!);
    assert.ok(ranks.get("c")! > ranks.get("a")!);
  });

  it("means those of the definers that are imported, if any are", () => {
    const files = [file("src/user.ts", "", "run", "./a"), file("src/a.ts", "run"), file("src/b.ts", "run")];
    const ranks = rankFiles(files, NO_FOCUS);
    const unused = rankFiles([file("src/user.ts"), file("src/a.ts"), file("src/b.ts")], NO_FOCUS);
    assert.ok(ranks.get("src/a.ts")! > ranks.get("src/b.ts")!);
    near(ranks.get("src/b.ts")!, ranks.get("src/user.ts")!);
    near(unused.get("src/b.ts")!, 1 / 3);
    const other = rankFiles([file("src/user.ts", "", "run", "./c"), ...files.slice(1), file("src/c.ts")], NO_FOCUS);
    near(other.get("src/a.ts")!, other.get("src/b.ts")!);
  });

  it("counts an import without any name", () => {
    const ranks = rankFiles([file("a.css", "", "", "./b.css"), file("b.css"), file("c.css")], NO_FOCUS);
    assert.equal(order(ranks)[0], "b.css");
  });

  it("takes no name that more than twenty files define for a use", () => {
    const definers = Array.from({ length: 21 }, (_, index) => file(`d${index}`, "get"));
    const ranks = rankFiles([file("user", "", "get"), ...definers], NO_FOCUS);
    near(ranks.get("d3")!, ranks.get("user")!);
    const fewer = rankFiles([file("user", "", "get"), ...definers.slice(1)], NO_FOCUS);
    assert.ok(fewer.get("d3")! > fewer.get("user")!);
  });

  it("does not let a file raise itself", () => {
    const ranks = rankFiles([file("a.ts", "Own", "Own", "./a"), file("b.ts")], NO_FOCUS);
    near(ranks.get("a.ts")!, 1 / 2);
  });

  it("draws ranks to the files in focus and to what they use, by their weights", () => {
    const files = [
      file("hub", "Hub"),
      ...["u1", "u2", "u3"].map((path) => file(path, "", "Hub")),
      file("open", "", "Tool"),
      file("half", "", "Tool2"),
      file("tool", "Tool"),
      file("other", "Other"),
    ];
    const without = rankFiles(files, NO_FOCUS);
    const focus = new Map([
      ["open", 2],
      ["half", 1],
      ["gone", 5],
      ["other", 0],
    ]);
    const ranks = rankFiles(files, focus);
    assert.ok(ranks.get("open")! > without.get("open")!);
    assert.ok(ranks.get("open")! > ranks.get("half")!);
    assert.ok(ranks.get("tool")! > ranks.get("hub")! * (without.get("tool")! / without.get("hub")!));
    assert.ok(ranks.get("other")! <= without.get("other")!);
    assert.deepEqual([...ranks.keys()], [...without.keys()]);
  });

  it("is what it was when only files that do not exist are in focus", () => {
    const files = [file("a", "", "B"), file("b", "B")];
    assert.deepEqual(rankFiles(files, new Map([["gone", 1]])), rankFiles(files, NO_FOCUS));
  });

  it("takes names that objects have, and a path like any other key", () => {
    const files = [file("__proto__", "constructor", "toString"), file("constructor", "toString", "__proto__ hasOwn")];
    near(sumOf(rankFiles(files, new Map([["__proto__", 1]]))), 1);
  });

  it("gives shares that add up to 1, the same for the same files, whatever the graph", () => {
    const names = fc.array(fc.constantFrom("A", "B", "C", "D"), { maxLength: 4 });
    const paths = ["a.ts", "b.ts", "x/c.ts", "x/d.ts", "e.ts"];
    const imports = fc.array(fc.constantFrom("./a", "./x/c", "x/d", "../e"), { maxLength: 3 });
    const some = fc.tuple(...paths.map(() => fc.tuple(names, names, imports)));
    const weights = fc.dictionary(fc.constantFrom(...paths), fc.integer({ min: 0, max: 9 }));
    fc.assert(
      fc.property(some, weights, (facts, weight) => {
        const files = facts.map(([definitions, references, imported], index) => ({
          path: paths[index]!,
          definitions: [...new Set(definitions)],
          references: [...new Set(references)],
          imports: [...new Set(imported)],
        }));
        const focus = new Map(Object.entries(weight));
        const ranks = rankFiles(files, focus);
        near(sumOf(ranks), 1);
        assert.ok([...ranks.values()].every((share) => share > 0));
        assert.deepEqual([...rankFiles(files, focus)], [...ranks]);
      }),
      { numRuns: 100 },
    );
  });

  it("ranks the 20,000 files that a layout looks into at most", () => {
    const files = Array.from({ length: 20_000 }, (_, index) =>
      file(`p${index % 100}/f${index}.ts`, `N${index} get`, `N${index >> 1} N${index >> 4} get`, `./f${index >> 1}`),
    );
    const ranks = rankFiles(files, new Map([["p7/f7.ts", 1]]));
    assert.equal(ranks.size, 20_000);
    near(sumOf(ranks), 1);
  });
});

/** Names separated by blanks. */
function file(path: string, definitions = "", references = "", imports = ""): GraphFile {
  const list = (names: string) => names.split(" ").filter((name) => name !== "");
  return { path, definitions: list(definitions), references: list(references), imports: list(imports) };
}

function order(ranks: ReadonlyMap<string, number>): string[] {
  return [...ranks].sort(([, a], [, b]) => b - a).map(([path]) => path);
}

function sumOf(ranks: ReadonlyMap<string, number>): number {
  return [...ranks.values()].reduce((sum, share) => sum + share, 0);
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-5, `${actual} is not ${expected}`);
}
