// Tests the index service with a process that the test plays: answers, cancelling, crashes, giving up and the end.
import assert from "node:assert/strict";
import type {
  EmbedTexts,
  FromIndexProcess,
  IndexSource,
  ToIndexProcess,
} from "../../../server/src/index/indexMessages.ts";
import { IndexService } from "../../../server/src/index/indexService.ts";
import type { IndexProcess, IndexProcessListener } from "../../../server/src/index/startIndexProcess.ts";
import type { IndexStatus, Place } from "../../../server/src/protocol/messages.ts";
import { type Deferred, deferred } from "../../fakes/deferred.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";

class FakeProcess implements IndexProcess {
  isKilled = false;
  readonly sent: ToIndexProcess[] = [];
  readonly #listener: IndexProcessListener;

  constructor(listener: IndexProcessListener) {
    this.#listener = listener;
  }

  send(message: ToIndexProcess): void {
    this.sent.push(message);
  }

  async kill(): Promise<void> {
    this.isKilled = true;
    this.#listener.onEnd("SIGKILL");
  }

  crash(reason: string): void {
    this.#listener.onEnd(reason);
  }

  say(message: FromIndexProcess): void {
    this.#listener.onMessage(message);
  }

  /** Answers the oldest call of a method. */
  answer(method: string, result: unknown): void {
    this.say({ id: this.idOf(method), result } as FromIndexProcess);
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
  readonly processes: FakeProcess[] = [];
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
    start: (listener) => {
      const process = new FakeProcess(listener);
      this.processes.push(process);
      return process;
    },
    clock: this.clock,
    onStatus: (status) => this.statuses.push(status),
    onLog: () => {},
    onNotice: (notice) => this.notices.push(notice),
  });
  /** What the workspace is at the moment. */
  source: IndexSource = { files: [], texts: new Map() };

  get process(): FakeProcess {
    return this.processes.at(-1) ?? assert.fail("no process was started");
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
    this.process.answer("collect", []);
    await this.clock.settle();
    this.process.answer("statistics", { bytes: 7 });
    await this.clock.settle();
  }
}

const PLACE: Place = { uri: "file:///a", path: "a", startLine: 0, endLine: 0, reason: "", preview: "" };

