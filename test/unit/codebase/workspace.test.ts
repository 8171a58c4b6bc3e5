// Tests the workspace as file events and documents tell it: what comes in, goes out, is looked at again, and is found.
import assert from "node:assert/strict";
import { mkdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { CancellationToken, FileChangeType, type InitializeParams } from "vscode-languageserver/node";
import { Workspace } from "../../../server/src/codebase/workspace.ts";
import { Documents } from "../../../server/src/documents.ts";
import { fileUri } from "../../../server/src/uris.ts";
import { FakeEditor } from "../../fakes/fakeEditor.ts";
import { FakeIndex } from "../../fakes/fakeIndex.ts";
import { countingReads, Overlaid } from "./overlaid.ts";
import { type Tree, withTree, writeInto } from "./tempTree.ts";

const { Changed, Created, Deleted } = FileChangeType;
const SECRET = `token = "ghp_${"aB3dE5gH7j".repeat(4).slice(0, 36)}"\n`;

class Place extends Overlaid {
  collections = 0;
  /** What was told to whoever listens. */
  readonly told: string[] = [];

  constructor(root: string, folders?: readonly string[]) {
    super(root, folders);
    this.workspace.readExcludes = async () => {
      this.collections += 1;
      return new Map();
    };
    this.workspace.onChanged = (uris) => this.told.push(...uris.map((uri) => this.workspace.pathOf(uri)));
  }

  async paths(): Promise<string> {
    return (await this.workspace.files()).files.map(({ path }) => path).join(" ");
  }

  async leftOut(): Promise<string[]> {
    return (await this.workspace.files()).leftOut.map(({ path }) => path);
  }

  async found(query: string): Promise<string[]> {
    return (await this.workspace.search(query, 20)).map(({ path }) => path);
  }
}

function inPlace(tree: Tree, test: (place: Place) => Promise<void>, folders?: readonly string[]): Promise<void> {
  return withTree(tree, async (root) => {
    const place = new Place(root, folders);
    await place.workspace.files();
    await place.index.settled();
    await test(place);
  });
}

describe("the workspace", () => {
  it("collects once, and again only when files came or went", async () => {
    await inPlace({ "a.ts": "a\n" }, async (place) => {
      await Promise.all([place.paths(), place.paths()]);
      await place.save("a.ts", "b\n");
      assert.equal(await place.paths(), "a.ts");
      assert.equal(place.collections, 1);
      await place.create("b.ts", "b\n");
      assert.equal(await place.paths(), "a.ts b.ts");
      await place.remove("a.ts");
      assert.equal(await place.paths(), "b.ts");
      assert.equal(place.collections, 2);
      place.workspace.forget();
      await place.paths();
      assert.equal(place.collections, 3);
    });
  });

  it("reads only the file that changed", async () => {
    const tree = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${index}.ts`, "a\n"]));
    await inPlace(tree, async (place) => {
      assert.equal(await countingReads(() => place.paths()), 0);
      place.tell("f3.ts", Changed);
      assert.equal(await countingReads(() => place.paths()), 1);
    });
  });

  it("forgets a file that goes while others are read", async () => {
    await inPlace({ "a.ts": "alpha\n", "b.ts": "beta\n" }, async (place) => {
      const { documents } = place;
      for (const path of ["a.ts", "b.ts"]) place.tell(path, Changed);
      const get = documents.get.bind(documents);
      documents.get = (uri) => {
        if (uri === place.uri("b.ts")) place.tell("a.ts", Deleted);
        return get(uri);
      };
      assert.equal(await place.paths(), "b.ts");
      assert.deepEqual(await place.found("alpha beta"), ["b.ts"]);
    });
  });

  it("forgets a file that goes while all are collected", async () => {
    await inPlace({ "a.ts": "alpha\n", "b/c.ts": "alpha\n", "d.ts": "delta\n" }, async (place) => {
      place.workspace.forget();
      place.workspace.readExcludes = async () => {
        for (const path of ["a.ts", "b"]) place.tell(path, Deleted);
        return new Map();
      };
      assert.equal(await place.paths(), "d.ts");
      assert.deepEqual(await place.found("alpha delta"), ["d.ts"]);
    });
  });

  it("leaves out a file that becomes unreadable and takes it back, without a collection", async () => {
    const unfit = {
      secret: SECRET,
      binary: Uint8Array.from([0]),
      large: "a\n".repeat(300_000),
      long: "x".repeat(30_000),
    };
    for (const content of Object.values(unfit)) {
      await inPlace({ "a.ts": "alpha\n", "b.ts": "beta\n", "c.ts": "gamma\n" }, async (place) => {
        await place.save("b.ts", content);
        assert.deepEqual([await place.paths(), await place.leftOut()], ["a.ts c.ts", ["b.ts"]]);
        assert.deepEqual(await place.found("beta"), []);
        // Another file comes meanwhile, so all are collected anew.
        await place.create("d.ts", "d\n");
        assert.equal(await place.paths(), "a.ts c.ts d.ts");
        await place.save("b.ts", "beta\n");
        assert.deepEqual([await place.paths(), await place.leftOut()], ["a.ts b.ts c.ts d.ts", []]);
        assert.deepEqual(await place.found("beta"), ["b.ts"]);
        assert.equal(place.collections, 2);
      });
    }
  });

  it("takes a file that replaced a symbolic link, though told as a change", async function () {
    if (process.platform === "win32") this.skip();
    await inPlace({ "a.ts": "a\n" }, async (place) => {
      await symlink("a.ts", join(place.root, "b.ts"));
      place.tell("b.ts", Created);
      assert.deepEqual([await place.paths(), await place.leftOut()], ["a.ts", ["b.ts"]]);
      await rm(join(place.root, "b.ts"));
      await place.save("b.ts", "b\n");
      assert.equal(await place.paths(), "a.ts b.ts");
    });
  });

  it("takes a file in place of a folder, and a folder in place of a file", async () => {
    await inPlace({ "mod/a.ts": "a\n", "b.ts": "b\n" }, async (place) => {
      await rm(join(place.root, "mod"), { recursive: true });
      await place.save("mod", "a file now\n");
      assert.equal(await place.paths(), "b.ts mod");
      await rm(join(place.root, "mod"));
      await writeInto(place.root, "mod/a.ts", "a\n");
      place.editor.onDisk([
        { uri: place.uri("mod"), type: Changed },
        { uri: place.uri("mod/a.ts"), type: Created },
      ]);
      assert.equal(await place.paths(), "b.ts mod/a.ts");
    });
  });

  it("takes a folder in place of another one, which is told as one change", async () => {
    const tree = { "src/a.ts": "a\n", "lib/b.ts": "b\n", "old/b.ts": "older\n" };
    await inPlace(tree, async (place) => {
      const move = async (from: string, to: string) => {
        await rm(join(place.root, to), { recursive: true });
        await rename(join(place.root, from), join(place.root, to));
        place.tell(from, Deleted);
        place.tell(to, Changed);
      };
      await move("lib", "src");
      assert.equal(await place.paths(), "old/b.ts src/b.ts");
      // The same names, and other texts.
      await move("old", "src");
      assert.equal(await place.paths(), "src/b.ts");
      assert.deepEqual([await place.found("older"), await place.found("b")], [["src/b.ts"], []]);
    });
  });

  it("does not collect because a folder is said to have changed", async () => {
    const tree = {
      "src/a.ts": "a\n",
      "src/.env": "a=1\n",
      "src/b.bin": "\0",
      "src/c/d.ts": "d\n",
      "src/.git": "gitdir: x",
    };
    await inPlace(tree, async (place) => {
      place.tell("src", Changed);
      await place.paths();
      assert.equal(place.collections, 1);
    });
  });

  it("does not care what changes in what rules leave out, with one folder or several", async () => {
    const tree = { ".gitignore": "out/\n*.log\n", "a.ts": "a\n", "x.log": "x\n", "out/b.ts": "b\n", ".env": "a=1\n" };
    const two = Object.fromEntries(Object.entries(tree).map(([path, text]) => [`one/${path}`, text]));
    const check = async (place: Place, prefix: string) => {
      for (const path of ["x.log", ".env", "out/b.ts", ".git/index", "node_modules/x/y.js"]) {
        place.tell(prefix + path, Changed);
      }
      place.tell(`${prefix}out/c.ts`, Created);
      await place.paths();
      assert.deepEqual([place.told, place.collections], [[], 1]);
    };
    await inPlace(tree, (place) => check(place, ""));
    await inPlace({ ...two, "two/a.ts": "a\n" }, (place) => check(place, "one/"), ["one", "two"]);
  });

  it("follows the ignore rules when they change", async () => {
    await inPlace({ ".gitignore": "*.md\n", "a.ts": "a\n", "b.md": "b\n", "lib/c.ts": "c\n" }, async (place) => {
      assert.equal(await place.paths(), ".gitignore a.ts lib/c.ts");
      await place.save(".gitignore", "lib/\n");
      assert.equal(await place.paths(), ".gitignore a.ts b.md");
      await place.save("lib/c.ts", "changed\n");
      await place.remove(".gitignore");
      assert.equal(await place.paths(), "a.ts b.md lib/c.ts");
      assert.deepEqual(await place.found("changed"), ["lib/c.ts"]);
    });
  });

  it("forgets all that was in a deleted folder", async () => {
    const tree = { "lib/a.ts": "alpha\n", "lib/deep/b.ts": "beta\n", "lib/secret.ts": SECRET, "library.ts": "l\n" };
    await inPlace(tree, async (place) => {
      await place.remove("lib");
      assert.deepEqual([await place.paths(), await place.leftOut()], ["library.ts", []]);
      assert.deepEqual(await place.found("alpha beta"), []);
      assert.equal(place.collections, 1);
    });
  });

  it("tells what changed: by events at once, without events after the next collection", async () => {
    await inPlace({ "a.ts": "a\n", "b.ts": "b\n" }, async (place) => {
      await place.save("a.ts", "alpha\n");
      await place.create("c.ts", "c\n");
      assert.deepEqual(place.told, ["a.ts", "c.ts"]);
      await place.paths();
      place.told.length = 0;
      place.workspace.takeChangedOnDisk();
      await writeInto(place.root, "b.ts", "without an event\n");
      await rm(join(place.root, "c.ts"));
      place.workspace.forget();
      await place.paths();
      assert.deepEqual(place.told, ["b.ts", "c.ts"]);
      assert.deepEqual(place.workspace.takeChangedOnDisk(), [place.uri("b.ts"), place.uri("c.ts")]);
      assert.deepEqual(place.workspace.takeChangedOnDisk(), []);
      assert.deepEqual(await place.found("event"), ["b.ts"]);
    });
  });

  it("searches open documents as they are in the editor, but no secret typed into them", async () => {
    await inPlace({ "a.ts": "alpha\n" }, async (place) => {
      place.type("a.ts", "gamma\r\n");
      assert.deepEqual([await place.found("gamma"), await place.found("alpha")], [["a.ts"], []]);
      place.type("a.ts", `gamma\n${SECRET}`);
      assert.deepEqual(await place.found("gamma"), []);
      place.editor.close(place.uri("a.ts"));
      assert.deepEqual([await place.found("gamma"), await place.found("alpha")], [[], ["a.ts"]]);
    });
  });

  it("searches what .fathomignore brings back, also while it is open", async () => {
    const generated = "// @generated\nlet alpha;\n";
    await inPlace({ ".fathomignore": "!a.ts\n", "a.ts": generated }, async (place) => {
      assert.deepEqual(await place.found("alpha"), ["a.ts"]);
      place.type("a.ts", generated.replace("alpha", "gamma"));
      assert.deepEqual(await place.found("gamma"), ["a.ts"]);
    });
  });

  it("finds first what is near to the files that are worked on, and waits for all files only when asked to", async () => {
    await inPlace({ "a.ts": "alpha\n" }, async ({ workspace, index }) => {
      workspace.focusWeights = () => new Map([["a.ts", 2]]);
      await workspace.search("alpha", 3);
      await workspace.search("alpha", 4, { whole: true });
      assert.deepEqual(index.searches, [
        { query: "alpha", limit: 3, focus: new Map([["a.ts", 2]]), whole: false },
        { query: "alpha", limit: 4, focus: new Map([["a.ts", 2]]), whole: true },
      ]);
    });
  });

  it("finds nothing without an index, and tells whoever asks for nothing else", async () => {
    await inPlace({ "a.ts": "alpha\n" }, async (place) => {
      place.index.failure = "The index is off.";
      assert.deepEqual(await place.found("alpha"), []);
      // The editor fails with what is logged, which is what was answered.
      const asked = async () => place.editor.call("fathom/search", { query: "alpha" }, CancellationToken.None);
      await assert.rejects(asked, /The index is off/);
    });
  });

  it("names what the index could not take in", async () => {
    await withTree({ "a.ts": "alpha\n", "b.txt": "beta\n" }, async (root) => {
      const place = new Place(root);
      place.index.leftOut = [{ path: "a.ts", reason: "not searched: the disk is full" }];
      await place.found("beta");
      assert.deepEqual((await place.workspace.files()).leftOut, place.index.leftOut);
    });
  });

  it("collects again after a collection that was aborted", async () => {
    await withTree({ "a.ts": "a\n" }, async (root) => {
      const place = new Place(root);
      await assert.rejects(place.workspace.files(AbortSignal.abort(new Error("enough"))), /enough/);
      assert.equal(await place.paths(), "a.ts");
    });
  });
});

describe("workspace folders", () => {
  it("come and go; those of other schemes have no files here", async () => {
    const tree = { "one/a.ts": "a\n", "two/b.ts": "b\n" };
    await inPlace(
      tree,
      async (place) => {
        assert.equal(await place.paths(), "a.ts");
        const { key } = place.workspace;
        const virtual = { name: "virtual", uri: "vscode-vfs://github/someone/something" };
        const notify = (added: object[], removed: object[]) =>
          place.editor.call("workspace/didChangeWorkspaceFolders", { event: { added, removed } });
        notify([place.folder("two"), virtual], []);
        assert.equal(await place.paths(), "one/a.ts two/b.ts");
        assert.notEqual(place.workspace.key, key);
        assert.equal(place.workspace.name, "one+two");
        notify([], [place.folder("two"), virtual]);
        assert.deepEqual([await place.paths(), place.workspace.key], ["a.ts", key]);
      },
      ["one"],
    );
  });

  it("say where a path lies", async () => {
    await inPlace(
      { "one/a.ts": "a\n" },
      async (place) => assert.equal(place.workspace.placeOf("b.ts"), join(place.root, "one/b.ts")),
      ["one"],
    );
    await inPlace(
      { "one/a.ts": "a\n", "two/a.ts": "a\n" },
      async ({ workspace, root }) => {
        const places = ["two/x/b.ts", "three/b.ts", "two"].map((path) => workspace.placeOf(path));
        assert.deepEqual(places, [join(root, "two/x/b.ts"), undefined, undefined]);
      },
      ["one", "two"],
    );
  });

  it("of the same name have different paths, the same in whatever order they are open", async () => {
    await withTree({ "client/src/a.ts": "a\n", "server/src/a.ts": "a\n" }, async (root) => {
      const folders = ["client", "server"].map((name) => ({ name: "src", uri: fileUri(join(root, name, "src")) }));
      const known = [folders, folders.toReversed()].map(async (workspaceFolders) => {
        const { connection } = new FakeEditor();
        const params = { workspaceFolders } as unknown as InitializeParams;
        const workspace = new Workspace(params, new Documents(connection), new FakeIndex());
        const { files } = await workspace.files();
        const places = files.map(({ path, absolutePath }) => [path, absolutePath]);
        assert.deepEqual(
          places,
          files.map(({ path }) => [path, workspace.placeOf(path)]),
        );
        return { places, key: workspace.key, name: workspace.name };
      });
      const [one, other] = await Promise.all(known);
      assert.deepEqual(one, other);
      assert.deepEqual(one?.places, [
        ["src (2)/a.ts", join(root, "server/src/a.ts")],
        ["src/a.ts", join(root, "client/src/a.ts")],
      ]);
      assert.equal(one?.name, "src+src (2)");
    });
  });

  it("are none without a folder on this disk", async () => {
    const { connection } = new FakeEditor();
    for (const params of [
      {},
      { rootUri: "vscode-vfs://github/x" },
      { workspaceFolders: [{ name: "v", uri: "v://x" }] },
    ]) {
      const workspace = new Workspace(params as InitializeParams, new Documents(connection), new FakeIndex());
      assert.deepEqual([workspace.folders, workspace.name, workspace.placeOf("a.ts")], [[], "workspace", undefined]);
      assert.deepEqual((await workspace.files()).files, []);
    }
  });

  it("know their files by any spelling of the uri, and name others", async () => {
    await withTree({ "a (b)/c.ts": "c\n" }, async (root) => {
      await mkdir(join(root, "other"));
      const place = new Place(root, ["a (b)"]);
      await place.workspace.files();
      const uri = place.uri("a (b)/c.ts");
      assert.equal(place.workspace.fileOf(uri.replaceAll("(", "%28").replaceAll(")", "%29"))?.path, "c.ts");
      assert.equal(place.workspace.pathOf(place.uri("other/some%20file.ts").replace("%25", "%")), "some file.ts");
      assert.equal(place.workspace.pathOf("untitled:100%"), "untitled:100%");
      place.tell("other/x.ts", Deleted);
      assert.equal(await place.paths(), "c.ts");
    });
  });
});
