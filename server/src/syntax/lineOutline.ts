// Outlines that need no grammar: headings of Markdown, keys at the top of JSON and YAML, tables of TOML.
import { ELISION } from "./excerpts.ts";
import { fileEnding } from "./languages.ts";
import { cutOutline } from "./outline.ts";

/** More keys than this are data, not structure. */
const MAX_KEYS = 200;
const MAX_LINE_CHARS = 120;
const FENCE = /^ {0,3}(```+|~~~+)/;

/** @returns The outline by line rules, or undefined for a file that has none. */
export function lineOutline(path: string, text: string): string | undefined {
  switch (fileEnding(path)) {
    case "md":
    case "markdown":
    case "mdx":
      return cutOutline(headings(text));
    case "json":
    case "jsonc":
      return cutOutline(limited(topKeys(text)));
    case "yaml":
    case "yml":
      return cutOutline(limited(linesLike(text, /^(?:[\w.$/-]+|"[^"\n]*"|'[^'\n]*')(?=\s*:(?:\s|$))/)));
    case "toml":
      return cutOutline(limited(linesLike(text, /^\[[^\n]*\]/)));
    default:
      return undefined;
  }
}

function headings(text: string): string[] {
  const found: string[] = [];
  let fence: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const mark = FENCE.exec(line)?.[1];
    if (fence === undefined && mark !== undefined) fence = mark;
    else if (fence !== undefined && mark?.startsWith(fence)) fence = undefined;
    else if (fence === undefined && /^#{1,6}\s+\S/.test(line)) found.push(line.slice(0, MAX_LINE_CHARS).trimEnd());
  }
  return found;
}

function linesLike(text: string, form: RegExp): string[] {
  const matches = text.split(/\r?\n/).map((line) => form.exec(line)?.[0]);
  return matches.filter((match) => match !== undefined).map((match) => match.slice(0, MAX_LINE_CHARS));
}

/** Keys of the outermost object, by counting brackets outside strings and comments; no JSON is too broken for that. */
function topKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let isInObject = false;
  for (const { 0: token } of text.matchAll(/"(?:[^"\\\n]|\\.)*"\s*:?|\/\/[^\n]*|[{}[\]]/g)) {
    if (token === "{" || token === "[") {
      if (depth === 0) isInObject = token === "{";
      depth++;
    } else if (token === "}" || token === "]") {
      depth = Math.max(0, depth - 1);
    } else if (depth === 1 && isInObject && token.startsWith('"') && token.endsWith(":")) {
      keys.push(token.replace(/\s*:$/, "").slice(0, MAX_LINE_CHARS));
    }
    if (keys.length > MAX_KEYS) break;
  }
  return keys;
}

function limited(keys: readonly string[]): string[] {
  return keys.length <= MAX_KEYS ? [...keys] : [...keys.slice(0, MAX_KEYS), ELISION];
}
