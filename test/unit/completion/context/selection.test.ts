// Tests what of all proposals gets into the prompt: each text once, within the budget, and what is there stays in its place.
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Candidate,
  SOURCE_NAMES,
  type SourceName,
} from "../../../../server/src/completion/context/contextItems.ts";
import {
  chosen,
  distinct,
  type Entry,
  type Ranked,
  ranked,
} from "../../../../server/src/completion/context/selection.ts";

const WIDTH = 20;

/** Lines of a file, inclusive; the texts of different lines differ. */
function lines(path: string, startLine: number, endLine: number, score = 1): Candidate {
  const text = Array.from({ length: endLine - startLine + 1 }, (_, at) => `line ${startLine + at} of ${path}`).join(
    "\n",
  );
  return { path, form: "lines", startLine, endLine, text, hash: "h", score, reason: "because" };
}

function outline(path: string, text: string, form: "outline" | "signatures" = "outline"): Candidate {
  return { path, form, startLine: 0, endLine: 99, text, hash: "h", score: 1, reason: "because" };
}

function found(proposals: Partial<Record<SourceName, Candidate[]>>): Ranked[] {
  return ranked(new Map(Object.entries(proposals) as [SourceName, Candidate[]][]));
}

/** One token for each character of the text. */
function select(
  entries: readonly Entry[],
  candidates: readonly Ranked[],
  budgetTokens = 1e6,
  mayKeepGone = true,
): Entry[] {
  const { kept, fresh } = distinct(entries, candidates, mayKeepGone);
  return chosen(
    kept,
    fresh.map((next) => ({ ranked: next, tokens: next.candidate.text.length })),
    budgetTokens,
  );
}

const places = (entries: readonly Entry[]) =>
  entries.map(({ item: { source, path, startLine, text } }) => {
    return `${source} ${path}:${startLine}-${startLine + text.split("\n").length - 1}`;
  });

