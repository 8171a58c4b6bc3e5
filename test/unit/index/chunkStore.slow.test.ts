// Tests that the store finds what was just added or changed, whether or not its indexes have it yet.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChunkStore, type StoredChunk, type StoredFile } from "../../../server/src/index/chunkStore.ts";

// Before the native code runs: it reads this once (see startIndexProcess.ts).
process.env.LANCE_CPU_THREADS ??= "4";

const DIM = 8;
/** From here on the store makes an index of the vectors. */
const MANY = 20_000;

/** A vector that points along one axis. */
function axis(number: number): Float32Array {
  return Float32Array.from({ length: DIM }, (_, at) => (at === number % DIM ? 1 : 0));
}

/** One of many unit vectors, all of them at right angles to axis 7. */
function spread(number: number): Float32Array {
  const values = Array.from({ length: DIM }, (_, at) => (at === DIM - 1 ? 0 : Math.sin(number * (at + 1) + at)));
  return Float32Array.from(values, (value) => value / Math.hypot(...values));
}

function chunk(key: string, terms: string, vector: Float32Array): StoredChunk {
  const place = { path: `${key}.ts`, language: "ts", startLine: 0, endLine: 0, symbol: "", signature: "" };
  return { key, ...place, text: terms, terms, vector };
}

function file(key: string, chunks = 1): StoredFile {
  return { key, path: `${key}.ts`, syntax: "{}", chunks };
}

/** A store with a: red green, b: green blue, c: blue red, along the axes 0, 1 and 2. */
async function threeFiles(): Promise<ChunkStore> {
  const store = await ChunkStore.open("memory://", "test", DIM);
  const chunks = [chunk("a", "red green", axis(0)), chunk("b", "green blue", axis(1)), chunk("c", "blue red", axis(2))];
  await store.add(
    ["a", "b", "c"].map((key) => file(key)),
    chunks,
  );
  return store;
}

function keysOf(found: readonly { key: string }[]): string {
  return found.map(({ key }) => key).join(" ");
}

/** @param terms Separated by blanks. @param any Keys of the chunks with any of them, sorted. @param all With all of them. */
async function check(store: ChunkStore, terms: string, any: string, all: string): Promise<void> {
  const asked = terms.split(" ");
  const sorted = (keys: string) => keys.split(" ").sort().join(" ");
  assert.equal(sorted(keysOf(await store.searchTerms(asked, { limit: 10 }))), any, `any of ${terms}`);
  assert.equal(sorted(keysOf(await store.withTerms(asked, { limit: 10 }))), all, `all of ${terms}`);
}

