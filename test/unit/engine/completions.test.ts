// Tests completions on a runtime without a model: warm-ups, candidates from one prompt, and who gives way to whom.
import assert from "node:assert/strict";
import type { CompletionRequest, Engine, GenerateResult, PromptPart } from "../../../engine/src/api.ts";
import { createEngine } from "../../../engine/src/engine.ts";
import { createFakeBackend, type FakeBackend, type FakeOptions } from "../../fakes/fakeBackend.ts";
import { GREEDY, loadOptions, question, settle } from "../../model/harness.ts";

const CHUNK = 50;
/** Bytes of the stable part: as many tokens. */
const STABLE = 300;
const MIDDLE: PromptPart = { special: "<|fim_middle|>" };

/** A prompt whose beginning ends in a checkpoint. */
function asked(line: string, changes: Partial<CompletionRequest> = {}): CompletionRequest {
  const stable: PromptPart = { text: "s".repeat(STABLE), checkpoint: true };
  return { kind: "completion", parts: [stable, { text: line }, MIDDLE], sampling: GREEDY, maxTokens: 5, ...changes };
}

describe("completions", () => {
  let engine: Engine;
  let fake: FakeBackend;
  let before: NonNullable<FakeOptions["before"]>;

  beforeEach(async () => {
    before = () => {};
    fake = createFakeBackend({ before: (operation) => before(operation) });
    engine = createEngine({ backend: fake, visionEntry: "" });
    await engine.load(loadOptions({ completionContextTokens: 1000, chunkTokens: CHUNK }));
  });

  afterEach(() => engine.dispose());

  const sequence = () => fake.sequences[1]!;

  /** Runs `act` once, before the nth operation of this kind on the completion context, and lets it queue. */
  function at(kind: "evaluate" | "decode", nth: number, act: () => void): void {
    let seen = 0;
    before = async (operation) => {
      if (operation.sequence !== sequence() || operation.kind !== kind || ++seen !== nth) return;
      act();
      await settle();
    };
  }

  describe("that warm up", () => {
    it("read up to the last checkpoint, say nothing, and leave the rest to the completion", async () => {
      const warm = await engine.generate(asked("const a", { maxTokens: 0 }));
      assert.deepEqual([warm.text, warm.tokens, warm.stopReason], ["", [], "maxTokens"]);
      assert.deepEqual([warm.figures.evaluatedTokens, warm.figures.generatedTokens], [STABLE, 0]);
      assert.deepEqual([sequence().length, sequence().checkpoints], [STABLE, [STABLE]]);
      const { figures } = await engine.generate(asked("let b"));
      assert.deepEqual([figures.reusedTokens, figures.evaluatedTokens], [STABLE, "let b".length + 1]);
    });

    it("cost nothing where everything is read already", async () => {
      await engine.generate(asked("const a"));
      const { figures } = await engine.generate(asked("const a", { maxTokens: 0 }));
      assert.equal(figures.evaluatedTokens, 0);
    });

    it("keep what they have read when they are cancelled", async () => {
      const abort = new AbortController();
      at("evaluate", 3, () => abort.abort());
      const warm = await engine.generate(asked("const a", { maxTokens: 0, background: true }), {
        signal: abort.signal,
      });
      assert.deepEqual([warm.stopReason, warm.figures.evaluatedTokens], ["cancelled", 3 * CHUNK]);
      const { figures } = await engine.generate(asked("const a"));
      assert.equal(figures.reusedTokens, 3 * CHUNK);
    });

    it("change no answer", async () => {
      const cold = await engine.generate(asked("const a"));
      await engine.load(loadOptions({ completionContextTokens: 1000, chunkTokens: CHUNK }));
      await engine.generate(asked("other line", { maxTokens: 0 }));
      assert.deepEqual((await engine.generate(asked("const a"))).tokens, cold.tokens);
    });
  });

  it("from one prompt evaluate it once, and one token for each further candidate", async () => {
    const candidate = asked("const a = ", { checkpointAtEnd: true });
    const first = await engine.generate(candidate);
    for (let count = 0; count < 3; count++) {
      const next = await engine.generate(candidate);
      assert.equal(next.figures.evaluatedTokens, 1);
      assert.deepEqual(next.tokens, first.tokens);
    }
    // The line goes on, and then it is another one: both checkpoints serve.
    const { figures } = await engine.generate(asked("const a = b"));
    assert.equal(figures.reusedTokens, STABLE + "const a = ".length);
    assert.equal((await engine.generate(asked("let b"))).figures.reusedTokens, STABLE);
  });

  describe("that nobody waits for", () => {
    const speculation = () => asked("guess ", { background: true, maxTokens: 100 });

    /** Says what the next operations on the completion context were. */
    function recorded(): string[] {
      const kinds: string[] = [];
      const inner = before;
      before = async (operation) => {
        if (operation.sequence === sequence()) kinds.push(operation.kind);
        await inner(operation);
      };
      return kinds;
    }

    for (const kind of ["evaluate", "decode"] as const) {
      it(`give way to the user's within one step (${kind})`, async () => {
        let user: Promise<GenerateResult> | undefined;
        at(kind, 2, () => {
          user = engine.generate(asked("const a"));
        });
        const kinds = recorded();
        const guess = await engine.generate(speculation());
        assert.equal(guess.stopReason, "cancelled");
        assert.equal(kinds.filter((each) => each === kind).length, 2);
        assert.ok(user !== undefined);
        const said = await user;
        assert.deepEqual([said.stopReason, said.tokens.length], ["maxTokens", 5]);
      });
    }

    it("wait for the user's, and then run", async () => {
      let guess: Promise<GenerateResult> | undefined;
      at("decode", 1, () => {
        guess = engine.generate({ ...speculation(), maxTokens: 5 });
      });
      const said = await engine.generate(asked("const a"));
      assert.equal(said.stopReason, "maxTokens");
      assert.equal((await guess)?.stopReason, "maxTokens");
    });

    it("are not begun when the user's comes while they wait", async () => {
      let guess: Promise<GenerateResult> | undefined;
      let second: Promise<GenerateResult> | undefined;
      at("decode", 1, () => {
        guess = engine.generate(speculation());
        second = engine.generate(asked("let b"));
      });
      await engine.generate(asked("const a"));
      assert.deepEqual([(await guess)?.stopReason, (await guess)?.figures.evaluatedTokens], ["cancelled", 0]);
      assert.equal((await second)?.tokens.length, 5);
    });

    it("do not end one another", async () => {
      const [one, two] = await Promise.all([
        engine.generate({ ...speculation(), maxTokens: 5 }),
        engine.generate({ ...asked("other ", { background: true }) }),
      ]);
      assert.deepEqual([one.stopReason, two.stopReason], ["maxTokens", "maxTokens"]);
    });

    it("run behind questions and before the reading of a base", async () => {
      const order: string[] = [];
      const names = new Map([
        [0, "long"],
        [1, "completion"],
      ]);
      let answer: Promise<unknown> | undefined;
      let guess: Promise<unknown> | undefined;
      before = async ({ sequence: running, kind }) => {
        if (kind !== "evaluate" && kind !== "decode") return;
        order.push(`${names.get(fake.sequences.indexOf(running))} ${kind}`);
        if (order.length !== 1) return;
        guess = engine.generate(asked("guess ", { background: true, maxTokens: 3 }));
        answer = engine.generate(question("Q", { maxTokens: 3, logProbs: undefined }));
        await settle();
      };
      const base = { parts: [{ text: "x".repeat(6 * CHUNK), label: "a.ts" }] };
      await engine.prefill(base);
      await Promise.all([answer, guess]);
      const isGuess = (step: string) => step.startsWith("completion");
      // One step of the guess may run while the question still waits for the context that the base has.
      const untilAnswer = order.slice(0, order.lastIndexOf("long decode"));
      assert.ok(untilAnswer.length > 3 && untilAnswer.filter(isGuess).length <= 1, order.join(", "));
      const afterGuess = order.slice(order.findLastIndex(isGuess) + 1);
      assert.ok(afterGuess.filter((step) => step === "long evaluate").length >= 3, order.join(", "));
    });
  });
});
