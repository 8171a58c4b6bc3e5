// Cuts short pieces out of a source text: one line, without comments; and the first sentence of a comment.

/** Characters looked at for one piece; comments and line breaks inside a signature are shorter than that. */
const MAX_RAW_CHARS = 4000;
/** What stands at the end of a head and opens the body, or ends the statement. */
const TRAILING = /[\s{;,=:]+$|\s*=>\s*$/;
/** A new line that stands between two fields or values, not after an opening bracket or before a closing one. */
const LINE_END = /([^\s([{,;])[ \t]*\r?\n\s*(?=[^\s)\]}])/g;
/** A first sentence longer than this is cut at a word. */
const MAX_SENTENCE_CHARS = 100;
const MAX_COMMENT_CHARS = 600;
const COMMENT_MARKS = /^\s*(?:\/\*+!?|<#|"""|'''|[rRuU]?"""|\/\/+!?|#+!?|;+|\*(?!\/))?\s?/;
const COMMENT_END = /\s*(?:\*+\/|#>|"""|''')\s*$/;
/** Says nothing about the code: licences and directives for tools. */
const NOT_DOCUMENTATION =
  /copyright|licen[sc]e|spdx|^!|eslint|prettier|biome|istanbul|@ts-|pylint|noqa|#region|frozen_string_literal|coding[:=]/i;
/** Parameters, results and the like; the first sentence stands before them. */
const TAG = /^[.@\\]\w/;

/** Stands where a piece was cut. */
export const ELISION = "…";

/** A stretch of a text, offsets in characters. */
export interface Stretch {
  start: number;
  end: number;
}

export class Excerpts {
  readonly #text: string;
  readonly #comments: readonly Stretch[];
  readonly #newlines: boolean;

  /**
   * @param comments In the order of the text.
   * @param newlines Whether a new line ends a field or a value: joined lines then get a semicolon.
   */
  constructor(text: string, comments: readonly Stretch[], newlines: boolean) {
    this.#text = text;
    this.#comments = comments;
    this.#newlines = newlines;
  }

  /**
   * The text from `start` to `end` on one line, without comments and without what opens a body.
   * @param maxChars Cut there, with the elision mark.
   */
  line(start: number, end: number, maxChars: number): string {
    const rawEnd = Math.min(end, start + MAX_RAW_CHARS);
    const raw = this.#withoutComments(start, rawEnd);
    const joined = (this.#newlines ? raw.replace(LINE_END, "$1; ") : raw).replace(/\s+/g, " ").trim();
    const piece = (rawEnd < end ? joined : withoutTrailing(joined)).replace(/([([]) |,? (?=[)\]])|,(?=\))/g, "$1");
    return piece.length <= maxChars && rawEnd === end ? piece : `${cutAt(piece, maxChars - 1)}${ELISION}`;
  }

  /** End of the line that begins at `start`, but not after `end`. */
  lineEnd(start: number, end: number): number {
    const near = this.#text.slice(start, Math.min(end, start + MAX_RAW_CHARS)).indexOf("\n");
    return near === -1 ? end : start + near;
  }

  /** Whether a comment stands alone on its line and directly above `start`. */
  isAbove(comment: Stretch, start: number): boolean {
    return this.beginsLine(comment.start) && !/\n\s*\n/.test(this.#text.slice(comment.end, start));
  }

  /** Whether only white space stands before an offset on its line. */
  beginsLine(offset: number): boolean {
    return /(^|\n)[ \t]*$/.test(this.#text.slice(Math.max(0, offset - MAX_SENTENCE_CHARS), offset));
  }

  /** First sentence of comments or of a documentation string, without their marks; "" if they document nothing. */
  sentence({ start, end }: Stretch): string {
    const lines = this.#text
      .slice(start, Math.min(end, start + MAX_COMMENT_CHARS))
      .replace(COMMENT_END, "")
      .split("\n")
      .map((line) =>
        line
          .replace(COMMENT_MARKS, "")
          .replace(/<\/?\w+[^>]*>/g, "")
          .trim(),
      );
    // Empty lines and rulers have neither letters nor digits, of any script.
    const saysSomething = (line: string) => /[\p{L}\p{N}]/u.test(line) && !TAG.test(line);
    const first = lines.findIndex(saysSomething);
    if (first === -1) return "";
    const paragraph = lines.slice(first);
    const stop = paragraph.findIndex((line) => !saysSomething(line));
    const joined = paragraph.slice(0, stop === -1 ? undefined : stop).join(" ");
    const sentence = /^.*?[.!?](?=\s|$)/.exec(joined)?.[0] ?? joined;
    if (NOT_DOCUMENTATION.test(sentence)) return "";
    return sentence.length <= MAX_SENTENCE_CHARS ? sentence : `${cutAt(sentence, MAX_SENTENCE_CHARS - 1)}${ELISION}`;
  }

  #withoutComments(start: number, end: number): string {
    let kept = "";
    let from = start;
    for (let index = this.#firstCommentAfter(start); index < this.#comments.length; index++) {
      const comment = this.#comments[index]!;
      if (comment.start >= end) break;
      kept += this.#text.slice(from, Math.max(from, comment.start));
      from = Math.max(from, comment.end);
    }
    return kept + this.#text.slice(from, Math.max(from, end));
  }

  #firstCommentAfter(offset: number): number {
    let low = 0;
    let high = this.#comments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#comments[middle]!.start < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function withoutTrailing(piece: string): string {
  let shorter = piece;
  while (TRAILING.test(shorter)) shorter = shorter.replace(TRAILING, "");
  return shorter;
}

/** Cuts at the last blank of the second half, never inside a surrogate pair. */
function cutAt(piece: string, maxChars: number): string {
  const cut = piece.slice(0, maxChars);
  const blank = cut.lastIndexOf(" ");
  const atWord = blank > maxChars / 2 ? cut.slice(0, blank) : cut;
  return atWord.replace(/[\uD800-\uDBFF]$/, "");
}
