// Tests that what a parse gave that did not end is searched, tried again at the next starts, and not for ever.
import assert from "node:assert/strict";
import { ChunkStore } from "../../../server/src/index/chunkStore.ts";
import { CodeIndex } from "../../../server/src/index/codeIndex.ts";
import { emptySyntax, type FileSyntax, type SourceText } from "../../../server/src/syntax/fileSyntax.ts";
import { embedder, text } from "./indexed.ts";

const FILE = text("a.ts", "export function wombat() {}\n");
const SPAN = {
  name: "wombat",
  kind: "function",
  container: "",
  signature: "function wombat()",
  line: 0,
  endLine: 0,
} as const;
const UNFINISHED: FileSyntax = { ...emptySyntax(), parts: { chunks: [piece("")], symbols: [] }, unfinished: true };
const WHOLE: FileSyntax = { ...emptySyntax(), parts: { chunks: [piece("wombat")], symbols: [SPAN] } };

function piece(symbol: string) {
  return { startLine: 0, endLine: 0, symbol, signature: "" };
}

/** A machine that is busy or not, over several starts of the server. */
class Machine {
  isBusy = true;
  /** Paths that were parsed. */
  readonly parsed: string[] = [];
  #store: ChunkStore | undefined;

  async start(): Promise<CodeIndex> {
    const loaded = await embedder();
    this.#store ??= await ChunkStore.open("memory://", "test", loaded.dim);
    return CodeIndex.open({ store: this.#store, embedder: loaded, analyse: (files) => this.#analyse(files) });
  }

  async #analyse(files: readonly SourceText[]): Promise<FileSyntax[]> {
    this.parsed.push(...files.map(({ path }) => path));
    return files.map(() => (this.isBusy ? UNFINISHED : WHOLE));
  }
}

async function found(index: CodeIndex): Promise<string[]> {
  await index.tidy();
  return (await index.search("wombat")).map(({ path, reason }) => `${path} ${reason}`);
}

describe("a file whose parse did not end", () => {
  it("is found by its text, and parsed once as long as the server runs", async () => {
    const machine = new Machine();
    const index = await machine.start();
    for (let time = 0; time < 2; time++) {
      await index.put([FILE]);
      assert.deepEqual(await found(index), ["a.ts word: wombat"]);
      index.remove([FILE.path]);
    }
    await index.put([FILE, { ...FILE, path: "b.ts" }]);
    assert.deepEqual(machine.parsed, ["a.ts", "b.ts"]);
  });

  it("is parsed again at the next start, and what that gives is kept", async () => {
    const machine = new Machine();
    await (await machine.start()).put([FILE]);
    machine.isBusy = false;
    for (let start = 0; start < 2; start++) {
      const index = await machine.start();
      await index.put([FILE]);
      assert.deepEqual(await found(index), ["a.ts symbol wombat; word: wombat"]);
      assert.deepEqual([index.statistics.files, index.statistics.chunks, index.statistics.symbols], [1, 1, 1]);
    }
    assert.equal(machine.parsed.length, 2);
  });

  it("is left as it is after three starts, until its text changes", async () => {
    const machine = new Machine();
    for (let start = 0; start < 5; start++) {
      const index = await machine.start();
      await index.put([FILE]);
      assert.deepEqual(await found(index), ["a.ts word: wombat"]);
    }
    assert.equal(machine.parsed.length, 3);
    machine.isBusy = false;
    const index = await machine.start();
    await index.put([{ ...FILE, text: `${FILE.text}\n` }]);
    assert.deepEqual(await found(index), ["a.ts symbol wombat; word: wombat"]);
  });

  it("leaves nothing of earlier attempts in the store once room is wanted", async () => {
    const machine = new Machine();
    await (await machine.start()).put([FILE]);
    machine.isBusy = false;
    const index = await machine.start();
    await index.put([FILE]);
    await index.forgetUnused(0);
    assert.equal((await machine.start()).isStored(index.contents()[0]!.key), true);
    assert.deepEqual(await found(index), ["a.ts symbol wombat; word: wombat"]);
  });
});
