// Tests that one place is one hit, however many ways it was found.
import assert from "node:assert/strict";
import { indexOf } from "./indexed.ts";

const TEXT = "const other = 1;\n\nexport function parseHeader(text: string) {\n  return text.trim();\n}\n";

async function linesFound(query: string): Promise<string[]> {
  const places = await (await indexOf({ "a.ts": TEXT })).search(query);
  return places.map(({ startLine, endLine, symbol }) => `${startLine}-${endLine} ${symbol ?? ""}`.trim());
}

describe("ranking", () => {
  it("joins a quoted text with the definition on its line", async () => {
    assert.deepEqual(await linesFound('parseHeader "parseHeader"'), ["2-4 parseHeader"]);
  });

  it("keeps a quoted text elsewhere apart", async () => {
    assert.deepEqual((await linesFound('parseHeader "text.trim"')).toSorted(), ["2-4 parseHeader", "3-3 parseHeader"]);
  });
});
