// Tests what comes out of a request for text: why it stops, what is streamed, reasoning, grammar, and text that looks special.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { CompletionRequest, GenerateChunk, GenerateRequest, GenerateResult } from "../../engine/src/api.ts";
import type { Backend, BackendModel } from "../../engine/src/backend.ts";
import { createLlamaCppBackend } from "../../engine/src/backends/llamaCpp.ts";
import { Tokenizer } from "../../engine/src/tokenizer.ts";
import { familyOfModel } from "../../server/src/models/fimFamilies.ts";
import {
  completion,
  createTestEngine,
  fails,
  loadOptions,
  question,
  sourceFiles,
  type TestEngine,
  THREADS,
  temporaryFolder,
} from "./harness.ts";
import { tinyModelFiles, writeTinyModel } from "./tinyModel.ts";

const DEMO_FOLDER = join(import.meta.dirname, "../../engine/models/nano");

describe("generation", () => {
  let test: TestEngine;
  /** What the model says when nothing stops it. */
  let free: GenerateResult;

  before(async () => {
    test = createTestEngine();
    await test.engine.load(loadOptions({ completionContextTokens: 1024 }));
    free = await test.engine.generate(completion("const a = ", { maxTokens: 60 }));
  });

  after(() => test.engine.dispose());

  /** Generates, and checks what holds for every result: pieces make up the text, figures add up. */
  async function run(request: GenerateRequest): Promise<GenerateResult & { chunks: GenerateChunk[] }> {
    const chunks: GenerateChunk[] = [];
    const result = await test.engine.generate(request, { onChunk: (chunk) => chunks.push(chunk) });
    const joined = (thinking: boolean) =>
      chunks
        .filter((chunk) => chunk.thinking === thinking)
        .map(({ text }) => text)
        .join("");
    assert.deepEqual([joined(false), joined(true)], [result.text, result.thinking]);
    assert.ok(chunks.every(({ text }) => text !== ""));
    const { figures } = result;
    assert.equal(figures.generatedTokens, result.tokens.length);
    assert.ok(figures.firstTokenMs <= figures.totalMs && figures.decodeMs <= figures.totalMs);
    return { ...result, chunks };
  }

  const complete = (changes: Partial<CompletionRequest>) =>
    run(completion("const a = ", { maxTokens: 60, ...changes }));

  describe("stops", () => {
    it("before a stop text, wherever it begins and however many tokens it spans", async () => {
      for (const [from, length] of [
        [1, 1],
        [7, 2],
        [12, 6],
        [20, 15],
        [0, 4],
      ] as const) {
        const stop = free.text.slice(from, from + length);
        const { text, stopReason, tokens } = await complete({ stop: [stop] });
        assert.equal(text, free.text.slice(0, free.text.indexOf(stop)), `stop text ${JSON.stringify(stop)}`);
        assert.equal(stopReason, "stopText");
        assert.ok(tokens.length <= free.tokens.length);
      }
    });

    it("at the first of several stop texts", async () => {
      const early = free.text.slice(9, 12);
      const late = free.text.slice(25, 30);
      const { text } = await complete({ stop: [late, "never occurs", early] });
      assert.equal(text, free.text.slice(0, free.text.indexOf(early)));
    });

    it("nowhere for a stop text that only begins, and holds none of it back at the end", async () => {
      const stop = free.text.slice(-5);
      const { text, stopReason } = await complete({ stop: [`${stop}\u0001`, `${stop.slice(2)}\u0001`] });
      assert.deepEqual([text, stopReason], [free.text, "maxTokens"]);
    });

    it("after the given number of tokens", async () => {
      for (const maxTokens of [0, 1, 17]) {
        const { tokens, stopReason } = await complete({ maxTokens });
        assert.deepEqual(tokens, free.tokens.slice(0, maxTokens));
        assert.equal(stopReason, "maxTokens");
      }
    });

    it("where the context is full", async () => {
      await test.engine.load(loadOptions({ completionContextTokens: 256 }));
      const { figures, stopReason } = await complete({ maxTokens: 400 });
      assert.equal(stopReason, "contextFull");
      assert.ok(figures.promptTokens + figures.generatedTokens <= 256);
      assert.ok(figures.promptTokens + figures.generatedTokens >= 254);
      const next = await complete({ maxTokens: 60 });
      assert.deepEqual(next.tokens, free.tokens);
    });

    it("when a chat's prompt leaves no room, with no token", async () => {
      await test.engine.load(loadOptions({ contextTokens: 256 }));
      const { figures } = await test.engine.generate(question("", { maxTokens: 1 }));
      const word = "a".repeat(255 - figures.promptTokens);
      const { stopReason, tokens } = await run(question(word));
      assert.deepEqual([stopReason, tokens], ["contextFull", []]);
      await assert.rejects(run(question(`${word}aaaa`)), fails("promptTooLong", /context holds 255/));
      assert.equal((await run(question("a", { maxTokens: 3 }))).stopReason, "maxTokens");
    });

    it("when it repeats itself", async () => {
      await test.engine.load(loadOptions({ completionContextTokens: 1024 }));
      // Left to itself, the tiny model falls into a loop.
      const { stopReason, tokens } = await complete({ maxTokens: 1000 });
      assert.equal(stopReason, "repetition");
      assert.ok(tokens.length < 1000);
      assert.deepEqual(tokens.slice(0, 60), free.tokens);
    });
  });

  describe("follows a grammar", () => {
    it("to its end", async () => {
      const { text, stopReason } = await complete({ grammar: 'root ::= "yes" | "no"' });
      assert.ok(["yes", "no"].includes(text), text);
      assert.equal(stopReason, "end");
    });

    it("again from its start in the next request", async () => {
      const grammar = 'root ::= "ab" [0-9]+ ";"';
      for (let round = 0; round < 2; round++) {
        assert.match((await complete({ grammar, maxTokens: 12 })).text, /^ab\d+;?$/);
      }
    });

    for (const grammar of ["root ::= (", "", 'start ::= "a"', "root ::= missing"]) {
      it(`but not the invalid ${JSON.stringify(grammar)}`, async () => {
        await assert.rejects(complete({ grammar }), fails("badGrammar", /grammar of this request is not valid GBNF/));
        assert.deepEqual((await complete({})).tokens, free.tokens);
      });
    }
  });

  describe("samples", () => {
    it("the same tokens from the same seed, and others from another", async () => {
      const sampling = { temperature: 1.2, topP: 0.95, topK: 50, minP: 0.01, presencePenalty: 0.5, seed: 5 };
      const first = await complete({ sampling });
      assert.deepEqual((await complete({ sampling })).tokens, first.tokens);
      assert.notDeepEqual((await complete({ sampling: { ...sampling, seed: 6 } })).tokens, first.tokens);
    });

    it("greedily from one candidate, whatever the temperature", async () => {
      assert.deepEqual((await complete({ sampling: { temperature: 2, topK: 1, seed: 1 } })).tokens, free.tokens);
    });

    it("with a penalty on what was said", async () => {
      const { tokens } = await complete({ sampling: { temperature: 0, presencePenalty: 1.9 } });
      assert.ok(new Set(tokens).size > new Set(free.tokens).size);
    });

    it("with log-probabilities only when asked", async () => {
      assert.equal((await complete({})).logProbs, undefined);
      const { logProbs, tokens } = await complete({ logProbs: true });
      assert.equal(logProbs?.length, tokens.length);
      assert.ok(logProbs.every((value) => value <= 0 && value > -10));
    });
  });

  describe("splits reasoning from the answer", () => {
    /** The grammar makes the model close its reasoning, whatever it thinks. */
    const closing = (answer: string) => `root ::= "why" <[${test.recorder.special("</think>")}]> "${answer}"`;

    it("where the template opens the reasoning", async () => {
      const { text, thinking, stopReason } = await run(question("Is it?", { thinking: true, grammar: closing("yes") }));
      assert.deepEqual([text, thinking, stopReason], ["yes", "why", "end"]);
    });

    it("where the template closes the reasoning at once", async () => {
      const { text, thinking } = await run(question("Is it?", { thinking: false, grammar: 'root ::= "yes"' }));
      assert.deepEqual([text, thinking], ["yes", ""]);
    });

    it("where the model opens it itself", async () => {
      const [open, close] = ["<think>", "</think>"].map((text) => `<[${test.recorder.special(text)}]>`);
      const opening = `root ::= "so" ${open} "why" ${close} "yes"`;
      const { text, thinking } = await run(question("Is it?", { grammar: opening }));
      assert.deepEqual([text, thinking], ["soyes", "why"]);
    });

    it("when it never ends, as reasoning only", async () => {
      const { text, thinking, stopReason } = await run(question("Is it?", { thinking: true, maxTokens: 12 }));
      assert.deepEqual([text, stopReason], ["", "maxTokens"]);
      assert.notEqual(thinking, "");
    });

    it("and looks for stop texts in the answer only", async () => {
      const request = { thinking: true, stop: ["y"], grammar: closing("ayes") };
      const { text, thinking, stopReason } = await run(question("Is it?", request));
      assert.deepEqual([text, thinking, stopReason], ["a", "why", "stopText"]);
    });
  });

  it("streams characters of several bytes whole", async () => {
    const grammar = 'root ::= "é😀漢字 ﷽ 👩‍👩‍👧 ok"';
    const { text, chunks, stopReason } = await complete({ grammar });
    assert.deepEqual([text, stopReason], ["é😀漢字 ﷽ 👩‍👩‍👧 ok", "end"]);
    for (const chunk of chunks) {
      assert.doesNotMatch(chunk.text, /\p{Surrogate}|\uFFFD/u);
    }
    assert.ok(chunks.length > 8);
  });

  describe("is cancelled", () => {
    for (const request of [completion("const a = ", { maxTokens: 400 }), question("What?", { maxTokens: 400 })]) {
      it(`before it begins (${request.kind})`, async () => {
        const result = await test.engine.generate(request, { signal: AbortSignal.abort() });
        assert.deepEqual([result.stopReason, result.text, result.tokens], ["cancelled", "", []]);
      });

      it(`while its prompt is read (${request.kind})`, async () => {
        await test.engine.load(loadOptions({ chunkTokens: 4 }));
        const abort = new AbortController();
        test.recorder.before = ({ kind }) => {
          if (kind === "evaluate") abort.abort();
        };
        const result = await test.engine.generate(request, { signal: abort.signal });
        test.recorder.before = () => {};
        assert.deepEqual([result.stopReason, result.text, result.tokens], ["cancelled", "", []]);
        assert.deepEqual([result.figures.evaluatedTokens, result.figures.chunks], [4, 1]);
      });

      it(`between two tokens, and keeps what was said (${request.kind})`, async () => {
        const whole = await test.engine.generate({ ...request, maxTokens: 20 });
        const abort = new AbortController();
        let pieces = 0;
        const result = await test.engine.generate(request, {
          signal: abort.signal,
          onChunk: () => {
            if (++pieces === 5) abort.abort();
          },
        });
        assert.equal(result.stopReason, "cancelled");
        assert.ok(result.tokens.length >= 5 && result.tokens.length < 20);
        assert.ok(whole.text.startsWith(result.text) && result.text !== "");
        assert.deepEqual((await test.engine.generate({ ...request, maxTokens: 20 })).tokens, whole.tokens);
      });
    }
  });

  it("tells which special tokens a model has: without the ones for filling in the middle, chat works all the same", async () => {
    const folder = temporaryFolder("no-fim");
    const modelFile = join(folder.path, "no-fim.gguf");
    writeTinyModel(modelFile, { fim: false });
    assert.equal(familyOfModel(await test.engine.load(loadOptions({ modelFile }))), undefined);
    assert.equal((await test.engine.generate(question("What?"))).stopReason, "maxTokens");
    assert.equal(familyOfModel(await test.engine.load(loadOptions()))?.name, "Qwen");
    folder.remove();
  });

  it("without a model is refused", async () => {
    await test.engine.unload();
    const reject = (call: () => Promise<unknown>) => assert.rejects(call, fails("noModel", /^No model is loaded/));
    await reject(async () => test.engine.generate(question("What?")));
    await reject(async () => test.engine.prefill({ parts: [] }));
    await reject(async () => test.engine.countTokens(["a"]));
    await test.engine.load(loadOptions());
  });
});

