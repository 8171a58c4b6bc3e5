// Tests that the parsing thread answers for every file, whatever a file does to it, and that it ends when it should.
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import type { FileSyntax } from "../../../server/src/syntax/fileSyntax.ts";
import { SyntaxService, type SyntaxServiceOptions } from "../../../server/src/syntax/syntaxService.ts";
import { withTree } from "../codebase/tempTree.ts";
import { GRAMMAR_DIR } from "./samples.ts";

const WORKER = fileURLToPath(new URL("../../../server/src/syntax/syntaxWorker.ts", import.meta.url));

/** A thread that does what a file's text says; else its outline is the path, and its one definition names the thread. */
const OBEDIENT = `
import { parentPort, threadId } from "node:worker_threads";
parentPort.on("message", ({ files }) => {
  for (const { path, text } of files) {
    if (text === "hang") for (;;);
    if (text === "die") throw new Error("died");
    if (text === "exit") process.exit(0);
    parentPort.postMessage(text === "fail" ? { failed: "no grammar" } : {
      syntax: { outline: path, definitions: [String(threadId)], references: [], imports: [] },
    });
  }
});
parentPort.postMessage({ ready: true });
`;
/** Shorter than a test may take, longer than a busy machine needs for a message. */
const HANGS_AFTER_MS = 1500;

