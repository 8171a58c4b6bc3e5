// Tests which sentence of a file's comments its outline shows, and which comments say nothing about the code.
import assert from "node:assert/strict";
import { Analyser } from "../../../server/src/syntax/analyser.ts";
import { Grammars } from "../../../server/src/syntax/grammars.ts";
import { GRAMMARS, rulesFor } from "../../../server/src/syntax/languages.ts";
import { GRAMMAR_DIR } from "./samples.ts";

const analyser = new Analyser({ grammarDir: GRAMMAR_DIR, withParts: false });

function check(what: string, path: string, code: string, expected: string): void {
  it(what, async () => assert.equal((await analyser.analyse({ path, text: code })).outline, expected));
}

const TS = "export const a = 1;\n";

describe("documentation in an outline", () => {
  check(
    "is one sentence, over as many lines as it takes",
    "a.ts",
    `// Adds one\n// to another. Slowly.\n${TS}`,
    line("// Adds one to another."),
  );
  check(
    "of a block has no marks and stops at its tags",
    "a.ts",
    `/**\n * Adds one\n * @param a That.\n */\n${TS}`,
    line("// Adds one"),
  );
  check("of any script", "a.ts", `// 在庫を保存する\n${TS}`, line("// 在庫を保存する"));
  check("is cut at a word", "a.ts", `// ${"word ".repeat(40)}\n${TS}`, line(`// ${"word ".repeat(19).trim()}…`));
  check("is not what stands apart from it", "a.ts", `import "x";\n// Far.\n\n${TS}`, "export const a = 1");
  check("is not what stands behind code", "a.ts", `import "x"; // Import.\n${TS}`, "export const a = 1");
  check("skips rulers", "a.ts", `// ------\n// Adds.\n// ------\n${TS}`, line("// Adds."));
  check("is no licence", "a.ts", `// Copyright 2026 A.\n// All rights reserved.\n\n${TS}`, "export const a = 1");
  check("is no directive", "a.ts", `// eslint-disable-next-line no-x\n${TS}`, "export const a = 1");
  check(
    "of a file and of its first declaration are two",
    "a.ts",
    `// File.\n\n// First.\n${TS}`,
    line("// File.\n// First."),
  );
  check(
    "stands behind what is for tools",
    "a.js",
    `#!/usr/bin/env node\n"use strict";\n// Runs.\n\nfunction a() {}\n`,
    "// Runs.\nfunction a()",
  );
  check(
    "of Python is a string",
    "a.py",
    `#!/usr/bin/python\n# -*- coding: utf-8 -*-\n"""Runs. Fast."""\ndef a(): pass\n`,
    "# Runs.\ndef a()",
  );
  check("of Python is a comment without a string", "a.py", `# Runs.\n\ndef a(): pass\n`, "# Runs.\ndef a()");
  check(
    "of a first member can stand before the body",
    "a.py",
    `class A:\n    # Runs.\n    def a(self): pass\n`,
    "class A\n  # Runs.\n  def a(self)",
  );
  check(
    "of Ruby is behind its magic comment",
    "a.rb",
    `# frozen_string_literal: true\n\n# Runs.\nclass A\nend\n`,
    "# Runs.\nclass A",
  );
  check("is no magic comment", "a.rb", `# frozen_string_literal: true\nclass A\nend\n`, "class A");
  check(
    "of PHP",
    "a.php",
    `<?php\ndeclare(strict_types=1);\n/** Runs. */\n\nfunction a() {}\n`,
    "// Runs.\nfunction a()",
  );
  check("of C++ is behind its guard", "a.h", `#pragma once\n// Runs.\n\nint a();\n`, "// Runs.\nint a()");
  check("of Rust stands above attributes", "a.rs", `/// Runs.\n#[inline]\npub fn a() {}\n`, "// Runs.\npub fn a()");
});

describe("an outline", () => {
  const long = `export const a = [${"1, ".repeat(400)}];\n`;
  it("has no line without end, and is never longer than its file", async () => {
    const { outline } = await analyser.analyse({ path: "a.ts", text: long });
    assert.ok(outline.length > 280 && outline.length <= 300, `${outline.length}`);
    assert.ok(outline.endsWith("…"));
    for (const text of ["", "\n", "int a;", "class A{}"]) {
      for (const end of ["ts", "py", "cpp", "rb", "php"]) {
        const found = await analyser.analyse({ path: `a.${end}`, text });
        assert.ok(found.outline.length <= text.length, `${end}: ${found.outline}`);
      }
    }
  });

  it("of a file with very many declarations ends with a mark", async () => {
    const text = Array.from({ length: 20_000 }, (_, index) => `export function f${index}() {}`).join("\n");
    const { outline, definitions } = await analyser.analyse({ path: "a.ts", text });
    assert.ok(outline.length <= 100_002 && outline.endsWith("\n…"), `${outline.length}`);
    assert.equal(definitions.length, 4000);
  });
});

describe("languages", () => {
  it("are told by the end of a name, or by the whole name", () => {
    const grammarOf = (path: string) => rulesFor(path)?.grammar;
    const paths = ["a/b.TS", "x.d.ts", "Gemfile", "a/.bashrc", "a.b/c", "ts", ".ts", "a.", "a.ts/", ".editorconfig"];
    assert.deepEqual(paths.map(grammarOf), [
      "typescript",
      "typescript",
      "ruby",
      "bash",
      undefined,
      undefined,
      "typescript",
      undefined,
      undefined,
      "ini",
    ]);
  });

  it("all have a grammar that their rules fit", async () => {
    const grammars = new Grammars(GRAMMAR_DIR);
    const paths = "ts tsx js css py java cs cpp go rs rb php sh ps1 ini".split(" ").map((end) => `a.${end}`);
    const loaded = await Promise.all(paths.map((path) => grammars.load(rulesFor(path)!)));
    assert.equal(loaded.length, GRAMMARS.length);
  });
});

function line(doc: string): string {
  return `${doc}\nexport const a = 1`;
}
