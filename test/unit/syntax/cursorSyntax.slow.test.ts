// Tests that a question about a cursor is answered or given up in time, whatever the parsing thread does.
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { type CursorSyntaxOptions, CursorSyntaxService } from "../../../server/src/syntax/cursorSyntax.ts";
import { withTree } from "../codebase/tempTree.ts";
import { GRAMMAR_DIR } from "./samples.ts";

const WORKER = fileURLToPath(new URL("../../../server/src/syntax/syntaxWorker.ts", import.meta.url));

/** A thread that does what a text says; else it answers with the text, and as errors with the number of its thread. */
const OBEDIENT = `
import { parentPort, threadId } from "node:worker_threads";
parentPort.on("message", ({ text, candidates }) => {
  if (text === "hang") for (;;);
  if (text === "die") throw new Error("died");
  if (text === "late") return parentPort.postMessage({ late: true });
  if (text === "unusable") return parentPort.postMessage({ unusable: "no grammar" });
  const answer = () => parentPort.postMessage(candidates ? { errors: [threadId] } : { facts: text });
  if (text.startsWith("slow")) setTimeout(answer, 300);
  else answer();
});
parentPort.postMessage({ ready: true });
`;
/** Longer than a busy machine needs for a message. */
const PATIENT = { answerMs: 60_000, hangMs: 1500 };

describe("CursorSyntaxService", () => {
  it("answers in one thread, and starts it when it is asked", () =>
    withObedient(PATIENT, async ({ facts, service, threads }) => {
      assert.equal(threads.length, 0);
      assert.equal(await facts("a"), "a");
      assert.equal(await facts("b"), "b");
      assert.equal((await service.errorsAdded("a.ts", "", 0, ["x"]))?.length, 1);
      assert.equal(threads.length, 1);
    }));

  it("leaves out what a newer question makes useless, of each kind", () =>
    withObedient(PATIENT, async ({ facts, service }) => {
      const errors = service.errorsAdded("a.ts", "slow", 0, ["x"]);
      const all = ["1", "2", "3", "4"].map(facts);
      const replaced = service.errorsAdded("a.ts", "", 0, ["x"]);
      const last = service.errorsAdded("a.ts", "", 0, ["x"]);
      assert.deepEqual(await Promise.all(all), [undefined, undefined, undefined, "4"]);
      assert.equal((await errors)?.length, 1);
      assert.equal(await replaced, undefined);
      assert.equal((await last)?.length, 1);
    }));

  for (const [what, text] of [
    ["hangs", "hang"],
    ["ends", "die"],
  ] as const) {
    it(`replaces a thread that ${what}, and leaves the file alone for a while`, () =>
      withObedient(PATIENT, async ({ service, facts, threads }) => {
        assert.equal(await service.factsAt("bad.ts", text, 0), undefined);
        assert.equal(await facts("next"), "next");
        assert.equal(threads.length, 2);
        assert.equal(await service.factsAt("bad.ts", "fine again", 0), undefined);
        assert.equal(threads.length, 2);
      }));
  }

  it("tries a file that took too long again after its rest", () =>
    withObedient({ ...PATIENT, restMs: 0 }, async ({ service }) => {
      assert.equal(await service.factsAt("a.ts", "late", 0), undefined);
      assert.equal(await service.factsAt("a.ts", "fine", 0), "fine");
    }));

  it("leaves a file that took too long alone, and no other", () =>
    withObedient(PATIENT, async ({ service }) => {
      assert.equal(await service.factsAt("a.ts", "late", 0), undefined);
      assert.equal(await service.factsAt("a.ts", "fine", 0), undefined);
      assert.equal(await service.factsAt("b.ts", "fine", 0), "fine");
    }));

  it("waits no longer than its limit, and lets the thread finish for the next question", () =>
    withObedient({ ...PATIENT, answerMs: 1 }, async ({ service, threads }) => {
      assert.equal(await service.factsAt("a.ts", "slow", 0), undefined);
      assert.equal(threads.length, 1);
    }));

  it("says once that a grammar is missing, and goes on with the others", () =>
    withObedient(PATIENT, async ({ service, troubles }) => {
      assert.equal(await service.factsAt("a.ts", "unusable", 0), undefined);
      assert.equal(await service.factsAt("b.ts", "unusable", 0), undefined);
      assert.equal(await service.factsAt("c.py", "unusable", 0), undefined);
      assert.equal(await service.factsAt("d.go", "fine", 0), "fine");
      assert.deepEqual(troubles, [
        "Suggestions go on without the parser (no grammar). Install Fathom again to have it back.",
      ]);
    }));

  it("asks no thread about a language without a grammar or a text of megabytes", () =>
    withObedient(PATIENT, async ({ service, threads }) => {
      assert.equal(await service.factsAt("a.kt", "x", 0), undefined);
      assert.equal(await service.factsAt("a.ts", "x".repeat(3 * 1024 * 1024), 0), undefined);
      assert.equal(threads.length, 0);
    }));

  it("gives up at once what is aborted", () =>
    withObedient(PATIENT, async ({ service, facts, threads }) => {
      const controller = new AbortController();
      const started = once(process, "worker");
      const call = service.factsAt("bad.ts", "hang", 0, controller.signal);
      await started;
      controller.abort();
      assert.equal(await call, undefined);
      assert.equal(await service.factsAt("a.ts", "x", 0, controller.signal), undefined);
      assert.equal(await facts("x"), "x");
      assert.equal(threads.length, 2);
    }));

  it("answers what is under way when it is disposed of, and asks no more", () =>
    withObedient(PATIENT, async ({ service, threads }) => {
      const started = once(process, "worker");
      const calls = [service.factsAt("a.ts", "hang", 0), service.errorsAdded("a.ts", "x", 0, [])];
      const [worker] = (await started) as [Worker];
      const exit = once(worker, "exit");
      await service.dispose();
      assert.deepEqual(await Promise.all(calls), [undefined, undefined]);
      await exit;
      assert.equal(await service.factsAt("a.ts", "x", 0), undefined);
      assert.equal(threads.length, 1);
    }));

  it("ends the thread when nobody asks, and starts another one when somebody does", () =>
    withObedient({ ...PATIENT, idleMs: 1 }, async ({ facts, threads }) => {
      assert.equal(await facts("a"), "a");
      await once(threads[0]!, "exit");
      assert.equal(await facts("b"), "b");
      assert.equal(threads.length, 2);
    }));

  it("says so where the thread cannot start", async () => {
    const troubles: string[] = [];
    const service = new CursorSyntaxService({
      workerEntry: join(GRAMMAR_DIR, "no-such-file.mjs"),
      grammarDir: GRAMMAR_DIR,
      onTrouble: (message) => troubles.push(message),
      limits: PATIENT,
    });
    assert.equal(await service.factsAt("a.ts", "", 0), undefined);
    assert.equal(troubles.length, 1);
    assert.match(troubles[0]!, /^Suggestions go on without the parser \(the parsing thread could not start: .+\)\./);
    await service.dispose();
  });
});

