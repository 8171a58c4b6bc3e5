// Tests the treemap as numbers: the tree of folders, sums, areas, that no file is lost, and walking between tiles.
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  buildTree,
  type Direction,
  findNode,
  isReachable,
  layOut,
  type MapNode,
  neighbour,
  type Tile,
  trailTo,
} from "../../../media/contextMapLayout.ts";
import type { ContextMapFile } from "../../../server/src/protocol/messages.ts";
import { file, filesBelow, treeOf } from "./mapFiles.ts";

const [WIDTH, HEIGHT] = [800, 500];

/** Name, tokens and number of files of a node and all below it, indented. */
function outline(node: MapNode, indent = ""): string[] {
  const line = `${indent}${node.name} ${node.tokens} ${node.nFiles}`;
  return [line, ...node.children.flatMap((child) => outline(child, `${indent}  `))];
}

function leaves(tiles: readonly Tile[]): Tile[] {
  return tiles.filter(({ frame }) => !frame);
}

function paths(files: readonly ContextMapFile[]): string[] {
  return files.map(({ path }) => path).sort();
}

describe("buildTree", () => {
  it("sums up, sorts by tokens, and joins folders with nothing but one folder in them", () => {
    const tree = treeOf([file("src/main/java/A.java", 10), file("src/main/java/B.java", 30), file("README", 5)]);
    assert.deepEqual(outline(tree), [
      "w 45 3",
      "  src/main/java 40 2",
      "    B.java 30 1",
      "    A.java 10 1",
      "  README 5 1",
    ]);
  });
  it("sorts equals by path, so that the same files give the same picture", () => {
    const tree = treeOf([file("b", 1), file("c", 1), file("a", 1)]);
    assert.deepEqual(
      tree.children.map(({ name }) => name),
      ["a", "b", "c"],
    );
  });
  it("takes only the forms that are asked for", () => {
    const files = [file("a", 1), file("b", 2, { form: "path" }), file("c", 4, { form: "out" })];
    assert.deepEqual(outline(buildTree("w", files, new Set(["whole", "out"]))), ["w 5 2", "  c 4 1", "  a 1 1"]);
  });
  it("takes a folder that is left out as one file, with its slash", () => {
    const [only] = treeOf([file("node_modules/", 0, { form: "out" })]).children;
    assert.deepEqual([only?.kind, only?.name, only?.path], ["file", "node_modules/", "node_modules"]);
  });
  it("is a root without files when there are none", () => assert.deepEqual(outline(treeOf([])), ["w 0 0"]));
});

describe("findNode and trailTo", () => {
  const tree = treeOf([file("src/a/x.ts", 3), file("src/a/y.ts", 2), file("src/b.ts", 1)]);
  const found: [path: string, expected: string][] = [
    ["", ""],
    ["src", "src"],
    ["src/a", "src/a"],
    ["src/a/x.ts", "src/a"],
    ["src/gone/deep", "src"],
    ["gone", ""],
  ];
  for (const [path, expected] of found) {
    it(`${path || "the root"} is ${expected || "the root"}`, () => assert.equal(findNode(tree, path).path, expected));
  }
  it("lead from the root down", () => {
    const trail = trailTo(tree, findNode(tree, "src/a"));
    assert.deepEqual(
      trail.map(({ path }) => path),
      ["", "src", "src/a"],
    );
  });
  it("put the rest of a folder below its folder", () => {
    const src = findNode(tree, "src");
    const rest: MapNode = { ...src, kind: "rest", path: "src/*", children: [] };
    assert.deepEqual(
      trailTo(tree, rest).map(({ path }) => path),
      ["", "src", "src/*"],
    );
  });
});

