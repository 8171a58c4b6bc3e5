// Tests what filters without a word find: which files, in which order, by which of their definitions, and how fast.
import assert from "node:assert/strict";
import { asksForFiles, filteredFiles } from "../../../server/src/index/filteredFiles.ts";
import { splitFilters } from "../../../server/src/index/filters.ts";
import { parseQuery } from "../../../server/src/index/query.ts";
import { emptyIndex, indexOf, text } from "./indexed.ts";

const FILES: Record<string, string> = {
  "src/scheduler.ts": `export const LIMIT = 3;

export interface Step {
  name: string;
  run(): void;
  undo(): void;
  again(): void;
}

export class Scheduler {
  run(step: Step): void {
    step.run();
  }
}
`,
  "src/scheduler/queue.ts": 'import { Scheduler } from "../scheduler.ts";\nexport const queue = new Scheduler();\n',
  "src/scheduler/late.py": "def late():\n    return 1\n",
  "src/other.ts": "export const other = 1;\n",
  "test/scheduler.test.ts": 'import { Scheduler } from "../src/scheduler.ts";\nit("runs", () => new Scheduler());\n',
  "docs/scheduler.md": "Only text.\n",
};

/** @param expected Places as `path:line symbol`, lines counted from 1. */
async function check(query: string, expected: string[], limit?: number): Promise<void> {
  const index = await indexOf(FILES);
  const found = await index.search(query, limit === undefined ? {} : { limit });
  const shown = found.map(({ path, startLine, symbol }) => `${path}:${startLine + 1} ${symbol ?? ""}`.trim());
  assert.deepEqual(shown, expected);
}

const OF_SCHEDULER = ["src/scheduler.ts:10 Scheduler", "src/scheduler.ts:3 Step", "src/scheduler.ts:1 LIMIT"];

describe("filters without a word", () => {
  it("find the files that fit, the most used first and tests last, by their main definitions", () =>
    check("lang:ts path:scheduler", [...OF_SCHEDULER, "src/scheduler/queue.ts:2 queue", "test/scheduler.test.ts:1"]));

  it("find files of any kind by a part of their path", () =>
    check("path:scheduler", [
      ...OF_SCHEDULER,
      "docs/scheduler.md:1",
      "src/scheduler/late.py:1 late",
      "src/scheduler/queue.ts:2 queue",
      "test/scheduler.test.ts:1",
    ]));

  it("find the files of a language", () => check("lang:python", ["src/scheduler/late.py:1 late"]));

  it("give every file its turn before one has two, and no more than are wanted", async () => {
    await check("lang:ts path:scheduler", ["src/scheduler.ts:10 Scheduler", "src/scheduler/queue.ts:2 queue"], 2);
    const all = ["src/scheduler.ts:10 Scheduler", "src/scheduler/queue.ts:2 queue", "test/scheduler.test.ts:1"];
    await check("lang:ts path:scheduler", all, 4);
  });

  it("find nothing where no file fits", () => check("lang:golng", []));

  it("are a search of their own only without words, texts, paths and symbols", () => {
    const asks = (query: string) => {
      const { filters, rest } = splitFilters(query);
      return asksForFiles(parseQuery(rest), filters);
    };
    for (const query of ["path:a", " lang:ts ", "lang:ts path:a ?"]) assert.equal(asks(query), true, query);
    for (const query of ["", "path:a word", 'lang:ts "a b"', "lang:ts a.ts", "path:a symbol:x", "symbol:x"]) {
      assert.equal(asks(query), false, query);
    }
  });

  it("say of a place which path fits", async () => {
    const [place] = await (await indexOf(FILES)).search("lang:py");
    assert.equal(place?.reason, "path src/scheduler/late.py");
  });

  it("put what changed last first where nothing is used", async () => {
    const { index } = await emptyIndex();
    await index.put([text("a.go", "package a\n"), { ...text("b.go", "package b\n"), changedMs: 9 }]);
    const paths = (await index.search("lang:go")).map(({ path }) => path);
    assert.deepEqual(paths, ["b.go", "a.go"]);
  });

  it("take a moment among many files", () => {
    const many = Array.from({ length: 20_000 }, (_, n) => {
      const path = `src/folder${n % 100}/file${n}.ts`;
      return { path, uri: "", changedMs: n, symbols: [] };
    });
    const begin = performance.now();
    assert.equal(filteredFiles(many, { path: "file" }, 40, () => 0).length, 40);
    // 15 ms on two slow cores; a busy machine may need more.
    assert.ok(performance.now() - begin < 1000);
  });
});