describe("CursorSyntaxService with the real thread", () => {
  it("follows a text that is typed, and ranks by errors", async () => {
    const service = new CursorSyntaxService({
      workerEntry: WORKER,
      grammarDir: GRAMMAR_DIR,
      onTrouble: assert.fail,
      limits: PATIENT,
    });
    const typed = "function f() {\n  run(a, ";
    const inArguments: number[] = [];
    for (let end = 1; end <= typed.length; end++) {
      const facts = await service.factsAt("a.ts", `${typed.slice(0, end)}\n}\n`, end);
      if (facts?.inArguments) inArguments.push(end);
    }
    assert.deepEqual(inArguments, [11, 21, 22, 23, 24]);
    const errors = await service.errorsAdded("a.ts", `${typed}\n}\n`, typed.length, ["b);", "b"]);
    assert.ok(errors![0]! < errors![1]!);
    await service.dispose();
  });
});

interface Obedient {
  service: CursorSyntaxService;
  /** What the thread says to a text, in a file that is fine. */
  facts: (text: string) => Promise<unknown>;
  threads: Worker[];
  troubles: string[];
}

async function withObedient(
  limits: CursorSyntaxOptions["limits"],
  run: (obedient: Obedient) => Promise<void>,
): Promise<void> {
  await withTree({ "obedient.mjs": OBEDIENT }, async (root) => {
    const threads: Worker[] = [];
    const troubles: string[] = [];
    const onWorker = (worker: Worker) => threads.push(worker);
    process.on("worker", onWorker);
    const service = new CursorSyntaxService({
      workerEntry: join(root, "obedient.mjs"),
      grammarDir: GRAMMAR_DIR,
      onTrouble: (message) => troubles.push(message),
      limits,
    });
    try {
      await run({ service, facts: (text) => service.factsAt("fine.ts", text, 0), threads, troubles });
    } finally {
      process.off("worker", onWorker);
      await service.dispose();
    }
  });
}
