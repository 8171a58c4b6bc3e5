// Tests how a reading runs from request to status: replaced, cancelled, compacted, without its model, with things that fail.
import assert from "node:assert/strict";
import type { PrefillHooks, PrefillProgress, PrefillRequest, PrefillResult } from "../../../engine/src/api.ts";
import type { ChooseRequest, ChosenBase } from "../../../server/src/codebase/baseChooser.ts";
import type { BaseRecord } from "../../../server/src/codebase/baseRecords.ts";
import { fileParts } from "../../../server/src/codebase/fileParts.ts";
import { Notices } from "../../../server/src/codebase/notices.ts";
import { WorkspaceReader, type WorkspaceReaderOptions } from "../../../server/src/codebase/workspaceReader.ts";
import { FathomErrorCodes } from "../../../server/src/protocol/errors.ts";
import type { Status } from "../../../server/src/protocol/messages.ts";
import { DEFAULT_SETTINGS } from "../../../server/src/protocol/settings.ts";
import { RequestError } from "../../../server/src/requests.ts";
import { deferred } from "../../fakes/deferred.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";
import { listed } from "./tempTree.ts";

const TOTAL_TOKENS = 1000;
const CONTEXT_TOKENS = 8000;

/** One call of the engine, ended by the test. */
interface Call {
  request: PrefillRequest;
  hooks: PrefillHooks;
  /** Reports progress; `serving`: questions extend this base from now on. */
  progress: (doneTokens: number, serving: boolean) => void;
  finish: (result?: Partial<PrefillResult>) => void;
  fail: (error: Error) => void;
}

function world(options: { folders?: number; snapshots?: boolean } = {}) {
  const { folders = 1, snapshots = true } = options;
  const calls: Call[] = [];
  const state = {
    next: "a",
    saved: [] as string[],
    saveFails: false,
    remembered: 0,
    resets: [] as string[][],
    entered: [] as boolean[],
    left: 0,
    holdsForbidden: false,
    keptOnly: [] as string[],
    removed: [] as string[][],
  };
  const chosenFor: ChooseRequest[] = [];
  const active = { info: { contextTokens: CONTEXT_TOKENS, modelHash: "m", gpu: "CPU" } };
  const session = {
    active: active as object | undefined,
    assertTrusted: () => {},
    require: async () => {
      if (session.active === undefined) throw new RequestError(FathomErrorCodes.noModel, "No model.");
      return session.active;
    },
  };
  const status = {
    current: { state: "ready", message: "M is ready.", engineRestarts: 0 } as Status,
    update(change: Partial<Status>) {
      this.current = { ...this.current, ...change };
    },
  };
  const parts = { parts: [], entries: [] as object[], tokens: 0, onlyNamed: 0, tooMany: false };
  const logged: string[] = [];
  const notices = new Notices((line) => logged.push(line));
  const context = { ...DEFAULT_SETTINGS.context, snapshots };
  const reader = new WorkspaceReader({
    engine: {
      prefill: (request: PrefillRequest, hooks: PrefillHooks = {}) => enginePrefill(calls, request, hooks),
      listSnapshots: async () => [
        { id: "new", workspace: "mine", layoutHash: "l" },
        { id: "old", workspace: "mine", layoutHash: "o" },
        { id: "foreign", workspace: "other", layoutHash: "o" },
      ],
      removeSnapshots: async (_root: string, ids: string[]) => state.removed.push(ids),
    },
    session,
    settings: { current: { ...DEFAULT_SETTINGS, context } },
    status,
    workspace: {
      folders: Array.from({ length: folders }, () => ({ name: "repo", path: "/repo" })),
      files: async () => ({ files: [listed("x.ts", 7)], leftOut: [{ path: "y.bin", reason: "binary" }] }),
    },
    documents: {},
    overlay: {
      reset: ({ changedUris }: { changedUris: string[] }) => state.resets.push(changedUris),
      parts: async () => parts,
    },
    chooser: {
      choose: async (request: ChooseRequest) => {
        request.signal.throwIfAborted();
        chosenFor.push(request);
        return { ...chosen(state.next), replacesForbidden: state.holdsForbidden };
      },
      holdsForbidden: () => state.holdsForbidden,
      budget: async () => ({ baseTokens: 1, sentences: ["plan"] }),
    },
    records: {
      save: async ({ createdAt }: BaseRecord) => {
        if (state.saveFails) throw new Error("ENOSPC");
        state.saved.push(createdAt);
      },
      keepOnly: async ({ createdAt }: BaseRecord) => state.keptOnly.push(createdAt),
    },
    speeds: {
      remember: async () => {
        state.remembered += 1;
      },
    },
    gate: {
      enter: (asked: boolean) => {
        state.entered.push(asked);
        return () => {
          state.left += 1;
        };
      },
    },
    snapshotDir: "/data/mine",
    tell: (notes: string[]) => notices.tell(notes),
  } as unknown as WorkspaceReaderOptions);
  const settle = () => new FakeClock().settle();
  const read = (signal = new AbortController().signal) => reader.read(signal, () => {});
  /** Reads a base to its end. */
  const readWhole = async (name: string) => {
    state.next = name;
    const outcome = read();
    await settle();
    calls.at(-1)!.progress(0, true);
    calls.at(-1)!.finish();
    return outcome;
  };
  return { reader, state, session, active, status, parts, logged, calls, chosenFor, settle, read, readWhole };
}

