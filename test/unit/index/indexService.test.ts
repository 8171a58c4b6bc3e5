// Tests the index service with a thread that the test plays: answers, cancelling, crashes, giving up and the end.
import assert from "node:assert/strict";
import type {
  EmbedTexts,
  FromIndexThread,
  IndexSource,
  ToIndexThread,
} from "../../../server/src/index/indexMessages.ts";
import { IndexService, type IndexThread } from "../../../server/src/index/indexService.ts";
import type { IndexStatus, Place } from "../../../server/src/protocol/messages.ts";
import { type Deferred, deferred } from "../../fakes/deferred.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";

type Event = "message" | "error" | "exit";

class FakeThread {
  isTerminated = false;
  readonly sent: ToIndexThread[] = [];
  readonly #listeners = new Map<Event, (value?: unknown) => void>();

  on(event: Event, listener: (value: never) => void): void {
    this.#listeners.set(event, listener as (value?: unknown) => void);
  }

  postMessage(message: ToIndexThread): void {
    this.sent.push(message);
  }

  async terminate(): Promise<number> {
    this.isTerminated = true;
    this.#listeners.get("exit")?.();
    return 0;
  }

  crash(reason: string): void {
    this.#listeners.get("error")?.(new Error(reason));
    this.#listeners.get("exit")?.();
  }

  say(message: FromIndexThread): void {
    this.#listeners.get("message")?.(message);
  }

  /** Answers the oldest call of a method. */
  answer(method: string, result: unknown): void {
    this.say({ id: this.idOf(method), result } as FromIndexThread);
  }

  idOf(method: string): number {
    const call = this.sent.find((message) => "method" in message && message.method === method);
    return call !== undefined && "id" in call ? call.id : assert.fail(`${method} was not called`);
  }

  get methods(): string[] {
    return this.sent.map((message) => ("method" in message ? message.method : "cancel"));
  }
}

class Play {
  readonly threads: FakeThread[] = [];
  readonly clock = new FakeClock();
  readonly statuses: IndexStatus[] = [];
  readonly notices: string[] = [];
  readonly embeds: (EmbedTexts & { signal: AbortSignal; answer: Deferred<Float32Array[]> })[] = [];
  readonly service = new IndexService({
    embed: (texts, signal) => {
      const embed = deferred<Float32Array[]>();
      this.embeds.push({ ...texts, signal, answer: embed });
      return embed.promise;
    },
    start: () => {
      const thread = new FakeThread();
      this.threads.push(thread);
      return thread as unknown as IndexThread;
    },
    clock: this.clock,
    onStatus: (status) => this.statuses.push(status),
    onNotice: (notice) => this.notices.push(notice),
  });
  /** What the workspace is at the moment. */
  source: IndexSource = { files: [], texts: new Map() };

  get thread(): FakeThread {
    return this.threads.at(-1) ?? assert.fail("no thread was started");
  }

  collect() {
    const collected = this.service.collect(() => this.source);
    collected.catch(() => undefined);
    return collected;
  }

  search(query: string, signal?: AbortSignal) {
    const found = this.service.search({ query, limit: 5, focus: new Map(), whole: false }, signal);
    found.catch(() => undefined);
    return found;
  }

  /** Ends a collection that was asked for. */
  async collected(): Promise<void> {
    this.thread.answer("collect", []);
    await this.clock.settle();
    this.thread.answer("statistics", { bytes: 7 });
    await this.clock.settle();
  }
}

const PLACE: Place = { uri: "file:///a", path: "a", startLine: 0, endLine: 0, reason: "", preview: "" };