describe("text that looks special", () => {
  let test: TestEngine;
  before(async () => {
    test = createTestEngine();
    await test.engine.load(loadOptions({ completionContextTokens: 1024 }));
  });
  after(() => test.engine.dispose());

  const SPECIALS = [
    "<|im_end|>",
    "<think>",
    "</think>",
    "<|im_start|>",
    "<|fim_middle|>",
    "<|endoftext|>",
    "<tool_call>",
  ];

  it("stays text in files and questions: the prompt has the template's special tokens only", async () => {
    const { engine, recorder } = test;
    const special = new Set(SPECIALS.map(recorder.special));
    const text = `// ${SPECIALS.join(" ")}\nconst end = "<|im_end|>";\n`;
    const specialsOf = async (file: string, asked: string) => {
      await engine.prefill({ parts: [...sourceFiles(1), { text: file, label: "a.ts" }] });
      const { figures } = await engine.generate(question(asked, { maxTokens: 1 }));
      const prompt = recorder.longTokens().slice(0, figures.promptTokens);
      const [count] = await engine.countTokens([file + asked]);
      return { specials: prompt.filter((token) => special.has(token)), count };
    };
    const plain = await specialsOf("// nothing\n", "What?");
    const looking = await specialsOf(text, text);
    assert.deepEqual(looking.specials, plain.specials);
    assert.ok(looking.count! > SPECIALS.join("").length);
    assert.ok(plain.specials.length > 4);
  });

  it("is a special token only where a part says so", async () => {
    const request = (parts: CompletionRequest["parts"]) => completion("", { parts, maxTokens: 1 });
    const special = await test.engine.generate(request([{ special: "<|im_end|>" }, { text: "a" }]));
    const text = await test.engine.generate(request([{ text: "<|im_end|>" }, { text: "a" }]));
    assert.equal(special.figures.promptTokens, 2);
    assert.ok(text.figures.promptTokens > 2);
    const missing = test.engine.generate(request([{ special: "<|nonsense|>" }]));
    await assert.rejects(missing, fails("backendFailed", /no <\|nonsense\|> token/));
  });

  const demo = readdirSync(DEMO_FOLDER).find((name) => /^qwen35.*\.gguf$/.test(name))!;
  for (const [name, file] of [
    ["tiny model", tinyModelFiles().model],
    ["demo model", join(DEMO_FOLDER, demo)],
  ] as const) {
    describe(`in the vocabulary of the ${name}`, () => {
      let backend: Backend;
      let model: BackendModel;
      let tokenizer: Tokenizer;
      let specials: Set<number>;

      before(async () => {
        backend = createLlamaCppBackend();
        model = await backend.load({ modelFile: file, gpu: "cpu", threads: THREADS });
        tokenizer = new Tokenizer(model.vocabulary);
        specials = new Set(model.vocabulary.specialTexts.map((text) => model.vocabulary.special(text)!));
      });

      after(async () => {
        await model.dispose();
        await backend.dispose();
      });

      it("is cut into plain tokens that give the same text again, whole and streamed", () => {
        const special = fc.constantFrom(...model.vocabulary.specialTexts);
        const fragment = fc.tuple(special, fc.nat(20)).map(([text, at]) => text.slice(0, at));
        const words = fc.constantFrom("return ", "<", "|", ">", "<|", "|>", "im_end", "  ", "\n\n", "é", "😀", "漢");
        const piece = fc.oneof(special, fragment, words, fc.string({ unit: "grapheme", maxLength: 6 }));
        const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
        fc.assert(
          fc.property(text, (text) => {
            const tokens = tokenizer.encodeText(text);
            assert.deepEqual(
              tokens.filter((token) => specials.has(token)),
              [],
            );
            assert.equal(model.vocabulary.decode(tokens), text);
            const decoder = tokenizer.streamDecoder();
            const streamed = tokens.map((token) => decoder.push(token));
            assert.equal(streamed.join("") + decoder.flush(), text);
          }),
          { numRuns: 300, seed: 11 },
        );
      });

      it("has a token for each special text, and decodes it to nothing", () => {
        assert.ok(specials.size > 15);
        for (const text of model.vocabulary.specialTexts) {
          assert.deepEqual(tokenizer.splitSpecials(`a${text}b`), [{ text: "a" }, { special: text }, { text: "b" }]);
        }
        const control = model.vocabulary.special("<|im_end|>")!;
        assert.equal(model.vocabulary.decode([control]), "");
        assert.ok(model.vocabulary.endsGeneration(control));
      });

      it("ends a completion where the next file would begin", () => {
        for (const text of ["<|endoftext|>", "<|file_sep|>", "<|repo_name|>", "<|fim_pad|>"]) {
          assert.ok(model.vocabulary.endsGeneration(model.vocabulary.special(text)!), text);
        }
      });
    });
  }
});