describe("a reading", () => {
  it("chooses, reads, saves the record and says what the model has", async () => {
    const { reader, state, status, calls, readWhole } = world();
    let ended = 0;
    reader.onRead = () => {
      ended += 1;
    };
    assert.equal(reader.base, "none");
    const outcome = await readWhole("a");
    assert.deepEqual([outcome.cancelled, outcome.files, outcome.outlines], [false, 1, 1]);
    assert.deepEqual(
      outcome.leftOut.map(({ path }) => path),
      ["set.bin", "refused.ts", "path.ts"],
    );
    assert.deepEqual(calls[0]!.request.parts, chosen("a").record.parts);
    assert.equal(calls[0]!.request.keepServing, undefined);
    assert.deepEqual([state.saved, state.remembered, state.left, ended], [["a"], 1, 1, 1]);
    assert.equal(reader.base, "whole");
    assert.equal(reader.roomTokens, CONTEXT_TOKENS - TOTAL_TOKENS);
    assert.deepEqual(
      [0, 1001, 99_999].map((taken) => reader.overlayRoom(taken)),
      [3500, 2999, 0],
    );
    assert.equal(status.current.state, "ready");
    assert.equal(status.current.reading, undefined);
    assert.match(status.current.message, /1 files and the outlines of 1, 1,000 tokens read\.$/);
  });

  it("shows how far it is, and leaves room for the whole base meanwhile", async () => {
    const { reader, status, calls, settle, read } = world();
    const outcome = read();
    await settle();
    assert.equal(reader.busy, true);
    calls[0]!.progress(250, true);
    assert.equal(status.current.state, "reading");
    assert.equal(status.current.reading?.doneTokens, 250);
    assert.equal(reader.base, "partial");
    assert.equal(reader.roomTokens, CONTEXT_TOKENS - TOTAL_TOKENS);
    calls[0]!.finish();
    await outcome;
    assert.equal(reader.busy, false);
  });

  it("keeps what was read when it is cancelled", async () => {
    const { reader, state, status, calls, settle, read } = world();
    const controller = new AbortController();
    const outcome = read(controller.signal);
    await settle();
    calls[0]!.progress(400, true);
    controller.abort();
    assert.equal((await outcome).cancelled, true);
    assert.equal(reader.base, "partial");
    assert.deepEqual([status.current.base?.tokens, status.current.base?.totalTokens], [400, TOTAL_TOKENS]);
    assert.match(status.current.message, /Reading stopped at 400 of 1,000 tokens\.$/);
    assert.deepEqual(state.saved, ["a"]);
  });

  it("changes nothing when it is cancelled before the engine began", async () => {
    const { reader, status, calls, read } = world();
    const outcome = await read(AbortSignal.abort());
    assert.deepEqual([outcome.cancelled, outcome.figures.evaluatedTokens, calls.length], [true, 0, 0]);
    assert.deepEqual([reader.base, reader.busy, status.current.state], ["none", false, "ready"]);
  });

  it("is replaced by a newer one, which alone speaks from then on", async () => {
    const { reader, status, calls, chosenFor, settle, read } = world();
    const first = read();
    await settle();
    calls[0]!.progress(300, true);
    const second = read();
    await settle();
    assert.equal((await first).cancelled, true);
    assert.equal(calls.length, 2);
    calls[0]!.progress(999, true);
    calls[1]!.progress(310, true);
    assert.equal(status.current.reading?.doneTokens, 310);
    assert.equal(reader.busy, true);
    calls[1]!.finish();
    assert.equal((await second).cancelled, false);
    assert.equal(reader.base, "whole");
    assert.deepEqual(
      chosenFor.map(({ purpose }) => purpose),
      ["base", "base"],
    );
  });

  it("says nothing any more once its model is gone", async () => {
    const { reader, state, session, status, calls, settle, read } = world();
    const outcome = read();
    await settle();
    session.active = undefined;
    status.update({ state: "noModel", message: "No model." });
    calls[0]!.progress(500, true);
    calls[0]!.finish();
    await outcome;
    assert.deepEqual(
      [status.current.state, status.current.message, status.current.base],
      ["noModel", "No model.", undefined],
    );
    assert.deepEqual([state.saved, state.resets, reader.busy], [[], [], false]);
  });

  it("fails with the engine's error, and the next one runs", async () => {
    const { reader, state, status, calls, settle, read, readWhole } = world();
    const outcome = read();
    await settle();
    calls[0]!.progress(10, true);
    calls[0]!.fail(new Error("the engine stopped"));
    await assert.rejects(outcome, /the engine stopped/);
    assert.deepEqual([reader.busy, status.current.reading, status.current.state], [false, undefined, "ready"]);
    assert.equal(state.left, 1);
    assert.equal((await readWhole("b")).cancelled, false);
  });

  it("needs a model and a folder", async () => {
    const none = world({ folders: 0 });
    await assert.rejects(none.read(), { code: FathomErrorCodes.badRequest });
    const noModel = world();
    noModel.session.active = undefined;
    await assert.rejects(noModel.read(), { code: FathomErrorCodes.noModel });
    assert.deepEqual([none.state.entered, noModel.state.entered], [[], []]);
  });

  it("tells each failure once, and goes on", async () => {
    const { state, status, logged, calls, settle, read, readWhole } = world();
    state.saveFails = true;
    const outcome = await readWhole("a");
    assert.equal(outcome.notes.length, 1);
    assert.match(outcome.notes[0]!, /^What was read could not be saved in \/data\/mine: ENOSPC\./);
    assert.match(status.current.message, /could not be saved/);
    const again = read();
    await settle();
    calls[1]!.progress(0, true);
    // As the engine says it of the same folder.
    const full = "What was read could not be saved in /data/mine (the disk is full). It stays in memory.";
    calls[1]!.finish({ notes: [full] });
    assert.deepEqual((await again).notes, [full]);
    assert.doesNotMatch(status.current.message, /could not be saved/);
    assert.equal(logged.length, 1);
  });

  it("keeps no records where snapshots are switched off", async () => {
    const { state, calls, chosenFor, readWhole } = world({ snapshots: false });
    await readWhole("a");
    assert.deepEqual([state.saved, calls[0]!.request.snapshots, chosenFor[0]!.snapshots], [[], undefined, undefined]);
  });

  it("takes what changed on disk while it ran for changed", async () => {
    const { reader, state, calls, settle, read } = world();
    reader.changedOnDisk(["file:///before"]);
    const outcome = read();
    await settle();
    reader.changedOnDisk(["file:///during"]);
    calls[0]!.progress(0, true);
    calls[0]!.finish();
    await outcome;
    assert.deepEqual(state.resets, [["file:///chosen", "file:///during"]]);
  });
});