describe("chunk store", () => {
  it("keeps texts of any characters apart from each other", async () => {
    const store = await ChunkStore.open("memory://", "test", DIM);
    const texts = ["", "plain", "größer", "日本語", "half \ud83d", "\ude00 half", "", "😀"];
    await store.add(
      [file("a", texts.length)],
      texts.map((text, at) => ({ ...chunk("a", "term", axis(at)), text, startLine: at })),
    );
    const found = await store.searchVector(axis(0), { limit: texts.length });
    const byLine = found.sort((a, b) => a.startLine - b.startLine).map(({ text, path }) => `${path} ${text}`);
    // Half a character is no character: it is marked as lost, and never joined with what stands in the next chunk.
    assert.deepEqual(
      byLine,
      texts.map((text) => `a.ts ${text.replace(/^\ude00|\ud83d$/, "\ufffd")}`),
    );
  });

  it("finds by words what its index has", async () => {
    const store = await threeFiles();
    await store.tidy();
    await check(store, "red", "a c", "a c");
    await check(store, "red green", "a b c", "a");
    await check(store, "zebra", "", "");
    await check(store, "zebra red", "a c", "");
    await store.close();
  });

  it("finds by words what its index does not have yet", async () => {
    const store = await threeFiles();
    await store.tidy();
    await store.add([file("d")], [chunk("d", "zebra yak red", axis(5))]);
    await check(store, "zebra", "d", "d");
    await check(store, "zebra yak", "d", "d");
    await check(store, "zebra red", "a c d", "d");
    await check(store, "red green", "a b c d", "a");
    assert.equal(keysOf(await store.searchTerms(["zebra", "red"], { limit: 1 })), "d");
    await store.close();
  });

  it("finds it by words after merging, and no longer what was removed", async () => {
    const store = await threeFiles();
    await store.tidy();
    await store.add([file("d")], [chunk("d", "zebra yak red", axis(5))]);
    await store.remove(["a"]);
    await check(store, "red", "c d", "c d");
    await store.tidy({ force: true });
    await check(store, "red", "c d", "c d");
    await check(store, "red green", "b c d", "");
    await store.add([file("e")], [chunk("e", "red okapi", axis(6))]);
    await check(store, "red okapi", "c d e", "e");
    await store.close();
  });

  it("counts each term as much", async () => {
    const store = await threeFiles();
    await store.tidy();
    const [best, second, third] = await store.searchTerms(["red", "green"], { limit: 10 });
    assert.equal(best!.key, "a");
    assert.ok(Math.abs(best!.score - second!.score - third!.score) < 1e-6);
    await store.close();
  });

  it("finds texts with signs, as they stand or in any case", async () => {
    const store = await threeFiles();
    await store.add([file("d")], [chunk("d", "it's Over(1)", axis(5))]);
    const find = async (text: string, ignoreCase: boolean, where?: string) =>
      keysOf(await store.containing(text, { limit: 10, ignoreCase, where }));
    assert.equal(await find("IT'S over(", true), "d");
    assert.equal(await find("it's Over(", false), "d");
    assert.equal(await find("it's over(", false), "");
    assert.equal(await find("over(", true, "language = 'py'"), "");
    await store.close();
  });

  it("merges what many short sessions left", async () => {
    const place = mkdtempSync(join(tmpdir(), "fathom-store-"));
    const now = Date.now;
    try {
      // Old enough to be cleaned up as soon as it is merged.
      Date.now = () => now() + 3_600_000;
      let key = 0;
      for (let session = 0; session < 3; session++) {
        const store = await ChunkStore.open(place, "test", DIM);
        for (let change = 0; change < 50; change++) {
          await store.add([file(`k${++key}`)], [chunk(`k${key}`, "red", axis(0))]);
          await store.remove([`k${key - 1}`]);
        }
        await store.tidy();
        await store.close();
      }
      const versions = readdirSync(join(place, "chunks_2_test.lance", "_versions"));
      assert.ok(versions.length < 150, String(versions.length));
    } finally {
      Date.now = now;
      rmSync(place, { recursive: true, force: true });
    }
  });

  it("keeps to conditions", async () => {
    const store = await threeFiles();
    await store.tidy();
    const limits = { limit: 10, where: "path = 'c.ts'" };
    assert.equal(keysOf(await store.searchTerms(["red"], limits)), "c");
    assert.equal(keysOf(await store.searchVector(axis(0), limits)), "c");
    await store.close();
  });

  it("finds by vectors without an index", async () => {
    const store = await threeFiles();
    assert.equal(keysOf(await store.searchVector(axis(2), { limit: 1 })), "c");
    await store.add([file("d")], [chunk("d", "zebra", axis(5))]);
    const [best] = await store.searchVector(axis(5), { limit: 1 });
    assert.deepEqual([best!.key, best!.score], ["d", 1]);
    await store.close();
  });

  it("finds by vectors what the index of many does not have yet", async () => {
    const store = await ChunkStore.open("memory://", "test", DIM);
    const many = Array.from({ length: MANY }, (_, number) => chunk("many", `word${number}`, spread(number)));
    await store.add([file("many", MANY)], many);
    await store.tidy();
    assert.equal((await store.searchVector(axis(7), { limit: 1 }))[0]!.score, 0);
    await store.add([file("new")], [chunk("new", "zebra", axis(7))]);
    const [best] = await store.searchVector(axis(7), { limit: 1 });
    assert.deepEqual([best!.key, best!.score], ["new", 1]);
    await store.tidy({ force: true });
    assert.equal(keysOf(await store.searchVector(axis(7), { limit: 1 })), "new");
    await store.remove(["new"]);
    assert.equal(keysOf(await store.searchVector(axis(7), { limit: 1 })), "many");
    await store.close();
  });

  it("counts only files whose chunks are all there", async () => {
    const store = await threeFiles();
    await store.add([file("half", 2)], [chunk("half", "red", axis(3))]);
    await store.add([], [chunk("orphan", "red", axis(3))]);
    assert.equal(keysOf((await store.files()).sort((x, y) => (x.key < y.key ? -1 : 1))), "a b c");
    assert.equal(await store.count(), 3);
    await store.close();
  });
});
