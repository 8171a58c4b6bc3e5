// Loads the tree-sitter runtime and grammars on first use and parses within a time limit; runs in the parsing thread.
import { join } from "node:path";
import { Language, Parser, Query, type QueryCapture, type Tree } from "web-tree-sitter";
import type { LanguageRules } from "./languageRules.ts";

/**
 * Most time for parsing one file, and for finding its names, in milliseconds; megabytes of ordinary source take less than
 * one second. Finding names takes time that grows with the square of the nesting: 20,000 open parentheses 8 seconds.
 */
const LIMIT_MS = 5000;

/** A language ready to parse. */
export interface Grammar {
  language: Language;
  names: Query;
}

/** A file of the installation is missing or does not fit: no file of this language can be parsed. */
export class UnusableGrammar extends Error {
  override readonly name = "UnusableGrammar";
}

export class Grammars {
  readonly #dir: string;
  readonly #loaded = new Map<LanguageRules, Promise<Grammar>>();
  readonly #languages = new Map<string, Promise<Language>>();
  #parser: Promise<Parser> | undefined;

  /** @param dir Folder with the files tree-sitter-NAME.wasm. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws UnusableGrammar if the grammar's file is missing or its query does not fit it. */
  load(rules: LanguageRules): Promise<Grammar> {
    const loaded = this.#loaded.get(rules) ?? this.#load(rules);
    this.#loaded.set(rules, loaded);
    return loaded;
  }

  /**
   * What is enough for parsing: making the query for the names of a language takes longer than loading all of it.
   * @throws UnusableGrammar if the grammar's file is missing.
   */
  async language({ grammar }: LanguageRules): Promise<Language> {
    try {
      await this.#parserOnce();
      const language = this.#languages.get(grammar) ?? Language.load(join(this.#dir, `tree-sitter-${grammar}.wasm`));
      this.#languages.set(grammar, language);
      return await language;
    } catch (cause) {
      throw unusable(cause);
    }
  }

  /**
   * @param before The tree of an earlier text, edited to fit this one: only what changed is parsed.
   * @returns The tree, which the caller deletes; undefined if parsing took too long.
   */
  async parse(
    { language }: Pick<Grammar, "language">,
    text: string,
    { before = null, limitMs = LIMIT_MS }: { before?: Tree | null; limitMs?: number } = {},
  ): Promise<Tree | undefined> {
    const parser = await this.#parserOnce();
    parser.setLanguage(language);
    const deadline = performance.now() + limitMs;
    const tree = parser.parse(text, before, { progressCallback: () => performance.now() > deadline });
    // Else the next file would be taken for the rest of this one.
    if (tree === null) parser.reset();
    return tree ?? undefined;
  }

  /** @returns The names of a tree, in the order of the text; undefined if finding them took too long. */
  captures({ names }: Grammar, tree: Tree): QueryCapture[] | undefined {
    const deadline = performance.now() + LIMIT_MS;
    let isLate = false;
    const progressCallback = () => {
      isLate ||= performance.now() > deadline;
      return isLate;
    };
    const captures = names.captures(tree.rootNode, { progressCallback });
    return isLate ? undefined : captures;
  }

  async #load(rules: LanguageRules): Promise<Grammar> {
    const language = await this.language(rules);
    try {
      return { language, names: new Query(language, rules.names) };
    } catch (cause) {
      throw unusable(cause);
    }
  }

  #parserOnce(): Promise<Parser> {
    // Without options the runtime finds its wasm beside its own code: in its package, or in dist/.
    this.#parser ??= Parser.init().then(() => new Parser());
    return this.#parser;
  }
}

function unusable(cause: unknown): UnusableGrammar {
  return new UnusableGrammar(cause instanceof Error ? cause.message : String(cause), { cause });
}
