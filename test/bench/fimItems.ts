// Reads items for filling in the middle from JSON lines, as HumanEval-Infilling and its kin write them; bad lines are named, not fatal.
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";

export interface FimItem {
  /** Names it in the results: its line in the data, from 1. */
  line: number;
  id: string;
  /** Items of one kind are reported together: the beginning of the id, e.g. "SingleLineInfilling". */
  kind: string;
  /** Path of the file that it is from. */
  path: string;
  prefix: string;
  suffix: string;
  expected: string;
}

export interface FimItems {
  items: FimItem[];
  skipped: { line: number; reason: string }[];
}

/** Names of the same field, the one of HumanEval-Infilling first, then those of other sets (SAFIM, CrossCodeEval, plain pairs). */
const FIELDS = {
  id: ["task_id", "id", "name"],
  kind: ["kind", "type"],
  path: ["path", "file", "filename"],
  prefix: ["prompt", "prefix"],
  suffix: ["suffix", "right_context"],
  expected: [
    "canonical_solution",
    "canonical_completion",
    "canonical completion",
    "groundtruth",
    "ground_truth",
    "middle",
  ],
} as const;

/** HumanEval is Python. */
const DEFAULT_PATH = "solution.py";

/** @throws The file system's error if the file cannot be read. */
export async function readItems(file: string): Promise<FimItems> {
  const lines = createInterface({ input: createReadStream(file, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
  const read: FimItems = { items: [], skipped: [] };
  let line = 0;
  for await (const text of lines) {
    line += 1;
    if (text.trim() === "") continue;
    const item = itemOf(text, line, basename(file));
    if ("reason" in item) read.skipped.push({ line, reason: item.reason });
    else read.items.push(item);
  }
  return read;
}

/** @returns The item in this line of JSON, or why it is none. */
export function itemOf(text: string, line: number, dataName: string): FimItem | { reason: string } {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return { reason: "it is not JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { reason: "it is no JSON object" };
  const field = (name: keyof typeof FIELDS) => {
    const found = FIELDS[name].map((key) => (value as Record<string, unknown>)[key]).find((each) => each !== undefined);
    return typeof found === "string" ? found.replaceAll("\r\n", "\n") : undefined;
  };
  const [prefix, suffix, expected] = [field("prefix"), field("suffix"), field("expected")];
  if (prefix === undefined) return { reason: "it has no text in the field prompt or prefix" };
  if (suffix === undefined) return { reason: "it has no text in the field suffix" };
  if (expected === undefined) return { reason: `it has no text in any of the fields ${FIELDS.expected.join(", ")}` };
  if (expected.trim() === "") return { reason: "what is expected of it is blank" };
  const id = field("id") ?? `line ${line}`;
  const kind = field("kind") ?? (id.includes("/") ? id.slice(0, id.indexOf("/")) : dataName);
  return { line, id, kind, path: field("path") ?? DEFAULT_PATH, prefix, suffix, expected };
}
