// Tests that a tree which follows edits says the same as one made anew, and what parse errors candidates add.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Language, Parser } from "web-tree-sitter";
import * as kinds from "../../../server/src/syntax/cursorKinds.ts";
import { CursorTrees, editBetween } from "../../../server/src/syntax/cursorTrees.ts";
import { GRAMMARS } from "../../../server/src/syntax/languages.ts";
import { GRAMMAR_DIR } from "./samples.ts";

const SOURCES = {
  "a.ts": `class A {\n\trun(x: number) {\n\t\tconst s = \`😀 \${x}\`;\n\t\treturn [s, '😀😀'];\n\t}\n}\n`,
  "a.py": "def f(a):\n    if a:\n        return {'😀': [1, 2]}\n    return None\n",
  "a.rb": 'class A\n  def f(a)\n    a.each do |b|\n      puts "😀 #{b}"\n    end\n  end\nend\n',
  "a.go": 'package a\n\nfunc f(a int) error {\n\tx := Item{Name: "😀"}\n\treturn x.run(a)\n}\n',
};
const TYPED = ["{", "}", "(", ")", '"', "😀", "\ud83d", "\n", "\t", "end", ":", "if x", "// c", ";", ""];

describe("CursorTrees", () => {
  it("says of an edited text what it says of the same text alone", async () => {
    const edit = fc.record({ at: fc.nat(), removed: fc.integer({ min: 0, max: 6 }), typed: fc.constantFrom(...TYPED) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.entries(SOURCES)),
        fc.array(edit, { minLength: 1, maxLength: 8 }),
        async ([path, source], edits) => {
          const following = new CursorTrees(GRAMMAR_DIR);
          let text: string = source;
          await following.answer({ path, text, offset: 0 });
          for (const { at, removed, typed } of edits) {
            const start = at % (text.length + 1);
            text = text.slice(0, start) + typed + text.slice(start + removed);
            const question = { path, text, offset: start + typed.length };
            assert.deepEqual(await following.answer(question), await new CursorTrees(GRAMMAR_DIR).answer(question));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("finds the one stretch that differs, whole characters and places in lines", () => {
    const edit = editBetween("a\n😀x\nb", "a\n😁xy\nb");
    assert.deepEqual([edit.startIndex, edit.oldEndIndex, edit.newEndIndex], [2, 5, 6]);
    assert.deepEqual(edit.startPosition, { row: 1, column: 0 });
    assert.deepEqual(
      [edit.oldEndPosition, edit.newEndPosition],
      [
        { row: 1, column: 3 },
        { row: 1, column: 4 },
      ],
    );
    const typed = editBetween("a\tb", "a\tbb");
    assert.deepEqual([typed.startIndex, typed.oldEndIndex, typed.newEndIndex], [3, 3, 4]);
    const same = editBetween("aa", "aa");
    assert.deepEqual([same.startIndex, same.oldEndIndex, same.newEndIndex], [2, 2, 2]);
  });

  it("counts in UTF-16 units, before and behind characters of two", async () => {
    const text = 'f("😀😀");\n\tg(';
    const facts = async (offset: number) => {
      const answer = await new CursorTrees(GRAMMAR_DIR).answer({ path: "a.ts", text, offset });
      assert.ok("facts" in answer);
      return answer.facts;
    };
    assert.equal((await facts(text.indexOf('"') + 5)).inString, true);
    assert.equal((await facts(text.indexOf('"', 3) + 1)).inString, false);
    assert.deepEqual((await facts(text.length)).inside?.startLine, 1);
    assert.equal((await facts(text.length)).inArguments, true);
  });

  it("tells what errors each candidate adds or mends, and leaves the text alone", async () => {
    const trees = new CursorTrees(GRAMMAR_DIR);
    const before = "function f() {\n  const a = ";
    const question = { path: "a.ts", text: `${before}\n  return a;\n}\n`, offset: before.length };
    const candidates = ["1;", "(1", "1; } }", "b(1);"];
    const answer = await trees.answer({ ...question, candidates });
    assert.ok("errors" in answer);
    const [good, open, closed, call] = answer.errors;
    assert.equal(good, call);
    // Without a value the text is broken as it is.
    assert.ok(good! < 0);
    assert.ok(open! > good! && closed! > good!);
    assert.deepEqual(await trees.answer({ ...question, candidates: ["b(1);"] }), { errors: [call] });
    assert.deepEqual(await trees.answer({ ...question, candidates: [] }), { errors: [] });
    assert.deepEqual(await trees.answer(question), await new CursorTrees(GRAMMAR_DIR).answer(question));
  });

  it("serves more texts than it keeps trees of, and a path that changes its language", async () => {
    const trees = new CursorTrees(GRAMMAR_DIR);
    const question = (index: number) => ({ path: `${index}.ts`, text: `f(${index}, `, offset: 5 });
    for (const index of [0, 1, 2, 3, 4, 5, 0, 5, 1]) {
      const answer = await trees.answer(question(index));
      assert.ok("facts" in answer && answer.facts.inArguments);
    }
  });

  it("says so where a grammar is missing", async () => {
    const answer = await new CursorTrees(join(GRAMMAR_DIR, "none")).answer({ path: "a.ts", text: "", offset: 0 });
    assert.ok("unusable" in answer && answer.unusable.includes("tree-sitter-typescript.wasm"));
  });

  it("answers at any nesting", async () => {
    const deep = "(".repeat(20_000);
    for (const text of [deep, `${deep}${")".repeat(20_000)}`, "[{".repeat(10_000), '"`'.repeat(10_000)]) {
      const answer = await new CursorTrees(GRAMMAR_DIR).answer({ path: "a.ts", text, offset: text.length / 2 });
      assert.ok("facts" in answer || "late" in answer);
    }
  });
});

describe("kinds of nodes", () => {
  it("are named as some grammar names them", async () => {
    await Parser.init();
    const known = new Set<string | null>();
    for (const grammar of GRAMMARS) {
      const wasm = readFileSync(join(GRAMMAR_DIR, `tree-sitter-${grammar}.wasm`));
      for (const type of (await Language.load(wasm)).types) known.add(type);
    }
    const { COMMENTS, STRINGS, INTERPOLATIONS, LITERALS, EXPRESSION_BRACES, ROUND_BLOCKS, BARE_HEADERS } = kinds;
    const words = Object.values(kinds.WORD_BLOCKS).flatMap((set) => [...set].flatMap((pair) => pair.split(":")));
    const sets = [COMMENTS, STRINGS, INTERPOLATIONS, LITERALS, EXPRESSION_BRACES, ROUND_BLOCKS, BARE_HEADERS];
    const named = [...sets.flatMap((set) => [...set]), ...words, ...Object.keys(kinds.BRACKETS)];
    assert.deepEqual(
      named.filter((type) => type !== "ERROR" && !known.has(type)),
      [],
    );
  });
});
