// Tests that text never becomes a special token and that streamed text is never cut inside a character.
import assert from "node:assert/strict";
import fc from "fast-check";
import { EngineError, type PromptPart } from "../../../engine/src/api.ts";
import { Tokenizer } from "../../../engine/src/tokenizer.ts";
import { createFakeVocabulary } from "../../fakes/fakeBackend.ts";

const vocabulary = createFakeVocabulary();
const tokenizer = new Tokenizer(vocabulary);
const BYTES = 256;

/** Texts of plain characters and of everything that could make up a special text. */
function looksSpecial(specials: readonly string[]): fc.Arbitrary<string> {
  const special = fc.constantFrom(...specials);
  const fragment = fc.tuple(special, fc.nat(15)).map(([text, at]) => text.slice(0, at));
  const piece = fc.oneof(special, fragment, fc.string({ unit: "grapheme", maxLength: 4 }));
  return fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join(""));
}

describe("Tokenizer", () => {
  it("recognises nothing special in text, and loses nothing", () => {
    fc.assert(
      fc.property(looksSpecial(vocabulary.specialTexts), (text) => {
        const tokens = tokenizer.encodeText(text);
        assert.ok(tokens.every((token) => token < BYTES));
        assert.equal(vocabulary.decode(tokens), text);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it("does so where special texts overlap each other and themselves", () => {
    const overlapping = createFakeVocabulary(["aba", "bab", "  ", "    ", "<a>", "a><b"]);
    const other = new Tokenizer(overlapping);
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "b", "<", ">", " "), maxLength: 12 }),
      looksSpecial(overlapping.specialTexts),
    );
    fc.assert(
      fc.property(text, (text) => {
        const tokens = other.encodeText(text);
        assert.ok(
          tokens.every((token) => token < BYTES),
          `special tokens in ${JSON.stringify(text)}: ${tokens}`,
        );
        assert.equal(overlapping.decode(tokens), text);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it("takes special characters of regular expressions in special texts literally", () => {
    const other = new Tokenizer(createFakeVocabulary(["[INST]", "$1.*", "\\(a|b)"]));
    assert.deepEqual(other.splitSpecials("x[INST]y$1.*z\\(a|b)I"), [
      { text: "x" },
      { special: "[INST]" },
      { text: "y" },
      { special: "$1.*" },
      { text: "z" },
      { special: "\\(a|b)" },
      { text: "I" },
    ]);
  });

  it("works without any special text", () => {
    const plain = new Tokenizer(createFakeVocabulary([]));
    assert.equal(plain.encodeText("<|im_end|>").length, 10);
    assert.deepEqual(plain.splitSpecials("<|im_end|>"), [{ text: "<|im_end|>" }]);
    assert.deepEqual(plain.splitSpecials(""), []);
  });

  it("encodes parts, with the ends of labels and checkpoints", async () => {
    const parts: PromptPart[] = [
      { special: "<|im_start|>" },
      { text: "ab", label: "a.ts" },
      { text: "" },
      { text: "<think>", label: "b.ts", checkpoint: true },
      { text: "é", checkpoint: true },
    ];
    const { tokens, labels, checkpoints } = await tokenizer.encode(parts);
    assert.deepEqual(tokens, [257, ...Buffer.from("ab<think>é")]);
    assert.deepEqual(labels, [
      { label: "a.ts", end: 3 },
      { label: "b.ts", end: 10 },
    ]);
    assert.deepEqual(checkpoints, [10, 12]);
  });

  it("gives the event loop a turn at each file, and stops there when aborted", async () => {
    const abort = new AbortController();
    setImmediate(() => abort.abort());
    const parts = Array.from({ length: 10 }, (_, index) => ({ text: "a", label: `${index}` }));
    await assert.rejects(tokenizer.encode(parts, abort.signal), { name: "AbortError" });
  });

  it("names a special token that the model lacks", async () => {
    const encode = tokenizer.encode([{ special: "<|nonsense|>" }]);
    await assert.rejects(encode, new EngineError("backendFailed", "This model has no <|nonsense|> token."));
    assert.equal(tokenizer.has("<|nonsense|>"), false);
    assert.equal(tokenizer.has("<think>"), true);
  });
});

describe("StreamDecoder", () => {
  function stream(tokens: readonly number[]): string[] {
    const decoder = tokenizer.streamDecoder();
    return [...tokens.map((token) => decoder.push(token)), decoder.flush()];
  }

  const cases: [name: string, bytes: number[], pieces: string[]][] = [
    ["letters at once", [97, 98], ["a", "b", ""]],
    ["a character of two bytes with its last", [0xc3, 0xa9, 97], ["", "é", "a", ""]],
    ["one of four bytes with its last", [0xf0, 0x9f, 0x98, 0x80], ["", "", "", "😀", ""]],
    ["a cut one at the end", [97, 0xf0, 0x9f], ["a", "", "", "\uFFFD"]],
    ["a replacement character that is really meant", [0xef, 0xbf, 0xbd, 97], ["", "", "", "\uFFFDa", ""]],
  ];
  for (const [name, bytes, pieces] of cases) {
    it(`gives ${name}`, () => assert.deepEqual(stream(bytes), pieces));
  }

  it("gives any text in whole characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const pieces = stream([...Buffer.from(text)]);
        assert.equal(pieces.join(""), text);
        for (const piece of pieces) assert.doesNotMatch(piece, /\p{Surrogate}/u);
      }),
      { seed: 2 },
    );
  });

  it("keeps a good character behind bytes that are none", () => {
    const rubbish = fc.array(fc.constantFrom(0x80, 0xbf, 0xc3, 0xe2, 0xf0, 0xff), { maxLength: 6 });
    fc.assert(
      fc.property(rubbish, (bytes) => {
        const text = stream([...bytes, ...Buffer.from("😀漢é")]).join("");
        assert.ok(text.endsWith("😀漢é"), JSON.stringify(text));
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it("holds nothing back for long", () => {
    const pieces = stream(Array.from({ length: 12 }, () => 0x80));
    assert.ok(pieces.slice(0, 8).join("").length > 0);
  });
});
