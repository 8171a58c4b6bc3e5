// Tests the engine on a runtime without a model: who owns the context when requests meet, and what every result says.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Engine,
  EngineError,
  type LoadOptions,
  type PrefillProgress,
  type PrefillResult,
  type PromptPart,
} from "../../../engine/src/api.ts";
import { MIN_SPACING_TOKENS } from "../../../engine/src/checkpoints.ts";
import { createEngine } from "../../../engine/src/engine.ts";
import { createFakeBackend, type FakeBackend, type FakeOptions } from "../../fakes/fakeBackend.ts";
import { completion, fails, loadOptions, question, settle, temporaryFolder } from "../../model/harness.ts";

const CHUNK = 100;

function files(count: number, name = "file"): PromptPart[] {
  return Array.from({ length: count }, (_, index) => {
    return { text: `// ${name} ${index}\n`.padEnd(250, "x"), label: `${name}${index}` };
  });
}

/** Plenty for everything these tests save. */
function snapshotsIn(dir: string) {
  return { dir, quotaBytes: 1e12 };
}

describe("engine", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let engine: Engine;
  let fake: FakeBackend;
  let before: NonNullable<FakeOptions["before"]>;

  async function start(options: FakeOptions = {}, load: Partial<LoadOptions> = {}): Promise<void> {
    fake = createFakeBackend({ before: (operation) => before(operation), ...options });
    engine = createEngine({ backend: fake, visionEntry: "" });
    await engine.load(loadOptions({ contextTokens: 40_000, chunkTokens: CHUNK, ...load }));
  }

  beforeEach(async () => {
    folder = temporaryFolder("engine");
    before = () => {};
    await start();
  });

  afterEach(async () => {
    await engine.dispose();
    folder.remove();
  });

  const long = () => fake.sequences[0]!;
  const ask = (text: string) => engine.generate(question(text));

  /** Answers must come from the base and the question alone, whatever happened before. */
  async function assertAnswersAsFresh(parts: PromptPart[]): Promise<void> {
    const answer = await ask("Q");
    await engine.load(loadOptions({ contextTokens: 40_000, chunkTokens: CHUNK }));
    await engine.prefill({ parts });
    assert.deepEqual(answer.tokens, (await ask("Q")).tokens);
  }

  describe("reading", () => {
    it("reports files and tokens as they are done", async () => {
      const reports: PrefillProgress[] = [];
      const { figures } = await engine.prefill({ parts: files(4) }, { onProgress: (report) => reports.push(report) });
      assert.equal(reports[0]?.phase, "tokenize");
      const read = reports.slice(1);
      assert.ok(read.every(({ phase, totalTokens }) => phase === "prefill" && totalTokens === figures.promptTokens));
      assert.deepEqual(
        read.map(({ doneTokens }) => doneTokens),
        [...Array.from({ length: 10 }, (_, index) => (index + 1) * CHUNK), figures.promptTokens],
      );
      assert.deepEqual([...new Set(read.map(({ label }) => label))], ["file0", "file1", "file2", "file3"]);
      assert.equal(read.at(-1)?.doneLabels, 4);
    });

    it("takes checkpoints on a grid, at ends of files, and one at the end", async () => {
      const { figures } = await engine.prefill({ parts: files(140) });
      const head = figures.promptTokens - 140 * 250;
      const inside = long().checkpoints.filter((at) => at < figures.promptTokens);
      assert.deepEqual(long().checkpoints, [...inside, figures.promptTokens]);
      assert.equal(inside.length, Math.floor(figures.promptTokens / (MIN_SPACING_TOKENS + 250)));
      for (const [index, at] of inside.entries()) {
        assert.equal((at - head) % 250, 0, `a checkpoint inside a file, at ${at}`);
        assert.ok(at - (inside[index - 1] ?? 0) >= MIN_SPACING_TOKENS);
      }
    });

    it("takes no grid where the quota has no room, but the end", async () => {
      await start({ checkpointBytes: 116_736 }, { checkpointBytes: 0 });
      const { figures } = await engine.prefill({ parts: files(140) });
      assert.deepEqual(long().checkpoints, [figures.promptTokens]);
    });

    it("keeps what stands before a change", async () => {
      const parts = files(80);
      await engine.prefill({ parts });
      const { evaluated } = long();
      const changed = [...parts.slice(0, 60), ...files(20, "changed")];
      const { figures } = await engine.prefill({ parts: changed });
      assert.ok(figures.reusedTokens >= MIN_SPACING_TOKENS);
      assert.equal(long().evaluated - evaluated, figures.promptTokens - figures.reusedTokens);
      await assertAnswersAsFresh(changed);
    });

    it("refuses what does not fit, and keeps the base that is there", async () => {
      await engine.prefill({ parts: files(4) });
      const tooLong = engine.prefill({ parts: files(170) });
      await assert.rejects(tooLong, fails("promptTooLong", /42,\d{3} tokens, but this context holds 39,999/));
      const { baseTokens, baseTotalTokens } = await ask("Q");
      assert.deepEqual([baseTokens, baseTotalTokens], [1008, 1008]);
      await assertAnswersAsFresh(files(4));
    });

    it("reads an empty base, and answers without one", async () => {
      const first = await ask("Q");
      const { figures, cancelled } = await engine.prefill({ parts: [] });
      assert.deepEqual([cancelled, figures.promptTokens], [false, first.baseTokens]);
      assert.deepEqual((await ask("Q")).tokens, first.tokens);
    });

    it("says nothing is left when it fails, and goes on from there", async () => {
      let chunks = 0;
      before = ({ kind }) => {
        if (kind === "evaluate" && ++chunks === 3) throw new Error("device lost");
      };
      await assert.rejects(engine.prefill({ parts: files(4) }), /device lost/);
      const { figures } = await engine.prefill({ parts: files(4) });
      assert.equal(figures.reusedTokens, 2 * CHUNK);
      await assertAnswersAsFresh(files(4));
    });
  });

  describe("when readings meet", () => {
    it("lets the newest win, at any moment of the older one", async () => {
      for (const phase of ["tokenize", "prefill"] as const) {
        let newest: Promise<PrefillResult> | undefined;
        const older = engine.prefill(
          { parts: files(6) },
          {
            onProgress: (report) => {
              if (report.phase === phase) newest ??= engine.prefill({ parts: files(6, phase) });
            },
          },
        );
        assert.equal((await older).cancelled, true);
        assert.equal((await newest)!.cancelled, false);
        await assertAnswersAsFresh(files(6, phase));
      }
    });

    it("lets an older one that is about to be saved neither take tokens from the newer one nor save it", async () => {
      const snapshotDir = join(folder.path, "snapshots");
      // Without labels it is encoded at once, so it has the context before the older one's folder is made.
      const unlabelled = files(12, "newer").map((part) => ("text" in part ? { text: part.text } : part));
      let newer: Promise<PrefillResult> | undefined;
      let evaluated = 0;
      const older = engine.prefill(
        { parts: files(12), snapshots: snapshotsIn(snapshotDir) },
        {
          onProgress: ({ phase }) => {
            if (phase !== "save" || newer !== undefined) return;
            evaluated = long().evaluated;
            newer = engine.prefill({ parts: unlabelled, snapshots: snapshotsIn(snapshotDir) });
          },
        },
      );
      await older;
      const { figures } = await newer!;
      assert.equal(long().evaluated - evaluated, figures.evaluatedTokens, "something was evaluated twice");
      for (const name of readdirSync(snapshotDir)) {
        if (!name.endsWith(".state")) continue;
        const { length } = JSON.parse(readFileSync(join(snapshotDir, name), "utf8")) as number[];
        assert.equal(length, figures.promptTokens, "a beginning was saved as the whole");
      }
      await assertAnswersAsFresh(unlabelled);
    });
  });

  describe("snapshots", () => {
    const parts = files(12);

    it("are saved at the end, and restored when the context is empty", async () => {
      const snapshotDir = join(folder.path, "snapshots");
      const phases: string[] = [];
      const first = await engine.prefill(
        { parts, snapshots: snapshotsIn(snapshotDir) },
        { onProgress: ({ phase }) => phases.push(phase) },
      );
      assert.deepEqual([...new Set(phases)], ["tokenize", "prefill", "save"]);
      assert.ok(first.saved);
      const { tokens } = await ask("Q");
      await engine.load(loadOptions({ contextTokens: 40_000, chunkTokens: CHUNK }));
      const second = await engine.prefill({ parts, snapshots: snapshotsIn(snapshotDir) });
      assert.deepEqual([second.origin, long().evaluated, second.saved], ["snapshot", 0, undefined]);
      assert.equal(second.layoutHash, first.layoutHash);
      assert.deepEqual((await ask("Q")).tokens, tokens);
    });

    it("are saved from the base alone, though a question came in between", async () => {
      const snapshotDir = join(folder.path, "snapshots");
      let asked: Promise<unknown> | undefined;
      await engine.prefill(
        { parts, snapshots: snapshotsIn(snapshotDir) },
        {
          onProgress: ({ phase }) => {
            if (phase === "save") asked ??= ask("in between");
          },
        },
      );
      await asked;
      await engine.load(loadOptions({ contextTokens: 40_000, chunkTokens: CHUNK }));
      assert.equal((await engine.prefill({ parts, snapshots: snapshotsIn(snapshotDir) })).origin, "snapshot");
      await assertAnswersAsFresh(parts);
    });

    it("that no runtime can load do not spoil what is in memory", async () => {
      const snapshotDir = join(folder.path, "snapshots");
      await engine.prefill({ parts, snapshots: snapshotsIn(snapshotDir) });
      await engine.load(loadOptions({ contextTokens: 40_000, chunkTokens: CHUNK }));
      await engine.prefill({ parts: parts.slice(0, 4) });
      before = ({ kind, sequence }) => {
        // What is there is gone before the new state turns out to be bad.
        if (kind === "restore")
          for (const name of readdirSync(snapshotDir)) writeFileSync(join(snapshotDir, name), "{");
        assert.ok(sequence);
      };
      const { origin, notes } = await engine.prefill({ parts, snapshots: snapshotsIn(snapshotDir) });
      assert.equal(origin, "computed");
      assert.match(notes.join(), /could not be loaded/);
      await assertAnswersAsFresh(parts);
    });

    it("that cannot be written cost a note, not the base", async () => {
      const snapshotDir = join(folder.path, "snapshots");
      before = ({ kind }) => {
        if (kind === "save") throw new Error("disk full");
      };
      const { cancelled, notes, saved } = await engine.prefill({ parts, snapshots: snapshotsIn(snapshotDir) });
      assert.deepEqual([cancelled, saved], [false, undefined]);
      assert.match(notes.join(), /could not be saved in .*snapshots \(disk full\)\. It stays in memory/);
      assert.deepEqual(readdirSync(snapshotDir), []);
      await assertAnswersAsFresh(parts);
    });
  });

  describe("answers", () => {
    it("say what they had read, and what they cost", async () => {
      await engine.prefill({ parts: files(4) });
      const { figures, baseTokens, baseTotalTokens, tokens } = await ask("Q");
      assert.deepEqual([baseTokens, baseTotalTokens], [1008, 1008]);
      assert.equal(figures.reusedTokens, 1008);
      assert.equal(figures.evaluatedTokens, figures.promptTokens - 1008);
      assert.equal(long().evaluated, figures.promptTokens + tokens.length - 1);
    });

    it("that are cancelled before they begin count nothing as evaluated", async () => {
      const { evaluated } = long();
      const cancelled = await engine.generate(question("Q"), { signal: AbortSignal.abort() });
      assert.deepEqual([cancelled.stopReason, cancelled.figures.evaluatedTokens], ["cancelled", 0]);
      assert.equal(long().evaluated, evaluated);
    });

    it("count what the runtime evaluated when there is no room for a token", async () => {
      const { figures } = await engine.generate(completion("a".repeat(506), { maxTokens: 4 }));
      assert.equal(fake.sequences[1]!.evaluated, figures.evaluatedTokens);
    });

    it("come in the order of the questions, while completions come in between", async () => {
      const order: string[] = [];
      let asked = false;
      before = async ({ sequence, kind }) => {
        if (kind === "decode") order.push(sequence === long() ? "chat" : "completion");
        if (asked || kind !== "decode") return;
        asked = true;
        void engine.generate(completion("a", { maxTokens: 3 }));
        await settle();
      };
      await engine.generate(question("Q", { maxTokens: 5 }));
      assert.deepEqual(order, ["chat", "completion", "completion", "completion", "chat", "chat", "chat", "chat"]);
    });
  });

  describe("without a model", () => {
    beforeEach(() => engine.unload());

    const calls: [name: string, call: (engine: Engine) => Promise<unknown>][] = [
      ["prefill", (engine) => engine.prefill({ parts: [] })],
      ["chat", (engine) => engine.generate(question("Q"))],
      ["completion", (engine) => engine.generate(completion("a"))],
      ["countTokens", (engine) => engine.countTokens(["a"])],
    ];
    for (const [name, call] of calls) {
      it(`rejects ${name}, and throws nothing`, async () => {
        // A thrown error would not reach those who wait for the promise, e.g. across the process border.
        let promise: Promise<unknown> | undefined;
        assert.doesNotThrow(() => {
          promise = call(engine);
        });
        await assert.rejects(promise!, fails("noModel", /^No model is loaded\. Choose or download one/));
      });
    }

    it("still lists snapshots and measures the machine", async () => {
      assert.deepEqual(await engine.listSnapshots(folder.path), []);
      assert.equal((await engine.hardware({ gpu: "cpu" })).runtime, "fake 1");
    });
  });

  describe("loading", () => {
    it("releases the model before, and everything at the end", async () => {
      await engine.load(loadOptions());
      assert.equal(fake.openModels, 1);
      await engine.dispose();
      assert.equal(fake.openModels, 0);
    });

    it("twice at once leaves one model", async () => {
      await Promise.all([engine.load(loadOptions()), engine.load(loadOptions())]);
      assert.equal(fake.openModels, 1);
    });

    it("releases the model when its contexts cannot be made, and works afterwards", async () => {
      await engine.dispose();
      const create = createFakeBackend();
      let fits = false;
      const backend = {
        ...create,
        load: async (options: Parameters<typeof create.load>[0]) => {
          const model = await create.load(options);
          const outOfMemory = () => Promise.reject(new EngineError("outOfMemory", "A context could not be created."));
          return fits ? model : { ...model, createSequence: outOfMemory };
        },
      };
      engine = createEngine({ backend, visionEntry: "" });
      await assert.rejects(engine.load(loadOptions()), fails("outOfMemory", /could not be created/));
      assert.equal(create.openModels, 0);
      fits = true;
      await engine.load(loadOptions());
      assert.equal((await ask("Q")).stopReason, "maxTokens");
    });

    it("reports a cancelled load by the signal's reason, and keeps nothing", async () => {
      const load = engine.load(loadOptions(), { signal: AbortSignal.abort() });
      await assert.rejects(load, { name: "AbortError" });
      assert.equal(fake.openModels, 0);
    });
  });
});
