// Tests of progress where no terminal is: few lines, each harmless, none after the end.
import assert from "node:assert/strict";
import { wholeParts, writeSparseLines } from "../../../server/src/cli/progressBar.ts";

function written(work: (progress: ReturnType<typeof writeSparseLines>) => void): string[] {
  const lines: string[] = [];
  work(writeSparseLines("Reading", { write: (text) => lines.push(text) }));
  return lines;
}

describe("cli progress without a terminal", () => {
  it("writes a line at the beginning and at each fifth", () => {
    const lines = written((progress) => {
      for (let step = 0; step <= 1000; step++) progress.update(step / 1000, "words");
    });
    assert.deepEqual(
      lines,
      [0, 20, 40, 60, 80, 100].map((percent) => `Reading: ${percent} %, words\n`),
    );
  });

  it("writes nothing for steps back, and stays within 0 and 100", () => {
    const lines = written((progress) => {
      for (const share of [-1, 0.5, 0.2, Number.NaN, 7]) progress.update(share, "words");
    });
    assert.deepEqual(lines, ["Reading: 0 %, words\n", "Reading: 50 %, words\n", "Reading: 100 %, words\n"]);
  });

  it("writes nothing after the end, and no control characters", () => {
    const lines = written((progress) => {
      progress.update(0, "file \u001b[2J");
      progress.finish();
      progress.update(1, "late");
    });
    assert.deepEqual(lines, ["Reading: 0 %, file \uFFFD[2J\n"]);
  });
});

describe("cli progress on a terminal", () => {
  it("leaves out whole parts where there is no room, the last ones first", () => {
    const words = "1,200 of 8,000 tokens, 10 s left, 3 of 21 files";
    assert.equal(wholeParts(words, words.length), words);
    assert.equal(wholeParts(words, words.length - 1), "1,200 of 8,000 tokens, 10 s left");
    assert.equal(wholeParts(words, 21), "1,200 of 8,000 tokens");
    assert.equal(wholeParts(words, 0), "1,200 of 8,000 tokens");
  });
});
