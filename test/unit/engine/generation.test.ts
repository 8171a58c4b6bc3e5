// Tests what an answer leaves behind in the long context, and what is said and counted when a request does not fit.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ChatMessage, Engine, LoadOptions, PromptPart } from "../../../engine/src/api.ts";
import { createEngine } from "../../../engine/src/engine.ts";
import { createFakeBackend, type FakeBackend, type FakeOptions } from "../../fakes/fakeBackend.ts";
import { completion, fails, loadOptions, question, settle, temporaryFolder } from "../../model/harness.ts";

const CHUNK = 256;

function files(count: number, name = "file"): PromptPart[] {
  return Array.from({ length: count }, (_, index) => {
    return { text: `// ${name} ${index}\n`.padEnd(500, "x"), label: `${name}${index}` };
  });
}

describe("generation", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let engine: Engine;
  let fake: FakeBackend;
  let before: NonNullable<FakeOptions["before"]>;
  const snapshots = () => ({ dir: join(folder.path, "root", "work"), quotaBytes: 1e12 });
  const long = () => fake.sequences[0]!;

  async function start(load: Partial<LoadOptions> = {}): Promise<void> {
    fake = createFakeBackend({ before: (operation) => before(operation) });
    engine = createEngine({ backend: fake, visionEntry: "" });
    await engine.load(loadOptions({ contextTokens: 40_000, chunkTokens: CHUNK, ...load }));
  }

  beforeEach(async () => {
    folder = temporaryFolder("generation");
    before = () => {};
    await start();
  });

  afterEach(async () => {
    await engine.dispose();
    folder.remove();
  });

  const talk = (text: string) => engine.generate(question(text, { goesOn: true }));

  /** Lets everything in the background end: it asks for the sequence after the work that is known. */
  async function quiet(): Promise<void> {
    for (let turn = 0, last = -1; turn < 20; turn++) {
      await settle();
      if (long().evaluated === last) return;
      last = long().evaluated;
    }
  }

  it("does not read an answer as history over a base that was read on meanwhile", async () => {
    let asked: ReturnType<typeof talk> | undefined;
    before = async ({ kind, sequence }) => {
      if (asked !== undefined || kind !== "evaluate" || sequence !== long() || sequence.length < 4 * CHUNK) return;
      asked = talk("long question ".repeat(40));
      await settle();
    };
    const { figures } = await engine.prefill({ parts: files(12) });
    const answer = await asked!;
    await quiet();
    const own = answer.figures.evaluatedTokens + answer.figures.generatedTokens - 1;
    assert.ok(answer.baseTokens < figures.promptTokens);
    assert.equal(long().evaluated, figures.promptTokens + own);
    assert.equal(long().length, figures.promptTokens);
  });

  it("does not read an answer as history over a compaction that goes on", async () => {
    const old = files(8);
    const renewed = [...old.slice(0, 6), ...files(5, "renewed")];
    await engine.prefill({ parts: old, snapshots: snapshots() });
    const { evaluated } = long();
    let asked: ReturnType<typeof talk> | undefined;
    const { figures } = await engine.prefill(
      { parts: renewed, snapshots: snapshots(), keepServing: true },
      {
        onProgress: ({ phase, doneTokens }) => {
          if (phase === "prefill" && doneTokens > 4000) asked ??= talk("Q");
        },
      },
    );
    const answer = await asked!;
    await quiet();
    const own = answer.figures.evaluatedTokens + answer.figures.generatedTokens - 1;
    assert.equal(answer.baseTokens, answer.baseTotalTokens);
    assert.equal(long().evaluated - evaluated, figures.evaluatedTokens + own);
  });

  it("gives the context to the next question at once, though an answer is being read as history", async () => {
    // The answer is repeated in more than one chunk, so that the question comes in between two of them.
    await engine.load(loadOptions({ contextTokens: 40_000, chunkTokens: 8 }));
    await engine.prefill({ parts: files(1) });
    const first = await talk("one");
    let second: Promise<unknown> | undefined;
    let chunks = 0;
    before = ({ kind, sequence }) => {
      if (sequence !== long() || kind !== "evaluate") return;
      chunks += 1;
      second ??= engine.generate(question("another one"));
    };
    await quiet();
    assert.ok(second !== undefined, "nothing was read in the background");
    const { figures } = (await second) as typeof first;
    assert.equal(chunks, 1 + figures.chunks);
  });

  it("does not read an answer as history when its question was asked again meanwhile", async () => {
    await engine.prefill({ parts: files(1) });
    let again: ReturnType<typeof talk> | undefined;
    before = async ({ kind }) => {
      if (kind !== "decode" || again !== undefined) return;
      again = engine.generate(question("one", { goesOn: true, maxTokens: 8 }));
      await settle();
    };
    await talk("one");
    const second = await again!;
    let chunks = 0;
    before = ({ kind }) => {
      if (kind === "evaluate") chunks += 1;
    };
    await quiet();
    assert.equal(chunks, 1, "the first answer was read over the second");
    const seen = Buffer.from(
      long()
        .tokens()
        .filter((token) => token < 256),
    ).toString();
    assert.ok(seen.includes(`${second.text}\n`), "the second answer is not what is there to be gone on from");
  });

  it("begins with one base, whenever a reading replaces the one that serves", async () => {
    const old = files(4);
    // Without labels it is encoded at once: it comes in between any two steps of a question.
    const renewed = files(9, "renewed").map((part) => ("text" in part ? { text: part.text } : part));
    const { figures } = await engine.prefill({ parts: old });
    const served = new Set<number>();
    for (let steps = 0; steps < 60; steps++) {
      await engine.prefill({ parts: old });
      const reading = engine.prefill({ parts: renewed });
      for (let step = 0; step < steps; step++) await Promise.resolve();
      const asked = engine.generate(question("Q", { maxTokens: 1 }));
      const { baseTokens, baseTotalTokens } = await asked;
      await reading;
      served.add(baseTotalTokens);
      if (baseTotalTokens === figures.promptTokens) assert.equal(baseTokens, baseTotalTokens, `after ${steps} steps`);
    }
    assert.equal(served.size, 2, "the question never came before the replacement, or never after it");
  });

  it("does not wait for a whole reading when what was saved of the base turns out to be unusable", async () => {
    const old = files(8);
    const { layoutHash, figures: read } = await engine.prefill({ parts: old, snapshots: snapshots() });
    const stop = new AbortController();
    const { figures } = await engine.prefill(
      { parts: [...old.slice(0, 2), ...files(9, "renewed")], snapshots: snapshots(), keepServing: true },
      {
        signal: stop.signal,
        onProgress: ({ phase, doneTokens }) => phase === "prefill" && doneTokens > 3000 && stop.abort(),
      },
    );
    assert.ok(figures.evaluatedTokens > 0);
    // The old base is on disk only, and damaged there.
    const { id } = (await engine.listSnapshots(join(folder.path, "root"))).find(
      (info) => info.layoutHash === layoutHash,
    )!;
    writeFileSync(join(snapshots().dir, `${id}.state`), "damaged");
    const answer = await engine.generate(question("Q"));
    assert.ok(answer.figures.evaluatedTokens < 100, `${answer.figures.evaluatedTokens} tokens`);
    assert.ok(answer.baseTokens < answer.baseTotalTokens);
    assert.equal(answer.baseTotalTokens, read.promptTokens);
    const again = await engine.prefill({ parts: old, snapshots: snapshots() });
    assert.match(again.notes.join(), new RegExp(`${id} was set aside: It has 7 bytes`));
    assert.equal((await engine.generate(question("Q"))).baseTokens, read.promptTokens);
  });

  it("of a next question costs what is new in it, whatever the template makes of earlier answers", async () => {
    const chatTemplate =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n" +
      "{% if m.role == 'assistant' %}{% if loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content | trim }}" +
      "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}" +
      "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}";
    await engine.dispose();
    fake = createFakeBackend({ chatTemplate });
    engine = createEngine({ backend: fake, visionEntry: "" });
    await engine.load(loadOptions({ contextTokens: 40_000, chunkTokens: CHUNK }));
    await engine.prefill({ parts: files(4) });
    const messages: ChatMessage[] = [{ role: "system", content: [] }];
    // `<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n`, four of them special.
    const framing = 4 + "\nassistant\n\n\n\n\n".length;
    for (const text of ["one", "two", "and three"]) {
      messages.push({ role: "user", content: [{ text }] });
      const { figures, text: answer } = await engine.generate({ ...question("", { goesOn: true }), messages });
      if (text !== "one") assert.equal(figures.evaluatedTokens, text.length + framing);
      messages.push({ role: "assistant", content: [{ text: answer }] });
      await quiet();
    }
  });

  it("runs a completion while a state is being saved, and does not wait for it", async () => {
    const order: string[] = [];
    let asked: Promise<unknown> | undefined;
    before = async ({ kind }) => {
      if (kind !== "save") return;
      order.push("save begins");
      asked = engine.generate(completion("a", { maxTokens: 3 })).then(() => order.push("completion ends"));
      // The save ends only after the completion: were it to wait for the save, both would wait for ever.
      await asked;
      order.push("save ends");
    };
    const { saved } = await engine.prefill({ parts: files(8), snapshots: snapshots() });
    assert.ok(saved);
    assert.deepEqual(order, ["save begins", "completion ends", "save ends"]);
  });

  it("is not held up by a probe of the speed behind a long answer", async () => {
    const order: string[] = [];
    let probe: Promise<number> | undefined;
    let completed: Promise<unknown> | undefined;
    before = async ({ kind, sequence }) => {
      if (kind === "decode") order.push(sequence === long() ? "token of the answer" : "completion");
      if (probe !== undefined || kind !== "decode") return;
      probe = engine.prefillSpeed();
      await settle();
      completed = engine.generate(completion("a", { maxTokens: 1 }));
    };
    await start({ chunkTokens: undefined });
    await engine.generate(question("Q", { maxTokens: 12 }));
    assert.ok((await probe!) > 0);
    await completed;
    assert.equal(order.length, 13);
    assert.ok(order.indexOf("completion") < 6, order.join());
  });

  it("measures the speed once: a second probe would throw away what completions go on from", async () => {
    await start({ chunkTokens: undefined });
    const speed = await engine.prefillSpeed();
    assert.ok(speed > 0);
    await engine.generate(completion("a", { maxTokens: 1 }));
    const { evaluated } = fake.sequences[1]!;
    assert.ok((await engine.prefillSpeed()) > 0);
    assert.equal(fake.sequences[1]!.evaluated, evaluated);
  });

  it("says how long a prompt is that does not fit, and evaluates nothing of it", async () => {
    const { figures } = await engine.generate(completion("", { maxTokens: 1 }));
    for (const length of [512, 513, 600]) {
      const { evaluated } = fake.sequences[1]!;
      const tooLong = engine.generate(completion("a".repeat(length - figures.promptTokens)));
      await assert.rejects(tooLong, fails("promptTooLong", new RegExp(`has ${length} tokens, .* holds 511\\.`)));
      assert.equal(fake.sequences[1]!.evaluated, evaluated);
    }
    const fits = await engine.generate(completion("a".repeat(511 - figures.promptTokens)));
    assert.equal(fits.stopReason, "contextFull");
  });

  it("is stopped at once while it waits for another answer", async () => {
    const stop = new AbortController();
    let stopped: string | undefined;
    before = async ({ kind }) => {
      if (kind !== "decode" || stopped !== undefined) return;
      stopped = "waiting";
      void engine.generate(question("R"), { signal: stop.signal }).then(({ stopReason }) => {
        stopped = stopReason;
      });
      stop.abort();
      await settle();
      assert.equal(stopped, "cancelled");
    };
    assert.equal((await engine.generate(question("Q"))).stopReason, "maxTokens");
    assert.equal(stopped, "cancelled");
  });
});