describe("a compaction", () => {
  it("has nothing to do without a whole base, while something is read, and when the base would be the same", async () => {
    const { reader, calls, settle, read, readWhole } = world();
    const { signal } = new AbortController();
    assert.equal(await reader.compact(signal), "nothing");
    const reading = read();
    await settle();
    assert.equal(await reader.compact(signal), "nothing");
    calls[0]!.finish();
    await reading;
    await readWhole("a");
    const before = calls.length;
    assert.equal(await reader.compact(signal), "nothing");
    assert.equal(calls.length, before);
  });

  it("lets the old base serve until the new one is whole", async () => {
    const { reader, state, status, calls, chosenFor, settle, readWhole } = world();
    await readWhole("a");
    state.next = "b";
    const outcome = reader.compact(new AbortController().signal);
    await settle();
    assert.equal(calls[1]!.request.keepServing, true);
    assert.equal(chosenFor[1]!.serving?.createdAt, "a");
    calls[1]!.progress(500, false);
    assert.deepEqual(
      [reader.base, status.current.state, status.current.reading?.purpose],
      ["whole", "ready", "compaction"],
    );
    assert.equal(state.resets.length, 1);
    calls[1]!.finish();
    assert.equal(await outcome, "done");
    assert.deepEqual(state.saved, ["a", "b"]);
    assert.equal(state.resets.length, 2);
    assert.equal(status.current.reading, undefined);
  });

  it("leaves the old base when it is interrupted", async () => {
    const { reader, state, calls, status, settle, readWhole } = world();
    await readWhole("a");
    state.next = "b";
    const controller = new AbortController();
    const outcome = reader.compact(controller.signal);
    await settle();
    calls[1]!.progress(500, false);
    const { base, message } = status.current;
    controller.abort();
    assert.equal(await outcome, "interrupted");
    assert.deepEqual([status.current.base, status.current.message], [base, message]);
    assert.deepEqual([state.saved, state.resets.length, reader.base], [["a"], 1, "whole"]);
  });

  it("serves with what was read so far where the engine could not keep the old base", async () => {
    const { reader, state, calls, settle, readWhole } = world();
    await readWhole("a");
    state.next = "b";
    const controller = new AbortController();
    const outcome = reader.compact(controller.signal);
    await settle();
    calls[1]!.progress(300, true);
    assert.equal(reader.base, "partial");
    controller.abort();
    assert.equal(await outcome, "interrupted");
    assert.deepEqual([reader.base, state.resets.length], ["partial", 2]);
    assert.equal(await reader.measureOverlay(), undefined, "there is no whole base to replace");
  });
});