describe("SyntaxService", () => {
  it("answers for each file in its order, over several batches, in one thread", () =>
    withObedient(async ({ analyse, threads }) => {
      const paths = Array.from({ length: 150 }, (_, index) => `f${index}`);
      const found = await analyse(paths.map((path) => ({ path, text: "" })));
      assert.deepEqual(outlines(found), paths);
      assert.deepEqual(await analyse([]), []);
      assert.equal(threads.length, 1);
    }));

  it("gives several callers their own files", () =>
    withObedient(async ({ analyse }) => {
      const paths = (name: string) => Array.from({ length: 100 }, (_, index) => `${name}${index}`);
      const all = ["a", "b", "c"].map((name) => analyse(paths(name).map((path) => ({ path, text: "" }))));
      assert.deepEqual((await Promise.all(all)).map(outlines), [paths("a"), paths("b"), paths("c")]);
    }));

  it("uses a second thread only while the first is busy", () =>
    withObedient(
      async ({ analyse, threads }) => {
        await analyse([{ path: "a", text: "" }]);
        await analyse([{ path: "b", text: "" }]);
        assert.equal(threads.length, 1);
        const found = await Promise.all(["c", "d", "e", "f"].map((path) => analyse([{ path, text: "" }])));
        assert.deepEqual(found.map(outlines), [["c"], ["d"], ["e"], ["f"]]);
        const used = found.map(([syntax]) => syntax!.definitions[0]);
        assert.deepEqual([used[0] === used[2], used[1] === used[3], used[0] === used[1]], [true, true, false]);
        assert.equal(threads.length, 2);
      },
      { threads: 2 },
    ));

  it("answers beside a thread that hangs", () =>
    withObedient(
      async ({ analyse, threads }) => {
        const hanging = analyse([{ path: "a", text: "hang" }]);
        assert.deepEqual(outlines(await analyse([{ path: "b", text: "" }])), ["b"]);
        assert.deepEqual(outlines(await hanging), [""]);
        assert.equal(threads.length, 2);
      },
      { threads: 2 },
    ));

  for (const [what, text] of [
    ["hangs", "hang"],
    ["throws", "die"],
    ["ends the thread", "exit"],
  ] as const) {
    it(`gives an empty syntax for a file that ${what}, and goes on in a new thread`, () =>
      withObedient(async ({ analyse, threads }) => {
        const found = await analyse(["", text, "", "", text].map((each, index) => ({ path: `f${index}`, text: each })));
        assert.deepEqual(outlines(found), ["f0", "", "f2", "f3", ""]);
        const isUnfinished = found.map(({ unfinished }) => unfinished);
        assert.deepEqual(isUnfinished, [undefined, true, undefined, undefined, true]);
        assert.deepEqual(outlines(await analyse([{ path: "next", text: "" }])), ["next"]);
        assert.equal(threads.length, 3);
      }));
  }

  it("does not hand a file of megabytes to the thread", () =>
    withObedient(async ({ analyse }) => {
      const large = { path: "large", text: "x".repeat(5 * 1024 * 1024) };
      assert.deepEqual(outlines(await analyse([large, { path: "a", text: "" }, large])), ["", "a", ""]);
      const [alone] = await analyse([large]);
      // It would be as long at another time.
      assert.deepEqual([alone?.outline, alone?.unfinished], ["", undefined]);
    }));

  it("says that the installation is broken where a grammar is missing, and works again afterwards", () =>
    withObedient(async ({ analyse }) => {
      await assert.rejects(analyse([{ path: "a", text: "fail" }]), /could not be parsed: no grammar\. Install Fathom/);
      assert.deepEqual(outlines(await analyse([{ path: "a", text: "" }])), ["a"]);
    }));

  it("says so where the thread cannot start", async () => {
    const service = new SyntaxService({ workerEntry: join(GRAMMAR_DIR, "no-such-file.mjs"), grammarDir: GRAMMAR_DIR });
    await assert.rejects(service.analyse([{ path: "a.ts", text: "" }]), /could not start: .+ Install Fathom again\.$/);
    await service.dispose();
  });

  it("ends a call that is aborted at once, and serves the next one", () =>
    withObedient(async ({ analyse, threads }) => {
      const controller = new AbortController();
      const started = once(process, "worker");
      const call = analyse([{ path: "a", text: "hang" }], controller.signal);
      await started;
      controller.abort(new Error("enough"));
      await assert.rejects(call, /enough/);
      await assert.rejects(analyse([{ path: "b", text: "" }], controller.signal), /enough/);
      assert.deepEqual(outlines(await analyse([{ path: "c", text: "" }])), ["c"]);
      assert.equal(threads.length, 2);
    }));

  it("rejects what is under way when it is disposed of, and ends the thread, even one that starts just then", () =>
    withObedient(async ({ service, analyse, threads }) => {
      const started = once(process, "worker");
      const calls = [analyse([{ path: "a", text: "" }]), analyse([{ path: "b", text: "" }])];
      const ended = calls.map((call) => assert.rejects(call, { name: "AbortError" }));
      const [worker] = (await started) as [Worker];
      const exit = once(worker, "exit");
      await service.dispose();
      await Promise.all([...ended, exit]);
      await assert.rejects(analyse([{ path: "c", text: "" }]), { name: "AbortError" });
      assert.equal(threads.length, 1);
    }));

  it("ends the thread when it is idle and starts another one when it is needed", () =>
    withObedient(
      async ({ analyse, threads }) => {
        const [first] = await analyse([{ path: "a", text: "" }]);
        await once(threads[0]!, "exit");
        const [second] = await analyse([{ path: "b", text: "" }]);
        assert.notEqual(first!.definitions[0], second!.definitions[0]);
      },
      { idleMs: 1 },
    ));
});

