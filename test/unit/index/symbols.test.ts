// Tests which definitions are recognised in each language, with their kinds and line ranges.
import assert from "node:assert/strict";
import fc from "fast-check";
import { findSymbols } from "../../../server/src/index/symbols.ts";
import { SYMBOL_SAMPLES } from "./symbolSamples.ts";

const NOTHING: [name: string, path: string, code: string][] = [
  ["a language without rules", "a.css", ".class function { }\nclass A {}\n"],
  ["statements that look like functions", "a.ts", "  if (a) {\n  }\n  while (b) {\n  }\n  for (const c of d) {\n  }\n"],
  ["calls with a block", "a.ts", '  it("works", function () {\n  });\n  call(a, () => {\n  });\n'],
  ["calls of several lines", "a.ts", "  call(\n    a,\n  );\n  return call(\n    a,\n  );\n"],
  [
    "statements of the C family",
    "a.c",
    "    return find(list);\n    else free(list);\n    list = find(list,\n      b);\n",
  ],
  ["prototypes", "a.h", "int add(int a, int b);\nclass Forward;\nstruct node;\n"],
  ["throwing and creating", "A.java", "    throw new Failure(a);\n    return new Store(a);\n    new Store(a);\n"],
  ["comments", "a.ts", "// function a() {\n/*\nclass B {\n*/\n * class C {\n"],
  ["texts of several lines", "a.py", 'text = """\ndef a():\n"""\n'],
  ["a line over 1000 characters", "a.ts", `function a() { ${"x".repeat(1000)} }\n`],
  ["nothing", "a.ts", ""],
];

describe("symbols", () => {
  for (const { name, path, code, found } of SYMBOL_SAMPLES) {
    it(`finds the definitions of ${name}`, () => {
      const lines = findSymbols(path, code.slice(1)).map(
        ({ kind, name: symbol, line, endLine }) =>
          `${kind} ${symbol} ${line + 1}-${endLine === undefined ? "" : endLine + 1}`,
      );
      assert.deepEqual(lines, found.trim().split(/,\s+/));
    });
  }
  for (const [name, path, code] of NOTHING) {
    it(`finds nothing in ${name}`, () => assert.deepEqual(findSymbols(path, code), []));
  }

  it("finds the same with CRLF and tabs", () => {
    const code = "class A {\n\trun(a) {\n\t\tgo();\n\t}\n}\n";
    const expected = [
      { name: "A", kind: "class", line: 0, endLine: 4 },
      { name: "run", kind: "method", line: 1, endLine: 3 },
    ];
    assert.deepEqual(findSymbols("a.js", code), expected);
    assert.deepEqual(findSymbols("a.js", code.replaceAll("\n", "\r\n")), expected);
  });

  it("takes any text, and its ranges lie inside it and nest", () => {
    const word = fc.constantFrom(
      ...[
        "class A {",
        "}",
        "  function b(",
        "  ) {",
        "def c():",
        "end",
        "{",
        "\tint d(int e) {",
        "/*",
        "*/",
        '"""',
        "  f() {",
        "#if",
        "",
      ],
    );
    const path = fc.constantFrom(...SYMBOL_SAMPLES.map((language) => language.path));
    fc.assert(
      fc.property(path, fc.array(fc.oneof(word, fc.string()), { maxLength: 40 }), (file, lines) => {
        const symbols = findSymbols(file, lines.join("\n"));
        const nLines = lines.join("\n").split("\n").length;
        let last = 0;
        for (const { line, endLine = line } of symbols) {
          assert.ok(last <= line && line <= endLine && endLine < nLines);
          last = line;
        }
        for (const outer of symbols) {
          for (const inner of symbols.filter((symbol) => symbol.line > outer.line)) {
            const inside = inner.line <= (outer.endLine ?? -1);
            assert.ok(!inside || (inner.endLine ?? inner.line) <= (outer.endLine ?? 0));
          }
        }
      }),
    );
  });
});
