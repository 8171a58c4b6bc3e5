// Finds the documented declarations of source files, by the product's own grammars and rules.
import { join } from "node:path";
import type { NamedDeclaration } from "../../server/src/syntax/chunks.ts";
import { DeclarationWalker } from "../../server/src/syntax/declarations.ts";
import { Excerpts } from "../../server/src/syntax/excerpts.ts";
import type { SourceText } from "../../server/src/syntax/fileSyntax.ts";
import { Grammars } from "../../server/src/syntax/grammars.ts";
import { rulesFor } from "../../server/src/syntax/languages.ts";
import { plainCaptures } from "../../server/src/syntax/names.ts";
import { named } from "../../server/src/syntax/sections.ts";
import { PACKAGES_FOLDER } from "./retrievalCorpus.ts";
import type { Declared } from "./retrievalSet.ts";

export const GRAMMAR_FOLDER = join(PACKAGES_FOLDER, "@vscode/tree-sitter-wasm/wasm");

export class DeclarationFinder {
  readonly #grammars = new Grammars(GRAMMAR_FOLDER);

  /** @returns All declarations with a name, in the order of the text; none for a language without a grammar. */
  async declarationsOf({ path, text }: SourceText): Promise<Declared[]> {
    const rules = rulesFor(path);
    if (rules === undefined) return [];
    const grammar = await this.#grammars.load(rules);
    const tree = await this.#grammars.parse(grammar, text);
    if (tree === undefined) return [];
    try {
      const captures = plainCaptures(this.#grammars.captures(grammar, tree) ?? []);
      const comments = captures.filter(({ kind }) => kind === "comment");
      const excerpts = new Excerpts(text, comments, rules.newlines ?? false);
      const declarations = new DeclarationWalker(rules, excerpts).declarationsIn(tree.rootNode);
      return flatten(path, text, named(text, declarations, captures, excerpts));
    } finally {
      tree.delete();
    }
  }
}

function flatten(path: string, text: string, declarations: readonly NamedDeclaration[]): Declared[] {
  const lineAt = lineCounter(text);
  const found: Declared[] = [];
  const add = ({ name, start, end, doc, members }: NamedDeclaration) => {
    const place = { path, startLine: lineAt(start), endLine: lineAt(end - 1) };
    if (name !== "") found.push({ name, ...place, ...(doc === undefined ? {} : { doc }) });
    members.forEach(add);
  };
  declarations.forEach(add);
  return found;
}

/** @returns The line of an offset, 0-based. */
function lineCounter(text: string): (offset: number) => number {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (offset) => {
    const after = starts.findIndex((start) => start > offset);
    return (after === -1 ? starts.length : after) - 1;
  };
}
