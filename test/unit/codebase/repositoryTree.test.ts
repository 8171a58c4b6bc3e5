// Tests the list of files at the end of the base: its levels of detail and the words for what is not whole.
import assert from "node:assert/strict";
import fc from "fast-check";
import { repositoryTree, TREE_DETAILS, type TreeFile } from "../../../server/src/codebase/repositoryTree.ts";

const FILES: TreeFile[] = [
  { path: "src/b.ts", form: "whole" },
  { path: "a.md", form: "whole" },
  { path: "src/a.ts", form: "outline" },
  { path: "src/x/c.ts", form: "path" },
  { path: 'odd, "name".ts', form: "path" },
];

describe("repository tree", () => {
  const head = "All files, by folder:";
  const cases = [
    [
      "files",
      `${head}\n./: a.md; not here: "odd, \\"name\\".ts"\nsrc/: b.ts; signatures only: a.ts\nsrc/x/: not here: c.ts\n`,
    ],
    ["folders", `${head}\n./: 2 files, 1 not here\nsrc/: 2 files, 1 signatures only\nsrc/x/: 1 file, 1 not here\n`],
    ["topFolders", `${head}\n./: 2 files, 1 not here\nsrc/: 3 files, 1 signatures only, 1 not here\n`],
    ["count", `${head} 5 files, 1 signatures only, 2 not here.\n`],
  ] as const;
  for (const [detail, expected] of cases) {
    it(`writes the detail: ${detail}`, () => assert.equal(repositoryTree(FILES, detail), expected));
  }

  it("is a line for no files", () => {
    assert.equal(repositoryTree([], "files"), `${head}\n`);
    assert.equal(repositoryTree([], "count"), `${head} 0 files.\n`);
  });

  it("is the same for files in any order", () => {
    const shuffled = fc.shuffledSubarray(FILES, { minLength: FILES.length });
    fc.assert(
      fc.property(shuffled, fc.constantFrom(...TREE_DETAILS), (files, detail) => {
        assert.equal(repositoryTree(files, detail), repositoryTree(FILES, detail));
      }),
    );
  });
});
