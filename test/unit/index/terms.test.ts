// Tests which terms a text has in the full-text index, and which of a question's are searched for.
import assert from "node:assert/strict";
import { compoundsOf, tellingTerms, termsOf } from "../../../server/src/index/terms.ts";

const LONG = `a${"b".repeat(64)}`;
/** Words that say much; all others say little. */
const TELLING = new Set(["header", "parse", "socket"]);

function check(cases: readonly (readonly [text: string, expected: string])[], of: (text: string) => string[]): void {
  for (const [text, expected] of cases) it(`of "${text}"`, () => assert.equal(of(text).join(" "), expected));
}

describe("terms", () => {
  check(
    [
      ["parseHeader(x)", "parse header =parseheader"],
      ["parse_header PARSE_HEADER", "parse header =parse_header parse header =parse_header"],
      ["header Header", "header header"],
      ["$httpServer2", "http server 2 =$httpserver2"],
      ["a + 1", "1"],
      ["Überfluß", "überfluß"],
      ["日本語", "日本 本語 日本語"],
      [`${LONG} end`, "end"],
      ["", ""],
    ],
    termsOf,
  );

  it("are the same the second time", () => assert.deepEqual(termsOf("readFile(path)"), termsOf("readFile(path)")));
});

describe("terms to search for", () => {
  check(
    [
      ["where is the header parsed", "header"],
      ["parse the header, parse the socket", "parse header socket"],
      ["what does getIt do", "=getit"],
      ["where is it", "where is it"],
      ["", ""],
    ],
    (text) => tellingTerms(text, (word) => (TELLING.has(word) ? 0.4 : 0.39)),
  );
});

describe("compound names of a question", () => {
  check(
    [
      ["where is parseHeader called by parseHeader or read_file", "parseHeader read_file"],
      ["where is the header", ""],
      [`a_${LONG}`, ""],
    ],
    compoundsOf,
  );
});