describe("the index service", () => {
  it("starts its process at the first call, gives what it answers and says how far it is", async () => {
    const play = new Play();
    assert.equal(play.processes.length, 0);
    const collected = play.collect();
    play.process.say({ progress: { files: 3, totalFiles: 9, chunks: 20 } });
    const found = play.search("x");
    play.process.answer("search", [PLACE]);
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
    assert.equal(play.processes.length, 1);
  });

  it("gives an error of the process to whoever asked, and goes on", async () => {
    const play = new Play();
    const failing = play.search("x");
    play.process.say({ id: play.process.idOf("search"), error: "The embedder is missing." });
    await assert.rejects(failing, /The embedder is missing/);
    const { length } = play.process.sent;
    void play.search("y");
    assert.equal(play.process.sent.length, length + 1);
    assert.equal(play.service.failure, undefined);
  });

  it("stays off with the process's sentence where the workspace cannot be indexed at all", async () => {
    const play = new Play();
    const calls = [play.collect(), play.search("x")];
    play.process.say({ id: play.process.idOf("collect"), error: "The embedder is missing." });
    for (const call of [...calls, play.search("y")]) await assert.rejects(call, /^Error: The embedder is missing\.$/);
    assert.deepEqual(play.notices, ["The embedder is missing."]);
    assert.equal(play.statuses.at(-1)?.phase, "off");
    await play.process.kill();
    await play.clock.pass(1e6);
    assert.equal(play.processes.length, 1);
  });

  it("takes a call back at once, and passes its late answer over", async () => {
    const play = new Play();
    const controller = new AbortController();
    const call = play.search("x", controller.signal);
    controller.abort(new Error("enough"));
    await assert.rejects(call, /enough/);
    const id = play.process.idOf("search");
    assert.deepEqual(play.process.sent.at(-1), { cancel: id });
    play.process.say({ id, result: [PLACE] });
    await assert.rejects(play.search("y", controller.signal), /enough/);
    assert.deepEqual(play.process.methods, ["search", "cancel"]);
  });

  it("starts again after a crash with the workspace as it is then, and asks again what was not answered", async () => {
    const play = new Play();
    void play.collect();
    await play.collected();
    play.service.put([{ path: "a", uri: "file:///a", text: "", changedMs: 0 }]);
    const found = play.search("x");
    play.process.crash("out of memory");
    assert.equal(play.processes.length, 1);
    // Said between two processes: it is part of the source.
    play.service.put([{ path: "b", uri: "file:///b", text: "", changedMs: 0 }]);
    play.source = { files: [], texts: new Map([["b", "newer"]]) };
    await play.clock.pass(200);
    assert.equal(play.processes.length, 2);
    assert.deepEqual(play.process.methods, ["collect", "search"]);
    assert.deepEqual(play.process.sent[0], {
      id: play.process.idOf("collect"),
      method: "collect",
      params: play.source,
    });
    play.process.answer("search", [PLACE]);
    assert.deepEqual(await found, [PLACE]);
    assert.deepEqual(play.notices, ["The search index stopped and is started again (out of memory)."]);
  });

  it("collects once after a crash while it was collecting", async () => {
    const play = new Play();
    const collected = play.collect();
    play.process.crash("gone");
    await play.clock.pass(200);
    assert.deepEqual(play.process.methods, ["collect"]);
    await play.collected();
    assert.deepEqual(await collected, []);
  });

  it("waits longer after the second crash, and stays off after the third with one sentence", async () => {
    const play = new Play();
    const collected = play.collect();
    const found = play.search("x");
    play.process.crash("no binary");
    await play.clock.pass(200);
    play.process.crash("no binary");
    await play.clock.pass(999);
    assert.equal(play.processes.length, 2);
    await play.clock.pass(1);
    assert.equal(play.processes.length, 3);
    play.process.crash("no binary");
    const sentence = /stopped 3 times in a row \(no binary\) and stays off\./;
    for (const call of [collected, found, play.search("y"), play.service.statistics(), play.collect()]) {
      await assert.rejects(call, sentence);
    }
    await play.clock.pass(1e6);
    assert.equal(play.processes.length, 3);
    assert.match(play.service.failure ?? "", sentence);
    assert.equal(play.notices.filter((notice) => sentence.test(notice)).length, 1);
    assert.equal(play.statuses.at(-1)?.phase, "off");
  });

  it("forgets earlier crashes once everything was indexed", async () => {
    const play = new Play();
    void play.collect();
    for (let crash = 1; crash <= 5; crash++) {
      await play.collected();
      play.process.crash("now and then");
      await play.clock.pass(200);
    }
    assert.equal(play.processes.length, 6);
    assert.equal(play.service.failure, undefined);
  });

  it("starts anew when it is told to, with the folder free in between, and asks again what was not answered", async () => {
    const play = new Play();
    void play.collect();
    await play.collected();
    const found = play.search("x");
    const searchId = play.process.idOf("search");
    const order: string[] = [];
    const restarted = play.service.restart(async () => void order.push(`free ${play.processes.length}`));
    await assert.rejects(
      play.service.restart(async () => {}),
      /being removed already/,
    );
    // What is asked meanwhile waits for the next process, and so does what this one cannot answer any more.
    const later = play.search("y");
    play.process.say({ id: searchId, error: "The search index is closed." });
    play.process.answer("close", null);
    await restarted;
    assert.deepEqual([order, play.processes.length], [["free 1"], 2]);
    assert.deepEqual(play.process.methods, ["collect", "search", "search"]);
    play.process.answer("search", [PLACE]);
    assert.deepEqual(await found, [PLACE]);
    const last = play.process.sent.at(-1)!;
    play.process.say({ id: "id" in last ? last.id : -1, result: [] });
    assert.deepEqual(await later, []);
    assert.deepEqual(play.notices, []);
    await play.clock.pass(1e6);
    assert.equal(play.processes.length, 2);
  });

  it("forgets when it is started anew why it was off, and starts no process without a workspace", async () => {
    const play = new Play();
    let isFree = false;
    await play.service.restart(async () => {
      isFree = true;
    });
    assert.deepEqual([isFree, play.processes.length], [true, 0]);
    const collected = play.collect();
    play.process.say({ id: play.process.idOf("collect"), error: "no room" });
    await assert.rejects(collected, /no room/);
    const restarted = play.service.restart(async () => assert.fail("cannot be removed"));
    await assert.rejects(restarted, /cannot be removed/);
    assert.equal(play.service.failure, undefined);
    assert.deepEqual(play.process.methods, ["collect"]);
    assert.equal(play.processes.length, 2);
  });

  it("lets the process put everything away when it ends, and rejects what is under way", async () => {
    const play = new Play();
    void play.collect();
    const found = play.search("x");
    const ended = play.service.dispose();
    play.process.answer("close", null);
    await ended;
    await assert.rejects(found, /shutting down/);
    await assert.rejects(play.search("y"), /shutting down/);
    assert.equal(play.processes.length, 1);
  });

  it("waits only so long for a process that does not end, and kills it then", async () => {
    const play = new Play();
    const collected = play.collect();
    const ended = play.service.dispose();
    await play.clock.pass(1499);
    assert.equal(play.process.isKilled, false);
    await play.clock.pass(1);
    await ended;
    await assert.rejects(collected, /shutting down/);
    assert.equal(play.process.isKilled, true);
  });

  it("gives up a question that ends every process, and answers the others", async () => {
    const play = new Play();
    void play.collect();
    await play.collected();
    const deadly = play.search("x");
    for (let crash = 1; crash <= 3; crash++) {
      play.process.crash("SIGSEGV");
      if (crash < 3) await play.clock.pass(200);
      // Everything is indexed again at once, so that this alone never comes to an end.
      if (crash < 3) await play.collected();
    }
    await assert.rejects(deadly, /stopped 3 times at this \(SIGSEGV\)/);
    const harmless = play.search("y");
    await play.clock.pass(200);
    assert.deepEqual(play.process.methods, ["collect", "search"]);
    play.process.answer("search", [PLACE]);
    assert.deepEqual(await harmless, [PLACE]);
    assert.equal(play.service.failure, undefined);
  });

  it("does not wait for a process that ends while it puts everything away", async () => {
    const play = new Play();
    void play.collect();
    const restarted = play.service.restart(async () => {});
    play.process.crash("gone");
    await restarted;
    assert.deepEqual([play.processes.length, play.process.methods, play.notices], [2, ["collect"], []]);
  });

  it("starts nothing any more when it is disposed of while it is started anew, or after a crash", async () => {
    const crashed = new Play();
    void crashed.collect();
    crashed.process.crash("gone");
    await crashed.service.dispose();
    await crashed.clock.pass(1e6);
    assert.equal(crashed.processes.length, 1);
    const restarting = new Play();
    void restarting.collect();
    const restarted = restarting.service.restart(async () => assert.fail("the folder is left alone"));
    const disposed = restarting.service.dispose();
    restarting.process.answer("close", null);
    await assert.rejects(restarted, /shutting down/);
    await restarting.clock.pass(1500);
    await disposed;
    await restarting.clock.pass(1e6);
    assert.equal(restarting.processes.length, 1);
  });

  it("starts no process after a crash while the folder is removed", async () => {
    const play = new Play();
    void play.collect();
    play.process.crash("out of memory");
    await play.service.restart(async () => {
      await play.clock.pass(1000);
      assert.equal(play.processes.length, 1);
    });
    assert.deepEqual([play.processes.length, play.process.methods], [2, ["collect"]]);
  });

  it("kills a process that does not end before the folder is removed, and tells the next one nothing of that", async () => {
    const play = new Play();
    void play.collect();
    const order: string[] = [];
    const restarted = play.service.restart(async () => void order.push(`killed ${play.process.isKilled}`));
    await play.clock.pass(1500);
    await restarted;
    assert.deepEqual(order, ["killed true"]);
    assert.deepEqual([play.processes.length, play.process.methods, play.notices], [2, ["collect"], []]);
  });

  describe("with an embedding model", () => {
    const choice = { identity: "abc", dimensions: 2, name: "small" };
    const chosen = (play: Play) =>
      play.process.sent.flatMap((message) =>
        "method" in message && message.method === "embedWith" ? [message.params] : [],
      );

    it("tells the process before anything else, a process that is started later, and one after a crash", async () => {
      const play = new Play();
      play.service.embedWith(choice);
      assert.equal(play.processes.length, 0);
      void play.collect();
      assert.deepEqual(play.process.methods, ["embedWith", "collect"]);
      play.process.crash("out of memory");
      await play.clock.pass(200);
      assert.equal(play.processes.length, 2);
      assert.deepEqual(chosen(play)[0], choice);
      play.service.embedBundled();
      assert.equal(chosen(play).at(-1), null);
    });

    it("tells the process nothing when the same one is chosen again", async () => {
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
      play.process.say({ embedding: { chunks: 9, totalChunks: 10, inUse: true } });
      assert.deepEqual(shown(), { model: "small", chunks: 9, totalChunks: 10, inUse: true });
      play.service.embedBundled({ model: "small", problem: "It is gone." });
      play.process.say({ embedding: { chunks: 10, totalChunks: 10, inUse: true } });
      assert.deepEqual(shown(), { model: "small", problem: "It is gone.", chunks: 0, totalChunks: 0, inUse: false });
      play.service.embedBundled();
      assert.equal(shown(), undefined);
    });

    it("hands vectors and failures to the process that asked, and takes back what it takes back", async () => {
      const play = new Play();
      void play.collect();
      for (const embed of [1, 2, 3]) play.process.say({ embed, texts: [`text ${embed}`], role: "document" });
      assert.deepEqual(
        play.embeds.map(({ texts }) => texts),
        [["text 1"], ["text 2"], ["text 3"]],
      );
      play.process.say({ cancelEmbed: 3 });
      assert.deepEqual(
        play.embeds.map(({ signal }) => signal.aborted),
        [false, false, true],
      );
      play.embeds[0]!.answer.resolve([Float32Array.of(1)]);
      play.embeds[1]!.answer.reject(new Error("no memory"));
      await play.clock.pass(0);
      const answers = play.process.sent.filter((message) => "embedded" in message);
      assert.deepEqual(answers, [
        { embedded: 1, vectors: [Float32Array.of(1)] },
        { embedded: 2, error: "no memory" },
      ]);
    });

    it("gives up what a crashed process had asked for", async () => {
      const play = new Play();
      void play.collect();
      play.process.say({ embed: 1, texts: ["a"], role: "query" });
      play.process.crash("gone");
      assert.equal(play.embeds[0]!.signal.aborted, true);
      await play.clock.pass(200);
      play.embeds[0]!.answer.resolve([Float32Array.of(1)]);
      await play.clock.pass(0);
      assert.deepEqual(
        play.process.sent.filter((message) => "embedded" in message),
        [],
      );
    });
  });

  it("starts no process only to end it", async () => {
    const play = new Play();
    await play.service.dispose();
    assert.equal(play.processes.length, 0);
  });
});
