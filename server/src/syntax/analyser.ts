// Analyses one file: parses it and gathers outline and names; runs in the parsing thread.
import { chunksOf, type NamedDeclaration, symbolsOf } from "./chunks.ts";
import { DeclarationWalker, documentationOfFile } from "./declarations.ts";
import { Excerpts } from "./excerpts.ts";
import { emptySyntax, type FileSyntax, type SourceText } from "./fileSyntax.ts";
import { Grammars } from "./grammars.ts";
import { rulesFor } from "./languages.ts";
import { lineOutline } from "./lineOutline.ts";
import { namesIn, plainCaptures } from "./names.ts";
import { outlineOf } from "./outline.ts";
import { named, sectionsOf } from "./sections.ts";
import type { WorkerOptions } from "./workerMessages.ts";

export class Analyser {
  readonly #grammars: Grammars;
  readonly #withParts: boolean;

  constructor({ grammarDir, withParts }: WorkerOptions) {
    this.#grammars = new Grammars(grammarDir);
    this.#withParts = withParts;
  }

  /**
   * The syntax of a file. Broken syntax gives what could be recognised; no outline is longer than its file.
   * @throws UnusableGrammar if a grammar cannot be loaded; anything else if the runtime failed over this file. It is of no
   *   use any more then, for no other file either.
   */
  async analyse({ path, text }: SourceText): Promise<FileSyntax> {
    const byLines = lineOutline(path, text);
    if (byLines !== undefined) return this.#withoutTree(path, text, byLines);
    const rules = rulesFor(path);
    if (rules === undefined) return this.#withoutTree(path, text);
    const grammar = await this.#grammars.load(rules);
    const tree = await this.#grammars.parse(grammar, text);
    if (tree === undefined) return { ...this.#withoutTree(path, text), unfinished: true };
    try {
      const found = this.#grammars.captures(grammar, tree);
      if (found === undefined) return { ...this.#withoutTree(path, text), unfinished: true };
      const root = tree.rootNode;
      const captures = plainCaptures(found);
      const excerpts = new Excerpts(
        text,
        captures.filter(({ kind }) => kind === "comment"),
        rules.newlines ?? false,
      );
      const declarations = new DeclarationWalker(rules, excerpts).declarationsIn(root);
      // The index has no use for it, and it takes a tenth of the time.
      const outline = this.#withParts
        ? ""
        : outlineOf(declarations, documentationOfFile(root, rules), rules.comment, excerpts);
      return {
        outline: outline.length <= text.length ? outline : text.trim(),
        ...namesIn(text, captures, declarations),
        ...this.#parts(text, () => named(text, declarations, captures, excerpts)),
      };
    } finally {
      tree.delete();
    }
  }

  #withoutTree(path: string, text: string, outline = ""): FileSyntax {
    return { ...emptySyntax(), outline, ...this.#parts(text, () => sectionsOf(path, text)) };
  }

  #parts(text: string, declared: () => NamedDeclaration[]): Pick<FileSyntax, "parts"> {
    if (!this.#withParts) return {};
    const declarations = declared();
    return { parts: { chunks: chunksOf(text, declarations), symbols: symbolsOf(text, declarations) } };
  }
}