describe("a base with what must not be read any more", () => {
  it("makes a new one due, and goes with all other states of the workspace once that is whole", async () => {
    const { reader, state, readWhole } = world();
    await readWhole("a");
    assert.deepEqual([state.removed, state.keptOnly], [[], []]);
    state.holdsForbidden = true;
    assert.equal((await reader.measureOverlay())?.holdsForbidden, true);
    await readWhole("b");
    assert.deepEqual([state.removed, state.keptOnly], [[["old"]], ["b"]]);
  });
});

describe("what follows a base", () => {
  it("is measured and told only when it changed", async () => {
    const { reader, status, parts, readWhole } = world();
    assert.equal(await reader.measureOverlay(), undefined);
    await readWhole("a");
    assert.deepEqual(await reader.measureOverlay(), {
      tokens: 0,
      onlyNamed: 0,
      tooMany: false,
      holdsForbidden: false,
      baseTokens: TOTAL_TOKENS,
    });
    assert.equal(status.current.overlay, undefined);
    Object.assign(parts, { entries: [{}, {}], tokens: 50, onlyNamed: 3, tooMany: true });
    assert.deepEqual(await reader.measureOverlay(), {
      tokens: 50,
      onlyNamed: 3,
      tooMany: true,
      holdsForbidden: false,
      baseTokens: TOTAL_TOKENS,
    });
    assert.deepEqual(status.current.overlay, { files: 5, tokens: 50, onlyNamed: 3 });
    const { current } = status;
    await reader.measureOverlay();
    assert.equal(status.current, current);
    Object.assign(parts, { entries: [], tokens: 0, onlyNamed: 0, tooMany: false });
    await reader.measureOverlay();
    assert.equal(status.current.overlay, undefined);
  });
});

