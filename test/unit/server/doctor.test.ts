// Tests what the doctor says: the arithmetic word for word as the context map has it, and each thing that can be wrong.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CancellationToken, type Connection } from "vscode-languageserver/node";
import type { EmbeddingModelFacts, Hardware, LoadedModel, SnapshotInfo } from "../../../engine/src/api.ts";
import { doctorLines } from "../../../server/src/cli/commands.ts";
import { silentOutput } from "../../../server/src/cli/output.ts";
import { planBase } from "../../../server/src/codebase/budget.ts";
import { type ContextMapOptions, contextMap } from "../../../server/src/codebase/contextMap.ts";
import { type DoctorOptions, registerDoctor } from "../../../server/src/doctor.ts";
import { explainFit, planFits } from "../../../server/src/models/fit.ts";
import type { DoctorRow, EmbeddingStatus, Status } from "../../../server/src/protocol/messages.ts";
import { DEFAULT_SETTINGS } from "../../../server/src/protocol/settings.ts";

const GIB = 1024 ** 3;
/** Qwen3.5-4B in Q4_K_M. */
const INFO: Partial<LoadedModel> = {
  weightBytes: 2.5 * GIB,
  trainedContextTokens: 262_144,
  contextTokens: 262_144,
  kvBytesPerToken: { f16: 32_768, q8_0: 17_408 },
  kvType: "q8_0",
  recurrentStateBytes: 52_690_944,
  vocabularySize: 248_320,
  embeddingLength: 2560,
  threads: 4,
  gpu: "CPU",
  specialTexts: ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>"],
  fimTokens: {},
  canSeeImages: true,
};
const HARDWARE: Hardware = {
  platform: "linux 6 x64",
  cpu: "test",
  cores: 8,
  totalMemoryBytes: 16 * GIB,
  freeMemoryBytes: 15 * GIB,
  gpu: undefined,
  cudaFound: false,
  runtime: "test",
  residentBytes: 0,
};
const FIT = planFits(INFO as LoadedModel, HARDWARE, { maxTokens: 0, kvType: "auto", gpu: "auto" })[0]!;
const BUDGET = planBase({
  contextTokens: 262_144,
  trainedContextTokens: 262_144,
  settingMaxTokens: 0,
  maxMinutes: 30,
  tokensPerSecond: 52.5,
  fit: FIT,
});
const STATUS: Status = { state: "ready", message: "4B is ready.", engineRestarts: 0 };
const SNAPSHOT: SnapshotInfo = {
  id: "1a93fc04fda9acb50aad06ac",
  workspace: "own",
  kind: "base",
  createdAt: "",
  usedAt: "",
  tokens: 1,
  bytes: 1024,
  modelHash: "",
  layoutHash: "",
  kvType: "f16",
};

interface Changes {
  hardware?: Partial<Hardware>;
  info?: Partial<LoadedModel>;
  status?: Partial<Status>;
  trusted?: boolean;
  folders?: { name: string; path: string }[];
  /** Why no model runs. */
  noModel?: string;
  snapshots?: SnapshotInfo[];
  storageDir?: string;
  index?: DoctorOptions["index"];
  cuda?: DoctorOptions["cuda"];
  /** Why the engine does not run. */
  engineStopped?: string;
}

const INDEXED = {
  files: 1200,
  totalFiles: 1200,
  chunks: 34_000,
  symbols: 5600,
  computedFiles: 0,
  bytes: 70 * 1024 ** 2,
};

function indexWith(changes: Partial<typeof INDEXED> = {}): DoctorOptions["index"] {
  return { failure: undefined, statistics: async () => ({ ...INDEXED, ...changes }) };
}

