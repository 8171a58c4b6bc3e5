// Tests the decode loop on scripted tokens: stop texts, held-back text, reasoning, limits, repetition, cancelling.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { GenerateChunk } from "../../../engine/src/api.ts";
import type { Token } from "../../../engine/src/backend.ts";
import { type DecodeOutcome, type DecodeRequest, decodeText, repeats } from "../../../engine/src/generate.ts";
import { Tokenizer } from "../../../engine/src/tokenizer.ts";
import { createFakeVocabulary } from "../../fakes/fakeBackend.ts";

const vocabulary = createFakeVocabulary();
const tokenizer = new Tokenizer(vocabulary);
const OPEN = vocabulary.special("<think>")!;
const CLOSE = vocabulary.special("</think>")!;

interface Run extends DecodeOutcome {
  chunks: GenerateChunk[];
  generated: Token[];
  ended: number;
}

/** Feeds the loop with the given tokens; after them the model ends. */
async function run(tokens: readonly Token[], changes: Partial<DecodeRequest> = {}): Promise<Run> {
  const chunks: GenerateChunk[] = [];
  const generated: Token[] = [];
  let ended = 0;
  const left = [...tokens];
  const outcome = await decodeText({
    stream: {
      next: async () => {
        const token = left.shift();
        return token === undefined ? undefined : { token, logProb: -1 };
      },
      end: async () => {
        ended += 1;
      },
    },
    decoder: tokenizer.streamDecoder(),
    maxTokens: 1000,
    stop: [],
    endTokens: new Set(),
    thinking: { open: OPEN, close: CLOSE, startsThinking: false },
    generated,
    onChunk: (chunk) => chunks.push(chunk),
    room: 1000,
    ...changes,
  });
  return { ...outcome, chunks, generated, ended };
}

const bytes = (text: string): Token[] => [...Buffer.from(text)];

