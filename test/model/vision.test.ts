// Tests the vision path with a real runtime and a tiny random model: answers, cancelling, crashes, wrong files.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { crc32, deflateSync } from "node:zlib";
import { EngineError, type EngineErrorCode, type GenerateChunk, type VisionRequest } from "../../engine/src/api.ts";
import { Vision } from "../../engine/src/vision.ts";
import { repeatsItself } from "../../engine/src/visionText.ts";
import { tinyModelFiles, writeTinyMmproj, writeTinyModel } from "./tinyModel.ts";

const ENTRY = join(import.meta.dirname, "../../engine/src/visionMain.ts");
const DYING_ENTRY = join(import.meta.dirname, "dyingVisionMain.ts");

/**
 * A drawing of an application window, 320 × 200 pixels, 8-bit RGB: dark bar on top, grey lines in a side panel, a table
 * of thin lines, a green button. A script of this project computed the pixels and wrote header, deflated rows and end
 * with node:zlib; nobody's screen is in it.
 */
const SCREENSHOT = readFileSync(join(import.meta.dirname, "../fixtures/screenshot.png"));
/** 10 by 6 patches of 32 pixels. */
const SCREENSHOT_TOKENS = 60;

const GREEDY = { temperature: 0 };

function request(changes: Partial<VisionRequest> = {}): VisionRequest {
  const { model, mmproj } = tinyModelFiles();
  return {
    modelFile: model,
    mmprojFile: mmproj,
    imageBase64: SCREENSHOT.toString("base64"),
    mimeType: "image/png",
    prompt: "What is in the table?",
    system: "You describe pictures.",
    sampling: GREEDY,
    maxTokens: 24,
    contextTokens: 1024,
    gpu: "cpu",
    ...changes,
  };
}

/** @returns A PNG of coloured noise as base64, always the same: signature, header, deflated rows, end. */
function noisePng(width: number, height: number): string {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, checksum] = [data.length, crc32(body)].map((value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes;
    });
    return Buffer.concat([length!, body, checksum!]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits for each of red, green and blue.
  header.set([8, 2], 8);
  // A row begins with the number of its filter; 0 is none.
  const rowBytes = 1 + 3 * width;
  const rows = Buffer.from(Uint8Array.from({ length: rowBytes * height }, (_, at) => (at % rowBytes && at * at) >> 7));
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]).toString("base64");
}

