// Tests which files are near to others: whom they use, by whom they are used, and how much of all ties that is.
import assert from "node:assert/strict";
import { FileGraph } from "../../../server/src/index/fileGraph.ts";

/** @param uses What the file defines, and after an arrow what it uses: "Api, other > Socket". */
function put(graph: FileGraph, path: string, uses: string): void {
  const [definitions = [], references = []] = uses.split(">").map((names) => names.match(/\w+/g) ?? []);
  graph.put({ path, definitions, references, imports: [] });
}

function graphOf(files: Record<string, string>): FileGraph {
  const graph = new FileGraph();
  for (const [path, uses] of Object.entries(files)) put(graph, path, uses);
  return graph;
}

/** @param expected Paths with weights: "a.ts 0.5, b.ts 1". */
function assertNear(graph: FileGraph, from: Record<string, number>, expected: string): void {
  const near = [...graph.near(new Map(Object.entries(from)))].sort(([a], [b]) => (a < b ? -1 : 1));
  assert.equal(near.map(([path, weight]) => `${path} ${Number(weight.toFixed(3))}`).join(", "), expected);
}

const FILES = { "api.ts": "Api > Socket", "socket.ts": "Socket", "main.ts": "> Api Socket", "alone.ts": "Alone" };

describe("file graph", () => {
  it("follows the imports of a file, also to files that come later", () => {
    const graph = graphOf({ "src/api.ts": "", "src/net/socket.ts": "" });
    const imports = ["./net/socket.ts", "./api.ts", "./later.ts", "node:fs", "./api.ts", "./main.ts"];
    graph.put({ path: "src/main.ts", definitions: [], references: [], imports });
    assert.deepEqual(graph.imported("src/main.ts"), ["src/net/socket.ts", "src/api.ts"]);
    put(graph, "src/later.ts", "");
    graph.remove("src/api.ts");
    assert.deepEqual(graph.imported("src/main.ts"), ["src/net/socket.ts", "src/later.ts"]);
    assert.deepEqual(graph.imported("src/later.ts"), []);
    assert.deepEqual(graph.imported("gone.ts"), []);
  });

  it("goes to what a file uses and to what uses it", () => {
    const graph = graphOf(FILES);
    assertNear(graph, { "main.ts": 1 }, "api.ts 0.5, socket.ts 0.5");
    assertNear(graph, { "socket.ts": 1 }, "api.ts 0.5, main.ts 0.5");
  });

  it("knows how much others use a file, not it itself", () => {
    const graph = graphOf({ ...FILES, "twin.ts": "Api > Api" });
    const uses = () => ["api.ts", "twin.ts", "socket.ts", "main.ts", "gone.ts"].map((path) => graph.useOf(path));
    assert.deepEqual(uses(), [1, 0.5, 2, 0, 0]);
    graph.remove("main.ts");
    assert.deepEqual(uses(), [0.5, 0, 1, 0, 0]);
  });

  it("adds up weights", () => {
    assertNear(graphOf(FILES), { "main.ts": 1, "api.ts": 2 }, "api.ts 0.5, main.ts 1, socket.ts 1.5");
  });

  it("knows nothing near to files without ties or that are not there", () => {
    assertNear(graphOf(FILES), { "alone.ts": 1, "gone.ts": 1 }, "");
    assertNear(new FileGraph(), { "a.ts": 1 }, "");
  });

  it("follows changes and removals", () => {
    const graph = graphOf(FILES);
    assertNear(graph, { "main.ts": 1 }, "api.ts 0.5, socket.ts 0.5");
    put(graph, "main.ts", "> Socket");
    assertNear(graph, { "main.ts": 1 }, "socket.ts 1");
    graph.remove("socket.ts");
    assertNear(graph, { "main.ts": 1 }, "");
  });

  it("has many files as they were until it is refreshed, and then as if they had come all at once", async () => {
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`f${n}.ts`, `N${n} > N${(n * 7) % 400}`]));
    const graph = graphOf({ ...many, ...FILES });
    assertNear(graph, { "main.ts": 1 }, "");
    await graph.refresh();
    assertNear(graph, { "main.ts": 1 }, "api.ts 0.5, socket.ts 0.5");
    put(graph, "main.ts", "> Socket");
    assertNear(graph, { "main.ts": 1 }, "api.ts 0.5, socket.ts 0.5");
    const first = graph.refresh();
    // While the neighbours are looked for.
    graph.remove("socket.ts");
    await Promise.all([first, graph.refresh()]);
    const fresh = graphOf({ ...many, ...FILES, "main.ts": "> Socket" });
    fresh.remove("socket.ts");
    await fresh.refresh();
    for (const path of [...Object.keys(many), ...Object.keys(FILES)]) {
      assert.deepEqual(graph.near(new Map([[path, 1]])), fresh.near(new Map([[path, 1]])), path);
    }
  });

  it("takes any path", () => {
    assertNear(graphOf({ __proto__x: "A", ["__proto__"]: "> A" }), { ["__proto__"]: 1 }, "__proto__x 1");
  });
});
