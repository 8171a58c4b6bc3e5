// Tests which bytes are taken as an image, and which texts as base64.
import assert from "node:assert/strict";
import { checkImage, decodeBase64, MAX_IMAGE_BYTES } from "../../../extension/src/imageFile.ts";

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8, 0xff, 0xe0];

describe("checkImage", () => {
  const cases: [string, Uint8Array, string][] = [
    ["a PNG", Uint8Array.from([...PNG, 0, 0]), "image/png"],
    ["a JPEG", Uint8Array.from([...JPEG, 0]), "image/jpeg"],
    ["nothing", new Uint8Array(0), "The image is empty."],
    ["half a signature", Uint8Array.from(PNG.slice(0, 4)), "neither a PNG nor a JPEG"],
    [
      "a PNG broken by text mode",
      Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0a, 0x1a, 0x0a]),
      "neither a PNG nor a JPEG",
    ],
    ["a GIF", Buffer.from("GIF89a"), "neither a PNG nor a JPEG"],
    ["a page", Buffer.from("<svg xmlns='x'/>"), "neither a PNG nor a JPEG"],
    ["the largest PNG", bigPng(MAX_IMAGE_BYTES), "image/png"],
    ["one byte more", bigPng(MAX_IMAGE_BYTES + 1), "larger than 20 MiB"],
  ];
  for (const [name, bytes, expected] of cases) {
    it(name, () => {
      const checked = checkImage(bytes);
      const told = checked.kind === "image" ? checked.mimeType : checked.reason;
      assert.ok(told.includes(expected), told);
    });
  }
});

describe("decodeBase64", () => {
  it("gives the bytes back", () => {
    assert.deepEqual([...(decodeBase64(Buffer.from(PNG).toString("base64")) ?? [])], PNG);
  });
  for (const text of ["abc", "ab c", "a=bc", "data:image/png;base64,AAAA", "AAA\u00e9"]) {
    it(`refuses ${text}`, () => assert.equal(decodeBase64(text), undefined));
  }
  it("refuses what cannot be an image of allowed size", () => {
    assert.equal(decodeBase64("A".repeat(Math.ceil(MAX_IMAGE_BYTES / 3) * 4 + 8192)), undefined);
  });
});

function bigPng(nBytes: number): Uint8Array {
  const bytes = new Uint8Array(nBytes);
  bytes.set(PNG);
  return bytes;
}