describe("doctor", () => {
  let storage: string;

  before(() => {
    storage = mkdtempSync(join(tmpdir(), "fathom-doctor-"));
  });
  after(() => rmSync(storage, { recursive: true, force: true }));

  /** The parts that the doctor and the context map look at; both get the same. */
  function partsWith(changes: Changes): DoctorOptions & ContextMapOptions {
    const { noModel, trusted = true, folders = [{ name: "work", path: storage }] } = changes;
    const active = { info: { ...INFO, ...changes.info }, installed: { file: "4b.gguf", demo: false }, plan: FIT };
    const require = async () => {
      if (noModel !== undefined) throw new Error(noModel);
      return active;
    };
    const budget = noModel === undefined ? BUDGET : undefined;
    const ifRuns = <T>(answer: T): T => {
      if (changes.engineStopped !== undefined) throw new Error(changes.engineStopped);
      return answer;
    };
    const parts = {
      engine: {
        pid: 4711,
        hardware: async () => ifRuns({ ...HARDWARE, ...changes.hardware }),
        listSnapshots: async () => ifRuns(changes.snapshots ?? []),
        longContext: async () => ({
          baseTokens: 0,
          stateTokens: 0,
          checkpoints: 0,
          checkpointBytes: 0,
          tokensPerSecond: 0,
        }),
      },
      session: { active: noModel === undefined ? active : undefined, require, trusted, assertTrusted() {} },
      settings: { current: DEFAULT_SETTINGS },
      status: { current: { ...STATUS, ...changes.status } },
      workspace: { name: "work", folders, files: async () => ({ files: [], leftOut: [] }) },
      index: changes.index ?? indexWith(),
      embedding: {
        facts: changes.status?.index?.embedding?.inUse ? ({ dimensions: 1024 } as EmbeddingModelFacts) : undefined,
      },
      cuda: changes.cuda ?? { installed: false, outdated: false, downloadBytes: 0 },
      speeds: { of: async () => undefined },
      reader: { view: async () => ({ files: [], leftOut: [], frontTokens: 0, budget, overlay: [] }) },
      storageDir: changes.storageDir ?? storage,
      snapshotDir: join(storage, "snapshots", "own"),
    };
    return parts as unknown as DoctorOptions & ContextMapOptions;
  }

  async function rowsWith(changes: Changes = {}): Promise<DoctorRow[]> {
    let answer: ((params: null, token: CancellationToken) => Promise<DoctorRow[]>) | undefined;
    const connection = {
      onRequest: (_type: unknown, handler: typeof answer) => {
        answer = handler;
      },
    };
    registerDoctor(connection as unknown as Connection, partsWith(changes));
    assert.ok(answer);
    return answer(null, CancellationToken.None);
  }

  async function check(topic: string, changes: Changes, verdict: DoctorRow["verdict"] | undefined, text: RegExp) {
    const row = (await rowsWith(changes)).find((each) => each.topic === topic);
    assert.equal(row?.verdict, verdict, row?.text);
    assert.match(row?.text ?? "", text);
  }

  it("gives the arithmetic of the budget in the sentences of the context map, one a line", async () => {
    const row = (await rowsWith()).find(({ topic }) => topic === "budget");
    assert.deepEqual(row?.text.split("\n"), BUDGET.sentences);
    assert.deepEqual((await contextMap(partsWith({}))).arithmetic, BUDGET.sentences);
  });

  it("names every part of the memory once, and what a token takes by type", async () => {
    const rows = await rowsWith();
    const text = rows.map((row) => row.text).join("\n");
    for (const part of explainFit(FIT)) assert.equal(text.split(part).length, 2, part);
    await check(
      "context",
      {},
      "good",
      /\nKV cache per token: 32,768 bytes in f16, 17,408 bytes in q8_0; q8_0 is used\.$/,
    );
    assert.match(text, /^Patience: 30 minutes × 52\.5 tokens a second = 94,500 tokens\.$/m);
  });

  it("gives the arithmetic without a folder too, and none without a model", async () => {
    await check("budget", { folders: [] }, "good", /So the base may take 94,500 tokens/);
    await check("workspace", { folders: [] }, "warning", /no folder is open/);
    await check("budget", { noModel: "No model is chosen." }, undefined, /^$/);
    await check("model", { noModel: "No model is chosen." }, "bad", /^No model is chosen\.$/);
  });

  it("says what is not good about the machine and the model", async () => {
    await check("memory", {}, "good", /free of 16\.00 GiB$/);
    await check("memory", { hardware: { freeMemoryBytes: GIB } }, "warning", /close programs/);
    await check("GPU", {}, "warning", /none in use/);
    await check("completion", { info: { specialTexts: [] } }, "bad", /inline completion is off/);
    await check("images", { info: { canSeeImages: false } }, "warning", /no projector/);
  });

  it("looks at everything else while the engine stays off, and says why it does", async () => {
    const engineStopped = "The engine stopped several times and stays off.";
    const changes = { engineStopped, noModel: engineStopped };
    await check("runtime", changes, "bad", /^The engine stopped several times/);
    await check("snapshots", changes, "bad", /^The engine stopped several times/);
    assert.match((await rowsWith(changes)).find(({ topic }) => topic === "memory")?.text ?? "", /free of/);
    await check("workspace", changes, "good", /nothing read yet/);
    await check("search", changes, "good", /34,000 chunks/);
  });

  it("offers the runtime for CUDA where it would be of use, and says when it is not used", async () => {
    const vulkan = { name: "RTX (vulkan)", backend: "vulkan", totalBytes: GIB, freeBytes: GIB } as const;
    const cuda = { ...vulkan, name: "RTX (cuda)", backend: "cuda" } as const;
    const missing = { installed: false, outdated: false, downloadBytes: 300 * 1024 ** 2 };
    const there = { ...missing, installed: true };
    const rows = (changes: Changes) => check("CUDA", changes, undefined, /^$/);
    await rows({ hardware: { gpu: vulkan }, cuda: missing });
    await rows({ hardware: { gpu: cuda, cudaFound: true }, cuda: missing });
    await rows({ hardware: { gpu: cuda, cudaFound: true }, cuda: there });
    await rows({ hardware: { gpu: vulkan, cudaFound: true } });
    const found = { hardware: { gpu: vulkan, cudaFound: true } };
    await check("CUDA", { ...found, cuda: missing }, "warning", /Get CUDA Runtime… downloads one \(300 MiB\)/);
    const outdated = { ...missing, outdated: true };
    await check("CUDA", { ...found, cuda: outdated }, "warning", /only a runtime for another version of Fathom/);
    await check("CUDA", { engineStopped: "off", cuda: there }, "warning", /Get CUDA Runtime… removes it/);
    await check("CUDA", { ...found, cuda: there }, "warning", /does not run on it: the log says why/);
    await check("CUDA", { hardware: { gpu: vulkan }, cuda: there }, "warning", /libraries were not found/);
  });

  it("says what of the workspace is in the context, and why reading waits", async () => {
    const base = { tokens: 900, totalTokens: 1000, files: 3, outlines: 2, leftOut: 0, origin: "computed" as const };
    await check("workspace", {}, "good", /nothing read yet$/);
    await check("workspace", { trusted: false }, "warning", /not trusted/);
    await check("workspace", { status: { base } }, "good", /3 files whole and 2 as outlines.*900 of 1,000 tokens/);
    const overlay = { files: 4, tokens: 120, onlyNamed: 1 };
    await check("workspace", { status: { base, overlay } }, "good", /4 changed since, 120 tokens .*1 only named$/);
    await check("reading", { status: { hold: "battery" } }, "warning", /mains power/);
  });

  it("says how far the vectors of an embedding model are, or why there are none", async () => {
    const embedded = (embedding?: EmbeddingStatus) => ({
      status: { index: { phase: "ready" as const, files: 1, totalFiles: 1, chunks: 1, embedding } },
    });
    const topic = "embedding";
    const half = { model: "small", chunks: 1200, totalChunks: 2400, inUse: false };
    await check(topic, embedded(), undefined, /^$/);
    await check(
      topic,
      embedded(half),
      "warning",
      /^small: 1,200 of 2,400 chunks .*; the bundled embedder is used meanwhile$/,
    );
    await check(
      topic,
      embedded({ ...half, chunks: 2400, inUse: true }),
      "good",
      /have a vector of 1,024 numbers; in use$/,
    );
    await check(topic, embedded({ ...half, problem: "It is gone." }), "bad", /^It is gone\.$/);
  });

  it("says what can be found, and where the index is kept", async () => {
    const topic = "search";
    await check(
      topic,
      {},
      "good",
      /^1,200 files, 34,000 chunks, 5,600 symbols; 70 MiB on disk; 0 files parsed since the start$/,
    );
    await check(topic, { index: indexWith({ files: 7 }) }, "good", /^7 of 1,200 files so far, /);
    await check(topic, { index: indexWith({ bytes: 0 }) }, "warning", /; kept in memory; /);
    const failure = "The search index stays off.";
    const off = { failure, statistics: () => Promise.reject(new Error("stopped")) };
    await check(topic, { index: off }, "bad", /^The search index stays off\.$/);
    await check(topic, { trusted: false }, undefined, /^$/);
  });

  it("counts the snapshots of this workspace and of all", async () => {
    await check("snapshots", {}, "good", /^0 snapshots of this workspace, 0 bytes; 0 bytes for all .* 20 GB allowed$/);
    const snapshots = [SNAPSHOT, { ...SNAPSHOT, workspace: "other" }];
    await check("snapshots", { snapshots }, "good", /^1 snapshot of this workspace, 1 KiB; 2 KiB for all/);
  });

  it("says that nothing can be kept where the folder cannot be made", async () => {
    const file = join(storage, "file");
    writeFileSync(file, "");
    await check("storage", { storageDir: join(file, "storage") }, "bad", /models and snapshots are not kept$/);
  });
});

describe("doctor on the terminal", () => {
  const rows: DoctorRow[] = [
    { topic: "GPU", verdict: "warning", text: "none in use" },
    { topic: "budget", verdict: "good", text: "One two three four five six.\nSeven ok." },
    { topic: "model", verdict: "bad", text: "none" },
  ];

  it("breaks long texts in their column and keeps their lines", () => {
    assert.deepEqual(doctorLines({ ...silentOutput(), width: 41 }, rows), [
      "GPU     warning  none in use",
      "budget  ok       One two three four five",
      "                 six.",
      "                 Seven ok.",
      "model   problem  none",
    ]);
  });

  it("colours the verdict and nothing else", () => {
    const output = { ...silentOutput(), style: (style: string, text: string) => `<${style} ${text}>` };
    assert.deepEqual(doctorLines(output, rows), [
      "<bold GPU>     <yellow warning>  none in use",
      "<bold budget>  <green ok>       One two three four five six.",
      "                 Seven ok.",
      "<bold model>   <red problem>  none",
    ]);
  });
});
