// Analyses one file: parses it and gathers outline and names; runs in the parsing thread.
import { DeclarationWalker, documentationOfFile } from "./declarations.ts";
import { Excerpts } from "./excerpts.ts";
import { emptySyntax, type FileSyntax, type SourceText } from "./fileSyntax.ts";
import { Grammars } from "./grammars.ts";
import { rulesFor } from "./languages.ts";
import { lineOutline } from "./lineOutline.ts";
import { namesIn, plainCaptures } from "./names.ts";
import { outlineOf } from "./outline.ts";

export class Analyser {
  readonly #grammars: Grammars;

  /** @param grammarDir Folder with the grammars' wasm files. */
  constructor(grammarDir: string) {
    this.#grammars = new Grammars(grammarDir);
  }

  /**
   * The syntax of a file. Broken syntax gives what could be recognised; no outline is longer than its file.
   * @throws Error if a grammar cannot be loaded.
   */
  async analyse({ path, text }: SourceText): Promise<FileSyntax> {
    const byLines = lineOutline(path, text);
    if (byLines !== undefined) return { ...emptySyntax(), outline: byLines };
    const rules = rulesFor(path);
    if (rules === undefined) return emptySyntax();
    const grammar = await this.#grammars.load(rules);
    const tree = await this.#grammars.parse(grammar, text);
    if (tree === undefined) return emptySyntax();
    try {
      const root = tree.rootNode;
      const captures = plainCaptures(grammar.names.captures(root));
      const excerpts = new Excerpts(
        text,
        captures.filter(({ kind }) => kind === "comment"),
        rules.newlines ?? false,
      );
      const declarations = new DeclarationWalker(rules, excerpts).declarationsIn(root);
      const outline = outlineOf(declarations, documentationOfFile(root, rules), rules.comment, excerpts);
      return {
        outline: outline.length <= text.length ? outline : text.trim(),
        ...namesIn(text, captures, declarations),
      };
    } finally {
      tree.delete();
    }
  }
}
