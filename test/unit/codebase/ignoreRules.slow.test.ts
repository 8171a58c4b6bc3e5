// Tests which files the ignore files leave out: a table of nested rules, and random rules compared with git itself.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { collectFiles } from "../../../server/src/codebase/fileSet.ts";
import { type Tree, withTree, writeInto } from "./tempTree.ts";

interface Case {
  name: string;
  tree: Tree;
  /** Paths that stay, without the ignore files. */
  kept: string[];
  /** Folder to open; default: the root. */
  open?: string;
}

const CASES: Case[] = [
  { name: "no rules", tree: { "a.ts": "x", "b/c.ts": "x" }, kept: ["a.ts", "b/c.ts"] },
  {
    name: "a name anywhere",
    tree: { ".gitignore": "out", "out/a.ts": "x", "b/out": "x", "c.ts": "x" },
    kept: ["c.ts"],
  },
  { name: "a folder only", tree: { ".gitignore": "out/", "out/a.ts": "x", "b/out": "x" }, kept: ["b/out"] },
  { name: "anchored", tree: { ".gitignore": "/out", "out/a.ts": "x", "b/out/a.ts": "x" }, kept: ["b/out/a.ts"] },
  { name: "negated", tree: { ".gitignore": "*.md\n!keep.md", "a.md": "x", "b/keep.md": "x" }, kept: ["b/keep.md"] },
  {
    name: "later lines win",
    tree: { ".gitignore": "!a.md\n*.md", "a.md": "x", "b.ts": "x" },
    kept: ["b.ts"],
  },
  {
    name: "a deeper file wins",
    tree: { ".gitignore": "*.md", "docs/.gitignore": "!*.md", "a.md": "x", "docs/b.md": "x", "docs/c/d.md": "x" },
    kept: ["docs/b.md", "docs/c/d.md"],
  },
  {
    name: "a deeper file can bring a folder back",
    tree: { ".gitignore": "build/", "a/.gitignore": "!build/", "a/build/x.ts": "x", "build/y.ts": "x" },
    kept: ["a/build/x.ts"],
  },
  {
    name: "an ignored folder is not entered, so nothing in it comes back",
    tree: { ".gitignore": "out/\n!out/keep.ts", "out/keep.ts": "x", "out/.gitignore": "!*", "a.ts": "x" },
    kept: ["a.ts"],
  },
  {
    name: "the folder's content ignored instead of the folder",
    tree: { ".gitignore": "out/*\n!out/keep.ts", "out/keep.ts": "x", "out/b.ts": "x" },
    kept: ["out/keep.ts"],
  },
  {
    name: "rules of a folder end with it",
    tree: { "a/.gitignore": "*.ts\n/b.md", "a/x.ts": "x", "a/b.md": "x", "a/c/b.md": "x", "b.md": "x", "x.ts": "x" },
    kept: ["a/c/b.md", "b.md", "x.ts"],
  },
  {
    name: "a folder's name with pattern characters",
    tree: { "a[1]/.gitignore": "/x.ts", "a[1]/x.ts": "x", "a[1]/y.ts": "x", "a1/x.ts": "x" },
    kept: ["a1/x.ts", "a[1]/y.ts"],
  },
  {
    name: "comments, escapes, trailing spaces, CRLF and a byte order mark",
    tree: {
      ".gitignore": "\uFEFFa.ts\r\n# b.ts\r\n\\#c.ts\r\nd.ts  \r\n",
      "a.ts": "x",
      "b.ts": "x",
      "#c.ts": "x",
      "d.ts": "x",
    },
    kept: ["b.ts"],
  },
  {
    name: ".fathomignore the same way",
    tree: { ".fathomignore": "*.sql\n!keep.sql", "a.sql": "x", "keep.sql": "x" },
    kept: ["keep.sql"],
  },
  {
    name: ".fathomignore brings back what .gitignore leaves out",
    tree: { ".gitignore": "gen/", ".fathomignore": "!gen/", "gen/a.ts": "x" },
    kept: ["gen/a.ts"],
  },
  {
    name: "an outer .fathomignore wins over a deeper .gitignore",
    tree: { ".fathomignore": "*.sql", "db/.gitignore": "!*.sql", "db/a.sql": "x", "b.ts": "x" },
    kept: ["b.ts"],
  },
  {
    name: "a folder inside a repository obeys the repository's rules",
    tree: {
      ".git/info/exclude": "mine.ts",
      ".gitignore": "dist/\n/app/top.ts",
      "app/dist/a.ts": "x",
      "app/top.ts": "x",
      "app/mine.ts": "x",
      "app/b.ts": "x",
    },
    open: "app",
    kept: ["b.ts"],
  },
  {
    name: "a folder that its repository ignores can be opened all the same",
    tree: { ".git/HEAD": "x", ".gitignore": "app/", "app/.gitignore": "*.md", "app/a.md": "x", "app/b.ts": "x" },
    open: "app",
    kept: ["b.ts"],
  },
  {
    name: ".git stays out whatever the rules say",
    tree: { ".fathomignore": "!.git\n!.git/config", ".git/config": "x", "d.ts": "x" },
    kept: ["d.ts"],
  },
  {
    name: ".fathomignore brings back what lies in a folder that .gitignore leaves out, and nothing beside it",
    tree: {
      ".gitignore": "build/\n*.log",
      ".fathomignore": "!build/keep/\n!build/one.ts",
      "build/keep/a.ts": "x",
      "build/keep/deep/b.ts": "x",
      "build/keep/c.log": "x",
      "build/one.ts": "x",
      "build/other.ts": "x",
      "build/other/keep/d.ts": "x",
      "e.ts": "x",
    },
    kept: ["build/keep/a.ts", "build/keep/deep/b.ts", "build/one.ts", "e.ts"],
  },
  {
    name: "what is brought back can be left out again in part",
    tree: {
      ".gitignore": "vendor/",
      ".fathomignore": "!vendor/ours/\n!vendor/ours/dist/big.min.js\nvendor/ours/tests/",
      "vendor/ours/a.ts": "x",
      "vendor/ours/dist/b.ts": "x",
      "vendor/ours/dist/big.min.js": "x",
      "vendor/ours/tests/c.ts": "x",
      "vendor/theirs/d.ts": "x",
    },
    kept: ["vendor/ours/a.ts", "vendor/ours/dist/b.ts", "vendor/ours/dist/big.min.js"],
  },
  {
    name: "third-party folders stay out and parts of them come back, at any depth by **",
    tree: {
      ".fathomignore": "!/vendor/ours/\n!**/node_modules/mine/",
      "vendor/ours/a.go": "x",
      "vendor/theirs/b.go": "x",
      "lib/vendor/ours/c.go": "x",
      "app/node_modules/mine/d.js": "x",
      "app/node_modules/theirs/e.js": "x",
      "node_modules/mine/f.js": "x",
    },
    kept: ["app/node_modules/mine/d.js", "node_modules/mine/f.js", "vendor/ours/a.go"],
  },
  {
    name: "a name without a way opens no folder that is left out",
    tree: { ".gitignore": "out/", ".fathomignore": "!keep.ts", "out/keep.ts": "x", "a.ts": "x" },
    kept: ["a.ts"],
  },
  {
    name: "a .fathomignore in a folder brings back what is below it",
    tree: {
      ".gitignore": "gen/",
      "a[1]/.fathomignore": "!gen/x{1}/",
      "a[1]/gen/x{1}/b.ts": "x",
      "a[1]/gen/x1/c.ts": "x",
      "gen/x{1}/d.ts": "x",
    },
    kept: ["a[1]/gen/x{1}/b.ts"],
  },
];

