// Tests which identifiers of a text are gone through, and that what is remembered is what would be computed.
import assert from "node:assert/strict";
import fc from "fast-check";
import { RememberedWords } from "../../../server/src/index/rememberedWords.ts";

const IDENTIFIER = /[\w$\u00c0-\u1fff\u3040-\ud7ff]+/g;

/** Remembers the identifiers themselves, and counts how often one is computed. */
function echo() {
  const computed: string[] = [];
  const words = new RememberedWords((identifier) => {
    computed.push(identifier);
    return identifier;
  });
  return { computed, words };
}

describe("remembered words", () => {
  it("are the identifiers of the text in its order", () => {
    const { words, computed } = echo();
    const text = "parseHeader(x_1, $y) // größer 日本語 — x_1\ud83d\ude00z×";
    assert.deepEqual(words.valuesIn(text), ["parseHeader", "x_1", "$y", "größer", "日本語", "x_1", "z×"]);
    assert.deepEqual(computed, ["parseHeader", "x_1", "$y", "größer", "日本語", "z×"]);
    assert.deepEqual(words.valuesIn(""), []);
    assert.deepEqual(words.valuesIn("… + ("), []);
  });

  it("end where no letter goes on", () => {
    const borders = ["\u007f", "\u00bf", "\u00c0", "\u1fff", "\u2000", "\u303f", "\u3040", "\ud7ff", "\ud800"];
    const { words } = echo();
    const text = borders.map((border) => `a${border}b`).join(" ");
    assert.deepEqual(words.valuesIn(text), text.match(IDENTIFIER));
  });

  it("are computed once each, long ones every time", () => {
    const { words, computed } = echo();
    const [kept, long] = ["a".repeat(64), "a".repeat(65)];
    const text = `${kept} ${long}`;
    words.valuesIn(text);
    assert.deepEqual(words.valuesIn(text), [kept, long]);
    assert.deepEqual(computed, [kept, long, long]);
  });

  it("are told apart however many there are, and forgotten when there are too many", () => {
    const { words, computed } = echo();
    const names = Array.from({ length: 120_000 }, (_, number) => `name${number}`);
    assert.deepEqual(words.valuesIn(names.join(" ")), names);
    assert.deepEqual(words.valuesIn(names.join("\n")), names);
    assert.equal(computed.length, 2 * names.length);
    words.valuesIn(names.at(-1)!);
    assert.equal(computed.length, 2 * names.length);
  });

  it("are those that a pattern finds, in any text", () => {
    const { words } = echo();
    const unit = fc.oneof(fc.constantFrom(..."abA_$9 (.\n×÷à日…"), fc.string({ unit: "binary", maxLength: 1 }));
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 100 }), (units) => {
        const text = units.join("");
        assert.deepEqual(words.valuesIn(text), text.match(IDENTIFIER) ?? []);
      }),
    );
  });
});
