// Tests the fill-in-the-middle prompt and the filters between model text and ghost text.
import assert from "node:assert/strict";
import fc from "fast-check";
import { fimPrompt } from "../../../server/src/completion/fimPrompt.ts";
import { type CompletionPlace, postprocess } from "../../../server/src/completion/postprocess.ts";

/** One token a character, the worst tokenizer there is. */
const countTokens = async (texts: string[]) => texts.map((text) => text.length);
const input = { repoName: "repo", path: "a.ts", countTokens };

async function textsOf(textBefore: string, textAfter: string, budgetTokens: number): Promise<string[]> {
  const parts = await fimPrompt({ ...input, textBefore, textAfter, budgetTokens });
  return parts.map((part) => ("special" in part ? part.special : part.text));
}

describe("fimPrompt", () => {
  it("frames repository, file, text before and after the cursor", async () => {
    assert.deepEqual(await textsOf("one\ntwo", "\nthree\n", 1000), [
      "<|repo_name|>",
      "repo\n",
      "<|file_sep|>",
      "a.ts\n",
      "<|fim_prefix|>",
      "one\n",
      "two",
      "<|fim_suffix|>",
      "\nthree\n",
      "<|fim_middle|>",
    ]);
  });

  it("asks for a checkpoint at the start of the cursor's line", async () => {
    const parts = await fimPrompt({ ...input, textBefore: "one\ntwo", textAfter: "", budgetTokens: 1000 });
    assert.deepEqual(
      parts.filter((part) => "checkpoint" in part),
      [{ text: "one\n", checkpoint: true }],
    );
  });

  it("keeps the window's start while lines are added", async () => {
    const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}\n`).join("");
    const start = async (count: number) => (await textsOf(lines(count), "", 2000))[5]?.split("\n")[0];
    assert.equal(await start(301), await start(300));
    assert.notEqual(await start(400), await start(300));
  });

  it("never exceeds the budget and never loses the text at the cursor", async () => {
    const line = fc.string({ maxLength: 60 }).map((text) => `${text.replaceAll("\n", "")}\n`);
    const text = fc.array(line, { maxLength: 300 }).map((lines) => lines.join(""));
    await fc.assert(
      fc.asyncProperty(text, text, fc.integer({ min: 200, max: 4000 }), async (before, after, budget) => {
        const texts = await textsOf(before, after, budget);
        const prefix = `${texts[5]}${texts[6]}`;
        const suffix = texts[8] ?? "";
        assert.ok(before.endsWith(prefix));
        assert.ok(after.startsWith(suffix));
        assert.ok(prefix.length + suffix.length <= budget, `${prefix.length} + ${suffix.length} of ${budget}`);
      }),
      { numRuns: 60 },
    );
  });
});

const PLACE: CompletionPlace = { lineBefore: "  ", lineAfter: "", following: [], above: "" };

describe("postprocess", () => {
  const cases: [what: string, text: string, place: Partial<CompletionPlace>, expected: string][] = [
    ["keeps good code", "return a + b;", {}, "return a + b;"],
    ["keeps several lines", "if (a) {\n  b();\n}", {}, "if (a) {\n  b();\n}"],
    ["cuts at a code fence", "a();\n```\nText", {}, "a();"],
    ["cuts at a special token's text", "a()<|im_end|>b", {}, "a()"],
    ["cuts at reasoning", "a()</think>", {}, "a()"],
    ["keeps one line before code", "a,\n b,", { lineAfter: " c)" }, "a,"],
    ["keeps lines before closers", "a,\n b,", { lineAfter: ");" }, "a,\n b,"],
    ["drops what stands after the cursor", "name)", { lineAfter: ")" }, "name"],
    ["drops a longer overlap", "name);", { lineAfter: ");" }, "name"],
    ["stops where the next line begins again", "a();\nreturn b;\nmore", { following: ["  return b;"] }, "a();"],
    ["drops trailing space", "a();  \n  ", {}, "a();"],
    ["refuses blank text", " \n ", {}, "the model had nothing to add here"],
    ["refuses the line above", "a();", { lineBefore: "  ", above: "  a();" }, "it repeats the line above"],
    ["refuses the line below", "a();", { following: ["a();"] }, "it repeats the line below"],
    ["refuses what overlap leaves empty", ")", { lineAfter: ")" }, "the model had nothing to add here"],
  ];
  for (const [what, text, place, expected] of cases) {
    it(what, () => {
      const result = postprocess(text, { ...PLACE, ...place });
      assert.equal("text" in result ? result.text : result.reason, expected);
    });
  }
});