describe("SyntaxService with the real thread", () => {
  const service = new SyntaxService({ workerEntry: WORKER, grammarDir: GRAMMAR_DIR });
  after(() => service.dispose());

  it("takes several languages, files without rules and empty files", async () => {
    const paths = ["a.ts", "b.py", "c.unknown", "d.md", "Makefile", "e.go"];
    const texts = ["export const a = 1;", "def b(): pass", "x", "# D", "all:", ""];
    const found = await service.analyse(paths.map((path, index) => ({ path, text: texts[index]! })));
    assert.deepEqual(outlines(found), ["export const a = 1", "def b()", "", "# D", "", ""]);
  });

  it("gives what can be recognised of broken syntax", async () => {
    const text =
      "export class A {\n  run(x) { return x +; }\n  stop() {}\n}\n<<<<<<< HEAD\nexport function after() {}\n";
    const [found] = await service.analyse([{ path: "a.ts", text }]);
    assert.equal(found!.outline, "export class A\n  run(x)\n  stop()\nfunction after()");
    assert.deepEqual(found!.definitions, ["A", "after", "run", "stop"]);
    assert.ok(!found!.references.includes(""));
    const noise = Array.from({ length: 500 }, (_, index) => String.fromCodePoint(1 + ((index * 7919) % 0xd000))).join(
      "",
    );
    const all = ["ts", "py", "rs", "cpp", "rb", "php", "css", "json", "sh", "ini"].map((end) => `a.${end}`);
    assert.equal((await service.analyse(all.map((path) => ({ path, text: noise })))).length, all.length);
  });

  it("goes on in a new thread after a file over which the analysis itself fails", async () => {
    const wrong = { path: undefined as unknown as string, text: "x" };
    const good = { path: "a.ts", text: "export let a = 1;" };
    assert.deepEqual(outlines(await service.analyse([good, wrong, good])), [
      "export let a = 1",
      "",
      "export let a = 1",
    ]);
  });

  it("says which grammar is missing", async () => {
    const broken = new SyntaxService({ workerEntry: WORKER, grammarDir: "/no/such/folder" });
    await assert.rejects(
      broken.analyse([{ path: "a.ts", text: "" }]),
      /tree-sitter-typescript\.wasm.* Install Fathom again\.$/,
    );
    await broken.dispose();
  });

  it("says that it has not finished a file that takes longer than its limit, and goes on in the same thread", async () => {
    // Finding names takes time that grows with the square of the nesting.
    const found = await service.analyse([
      { path: "a.ts", text: "(".repeat(200_000) },
      { path: "b.ts", text: "export let b = 1;" },
    ]);
    assert.deepEqual(outlines(found), ["", "export let b = 1"]);
    assert.deepEqual([found[0]?.unfinished, found[1]?.unfinished], [true, undefined]);
  });

  it("answers for files that are nested deeper than any person writes", async () => {
    const files = ["ts", "py", "json", "cpp", "md"].flatMap((end) =>
      [
        "(".repeat(2000),
        "{".repeat(2000),
        `${"[".repeat(100_000)}${"]".repeat(100_000)}`.slice(0, end === "json" ? undefined : 2000),
      ].map((text) => ({ path: `a.${end}`, text })),
    );
    const found = await service.analyse([...files, { path: "b.ts", text: "export let b = 1;" }]);
    assert.equal(found.length, files.length + 1);
    assert.equal(found.at(-1)!.outline, "export let b = 1");
  });
});

interface Obedient {
  service: SyntaxService;
  analyse: SyntaxService["analyse"];
  /** All that were started. */
  threads: Worker[];
}

function withObedient(
  test: (obedient: Obedient) => Promise<void>,
  { threads: nThreads, ...limits }: SyntaxServiceOptions["limits"] & { threads?: number } = {},
): Promise<void> {
  return withTree({ "worker.mjs": OBEDIENT }, async (root) => {
    const threads: Worker[] = [];
    const onWorker = (worker: Worker) => threads.push(worker);
    process.on("worker", onWorker);
    const workerEntry = join(root, "worker.mjs");
    const service = new SyntaxService({
      workerEntry,
      grammarDir: root,
      threads: nThreads,
      limits: { fileMs: HANGS_AFTER_MS, ...limits },
    });
    try {
      await test({ service, analyse: service.analyse.bind(service), threads });
    } finally {
      process.off("worker", onWorker);
      await service.dispose();
    }
  });
}

function outlines(found: readonly FileSyntax[]): string[] {
  return found.map(({ outline }) => outline);
}
