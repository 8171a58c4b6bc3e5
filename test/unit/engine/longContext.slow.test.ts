// Tests how one long context serves many token lists: conversations parked and found again, compaction behind a base that serves.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { ChatMessage, Engine, GenerateResult, LoadOptions, PromptPart } from "../../../engine/src/api.ts";
import { createEngine } from "../../../engine/src/engine.ts";
import { LOAD_GAIN, MIN_GAIN_TOKENS, pays } from "../../../engine/src/longContext.ts";
import { createFakeBackend, type FakeBackend, type FakeOptions } from "../../fakes/fakeBackend.ts";
import { loadOptions, question, settle, temporaryFolder } from "../../model/harness.ts";

const CHUNK = 256;
const CONTEXT_TOKENS = 40_000;
/**
 * Nothing evaluated for so many times `settle` means that nothing is under way: steps of the fake take a turn of the event
 * loop. Turns and not time, because a busy machine may let time pass without any turn.
 */
const QUIET_SETTLES = 5;

/** Longer than the shortest base that is saved. */
function files(count: number, name = "file"): PromptPart[] {
  return Array.from({ length: count }, (_, index) => {
    return { text: `// ${name} ${index}\n`.padEnd(500, "x"), label: `${name}${index}` };
  });
}

/** A conversation as a client keeps it: its turns, and the next question. */
class Talk {
  readonly messages: ChatMessage[] = [{ role: "system", content: [] }];
  readonly #engine: () => Engine;

  /** @param engine The one that runs now. */
  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  async ask(text: string): Promise<GenerateResult> {
    this.messages.push({ role: "user", content: [{ text }] });
    const result = await this.#engine().generate({ ...question("", { goesOn: true }), messages: [...this.messages] });
    this.messages.push({ role: "assistant", content: [{ text: result.text }] });
    return result;
  }
}

