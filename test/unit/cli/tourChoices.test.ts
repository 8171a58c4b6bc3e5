// Tests of what the tour chooses: functions and cursors in several languages, the file, always the same.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  chooseCursors,
  chooseEditLines,
  chooseSources,
  findFunctions,
  functionNames,
  sourceWithCursor,
} from "../../../server/src/cli/tourChoices.ts";

const TYPESCRIPT = `import { a } from "a";
// function notThis(x) {
const limit = 3;

export async function addAll(values: number[]): Promise<number> {
  const { first = 1, last } = options;
  if (values.length > limit) {
    return values.reduce((sum, value) => sum + value, 0);
  }
  const total = await compute(
    values,
  );
  // total = a comment;
  return total.value;
}

class Stack<T> {
  push(item: T): void {
    this.items = this.items.concat(item);
  }
}
`;

const PYTHON = `import os


LIMIT = 3


def add_all(values):
    total = sum(values)

    return total + LIMIT


print(add_all([1]))
`;

function functionsOf(text: string): string[] {
  return findFunctions(text).map(({ name, start, end }) => `${name} ${start + 1}-${end + 1}`);
}

describe("tour choices", () => {
  it("finds functions in several languages", () => {
    assert.deepEqual(functionsOf(TYPESCRIPT), ["addAll 5-15", "push 18-20"]);
    assert.deepEqual(functionsOf(PYTHON), ["add_all 7-10"]);
    assert.deepEqual(functionsOf("impl A {\n    pub fn new() -> A {\n        A\n    }\n}\n"), ["new 2-4"]);
    assert.deepEqual(functionsOf("func (s *Server) Run(ctx int) error {\n\treturn nil\n}\n"), ["Run 1-3"]);
    assert.deepEqual(functionsOf("int main(int argc, char **argv) {\n  return 0;\n}\n"), ["main 1-3"]);
    assert.deepEqual(functionsOf("if (a) {\n  b();\n}\nfor (;;) {\n  c();\n}\n"), []);
    assert.deepEqual(functionsOf("function one() { return 1; }\n"), []);
  });

  it("cuts lines where the writer's next thought begins", () => {
    const cuts = chooseCursors(TYPESCRIPT).map(({ line, character, rest }) => `${line + 1}:${character + 1} ${rest}`);
    assert.deepEqual(cuts, [
      "8:12 values.reduce((sum, value) => sum + value, 0);",
      "14:10 total.value;",
      "19:18 this.items.concat(item);",
    ]);
    const python = chooseCursors(PYTHON).map(({ line, rest }) => `${line + 1} ${rest}`);
    assert.deepEqual(python, ["8 sum(values)", "10 total + LIMIT"]);
  });

  it("gives the same cursors for CRLF", () => {
    assert.deepEqual(chooseCursors(TYPESCRIPT.replaceAll("\n", "\r\n")), chooseCursors(TYPESCRIPT));
  });

  it("proposes to edit a small function, else the beginning of a large one", () => {
    assert.deepEqual(chooseEditLines(TYPESCRIPT), { name: "push", start: 17, end: 19 });
    const large = `function large() {\n${"  work();\n".repeat(30)}}\n`;
    assert.deepEqual(chooseEditLines(large), { name: "large", start: 0, end: 7 });
    assert.equal(chooseEditLines("const a = 1;\n"), undefined);
  });

  it("asks about functions with telling names first", () => {
    const sources = ["def run(\n  x):\n", "def compute_total():\n  pass\n"].map((text) => ({ absolutePath: "", text }));
    assert.deepEqual(functionNames(sources), ["compute_total", "run"]);
  });

  it("chooses the largest source file that was read and has a place for a cursor", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fathom-choices-"));
    try {
      writeFileSync(join(folder, "small.py"), PYTHON);
      writeFileSync(join(folder, "middle.ts"), TYPESCRIPT);
      writeFileSync(join(folder, "large.ts"), TYPESCRIPT.repeat(3));
      writeFileSync(join(folder, "largest.ts"), "export const a = 1;\n".repeat(500));
      writeFileSync(join(folder, "text.md"), TYPESCRIPT.repeat(9));
      const { signal } = new AbortController();
      const choose = async (...leftOut: string[]) => {
        const sources = await chooseSources(folder, new Set(leftOut), signal);
        return basename(sourceWithCursor(sources)?.absolutePath ?? "");
      };
      assert.equal(await choose(), "large.ts");
      assert.equal(await choose("large.ts"), "middle.ts");
      assert.equal(await choose("large.ts", "middle.ts"), "small.py");
      assert.equal(await choose("large.ts", "middle.ts", "small.py"), "");
      assert.equal(await choose("large.ts", "middle.ts", "small.py", "largest.ts"), "large.ts");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
