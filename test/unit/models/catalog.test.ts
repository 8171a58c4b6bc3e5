// Tests of the catalogue: every entry is complete, its addresses are encrypted, its memory figures follow from the config.
import assert from "node:assert/strict";
import { catalogue, DEFAULT_MODEL_ID, findCatalogueModel } from "../../../server/src/models/catalog.ts";

/** Config values of QWEN35.md 1.1. */
const CONFIGS: Record<
  string,
  { attention: number; kvHeads: number; linear: number; keyHeads: number; valueHeads: number }
> = {
  "0.8B": { attention: 6, kvHeads: 2, linear: 18, keyHeads: 16, valueHeads: 16 },
  "2B": { attention: 6, kvHeads: 2, linear: 18, keyHeads: 16, valueHeads: 16 },
  "4B": { attention: 8, kvHeads: 4, linear: 24, keyHeads: 16, valueHeads: 32 },
  "9B": { attention: 8, kvHeads: 4, linear: 24, keyHeads: 16, valueHeads: 32 },
};
const ATTENTION_HEAD = 256;
const LINEAR_HEAD = 128;

describe("catalogue", () => {
  const models = catalogue();

  it("has four sizes with different ids and file names, the default among them", () => {
    assert.deepEqual(
      models.map((model) => model.parameters),
      Object.keys(CONFIGS),
    );
    const names = models.flatMap((model) => [model.weights.name, model.mmproj.name]);
    assert.equal(new Set(names).size, 8);
    assert.equal(new Set(models.map((model) => model.id)).size, 4);
    assert.equal(findCatalogueModel(models, DEFAULT_MODEL_ID)?.parameters, "4B");
    assert.equal(findCatalogueModel(models, "qwen3.5-5b"), undefined);
  });

  it("comes from encrypted addresses, all files of a model from one host", () => {
    for (const { weights, mmproj, page } of models) {
      for (const url of [weights.url, mmproj.url, page]) assert.equal(new URL(url).protocol, "https:");
      assert.equal(new URL(weights.url).host, new URL(mmproj.url).host);
      assert.ok(weights.url.endsWith(`/${weights.name}`));
    }
  });

  it("can come from another base address", () => {
    const [first] = catalogue("http://127.0.0.1:9");
    assert.equal(
      first?.weights.url,
      "http://127.0.0.1:9/unsloth/Qwen3.5-0.8B-GGUF/resolve/main/Qwen3.5-0.8B-Q4_K_M.gguf",
    );
  });

  for (const { parameters, facts, contextTokens } of models) {
    it(`has the memory figures that the config of ${parameters} gives`, () => {
      const config = CONFIGS[parameters];
      assert.ok(config !== undefined);
      const elements = config.attention * config.kvHeads * ATTENTION_HEAD * 2;
      assert.deepEqual(facts.kvBytesPerToken, { f16: elements * 2, q8_0: (elements * 34) / 32 });
      const convolution = 3 * (2 * config.keyHeads + config.valueHeads) * LINEAR_HEAD;
      const state = config.valueHeads * LINEAR_HEAD * LINEAR_HEAD;
      assert.equal(facts.recurrentStateBytes, config.linear * (convolution + state) * 4);
      assert.equal(facts.layers, config.attention + config.linear);
      assert.equal(contextTokens, 262_144);
    });
  }
});
