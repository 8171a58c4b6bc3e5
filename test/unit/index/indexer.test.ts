// Tests the order of indexing: changes first, the newest text last, four batches at a time, and what waits for what.
import assert from "node:assert/strict";
import type { TextRead } from "../../../server/src/codebase/readText.ts";
import type { IndexedText, IndexStatistics } from "../../../server/src/index/codeIndex.ts";
import { Indexer } from "../../../server/src/index/indexer.ts";
import { type Deferred, deferred } from "../../fakes/deferred.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";

const NEVER = new AbortController().signal;
const MANY_BYTES = 5 * 1024 * 1024;

/** Puts wait until the test lets them go. */
class Play {
  readonly clock = new FakeClock();
  readonly texts = new Map<string, string>();
  /** Batches as `path=text path=text`, as they were put. */
  readonly batches: string[] = [];
  readonly order: string[] = [];
  readonly troubles: string[] = [];
  /** What was in the index each time the graph was refreshed. */
  readonly refreshed: string[] = [];
  /** What is on disk. */
  readonly disk = new Map<string, TextRead>();
  open: Deferred<void>[] = [];
  isHeld = false;
  chunks = 1;
  /** Tidying waits for it. */
  tidying: Promise<void> = Promise.resolve();
  /** Refreshing the graph waits for it. */
  refreshing: Promise<void> = Promise.resolve();
  readonly indexer = new Indexer({
    index: {
      put: (texts) => this.#put(texts),
      remove: (paths) => {
        for (const path of paths) this.texts.delete(path);
      },
      keepOnly: (paths) => {
        for (const path of this.texts.keys()) if (!paths.has(path)) this.texts.delete(path);
      },
      forgetUnused: async () => void this.order.push("forget"),
      tidy: async () => {
        this.order.push("tidy");
        await this.tidying;
      },
      refreshGraph: async () => {
        this.refreshed.push(this.shown());
        await this.refreshing;
      },
      statistics: this.#statistics(),
    },
    read: async ({ path }) => this.disk.get(path),
    clock: this.clock,
    onProgress: () => {},
    onTrouble: (sentence) => this.troubles.push(sentence),
  });

  #statistics(): IndexStatistics {
    const play = this;
    return {
      files: 0,
      symbols: 0,
      computedFiles: 0,
      get chunks() {
        return play.chunks;
      },
    };
  }

  async #put(texts: readonly IndexedText[]): Promise<void> {
    this.batches.push(texts.map(({ path, text }) => `${path}=${text}`).join(" "));
    if (this.isHeld) {
      const held = deferred<void>();
      this.open.push(held);
      await held.promise;
    }
    for (const { path, text } of texts) {
      if (text === "refused") throw new Error("no space left");
      this.texts.set(path, text);
    }
  }

  /** The whole workspace: these files, with what is on disk. */
  collect(
    files: Record<string, string>,
    { bytes = 1, open = {} }: { bytes?: number; open?: Record<string, string> } = {},
  ) {
    for (const [path, text] of Object.entries(files)) this.disk.set(path, { text, bytes, mtimeMs: 0 });
    const all = Object.keys(files).map((path) => ({ folder: "", path, absolutePath: `/${path}`, bytes, mtimeMs: 0 }));
    this.indexer.collect({ files: all, texts: new Map(Object.entries(open)) });
  }

  put(path: string, text: string): void {
    this.indexer.put([{ path, uri: `file:///${path}`, text, changedMs: 0 }]);
  }

  /** Lets what is held go, one by one. */
  async release(): Promise<void> {
    this.isHeld = false;
    for (const held of this.open.splice(0)) held.resolve();
    await this.clock.settle();
  }

  shown(): string {
    return [...this.texts]
      .map(([path, text]) => `${path}=${text}`)
      .sort()
      .join(" ");
  }
}

