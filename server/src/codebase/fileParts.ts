// Writes what stands in the base for one file, and counts its tokens, each text once.
import type { PromptPart } from "../../../engine/src/api.ts";

/** A special token is one token by definition. */
const SPECIAL_TOKENS = 1;
/** Code has three to four characters a token in the vocabularies of these models. */
const CHARACTERS_PER_TOKEN = 3.5;

export type PartForm = "whole" | "outline";

/** A file with the texts that can stand for it. */
export interface FileTexts {
  path: string;
  whole: string;
  outline: string;
}

/** @param size Bytes or characters of a text. @returns About how many tokens it has. */
export function estimatedTokens(size: number): number {
  return Math.ceil(size / CHARACTERS_PER_TOKEN);
}

/** The parts of one file. Its path is the label; its text can hold no special token, because it is a text part. */
export function fileParts(path: string, form: PartForm, text: string): PromptPart[] {
  return [{ special: "<|file_sep|>" }, { text: partText(path, form, text), label: path }];
}

/** Counts the parts of files with their special tokens, and remembers the counts. */
export class PartCounter {
  readonly #countTokens: (texts: string[]) => Promise<number[]>;
  readonly #known = { whole: new Map<string, number>(), outline: new Map<string, number>() };

  /** @param countTokens Number of tokens of each text, counted apart. */
  constructor(countTokens: (texts: string[]) => Promise<number[]>) {
    this.#countTokens = countTokens;
  }

  /** @returns Tokens of each file's parts in this form. @throws What `countTokens` throws. */
  async count(files: readonly FileTexts[], form: PartForm): Promise<number[]> {
    const known = this.#known[form];
    const fresh = files.filter(({ path }) => !known.has(path));
    const counts = await this.countTexts(fresh.map((file) => partText(file.path, form, file[form])));
    for (const [index, { path }] of fresh.entries()) known.set(path, counts[index]! + SPECIAL_TOKENS);
    return files.map(({ path }) => known.get(path)!);
  }

  /** @returns Tokens of texts that belong to no file, without special tokens. */
  async countTexts(texts: string[]): Promise<number[]> {
    return texts.length === 0 ? [] : await this.#countTokens(texts);
  }

  /** @returns What was counted for the whole file, or an estimate by its size (bytes or characters). */
  wholeTokens(path: string, size: number): number {
    return this.#known.whole.get(path) ?? estimatedTokens(size);
  }
}

function partText(path: string, form: PartForm, text: string): string {
  return form === "whole" ? `${path}\n${text}\n` : `${path} (signatures only)\n${text}\n`;
}
