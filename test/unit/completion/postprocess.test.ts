// Tests what holds for the filters whatever the text: they settle, they write nothing of their own, and no artefact gets through.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { FilterInput } from "../../../server/src/completion/filters/filter.ts";
import { placeBetween } from "../../../server/src/completion/place.ts";
import { postprocess } from "../../../server/src/completion/postprocess.ts";

const ARTEFACTS = /^[ \t]*```|<\|\w+\|>|<\/?think>/m;
const PIECES = [
  "a",
  "b1",
  "foo",
  " ",
  "  ",
  "\t",
  "\n",
  "\n  ",
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  '"',
  "'",
  "`",
  ";",
  ",",
  "end",
];
const SPECIAL = ["```", "<|im_end|>", "<think>", "<<<<<<< HEAD", "=======", "😀", "é", "return a;"];

const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => pieces.join(""));
const said = fc.array(fc.constantFrom(...PIECES, ...SPECIAL), { maxLength: 40 }).map((pieces) => pieces.join(""));
const input: fc.Arbitrary<FilterInput> = fc
  .record({ before: text, after: text, singleLine: fc.boolean(), indentUnit: fc.constantFrom("  ", "    ", "\t") })
  .map(({ before, after, ...rest }) => ({
    ...rest,
    place: placeBetween(before, after, "a.ts", "typescript"),
    artefacts: ARTEFACTS,
    recentlyRemoved: [],
  }));

describe("completion: all filters", () => {
  it("settle: what they show, they would show again", () => {
    fc.assert(
      fc.property(said, input, (model, about) => {
        const once = postprocess(model, about);
        if ("text" in once) assert.deepEqual(postprocess(once.text, about), once);
      }),
      { numRuns: 1000 },
    );
  });

  it("show nothing that the model did not say, white space aside", () => {
    fc.assert(
      fc.property(said, input, (model, about) => {
        const shown = postprocess(model, about);
        if (!("text" in shown)) return;
        const withoutSpace = (value: string) => value.replace(/\s/g, "");
        assert.ok(withoutSpace(model).includes(withoutSpace(shown.text)));
      }),
      { numRuns: 1000 },
    );
  });

  it("let no artefact through, and only one line where one is wanted", () => {
    fc.assert(
      fc.property(said, input, (model, about) => {
        const shown = postprocess(model, about);
        if (!("text" in shown)) return;
        assert.doesNotMatch(shown.text, ARTEFACTS);
        if (about.singleLine) assert.ok(!shown.text.includes("\n"));
      }),
      { numRuns: 1000 },
    );
  });
});
