// Tests on the real engine what a keystroke costs: tokens evaluated while somebody types in a file with a prompt of 4K tokens.
import assert from "node:assert/strict";
import type { CompletionRequest } from "../../engine/src/api.ts";
import { FimPrompt } from "../../server/src/completion/fimPrompt.ts";
import { placeBetween } from "../../server/src/completion/place.ts";
import { type FimFamily, familyOfModel } from "../../server/src/models/fimFamilies.ts";
import { createTestEngine, GREEDY, loadOptions, type TestEngine } from "./harness.ts";

/** Short lines: as much of what follows the cursor fits into its part of the prompt as ever does. */
const SOURCE = Array.from({ length: 140 }, (_, index) => {
  const [value, other] = [(index * 7919) % 997, (index * 104_729) % 89];
  return `  take${value}(length: number) {\n    const a = ${other};\n    return length + a;\n  }\n\n`;
}).join("");
/** Steps of 64 lines are long in the tokens of the tiny model, so a prompt of 4,000 needs room for more. */
const BUDGET_TOKENS = 6144;
const PROMPT_TOKENS = 4000;
const MAX_TOKENS = 4;
/** As the server gives a slow machine. */
const SUFFIX_TOKENS = 24;
/** The bound, tokens. */
const MOST_TOKENS_PER_KEY = 40;

/** Lines that are typed in the middle of the file, with slips: "⌫" takes the last character back. */
const TYPED = `
  /** How many files there are, and how mcu⌫⌫uch room they take. */
  async function countt⌫All(folder: string): Promise<number> {
    const names = await readdir(folder);
    let bytes = 0;
    for (const naem⌫⌫me of names) bytes += (await stat(join(folder, name))).size;
    return bytes;
  }
`;

describe("a keystroke", () => {
  let test: TestEngine;
  let family: FimFamily;
  let prompt: FimPrompt;

  before(async () => {
    test = createTestEngine();
  });
  after(() => test.engine.dispose());

  beforeEach(async () => {
    const { engine } = test;
    const model = await engine.load(loadOptions({ completionContextTokens: BUDGET_TOKENS + 64, chunkTokens: 512 }));
    family = familyOfModel(model) ?? assert.fail("no family");
    prompt = new FimPrompt((texts) => engine.countTokens(texts));
  });

  async function request(textBefore: string, textAfter: string): Promise<CompletionRequest> {
    const place = placeBetween(textBefore, textAfter, "src/taking.ts", "typescript");
    const budgets = { budgetTokens: BUDGET_TOKENS, suffixTokens: SUFFIX_TOKENS };
    const parts = await prompt.parts({ family, repoName: "fathom", place, items: [], ...budgets });
    const { stop, stopSpecials } = family;
    return { kind: "completion", parts, sampling: GREEDY, maxTokens: MAX_TOKENS, stop: [...stop], stopSpecials };
  }

  it("evaluates at most 40 tokens of a prompt of 4,000, in the median", async () => {
    const at = lineAt(0.7);
    const [before, after] = [SOURCE.slice(0, at), SOURCE.slice(at)];
    const evaluated: number[] = [];
    const prompts: number[] = [];
    let typed = "";
    for (const key of TYPED) {
      typed = key === "⌫" ? typed.slice(0, -1) : typed + key;
      const { figures } = await test.engine.generate(await request(before + typed, after));
      evaluated.push(figures.evaluatedTokens);
      prompts.push(figures.promptTokens);
    }
    assert.ok(evaluated.length > 200);
    assert.ok(Math.min(...prompts) >= PROMPT_TOKENS && Math.max(...prompts) <= BUDGET_TOKENS, prompts.join(" "));
    const [first, ...others] = evaluated;
    assert.equal(first, prompts[0]);
    const sorted = others.toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1]!;
    assert.ok(median <= MOST_TOKENS_PER_KEY, `median ${median}, most ${sorted.at(-1)}`);
    // A step of the window reads the file's text anew; nothing else does.
    assert.ok(others.filter((tokens) => tokens > 200).length <= 1, others.join(" "));
  });

  it("after a warm-up of its place evaluates the cursor's line alone", async () => {
    const at = lineAt(0.5);
    const [before, after] = [SOURCE.slice(0, at), SOURCE.slice(at)];
    const warm = await test.engine.generate({ ...(await request(before, after)), maxTokens: 0, background: true });
    assert.ok(warm.figures.evaluatedTokens > PROMPT_TOKENS / 2);
    const { figures } = await test.engine.generate(await request(`${before}const a = `, after));
    assert.ok(figures.evaluatedTokens <= MOST_TOKENS_PER_KEY, String(figures.evaluatedTokens));
    assert.equal(figures.reusedTokens, warm.figures.evaluatedTokens);
  });

  it("asking for three candidates evaluates the prompt once", async () => {
    const asked = { ...(await request(SOURCE.slice(0, 6000), SOURCE.slice(6000))), checkpointAtEnd: true as const };
    const first = await test.engine.generate(asked);
    assert.ok(first.figures.evaluatedTokens > 1000);
    for (const seed of [1, 2]) {
      const { figures } = await test.engine.generate({ ...asked, sampling: { temperature: 1, seed } });
      assert.equal(figures.evaluatedTokens, 1);
    }
    assert.deepEqual((await test.engine.generate(asked)).tokens, first.tokens);
  });
});

/** @returns Where the body of a method ends, at this share of the source. */
function lineAt(share: number): number {
  return SOURCE.indexOf(";\n    return", SOURCE.length * share) + 1;
}
