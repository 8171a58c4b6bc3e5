// The source that knows what the file imports: signatures of the imported files, those that it uses first.
import type { IndexService } from "../../index/indexService.ts";
import type { Candidate, Source, Surroundings } from "./contextItems.ts";
import type { Outlines } from "./excerpts.ts";
import type { FileText } from "./fileTexts.ts";
import { identifiersIn } from "./surroundings.ts";

/** Files that are looked into; a package of a hundred files says little by each. */
const MAX_IMPORTED = 16;
/** Of one outline, lines. */
const MAX_LINES = 40;
/** Of one declaration with its members, lines. */
const MAX_BLOCK_LINES = 25;
/** What the file does not use of an import is shown up to so many lines: it may be used next. */
const UNUSED_LINES = 12;
/** An import of which nothing is used yet, against one of which something is. */
const UNUSED_SCORE = 0.4;
/** What a sentence of documentation begins with in an outline. */
const COMMENT = /^(?:\/\/|#(?!\s*(?:include|define))|--|;)/;

export class Imports implements Source {
  readonly name = "imports";
  readonly #index: Pick<IndexService, "imported">;
  readonly #outlines: Outlines;

  constructor(index: Pick<IndexService, "imported">, outlines: Outlines) {
    this.#index = index;
    this.#outlines = outlines;
  }

  async gather({ path, lines, names, texts }: Surroundings, signal: AbortSignal): Promise<Candidate[]> {
    const paths = await this.#index.imported(path, signal);
    const read = await Promise.all(paths.slice(0, MAX_IMPORTED).map((other) => texts.ofPath(other)));
    const files = read.filter((file): file is FileText => file !== undefined);
    const outlines = await this.#outlines.of(files, signal);
    const used = identifiersIn(lines.join("\n"));
    const near = new Set(names.map(({ name }) => name));
    return files.flatMap((file, index) => {
      const shown = usedPart(outlines[index]!, used);
      if (shown === undefined) return [];
      // Of what is used at the cursor more will be used.
      const nNear = [...identifiersIn(shown.text)].filter((name) => near.has(name)).length;
      const score = shown.isUsed ? Math.min(1, 0.6 + 0.1 * nNear) : UNUSED_SCORE;
      return [{ ...outlineOf(file, shown.text), score, reason: "imported" }];
    });
  }
}

/** @returns The excerpt for an outline of the whole file. */
export function outlineOf({ path, lines, hash }: FileText, text: string) {
  return { path, form: "outline" as const, startLine: 0, endLine: lines.length - 1, text, hash };
}

/**
 * Declarations of an outline that a file uses, then some of the others, in the outline's order.
 * @param used Names in the file that uses it.
 * @returns Undefined for an empty outline.
 */
function usedPart(outline: string, used: ReadonlySet<string>): { text: string; isUsed: boolean } | undefined {
  if (outline === "") return undefined;
  const blocks = blocksOf(outline.split("\n")).map((block) => block.slice(0, MAX_BLOCK_LINES));
  const wanted = blocks.filter((block) => block.some((line) => isDeclaration(line) && usesOne(line, used)));
  const kept = new Set<string[]>();
  const take = (candidates: readonly string[][], room: number) => {
    let left = room;
    for (const block of candidates) {
      if (kept.has(block) || block.length > left) continue;
      kept.add(block);
      left -= block.length;
    }
  };
  take(wanted, MAX_LINES);
  take(blocks, UNUSED_LINES);
  const text = blocks.filter((block) => kept.has(block)).map((block) => block.join("\n"));
  return text.length === 0 ? undefined : { text: text.join("\n"), isUsed: wanted.length > 0 };
}

/** Each declaration at the top with the comment above it and its members. */
function blocksOf(lines: readonly string[]): string[][] {
  const blocks: string[][] = [];
  let isOpen = false;
  for (const line of lines) {
    if (/^\s/.test(line) || isOpen) blocks.at(-1)?.push(line);
    else blocks.push([line]);
    isOpen = COMMENT.test(line);
  }
  return blocks;
}

/** True at the top of the outline, where names are defined. */
function isDeclaration(line: string): boolean {
  return !/^\s/.test(line) && !COMMENT.test(line);
}

function usesOne(line: string, used: ReadonlySet<string>): boolean {
  for (const name of identifiersIn(line)) if (used.has(name)) return true;
  return false;
}
