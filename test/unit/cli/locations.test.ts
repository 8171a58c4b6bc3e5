// Tests of the places that people type: FILE:LINE:COL and FILE:START-END.
import assert from "node:assert/strict";
import { join, sep } from "node:path";
import { parseCursorPlace, parseLinesPlace, pathInside } from "../../../server/src/cli/locations.ts";

describe("cli locations", () => {
  it("reads FILE:LINE:COL", () => {
    const cases: [string, string, number, number][] = [
      ["src/a.ts:12:5", "src/a.ts", 11, 4],
      ["a:1:1", "a", 0, 0],
      ["C:\\a.ts:2:3", "C:\\a.ts", 1, 2],
      ["odd:7:name:2:3", "odd:7:name", 1, 2],
    ];
    for (const [text, file, line, character] of cases) {
      assert.deepEqual(parseCursorPlace(text), { file, line, character });
    }
  });

  it("says what is wrong with a cursor", () => {
    for (const text of ["a.ts", "a.ts:1", ":1:1", "a.ts:x:1", "a.ts:1:-1", ""]) {
      assert.match(String(parseCursorPlace(text)), /is not FILE:LINE:COL/, text);
    }
    for (const text of ["a.ts:0:1", "a.ts:1:0"]) assert.match(String(parseCursorPlace(text)), /counted from 1/, text);
  });

  it("reads FILE with and without lines", () => {
    assert.deepEqual(parseLinesPlace("a.ts"), { file: "a.ts" });
    assert.deepEqual(parseLinesPlace("C:\\a.ts"), { file: "C:\\a.ts" });
    assert.deepEqual(parseLinesPlace("a.ts:7"), { file: "a.ts", lines: { start: 6, end: 6 } });
    assert.deepEqual(parseLinesPlace("a.ts:3-9"), { file: "a.ts", lines: { start: 2, end: 8 } });
  });

  it("says what is wrong with lines", () => {
    assert.match(String(parseLinesPlace("")), /missing/);
    assert.match(String(parseLinesPlace("a.ts:0")), /counted from 1/);
    assert.match(String(parseLinesPlace("a.ts:9-3")), /last line comes before the first/);
  });

  it("tells paths inside of a folder from others", () => {
    const folder = join(sep, "home", "project");
    assert.equal(pathInside(folder, join(folder, "src", "a.ts")), "src/a.ts");
    assert.equal(pathInside(folder, join(folder, "..dotted")), "..dotted");
    for (const outside of [folder, join(sep, "home"), join(sep, "home", "project2", "a.ts")]) {
      assert.equal(pathInside(folder, outside), undefined, outside);
    }
  });
});
