// Tests which names near a cursor are looked up, in which order, and where they stand.
import assert from "node:assert/strict";
import { lineOf, namesAround } from "../../../../server/src/completion/context/surroundings.ts";

/** @param marked The text with `¦` at the cursor. */
function names(marked: string, path = "a.ts"): string {
  const offset = marked.indexOf("¦");
  const line = lineOf(marked.slice(0, offset));
  const character = offset - marked.lastIndexOf("\n", offset) - 1;
  const found = namesAround(marked.replace("¦", "").split("\n"), line, character, path);
  for (const { name, line: at, character: from } of found) {
    assert.equal(
      marked
        .replace("¦", "")
        .split("\n")
        [at]!.slice(from, from + name.length),
      name,
    );
  }
  return found.map(({ name }) => name).join(" ");
}

describe("names around the cursor", () => {
  const cases: [what: string, marked: string, expected: string, path?: string][] = [
    ["the nearest before the cursor first", "alpha(beta, gamma, ¦)", "gamma beta alpha"],
    ["not the word that is being typed", "server.list¦", "server"],
    ["not the word that the cursor stands in", "ser¦ver.list", "list"],
    ["the cursor's line, then those above, then the one below", "one\ntwo\n¦three\nfour", "two one four"],
    ["each once", "foo(foo, foo, ¦)", "foo"],
    ["no keywords and no single letters", "return new Thing(i, ¦)", "Thing"],
    ["no words of comments and texts", "call('word', \"other\", ¦) // note", "call"],
    ["no words of hash comments where those are comments", "call(1)  # note\n¦", "call", "a.py"],
    ["private names where a hash is none", "this.#count + ¦", "count"],
    ["no words of documentation", "/**\n * Some words here.\n */\nfoo(¦)", "foo"],
    ["names of every script", "größe(名前, ¦)", "名前 größe"],
    ["nothing in an empty file", "¦", ""],
  ];
  for (const [what, marked, expected, path] of cases) {
    it(`are ${what}`, () => assert.equal(names(marked, path), expected));
  }

  it("include the signatures around it, from inside", () => {
    const body = Array.from({ length: 9 }, () => "    work();").join("\n");
    const text = `class Outer extends Base {\n  run(input: Input): Output {\n${body}\n    ¦\n  }\n}`;
    assert.equal(names(text), "work run input Input Output Outer Base");
  });

  it("include signatures of several lines", () => {
    const text = `function load(\n  file: Source,\n  limit: Limit,\n): Loaded {\n${"  step();\n".repeat(8)}  ¦\n}`;
    assert.equal(names(text), "step load file Source limit Limit Loaded");
  });

  it("do not include what stands as deep", () => {
    const text = `function near() {\n${"  step();\n".repeat(8)}}\n\nfunction here() {\n${"  leap();\n".repeat(8)}  ¦\n}`;
    assert.equal(names(text), "leap here");
  });

  it("are a few at most", () => {
    const many = Array.from({ length: 40 }, (_, index) => `name${index}`).join(", ");
    assert.equal(names(`call(${many}, ¦)`).split(" ").length, 12);
  });
});
