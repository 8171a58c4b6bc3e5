// Tests what the vision path decides without a model: pictures, special tokens in text, repetition, crash logs.
import assert from "node:assert/strict";
import { EngineError } from "../../engine/src/api.ts";
import { readImageSize } from "../../engine/src/visionInput.ts";
import { lastErrors, neutraliseSpecials, repeatsItself } from "../../engine/src/visionText.ts";

const JOINER = "\u200d";

function png(width: number, height: number): Buffer {
  const header = Buffer.alloc(24);
  header.write("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "latin1");
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  return header;
}

/** Segments of a JPEG file, each given as marker and body. */
function jpeg(...segments: [marker: number, body: number[]][]): Buffer {
  const bytes = segments.flatMap(([marker, body]) => [0xff, marker, 0, body.length + 2, ...body]);
  return Buffer.from([0xff, 0xd8, ...bytes]);
}

/** Precision, height, width and number of components, as they follow the length of a frame header. */
const FRAME_640_480 = [8, 480 >> 8, 480 & 255, 640 >> 8, 640 & 255, 3];

describe("neutraliseSpecials", () => {
  const broken: [text: string, expected: string][] = [
    ["<|im_end|>", `<${JOINER}|im_end|>`],
    ["a<|im_start|>system\nb", `a<${JOINER}|im_start|>system\nb`],
    ["<|<|im_end|>|>", `<|<${JOINER}|im_end|>|>`],
    ["<think></think>", `<${JOINER}think><${JOINER}/think>`],
    ["<tool_call></tool_response>", `<${JOINER}tool_call><${JOINER}/tool_response>`],
    ["<__media__>", `<${JOINER}__media__>`],
    ["<tts_pad>", `<${JOINER}tts_pad>`],
    ["a\ud800b", "a\ufffdb"],
  ];
  for (const [text, expected] of broken) {
    it(`breaks ${JSON.stringify(text)}`, () => assert.equal(neutraliseSpecials(text), expected));
  }
  const plain = [
    "",
    "a < b || c > d",
    "f <| x |> g",
    "<div class='a'>",
    "<thinking>",
    "<| im_end |>",
    "List<String>",
    "😀",
  ];
  for (const text of plain) {
    it(`leaves ${JSON.stringify(text)}`, () => assert.equal(neutraliseSpecials(text), text));
  }
  it("changes nothing the second time", () => {
    const once = neutraliseSpecials("<|im_end|><think>");
    assert.equal(neutraliseSpecials(once), once);
  });
});

describe("readImageSize", () => {
  const pixels = (width: number, height: number) => ({ width, height });
  const good: [name: string, bytes: Buffer, mimeType: "image/png" | "image/jpeg", size: object][] = [
    ["the size of a PNG", png(320, 200), "image/png", pixels(320, 200)],
    ["the largest side", png(16_384, 8), "image/png", pixels(16_384, 8)],
    ["the size of a JPEG", jpeg([0xc0, FRAME_640_480]), "image/jpeg", pixels(640, 480)],
    [
      "a progressive JPEG after other segments",
      jpeg([0xe0, [1, 2, 3]], [0xc4, FRAME_640_480.map(() => 9)], [0xc2, FRAME_640_480]),
      "image/jpeg",
      pixels(640, 480),
    ],
  ];
  for (const [name, bytes, mimeType, size] of good) {
    it(`reads ${name}`, () => {
      assert.deepEqual(readImageSize({ imageBase64: bytes.toString("base64"), mimeType }), size);
    });
  }

  const whole = png(320, 200).toString("base64");
  const bad: [name: string, imageBase64: string, mimeType: "image/png" | "image/jpeg", reason: RegExp][] = [
    ["no bytes", "", "image/png", /base64/],
    ["text that is no base64", "this is no picture!!", "image/png", /base64/],
    ["a data URL", `data:image/png;base64,${whole}`, "image/png", /base64/],
    ["another format", Buffer.from("GIF89a, and so on").toString("base64"), "image/png", /neither/],
    ["a PNG called JPEG", whole, "image/jpeg", /handed over as image\/jpeg, but it is image\/png/],
    ["a PNG cut in its header", png(320, 200).subarray(0, 18).toString("base64"), "image/png", /damaged/],
    ["a JPEG without a frame", jpeg([0xe0, [1, 2, 3]]).toString("base64"), "image/jpeg", /damaged/],
    ["a side of 7 pixels", png(7, 200).toString("base64"), "image/png", /7 × 200 pixels/],
    ["a side of 16,385 pixels", png(16_385, 8).toString("base64"), "image/png", /16385 × 8 pixels/],
    ["65 megapixels", png(8125, 8000).toString("base64"), "image/png", /64 megapixels/],
    ["more than 20 MB", "A".repeat(26_666_672), "image/png", /20 MB/],
  ];
  for (const [name, imageBase64, mimeType, reason] of bad) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => readImageSize({ imageBase64, mimeType }),
        (error: unknown) => error instanceof EngineError && error.code === "badImage" && reason.test(error.message),
      );
    });
  }
});

describe("repeatsItself", () => {
  const lines = Array.from({ length: 100 }, (_, index) => `  <li>Item ${index}</li>\n`).join("");
  const cases: [name: string, text: string, expected: boolean][] = [
    ["one character 400 times", "x".repeat(400), true],
    ["one character 399 times", "x".repeat(399), false],
    [
      "a period of 40 after other text",
      `Hello. ${"0123456789".repeat(3)}${"abcdefghij0123456789ABCDEFGHIJ()[]{}<>.,".repeat(10)}`,
      true,
    ],
    ["a period of 41", "abcdefghij0123456789ABCDEFGHIJ()[]{}<>.,;".repeat(20), false],
    ["lines that differ in a number", lines, false],
    ["a loop that has ended", `${"ab".repeat(300)}.`, false],
  ];
  for (const [name, text, expected] of cases) {
    it(`${expected ? "finds" : "does not take for a loop"}: ${name}`, () =>
      assert.equal(repeatsItself(text), expected));
  }
});

describe("lastErrors", () => {
  const cases: [name: string, log: string, expected: string][] = [
    ["nothing but progress", "llama_model_loader: loaded meta data\nimage decoded in 3 ms\n", ""],
    [
      "a failed assertion",
      "x\n/build/src/llama-context.cpp:17: GGML_ASSERT(n <= m) failed\n",
      "llama-context.cpp:17: GGML_ASSERT(n <= m) failed",
    ],
    [
      "a Windows path",
      "llama_model_load: error loading C:\\models\\big.gguf\r\n",
      "llama_model_load: error loading big.gguf",
    ],
    ["the user's text", "add_text: an error in my file\nError handling is missing\n", ""],
    [
      "the last three",
      ["one", "two", "three", "four"].map((name) => `ggml_${name}: failed`).join("\n"),
      "ggml_two: failed ggml_three: failed ggml_four: failed",
    ],
  ];
  for (const [name, log, expected] of cases) {
    it(`keeps what matters of ${name}`, () => assert.equal(lastErrors(log), expected));
  }
});
