// Checks what a sample of a language gives: its outline, and the names that it defines, uses and imports.
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Analyser } from "../../../server/src/syntax/analyser.ts";

/** Folder with the grammars that the product ships. */
export const GRAMMAR_DIR = dirname(fileURLToPath(import.meta.resolve("@vscode/tree-sitter-wasm")));

export interface Sample {
  name: string;
  /** Decides the language. */
  path: string;
  code: string;
  /** Lines as they come. */
  outline: string;
  /** Joined with blanks. */
  definitions: string;
  references: string;
  /** Each once, as written. */
  imports: string[];
}

const analyser = new Analyser({ grammarDir: GRAMMAR_DIR, withParts: false });

export function describeSamples(title: string, samples: readonly Sample[]): void {
  describe(title, () => {
    for (const { name, path, code, outline, definitions, references, imports } of samples) {
      it(`gives outline and names of ${name}`, async () => {
        const syntax = await analyser.analyse({ path, text: code });
        assert.equal(syntax.outline, outline.trim());
        assert.equal(syntax.definitions.join(" "), words(definitions));
        assert.equal(syntax.references.join(" "), words(references));
        assert.deepEqual(syntax.imports, imports);
      });
    }
  });
}

/** Long lists stand on several lines. */
function words(list: string): string {
  return list.trim().split(/\s+/).join(" ");
}
