// Tests of the tree of the context map: sums, order, paths, and which lines are shown where not all have room.
import assert from "node:assert/strict";
import fc from "fast-check";
import { chooseRows, FORMS, filesAt, isRead, type TreeRow, treeOf } from "../../../server/src/cli/contextTree.ts";
import type { ContextMapFile, FileForm } from "../../../server/src/protocol/messages.ts";

function file(path: string, tokens: number, form: FileForm = "whole"): ContextMapFile {
  return { path, form, tokens, reason: "because" };
}

const FILES = [
  file("README.md", 50),
  file("src/a.ts", 300),
  file("src/b.ts", 100, "outline"),
  file("src/deep/down/c.ts", 200),
  file("src/deep/down/d.ts", 20, "overlay"),
  file("src/e.ts", 9000, "path"),
  file("node_modules/", 0, "out"),
  file("logo.png", 700, "out"),
];

/** A row as its indented name, with its tokens. */
function text({ depth, node, tokens, more }: TreeRow): string {
  return `${"  ".repeat(depth)}${node?.name ?? `+${more}`} ${tokens}`;
}

function rowsOf(most: number, path = ""): string[] {
  return chooseRows(treeOf(filesAt(FILES, path), path, "work"), most).map(text);
}

describe("tree of the context map", () => {
  it("shows the largest first, and joins folders that hold nothing but a folder", () => {
    assert.deepEqual(rowsOf(100), [
      "work 670",
      "  src/ 620",
      "    a.ts 300",
      "    deep/down/ 220",
      "      c.ts 200",
      "      d.ts 20",
      "    b.ts 100",
      "    e.ts 0",
      "  README.md 50",
      "  logo.png 0",
      "  node_modules/ 0",
    ]);
  });

  it("counts files by form, and what is outside apart from what is in the context", () => {
    const { tokens, outside, files } = treeOf(FILES, "", "work");
    assert.deepEqual(
      { tokens, outside, files },
      {
        tokens: 670,
        outside: 9700,
        files: { whole: 3, outline: 1, overlay: 1, path: 1, out: 2 },
      },
    );
  });

  it("spends the lines on the largest entries, and sums up the rest of each folder", () => {
    assert.deepEqual(rowsOf(3), ["work 670", "  src/ 620", "  +3 50"]);
    assert.deepEqual(rowsOf(5), ["work 670", "  src/ 620", "    a.ts 300", "    +3 320", "  +3 50"]);
    assert.deepEqual(rowsOf(7), [
      "work 670",
      "  src/ 620",
      "    a.ts 300",
      "    deep/down/ 220",
      "    b.ts 100",
      "    e.ts 0",
      "  +3 50",
    ]);
  });

  it("gives no line to what stands in a folder without one", () => {
    const files = [file("a/p/f", 50), file("a/q", 40), file("r", 30), file("s", 20), file("t", 10)];
    assert.deepEqual(chooseRows(treeOf(files, "", "work"), 4).map(text), ["work 150", "  a/ 90", "  r 30", "  +2 30"]);
  });

  it("shows the root and its rest even where there is no room", () => {
    assert.deepEqual(rowsOf(0), ["work 670", "  +4 670"]);
  });

  it("narrows to a folder", () => {
    assert.deepEqual(rowsOf(100, "src/deep"), ["src/deep/ 220", "  down/ 220", "    c.ts 200", "    d.ts 20"]);
  });

  it("narrows to a file, or to the folder that is left out with it", () => {
    assert.deepEqual(rowsOf(100, "src/b.ts"), ["src/b.ts 100"]);
    assert.deepEqual(rowsOf(100, "node_modules"), ["node_modules/ 0"]);
    assert.deepEqual(rowsOf(100, "node_modules/x/index.js"), ["node_modules/ 0"]);
  });

  it("finds nothing where nothing is", () => {
    for (const path of ["sr", "src/a", "src/a.ts/b", "node_module"]) assert.deepEqual(filesAt(FILES, path), [], path);
  });

  it("orders by what files would take when nothing is read", () => {
    const unread = [file("a", 5, "path"), file("b/c", 70, "path"), file("b/d", 1, "path")];
    assert.deepEqual(
      chooseRows(treeOf(unread, "", "work"), 4).map(({ node, outside }) => [node?.name, outside]),
      [
        ["work", 76],
        ["b/", 71],
        ["a", 5],
      ],
    );
  });

  it("keeps to its lines and loses no token, whatever the files are", () => {
    const segment = fc.constantFrom("a", "b", "c", "long name");
    const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
    // A leaf of its own, so that no path is a file and a folder.
    const one = fc.record({
      path: path.map((each) => `${each}/leaf`),
      form: fc.constantFrom(...FORMS),
      tokens: fc.nat(500),
    });
    const files = fc.uniqueArray(one, { selector: (each) => each.path, minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(files, fc.integer({ min: 2, max: 60 }), (some, most) => {
        const all = some.map((each) => ({ ...each, reason: "" }));
        const rows = chooseRows(treeOf(all, "", "work"), most);
        assert.ok(rows.length <= most, `${rows.length} lines`);
        const read = all.filter(({ form }) => isRead(form)).reduce((sum, { tokens }) => sum + tokens, 0);
        assert.equal(rows[0]?.tokens, read);
        // A closed folder and a rest stand for all that is in them, so the leaves of what is shown are everything.
        const leaves = rows.filter(({ depth }, index) => (rows[index + 1]?.depth ?? 0) <= depth);
        assert.equal(
          leaves.reduce((sum, { files: counts }) => sum + FORMS.reduce((n, form) => n + counts[form], 0), 0),
          all.length,
        );
      }),
    );
  });
});