describe("layOut", () => {
  it("gives areas in proportion to tokens", () => {
    const tiles = layOut(treeOf([file("a", 60), file("b", 30), file("c", 10)]), WIDTH, HEIGHT);
    const shares = tiles.map(({ width, height }) => (100 * width * height) / (WIDTH * HEIGHT));
    assert.deepEqual(
      shares.map((share) => Math.round(share)),
      [60, 30, 10],
    );
  });
  it("draws frames before what is in them, and names large ones", () => {
    const tiles = layOut(treeOf([file("src/a", 60), file("src/b", 30), file("c", 10)]), WIDTH, HEIGHT);
    assert.deepEqual(
      tiles.map(({ node, frame, depth, header }) => [node.path, frame, depth, header > 0]),
      [
        ["src", true, 1, true],
        ["c", false, 1, false],
        ["src/a", false, 2, false],
        ["src/b", false, 2, false],
      ],
    );
  });
  it("makes one tile of what is too small to be seen", () => {
    const small = Array.from({ length: 50 }, (_, index) => file(`src/small${index}`, 1));
    const tiles = layOut(treeOf([file("src/large", 1_000_000), ...small]), WIDTH, HEIGHT);
    const rest = tiles.find(({ node }) => node.kind === "rest");
    assert.deepEqual([rest?.node.name, rest?.node.path, rest?.node.tokens], ["50 more files", "src/*", 50]);
    assert.equal(leaves(tiles).length, 2);
  });
  it("opens a rest", () => {
    const small = Array.from({ length: 50 }, (_, index) => file(`small${index}`, 1));
    const tiles = layOut(treeOf([file("large", 1_000_000), ...small]), WIDTH, HEIGHT);
    const rest = tiles.find(({ node }) => node.kind === "rest")!.node;
    assert.equal(leaves(layOut(rest, WIDTH, HEIGHT)).length, 50);
  });
  it("shows a single small file as itself, large enough to be hit", () => {
    const tiles = layOut(treeOf([file("large", 1_000_000), file("empty", 0)]), WIDTH, HEIGHT);
    const empty = tiles.find(({ node }) => node.path === "empty");
    assert.equal(empty?.node.kind, "file");
    assert.ok(empty !== undefined && Math.min(empty.width, empty.height) >= 3, JSON.stringify(empty));
  });
  it("makes one tile of a folder that is too thin to have anything in it", () => {
    const tiles = layOut(treeOf([file("large", 9900), file("thin/a", 60), file("thin/b", 40)]), WIDTH, HEIGHT);
    assert.deepEqual(
      tiles.map(({ node, frame }) => [node.path, frame]),
      [
        ["large", false],
        ["thin", false],
      ],
    );
  });
  it("draws no more tiles than one can look at, with 5,000 files of one size", () => {
    const files = Array.from({ length: 5000 }, (_, index) => file(`p${index % 20}/q${index % 100}/f${index}`, 400));
    const tiles = layOut(treeOf(files), 1600, 1000);
    assert.ok(tiles.length <= 2500 && tiles.length >= 120, String(tiles.length));
    assert.deepEqual(paths(leaves(tiles).flatMap(({ node }) => filesBelow(node))), paths(files));
  });
  it("is empty without files and without room", () => {
    assert.deepEqual(layOut(treeOf([]), WIDTH, HEIGHT), []);
    assert.deepEqual(layOut(treeOf([file("a", 1)]), 0, HEIGHT), []);
  });

  const name = fc.constantFrom("a", "b", "c", "d");
  const tokens = fc.oneof(fc.nat(50), fc.nat(5000), fc.constantFrom(0, 1, 10_000_000));
  const someFiles = fc
    .uniqueArray(fc.record({ folders: fc.array(name, { maxLength: 4 }), leaf: fc.nat(500), tokens }), {
      selector: ({ folders, leaf }) => [...folders, leaf].join("/"),
      maxLength: 120,
    })
    .map((all) => all.map(({ folders, leaf, tokens }) => file([...folders, `f${leaf}`].join("/"), tokens)));
  const side = fc.integer({ min: 30, max: 1500 });

  it("shows every file exactly once, inside the canvas, whatever the files and its size", () => {
    fc.assert(
      fc.property(someFiles, side, side, (files, width, height) => {
        const tiles = layOut(treeOf(files), width, height);
        assert.deepEqual(paths(leaves(tiles).flatMap(({ node }) => filesBelow(node))), paths(files));
        for (const { x, y, width: w, height: h, node } of tiles) {
          const isInside = x >= 0 && y >= 0 && w >= 3 && h >= 3 && x + w <= width && y + h <= height;
          assert.ok(isInside, `${node.path}: ${x} ${y} ${w} ${h} in ${width} ${height}`);
        }
      }),
    );
  });
  it("sums the tokens of the tiles to those of the files", () => {
    fc.assert(
      fc.property(someFiles, (files) => {
        const sum = (all: readonly { tokens: number }[]) => all.reduce((total, each) => total + each.tokens, 0);
        const tree = treeOf(files);
        assert.equal(tree.tokens, sum(files));
        assert.equal(sum(leaves(layOut(tree, WIDTH, HEIGHT)).map(({ node }) => node)), sum(files));
      }),
    );
  });
});

describe("neighbour", () => {
  //  a | b | c
  //  a | b | d   in a frame with a name, 10 high; e is below, alone.
  const tile = (path: string, x: number, y: number, width: number, height: number, header?: number): Tile => ({
    node: { kind: "file", name: path, path, tokens: 1, nFiles: 1, children: [] },
    frame: header !== undefined,
    depth: 1,
    x,
    y,
    width,
    height,
    header: header ?? 0,
  });
  const tiles = [
    tile("frame", 0, 0, 300, 110, 10),
    tile("nameless", 0, 0, 300, 110, 0),
    tile("a", 0, 10, 100, 100),
    tile("b", 101, 10, 98, 100),
    tile("c", 200, 10, 100, 40),
    tile("d", 200, 51, 100, 59),
    tile("e", 0, 111, 300, 40),
  ];
  const steps: [from: string, direction: Direction, to: string | undefined][] = [
    ["a", "right", "b"],
    ["b", "right", "d"],
    ["c", "left", "b"],
    ["c", "down", "d"],
    ["d", "down", "e"],
    ["e", "up", "b"],
    ["a", "up", "frame"],
    ["frame", "down", "b"],
    ["a", "left", undefined],
    ["e", "down", undefined],
    ["frame", "up", undefined],
  ];
  for (const [from, direction, to] of steps) {
    it(`${direction} of ${from} is ${to ?? "the edge"}`, () => {
      const start = tiles.find(({ node }) => node.path === from)!;
      assert.equal(neighbour(tiles, start, direction)?.node.path, to);
    });
  }
  it("reaches every tile from every other one", () => {
    const files = Array.from({ length: 60 }, (_, index) => file(`p${index % 7}/f${index}`, 1 + ((index * 37) % 90)));
    const all = layOut(treeOf(files), WIDTH, HEIGHT).filter(isReachable);
    const seen = new Set([all[0]!]);
    for (const from of seen) {
      for (const direction of ["left", "right", "up", "down"] as const) {
        const next = neighbour(all, from, direction);
        if (next) seen.add(next);
      }
    }
    assert.equal(seen.size, all.length);
  });
});
