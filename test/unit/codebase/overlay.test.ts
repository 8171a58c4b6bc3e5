// Tests what follows the base: which entries, in which form and order, in how much room, and for which base.
import assert from "node:assert/strict";
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FileChangeType } from "vscode-languageserver/node";
import { EngineError } from "../../../engine/src/api.ts";
import type { OverlayParts } from "../../../server/src/codebase/overlay.ts";
import { AMPLE_TOKENS, overlaid, sections } from "./overlaid.ts";

const LONG = Array.from({ length: 40 }, (_, index) => `let a${index} = ${index};\n`).join("");
const edited = (line: number, text = LONG) => text.replace(` a${line} `, ` b${line} `);
const THREE = { "a.ts": LONG, "b.ts": LONG.replaceAll("let", "var"), "c.ts": LONG.replaceAll("let", "const") };

describe("the overlay", () => {
  it("is empty while nothing changed, and without a base", async () => {
    await overlaid(THREE, async (place) => {
      const nothing = { parts: [], entries: [], tokens: 0, onlyNamed: 0, base: "base", tooMany: false };
      assert.deepEqual(await place.parts(), nothing);
      place.type("a.ts", LONG);
      assert.deepEqual(await place.parts(), nothing);
      assert.deepEqual(place.counted, []);
    });
  });

  it("gives a saved edit as its lines, and whole where that is shorter", async () => {
    await overlaid({ "a.ts": LONG, "b.ts": "b\n" }, async (place) => {
      await place.save("a.ts", edited(20));
      await place.save("b.ts", "c\n");
      const parts = await place.parts();
      assert.deepEqual(
        parts.entries.map(({ kind, path }) => `${kind} ${path}`),
        ["hunks a.ts", "whole b.ts"],
      );
      const [first, second] = sections(parts);
      assert.match(first!, /^a\.ts \/\/ changed: only in these places, all else is as above\n@@ -18,7 \+18,7 @@\n/);
      assert.equal(second, "b.ts // changed: its whole text now, which replaces all of it above\nc\n\n");
      // The counter counts characters; each separator is one token.
      assert.equal(parts.tokens, first!.length + second!.length + 2);
      assert.deepEqual(
        parts.entries.map(({ tokens }) => tokens),
        [first!.length + 1, second!.length + 1],
      );
    });
  });

  it("gives the unsaved text of a document, and the one on disk again when it is closed", async () => {
    await overlaid(THREE, async (place) => {
      place.type("a.ts", `\uFEFF${edited(1).replaceAll("\n", "\r\n")}`);
      const [text] = sections(await place.parts());
      assert.deepEqual(text!.match(/^[-+].*$/gm), ["-let a1 = 1;", "+let b1 = 1;"]);
      place.editor.close(place.uri("a.ts"));
      assert.deepEqual(await place.entries(), []);
    });
  });

  it("finds what changed on disk behind an open document when that is closed", async () => {
    await overlaid(THREE, async (place) => {
      place.type("a.ts", LONG);
      await place.save("a.ts", edited(1));
      assert.deepEqual(await place.entries(), [], "the editor has the text of the base");
      place.editor.close(place.uri("a.ts"));
      assert.deepEqual(await place.entries(), ["hunks a.ts"]);
    });
  });

  it("tells of new, deleted and renamed files, and of folders", async () => {
    await overlaid({ ...THREE, "lib/d.ts": "d\n", "lib/e.ts": "e\n" }, async (place) => {
      await place.create("new.ts", "new\n");
      await place.remove("b.ts");
      await place.remove("lib");
      await place.remove("c.ts");
      await place.create("lib/c.ts", edited(3, THREE["c.ts"]));
      assert.deepEqual((await place.entries()).sort(), [
        "deleted b.ts",
        "deleted lib/d.ts",
        "deleted lib/e.ts",
        "new new.ts",
        "renamed lib/c.ts from c.ts",
      ]);
    });
  });

  it("gives only the last of several edits of one file", async () => {
    await overlaid(THREE, async (place) => {
      for (let line = 0; line < 5; line++) {
        await place.save("a.ts", edited(line));
        place.type("b.ts", edited(line, THREE["b.ts"]));
        await place.parts();
      }
      const texts = sections(await place.parts());
      assert.deepEqual(
        texts.map((text) => text.match(/^\+.*$/gm)),
        [["+let b4 = 4;"], ["+var b4 = 4;"]],
      );
    });
  });

  it("puts what changed last at the end and leaves the rest where it is", async () => {
    await overlaid(THREE, async (place) => {
      const order = async () => (await place.parts()).entries.map(({ path }) => path).join(" ");
      for (const path of ["b.ts", "a.ts", "c.ts"]) {
        await place.save(path, `// ${path}\n${LONG}`);
        await place.parts();
      }
      assert.equal(await order(), "b.ts a.ts c.ts");
      const before = sections(await place.parts());
      await place.save("c.ts", `// again\n${LONG}`);
      assert.deepEqual(sections(await place.parts()).slice(0, 2), before.slice(0, 2), "only the newest entry changes");
      await place.save("b.ts", `// again\n${LONG}`);
      assert.equal(await order(), "a.ts c.ts b.ts");
      // Saved as it is: no change, no move.
      await place.save("a.ts", `// a.ts\n${LONG}`);
      assert.equal(await order(), "a.ts c.ts b.ts");
    });
  });

  it("orders what is noticed at once by when it changed, unsaved text last", async () => {
    await overlaid(THREE, async (place) => {
      place.type("b.ts", "typed\n");
      await place.save("a.ts", "second\n");
      await place.save("c.ts", "first\n");
      await utimes(join(place.root, "c.ts"), 1000, 1000);
      assert.deepEqual(await place.entries(), ["whole c.ts", "whole a.ts", "whole b.ts"]);
    });
  });

  it("is empty again when everything is undone", async () => {
    await overlaid(THREE, async (place) => {
      await place.save("a.ts", edited(1));
      place.type("b.ts", "typed\n");
      await place.remove("c.ts");
      await place.create("new.ts", "new\n");
      assert.equal((await place.entries()).length, 4);
      await place.save("a.ts", LONG);
      place.type("b.ts", THREE["b.ts"]);
      await place.create("c.ts", THREE["c.ts"]);
      await place.remove("new.ts");
      assert.deepEqual((await place.parts()).parts, []);
    });
  });

  it("says that a file which must not be read any more is gone, saved or not, and brings it back", async () => {
    const secret = `token = "ghp_${"aB3dE5gH7j".repeat(4).slice(0, 36)}"\n`;
    await overlaid(THREE, async (place) => {
      place.type("a.ts", secret);
      await place.save("b.ts", secret);
      await place.save("c.ts", Uint8Array.from([0, 1]));
      assert.deepEqual((await place.entries()).sort(), ["deleted a.ts", "deleted b.ts", "deleted c.ts"]);
      place.type("a.ts", LONG);
      for (const path of ["b.ts", "c.ts"] as const) await place.save(path, THREE[path]);
      assert.deepEqual(await place.entries(), []);
    });
  });

  it("knows which files the model has as they are", async () => {
    await overlaid({ ...THREE, "d.ts": "d\n" }, async (place) => {
      const known = () =>
        ["a.ts", "b.ts", "c.ts", "d.ts", "e.ts", "x.ts"].filter((path) => place.overlay.isInBase(path));
      await place.serve({ "b.ts": "outline", "c.ts": "path" });
      assert.deepEqual(known(), ["a.ts", "d.ts"]);
      await place.save("a.ts", edited(1));
      await place.save("b.ts", edited(1, THREE["b.ts"]));
      await place.remove("d.ts");
      await place.create("e.ts", "d\n");
      await place.parts();
      assert.deepEqual(known(), ["a.ts", "b.ts", "e.ts"]);
      await place.parts(0);
      assert.deepEqual(known(), [], "nothing of it has room");
    });
  });
});