describe("the index service", () => {
  it("starts its thread at the first call, gives what it answers and says how far it is", async () => {
    const play = new Play();
    assert.equal(play.threads.length, 0);
    const collected = play.collect();
    play.thread.say({ progress: { files: 3, totalFiles: 9, chunks: 20 } });
    const found = play.search("x");
    play.thread.answer("search", [PLACE]);
    assert.deepEqual(await found, [PLACE]);
    await play.collected();
    assert.deepEqual(await collected, []);
    const none = { files: 0, totalFiles: 0, chunks: 0 };
    const some = { files: 3, totalFiles: 9, chunks: 20 };
    assert.deepEqual(play.statuses, [
      { phase: "indexing", ...none },
      { phase: "indexing", ...some },
      { phase: "ready", ...some, bytes: 7 },
    ]);
    assert.equal(play.threads.length, 1);
  });

  it("gives an error of the thread to whoever asked, and goes on", async () => {
    const play = new Play();
    const failing = play.search("x");
    play.thread.say({ id: play.thread.idOf("search"), error: "The embedder is missing." });
    await assert.rejects(failing, /The embedder is missing/);
    const { length } = play.thread.sent;
    void play.search("y");
    assert.equal(play.thread.sent.length, length + 1);
    assert.equal(play.service.failure, undefined);
  });

  it("stays off with the thread's sentence where the workspace cannot be indexed at all", async () => {
    const play = new Play();
    const calls = [play.collect(), play.search("x")];
    play.thread.say({ id: play.thread.idOf("collect"), error: "The embedder is missing." });
    for (const call of [...calls, play.search("y")]) await assert.rejects(call, /^Error: The embedder is missing\.$/);
    assert.deepEqual(play.notices, ["The embedder is missing."]);
    assert.equal(play.statuses.at(-1)?.phase, "off");
    await play.thread.terminate();
    await play.clock.pass(1e6);
    assert.equal(play.threads.length, 1);
  });

  it("takes a call back at once, and passes its late answer over", async () => {
    const play = new Play();
    const controller = new AbortController();
    const call = play.search("x", controller.signal);
    controller.abort(new Error("enough"));
    await assert.rejects(call, /enough/);
    const id = play.thread.idOf("search");
    assert.deepEqual(play.thread.sent.at(-1), { cancel: id });
    play.thread.say({ id, result: [PLACE] });
    await assert.rejects(play.search("y", controller.signal), /enough/);
    assert.deepEqual(play.thread.methods, ["search", "cancel"]);
  });

  it("starts again after a crash with the workspace as it is then, and asks again what was not answered", async () => {
    const play = new Play();
    void play.collect();
    await play.collected();
    play.service.put([{ path: "a", uri: "file:///a", text: "", changedMs: 0 }]);
    const found = play.search("x");
    play.thread.crash("out of memory");
    assert.equal(play.threads.length, 1);
    // Said between two threads: it is part of the source.
    play.service.put([{ path: "b", uri: "file:///b", text: "", changedMs: 0 }]);
    play.source = { files: [], texts: new Map([["b", "newer"]]) };
    await play.clock.pass(200);
    assert.equal(play.threads.length, 2);
    assert.deepEqual(play.thread.methods, ["collect", "search"]);
    assert.deepEqual(play.thread.sent[0], { id: play.thread.idOf("collect"), method: "collect", params: play.source });
    play.thread.answer("search", [PLACE]);
    assert.deepEqual(await found, [PLACE]);
    assert.deepEqual(play.notices, ["The search index stopped and is started again (out of memory)."]);
  });

  it("collects once after a crash while it was collecting", async () => {
    const play = new Play();
    const collected = play.collect();
    play.thread.crash("gone");
    await play.clock.pass(200);
    assert.deepEqual(play.thread.methods, ["collect"]);
    await play.collected();
    assert.deepEqual(await collected, []);
  });

  it("waits longer after the second crash, and stays off after the third with one sentence", async () => {
    const play = new Play();
    const collected = play.collect();
    const found = play.search("x");
    play.thread.crash("no binary");
    await play.clock.pass(200);
    play.thread.crash("no binary");
    await play.clock.pass(999);
    assert.equal(play.threads.length, 2);
    await play.clock.pass(1);
    assert.equal(play.threads.length, 3);
    play.thread.crash("no binary");
    const sentence = /stopped 3 times in a row \(no binary\) and stays off\./;
    for (const call of [collected, found, play.search("y"), play.service.statistics(), play.collect()]) {
      await assert.rejects(call, sentence);
    }
    await play.clock.pass(1e6);
    assert.equal(play.threads.length, 3);
    assert.match(play.service.failure ?? "", sentence);
    assert.equal(play.notices.filter((notice) => sentence.test(notice)).length, 1);
    assert.equal(play.statuses.at(-1)?.phase, "off");
  });

  it("forgets earlier crashes once everything was indexed", async () => {
    const play = new Play();
    void play.collect();
    for (let crash = 1; crash <= 5; crash++) {
      await play.collected();
      play.thread.crash("now and then");
      await play.clock.pass(200);
    }
    assert.equal(play.threads.length, 6);
    assert.equal(play.service.failure, undefined);
  });

  it("starts anew when it is told to, with the folder free in between, and asks again what was not answered", async () => {
    const play = new Play();
    void play.collect();
    await play.collected();
    const found = play.search("x");
    const searchId = play.thread.idOf("search");
    const order: string[] = [];
    const restarted = play.service.restart(async () => void order.push(`free ${play.threads.length}`));
    await assert.rejects(
      play.service.restart(async () => {}),
      /being removed already/,
    );
    // What is asked meanwhile waits for the next thread, and so does what this one cannot answer any more.
    const later = play.search("y");
    play.thread.say({ id: searchId, error: "The search index is closed." });
    play.thread.answer("close", null);
    await restarted;
    assert.deepEqual([order, play.threads.length], [["free 1"], 2]);
    assert.deepEqual(play.thread.methods, ["collect", "search", "search"]);
    play.thread.answer("search", [PLACE]);
    assert.deepEqual(await found, [PLACE]);
    const last = play.thread.sent.at(-1)!;
    play.thread.say({ id: "id" in last ? last.id : -1, result: [] });
    assert.deepEqual(await later, []);
    assert.deepEqual(play.notices, []);
    await play.clock.pass(1e6);
    assert.equal(play.threads.length, 2);
  });

  it("forgets when it is started anew why it was off, and starts no thread without a workspace", async () => {
    const play = new Play();
    let isFree = false;
    await play.service.restart(async () => {
      isFree = true;
    });
    assert.deepEqual([isFree, play.threads.length], [true, 0]);
    const collected = play.collect();
    play.thread.say({ id: play.thread.idOf("collect"), error: "no room" });
    await assert.rejects(collected, /no room/);
    const restarted = play.service.restart(async () => assert.fail("cannot be removed"));
    await assert.rejects(restarted, /cannot be removed/);
    assert.equal(play.service.failure, undefined);
    assert.deepEqual(play.thread.methods, ["collect"]);
    assert.equal(play.threads.length, 2);
  });

  it("lets the thread put everything away when it ends, and rejects what is under way", async () => {
    const play = new Play();
    void play.collect();
    const found = play.search("x");
    const ended = play.service.dispose();
    play.thread.answer("close", null);
    await ended;
    await assert.rejects(found, /shutting down/);
    await assert.rejects(play.search("y"), /shutting down/);
    assert.equal(play.threads.length, 1);
  });

  it("waits only so long for a thread that does not end, and leaves it what it is doing", async () => {
    const play = new Play();
    const collected = play.collect();
    const ended = play.service.dispose();
    await play.clock.pass(1500);
    await ended;
    await assert.rejects(collected, /shutting down/);
    assert.equal(play.thread.isTerminated, false);
  });

  it("starts no thread after a crash while the folder is removed", async () => {
    const play = new Play();
    void play.collect();
    play.thread.crash("out of memory");
    await play.service.restart(async () => {
      await play.clock.pass(1000);
      assert.equal(play.threads.length, 1);
    });
    assert.deepEqual([play.threads.length, play.thread.methods], [2, ["collect"]]);
  });

  it("does not wait without end for a thread that shall end before the folder is removed", async () => {
    const play = new Play();
    void play.collect();
    const restarted = play.service.restart(async () => assert.fail("it is in use"));
    restarted.catch(() => undefined);
    await play.clock.pass(30_000);
    await assert.rejects(restarted, /busy and was not removed/);
    assert.deepEqual([play.threads.length, play.thread.isTerminated], [1, false]);
    play.thread.answer("close", null);
    await play.clock.settle();
    assert.deepEqual([play.threads.length, play.thread.methods], [2, ["collect"]]);
    const again = play.service.restart(async () => {});
    play.thread.answer("close", null);
    await again;
    assert.equal(play.threads.length, 3);
  });

  describe("with an embedding model", () => {
    const choice = { identity: "abc", dimensions: 2, name: "small" };
    const chosen = (play: Play) =>
      play.thread.sent.flatMap((message) =>
        "method" in message && message.method === "embedWith" ? [message.params] : [],
      );

    it("tells the thread before anything else, a thread that is started later, and one after a crash", async () => {
      const play = new Play();
      play.service.embedWith(choice);
      assert.equal(play.threads.length, 0);
      void play.collect();
      assert.deepEqual(play.thread.methods, ["embedWith", "collect"]);
      play.thread.crash("out of memory");
      await play.clock.pass(200);
      assert.equal(play.threads.length, 2);
      assert.deepEqual(chosen(play)[0], choice);
      play.service.embedBundled();
      assert.equal(chosen(play).at(-1), null);
    });

    it("tells the thread nothing when the same one is chosen again", async () => {
      const play = new Play();
      void play.collect();
      play.service.embedWith(choice);
      play.service.embedWith({ ...choice });
      assert.deepEqual(chosen(play), [choice]);
    });

    it("shows how far the vectors are, then why there are none, then nothing", async () => {
      const play = new Play();
      void play.collect();
      const shown = () => play.statuses.at(-1)?.embedding;
      play.service.embedWith(choice);
      play.thread.say({ embedding: { chunks: 9, totalChunks: 10, inUse: true } });
      assert.deepEqual(shown(), { model: "small", chunks: 9, totalChunks: 10, inUse: true });
      play.service.embedBundled({ model: "small", problem: "It is gone." });
      play.thread.say({ embedding: { chunks: 10, totalChunks: 10, inUse: true } });
      assert.deepEqual(shown(), { model: "small", problem: "It is gone.", chunks: 0, totalChunks: 0, inUse: false });
      play.service.embedBundled();
      assert.equal(shown(), undefined);
    });

    it("hands vectors and failures to the thread that asked, and takes back what it takes back", async () => {
      const play = new Play();
      void play.collect();
      for (const embed of [1, 2, 3]) play.thread.say({ embed, texts: [`text ${embed}`], role: "document" });
      assert.deepEqual(
        play.embeds.map(({ texts }) => texts),
        [["text 1"], ["text 2"], ["text 3"]],
      );
      play.thread.say({ cancelEmbed: 3 });
      assert.deepEqual(
        play.embeds.map(({ signal }) => signal.aborted),
        [false, false, true],
      );
      play.embeds[0]!.answer.resolve([Float32Array.of(1)]);
      play.embeds[1]!.answer.reject(new Error("no memory"));
      await play.clock.pass(0);
      const answers = play.thread.sent.filter((message) => "embedded" in message);
      assert.deepEqual(answers, [
        { embedded: 1, vectors: [Float32Array.of(1)] },
        { embedded: 2, error: "no memory" },
      ]);
    });

    it("gives up what a crashed thread had asked for", async () => {
      const play = new Play();
      void play.collect();
      play.thread.say({ embed: 1, texts: ["a"], role: "query" });
      play.thread.crash("gone");
      assert.equal(play.embeds[0]!.signal.aborted, true);
      await play.clock.pass(200);
      play.embeds[0]!.answer.resolve([Float32Array.of(1)]);
      await play.clock.pass(0);
      assert.deepEqual(
        play.thread.sent.filter((message) => "embedded" in message),
        [],
      );
    });
  });

  it("starts no thread only to end it", async () => {
    const play = new Play();
    await play.service.dispose();
    assert.equal(play.threads.length, 0);
  });
});
