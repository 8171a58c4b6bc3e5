// Keeps the trees of the texts that were edited last and answers questions about a cursor in them; runs in the parsing thread.
import { Edit, type Point, type Tree } from "web-tree-sitter";
import { differenceBetween } from "../textDifference.ts";
import { cursorFacts } from "./cursorFacts.ts";
import type { CursorAnswer, CursorQuestion } from "./cursorMessages.ts";
import { Grammars, UnusableGrammar } from "./grammars.ts";
import { rulesFor } from "./languages.ts";

/** Trees take about ten times the memory of their text. */
const MAX_TREES = 4;

/** Two megabytes of ordinary source take less. */
const PARSE_LIMIT_MS = 2000;

/** For all candidates of one question. */
const CANDIDATES_LIMIT_MS = 1000;

interface Kept {
  grammar: string;
  text: string;
  tree: Tree;
}

export class CursorTrees {
  readonly #grammars: Grammars;
  /** By path; what was asked for last stands last. */
  readonly #kept = new Map<string, Kept>();

  constructor(grammarDir: string) {
    this.#grammars = new Grammars(grammarDir);
  }

  /** One question at a time: the next one is asked when this one is answered. */
  async answer({ path, text, offset, candidates }: CursorQuestion): Promise<CursorAnswer> {
    try {
      const kept = await this.#treeOf(path, text);
      if (kept === undefined) return { late: true };
      if (candidates === undefined) return { facts: cursorFacts(kept.tree, text, offset, kept.grammar) };
      const errors = await this.#errorsAdded(kept, path, offset, candidates);
      return errors === undefined ? { late: true } : { errors };
    } catch (error) {
      if (!(error instanceof UnusableGrammar)) throw error;
      return { unusable: error.message };
    }
  }

  async #treeOf(path: string, text: string): Promise<Kept | undefined> {
    const rules = rulesFor(path);
    if (rules === undefined) throw new UnusableGrammar(`there is no grammar for ${path}`);
    const before = this.#kept.get(path);
    this.#kept.delete(path);
    const same = before?.grammar === rules.grammar ? before : undefined;
    const tree = same?.text === text ? same.tree : await this.#parsed(path, text, same);
    if (before !== undefined && before.tree !== tree) before.tree.delete();
    if (tree === undefined) return undefined;
    const kept = { grammar: rules.grammar, text, tree };
    this.#kept.set(path, kept);
    for (const [oldest, { tree: unused }] of this.#kept) {
      if (this.#kept.size <= MAX_TREES) break;
      unused.delete();
      this.#kept.delete(oldest);
    }
    return kept;
  }

  async #parsed(path: string, text: string, before: Kept | undefined, limitMs = PARSE_LIMIT_MS) {
    const language = await this.#grammars.language(rulesFor(path)!);
    before?.tree.edit(editBetween(before.text, text));
    return this.#grammars.parse({ language }, text, { before: before?.tree ?? null, limitMs });
  }

  /** @returns Undefined if it took too long. */
  async #errorsAdded(kept: Kept, path: string, offset: number, candidates: readonly string[]) {
    const deadline = performance.now() + CANDIDATES_LIMIT_MS;
    const asItIs = errorCount(kept.tree);
    const added: number[] = [];
    for (const candidate of candidates) {
      const text = kept.text.slice(0, offset) + candidate + kept.text.slice(offset);
      const copy = { ...kept, tree: kept.tree.copy() };
      const tree = await this.#parsed(path, text, copy, deadline - performance.now());
      copy.tree.delete();
      if (tree === undefined) return undefined;
      added.push(errorCount(tree) - asItIs);
      tree.delete();
    }
    return added;
  }
}

/** The one stretch that differs, as the parser wants to be told of it. */
export function editBetween(before: string, after: string): Edit {
  const { start, beforeEnd, afterEnd } = differenceBetween(before, after);
  return new Edit({
    startIndex: start,
    oldEndIndex: beforeEnd,
    newEndIndex: afterEnd,
    startPosition: pointAt(before, start),
    oldEndPosition: pointAt(before, beforeEnd),
    newEndPosition: pointAt(after, afterEnd),
  });
}

function pointAt(text: string, index: number): Point {
  let row = 0;
  let lineStart = 0;
  for (let end = text.indexOf("\n"); end >= 0 && end < index; end = text.indexOf("\n", lineStart)) {
    row++;
    lineStart = end + 1;
  }
  return { row, column: index - lineStart };
}

/** Errors and missing tokens; only what is known to hold one is looked into. */
export function errorCount(tree: Tree): number {
  const cursor = tree.walk();
  let count = 0;
  for (;;) {
    const node = cursor.currentNode;
    if (node.isError || node.isMissing) count++;
    if (node.hasError && cursor.gotoFirstChild()) continue;
    while (!cursor.gotoNextSibling()) {
      if (cursor.gotoParent()) continue;
      cursor.delete();
      return count;
    }
  }
}