describe("selection", () => {
  it("puts what changes least first", () => {
    const proposals = Object.fromEntries(SOURCE_NAMES.toReversed().map((name) => [name, [lines(`${name}.ts`, 0, 2)]]));
    assert.deepEqual(
      select([], found(proposals)).map(({ item }) => item.source),
      SOURCE_NAMES,
    );
  });

  it("takes the same lines from the better source only", () => {
    const chosenOnes = select([], found({ search: [lines("a.ts", 5, 9)], definitions: [lines("a.ts", 5, 9)] }));
    assert.deepEqual(places(chosenOnes), ["definitions a.ts:5-9"]);
  });

  it("cuts off what another item says of the same lines", () => {
    const chosenOnes = select([], found({ definitions: [lines("a.ts", 10, 19)], edits: [lines("a.ts", 17, 30)] }));
    assert.deepEqual(places(chosenOnes), ["definitions a.ts:10-19", "edits a.ts:20-30"]);
    const above = select([], found({ definitions: [lines("a.ts", 10, 19)], edits: [lines("a.ts", 0, 12)] }));
    assert.deepEqual(places(above), ["definitions a.ts:10-19", "edits a.ts:0-9"]);
  });

  it("drops lines that are said for the most part, also as signatures", () => {
    const said = select([], found({ definitions: [lines("a.ts", 10, 19)], edits: [lines("a.ts", 15, 22)] }));
    assert.deepEqual(places(said), ["definitions a.ts:10-19"]);
    const signature = outline("a.ts", "export function load(path: string): void");
    const body = { ...lines("a.ts", 3, 3), text: "export function load(path: string): void {" };
    assert.deepEqual(places(select([], found({ imports: [signature], search: [body] }))), ["imports a.ts:0-0"]);
  });

  it("drops signatures of lines that another item shows", () => {
    const signatures: Candidate = {
      ...outline("a.ts", "class A\n  run(): void", "signatures"),
      startLine: 5,
      endLine: 40,
    };
    const chosenOnes = select([], found({ definitions: [lines("a.ts", 30, 44)], symbols: [signatures] }));
    assert.deepEqual(places(chosenOnes), ["definitions a.ts:30-44"]);
  });

  it("takes one outline of a file, and lines beside it", () => {
    const chosenOnes = select(
      [],
      found({
        imports: [outline("a.ts", "one\ntwo")],
        neighbours: [outline("a.ts", "three\nfour")],
        edits: [lines("a.ts", 5, 9)],
      }),
    );
    assert.deepEqual(places(chosenOnes), ["imports a.ts:0-1", "edits a.ts:5-9"]);
  });

  it("takes a few of one file, and a few altogether", () => {
    const ofOne = Array.from({ length: 9 }, (_, n) => lines("a.ts", n * 10, n * 10 + 1));
    assert.equal(select([], found({ edits: ofOne })).length, 4);
    const ofMany = Array.from({ length: 40 }, (_, n) => lines(`f${n}.ts`, 0, 0));
    assert.equal(select([], found({ edits: ofMany })).length, 16);
  });

  it("leaves room for other sources", () => {
    const big = Array.from({ length: 10 }, (_, n) => lines(`f${n}.ts`, 0, 9));
    const tokens = big[0]!.text.length;
    const budget = tokens * 10;
    const bySource = select(
      [],
      found({ definitions: big, edits: big.map((c) => ({ ...c, path: `e${c.path}` })) }),
      budget,
    );
    const count = (source: SourceName) => bySource.filter(({ item }) => item.source === source).length;
    assert.deepEqual([count("definitions"), count("edits")], [5, 3]);
  });

  it("keeps what nobody proposes any more while there is room, and lets it go for what is wanted", () => {
    const before = select([], found({ search: [lines("old.ts", 0, 4)] }));
    const wanted = found({ definitions: [lines("new.ts", 0, 4)] });
    assert.deepEqual(places(select(before, wanted)), ["search old.ts:0-4", "definitions new.ts:0-4"]);
    const room = 2 * wanted[0]!.candidate.text.length;
    assert.deepEqual(places(select(before, wanted, room)), ["definitions new.ts:0-4"]);
    assert.deepEqual(places(select(before, wanted, 1e6, false)), ["definitions new.ts:0-4"]);
  });

  it("keeps an item as it is when nearly the same is proposed", () => {
    const before = select([], found({ viewed: [lines("a.ts", 10, 30)] }));
    const after = select(before, found({ viewed: [lines("a.ts", 12, 32)] }), 1e6, false);
    assert.equal(after[0]!.item, before[0]!.item);
    assert.equal(after.length, 1);
  });

  it("keeps signatures of a changed file only if they are the same", () => {
    const before = select([], found({ imports: [outline("a.ts", "one\ntwo")] }));
    const unsure = before.map((entry): Entry => ({ ...entry, isUnsure: true }));
    const same = select(unsure, found({ imports: [outline("a.ts", "one\ntwo")] }));
    assert.equal(same[0]!.item, before[0]!.item);
    assert.equal(same[0]!.isUnsure, undefined);
    const other = select(unsure, found({ imports: [outline("a.ts", "one\ntwo\nthree")] }));
    assert.deepEqual(
      other.map(({ item }) => item.text),
      ["one\ntwo\nthree"],
    );
    assert.deepEqual(select(unsure, []), []);
  });

  it("says nothing twice, keeps to the budget, and leaves what stays in its order, whatever is proposed", () => {
    const candidate = fc
      .record({
        path: fc.constantFrom("a.ts", "b.ts", "c.ts"),
        start: fc.nat(60),
        length: fc.integer({ min: 1, max: WIDTH }),
        score: fc.double({ min: 0, max: 1, noNaN: true }),
      })
      .map(({ path, start, length, score }) => lines(path, start, start + length - 1, score));
    const proposals = fc.dictionary(fc.constantFrom(...SOURCE_NAMES), fc.array(candidate, { maxLength: 5 }));
    const rounds = fc.array(fc.record({ proposals, budget: fc.nat(3000), mayKeepGone: fc.boolean() }), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(rounds, (all) => {
        let entries: Entry[] = [];
        for (const { proposals: given, budget, mayKeepGone } of all) {
          const before = entries.map(({ item }) => item);
          entries = select(entries, found(given), budget, mayKeepGone);
          const items = entries.map(({ item }) => item);
          const said = items.flatMap(({ text }) => text.split("\n"));
          assert.equal(new Set(said).size, said.length);
          assert.ok(items.reduce((sum, { tokens }) => sum + tokens, 0) <= budget);
          const stayed = before.filter((item) => items.includes(item));
          assert.deepEqual(items.slice(0, stayed.length), stayed);
          for (const { text, startLine, path } of items) {
            assert.equal(text, lines(path, startLine, startLine + text.split("\n").length - 1).text);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
