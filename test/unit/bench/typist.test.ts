// Tests that a replayed typist ends with the source that the typing was made from, whatever the seed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { typingOf } from "../../bench/typist.ts";

const SOURCE = readFileSync(new URL("../../../server/src/server.ts", import.meta.url), "utf8");
/** Lines of one length: how much of a real source fits into a stretch changes with each edit of it. */
const EVEN = Array.from({ length: 300 }, (_, n) => `  const v${100 + n} = f();`).join("\n");
/** Of a line of it; Enter brings the indentation along. */
const LINE_KEYS = "\nconst v100 = f();".length;

describe("bench: typist", () => {
  function typed({ text, strokes }: ReturnType<typeof typingOf>): string {
    let offset = 0;
    let now = text;
    for (const stroke of strokes) {
      if (stroke.kind === "jump") offset = stroke.offset;
      else if (stroke.kind === "backspace") {
        now = now.slice(0, offset - 1) + now.slice(offset);
        offset -= 1;
      } else {
        now = now.slice(0, offset) + stroke.text + now.slice(offset);
        offset += stroke.text.length;
      }
    }
    return now;
  }

  it("types the whole source again", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 30, max: 600 }), (seed, keys) => {
        assert.equal(typed(typingOf(SOURCE, seed, keys)), SOURCE);
      }),
      { numRuns: 50 },
    );
  });

  it("presses as many keys as it should or up to a line more a place", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 30, max: 600 }), (seed, keys) => {
        const { strokes } = typingOf(EVEN, seed, keys);
        const typed = strokes.filter((stroke) => stroke.kind === "type" && stroke.text !== "q").length;
        assert.ok(typed >= keys && typed <= keys + 3 * LINE_KEYS, `${typed} of ${keys}`);
      }),
      { numRuns: 50 },
    );
  });

  it("has slips, pauses and jumps", () => {
    const { strokes } = typingOf(EVEN, 1, 240);
    assert.equal(strokes.filter(({ kind }) => kind === "jump").length, 3);
    assert.ok(strokes.some(({ kind }) => kind === "backspace"));
    assert.ok(strokes.some(({ waitMs }) => waitMs >= 300));
  });

  it("types the same with the same seed, and otherwise with another", () => {
    assert.deepEqual(typingOf(SOURCE, 5, 200), typingOf(SOURCE, 5, 200));
    assert.notDeepEqual(typingOf(SOURCE, 5, 200), typingOf(SOURCE, 6, 200));
  });
});