describe("ignore rules", () => {
  for (const { name, tree, kept, open = "" } of CASES) {
    it(name, () =>
      withTree(tree, async (root) => {
        const { files } = await collectFiles([{ name: "repo", path: join(root, open) }]);
        assert.deepEqual(
          files.map((file) => file.path).filter((path) => !path.endsWith("ignore")),
          kept,
        );
      }),
    );
  }

  it("names the rule's file as the reason, and an ignored folder once", () =>
    withTree({ ".gitignore": "out/", "a/.gitignore": "*.md", "out/x/y.ts": "x", "a/b.md": "x" }, async (root) => {
      const { leftOut } = await collectFiles([{ name: "repo", path: root }]);
      assert.deepEqual(leftOut, [
        { path: "a/b.md", reason: "ignored by a/.gitignore" },
        { path: "out/", reason: "ignored by .gitignore" },
      ]);
    }));

  it("agrees with git on random rules", async () => {
    const patterns = fc.constantFrom(
      ...["*.ts", "!a.ts", "foo", "foo/", "!foo/", "/a", "/a/", "a/b", "a/**", "!a/**/b.ts", "**/b", "b/*", "!b/a.ts"],
      ...["/*", "!/a", "!*/", "\\#h.ts", "[ab].ts", "?.ts", "x\\ y.ts", "c/**/foo", "*/a.ts", "**/a/", "!**/", "a/"],
      ...["[!a].ts", "a*b", "**a", "a**", "*.t[rs]s", "!/a/b/", "/*/*", "\\!x", "#a.ts", "a.ts ", "c d", "/**/b/**"],
    );
    const folders = fc.constantFrom("", "a", "b", "foo", "a/b", "a/foo", "b/a", "foo/b", "a/b/a", "c d");
    const rules = fc.dictionary(folders, fc.array(patterns, { minLength: 1, maxLength: 4 }), { maxKeys: 4 });
    const allFolders = ["", "a", "b", "foo", "a/b", "a/foo", "b/a", "foo/b", "a/b/a", "c d"];
    const tree: Tree = {};
    for (const folder of allFolders) {
      for (const name of ["a.ts", "b.ts", "x y.ts", "#h.ts", "c.md"]) tree[join(folder, name)] = "x";
    }
    await fc.assert(
      fc.asyncProperty(rules, (byFolder) =>
        withTree(tree, async (root) => {
          for (const [folder, lines] of Object.entries(byFolder)) {
            await writeInto(root, join(folder, ".gitignore"), `${lines.join("\n")}\n`);
          }
          execFileSync("git", ["init", "--quiet", root]);
          const listing = execFileSync("git", ["-C", root, "ls-files", "-z", "--others", "--exclude-standard"]);
          const expected = listing.toString().split("\0").filter(Boolean);
          const { files } = await collectFiles([{ name: "repo", path: root }]);
          assert.deepEqual(
            files.map((file) => file.path),
            expected.sort(),
          );
        }),
      ),
      { numRuns: 25 },
    );
  });
});
