// Tests that reading speeds are found again for the same model on the same device, and that no file is taken at its word.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ReadingSpeeds } from "../../../server/src/codebase/readingSpeeds.ts";
import { type Tree, withTree } from "./tempTree.ts";

const MODEL = { modelHash: "abc", gpu: "CPU" };

function withSpeeds(tree: Tree, test: (speeds: ReadingSpeeds, file: string) => Promise<void>): Promise<void> {
  return withTree(tree, (root) =>
    test(new ReadingSpeeds(join(root, "data", "speeds.json")), join(root, "data", "speeds.json")),
  );
}

describe("reading speeds", () => {
  it("are kept by model and device", () =>
    withSpeeds({}, async (speeds, file) => {
      assert.equal(await speeds.of(MODEL), undefined);
      await speeds.remember(MODEL, 10_000, 4000);
      await speeds.remember({ ...MODEL, gpu: "metal" }, 10_000, 1000);
      const again = new ReadingSpeeds(file);
      assert.equal(await again.of(MODEL), 2500);
      assert.equal(await again.of({ ...MODEL, gpu: "metal" }), 10_000);
      assert.equal(await again.of({ ...MODEL, modelHash: "other" }), undefined);
      await again.remember(MODEL, 10_000, 5000);
      assert.equal(await speeds.of(MODEL), 2000);
    }));

  it("are not those of readings that were too short, or took no time", () =>
    withSpeeds({}, async (speeds) => {
      await speeds.remember(MODEL, 2047, 1000);
      await speeds.remember(MODEL, 5000, 0);
      assert.equal(await speeds.of(MODEL), undefined);
      await speeds.remember(MODEL, 2048, 1000);
      assert.equal(await speeds.of(MODEL), 2050);
    }));

  it("are never so low that they count as unknown", () =>
    withSpeeds({}, async (speeds) => {
      await speeds.remember(MODEL, 2048, 1e8);
      assert.equal(await speeds.of(MODEL), 0.0205);
    }));

  for (const [what, content] of Object.entries({
    "cut off": '{"abc on CPU": 3',
    empty: "",
    binary: new Uint8Array([0, 255, 1]),
    "a list": "[1, 2]",
    null: "null",
    "a text": '"abc on CPU"',
    "without numbers": '{"abc on CPU": "fast", "b": null, "c": {}}',
    "of impossible speeds": '{"abc on CPU": -5, "b on CPU": 0, "c on CPU": 1e999}',
  })) {
    it(`are measured again where the file is ${what}`, () =>
      withSpeeds({ "data/speeds.json": content }, async (speeds) => {
        assert.equal(await speeds.of(MODEL), undefined);
        await speeds.remember(MODEL, 4000, 1000);
        assert.equal(await speeds.of(MODEL), 4000);
      }));
  }

  it("keep what is right of a file that is partly wrong, and no names of objects", () =>
    withSpeeds({ "data/speeds.json": '{"abc on CPU": 7, "b": "x", "__proto__": 9}' }, async (speeds, file) => {
      assert.equal(await speeds.of(MODEL), 7);
      assert.equal(await speeds.of({ modelHash: "toString", gpu: "x" }), undefined);
      await speeds.remember({ ...MODEL, gpu: "b" }, 4000, 1000);
      assert.deepEqual(Object.keys(JSON.parse(await readFile(file, "utf8"))).slice(0, 1), ["abc on CPU"]);
    }));

  it("are of the hundred models that were read last", () =>
    withSpeeds({}, async (speeds, file) => {
      for (let index = 0; index < 105; index++) {
        await speeds.remember({ modelHash: `m${index}`, gpu: "CPU" }, 4000, 1000);
        await speeds.remember(MODEL, 4000, 1000);
      }
      assert.equal(Object.keys(JSON.parse(await readFile(file, "utf8"))).length, 100);
      assert.equal(await speeds.of(MODEL), 4000);
      assert.equal(await speeds.of({ modelHash: "m5", gpu: "CPU" }), undefined);
      assert.equal(await speeds.of({ modelHash: "m104", gpu: "CPU" }), 4000);
    }));

  it("throw where they cannot be written", () =>
    withSpeeds({ data: "a file" }, async (speeds) => {
      await assert.rejects(speeds.remember(MODEL, 4000, 1000));
      assert.equal(await speeds.of(MODEL), undefined);
    }));
});
