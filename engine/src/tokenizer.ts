// Turns prompt parts into tokens and tokens into streamed text; the one place that keeps text from becoming special tokens.
import { EngineError, type PromptPart } from "./api.ts";
import type { Token, Vocabulary } from "./backend.ts";

/** A UTF-8 character has at most 4 bytes; byte tokens may carry one each, so waiting longer cannot help. */
const MAX_TOKENS_OF_ONE_CHARACTER = 4;

export interface EncodedParts {
  tokens: Token[];
  /** Ends (exclusive token index) of the labelled parts, in order. */
  labels: { label: string; end: number }[];
  /** Token indexes after which a checkpoint was asked for. */
  checkpoints: number[];
}

export class Tokenizer {
  readonly #vocabulary: Vocabulary;
  /** Matches any special text; undefined if the vocabulary has none. */
  readonly #specials: RegExp | undefined;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    // Longest first, so that a special text which begins with another one is seen whole.
    const texts = [...vocabulary.specialTexts].sort((a, b) => b.length - a.length);
    const pattern = texts.map((text) => escapeForRegExp(text)).join("|");
    this.#specials = pattern === "" ? undefined : new RegExp(pattern, "g");
  }

  /** @throws EngineError backendFailed if the model has no such special token. */
  special(text: string): Token {
    const token = this.#vocabulary.special(text);
    if (token === undefined) throw new EngineError("backendFailed", `This model has no ${text} token.`);
    return token;
  }

  has(special: string): boolean {
    return this.#vocabulary.special(special) !== undefined;
  }

  /**
   * Tokens of a plain text. A special token's text inside it (`<think>` in a source file) is cut after its first
   * character, because the runtime recognises user-defined tokens even where special tokens are switched off.
   */
  encodeText(text: string): Token[] {
    const tokens: Token[] = [];
    let start = 0;
    for (let cut = this.#cutIn(text, 0); cut !== undefined; cut = this.#cutIn(text, start)) {
      append(tokens, this.#vocabulary.encode(text.slice(start, cut)));
      start = cut;
    }
    if (start < text.length) append(tokens, this.#vocabulary.encode(text.slice(start)));
    return tokens;
  }

  /**
   * Encodes part by part, giving the event loop a turn between parts: a codebase takes seconds.
   * @throws The signal's reason when aborted.
   */
  async encode(parts: readonly PromptPart[], signal?: AbortSignal): Promise<EncodedParts> {
    const encoded: EncodedParts = { tokens: [], labels: [], checkpoints: [] };
    for (const part of parts) {
      if ("special" in part) {
        encoded.tokens.push(this.special(part.special));
        continue;
      }
      append(encoded.tokens, this.encodeText(part.text));
      if (part.label === undefined && part.checkpoint === undefined) continue;
      if (part.label !== undefined) encoded.labels.push({ label: part.label, end: encoded.tokens.length });
      if (part.checkpoint) encoded.checkpoints.push(encoded.tokens.length);
      signal?.throwIfAborted();
      if (part.label !== undefined) await new Promise(setImmediate);
    }
    return encoded;
  }

  /** Cuts trusted text (a rendered chat template) at the special tokens in it. */
  splitSpecials(text: string): PromptPart[] {
    const parts: PromptPart[] = [];
    let start = 0;
    for (const match of this.#specials === undefined ? [] : text.matchAll(this.#specials)) {
      if (match.index > start) parts.push({ text: text.slice(start, match.index) });
      parts.push({ special: match[0] });
      start = match.index + match[0].length;
    }
    if (start < text.length) parts.push({ text: text.slice(start) });
    return parts;
  }

  /** Where to cut the first special text from `start` on; it is looked for anew behind each cut, since they may overlap. */
  #cutIn(text: string, start: number): number | undefined {
    if (this.#specials === undefined) return undefined;
    this.#specials.lastIndex = start;
    const match = this.#specials.exec(text);
    return match === null ? undefined : match.index + 1;
  }

  streamDecoder(): StreamDecoder {
    return new StreamDecoder(this.#vocabulary);
  }
}

/** Decodes a growing token list without cutting characters apart. */
export class StreamDecoder {
  readonly #vocabulary: Vocabulary;
  #pending: Token[] = [];

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** @returns The text that is complete with this token; empty while a character is unfinished. */
  push(token: Token): string {
    this.#pending.push(token);
    const text = this.#vocabulary.decode(this.#pending);
    if (!text.endsWith("\uFFFD")) {
      this.#pending = [];
      return text;
    }
    if (this.#pending.length < MAX_TOKENS_OF_ONE_CHARACTER) return "";
    // The first of them begins no character that the others could end; they may still begin a good one.
    return this.#vocabulary.decode(this.#pending.splice(0, 1));
  }

  /** @returns What is left, however incomplete. */
  flush(): string {
    const text = this.#pending.length === 0 ? "" : this.#vocabulary.decode(this.#pending);
    this.#pending = [];
    return text;
  }
}

/** Spreading a megabyte of tokens into push() overflows the stack. */
function append(target: Token[], tokens: readonly Token[]): void {
  for (const token of tokens) target.push(token);
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
