// Tests where documents count as edited, what is shown of that, and which removed texts are remembered near a place.
import assert from "node:assert/strict";
import fc from "fast-check";
import { RecentEdits } from "../../../../server/src/completion/context/recentEdits.ts";
import { ContextWorld, numbered, uriOf } from "./contextWorld.ts";

const OWN = "own.ts";

/** The files are open, and their edits are remembered. */
function editing(files: Record<string, string>): {
  world: ContextWorld;
  edits: RecentEdits;
  shown: () => Promise<string[]>;
} {
  const world = new ContextWorld({ [OWN]: "", ...files });
  const edits = new RecentEdits(world.clock);
  world.documents.onEdit((edit) => edits.edited(edit));
  world.open(...world.files.keys());
  return { world, edits, shown: () => world.places(edits, OWN, "¦") };
}

describe("recent edits", () => {
  it("show the code as it is now, with lines around it", async () => {
    const { world, edits } = editing({ "a.ts": numbered("a", 20) });
    world.type("a.ts", 10, 0, "const x = 1;\n");
    const [item] = await edits.gather(world.surroundings(OWN, "¦"));
    assert.equal(
      item!.text,
      numbered("a", 14).split("\n").slice(7).join("\n").replace("line 10", "const x = 1;\nline 10"),
    );
    assert.deepEqual([item!.startLine, item!.endLine, item!.form], [7, 14, "lines"]);
  });

  it("are one when they are near to each other, and several when they are not, the newest first", async () => {
    const { world, shown } = editing({ "a.ts": numbered("a", 60) });
    for (const line of [10, 12, 30, 11]) world.type("a.ts", line, 0, "x");
    assert.deepEqual(await shown(), ["a.ts:8-16 edited lately", "a.ts:28-34 edited lately"]);
  });

  it("are several when minutes lie between them", async () => {
    const { world, shown } = editing({ "a.ts": numbered("a", 60) });
    world.type("a.ts", 10, 0, "x");
    await world.clock.pass(121_000);
    world.type("a.ts", 13, 0, "x");
    assert.deepEqual(await shown(), ["a.ts:11-17 edited lately", "a.ts:8-14 edited lately"]);
  });

  it("stay at their place when lines come above", async () => {
    const { world, shown } = editing({ "a.ts": numbered("a", 60) });
    world.type("a.ts", 40, 0, "x");
    world.type("a.ts", 0, 0, "new\nnew\n");
    assert.equal((await shown())[1], "a.ts:40-46 edited lately");
  });

  it("never show the own file, and forget those of half an hour ago", async () => {
    const { world, shown } = editing({ "a.ts": numbered("a", 10) });
    world.type(OWN, 0, 0, "x");
    world.type("a.ts", 5, 0, "x");
    assert.equal((await shown()).length, 1);
    await world.clock.pass(31 * 60_000);
    assert.deepEqual(await shown(), []);
  });

  it("are not what another program writes at once", async () => {
    const { world, shown } = editing({ "a.ts": numbered("a", 10) });
    world.change("a.ts", numbered("b", 200));
    assert.deepEqual(await shown(), []);
  });

  it("are at most eight, of at most twenty files", async () => {
    const files = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`f${n}.ts`, numbered(`f${n}`, 5)]));
    const { world, shown } = editing(files);
    for (const path of Object.keys(files)) world.type(path, 0, 0, "x");
    const found = await shown();
    assert.deepEqual([found.length, found[0], found[7]], [8, "f24.ts:1-4 edited lately", "f17.ts:1-4 edited lately"]);
  });

  it("show every text that was typed last, whatever was typed before", async () => {
    const typing = fc.array(
      fc.record({ line: fc.nat(60), text: fc.constantFrom("x", "a\nb", "\n", ""), removed: fc.nat(9) }),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(typing, fc.nat(40), async (before, line) => {
        const { world, edits } = editing({ "a.ts": numbered("a", 40) });
        for (const { line: at, text, removed } of before) world.type("a.ts", at, 0, text, removed);
        world.type("a.ts", line, 0, "theLastOne");
        const items = await edits.gather(world.surroundings(OWN, "¦"));
        assert.ok(items[0]?.text.includes("theLastOne"));
        const now = world.documents.get(uriOf("a.ts"))!.getText().split("\n");
        for (const { startLine, endLine, text } of items) {
          assert.equal(text, now.slice(startLine, endLine + 1).join("\n"));
          assert.ok(endLine - startLine < 60);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("removed texts", () => {
  const near = (edits: RecentEdits, offset: number, withinMs = 30_000) =>
    edits.removedNear(uriOf("a.ts"), offset, withinMs);

  it("are found near their place, the newest first", () => {
    const { world, edits } = editing({ "a.ts": `${"x".repeat(300)}first second` });
    world.type("a.ts", 0, 306, "", 6);
    world.type("a.ts", 0, 300, "", 5);
    assert.deepEqual(near(edits, 320), ["first", "second"]);
    assert.deepEqual(near(edits, 50), []);
  });

  it("are one text when removed letter by letter, backwards or forwards", () => {
    const { world, edits } = editing({ "a.ts": "const value = 1;" });
    for (let at = 11; at > 6; at--) world.type("a.ts", 0, at - 1, "", 1);
    assert.deepEqual(near(edits, 6), ["value"]);
    for (const _ of "con") world.type("a.ts", 0, 0, "", 1);
    assert.deepEqual(near(edits, 6), ["con", "value"]);
  });

  it("do not take in what was typed and removed in between", () => {
    const { world, edits } = editing({ "a.ts": "abcdef" });
    world.type("a.ts", 0, 3, "", 3);
    world.type("a.ts", 0, 3, "x");
    world.type("a.ts", 0, 3, "", 1);
    assert.deepEqual(near(edits, 3), ["x", "def"]);
  });

  it("are forgotten in time", async () => {
    const { world, edits } = editing({ "a.ts": "abc" });
    world.type("a.ts", 0, 0, "", 3);
    await world.clock.pass(30_000);
    assert.deepEqual(near(edits, 0), ["abc"]);
    await world.clock.pass(1);
    assert.deepEqual(near(edits, 0), []);
  });

  it("move with their place, have line feeds alone, and stay in their document", () => {
    const { world, edits } = editing({ "a.ts": "abc\r\ndef", "b.ts": "abc" });
    world.editor.call("onDidChangeTextDocument", {
      textDocument: { uri: uriOf("a.ts"), version: 50 },
      contentChanges: [{ range: { start: { line: 0, character: 1 }, end: { line: 1, character: 1 } }, text: "" }],
    });
    world.type("a.ts", 0, 0, "y".repeat(500));
    assert.deepEqual(near(edits, 501), ["bc\nd"]);
    assert.deepEqual(near(edits, 0), []);
    assert.deepEqual(edits.removedNear(uriOf("b.ts"), 0, 30_000), []);
  });

  it("are also what another text replaced", () => {
    const { world, edits } = editing({ "a.ts": "return oldName;" });
    world.type("a.ts", 0, 7, "x", 7);
    assert.deepEqual(near(edits, 7), ["oldName"]);
  });

  it("are only what is gone of a text that another one replaced", () => {
    const { world, edits } = editing({ "a.ts": "return oldName;" });
    world.type("a.ts", 0, 7, "o", 7);
    assert.deepEqual(near(edits, 7), ["ldName"]);
  });

  it("are nothing where an item of the suggest widget goes on with a word", () => {
    const { world, edits } = editing({ "a.ts": "return resp;" });
    world.type("a.ts", 0, 7, "response", 4);
    assert.deepEqual(near(edits, 7), []);
  });
});
