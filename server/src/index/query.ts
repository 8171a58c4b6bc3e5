// Reads a search query or a question into what to look for: words, quoted texts and paths.
import { IDENTIFIER, isCompound, isStopWord, partsOf, stem } from "./words.ts";

/** Longer texts are pasted rather than asked; each word costs time. */
const MAX_WORDS = 24;
const MIN_WORD_CHARS = 2;
const MAX_QUERY_CHARS = 4000;
const MIN_LITERAL_CHARS = 2;

/** Text between quotes of one kind on one line. The bound keeps an unclosed quote from being searched for long. */
export const QUOTED = /"([^"\n]{1,300})"|`([^`\n]{1,300})`|(?<!\w)'([^'\n]{1,300})'(?!\w)/g;
/** What names of files and folders are made of, such as `größe` and `+page`; brackets only in pairs, as in `[id]`. */
const SIGN = String.raw`-\p{L}\p{N}\p{M}_.@+$`;
const NAME = String.raw`(?:[${SIGN}]|\[[${SIGN}]+\])+`;
const START = `(?<![${SIGN}/])`;
const FOLDERS = `(?:${NAME}/)`;
/** `src/main.ts`, `main.ts:12`: has a folder or an extension. */
const PATH = new RegExp(
  String.raw`${START}${FOLDERS}*${NAME}\.[A-Za-z]\w{0,7}(?::(\d{1,7}))?(?![\w/])|${START}${FOLDERS}+(?:${NAME})?`,
  "gu",
);
/** Words of scripts without spaces may stand right before a path. */
const UNSPACED_START = /^[\u3040-\ud7ff]+(?=[\w.@])/;

/** The line of `main.ts:12` says where to look, not what for. */
const LINE_NUMBER = /(?<=\.[A-Za-z]\w{0,7}):\d+/g;

export interface QueryWord {
  /** As written. */
  text: string;
  stems: string[];
  /** `parseHeader` rather than `header`: surely a name. */
  compound: boolean;
}

export interface PathQuery {
  /** Lower case, forward slashes. */
  path: string;
  /** 0-based line, for `path:line`. */
  line: number | undefined;
}

export interface Query {
  /** Each word once, without stop words unless there is nothing else. */
  words: QueryWord[];
  /** Searched exactly as written. */
  literals: string[];
  paths: PathQuery[];
}

/** @param text What a person typed: a name, some words, a question, with "quoted text" and paths. */
export function parseQuery(text: string): Query {
  const shortened = text.slice(0, MAX_QUERY_CHARS);
  const literals = new Set<string>();
  for (const match of shortened.matchAll(QUOTED)) literals.add(match[1] ?? match[2] ?? match[3] ?? "");
  const alone = shortened.trim();
  // A single piece of code, such as `list.map(`, is meant as it stands.
  if (literals.size === 0 && /^[^\s"'`]*[^\s\w"'`$][^\s"'`]*$/.test(alone)) literals.add(alone);
  const paths = [...shortened.matchAll(PATH)].flatMap(([whole, number]) => {
    const path = whole.replace(/:\d+$/, "").replace(/^\.\//, "").toLowerCase();
    const line = number === undefined ? undefined : Math.max(0, Number(number) - 1);
    return [...new Set([path, path.replace(UNSPACED_START, "")])].map((one) => ({ path: one, line }));
  });
  return {
    words: queryWords(shortened.replace(LINE_NUMBER, "")),
    literals: [...literals].filter((literal) => literal.trim().length >= MIN_LITERAL_CHARS),
    paths,
  };
}

function queryWords(text: string): QueryWord[] {
  const all = [...new Set(text.match(IDENTIFIER) ?? [])];
  const telling = all.filter((word) => !isStopWord(word));
  const words = new Map<string, QueryWord>();
  for (const word of telling.length > 0 ? telling : all) {
    const parts = partsOf(word);
    const compound = isCompound(word);
    // A name is only itself; other words are the same in all their forms.
    const key = compound ? `=${word.toLowerCase()}` : parts.map(stem).join(" ");
    if (parts.every((part) => part.length < MIN_WORD_CHARS) || words.has(key)) continue;
    words.set(key, { text: word, stems: [...new Set(parts.map(stem))], compound });
  }
  return [...words.values()].slice(0, MAX_WORDS);
}
