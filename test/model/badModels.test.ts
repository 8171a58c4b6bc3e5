// Tests what files that are no good model get: a named error with file and reason, while the engine process lives on.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import fc from "fast-check";
import type { EngineErrorCode } from "../../engine/src/api.ts";
import { EngineHost } from "../../server/src/engineHost.ts";
import { encodeGguf, type GgufValue } from "./ggufWriter.ts";
import { completion, ENGINE_ENTRY, fails, loadOptions, temporaryFolder } from "./harness.ts";
import { tinyModelFiles, writeTinyModel } from "./tinyModel.ts";

// Places in a GGUF file: magic, version, number of tensors, number of metadata entries, length of the first key.
const VERSION_AT = 4;
const TENSORS_AT = 8;
const ENTRIES_AT = 16;
const FIRST_KEY_AT = 24;

/** Numbers of the types string and array in a GGUF file. */
const STRING = 8;
const ARRAY = 9;

const HUGE = 1n << 60n;

type BadFile = [name: string, bytes: () => Buffer, code: EngineErrorCode, message: RegExp];

function good(): Buffer {
  return readFileSync(tinyModelFiles().model);
}

/** Bytes that look random and are always the same. */
function randomBytes(count: number): Buffer {
  const [bytes] = fc.sample(fc.uint8Array({ minLength: count, maxLength: count, size: "max" }), {
    seed: 77,
    numRuns: 1,
  });
  return Buffer.from(bytes!);
}

function cutAt(bytes: number): () => Buffer {
  return () => good().subarray(0, bytes);
}

function withNumber(value: bigint, at: number): () => Buffer {
  return () => {
    const bytes = good();
    bytes.writeBigUInt64LE(value, at);
    return bytes;
  };
}

/** A file that ends where its one metadata entry, "k", announces a value of this type and length. */
function endsAfterLength(type: number, length: bigint): () => Buffer {
  return () => {
    const entry = encodeGguf({ metadata: new Map([["k", { type: "string", value: "" }]]), tensors: [] });
    const typeAt = FIRST_KEY_AT + 8 + 1;
    const head = entry.subarray(0, typeAt + 4 + (type === ARRAY ? 4 : 0) + 8);
    head.writeUInt32LE(type, typeAt);
    head.writeBigUInt64LE(length, head.length - 8);
    return head;
  };
}

function metadataOnly(...entries: [key: string, value: GgufValue][]): () => Buffer {
  return () => encodeGguf({ metadata: new Map(entries), tensors: [] });
}

function written(options: Parameters<typeof writeTinyModel>[1]): () => Buffer {
  return () => {
    const folder = temporaryFolder("bad-models");
    const file = join(folder.path, "model.gguf");
    writeTinyModel(file, options);
    const bytes = readFileSync(file);
    folder.remove();
    return bytes;
  };
}

const TEXT = (value: string): GgufValue => ({ type: "string", value });

const BAD_FILES: BadFile[] = [
  ["is empty", () => Buffer.alloc(0), "modelUnreadable", /is not a GGUF model file/],
  ["is cut in its magic", cutAt(2), "modelUnreadable", /is not a GGUF model file/],
  ["is cut after its magic", cutAt(4), "modelUnreadable", /damaged|cut off/],
  ["is cut in its counts", cutAt(20), "modelUnreadable", /damaged|cut off/],
  ["is cut in its first key", cutAt(30), "modelUnreadable", /damaged|cut off/],
  ["is cut in its metadata", cutAt(200), "modelUnreadable", /damaged|cut off/],
  ["is cut in its vocabulary", cutAt(3000), "modelUnreadable", /damaged|cut off/],
  ["is cut in its tensor table", cutAt(15_000), "modelUnreadable", /damaged|cut off/],
  ["is cut in its first tensor", cutAt(20_000), "modelUnreadable", /cut off: it has 20,000 bytes, but .* 1,669,920/],
  ["is cut before its last byte", cutAt(1_669_919), "modelUnreadable", /cut off: it has 1,669,919 bytes/],
  ["is random bytes", () => randomBytes(5000), "modelUnreadable", /is not a GGUF/],
  [
    "is random bytes behind a GGUF magic",
    () => Buffer.concat([Buffer.from("GGUF"), randomBytes(5000)]),
    "modelUnreadable",
    /damaged|cut off/,
  ],
  ["is text", () => Buffer.from("<!doctype html><title>404</title>"), "modelUnreadable", /is not a GGUF model file/],
  [
    "has an unknown format version",
    () => {
      const bytes = good();
      bytes.writeUInt32LE(9, VERSION_AT);
      return bytes;
    },
    "modelUnreadable",
    /could not be loaded|damaged/,
  ],
  ["claims 2^60 tensors", withNumber(HUGE, TENSORS_AT), "modelUnreadable", /damaged/],
  ["claims 2^60 metadata entries", withNumber(HUGE, ENTRIES_AT), "modelUnreadable", /damaged/],
  ["claims a million metadata entries", withNumber(1_000_000n, ENTRIES_AT), "modelUnreadable", /damaged/],
  ["claims a key of 2^60 bytes", withNumber(HUGE, FIRST_KEY_AT), "modelUnreadable", /damaged/],
  [
    "claims 2^60 tensors and ends there",
    () => withNumber(HUGE, TENSORS_AT)().fill(0, ENTRIES_AT).subarray(0, FIRST_KEY_AT),
    "modelUnreadable",
    /damaged|cut off/,
  ],
  [
    "claims 2^60 metadata entries and ends there",
    () => withNumber(HUGE, ENTRIES_AT)().subarray(0, FIRST_KEY_AT),
    "modelUnreadable",
    /damaged|cut off/,
  ],
  ["ends where a list of 2^40 numbers begins", endsAfterLength(ARRAY, 1n << 40n), "modelUnreadable", /damaged|cut off/],
  ["ends where a text of 3 GB begins", endsAfterLength(STRING, 3_000_000_000n), "modelUnreadable", /damaged|cut off/],
  [
    "is of another architecture",
    written({ architecture: "mamba" }),
    "modelUnsupported",
    /architecture "mamba", but Fathom runs Qwen3\.5/,
  ],
  [
    "is a projector",
    () => readFileSync(tinyModelFiles().mmproj),
    "modelUnsupported",
    /architecture "clip", but Fathom runs Qwen3\.5/,
  ],
  ["has no metadata", metadataOnly(), "modelUnreadable", /is damaged: it names no architecture/],
  [
    "has no metadata but its architecture",
    metadataOnly(["general.architecture", TEXT("qwen35")]),
    "modelUnreadable",
    /damaged|could not be loaded|lacks/,
  ],
  [
    "has metadata but no tensors",
    () => {
      const bytes = good();
      bytes.writeBigUInt64LE(0n, TENSORS_AT);
      return bytes;
    },
    "modelUnreadable",
    /could not be loaded|damaged/,
  ],
];

