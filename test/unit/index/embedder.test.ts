// Tests words and vectors of the bundled embedder against the reference values that ship with it, and files that are none.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { codeWords } from "../../../server/src/index/codeWords.ts";
import { type Embedder, loadEmbedder } from "../../../server/src/index/embedder.ts";

const FOLDER = join(import.meta.dirname, "../../../server/models/embedder");
const FILE = join(FOLDER, "code-embedder.bin");
/** The issue asks for 1e-3; the reference promises 1e-4. */
const TOLERANCE = 1e-4;

interface Reference {
  texts: { kind: "query" | "chunk"; text: string; words: string[]; rows: [number, number][]; first8: number[] }[];
  /** Dot products of two of the texts, by their places. */
  dots: { a: number; b: number; dot: number }[];
}

const reference = JSON.parse(readFileSync(join(FOLDER, "reference-vectors.json"), "utf8")) as Reference;

describe("code words", () => {
  for (const [text, expected] of [
    ["getHTTPServerURL2", "get http server url 2"],
    ["parse_json_file(sha256)", "parse json file sha 256"],
    ["XMLHttpRequest.isA", "xml http request is"],
    ["K8sClient v1beta1", "8 client 1 beta 1"],
    ["ABc ABCd __init__", "bc ab cd init"],
    ["Über-façade 123456", "über façade"],
    ["", ""],
  ] as const) {
    it(`of "${text}" are "${expected}"`, () => assert.equal(codeWords(text).join(" "), expected));
  }

  it("are the same whatever separates them, and never longer than their text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const words = codeWords(text);
        assert.ok(words.join("").length <= text.toLowerCase().length);
        assert.deepEqual(codeWords(words.join(" ")), words);
      }),
    );
  });
});

describe("the code embedder", () => {
  let embedder: Embedder;
  before(async () => {
    embedder = await loadEmbedder(FILE);
  });

  const vectorOf = (place: number) => {
    const { kind, text } = reference.texts[place]!;
    return kind === "query" ? embedder.embedQuery(text) : embedder.embedChunk(text);
  };

  it("has reference values to compare with", () => assert.ok(reference.texts.length >= 20));

  for (const { kind, text, words, rows, first8 } of reference.texts) {
    it(`gives the reference values of ${kind} ${JSON.stringify(text.slice(0, 50))}`, () => {
      assert.deepEqual(codeWords(text), words);
      const counts = new Map<number, number>();
      for (const row of words.flatMap((word) => embedder.rowsOf(word))) counts.set(row, (counts.get(row) ?? 0) + 1);
      assert.deepEqual([...counts], rows);
      const vector = vectorOf(reference.texts.findIndex((each) => each.kind === kind && each.text === text));
      for (const [index, value] of first8.entries()) assert.ok(Math.abs(vector[index]! - value) < TOLERANCE);
    });
  }

  for (const { a, b, dot } of reference.dots) {
    it(`compares texts ${a} and ${b} as the reference does`, () => {
      const [one, other] = [vectorOf(a), vectorOf(b)];
      const product = one.reduce((sum, value, index) => sum + value * other[index]!, 0);
      assert.ok(Math.abs(product - dot) < TOLERANCE, `${product} instead of ${dot}`);
    });
  }

  it("gives unit vectors, and zeros for a text without words", () => {
    const lengthOf = (vector: Float32Array) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    assert.ok(Math.abs(lengthOf(embedder.embedChunk("function parse() {}")) - 1) < 1e-6);
    assert.equal(lengthOf(embedder.embedQuery("?! ... x")), 0);
    assert.equal(embedder.embedQuery("a b").length, embedder.dim);
  });

  it("leaves nothing of one text to the next", () => {
    const before = embedder.embedChunk("read the file");
    embedder.embedChunk("websocketpp websocketpp file file file zzqqxxj");
    assert.deepEqual(embedder.embedChunk("read the file"), before);
  });

  it("knows which words of a question matter", () => {
    const [the, limiter] = [embedder.importance("the"), embedder.importance("limiter")];
    assert.ok(the < 0.3 && limiter > 0.7, `${the} ${limiter}`);
  });
});

describe("a file that is no embedder", () => {
  const bytes = readFileSync(FILE);
  const cases: [name: string, bytes: Uint8Array, reason: RegExp][] = [
    ["an empty file", new Uint8Array(0), /it is another file/],
    ["another file", Buffer.from("GGUF and more"), /it is another file/],
    ["a header that is cut off", bytes.subarray(0, 20), /it is cut off/],
    ["a body that is cut off", bytes.subarray(0, bytes.length - 1), /it has the wrong length/],
    ["another version", edited('"version": 1', '"version": 2'), /it has another format/],
    ["rows that do not add up", edited('"words": 24000', '"words": 23999'), /its header contradicts itself/],
  ];

  for (const [name, content, reason] of cases) {
    it(`is refused: ${name}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "fathom-embedder-"));
      try {
        const file = join(folder, "model.bin");
        writeFileSync(file, content);
        await assert.rejects(loadEmbedder(file), (error: Error) => {
          assert.match(error.message, reason);
          assert.match(error.message, /Install Fathom again\.$/);
          return true;
        });
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }

  it("is refused when it is missing", () => assert.rejects(loadEmbedder(`${FILE}.gone`), /cannot be used/));

  function edited(before: string, after: string): Uint8Array {
    const head = bytes.subarray(0, 1024).toString("latin1");
    assert.ok(head.includes(before), head.slice(0, 400));
    return Buffer.concat([Buffer.from(head.replace(before, after), "latin1"), bytes.subarray(1024)]);
  }
});