describe("an overlay in a small room", () => {
  const changeAll = async (place: Parameters<Parameters<typeof overlaid>[1]>[0]) => {
    for (const path of ["a.ts", "b.ts", "c.ts"]) {
      await place.save(path, `${path}\n`.repeat(30));
      await place.parts();
    }
  };

  it("shows what changed last and names the rest first", async () => {
    await overlaid(THREE, async (place) => {
      await changeAll(place);
      const { tokens } = await place.parts();
      const parts = await place.parts(tokens - 1);
      assert.deepEqual(
        parts.entries.map(({ path }) => path),
        ["b.ts", "c.ts"],
      );
      const [named] = sections(parts);
      assert.equal(named, "// These files changed too; their newest text is not shown:\na.ts\n");
      assert.equal(parts.onlyNamed, 1);
      assert.equal(parts.tooMany, false);
    });
  });

  it("never takes more than there is, and says how much it hides", async () => {
    await overlaid(THREE, async (place) => {
      await changeAll(place);
      const all = (await place.parts()).tokens;
      for (let room = 0; room <= all; room += 7) {
        const parts = await place.parts(room);
        const length = sections(parts).reduce((sum, text) => sum + text.length + 1, 0);
        assert.equal(parts.tokens, length);
        assert.ok(length <= room, `${length} of ${room}`);
        assert.equal(parts.entries.length + parts.onlyNamed, 3);
      }
    });
  });

  it("names both paths of a renamed file, and at most 40", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 45 }, (_, index) => [`m${index}.ts`, `${index}\n`.repeat(300)]),
    );
    await overlaid({ ...many, "old.ts": LONG }, async (place) => {
      await place.remove("old.ts");
      await place.create("new.ts", edited(1));
      const room = 100;
      assert.match(sections(await place.parts(room))[0]!, /\n(new\.ts\nold\.ts|\/\/ and 2 more)\n$/);
      for (const path of Object.keys(many)) await place.save(path, "other\n".repeat(300));
      // The renaming is short enough to be shown.
      const named = sections(await place.parts(2000))[0]!.split("\n");
      assert.deepEqual([named.length, named.at(-2)], [1 + 40 + 1 + 1, "// and 5 more"]);
    });
  });
});

