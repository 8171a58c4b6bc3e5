// Tests that nothing counts twice after a write that failed half-way, and that a failure is told and made good later.
import assert from "node:assert/strict";
import type { StoredFile } from "../../../server/src/index/chunkStore.ts";
import { CodeIndex } from "../../../server/src/index/codeIndex.ts";
import { StoreWriter } from "../../../server/src/index/storeWriter.ts";
import { embedder, emptyIndex, syntax, text } from "./indexed.ts";

function file(key: string): StoredFile {
  return { key, path: `${key}.ts`, syntax: "{}", chunks: 0 };
}

/** A store on a disk that may be full: what is added is there all the same. */
class FakeStore {
  keys: string[] = [];
  isFull = false;

  async add(files: readonly StoredFile[]): Promise<void> {
    this.keys.push(...files.map(({ key }) => key));
    this.#fail();
  }

  async remove(gone: readonly string[]): Promise<void> {
    this.#fail();
    this.keys = this.keys.filter((key) => !gone.includes(key));
  }

  #fail(): void {
    if (this.isFull) throw new Error("no space left");
  }
}

describe("writing to the store", () => {
  it("removes what a failed addition left before it adds the same again", async () => {
    const store = new FakeStore();
    const writer = new StoreWriter(store);
    store.isFull = true;
    await assert.rejects(writer.add([file("a")], []), /no space/);
    await assert.rejects(writer.add([file("a")], []), /no space/);
    store.isFull = false;
    await writer.add([file("b")], []);
    await Promise.all([writer.add([file("a")], []), writer.remove(["b"])]);
    assert.deepEqual(store.keys, ["a"]);
  });

  it("tries a failed removal again, and before the same is added", async () => {
    const store = new FakeStore();
    const writer = new StoreWriter(store);
    await writer.add([file("a"), file("b")], []);
    store.isFull = true;
    await assert.rejects(writer.remove(["a", "b"]), /no space/);
    store.isFull = false;
    await writer.add([file("a")], []);
    assert.deepEqual(store.keys, ["a"]);
    await writer.remove([]);
    assert.deepEqual(store.keys, ["a"]);
  });

  it("is how the index writes", async () => {
    const loaded = await embedder();
    const { store } = await emptyIndex();
    const { add } = store;
    let failures = 2;
    store.add = async (files, chunks) => {
      if (failures-- <= 0) return add.call(store, files, chunks);
      await add.call(store, [], chunks);
      throw new Error("no space left");
    };
    const index = await CodeIndex.open({ store, embedder: loaded, analyse: (files) => syntax.analyse(files) });
    const put = () => index.put([text("a.ts", "export function pangolin() {}\n")]);
    for (let n = 0; n < 2; n++) await assert.rejects(put(), /no space/);
    await put();
    assert.deepEqual([index.statistics.chunks, await store.count()], [1, 1]);
    store.remove = async () => assert.fail("no space left");
    index.keepOnly(new Set());
    await assert.rejects(index.forgetUnused(0), /no space/);
    Reflect.deleteProperty(store, "remove");
    await put();
    assert.equal(await store.count(), 1);
  });
});
