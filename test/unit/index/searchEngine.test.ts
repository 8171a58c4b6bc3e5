// Tests what the search asks of the store for a question, and that only what is new of each file comes back.
import assert from "node:assert/strict";
import type { FoundChunk, SearchLimits } from "../../../server/src/index/chunkStore.ts";
import { FileGraph } from "../../../server/src/index/fileGraph.ts";
import { type SearchableFile, SearchEngine } from "../../../server/src/index/searchEngine.ts";
import { SymbolTable } from "../../../server/src/index/symbolTable.ts";
import { embedder } from "./indexed.ts";

/** A store that writes down what it is asked for, and finds what it is given. */
class FakeStore {
  readonly asked: string[] = [];
  readonly #found: FoundChunk[];

  constructor(...found: FoundChunk[]) {
    this.#found = found;
  }

  async searchTerms(terms: readonly string[], limits: SearchLimits): Promise<FoundChunk[]> {
    return this.#answer(`any ${terms.join(" ")}`, limits);
  }

  async withTerms(terms: readonly string[], limits: SearchLimits): Promise<FoundChunk[]> {
    return this.#answer(`all ${terms.join(" ")}`, limits);
  }

  async containing(text: string, limits: SearchLimits): Promise<FoundChunk[]> {
    return this.#answer(`text ${text}`, limits);
  }

  async searchVector(vector: Float32Array, limits: SearchLimits): Promise<FoundChunk[]> {
    return this.#answer(`vector of ${vector.length}`, limits);
  }

  #answer(asked: string, { where }: SearchLimits): FoundChunk[] {
    this.asked.push(where === undefined ? asked : `${asked} where ${where}`);
    return this.#found;
  }
}

function chunk(path: string, key = path, text = ""): FoundChunk {
  return { key, path, language: "ts", startLine: 0, endLine: 0, symbol: "", signature: "", text, score: 0.5 };
}

/** Files whose newest text has their path as its key. */
async function engineOf(store: FakeStore, ...paths: string[]): Promise<SearchEngine> {
  const file = (path: string): SearchableFile => {
    return { path, uri: `file:///${path}`, key: path, changedMs: 0, symbols: [], lines: 1, firstLine: "" };
  };
  const files = new Map(paths.map((path) => [path, file(path)]));
  return new SearchEngine({
    store,
    embedder: await embedder(),
    files,
    symbols: new SymbolTable(),
    graph: new FileGraph(),
  });
}

async function checkAsked(question: string, parts: object, expected: string[]): Promise<void> {
  const store = new FakeStore();
  await (await engineOf(store)).fused(question, new Map(), parts);
  assert.deepEqual(store.asked, expected);
}

describe("search engine", () => {
  it("asks by telling words, identifiers and vector", () =>
    checkAsked("where is the httpSocket closed", {}, ["any http socket =httpsocket closed", "vector of 256"]));

  it("asks one side alone", async () => {
    await checkAsked("socket", { vectors: false }, ["any socket"]);
    await checkAsked("socket", { terms: false }, ["vector of 256"]);
  });

  it("has no vector for a question without words", () => checkAsked("?!", {}, ["any "]));

  it("gives filters to the store", async () => {
    const store = new FakeStore();
    const engine = await engineOf(store);
    await engine.fused("socket", new Map(), { vectors: false }, { languages: ["go"] });
    assert.deepEqual(store.asked, ["any socket where language IN ('go')"]);
  });

  it("passes over old texts and files that are gone", async () => {
    const engine = await engineOf(new FakeStore(chunk("a.ts"), chunk("b.ts", "old"), chunk("gone.ts")), "a.ts", "b.ts");
    assert.deepEqual(
      (await engine.fused("socket")).map(({ path }) => path),
      ["a.ts"],
    );
  });

  it("looks for quoted texts by their words, and for other texts everywhere", async () => {
    const store = new FakeStore(chunk("a.ts", "a.ts", "x = socket.close();"));
    const engine = await engineOf(store, "a.ts");
    const [place] = await engine.search('"socket.close()"');
    assert.equal(place?.path, "a.ts");
    assert.ok(store.asked.includes("all socket close"), store.asked.join("; "));
    await engine.search('"et.open("');
    assert.ok(store.asked.includes("text et.open("), store.asked.join("; "));
  });
});
