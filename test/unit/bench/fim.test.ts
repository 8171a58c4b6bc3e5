// Tests the parts of the bench "fim": reading data, scores, results that a later run goes on from, and the set that is made.
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { type FimItem, itemOf, readItems } from "../../bench/fimItems.ts";
import { itemsFrom, KINDS } from "../../bench/fimMade.ts";
import { type FimResult, FimResults, type FimSetup } from "../../bench/fimResults.ts";
import { scoreOf } from "../../bench/fimScores.ts";
import { type CorpusFile, languageOf } from "../../bench/retrievalCorpus.ts";
import { temporaryFolder } from "../../model/harness.ts";

const SETUP: FimSetup = { data: "d", model: "m", maxTokens: 8, suffixTokens: 8, contextTokens: 64 };

function result(line: number, said = "a"): FimResult {
  const score = { exact: false, exactInLength: false, similarity: 0.5 };
  return { line, id: `id ${line}`, kind: "k", said, ms: 1, promptTokens: 2, generatedTokens: 3, ...score };
}

describe("bench fim", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let file: string;

  beforeEach(() => {
    folder = temporaryFolder("fim-bench");
    file = join(folder.path, "data.jsonl");
  });

  afterEach(() => folder.remove());

  describe("reads", () => {
    it("HumanEval-Infilling's fields", () => {
      const fields = {
        task_id: "SingleLineInfilling/HumanEval/0/L0",
        entry_point: "f",
        test: "",
        canonical_solution: "c",
      };
      assert.deepEqual(itemOf(JSON.stringify({ ...fields, prompt: "a\r\nb", suffix: "" }), 7, "data"), {
        line: 7,
        id: fields.task_id,
        kind: "SingleLineInfilling",
        path: "solution.py",
        prefix: "a\nb",
        suffix: "",
        expected: "c",
      });
    });

    it("the names that other sets have for them", () => {
      for (const [prefix, suffix, expected] of [
        ["prompt", "suffix", "canonical_completion"],
        ["prompt", "suffix", "canonical completion"],
        ["prefix", "suffix", "middle"],
        ["prompt", "right_context", "groundtruth"],
      ] as const) {
        const item = itemOf(JSON.stringify({ [prefix]: "p", [suffix]: "s", [expected]: "e", file: "a.ts" }), 1, "set");
        assert.deepEqual(item, {
          line: 1,
          id: "line 1",
          kind: "set",
          path: "a.ts",
          prefix: "p",
          suffix: "s",
          expected: "e",
        });
      }
    });

    it("on behind bad lines, and names them", async () => {
      const good = JSON.stringify({ prompt: "p", suffix: "s", canonical_solution: "c" });
      const bad = ["{", "[]", "null", '{"prompt":1,"suffix":"s","middle":"m"}', '{"prompt":"p","suffix":"s"}'];
      const blank = '{"prompt":"p","suffix":"s","middle":" \\n"}';
      writeFileSync(file, [`\uFEFF${good}`, ...bad, "", blank, '{"prompt":"p","middle":"m"}', good].join("\r\n"));
      const { items, skipped } = await readItems(file);
      assert.deepEqual(
        items.map(({ line }) => line),
        [1, 10],
      );
      assert.deepEqual(
        skipped.map(({ line }) => line),
        [2, 3, 4, 5, 6, 8, 9],
      );
      assert.deepEqual(
        [skipped[0]?.reason, skipped[1]?.reason, skipped[6]?.reason],
        ["it is not JSON", "it is no JSON object", "it has no text in the field suffix"],
      );
      assert.match(skipped[4]?.reason ?? "", /canonical_solution, .+ middle$/);
    });
  });

  describe("scores", () => {
    const cases: [said: string, expected: string, exact: boolean, inLength: boolean, similarity: number][] = [
      ["return a + b", "return a + b", true, true, 1],
      ["  return a + b\n", "return a + b", true, true, 1],
      ["return a - b", "return a + b", false, false, 11 / 12],
      ["a();\nb();", "a();", false, true, 4 / 9],
      ["a();", "a();\nb();", false, false, 4 / 9],
      ["", "abc", false, false, 0],
      ["kitten", "sitting", false, false, 4 / 7],
    ];
    for (const [said, expected, exact, exactInLength, similarity] of cases) {
      it(`${JSON.stringify(said)} for ${JSON.stringify(expected)}`, () => {
        const score = scoreOf(said, expected);
        assert.deepEqual([score.exact, score.exactInLength], [exact, exactInLength]);
        assert.ok(Math.abs(score.similarity - similarity) < 1e-9, String(score.similarity));
      });
    }

    it("between 0 and 1, the same both ways, and 1 only for the same text", () => {
      const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "\n", "é"), maxLength: 20 });
      fc.assert(
        fc.property(text, text, (one, other) => {
          const score = scoreOf(one, other);
          assert.ok(score.similarity >= 0 && score.similarity <= 1);
          assert.equal(score.similarity, scoreOf(other, one).similarity);
          assert.equal(score.exact, score.similarity === 1);
          assert.ok(!score.exact || score.exactInLength);
        }),
      );
    });
  });

  describe("goes on", () => {
    it("from what was done, also behind a line that a kill cut", () => {
      const first = new FimResults(file, SETUP);
      first.add(result(1));
      first.add(result(3));
      appendFileSync(file, JSON.stringify(result(4)).slice(0, 30));
      const second = new FimResults(file, SETUP);
      assert.deepEqual([...second.done.values()], [result(1), result(3)]);
      second.add(result(4));
      const third = new FimResults(file, SETUP);
      assert.deepEqual([...third.done.keys()], [1, 3, 4]);
      assert.equal(third.setAside, undefined);
      assert.equal(readFileSync(file, "utf8").split("\n").length, 5);
    });

    it("with nothing where data, model or a setting is another one, and keeps what was there aside", () => {
      new FimResults(file, SETUP).add(result(1, "before"));
      const before = readFileSync(file, "utf8");
      for (const change of [
        { data: "x" },
        { model: "x" },
        { maxTokens: 9 },
        { suffixTokens: 9 },
        { contextTokens: 9 },
      ]) {
        writeFileSync(file, before);
        const results = new FimResults(file, { ...SETUP, ...change });
        assert.deepEqual([results.done.size, results.setAside], [0, `${file}.old`], JSON.stringify(change));
        assert.equal(readFileSync(`${file}.old`, "utf8"), before);
      }
    });

    it("in a folder that is not there yet, and not from a file that is something else", () => {
      const deep = join(folder.path, "a/b/results.jsonl");
      new FimResults(deep, SETUP).add(result(1));
      assert.ok(existsSync(deep));
      writeFileSync(file, "what is this\n");
      assert.equal(new FimResults(file, SETUP).setAside, `${file}.old`);
    });
  });

  describe("makes items", () => {
    const files = Array.from({ length: 40 }, (_, number): CorpusFile => {
      const lines = Array.from({ length: 60 }, (_, line) =>
        line % 7 === 0
          ? ""
          : line % 5 === 0
            ? `  // about line ${line} of 😀`
            : `  const value${number} = read(${line}, "😀");`,
      );
      const path = `p/file${number}.ts`;
      return { path, package: "p", language: languageOf(path), text: lines.join("\n") };
    });
    const textOf = new Map(files.map(({ path, text }) => [path, text]));

    it("that give the file back, of all kinds alike, each file once", () => {
      const items = itemsFrom(files, 30, 1);
      assert.equal(items.length, 30);
      assert.equal(new Set(items.map(({ path }) => path)).size, 30);
      for (const { prefix, expected, suffix, path } of items)
        assert.equal(prefix + expected + suffix, textOf.get(path));
      for (const kind of KINDS) assert.equal(items.filter((item) => item.kind === kind).length, 10);
    });

    it("whole lines or a span, never a comment alone or half a character", () => {
      const isWhole = ({ prefix, suffix }: FimItem) => /(^|\n)$/.test(prefix) && /^(\n|$)/.test(suffix);
      for (const item of itemsFrom(files, 40, 2)) {
        const nLines = item.expected.split("\n").length;
        if (item.kind === "SingleLine") assert.ok(isWhole(item) && nLines === 1, item.expected);
        if (item.kind === "MultiLine") assert.ok(isWhole(item) && nLines >= 2 && nLines <= 6, item.expected);
        assert.doesNotMatch(item.expected, /\p{Surrogate}/u);
        assert.notEqual(item.expected.trim(), "");
        assert.match(item.expected, item.kind === "RandomSpan" ? /\S/ : /const value/);
      }
    });

    it("the same for the same seed, and others for another", () => {
      assert.deepEqual(itemsFrom(files, 12, 3), itemsFrom(files.toReversed(), 12, 3));
      assert.notDeepEqual(itemsFrom(files, 12, 3), itemsFrom(files, 12, 4));
    });

    it("none from short files, documents and very long files", () => {
      const other = (path: string, text: string) => ({ path, package: "p", language: languageOf(path), text });
      const long = files[0]!.text.repeat(60);
      assert.deepEqual(
        itemsFrom([other("a.ts", "x();"), other("a.md", files[0]!.text), other("b.ts", long)], 3, 1),
        [],
      );
    });
  });
});