describe("long context", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let engine: Engine;
  let fake: FakeBackend;
  let before: NonNullable<FakeOptions["before"]>;
  const snapshots = () => ({ dir: join(folder.path, "root", "work"), quotaBytes: 1e12 });
  const saved = () => readdirSync(snapshots().dir).filter((name) => name.endsWith(".state")).length;

  async function start(load: Partial<LoadOptions> = {}): Promise<void> {
    fake = createFakeBackend({ before: (operation) => before(operation) });
    engine = createEngine({ backend: fake, visionEntry: "" });
    await engine.load(loadOptions({ contextTokens: CONTEXT_TOKENS, chunkTokens: CHUNK, ...load }));
  }

  /** Waits until the answer is read as history. */
  async function settled(): Promise<void> {
    for (let last = -1; last !== fake.sequences[0]!.evaluated; ) {
      last = fake.sequences[0]!.evaluated;
      for (let turn = 0; turn < QUIET_SETTLES; turn++) await settle();
    }
  }

  beforeEach(async () => {
    folder = temporaryFolder("long-context");
    before = () => {};
    await start();
  });

  afterEach(async () => {
    await engine.dispose();
    folder.remove();
  });

  /** What an engine that did nothing before answers to the same messages. */
  async function freshAnswer(parts: PromptPart[], messages: ChatMessage[]): Promise<number[]> {
    const other = createEngine({ backend: createFakeBackend(), visionEntry: "" });
    await other.load(loadOptions({ contextTokens: CONTEXT_TOKENS, chunkTokens: CHUNK }));
    await other.prefill({ parts });
    const { tokens } = await other.generate({ ...question(""), messages });
    await other.dispose();
    return tokens;
  }

  it("says when moving a state to disk and back pays", () => {
    assert.equal(pays(MIN_GAIN_TOKENS - 1, 1000), false);
    assert.equal(pays(MIN_GAIN_TOKENS, MIN_GAIN_TOKENS * LOAD_GAIN), true);
    assert.equal(pays(MIN_GAIN_TOKENS, MIN_GAIN_TOKENS * LOAD_GAIN + 1), false);
  });

  describe("conversations", () => {
    const parts = files(8);

    it("cost their newest question only, as the answer is read as history in idle time", async () => {
      await engine.prefill({ parts, snapshots: snapshots() });
      const talk = new Talk(() => engine);
      const first = await talk.ask("one");
      await settled();
      const length = fake.sequences[0]!.length;
      const second = await talk.ask("two");
      assert.equal(second.figures.reusedTokens, length);
      assert.ok(second.figures.promptTokens > first.figures.promptTokens + first.tokens.length);
      assert.ok(second.figures.evaluatedTokens < 60, `${second.figures.evaluatedTokens} tokens`);
    });

    it("that are long are parked when another one begins, and go on where they were", async () => {
      await engine.prefill({ parts, snapshots: snapshots() });
      const long = new Talk(() => engine);
      await long.ask("a question ".repeat(60));
      await settled();
      const length = fake.sequences[0]!.length;
      const other = new Talk(() => engine);
      const second = await other.ask("something else");
      assert.equal(second.figures.reusedTokens, second.baseTokens);
      const back = await long.ask("and now?");
      assert.equal(back.figures.reusedTokens, length);
      assert.deepEqual(back.tokens, await freshAnswer(parts, long.messages.slice(0, -1)));
      // Also in a new process.
      await settled();
      await other.ask("another thing entirely");
      await engine.dispose();
      await start();
      assert.equal((await engine.prefill({ parts, snapshots: snapshots() })).figures.evaluatedTokens, 0);
      const again = await long.ask("still there?");
      // What came after the file was written is too little for another one.
      assert.equal(again.figures.reusedTokens, length);
      assert.deepEqual(again.tokens, await freshAnswer(parts, long.messages.slice(0, -1)));
    });

    it("are parked without harm when the place for them goes away meanwhile", async () => {
      await engine.prefill({ parts, snapshots: snapshots() });
      await new Talk(() => engine).ask("a question ".repeat(60));
      let reading: Promise<unknown> | undefined;
      before = ({ kind }) => {
        // Parking goes back to the end of what is worth keeping first.
        if (kind === "rewind") reading ??= engine.prefill({ parts });
      };
      const other = new Talk(() => engine);
      const { tokens } = await other.ask("something else");
      before = () => {};
      await reading;
      assert.ok(reading !== undefined, "nothing was parked");
      assert.deepEqual(tokens, await freshAnswer(parts, other.messages.slice(0, -1)));
    });

    it("that are short are not worth a file, nor is what an edit asked", async () => {
      await engine.prefill({ parts, snapshots: snapshots() });
      const short = new Talk(() => engine);
      await short.ask("short");
      await settled();
      await engine.generate(question("an edit ".repeat(100)));
      await new Talk(() => engine).ask("other");
      assert.equal(saved(), 1, "only the base");
    });
  });

  describe("compaction", () => {
    const old = files(8);
    const renewed = [...old.slice(0, 6), ...files(3, "renewed")];

    it("lets the old base answer until the new one is whole", async () => {
      await engine.prefill({ parts: old, snapshots: snapshots() });
      let asked: Promise<GenerateResult> | undefined;
      const compacted = await engine.prefill(
        { parts: renewed, snapshots: snapshots(), keepServing: true },
        {
          onProgress: ({ phase, doneTokens }) => {
            if (phase === "prefill" && doneTokens > 3300) asked ??= engine.generate(question("Q"));
          },
        },
      );
      const answer = await asked!;
      assert.equal(answer.baseTokens, answer.baseTotalTokens);
      assert.deepEqual(answer.tokens, await freshAnswer(old, question("Q").messages));
      assert.deepEqual([compacted.cancelled, compacted.notes], [false, []]);
      const after = await engine.generate(question("Q"));
      assert.deepEqual(after.tokens, await freshAnswer(renewed, question("Q").messages));
    });

    it("reads from the first difference on", async () => {
      await engine.prefill({ parts: old, snapshots: snapshots() });
      const { figures } = await engine.prefill({ parts: renewed, snapshots: snapshots(), keepServing: true });
      assert.ok(figures.reusedTokens > 2000, `${figures.reusedTokens} tokens`);
      assert.equal(figures.reusedTokens + figures.evaluatedTokens, figures.promptTokens);
    });

    it("that is interrupted leaves the old base", async () => {
      await engine.prefill({ parts: old, snapshots: snapshots() });
      const stop = new AbortController();
      const interrupted = await engine.prefill(
        { parts: renewed, snapshots: snapshots(), keepServing: true },
        {
          signal: stop.signal,
          onProgress: ({ doneTokens, phase }) => {
            if (phase === "prefill" && doneTokens > 3300) stop.abort();
          },
        },
      );
      assert.equal(interrupted.cancelled, true);
      const answer = await engine.generate(question("Q"));
      assert.equal(answer.baseTokens, answer.baseTotalTokens);
      assert.deepEqual(answer.tokens, await freshAnswer(old, question("Q").messages));
    });

    it("without a place for snapshots replaces the base at once", async () => {
      await engine.prefill({ parts: old });
      const stop = new AbortController();
      await engine.prefill(
        { parts: renewed, keepServing: true },
        { signal: stop.signal, onProgress: ({ phase }) => phase === "prefill" && stop.abort() },
      );
      const answer = await engine.generate(question("Q"));
      assert.ok(answer.baseTokens < answer.baseTotalTokens);
      assert.equal(existsSync(snapshots().dir), false);
    });
  });

  describe("partial saves", () => {
    it("lose at most what came after the last one", async () => {
      await engine.dispose();
      await start({ saveEveryTokens: 1000 });
      const parts = files(12);
      const stop = new AbortController();
      let savedTokens = 0;
      await engine.prefill(
        { parts, snapshots: snapshots() },
        {
          signal: stop.signal,
          onProgress: (progress) => {
            savedTokens = progress.savedTokens;
            if (progress.doneTokens > 4500) stop.abort();
          },
        },
      );
      assert.ok(savedTokens >= 3000, `${savedTokens} tokens`);
      assert.equal(saved(), 1, "an older partial one stayed");
      await engine.dispose();
      await start();
      const { figures, origin, restored } = await engine.prefill({ parts, snapshots: snapshots() });
      assert.deepEqual([origin, figures.reusedTokens, restored?.tokens], ["snapshot", savedTokens, savedTokens]);
      assert.equal(saved(), 1, "the partial one stayed beside the whole");
    });
  });

  it("takes back what was parked when a longer snapshot does not load and has spoilt the memory", async () => {
    const { saved: longest } = await engine.prefill({ parts: files(12), snapshots: snapshots() });
    await start();
    const inMemory = await engine.prefill({ parts: files(8) });
    let restores = 0;
    before = ({ kind }) => {
      if (kind !== "restore" || ++restores > 1) return;
      const infos = readdirSync(snapshots().dir).filter((name) => name.endsWith(".json"));
      const header = infos.find((name) => {
        return JSON.parse(readFileSync(join(snapshots().dir, name), "utf8")).tokens === longest?.tokens;
      })!;
      writeFileSync(join(snapshots().dir, header.replace(".json", ".state")), "no state");
    };
    const { origin, figures, notes } = await engine.prefill({ parts: files(12), snapshots: snapshots() });
    assert.equal(restores, 2);
    assert.deepEqual([origin, figures.reusedTokens], ["snapshot", inMemory.figures.promptTokens]);
    assert.match(notes.join(), /could not be loaded/);
  });

  describe("holding background work", () => {
    it("stops reading between two chunks but no question, and lets it go on", async () => {
      await engine.holdBackground(true);
      let done = false;
      const reading = engine.prefill({ parts: files(8) }).then((result) => {
        done = true;
        return result;
      });
      const answer = await engine.generate(question("Q"));
      for (let turn = 0; turn < 20; turn++) await settle();
      assert.deepEqual([answer.stopReason, done], ["maxTokens", false]);
      await engine.holdBackground(false);
      assert.equal((await reading).cancelled, false);
    });

    it("can be cancelled while it is held", async () => {
      await engine.holdBackground(true);
      const stop = new AbortController();
      const reading = engine.prefill({ parts: files(8) }, { signal: stop.signal });
      for (let turn = 0; turn < 5; turn++) await settle();
      stop.abort();
      assert.equal((await reading).cancelled, true);
    });
  });

  it("costs one note, not the work, when nothing can be saved", async () => {
    before = ({ kind }) => {
      if (kind === "save") throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    };
    const { notes, cancelled } = await engine.prefill({ parts: files(8), snapshots: snapshots() });
    assert.equal(cancelled, false);
    assert.equal(notes.length, 1);
    assert.match(notes[0]!, /could not be saved in .* \(the disk is full\)\. It stays in memory/);
    const talk = new Talk(() => engine);
    await talk.ask("a question ".repeat(60));
    await settled();
    await new Talk(() => engine).ask("other");
    assert.deepEqual((await engine.prefill({ parts: files(8), snapshots: snapshots() })).notes, []);
  });

  it("answers from base and conversation alone, whatever happened before", async () => {
    const layouts = [files(5), [...files(4), ...files(3, "b")], [...files(2), ...files(5, "c")]];
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("read" as const),
        layout: fc.nat(2),
        keepServing: fc.boolean(),
        stopAfter: fc.option(fc.nat(20)),
      }),
      fc.record({ kind: fc.constant("ask" as const), talk: fc.nat(2), long: fc.boolean() }),
      fc.record({ kind: fc.constant("settle" as const) }),
      fc.record({ kind: fc.constant("reload" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        folder.remove();
        await engine.dispose();
        await start({ saveEveryTokens: 700 });
        const talks = [new Talk(() => engine), new Talk(() => engine), new Talk(() => engine)];
        for (const one of steps) {
          if (one.kind === "read") {
            const stop = new AbortController();
            let reports = 0;
            const parts = layouts[one.layout]!;
            const keepServing = one.keepServing ? (true as const) : undefined;
            await engine.prefill(
              { parts, snapshots: snapshots(), keepServing },
              { signal: stop.signal, onProgress: () => ++reports === one.stopAfter && stop.abort() },
            );
          } else if (one.kind === "ask") {
            const text = one.long ? "long question ".repeat(30) : "Q";
            let seen: readonly number[] = [];
            before = ({ kind, sequence }) => {
              if (kind === "decode" && seen.length === 0) seen = sequence.tokens();
            };
            const { baseTokens, figures } = await talks[one.talk]!.ask(text);
            before = () => {};
            const textSeen = Buffer.from(seen.filter((token) => token < 256)).toString();
            assert.equal(seen.length, figures.promptTokens - 1);
            assert.ok(baseTokens <= figures.promptTokens);
            const own = talks[one.talk]!.messages.slice(1, -1).map(
              ({ content }) => (content[0] as { text: string }).text,
            );
            let at = 0;
            for (const words of own) {
              const found = textSeen.indexOf(words, at);
              assert.ok(found >= 0, `the prompt lacks ${JSON.stringify(words.slice(0, 40))}`);
              at = found + words.length;
            }
            const base = textSeen.slice(0, textSeen.indexOf(own[0]!));
            const isBeginning = layouts.some((parts) => {
              const whole = parts.map((part) => ("text" in part ? part.text : "")).join("");
              const files = base.slice(base.indexOf("// file"), base.lastIndexOf("x") + 1);
              return whole.startsWith(files);
            });
            assert.ok(isBeginning, "the base mixes two layouts");
          } else if (one.kind === "settle") {
            await settled();
          } else {
            await engine.load(loadOptions({ contextTokens: CONTEXT_TOKENS, chunkTokens: CHUNK, saveEveryTokens: 700 }));
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
