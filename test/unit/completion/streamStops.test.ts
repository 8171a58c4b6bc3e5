// Tests that what is kept of a streaming text does not depend on how it is cut into pieces, and what always holds for it.
import assert from "node:assert/strict";
import fc from "fast-check";
import { placeBetween } from "../../../server/src/completion/place.ts";
import { type Kept, StreamStops } from "../../../server/src/completion/streamStops.ts";

const PLACES = [
  ["a.ts", "typescript", "class A {\n  run() {\n    ", "\n  }\n}\n"],
  ["a.ts", "typescript", "function f() {", "}\n"],
  ["a.ts", "typescript", "", ""],
  ["a.py", "python", "def f():\n    ", "\n\ndef g():\n    pass\n"],
  ["a.py", "python", "def f():", ""],
  ["a.rb", "ruby", "def f\n  ", "\nend\n"],
  ["a.rs", "rust", "fn f() {\n    ", "\n}\n"],
  ["a.html", "html", "<ul>\n  ", "\n</ul>\n"],
  ["a.md", "markdown", "", "\nnext line\n"],
] as const;

const WORDS = [
  ..."{}()[]\"'`#;:\n\n\n",
  ..."\\ a",
  "\n  ",
  "\n    ",
  "//",
  "/*",
  "*/",
  '"""',
  "end",
  "else",
  "return x;",
  "next line",
  "def f",
  "</ul>",
  "😀",
];

const text = fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join(""));
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });

describe("StreamStops", () => {
  it("keeps the same however the text is cut, and only a beginning of it", () => {
    let stopped = 0;
    fc.assert(
      fc.property(fc.constantFrom(...PLACES), fc.boolean(), text, cuts, (place, multiLine, said, sizes) => {
        const whole = stopsAt(place, multiLine).push(said);
        assert.deepEqual(fed(stopsAt(place, multiLine), said, sizes), whole);
        assert.ok(said.startsWith(whole.text));
        assert.equal(whole.stop, whole.reason !== undefined);
        if (!whole.stop) assert.equal(whole.text, said);
        if (!multiLine) assert.equal(whole.text, said.split("\n")[0]);
        if (whole.stop) stopped++;
      }),
      { numRuns: 2000 },
    );
    assert.ok(stopped > 500, `${stopped} stopped`);
  });

  it("says the same again when it is fed on after its stop", () => {
    const stops = stopsAt(PLACES[0], true);
    const first = stops.push("a();\n  }\n");
    assert.deepEqual(first, { stop: true, text: "a();", reason: "the block is closed already" });
    assert.deepEqual(stops.push("a();\n  }\n\n  more() {}\n"), first);
  });

  it("stops at the character that is certain, not at the end of its line", () => {
    const at = (place: (typeof PLACES)[number], said: string) => {
      const stops = stopsAt(place, true);
      return [...said].findIndex((_, index) => stops.push(said.slice(0, index + 1)).stop);
    };
    assert.equal(at(PLACES[0], "a();\n  } else"), "a();\n  ".length);
    assert.equal(at(PLACES[3], "return 1\ndef"), "return 1\n".length);
    assert.equal(at(PLACES[5], "1\nendless"), -1);
    assert.equal(at(PLACES[5], "1\nend\n"), "1\nend".length);
  });
});

function stopsAt([path, languageId, before, after]: (typeof PLACES)[number], multiLine: boolean): StreamStops {
  return new StreamStops(placeBetween(before, after, path, languageId), { multiLine, reason: "" });
}

/** As an engine feeds it: until it stops. */
function fed(stops: StreamStops, said: string, sizes: readonly number[]): Kept {
  let kept = stops.push("");
  for (let end = 0, turn = 0; end < said.length && !kept.stop; turn++) {
    end = Math.min(said.length, end + sizes[turn % sizes.length]!);
    kept = stops.push(said.slice(0, end));
  }
  return kept;
}