describe("an overlay whose base is replaced", () => {
  const asked = async (parts: Promise<OverlayParts>) => {
    const { base, entries } = await parts;
    return [base, entries.map(({ path }) => path)];
  };

  it("tells of the new base, also to whoever asked before", async () => {
    await overlaid(THREE, async (place) => {
      await place.save("a.ts", edited(1));
      assert.deepEqual(await asked(place.parts()), ["base", ["a.ts"]]);
      await place.save("b.ts", edited(1, THREE["b.ts"]));
      place.beforeCounting = async () => {
        place.beforeCounting = async () => {};
        await place.serve({}, "other");
      };
      assert.deepEqual(await asked(place.parts()), ["other", []]);
    });
  });

  it("loses no change that is told while it is replaced", async () => {
    await overlaid(THREE, async (place) => {
      // The event alone tells it: an editor may keep the length and the time.
      const keepTime = () => utimes(join(place.root, "c.ts"), 1000, 1000);
      await keepTime();
      await place.save("a.ts", edited(1));
      place.tell("c.ts", FileChangeType.Changed);
      const before = place.workspace.files.bind(place.workspace);
      place.workspace.files = async () => {
        place.workspace.files = before;
        const files = await before();
        await place.serve({}, "other");
        await writeFile(join(place.root, "c.ts"), edited(1, THREE["c.ts"]));
        await keepTime();
        place.tell("c.ts", FileChangeType.Changed);
        return files;
      };
      assert.deepEqual(await asked(place.parts()), ["other", ["c.ts"]]);
    });
  });

  it("asks again once it knows the base that the engine has", async () => {
    await overlaid(THREE, async (place) => {
      await place.save("a.ts", edited(1));
      const bases: (string | undefined)[] = [];
      const answer = place.overlay.follow(
        place.documents,
        () => AMPLE_TOKENS,
        async ({ base }) => {
          bases.push(base);
          if (base !== "third") throw new EngineError("baseReplaced", "again");
          return "answer";
        },
      );
      await place.parts();
      assert.deepEqual(bases, ["base"], "waits for the news");
      await place.serve({}, "second");
      await place.parts();
      await place.parts();
      assert.deepEqual(bases, ["base", "second"]);
      await place.serve({}, "third");
      assert.equal(await answer, "answer");
      assert.deepEqual(bases, ["base", "second", "third"]);
    });
  });

  it("passes every other failure on", async () => {
    await overlaid(THREE, async (place) => {
      const failing = place.overlay.follow(
        place.documents,
        () => 0,
        async () => {
          throw new EngineError("engineStopped", "gone");
        },
      );
      await assert.rejects(failing, /gone/);
    });
  });
});