describe("the indexer", () => {
  it("indexes all files, open ones as they are in the editor, and none that cannot be read", async () => {
    const play = new Play();
    play.disk.set("c", { skipped: "binary" });
    play.collect({ a: "1", b: "2", d: "4" }, { open: { b: "typed" } });
    await play.indexer.settled(true, NEVER);
    assert.equal(play.shown(), "a=1 b=typed d=4");
    play.disk.delete("d");
    play.indexer.collect({
      files: [{ folder: "", path: "d", absolutePath: "/d", bytes: 1, mtimeMs: 0 }],
      texts: new Map(),
    });
    await play.indexer.settled(true, NEVER);
    assert.deepEqual([play.shown(), play.indexer.totalFiles], ["", 1]);
  });

  it("works in four batches at a time, of at most 128 files or three quarters of a megabyte", async () => {
    const play = new Play();
    play.isHeld = true;
    play.collect(Object.fromEntries(Array.from({ length: 650 }, (_, n) => [`f${n}`, "x"])));
    await play.clock.settle();
    assert.deepEqual(
      play.batches.map((batch) => batch.split(" ").length),
      [128, 128, 128, 128],
    );
    await play.release();
    assert.deepEqual(
      play.batches.map((batch) => batch.split(" ").length),
      [128, 128, 128, 128, 128, 10],
    );
    play.batches.length = 0;
    play.collect({ a: "1", b: "2", c: "3" }, { bytes: 400 * 1024 });
    await play.indexer.settled(true, NEVER);
    assert.deepEqual(play.batches, ["a=1", "b=2", "c=3"]);
  });

  it("takes changes before everything else, and answers before the rest is indexed", async () => {
    const play = new Play();
    play.isHeld = true;
    play.collect({ a: "1", b: "2", c: "3", d: "4", e: "5", f: "6" }, { bytes: MANY_BYTES });
    await play.clock.settle();
    play.put("z", "9");
    const [soon, whole] = [play.indexer.settled(false, NEVER), play.indexer.settled(true, NEVER)];
    let isWhole = false;
    void whole.then(() => {
      isWhole = true;
    });
    play.open.shift()?.resolve();
    await play.clock.settle();
    assert.deepEqual(play.batches, ["a=1", "b=2", "c=3", "d=4", "z=9"]);
    play.open.pop()?.resolve();
    await soon;
    assert.equal(isWhole, false);
    await play.release();
    await whole;
    assert.equal(play.shown(), "a=1 b=2 c=3 d=4 e=5 f=6 z=9");
  });

  it("waits for everything where that is little", async () => {
    const play = new Play();
    play.isHeld = true;
    play.collect({ a: "1" });
    await play.clock.settle();
    let isOver = false;
    const settled = play.indexer.settled(false, NEVER).then(() => {
      isOver = true;
    });
    await play.clock.settle();
    assert.equal(isOver, false);
    await play.release();
    await settled;
  });

  it("never lets an older text of a file overtake a newer one", async () => {
    const play = new Play();
    play.isHeld = true;
    play.put("a", "1");
    await play.clock.settle();
    play.put("a", "2");
    play.put("a", "3");
    await play.clock.settle();
    assert.deepEqual(play.batches, ["a=1"]);
    await play.release();
    assert.deepEqual([play.batches, play.shown()], [["a=1", "a=3"], "a=3"]);
  });

  it("forgets a file that went while it was indexed, and keeps one that came back", async () => {
    const play = new Play();
    play.isHeld = true;
    play.put("a", "1");
    play.put("b", "1");
    await play.clock.settle();
    play.indexer.remove(["a", "b"]);
    play.put("b", "2");
    await play.release();
    assert.equal(play.shown(), "b=2");
    assert.equal(play.indexer.totalFiles, 1);
  });

  it("names what could not be stored, until it could or the file is gone", async () => {
    const play = new Play();
    play.collect({ a: "refused", b: "refused" });
    await play.indexer.settled(true, NEVER);
    const reason = "not searched: no space left";
    assert.deepEqual(play.indexer.leftOut, [
      { path: "a", reason },
      { path: "b", reason },
    ]);
    assert.deepEqual(play.troubles, ["Files could not be indexed: no space left"]);
    play.put("a", "1");
    play.indexer.remove(["b"]);
    await play.indexer.settled(true, NEVER);
    assert.deepEqual([play.indexer.leftOut, play.shown()], [[], "a=1"]);
  });

  it("tries again later what could not be stored, unless it changed or went", async () => {
    const play = new Play();
    play.collect({ a: "refused", b: "refused", c: "refused" });
    await play.indexer.settled(true, NEVER);
    for (const path of ["a", "b", "c"]) play.disk.set(path, { text: "stored", bytes: 1, mtimeMs: 0 });
    play.put("b", "newer");
    play.indexer.remove(["c"]);
    await play.clock.pass(59_999);
    assert.equal(play.shown(), "b=newer");
    await play.clock.pass(1);
    assert.deepEqual([play.shown(), play.indexer.leftOut], ["a=stored b=newer", []]);
  });

  it("does not try an older text again after a newer one was stored", async () => {
    const play = new Play();
    play.isHeld = true;
    play.put("a", "refused");
    await play.clock.settle();
    play.put("a", "2");
    await play.release();
    assert.equal(play.shown(), "a=2");
    play.batches.length = 0;
    await play.clock.pass(1e6);
    assert.deepEqual(play.batches, []);
  });

  it("does not wait for the graph when it ends", async () => {
    const play = new Play();
    play.refreshing = deferred<void>().promise;
    play.collect({ a: "1" });
    await play.clock.settle();
    await play.indexer.close();
    assert.deepEqual(play.refreshed, ["a=1"]);
  });

  it("has the graph refreshed once everything is there, and not after each change", async () => {
    const play = new Play();
    play.collect({ a: "1", b: "2", c: "3", d: "4", e: "5" }, { bytes: MANY_BYTES });
    await play.indexer.settled(true, NEVER);
    const all = "a=1 b=2 c=3 d=4 e=5";
    assert.deepEqual(play.refreshed, [all]);
    play.put("a", "9");
    await play.indexer.settled(true, NEVER);
    assert.deepEqual(play.refreshed, [all]);
  });

  it("makes no index by words of nothing", async () => {
    const play = new Play();
    play.chunks = 0;
    play.put("a", "");
    await play.indexer.settled(true, NEVER);
    assert.deepEqual(play.order, []);
    play.chunks = 1;
    play.put("b", "b");
    await play.indexer.settled(true, NEVER);
    assert.deepEqual(play.order, ["tidy"]);
  });

  it("ends a wait that is aborted", async () => {
    const play = new Play();
    play.isHeld = true;
    play.collect({ a: "1" });
    await play.clock.settle();
    const controller = new AbortController();
    const settled = play.indexer.settled(true, controller.signal);
    controller.abort(new Error("enough"));
    await assert.rejects(settled, /enough/);
    await assert.rejects(play.indexer.settled(true, controller.signal), /enough/);
    await play.release();
  });

  it("makes the index by words at the first batch, and puts everything in order once it is quiet", async () => {
    const play = new Play();
    play.put("a", "1");
    await play.indexer.settled(true, NEVER);
    assert.deepEqual(play.order, ["tidy"]);
    await play.clock.pass(2999);
    play.put("a", "2");
    await play.clock.settle();
    await play.clock.pass(2999);
    assert.deepEqual(play.order, ["tidy"]);
    await play.clock.pass(1);
    assert.deepEqual(play.order, ["tidy", "forget", "tidy"]);
    await play.clock.pass(1e6);
    assert.equal(play.order.length, 3);
  });

  it("has nothing settled before there is an index by words", async () => {
    const play = new Play();
    const held = deferred<void>();
    play.tidying = held.promise;
    let isOver = false;
    play.put("a", "1");
    const settled = play.indexer.settled(false, NEVER).then(() => {
      isOver = true;
    });
    await play.clock.settle();
    assert.deepEqual([play.shown(), isOver], ["a=1", false]);
    held.resolve();
    await settled;
  });

  it("tidies a large index on the way, each time when it is four times as large", async () => {
    const play = new Play();
    for (const [chunks, tidied] of [
      [100, 1],
      [19_999, 1],
      [20_000, 2],
      [79_999, 2],
      [80_000, 3],
    ] as const) {
      play.chunks = chunks;
      play.put("a", String(chunks));
      await play.indexer.settled(true, NEVER);
      assert.equal(play.order.length, tidied, String(chunks));
    }
  });

  it("ends with the batches under way", async () => {
    const play = new Play();
    play.isHeld = true;
    play.collect({ a: "1", b: "2", c: "3", d: "4", e: "5" }, { bytes: MANY_BYTES });
    await play.clock.settle();
    const closed = play.indexer.close();
    await play.release();
    await closed;
    assert.deepEqual(play.batches, ["a=1", "b=2", "c=3", "d=4"]);
    await play.clock.pass(1e6);
    assert.deepEqual(play.order, ["tidy"]);
  });
});
