// Tests which keys of a JSON file are its sections: the outermost ones, however far a formatter indents them.
import assert from "node:assert/strict";
import { sectionsOf } from "../../../server/src/syntax/sections.ts";

describe("sections of a JSON file", () => {
  const value = { name: "x", scripts: { build: "b", deep: { er: 1 } }, version: "1" };
  for (const indentation of ["  ", "    ", "\t"]) {
    it(`indented by ${JSON.stringify(indentation)}`, () => {
      const text = `// "not": this\n${JSON.stringify(value, null, indentation)}\n`;
      const names = sectionsOf("package.json", text).map(({ name }) => name);
      assert.deepEqual(names, ["name", "scripts", "version"]);
    });
  }
});
