// Tests the engine across the process border: progress, cancelling, errors, crashes and restarts, from source.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { GenerateChunk, PrefillProgress } from "../../engine/src/api.ts";
import { type EngineCrash, EngineHost, MAX_CRASHES_IN_A_ROW } from "../../server/src/engineHost.ts";
import { isOfAnother } from "../../server/src/processMark.ts";
import {
  answerOf,
  completion,
  createTestEngine,
  difference,
  ENGINE_ENTRY,
  fails,
  loadOptions,
  question,
  sourceFiles,
} from "./harness.ts";

const CHUNK = 64;
const PARTS = sourceFiles(4);

/** Between two looks at whether a process has ended, milliseconds. */
const POLL_MS = 50;

describe("engine process", () => {
  let host: EngineHost;
  let crashes: EngineCrash[];
  let restarts: number;
  let log: string[];
  /** Called at each restart. */
  let onRestarted: () => void;
  /** Called after each line of the log. */
  let onLog: () => void;

  function createHost(entry = ENGINE_ENTRY): EngineHost {
    return new EngineHost({
      entry,
      log: (line) => {
        log.push(line);
        onLog();
      },
      onCrash: (crash) => crashes.push(crash),
      onRestarted: () => {
        restarts += 1;
        onRestarted();
      },
    });
  }

  beforeEach(() => {
    crashes = [];
    restarts = 0;
    log = [];
    onRestarted = () => {};
    onLog = () => {};
    host = createHost();
  });

  afterEach(() => host.dispose());

  const load = () => host.load(loadOptions({ chunkTokens: CHUNK }));
  const kill = () => process.kill(host.pid!, "SIGKILL");
  const restarted = () =>
    new Promise<void>((resolve) => {
      onRestarted = resolve;
    });

  describe("does the same as the engine in this process", () => {
    it("with progress of loading and reading, all of it before the result and in order", async () => {
      const shares: number[] = [];
      const info = await host.load(loadOptions({ chunkTokens: CHUNK }), { onProgress: (share) => shares.push(share) });
      assert.equal(info.architecture, "qwen35");
      assert.ok(shares.length > 0);
      assert.deepEqual(shares, shares.toSorted());
      const reports: PrefillProgress[] = [];
      const { figures } = await host.prefill({ parts: PARTS }, { onProgress: (progress) => reports.push(progress) });
      assert.deepEqual([...new Set(reports.map(({ phase }) => phase))], ["tokenize", "prefill"]);
      const read = reports.filter(({ phase }) => phase === "prefill");
      // One for each chunk; the last of them says that all is read.
      assert.equal(read.length, figures.chunks);
      for (const [index, { doneTokens, totalTokens, doneLabels, totalLabels }] of read.entries()) {
        assert.equal(doneTokens, Math.min((index + 1) * CHUNK, figures.promptTokens));
        assert.deepEqual([totalTokens, totalLabels], [figures.promptTokens, PARTS.length]);
        assert.ok(doneLabels >= (read[index - 1]?.doneLabels ?? 0));
      }
      const last = read.at(-1)!;
      assert.deepEqual([last.doneLabels, last.label], [PARTS.length, "src/file3.ts"]);
      assert.ok(last.tokensPerSecond > 0);
    });

    it("with the same tokens and log-probabilities, streamed in pieces that make up the text", async () => {
      const { engine } = createTestEngine();
      await engine.load(loadOptions({ chunkTokens: CHUNK }));
      await load();
      const chunks: GenerateChunk[] = [];
      const results = [];
      for (const side of [engine, host]) {
        await side.prefill({ parts: PARTS });
        chunks.length = 0;
        const hooks = { onChunk: (chunk: GenerateChunk) => chunks.push(chunk) };
        const result = await side.generate(question("What does value do?"), hooks);
        assert.ok(chunks.length > 1);
        assert.equal(chunks.map(({ text }) => text).join(""), result.text);
        results.push(result);
      }
      await engine.dispose();
      assert.equal(results[0]!.text, results[1]!.text);
      assert.equal(difference(answerOf(results[0]!), answerOf(results[1]!)), 0);
    });

    it("with counts of tokens, snapshots and the machine", async () => {
      await load();
      assert.deepEqual(await host.countTokens(["", "a", "return"]), [0, 1, 1]);
      assert.deepEqual(await host.listSnapshots(import.meta.dirname), []);
      const hardware = await host.hardware({ gpu: "cpu" });
      assert.ok(hardware.totalMemoryBytes > 0 && hardware.residentBytes > 0 && hardware.cores > 0);
      assert.equal(hardware.gpu, undefined);
      assert.match(hardware.runtime, /^node-llama-cpp \d/);
    });
  });

  describe("is cancelled", () => {
    it("while it reads, and goes on where it stopped", async () => {
      await load();
      const abort = new AbortController();
      const stopped = await host.prefill(
        { parts: PARTS },
        { signal: abort.signal, onProgress: ({ doneTokens }) => doneTokens >= 3 * CHUNK && abort.abort() },
      );
      assert.equal(stopped.cancelled, true);
      assert.ok(stopped.figures.evaluatedTokens >= 3 * CHUNK);
      assert.ok(stopped.figures.evaluatedTokens < stopped.figures.promptTokens);
      const { figures, cancelled } = await host.prefill({ parts: PARTS });
      assert.equal(cancelled, false);
      assert.equal(figures.reusedTokens, stopped.figures.evaluatedTokens);
      assert.equal(figures.evaluatedTokens, figures.promptTokens - figures.reusedTokens);
    });

    it("while it answers, and keeps what was said", async () => {
      await host.load(loadOptions({ chunkTokens: CHUNK, completionContextTokens: 2048 }));
      const whole = await host.generate(completion("const a = ", { maxTokens: 64 }));
      // So many that they are not said before the end is heard.
      const MANY = 1900;
      const abort = new AbortController();
      const cut = await host.generate(completion("const a = ", { maxTokens: MANY }), {
        signal: abort.signal,
        onChunk: () => abort.abort(),
      });
      assert.equal(cut.stopReason, "cancelled");
      assert.ok(cut.tokens.length > 0 && cut.tokens.length < MANY);
      assert.deepEqual(cut.tokens.slice(0, 64), whole.tokens.slice(0, cut.tokens.length));
    });

    it("before it begins", async () => {
      await load();
      const hooks = { signal: AbortSignal.abort() };
      const { cancelled } = await host.prefill({ parts: PARTS }, hooks);
      const { stopReason } = await host.generate(question("What?", { maxTokens: 400 }), hooks);
      assert.deepEqual([cancelled, stopReason], [true, "cancelled"]);
    });
  });

  it("sends errors with their code and sentence", async () => {
    await assert.rejects(host.countTokens(["a"]), fails("noModel", /^No model is loaded\./));
    await load();
    const long = question("word ".repeat(3000));
    await assert.rejects(host.generate(long), fails("promptTooLong", /tokens, but this context holds 2,047/));
    const grammar = completion("a", { grammar: "root ::= (" });
    await assert.rejects(host.generate(grammar), fails("badGrammar", /not valid GBNF/));
    const special = completion("a", { parts: [{ special: "<|nonsense|>" }] });
    await assert.rejects(host.generate(special), fails("backendFailed", /has no <\|nonsense\|> token/));
    const missing = host.inspect("missing.gguf");
    await assert.rejects(missing, fails("modelMissing", /missing\.gguf does not exist/));
    assert.equal((await host.generate(completion("const a = "))).stopReason, "maxTokens");
    assert.deepEqual(crashes, []);
  });

  describe("that is killed", () => {
    it("fails the running request, says so, starts again, and works after loading", async () => {
      await load();
      const { pid } = host;
      const again = restarted();
      const reading = host.prefill({ parts: PARTS }, { onProgress: ({ phase }) => phase === "prefill" && kill() });
      await assert.rejects(reading, fails("engineStopped", /The engine stopped while it was working/));
      assert.deepEqual(crashes, [{ reason: "SIGKILL", stage: "prefill", inARow: 1, restartInMs: 200 }]);
      assert.equal(restarts, 0);
      // A request that comes before the new process waits for it.
      await assert.rejects(host.generate(question("What?")), fails("noModel", /No model is loaded/));
      await again;
      assert.equal(restarts, 1);
      assert.notEqual(host.pid, pid);
      await load();
      assert.equal((await host.prefill({ parts: PARTS })).cancelled, false);
      assert.equal((await host.generate(question("What?"))).stopReason, "maxTokens");
      assert.equal(crashes.length, 1);
    });

    it("fails every request that is under way", async () => {
      await load();
      const requests = [
        host.prefill({ parts: PARTS }),
        host.generate(question("What?", { maxTokens: 400 })),
        host.generate(completion("const a = ", { maxTokens: 400 }), { onChunk: kill }),
      ];
      for (const result of await Promise.allSettled(requests)) {
        assert.equal(result.status, "rejected");
        assert.ok(fails("engineStopped", /stopped while it was working/)(result.reason));
      }
      assert.deepEqual(
        crashes.map(({ stage }) => stage),
        ["prefill"],
      );
    });

    it("while nothing runs starts again too", async () => {
      await load();
      const again = restarted();
      kill();
      await again;
      assert.deepEqual(crashes, [{ reason: "SIGKILL", stage: "idle", inARow: 1, restartInMs: 200 }]);
      await load();
    });

    it(`${MAX_CRASHES_IN_A_ROW} times at one stage stays off until it is restarted`, async () => {
      for (let crash = 1; crash <= MAX_CRASHES_IN_A_ROW; crash++) {
        const again = restarted();
        const loading = load();
        await started();
        kill();
        await assert.rejects(loading, fails("engineStopped", /stopped/));
        if (crash < MAX_CRASHES_IN_A_ROW) await again;
      }
      assert.deepEqual(
        crashes.map(({ inARow, restartInMs, stage }) => [stage, inARow, restartInMs]),
        [
          ["load", 1, 200],
          ["load", 2, 1000],
          ["load", 3, undefined],
        ],
      );
      const sentence = /^The engine stopped several times and stays off\. Restart it with Restart Engine/;
      await assert.rejects(load(), fails("engineStopped", sentence));
      await assert.rejects(host.countTokens([]), fails("engineStopped", sentence));
      assert.equal(host.pid, undefined);
      assert.equal(restarts, MAX_CRASHES_IN_A_ROW - 1);
      await host.restart();
      await load();
      assert.equal((await host.generate(completion("const a = "))).stopReason, "maxTokens");
    });

    it("at different stages does not add up, nor after the stage worked once", async () => {
      await load();
      const prefillUntilKilled = () =>
        assert.rejects(host.prefill({ parts: PARTS }, { onProgress: ({ phase }) => phase === "prefill" && kill() }));
      // Long enough that the kill comes before its end, however late the first piece is heard.
      const answer = question("What?", { maxTokens: 400 });
      const answerUntilKilled = () => assert.rejects(host.generate(answer, { onChunk: kill }));
      for (const [crash, last] of [
        [prefillUntilKilled, false],
        [answerUntilKilled, false],
        [prefillUntilKilled, false],
        [prefillUntilKilled, true],
      ] as const) {
        const again = restarted();
        // Reading works once before the last crash.
        if (last) await host.prefill({ parts: PARTS.slice(0, 1) });
        await crash();
        await again;
        await load();
      }
      assert.deepEqual(
        crashes.map(({ inARow }) => inARow),
        [1, 1, 1, 1],
      );
    });

    /** Waits until the process is there; a call starts it, but not at once. */
    async function started(): Promise<void> {
      while (host.pid === undefined) await sleep(1);
    }
  });

  it("is restarted on request without counting as a crash", async () => {
    await load();
    const { pid } = host;
    await host.restart();
    await assert.rejects(host.generate(question("What?")), fails("noModel", /No model/));
    assert.notEqual(host.pid, pid);
    assert.deepEqual([crashes, restarts], [[], 0]);
    await ended(pid!);
  });

  it("ends when it is disposed of in the middle of work, and does not come back", async () => {
    await load();
    const { pid } = host;
    let reading: Promise<void> | undefined;
    await new Promise<void>((resolve) => {
      const hooks = { onProgress: () => resolve() };
      reading = assert.rejects(host.prefill({ parts: PARTS }, hooks), fails("engineStopped", /stopped/));
    });
    await host.dispose();
    await reading;
    await ended(pid!);
    await assert.rejects(load(), fails("engineStopped", /^Fathom is shutting down\./));
    assert.deepEqual(crashes, []);
  });

  it("that cannot start is a crash with its reason in the log", async () => {
    host = createHost(`${import.meta.dirname}/missing.mjs`);
    // What a process wrote may be read after its end was told.
    const logged = new Promise<void>((resolve) => {
      onLog = () => {
        if (/Cannot find module/.test(log.join("\n"))) resolve();
      };
    });
    await assert.rejects(load(), fails("engineStopped", /stopped/));
    assert.equal(crashes[0]?.reason, "exit code 1");
    await logged;
  });

  it("ends with its owner, however that ends", async () => {
    const hostFile = JSON.stringify(pathToFileURL(`${import.meta.dirname}/../../server/src/engineHost.ts`).href);
    const owner = spawn(process.execPath, ["--no-warnings", "--input-type=module"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    owner.stdin.end(`
      import { EngineHost } from ${hostFile};
      const host = new EngineHost({
        entry: ${JSON.stringify(ENGINE_ENTRY)}, log: () => {}, onCrash: () => {}, onRestarted: () => {},
      });
      await host.load(${JSON.stringify(loadOptions())});
      console.log(host.pid);
      await host.generate(${JSON.stringify(completion("a", { maxTokens: 400 }))});
    `);
    const [output] = (await once(owner.stdout, "data")) as [Buffer];
    const enginePid = Number(output.toString());
    assert.ok(isOfAnother(String(enginePid)));
    owner.kill("SIGKILL");
    await ended(enginePid);
  });
});

/** Waits for a process to end; the test's time limit is the limit. */
async function ended(pid: number): Promise<void> {
  while (isOfAnother(String(pid))) await sleep(POLL_MS);
}