describe("what the context map is told", () => {
  it("is every file's path before anything is read and without a model, then the base", async () => {
    const { reader, session, active, readWhole } = world();
    const path = { path: "x.ts", form: "path", text: "", hash: "", tokens: 2 };
    session.active = undefined;
    const noModel = await reader.view();
    assert.deepEqual([noModel.files, noModel.budget], [[{ ...path, reason: "no model is loaded" }], undefined]);
    session.active = active;
    const notRead = await reader.view();
    assert.deepEqual([notRead.files, notRead.budget?.sentences], [[{ ...path, reason: "not read yet" }], ["plan"]]);
    await readWhole("a");
    const { files, leftOut, frontTokens } = await reader.view();
    assert.deepEqual([files, frontTokens], [chosen("a").record.files, 5]);
    assert.deepEqual(
      leftOut.map(({ path: each }) => each),
      ["y.bin", "refused.ts"],
    );
  });
});

function enginePrefill(calls: Call[], request: PrefillRequest, hooks: PrefillHooks): Promise<PrefillResult> {
  const { promise, resolve, reject } = deferred<PrefillResult>();
  let doneTokens = 0;
  let isServing = request.keepServing === undefined;
  const figures = (tokens: number) => ({
    promptTokens: TOTAL_TOKENS,
    reusedTokens: 0,
    evaluatedTokens: tokens,
    prefillMs: 1,
  });
  const result = (tokens: number, cancelled: boolean) =>
    ({
      figures: figures(tokens),
      cancelled,
      origin: "computed",
      layoutHash: "l",
      notes: [],
      serving: isServing,
    }) as unknown as PrefillResult;
  hooks.signal?.addEventListener("abort", () => resolve(result(doneTokens, true)));
  calls.push({
    request,
    hooks,
    progress: (tokens, serving) => {
      doneTokens = tokens;
      isServing = serving;
      const labels = { doneLabels: 0, totalLabels: 1, label: "", tokensPerSecond: 0, savedTokens: 0, layoutHash: "l" };
      const progress: PrefillProgress = { phase: "prefill", doneTokens, totalTokens: TOTAL_TOKENS, serving, ...labels };
      hooks.onProgress?.(progress);
    },
    finish: (some = {}) => {
      isServing = true;
      resolve({ ...result(TOTAL_TOKENS, false), ...some });
    },
    fail: reject,
  });
  return promise;
}

/** A base with one file of each form; its name stands in its record as the time. */
function chosen(name: string): ChosenBase {
  const file = { text: "", hash: "", tokens: 1, reason: "" };
  const record: BaseRecord = {
    repoName: "repo",
    parts: fileParts("a.ts", "whole", name),
    files: [
      { ...file, path: "a.ts", form: "whole", text: name },
      { ...file, path: "outline.ts", form: "outline" },
      { ...file, path: "path.ts", form: "path" },
    ],
    leftOut: [{ path: "refused.ts", reason: "secret" }],
    tokens: TOTAL_TOKENS,
    frontTokens: 5,
    createdAt: name,
  };
  const budget = { baseTokens: 1, reserveTokens: 1, limit: "window", sentences: [] } as const;
  const leftOut = [{ path: "set.bin", reason: "binary" }];
  return {
    record,
    byUri: new Map(),
    changed: ["file:///chosen"],
    leftOut,
    budget: { ...budget, sentences: [] },
    replacesForbidden: false,
  };
}