describe("a model file that", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let host: EngineHost;
  let crashes: string[] = [];

  before(() => {
    folder = temporaryFolder("bad-models");
  });

  beforeEach(() => {
    crashes = [];
    host ??= new EngineHost({
      entry: ENGINE_ENTRY,
      log: () => {},
      onCrash: ({ reason }) => crashes.push(reason),
      onRestarted: () => {},
    });
  });

  afterEach(async function () {
    // A test that failed may have left the process hanging; the next one gets a fresh one.
    if (this.currentTest?.isPassed()) return;
    await host.restart();
  });

  after(async () => {
    await host.dispose();
    folder.remove();
  });

  /** The process is the same and loads a good model, which answers. */
  async function assertLives(pid: number | undefined): Promise<void> {
    await host.load(loadOptions());
    assert.equal((await host.generate(completion("const a = "))).stopReason, "maxTokens");
    assert.deepEqual(crashes, []);
    if (pid !== undefined) assert.equal(host.pid, pid);
  }

  for (const [name, bytes, code, message] of BAD_FILES) {
    it(`${name} is refused as ${code}, and a good one loads`, async function () {
      // A header that is believed makes the reader go on for ever.
      this.timeout(20_000);
      const modelFile = join(folder.path, "bad.gguf");
      writeFileSync(modelFile, bytes());
      const { pid } = host;
      await assert.rejects(host.load(loadOptions({ modelFile })), (error) => {
        assert.ok((error as Error).message.includes(basename(modelFile)), (error as Error).message);
        return fails(code, message)(error);
      });
      await assertLives(pid);
      rmSync(modelFile);
    });
  }

  it("does not exist is refused as modelMissing, and a good one loads", async () => {
    const modelFile = join(folder.path, "missing.gguf");
    for (const call of [() => host.load(loadOptions({ modelFile })), () => host.inspect(modelFile)]) {
      await assert.rejects(call, fails("modelMissing", /missing\.gguf does not exist/));
    }
    await assertLives(host.pid);
  });

  it("is a folder is refused as modelUnreadable, and a good one loads", async () => {
    const load = host.load(loadOptions({ modelFile: folder.path }));
    await assert.rejects(load, fails("modelUnreadable", /bad-models.* is no file but a folder/));
    await assertLives(host.pid);
  });

  it("is a pipe is refused as modelUnreadable at once", async function () {
    if (process.platform === "win32") this.skip();
    const modelFile = join(folder.path, "pipe");
    execFileSync("mkfifo", [modelFile]);
    await assert.rejects(host.load(loadOptions({ modelFile })), fails("modelUnreadable", /pipe is no file/));
    rmSync(modelFile);
  });

  it("is bad leaves the model that is loaded", async () => {
    await host.load(loadOptions());
    const modelFile = join(folder.path, "bad.gguf");
    writeFileSync(modelFile, cutAt(20_000)());
    await assert.rejects(host.load(loadOptions({ modelFile })), fails("modelUnreadable", /cut off/));
    assert.equal((await host.generate(completion("const a = "))).stopReason, "maxTokens");
  });
});
