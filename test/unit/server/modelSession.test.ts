// Tests how the model session chooses a plan, goes on after failures, and what those who wait for a model get.
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import {
  EngineError,
  type Hardware,
  type LoadedModel,
  type LoadOptions,
  type ModelFacts,
} from "../../../engine/src/api.ts";
import { ModelSession, type ModelSessionParts } from "../../../server/src/modelSession.ts";
import type { InstalledModel } from "../../../server/src/models/library.ts";
import type { Status } from "../../../server/src/protocol/messages.ts";
import { DEFAULT_SETTINGS } from "../../../server/src/protocol/settings.ts";

const GIB = 1024 ** 3;
/** Qwen3.5-4B in Q4_K_M. */
const FACTS: ModelFacts = {
  file: "/models/4b.gguf",
  name: "4B",
  architecture: "qwen35",
  weightBytes: 2.5 * GIB,
  layers: 32,
  trainedContextTokens: 262_144,
  kvBytesPerToken: { f16: 32_768, q8_0: 17_408 },
  recurrentStateBytes: 52_690_944,
  vocabularySize: 248_320,
  embeddingLength: 2560,
};
const HARDWARE: Hardware = {
  platform: "linux 6 x64",
  cpu: "test",
  cores: 8,
  totalMemoryBytes: 32 * GIB,
  freeMemoryBytes: 30 * GIB,
  gpu: undefined,
  cudaFound: false,
  runtime: "test",
  residentBytes: 0,
};
const MODEL: InstalledModel = { id: "4b", title: "4B", file: FACTS.file, demo: false, origin: "imported" };

/** A session around an engine whose `load` does what the test says for each context length tried. */
function sessionWith(load: (options: LoadOptions) => void, installed: InstalledModel[] = [MODEL]) {
  const tried: number[] = [];
  const calls: string[] = [];
  const status = {
    current: { state: "starting", message: "", engineRestarts: 0 } as Status,
    update(change: Partial<Status>) {
      this.current = { ...this.current, ...change };
    },
  };
  const parts: ModelSessionParts = {
    engine: {
      unload: async () => {},
      inspect: async () => FACTS,
      hardware: async () => HARDWARE,
      restart: async () => {
        calls.push("restart");
      },
      load: async (options) => {
        tried.push(options.contextTokens);
        load(options);
        const { contextTokens, kvType } = options;
        const info: Partial<LoadedModel> = { ...FACTS, contextTokens, kvType, specialTexts: [], fimTokens: {} };
        return info as LoadedModel;
      },
    },
    library: { selected: async () => installed[0] },
    settings: { current: DEFAULT_SETTINGS },
    status,
  };
  const session = new ModelSession(parts);
  return { session, status, tried, calls };
}

const outOfMemory = () => {
  throw new EngineError("outOfMemory", "A context could not be created.");
};

describe("ModelSession", () => {
  it("loads the best plan and says that it is ready", async () => {
    const { session, status, tried } = sessionWith(() => {});
    await session.start(true);
    assert.deepEqual(tried, [262_144]);
    assert.equal(status.current.state, "ready");
    assert.equal(status.current.message, "4B is ready.");
    assert.equal((await session.require()).info.contextTokens, 262_144);
  });

  it("goes on to the next smaller plan when memory does not suffice, and tells", async () => {
    const { session, status, tried } = sessionWith((options) => {
      if (options.contextTokens > 65_536) outOfMemory();
    });
    await session.start(true);
    const { info } = await session.require();
    assert.ok(info.contextTokens <= 65_536);
    assert.deepEqual(
      tried,
      tried.toSorted((a, b) => b - a),
    );
    assert.match(status.current.message, /is ready with a smaller plan, because the larger one did not fit/);
  });

  it("remembers which plans failed when it loads the same model again", async () => {
    const { session, tried } = sessionWith((options) => {
      if (options.contextTokens > 65_536) outOfMemory();
    });
    await session.start(true);
    const first = tried.length;
    await session.reload();
    assert.equal(tried.length, first + 1);
  });

  it("fails with the engine's sentence when no plan fits", async () => {
    const { session, status } = sessionWith(outOfMemory);
    await session.start(true);
    assert.equal(status.current.state, "failed");
    await assert.rejects(session.require(), { code: "outOfMemory", message: "A context could not be created." });
  });

  it("does not try smaller plans for a damaged file", async () => {
    const { session, status, tried } = sessionWith(() => {
      throw new EngineError("modelUnreadable", "The file is damaged.");
    });
    await session.start(true);
    assert.equal(tried.length, 1);
    assert.equal(status.current.message, "The file is damaged.");
  });

  it("says what to do when no model is set", async () => {
    const { session, status } = sessionWith(() => {}, []);
    await session.start(true);
    assert.equal(status.current.state, "noModel");
    await assert.rejects(session.require(), /No model is set\. Choose or download one/);
  });

  it("runs nothing until the workspace is trusted", async () => {
    const { session, tried } = sessionWith(() => {});
    await session.start(false);
    await session.reload();
    assert.deepEqual(tried, []);
    await assert.rejects(session.require(), /not trusted/);
    await session.start(true);
    assert.equal(tried.length, 1);
  });

  it("lets requests wait from a crash until the reload", async () => {
    const { session, status } = sessionWith(() => {});
    await session.start(true);
    session.crashed({ reason: "SIGKILL", stage: "generate", inARow: 1, restartInMs: 200 });
    assert.equal(status.current.state, "restarting");
    const waiting = session.require();
    await session.reload();
    assert.equal((await waiting).info.contextTokens, 262_144);
    assert.equal(status.current.engineRestarts, 1);
  });

  it("outlives a reload after a crash that fails while nobody waits for the model", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    const { session, status } = sessionWith(outOfMemory);
    session.start(true).catch(note);
    session.crashed({ reason: "exit code 1", stage: "idle", inARow: 1, restartInMs: 200 });
    process.on("unhandledRejection", note);
    await session.reload();
    await setImmediate();
    process.off("unhandledRejection", note);
    assert.deepEqual(unhandled, []);
    assert.equal(status.current.state, "failed");
  });

  it("chooses a smaller plan after three crashes while loading", async () => {
    const { session, status, tried, calls } = sessionWith(() => {});
    await session.start(true);
    session.crashed({ reason: "SIGSEGV", stage: "load", inARow: 3, restartInMs: undefined });
    assert.match(status.current.message, /a smaller plan is tried/);
    await session.require();
    assert.deepEqual(calls, ["restart"]);
    assert.equal(tried.length, 2);
    assert.match(status.current.message, /smaller plan/);
  });

  it("stays off after three crashes while answering", async () => {
    const { session, status, calls } = sessionWith(() => {});
    await session.start(true);
    session.crashed({ reason: "SIGSEGV", stage: "generate", inARow: 3, restartInMs: undefined });
    assert.equal(status.current.state, "failed");
    assert.deepEqual(calls, []);
    await assert.rejects(session.require(), /3 times in a row and stays off/);
  });
});
