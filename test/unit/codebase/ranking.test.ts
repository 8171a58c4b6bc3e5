// Tests which files of a large codebase are looked into, and in which order they deserve room in the context.
import assert from "node:assert/strict";
import {
  type AnalysedFile,
  MAX_CONSIDERED_FILES,
  rankByWorth,
  splitByCap,
} from "../../../server/src/codebase/ranking.ts";
import { listed } from "./tempTree.ts";

const MIB = 1024 ** 2;
const NO_FOCUS = new Map<string, number>();

describe("what is looked into", () => {
  it("is all of an ordinary workspace", () => {
    const files = [listed("b.ts", 100), listed("a.ts", 100)];
    assert.deepEqual(splitByCap(files, NO_FOCUS), { considered: files, beyond: [] });
    assert.deepEqual(splitByCap([], NO_FOCUS), { considered: [], beyond: [] });
  });

  it("is focus files and then the newest up to the stated bytes, in the order of age", () => {
    const files = ["a", "b", "c", "d"].map((path) => listed(path, 6 * MIB));
    const { considered, beyond } = splitByCap(files, new Map([["a", 1]]));
    assert.deepEqual(pathsOf(considered), ["a", "d"]);
    assert.deepEqual(pathsOf(beyond), ["b", "c"]);
  });

  it("skips a file that is too large for the rest of the bytes", () => {
    const files = [listed("small", 10), listed("large", 17 * MIB), listed("new", 10)];
    assert.deepEqual(pathsOf(splitByCap(files, NO_FOCUS).considered), ["small", "new"]);
  });

  it("is bounded in files", () => {
    const files = Array.from({ length: MAX_CONSIDERED_FILES + 5 }, (_, index) => listed(`f${index}`, 1));
    const { considered, beyond } = splitByCap(files, NO_FOCUS);
    assert.equal(considered.length, MAX_CONSIDERED_FILES);
    assert.deepEqual(pathsOf(beyond), ["f0", "f1", "f2", "f3", "f4"]);
  });
});

describe("ranking by worth", () => {
  it("has what many files use before what nothing uses, of the same size and age", () => {
    const files = [file("used"), ...several(20, (index) => file(`f${index}`, { references: ["used"] }))];
    const ranked = rankByWorth(files, NO_FOCUS);
    assert.equal(ranked[0]!.file.path, "used");
    assert.equal(ranked[0]!.reason, "among the most used files (rank 1 of 21)");
    assert.equal(ranked.length, 21);
  });

  it("has short files before long ones and newer ones before older ones", () => {
    const lengths = [100, 5000, 100, 5000];
    const files = lengths.map((length, index) => file(`f${index}`, { text: "x".repeat(length) }));
    assert.deepEqual(order(files), ["f2", "f0", "f3", "f1"]);
  });

  it("has focus files before all others, by weight", () => {
    const files = [file("long", { text: "x".repeat(90_000) }), file("a"), file("b"), file("c")];
    const focus = new Map([
      ["long", 2],
      ["b", 1],
      ["gone", 9],
    ]);
    assert.deepEqual(order(files, focus).slice(0, 2), ["long", "b"]);
    assert.deepEqual(
      rankByWorth(files, focus).map(({ reason }) => reason === "open or mentioned"),
      [true, true, false, false],
    );
  });

  it("says what puts the others where they are", () => {
    const files = several(40, (index) => file(`f${index}`, { references: ["f0", "f1"] }));
    const reasons = new Map(rankByWorth(files, NO_FOCUS).map(({ file: { path }, reason }) => [path, reason]));
    assert.match(reasons.get("f1")!, /^among the most used files \(rank [12] of 40\)$/);
    assert.equal(reasons.get("f39"), "among the files that changed last");
    assert.equal(reasons.get("f30"), "there was room for it");
  });

  it("calls nothing most used where nothing uses more than others, and nothing short where all are alike", () => {
    const check = (files: AnalysedFile[], expected: string[]) => {
      const reasons = new Map(rankByWorth(files, NO_FOCUS).map(({ file: { path }, reason }) => [path, reason]));
      assert.deepEqual(
        files.map(({ file: { path } }) => reasons.get(path)),
        expected,
      );
    };
    const last = "among the files that changed last";
    const room = "there was room for it";
    check(
      several(19, (index) => file(`f${index}`)),
      [...Array<string>(16).fill(room), last, last, last],
    );
    // Each uses the next one, so all ranks are equal; of 19, rounding puts some above the mean.
    check(
      several(19, (index) => file(`f${index}`, { references: [`f${(index + 1) % 19}`] })),
      [...Array<string>(16).fill(room), last, last, last],
    );
    const lengths = [10, 20, 30, 40, 50, 60, 70, 80];
    const short = "short, so it takes little room";
    check(
      lengths.map((length, index) => file(`f${index}`, { text: "x".repeat(length) })),
      [short, short, short, short, room, room, room, last],
    );
  });

  it("keeps the order when one file gains a few uses and another a few words", () => {
    const files = several(40, (index) => file(`f${index}`, { text: "x".repeat(100 + 40 * ((index * 7) % 40)) }));
    const before = order(files);
    files[5] = { ...files[5]!, text: `${files[5]!.text}xx` };
    assert.deepEqual(order(files), before);
  });

  it("takes no files", () => assert.deepEqual(rankByWorth([], NO_FOCUS), []));
});

function file(path: string, some: { text?: string; references?: string[] } = {}): AnalysedFile {
  const { text = "x".repeat(100), references = [] } = some;
  return {
    file: listed(path, text.length),
    text,
    syntax: { outline: "", definitions: [path], references, imports: [] },
  };
}

function several<Item>(count: number, make: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function order(files: readonly AnalysedFile[], focus: ReadonlyMap<string, number> = NO_FOCUS): string[] {
  return pathsOf(rankByWorth(files, focus).map((ranked) => ranked.file));
}

function pathsOf(files: readonly { path: string }[]): string[] {
  return files.map(({ path }) => path);
}
