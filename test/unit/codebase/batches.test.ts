// Tests that batches lose nothing, keep the order and are bounded in items and size.
import assert from "node:assert/strict";
import fc from "fast-check";
import { batches } from "../../../server/src/codebase/batches.ts";

const MIB = 1024 * 1024;

describe("batches", () => {
  it("hold every item once, in order, at most 64 of them or a mebibyte", () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 2 * MIB }), fc.constant(10)), { maxLength: 300 });
    fc.assert(
      fc.property(sizes, (items) => {
        const found = [...batches(items, (size) => size)];
        assert.deepEqual(found.flat(), items);
        for (const batch of found) {
          const size = batch.reduce((sum, each) => sum + each, 0);
          assert.ok(batch.length >= 1 && batch.length <= 64);
          assert.ok(size <= MIB || batch.length === 1);
        }
      }),
    );
  });

  it("are no more than needed", () => {
    assert.equal([...batches(Array(129).fill(1), (size: number) => size)].length, 3);
    assert.deepEqual([...batches([], () => 1)], []);
  });
});
