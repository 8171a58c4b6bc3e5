// Tests the table of families: which model belongs to which, and that what a family may write and what is cleaned up agree.
import assert from "node:assert/strict";
import type { LoadedModel } from "../../../engine/src/api.ts";
import { createEngine } from "../../../engine/src/engine.ts";
import { type FimFamily, familyOf, familyOfModel, noFamilySentence } from "../../../server/src/models/fimFamilies.ts";
import { createFakeBackend } from "../../fakes/fakeBackend.ts";
import { completion, loadOptions } from "../../model/harness.ts";

/** Vocabularies as they are published: what matters of each. */
const VOCABULARIES: Record<string, { name?: string; specials: string[] }> = {
  Qwen: { specials: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"] },
  CodeGemma: { specials: ["<bos>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_separator|>"] },
  "Qwen's tokens": { specials: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|endoftext|>"] },
  StarCoder2: { specials: ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<repo_name>", "<file_sep>"] },
  "StarCoder, Granite Code": {
    specials: ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<reponame>", "<filename>", "<gh_stars>"],
  },
  "DeepSeek-Coder": {
    specials: ["<｜begin▁of▁sentence｜>", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],
  },
  CodeLlama: { specials: ["<s>", "</s>", "▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"] },
  Codestral: { name: "Codestral-22B-v0.1", specials: ["<s>", "</s>", "[PREFIX]", "[SUFFIX]", "[MIDDLE]", "[INST]"] },
};

/** Sentence marks that are HTML when they are spelled out. */
const HTML = ["<s>", "</s>"];

const FAMILIES = Object.entries(VOCABULARIES).map(([expected, { name = "A model", specials }]) => {
  const family = familyOf((text) => specials.includes(text), { name, fimTokens: {} });
  return { expected, specials, family: family ?? assert.fail(`${expected} is no family`) };
});

describe("fill-in-the-middle families", () => {
  for (const { expected, specials, family } of FAMILIES) {
    it(`know ${expected} by its vocabulary, and name no token that it lacks`, () => {
      assert.equal(family.name, expected);
      const { prefix, suffix, middle, begin, repository, file } = family;
      const asked = [prefix, suffix, middle, begin, repository?.token, file].filter((token) => token !== undefined);
      assert.deepEqual(
        asked.filter((token) => !specials.includes(token)),
        [],
      );
      assert.equal(new Set(asked).size, asked.length);
    });

    it(`of ${expected} end at each of their tokens, and clean up each text at which they end`, () => {
      for (const token of specials) assert.ok(family.stopSpecials.includes(token), token);
      for (const text of family.stop) assert.equal(cleaned(family, `a${text}b`), "a", text);
      const unstopped = family.stopSpecials.filter((token) => !isStopped(family, token));
      assert.deepEqual(
        unstopped.filter((token) => !HTML.includes(token)),
        [],
      );
    });
  }

  it("clean up fences at the start of a line and thinking, and nothing that is code", () => {
    for (const { family } of FAMILIES) {
      assert.equal(cleaned(family, "a();\n```\nText"), "a();\n");
      assert.equal(cleaned(family, "a();\n  ```ts\n"), "a();\n");
      assert.equal(cleaned(family, "a()</think>b"), "a()");
      const code = ["x = `a`;", 'y = "```";', "<p><s>old</s></p>", "a[PRE] | b", "if (a <fim) return <file>;", "#fim"];
      for (const line of code) assert.equal(cleaned(family, line), line);
    }
  });

  it("are chosen by what the model file names, before what its vocabulary has besides", () => {
    const specials = [...VOCABULARIES.Qwen!.specials, ...VOCABULARIES.StarCoder2!.specials];
    const fimTokens = { prefix: "<fim_prefix>", suffix: "<fim_suffix>", middle: "<fim_middle>" };
    const has = (text: string) => specials.includes(text);
    assert.equal(familyOf(has, { name: "A", fimTokens: {} })?.name, "Qwen");
    assert.equal(familyOf(has, { name: "A", fimTokens })?.name, "StarCoder2");
  });

  it("are made from what the model file names where none is known", () => {
    const fimTokens = { prefix: "<P>", suffix: "<S>", middle: "<M>", repository: "<R>", separator: "<F>" };
    const family = familyOf((text) => Object.values(fimTokens).includes(text), { name: "New", fimTokens });
    assert.ok(family !== undefined);
    assert.deepEqual(
      [family.order, family.prefix, family.suffix, family.middle, family.repository?.token, family.file],
      ["prefixFirst", "<P>", "<S>", "<M>", "<R>", "<F>"],
    );
    assert.ok(["<P>", "<S>", "<M>", "<R>", "<F>"].every((token) => family.stopSpecials.includes(token)));
  });

  it("are none of a chat model's: Mistral has Codestral's vocabulary, and half a set of tokens is none", () => {
    const { specials } = VOCABULARIES.Codestral!;
    const mistral = { name: "Mistral-7B-Instruct-v0.3", fimTokens: {} };
    assert.equal(
      familyOf((text) => specials.includes(text), mistral),
      undefined,
    );
    const half = ["<|fim_prefix|>", "<|fim_suffix|>", "<|file_sep|>"];
    assert.equal(
      familyOf((text) => half.includes(text), { name: "Half", fimTokens: { prefix: half[0]! } }),
      undefined,
    );
    assert.match(noFamilySentence({ name: "Mistral-7B" }), /^The model Mistral-7B has no tokens .+ is off; .+\.$/);
  });

  for (const { expected, family, specials } of FAMILIES) {
    it(`never show a special token of ${expected}, whatever the model says`, async () => {
      for (const token of specials) {
        const said = await saying(specials, ["ab", token, "cd"], family);
        assert.deepEqual([said.text, said.stopReason], ["ab", "end"], token);
      }
      for (const text of family.stop) {
        const said = await saying(specials, ["ab", ...text, "cd"], family);
        assert.deepEqual([said.text, said.stopReason], ["ab", "stopText"], text);
      }
    });
  }
});

/** What the clean-up leaves of a text. */
function cleaned({ artefacts }: FimFamily, text: string): string {
  return text.slice(0, artefacts.exec(text)?.index);
}

function isStopped({ stop, artefacts }: FimFamily, token: string): boolean {
  const spelled = token.replace(/^▁/, "");
  return stop.includes(spelled) && artefacts.exec(spelled)?.[0] === spelled;
}

/** Has a model of this vocabulary say these pieces, special tokens where they are one and else letters. */
async function saying(specials: string[], pieces: string[], family: FimFamily) {
  const first = 256;
  const token = (piece: string) =>
    specials.includes(piece) ? [first + specials.indexOf(piece)] : [...Buffer.from(piece)];
  const left = pieces.flatMap(token);
  const backend = createFakeBackend({ specials, next: () => left.shift() ?? 0x78 });
  const engine = createEngine({ backend, visionEntry: "" });
  const loaded: LoadedModel = await engine.load(loadOptions());
  assert.deepEqual(familyOfModel({ ...loaded, name: family.name })?.name, family.name);
  const parts = [{ text: "const a = " }];
  const { stop, stopSpecials } = family;
  const result = await engine.generate(completion("", { parts, maxTokens: 40, stop: [...stop], stopSpecials }));
  await engine.dispose();
  return result;
}
