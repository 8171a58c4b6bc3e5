// Makes a small set for filling in the middle from the sources of this repository's dependencies, the same for the same seed.
import { createHash } from "node:crypto";
import type { FimItem } from "./fimItems.ts";
import { type CorpusFile, PACKAGES_FOLDER, readCorpus } from "./retrievalCorpus.ts";

/** Readable sources under MIT or BSD-3-Clause, in TypeScript, JavaScript and Python (gyp). */
const PACKAGES = ["diff", "fast-check", "graphology", "ignore", "mocha", "node-gyp", "vscode-jsonrpc"];

/** What is taken out: one line, several, or characters anywhere, as in HumanEval-Infilling. */
export const KINDS = ["SingleLine", "MultiLine", "RandomSpan"] as const;
type Kind = (typeof KINDS)[number];

const MOST_FILE_CHARS = 40_000;
const LEAST_FILE_LINES = 30;
/** Shorter lines are brackets and ends. */
const LEAST_LINE_CHARS = 12;
const LINES = { least: 2, most: 6 };
const SPAN_CHARS = { least: 12, most: 160 };
/** Places that are tried in a file before the next file is taken. */
const ATTEMPTS = 40;

/** @param count How many items, shared among the kinds. */
export async function makeItems(count: number, seed: number): Promise<FimItem[]> {
  return itemsFrom(await readCorpus(PACKAGES_FOLDER, PACKAGES), count, seed);
}

/** @returns Fewer than `count` if the files have no more places. */
export function itemsFrom(files: readonly CorpusFile[], count: number, seed: number): FimItem[] {
  const long = files.filter(
    ({ language, text }) =>
      language !== undefined && text.length <= MOST_FILE_CHARS && text.split("\n").length >= LEAST_FILE_LINES,
  );
  const order = [...long].sort((a, b) => share(seed, a.path) - share(seed, b.path));
  const items: FimItem[] = [];
  for (const file of order) {
    if (items.length === count) break;
    const kind = KINDS[items.length % KINDS.length] as Kind;
    const hole = holeIn(file.text, kind, `${seed} ${file.path}`);
    if (hole === undefined) continue;
    const [prefix, expected, suffix] = [
      file.text.slice(0, hole.start),
      file.text.slice(hole.start, hole.end),
      file.text.slice(hole.end),
    ];
    const line = items.length + 1;
    items.push({ line, id: `${kind}/${file.path}`, kind, path: file.path, prefix, suffix, expected });
  }
  return items;
}

interface Hole {
  start: number;
  end: number;
}

function holeIn(text: string, kind: Kind, key: string): Hole | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const pick = (what: string) => share(0, `${key} ${attempt} ${what}`);
    const hole = kind === "RandomSpan" ? spanIn(text, pick) : linesIn(text, kind === "SingleLine" ? 1 : 0, pick);
    if (hole !== undefined) return hole;
  }
  return undefined;
}

type Pick = (what: string) => number;

/** @param count Lines; 0: as many as the pick says. */
function linesIn(text: string, count: number, pick: Pick): Hole | undefined {
  const lines = text.split("\n");
  const nLines = count || LINES.least + Math.floor(pick("lines") * (LINES.most - LINES.least + 1));
  const first = Math.floor(pick("first") * (lines.length - nLines));
  const taken = lines.slice(first, first + nLines);
  const ends = [taken[0] ?? "", taken.at(-1) ?? ""];
  if (!ends.every(isCode) || taken.some((line) => line.trim() === "")) return undefined;
  const start = lines.slice(0, first).reduce((sum, line) => sum + line.length + 1, 0);
  return { start, end: start + taken.join("\n").length };
}

function spanIn(text: string, pick: Pick): Hole | undefined {
  const length = SPAN_CHARS.least + Math.floor(pick("length") * (SPAN_CHARS.most - SPAN_CHARS.least + 1));
  const start = Math.floor(pick("start") * (text.length - length));
  const hole = { start, end: start + length };
  // A half of a surrogate pair is no text.
  const isCut = [hole.start, hole.end].some((at) => /[\uDC00-\uDFFF]/.test(text[at] ?? ""));
  const taken = text.slice(hole.start, hole.end);
  return isCut || taken.trim().length < SPAN_CHARS.least || !taken.split("\n").some(isCode) ? undefined : hole;
}

/** Neither short nor a comment: nobody can guess a comment. */
function isCode(line: string): boolean {
  const code = line.trim();
  return code.length >= LEAST_LINE_CHARS && !/^(?:\/\/|\/?\*|#|"""|''')/.test(code);
}

/** A number from 0 to 1 that depends on nothing but these. */
function share(seed: number, key: string): number {
  return createHash("sha256").update(`${seed} ${key}`).digest().readUInt32BE(0) / 2 ** 32;
}
