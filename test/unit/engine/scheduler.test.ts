// Tests the order in which the scheduler lets steps run, and what an abort does to a step that waits.
import assert from "node:assert/strict";
import fc from "fast-check";
import { PRIORITIES, type Priority } from "../../../engine/src/api.ts";
import { Scheduler } from "../../../engine/src/scheduler.ts";

describe("Scheduler", () => {
  let scheduler: Scheduler;
  let order: string[];

  beforeEach(() => {
    scheduler = new Scheduler();
    order = [];
  });

  /** Queues steps while one runs, and returns the names in the order in which they ran. */
  async function orderOf(...steps: [name: string, priority: Priority][]): Promise<string[]> {
    await scheduler.run("compaction", async () => {
      for (const [name, priority] of steps) {
        void scheduler.run(priority, async () => {
          order.push(name);
        });
      }
      assert.equal(scheduler.waiting, steps.length);
    });
    await scheduler.run(PRIORITIES.at(-1)!, async () => {});
    return order;
  }

  it("runs the highest priority first", async () => {
    const names = PRIORITIES.toReversed().map((priority): [string, Priority] => [priority, priority]);
    assert.deepEqual(await orderOf(...names), PRIORITIES);
  });

  it("runs the first come first within one priority", async () => {
    const ran = await orderOf(["a", "base"], ["b", "decode"], ["c", "base"], ["d", "decode"], ["e", "base"]);
    assert.deepEqual(ran, ["b", "d", "a", "c", "e"]);
  });

  it("lets work of several steps keep its turn against lower priorities", async () => {
    const decode = async () => {
      for (let step = 0; step < 3; step++) await scheduler.run("decode", async () => order.push("decode"));
    };
    await scheduler.run("completion", async () => {
      void scheduler.run("base", async () => order.push("base"));
      void decode();
    });
    await scheduler.run("compaction", async () => {});
    assert.deepEqual(order, ["decode", "decode", "decode", "base"]);
  });

  it("returns a step's value and time, and passes its error on", async () => {
    const { value, ms } = await scheduler.run("base", async () => 7);
    assert.equal(value, 7);
    assert.ok(ms >= 0);
    const failing = scheduler.run("base", async () => {
      throw new Error("step failed");
    });
    await assert.rejects(failing, /step failed/);
    assert.equal((await scheduler.run("base", async () => 8)).value, 8);
  });

  it("does not run a step that was aborted beforehand", async () => {
    const signal = AbortSignal.abort(new Error("stopped"));
    const run = scheduler.run("base", async () => order.push("base"), signal);
    await assert.rejects(run, /stopped/);
    assert.deepEqual(order, []);
  });

  it("forgets a step that is aborted while it waits", async () => {
    const abort = new AbortController();
    let waiting: Promise<unknown> | undefined;
    await scheduler.run("base", async () => {
      waiting = assert.rejects(
        scheduler.run("completion", async () => order.push("aborted"), abort.signal),
        /stopped/,
      );
      void scheduler.run("decode", async () => order.push("decode"));
      abort.abort(new Error("stopped"));
      assert.equal(scheduler.waiting, 1);
    });
    await waiting;
    await scheduler.run("compaction", async () => {});
    assert.deepEqual(order, ["decode"]);
  });

  it("does not interrupt a step that has begun", async () => {
    const abort = new AbortController();
    const step = async () => {
      abort.abort();
      await new Promise(setImmediate);
      return "done";
    };
    assert.equal((await scheduler.run("base", step, abort.signal)).value, "done");
  });

  it("runs one step at a time, each once or rejected once, in the right order, whatever comes when", async () => {
    const request = fc.record({
      priority: fc.constantFrom(...PRIORITIES),
      /** Number of the running step during which it comes; 0: before any. */
      comes: fc.nat(12),
      aborted: fc.option(fc.nat(12), { nil: undefined }),
      fails: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 20 }), async (requests) => {
        const trial = new Trial(requests);
        await trial.run();
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});

interface Request {
  priority: Priority;
  comes: number;
  aborted: number | undefined;
  fails: boolean;
}

/** Plays one list of requests and checks every start against what was waiting then. */
class Trial {
  readonly #scheduler = new Scheduler();
  readonly #requests: readonly Request[];
  readonly #aborts: AbortController[];
  readonly #results: Promise<unknown>[] = [];
  /** Requests that wait, in the order of their coming. */
  #waiting: Request[] = [];
  #running = 0;
  #started = 0;
  #ran = new Set<Request>();
  #rejected = new Set<Request>();

  constructor(requests: readonly Request[]) {
    this.#requests = requests;
    this.#aborts = requests.map(() => new AbortController());
  }

  async run(): Promise<void> {
    await this.#scheduler.run("compaction", () => this.#step());
    // Results may bring further requests.
    for (let index = 0; index < this.#results.length; index++) await this.#results[index];
    assert.equal(this.#scheduler.waiting, 0);
    const came = this.#requests.filter(({ comes }) => comes < this.#started);
    for (const request of came) {
      assert.equal(Number(this.#ran.has(request)) + Number(this.#rejected.has(request)), 1);
    }
  }

  /** What happens while a step runs: requests come, others are aborted. */
  async #step(): Promise<void> {
    assert.equal(this.#running++, 0, "two steps at once");
    const now = this.#started++;
    for (const [index, request] of this.#requests.entries()) {
      if (request.comes === now) this.#ask(request, this.#aborts[index]!.signal);
    }
    await new Promise(setImmediate);
    for (const [index, { aborted }] of this.#requests.entries()) {
      if (aborted === now) this.#aborts[index]!.abort(new Error("aborted"));
    }
    await new Promise(setImmediate);
    this.#running -= 1;
  }

  #ask(request: Request, signal: AbortSignal): void {
    if (!signal.aborted) this.#waiting.push(request);
    signal.addEventListener("abort", () => this.#leave(request));
    const work = async () => {
      this.#assertIsNext(request);
      this.#leave(request);
      assert.ok(!this.#ran.has(request));
      this.#ran.add(request);
      await this.#step();
      if (request.fails) throw new Error("failed");
    };
    const settle = (error: unknown) => {
      if ((error as Error).message === "failed") return;
      assert.equal((error as Error).message, "aborted");
      assert.ok(!this.#ran.has(request), "a step that ran was rejected");
      this.#rejected.add(request);
    };
    this.#results.push(this.#scheduler.run(request.priority, work, signal).catch(settle));
  }

  #leave(request: Request): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting !== request);
  }

  #assertIsNext(request: Request): void {
    const rank = ({ priority }: Request) => PRIORITIES.indexOf(priority);
    const best = Math.min(...this.#waiting.map(rank));
    assert.equal(
      request,
      this.#waiting.find((waiting) => rank(waiting) === best),
    );
  }
}
