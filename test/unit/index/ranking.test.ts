// Tests that one place is one hit, however many ways it was found.
import assert from "node:assert/strict";
import { SearchIndex } from "../../../server/src/index/search.ts";

const TEXT = "const other = 1;\n\nexport function parseHeader(text: string) {\n  return text.trim();\n}\n";

async function linesFound(query: string): Promise<string[]> {
  const index = new SearchIndex();
  await index.update([{ path: "a.ts", uri: "file:///a.ts", text: TEXT }]);
  return index.search(query).map(({ startLine, endLine, symbol }) => `${startLine}-${endLine} ${symbol ?? ""}`.trim());
}

describe("ranking", () => {
  it("joins a quoted text with the definition on its line", async () => {
    assert.deepEqual(await linesFound('parseHeader "parseHeader"'), ["2-4 parseHeader"]);
  });

  it("keeps a quoted text elsewhere apart", async () => {
    assert.deepEqual((await linesFound('parseHeader "text.trim"')).toSorted(), ["2-4 parseHeader", "3-3 parseHeader"]);
  });
});
