// Tests in which order chunks come that words and vectors found: ranks, names, paths, identifiers and ties between files.
import assert from "node:assert/strict";
import type { FoundChunk } from "../../../server/src/index/chunkStore.ts";
import { type FusionRequest, fuse } from "../../../server/src/index/fusion.ts";

function chunk(path: string, part: Partial<FoundChunk> = {}): FoundChunk {
  const place = { language: "ts", startLine: 0, endLine: 9, symbol: "", signature: "", text: "" };
  return { key: path, path, ...place, score: 0.5, ...part };
}

interface Case extends Partial<FusionRequest> {
  /** Paths, best first. */
  expected: string;
}

function check(title: string, { expected, ...request }: Case): void {
  it(title, () => {
    const fused = fuse({
      byTerms: [],
      byVector: [],
      words: [],
      compounds: [],
      importance: () => 1,
      near: () => new Map(),
      focus: new Map(),
      ...request,
    });
    assert.equal(fused.map(({ path }) => path).join(" "), expected);
  });
}

describe("fusion", () => {
  const [a, b, c] = [chunk("a"), chunk("b"), chunk("c")];

  check("of nothing is nothing", { expected: "" });
  check("keeps the order of one side", { byTerms: [c, a, b], expected: "c a b" });
  check("prefers what both sides found", { byTerms: [a, b], byVector: [c, b], expected: "b a c" });
  check("orders equals by path", { byTerms: [b], byVector: [a], expected: "a b" });
  check("can weigh the sides", { byTerms: [a], byVector: [b], weights: { vector: 2 }, expected: "b a" });
  check("tells chunks of one file apart", {
    byTerms: [chunk("a", { startLine: 10 }), chunk("a")],
    byVector: [chunk("a")],
    expected: "a a",
  });

  it("counts a chunk once and keeps how near it is", () => {
    const request = { words: [], compounds: [], importance: () => 1, near: () => new Map(), focus: new Map() };
    const fused = fuse({ ...request, byTerms: [chunk("a", { score: 7 })], byVector: [chunk("a", { score: 0.4 })] });
    assert.deepEqual(
      fused.map(({ similarity }) => similarity),
      [0.4],
    );
  });

  check("prefers a definition whose name is what is asked for", {
    byTerms: [a, chunk("b", { symbol: "Parser.parseHeader" })],
    words: ["parse", "header"],
    expected: "b a",
  });
  check("prefers the name that says nothing else", {
    byTerms: [chunk("a", { symbol: "parseHeaderOfOldMailFile" }), chunk("b", { symbol: "parseHeaders" })],
    words: ["parse", "header"],
    expected: "b a",
  });
  check("passes over words that say nothing", {
    byTerms: [a, chunk("b", { symbol: "theIs" })],
    words: ["the", "is", "header"],
    importance: (word) => (word === "header" ? 1 : 0),
    expected: "a b",
  });
  check("prefers a path with the words of the question", {
    byTerms: [a, chunk("net/socket.ts")],
    words: ["socket"],
    expected: "net/socket.ts a",
  });
});

describe("fusion with identifiers", () => {
  const both = chunk("both");
  const named = (path: string, text: string) => chunk(path, { text });

  check("puts the only chunk that has one before what both sides found", {
    byTerms: [named("b", "call(parseHeader);"), both],
    byVector: [both],
    compounds: ["parseHeader"],
    expected: "b both",
  });
  check("takes whole identifiers only, in any case", {
    byTerms: [named("c", "PARSEHEADER"), named("b", "parseHeaders parse_header"), both],
    byVector: [both],
    compounds: ["parseHeader"],
    expected: "c both b",
  });
  check("says little if many have it", {
    byTerms: [both, ...Array.from({ length: 9 }, (_, at) => named(`n${at}`, "parseHeader"))],
    byVector: [both],
    compounds: ["parseHeader"],
    expected: "both n0 n1 n2 n3 n4 n5 n6 n7 n8",
  });
  check("takes signs of names as they are", {
    byTerms: [named("b", "x.$read_all()"), named("c", "x.read_all()"), both],
    byVector: [both],
    compounds: ["$read_all"],
    expected: "b both c",
  });
});

describe("fusion with ties between files", () => {
  /** Only this file has ties, to c alone. */
  const tied = (path: string) => (weights: ReadonlyMap<string, number>) =>
    new Map(weights.has(path) ? [["c", 0.1]] : []);

  check("prefers what is near to the files in focus", {
    byTerms: [chunk("a"), chunk("b"), chunk("c")],
    near: tied("open.ts"),
    focus: new Map([["open.ts", 1]]),
    expected: "c a b",
  });
  check("prefers what is near to the best", {
    byTerms: [chunk("a"), chunk("b"), chunk("c")],
    near: tied("a"),
    expected: "c a b",
  });
  check("does not put a weak neighbour before what both sides found", {
    byTerms: [chunk("a"), chunk("b"), chunk("c")],
    byVector: [chunk("a"), chunk("b")],
    near: tied("a"),
    expected: "a b c",
  });
});