function fails(code: EngineErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

describe("Vision", () => {
  let vision: Vision;
  let folder: string;

  beforeEach(() => {
    vision = new Vision({ entry: ENTRY });
    folder = mkdtempSync(join(tmpdir(), "fathom-vision-"));
  });

  afterEach(async () => {
    await vision.dispose();
    delete process.env.FATHOM_TEST_VISION_DIES;
    rmSync(folder, { recursive: true });
  });

  it("answers about a picture, in pieces that make up the text", async () => {
    const chunks: GenerateChunk[] = [];
    const { text, stopReason, figures, notes } = await vision.see(request(), {
      onChunk: (chunk) => chunks.push(chunk),
    });
    assert.ok(chunks.length > 1);
    assert.equal(chunks.map((chunk) => chunk.text).join(""), text);
    assert.ok(chunks.every((chunk) => !chunk.thinking));
    assert.equal(stopReason, "maxTokens");
    assert.equal(figures.generatedTokens, 24);
    assert.ok(figures.promptTokens > SCREENSHOT_TOKENS);
    assert.equal(figures.evaluatedTokens, figures.promptTokens);
    assert.deepEqual(notes, []);
    assert.ok(vision.running);
  });

  it("gives the same greedy answer again, from memory and from the start", async () => {
    const first = await vision.see(request());
    const second = await vision.see(request());
    await vision.dispose();
    vision = new Vision({ entry: ENTRY });
    const third = await vision.see(request());
    assert.deepEqual([second.text, third.text], [first.text, first.text]);
    assert.ok(second.figures.reusedTokens > SCREENSHOT_TOKENS);
    assert.equal(second.figures.reusedTokens + second.figures.evaluatedTokens, first.figures.promptTokens);
    assert.equal(third.figures.reusedTokens, 0);
  });

  it("gives the same answer with the same seed", async () => {
    const sampling = { temperature: 1, topP: 0.9, topK: 40, presencePenalty: 0.5, seed: 7 };
    const first = await vision.see(request({ sampling }));
    const second = await vision.see(request({ sampling }));
    const other = await vision.see(request({ sampling: { ...sampling, seed: 8 } }));
    assert.equal(second.text, first.text);
    assert.notEqual(other.text, first.text);
  });

  it("sees the picture and the question", async () => {
    const answer = await vision.see(request());
    const otherPicture = await vision.see(request({ imageBase64: noisePng(320, 200) }));
    const otherQuestion = await vision.see(request({ prompt: "Which colour has the button?" }));
    const otherSystem = await vision.see(request({ system: "" }));
    assert.equal(otherPicture.figures.promptTokens, answer.figures.promptTokens);
    assert.notEqual(otherPicture.text, answer.text);
    assert.notEqual(otherQuestion.text, answer.text);
    assert.notEqual(otherSystem.text, answer.text);
    assert.ok(otherSystem.figures.promptTokens < answer.figures.promptTokens);
  });

  it("takes special tokens in the text for text", async () => {
    const { figures } = await vision.see(request({ prompt: "x" }));
    const special = "<|im_end|><think><__media__>";
    const { figures: withSpecials } = await vision.see(request({ prompt: `x${special}` }));
    assert.ok(withSpecials.promptTokens >= figures.promptTokens + special.length);
  });

  it("answers one request after the other", async () => {
    const order: string[] = [];
    const ask = (name: string, changes: Partial<VisionRequest>) =>
      vision.see(request(changes), { onChunk: () => order.at(-1) === name || order.push(name) });
    const results = await Promise.all([ask("a", {}), ask("b", { prompt: "b" }), ask("c", { contextTokens: 2048 })]);
    assert.deepEqual(order, ["a", "b", "c"]);
    assert.equal(results[2].text, results[0].text);
  });

  it("stops in the middle when cancelled, and answers the next request", async () => {
    const abort = new AbortController();
    const onChunk = () => abort.abort();
    const cancelled = await vision.see(request({ maxTokens: 900 }), { signal: abort.signal, onChunk });
    assert.equal(cancelled.stopReason, "cancelled");
    assert.notEqual(cancelled.text, "");
    assert.ok(!vision.running);
    const next = await vision.see(request());
    assert.equal(next.stopReason, "maxTokens");
    assert.ok(next.text.startsWith(cancelled.text));
  });

  it("cancels a request that waits, without touching the one before", async () => {
    const abort = new AbortController();
    const first = vision.see(request(), { onChunk: () => abort.abort() });
    const second = vision.see(request(), { signal: abort.signal });
    assert.equal((await second).stopReason, "cancelled");
    assert.equal((await second).text, "");
    assert.equal((await first).stopReason, "maxTokens");
  });

  it("starts nothing for a request that is cancelled already", async () => {
    assert.equal((await vision.see(request(), { signal: AbortSignal.abort() })).stopReason, "cancelled");
    assert.ok(!vision.running);
  });

  it("lives on when the child is killed", async () => {
    await vision.dispose();
    vision = new Vision({ entry: DYING_ENTRY });
    process.env.FATHOM_TEST_VISION_DIES = "chunk";
    await assert.rejects(vision.see(request()), fails("visionFailed", /SIGKILL|exit code/));
    assert.ok(!vision.running);
    delete process.env.FATHOM_TEST_VISION_DIES;
    assert.equal((await vision.see(request())).stopReason, "maxTokens");
  });

  it("goes on with the CPU when loading onto the GPU ends the child", async () => {
    const { text } = await vision.see(request());
    await vision.dispose();
    vision = new Vision({ entry: DYING_ENTRY });
    process.env.FATHOM_TEST_VISION_DIES = "gpu";
    const result = await vision.see(request({ gpu: "auto" }));
    assert.equal(result.text, text);
    assert.match(result.notes.join(), /on the CPU/);
    const next = await vision.see(request({ gpu: "auto", contextTokens: 2048 }));
    assert.deepEqual([next.text, next.notes], [text, []]);
  });

  it("ends with its parent", async () => {
    const child = fork(ENTRY, { serialization: "advanced", stdio: ["ignore", "ignore", "ignore", "ipc"] });
    child.on("message", ({ kind }: { kind: string }) => {
      if (kind === "chunk" && child.connected) child.disconnect();
    });
    child.send({ ...request({ maxTokens: 900 }), threads: 1, image: { width: 320, height: 200 } });
    const [code, signal] = await once(child, "exit");
    assert.ok(signal === "SIGKILL" || code !== 0);
  });

  it("says why when the child cannot start", async () => {
    await vision.dispose();
    vision = new Vision({ entry: join(folder, "missing.mjs") });
    await assert.rejects(vision.see(request()), fails("visionFailed", /exit code 1 .*Cannot find module/));
  });

  const projectors: [name: string, write: (file: string) => void, reason: RegExp][] = [
    ["is missing", () => {}, /does not exist/],
    ["is random bytes", (file) => writeFileSync(file, randomBytes(5000)), /not a GGUF/],
    ["is a text model", (file) => writeTinyModel(file), /architecture is "qwen35"/],
    [
      "belongs to another model",
      (file) => writeTinyMmproj(file, { projectionDim: 128 }),
      /vectors of 128 numbers, but the model takes 64/,
    ],
    [
      "is cut off",
      (file) => {
        writeTinyMmproj(file);
        truncateSync(file, statSync(file).size - 1000);
      },
      /cut off/,
    ],
  ];
  for (const [name, write, reason] of projectors) {
    it(`refuses a projector that ${name}`, async () => {
      const mmprojFile = join(folder, "projector.gguf");
      write(mmprojFile);
      const check = fails("mmprojUnusable", reason);
      await assert.rejects(vision.see(request({ mmprojFile })), (error) => {
        assert.match((error as Error).message, new RegExp(basename(mmprojFile)));
        return check(error);
      });
      assert.ok(!vision.running);
    });
  }

  it("refuses what is no picture before anything is started", async () => {
    const imageBase64 = Buffer.from("no picture at all").toString("base64");
    await assert.rejects(vision.see(request({ imageBase64 })), fails("badImage", /neither/));
    assert.ok(!vision.running);
  });

  it("refuses a picture that is damaged behind its header, and answers the next request", async () => {
    const imageBase64 = SCREENSHOT.subarray(0, SCREENSHOT.length / 2).toString("base64");
    await assert.rejects(vision.see(request({ imageBase64 })), fails("badImage", /damaged/));
    assert.equal((await vision.see(request())).stopReason, "maxTokens");
  });

  it("refuses a question that does not fit, and answers the next request", async () => {
    const prompt = "word ".repeat(1000);
    await assert.rejects(vision.see(request({ prompt })), fails("promptTooLong", /the context has 1024/));
    assert.equal((await vision.see(request())).stopReason, "maxTokens");
  });

  it("scales a picture down that would fill the context", async () => {
    const contextTokens = 256;
    const { figures } = await vision.see(request({ imageBase64: noisePng(1280, 960), contextTokens, maxTokens: 4 }));
    assert.ok(figures.promptTokens < contextTokens);
    assert.equal(figures.generatedTokens, 4);
  });

  it("stops an answer that repeats itself", async () => {
    // Left to itself, the tiny model falls into a loop.
    const { text, stopReason, figures } = await vision.see(request({ contextTokens: 4096, maxTokens: 3000 }));
    assert.equal(stopReason, "repetition");
    assert.ok(repeatsItself(text));
    assert.ok(figures.generatedTokens < 3000);
    assert.equal((await vision.see(request())).stopReason, "maxTokens");
  });

  it("stops where the context is full", async () => {
    const { stopReason, figures } = await vision.see(request({ contextTokens: 256, maxTokens: 2000 }));
    assert.equal(stopReason, "contextFull");
    assert.ok(figures.promptTokens + figures.generatedTokens <= 256 + 1);
  });

  it("ends an idle child", async () => {
    await vision.dispose();
    vision = new Vision({ entry: ENTRY, idleMs: 1 });
    await vision.see(request());
    while (vision.running) await setTimeout(5);
    assert.equal((await vision.see(request())).stopReason, "maxTokens");
  });

  it("fails open requests when the engine is disposed", async () => {
    const open = vision.see(request({ maxTokens: 900 }), { onChunk: () => void vision.dispose() });
    const waiting = vision.see(request());
    await Promise.all([
      assert.rejects(open, fails("engineStopped", /stopped/)),
      assert.rejects(waiting, fails("engineStopped", /stopped/)),
    ]);
    assert.ok(!vision.running);
  });
});
