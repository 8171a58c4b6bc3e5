// Tests models of other families on the real engine: found by their tokens, prompted in their own order, reused without checkpoints.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { CompletionRequest, LoadedModel } from "../../engine/src/api.ts";
import { FimPrompt } from "../../server/src/completion/fimPrompt.ts";
import { placeBetween } from "../../server/src/completion/place.ts";
import { type FimFamily, familyOfModel } from "../../server/src/models/fimFamilies.ts";
import {
  answerOf,
  createTestEngine,
  difference,
  GREEDY,
  loadOptions,
  question,
  sourceFiles,
  type TestEngine,
  temporaryFolder,
} from "./harness.ts";
import { type TinyCodeOptions, writeTinyCodeModel } from "./tinyCodeModel.ts";

const MODELS: (TinyCodeOptions & { family: string })[] = [
  {
    family: "StarCoder2",
    architecture: "llama",
    name: "tiny StarCoder2",
    specials: ["<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<repo_name>", "<file_sep>"],
  },
  {
    family: "Qwen",
    architecture: "qwen2",
    name: "tiny Qwen2.5-Coder",
    specials: [
      ...["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
      ...["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"],
    ],
  },
  {
    family: "DeepSeek-Coder",
    architecture: "llama",
    name: "tiny DeepSeek-Coder",
    specials: [
      "<｜end▁of▁sentence｜>",
      "<｜begin▁of▁sentence｜>",
      "<｜fim▁begin｜>",
      "<｜fim▁hole｜>",
      "<｜fim▁end｜>",
    ],
  },
  {
    family: "named by the model file",
    architecture: "llama",
    name: "a family that is new",
    specials: ["<end>", "<before>", "<after>", "<between>"],
    named: { fim_pre: "<before>", fim_suf: "<after>", fim_mid: "<between>" },
    asNormal: ["<between>"],
  },
];

describe("models of other families", () => {
  let test: TestEngine;
  let folder: ReturnType<typeof temporaryFolder>;

  before(() => {
    test = createTestEngine();
    folder = temporaryFolder("families");
  });

  after(async () => {
    await test.engine.dispose();
    folder.remove();
  });

  async function load(options: TinyCodeOptions, contextTokens = 2048): Promise<LoadedModel> {
    const modelFile = join(folder.path, `${options.name}.gguf`);
    writeTinyCodeModel(modelFile, options);
    return test.engine.load(loadOptions({ modelFile, contextTokens, completionContextTokens: 1024 }));
  }

  async function request(family: FimFamily, before: string, after = "\n}\n"): Promise<CompletionRequest> {
    const prompt = new FimPrompt((texts) => test.engine.countTokens(texts));
    const place = placeBetween(before, after, "src/a.ts", "typescript");
    const budgets = { budgetTokens: 900, suffixTokens: 24 };
    const parts = await prompt.parts({ family, repoName: "repo", place, items: [], ...budgets });
    const stops = { stop: [...family.stop], stopSpecials: family.stopSpecials };
    return { kind: "completion", parts, sampling: GREEDY, maxTokens: 20, logProbs: true, ...stops };
  }

  for (const options of MODELS) {
    it(`complete as ${options.family} (${options.name})`, async () => {
      const family = familyOfModel(await load(options));
      assert.equal(family?.name, options.family);
      const lines = Array.from({ length: 20 }, (_, line) => `  const value${line} = index + ${line};\n`).join("");
      const first = await test.engine.generate(await request(family, `${lines}  return `));
      assert.ok(first.figures.promptTokens > 200);
      const { text, figures, ...next } = await test.engine.generate(await request(family, `${lines}  return v`));
      // Nothing is kept for going back, and nothing is needed.
      assert.ok(figures.evaluatedTokens < 40, String(figures.evaluatedTokens));
      for (const special of options.specials) assert.ok(!text.includes(special), special);
      await load(options);
      const fresh = await test.engine.generate(await request(family, `${lines}  return v`));
      assert.ok(difference(answerOf({ text, figures, ...next }), answerOf(fresh)) < 0.05);
    });
  }

  it("answer questions about a base, which is saved, comes back from disk, and keeps what stands before a change", async () => {
    const parts = sourceFiles(12);
    const base = { parts, snapshots: { dir: join(folder.path, "snapshots"), quotaBytes: 1e9 } };
    const ask = async () => answerOf(await test.engine.generate(question("What?")));
    await load(MODELS[1]!, 8192);
    const read = await test.engine.prefill(base);
    assert.deepEqual([read.origin, read.saved?.tokens], ["computed", read.figures.promptTokens]);
    const answer = await ask();
    await load(MODELS[1]!, 8192);
    const back = await test.engine.prefill(base);
    assert.deepEqual([back.origin, back.figures.evaluatedTokens], ["snapshot", 0]);
    assert.equal(difference(await ask(), answer), 0);
    const changed = await test.engine.prefill({ parts: [...parts.slice(0, 6), ...sourceFiles(1, 90)] });
    assert.ok(changed.figures.reusedTokens > read.figures.promptTokens * 0.4, String(changed.figures.reusedTokens));
  });

  it("have no family without such tokens, and say so by their name", async () => {
    const model = await load({ ...MODELS[0]!, name: "tiny chat model", specials: ["<|im_end|>", "<|im_start|>"] });
    assert.equal(familyOfModel(model), undefined);
    assert.equal((await test.engine.generate(question("What?", { maxTokens: 5 }))).tokens.length, 5);
  });
});