describe("decoding", () => {
  const stops: [name: string, text: string, stop: string[], expected: string, reason: string][] = [
    ["nothing", "abc", [], "abc", "end"],
    ["one letter", "abc", ["b"], "a", "stopText"],
    ["a text over several tokens", "one END two", ["END"], "one ", "stopText"],
    ["the earliest of several", "ab cd ef", ["ef", "cd"], "ab ", "stopText"],
    ["the one that ends first", "xabcd", ["abcd", "bc"], "xa", "stopText"],
    ["the very first text", "END", ["END"], "", "stopText"],
    ["a text that begins twice", "aab aaab", ["aaab"], "aab ", "stopText"],
    ["a line's end", "return 1;\n\nfunction", ["\n\n"], "return 1;", "stopText"],
    ["not what only begins", "ab EN", ["END"], "ab EN", "end"],
    ["not what begins again and again", "ENENENEN", ["END"], "ENENENEN", "end"],
    ["a character of several bytes", "a😀b", ["😀"], "a", "stopText"],
  ];
  for (const [name, text, stop, expected, reason] of stops) {
    it(`stops before ${name}`, async () => {
      const result = await run(bytes(text), { stop });
      assert.equal(result.text, expected);
      assert.equal(result.stopReason, reason);
      assert.equal(result.chunks.map((chunk) => chunk.text).join(""), expected);
      assert.equal(result.ended, 1);
    });
  }

  it("stops where a plain search would find the first stop text, and streams no part of it", async () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 30 }),
        fc.array(word, { maxLength: 3 }),
        async (text, stop) => {
          const result = await run(bytes(text), { stop });
          // Token by token: the stop text that is complete first, and of those the one that begins first.
          let expected = text;
          for (let end = 1; end <= text.length && expected === text; end++) {
            const begins = stop.map((word) => text.slice(0, end).indexOf(word)).filter((at) => at >= 0);
            if (begins.length > 0) expected = text.slice(0, Math.min(...begins));
          }
          const stopped = stop.some((word) => text.includes(word));
          assert.equal(result.stopReason, stopped ? "stopText" : "end");
          if (stopped) assert.equal(result.text, expected);
          else assert.equal(result.text, text);
          assert.equal(result.chunks.map((chunk) => chunk.text).join(""), result.text);
        },
      ),
      { numRuns: 500, seed: 4 },
    );
  });

  it("holds text back only as long as it may begin a stop text", async () => {
    const seen: string[] = [];
    await run(bytes("ab EN! c"), { stop: ["END"], onChunk: ({ text }) => seen.push(text) });
    assert.deepEqual(seen, ["a", "b", " ", "EN!", " ", "c"]);
  });

  describe("ends", () => {
    const limits: [name: string, changes: Partial<DecodeRequest>, tokens: number, reason: string][] = [
      ["with the model", {}, 5, "end"],
      ["after the most tokens asked for", { maxTokens: 3 }, 3, "maxTokens"],
      ["before the first of no tokens", { maxTokens: 0 }, 0, "maxTokens"],
      ["with the context", { room: 2 }, 2, "contextFull"],
      ["without a token where there is no room", { room: 0 }, 0, "contextFull"],
      ["without a token when aborted beforehand", { signal: AbortSignal.abort() }, 0, "cancelled"],
    ];
    for (const [name, changes, tokens, reason] of limits) {
      it(name, async () => {
        const result = await run(bytes("abcde"), changes);
        assert.equal(result.stopReason, reason);
        assert.equal(result.text, "abcde".slice(0, tokens));
        assert.equal(result.generated.length, tokens);
        assert.equal(result.logProbs.length, tokens);
        assert.equal(result.ended, 1);
      });
    }

    it("when aborted, and keeps what it held back", async () => {
      const abort = new AbortController();
      const onToken = () => abort.abort();
      const result = await run(bytes("EN"), { stop: ["END"], signal: abort.signal, onToken });
      assert.deepEqual([result.stopReason, result.text], ["cancelled", "E"]);
    });

    it("when the wait for the next token is aborted", async () => {
      const abort = new AbortController();
      const stream = {
        next: async () => {
          abort.abort();
          throw abort.signal.reason;
        },
        end: async () => {},
      };
      assert.equal((await run([], { stream, signal: abort.signal })).stopReason, "cancelled");
    });

    it("with the runtime's error, but never without ending the stream", async () => {
      let ended = false;
      const stream = {
        next: async () => {
          throw new Error("device lost");
        },
        end: async () => {
          ended = true;
        },
      };
      await assert.rejects(run([], { stream }), /device lost/);
      assert.ok(ended);
    });
  });

  describe("splits reasoning from the answer", () => {
    const cases: [name: string, tokens: Token[], startsThinking: boolean, thinking: string, text: string][] = [
      ["started by the prompt", [...bytes("why"), CLOSE, ...bytes("yes")], true, "why", "yes"],
      ["started by the model", [OPEN, ...bytes("why"), CLOSE, ...bytes("yes")], false, "why", "yes"],
      ["twice", [OPEN, ...bytes("a"), CLOSE, ...bytes("b"), OPEN, ...bytes("c"), CLOSE], false, "ac", "b"],
      ["never ended", bytes("why"), true, "why", ""],
      ["ended at once", [CLOSE, ...bytes("yes")], true, "", "yes"],
      ["ended without a start", [...bytes("a"), CLOSE, ...bytes("b")], false, "", "ab"],
      ["with a stop text inside", [...bytes("a;b"), CLOSE, ...bytes("c;d")], true, "a;b", "c"],
      ["with the beginning of a stop text before it", [...bytes("a"), OPEN, ...bytes("b"), CLOSE], false, "b", "a"],
    ];
    for (const [name, tokens, startsThinking, thinking, text] of cases) {
      it(name, async () => {
        const result = await run(tokens, { thinking: { open: OPEN, close: CLOSE, startsThinking }, stop: [";", "ax"] });
        assert.deepEqual([result.thinking, result.text], [thinking, text]);
        const of = (kind: boolean) =>
          result.chunks.filter((chunk) => chunk.thinking === kind).map((chunk) => chunk.text);
        assert.deepEqual([of(true).join(""), of(false).join("")], [thinking, text]);
      });
    }

    it("not for a model without such tokens", async () => {
      const thinking = { open: undefined, close: undefined, startsThinking: false };
      assert.equal((await run([...bytes("a"), CLOSE, ...bytes("b")], { thinking })).text, "ab");
    });
  });

  describe("repetition", () => {
    const cycle = (period: Token[], length: number) => Array.from({ length }, (_, at) => period[at % period.length]!);
    const distinct = (length: number) => Array.from({ length }, (_, at) => at);

    const cases: [name: string, tokens: Token[], expected: boolean][] = [
      ["one token over and over", cycle([7], 192), true],
      ["a period of two", cycle([7, 8], 192), true],
      ["a period of 32, the longest", cycle(distinct(32), 192), true],
      ["a period of 33", cycle(distinct(33), 192), false],
      ["too few tokens", cycle([7], 191), false],
      ["one other token at the end", [...cycle([7], 200), 8], false],
      ["one other token inside the window", [...cycle([7], 100), 8, ...cycle([7], 150)], false],
      ["something else before the window", [...distinct(100), ...cycle([7, 8, 9], 192)], true],
      ["no period", distinct(300), false],
      ["nothing", [], false],
    ];
    for (const [name, tokens, expected] of cases) {
      it(`is ${expected ? "" : "not "}seen in ${name}`, () => assert.equal(repeats(tokens), expected));
    }

    it("ends an answer soon after it begins", async () => {
      const result = await run([...bytes("good text. "), ...cycle(bytes("bad "), 900)]);
      assert.equal(result.stopReason, "repetition");
      assert.ok(result.generated.length <= 11 + 192 + 16);
    });

    it("does not end a list of similar lines", async () => {
      const lines = Array.from({ length: 60 }, (_, index) => `  item${index}: ${index},\n`).join("");
      const result = await run(bytes(lines), { maxTokens: 5000, room: 5000 });
      assert.deepEqual([result.stopReason, result.text], ["end", lines]);
    });
  });
});
