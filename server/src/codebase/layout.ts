// Builds the base: which files go into the context, in which parts and order; knows neither the engine nor how files are read.
import type { PromptPart } from "../../../engine/src/api.ts";
import { promptText } from "../promptTexts.ts";
import { inParallel } from "./inParallel.ts";
import type { TextRead } from "./readText.ts";
import { repositoryTree, TREE_DETAILS, type TreeDetail } from "./repositoryTree.ts";
import type { LeftOut, WorkspaceFile } from "./workspaceFile.ts";

/** Files read and counted together: bounds memory beside the budget, and gives progress and cancelling a pace. */
const BATCH_FILES = 64;
const BATCH_BYTES = 1024 * 1024;
const PARALLEL_READS = 8;
/** Most of the budget that the list of files may take before it is shortened. */
const TREE_SHARE = 0.25;
/** A special token is one token by definition. */
const SPECIAL_TOKENS = 1;
const DOES_NOT_FIT = "does not fit the context";

export interface LayoutProgress {
  doneFiles: number;
  totalFiles: number;
}

export interface LayoutRequest {
  repoName: string;
  /** Least recently changed first; the files keep this order in the layout. */
  files: readonly WorkspaceFile[];
  /** Most tokens of all parts together. */
  budgetTokens: number;
  /** Number of tokens of each text, counted apart. */
  countTokens: (texts: string[]) => Promise<number[]>;
  readText: (file: WorkspaceFile) => Promise<TextRead | undefined>;
  signal?: AbortSignal;
  onProgress?: (progress: LayoutProgress) => void;
}

export interface Layout {
  parts: PromptPart[];
  /** In the order of the parts. */
  included: { path: string; tokens: number }[];
  leftOut: LeftOut[];
  /** Sum of the counted parts, one for each special token. */
  tokens: number;
}

/**
 * Lays out the base: system text, repository name, list of files, then each file whole. The same input gives the same
 * parts, byte for byte.
 *
 * What goes in when not everything fits: files are ranked by bytes × (1 + age), age from 0 for the most recently changed
 * file to 1 for the least, and taken from the smallest product on for as long as they fit. Once a whole batch had no
 * room, the rest is left out unread. Files left out stay in the list of files by their path.
 * @returns The layout; its `tokens` never exceed the budget. With a budget too small for the front matter alone it has no
 *   parts. Files that turned out unreadable or gone are in `leftOut` with that reason.
 * @throws The signal's reason when aborted, and what `countTokens` or `readText` throw.
 */
export async function buildLayout(request: LayoutRequest): Promise<Layout> {
  const front = await countedFront(request);
  if (front === undefined) return emptyLayout(request, new Map());
  const choice = await chooseFiles(request, request.budgetTokens - front.tokens - front.treeTokens);
  const tree = await fitTree(request, front, choice);
  return tree === undefined ? emptyLayout(request, choice.refused) : assemble(request, front, choice, tree);
}

interface Front {
  parts: PromptPart[];
  /** Tokens of `parts`, without the list of files. */
  tokens: number;
  /** Room kept for the list of files while files are chosen. */
  treeTokens: number;
  detail: TreeDetail;
}

interface ChosenFile {
  text: string;
  tokens: number;
}

interface Choice {
  /** In the order they were taken. */
  included: Map<WorkspaceFile, ChosenFile>;
  /** Unreadable or gone, with the reason. */
  refused: Map<WorkspaceFile, string>;
}

interface Tree {
  text: string;
  tokens: number;
}

async function countedFront(request: LayoutRequest): Promise<Front | undefined> {
  const system = `${promptText("system")}\n\n`;
  const name = `${request.repoName}\n`;
  const parts: PromptPart[] = [{ text: system }, { special: "<|repo_name|>" }, { text: name }];
  const paths = request.files.map((file) => file.path);
  const none = new Set<string>();
  const trees = TREE_DETAILS.map((detail) => repositoryTree(paths, none, detail));
  const [systemTokens = 0, nameTokens = 0, ...treeTokens] = await request.countTokens([system, name, ...trees]);
  const tokens = systemTokens + SPECIAL_TOKENS + nameTokens;
  // All files as left out is close to the longest list; the exact one is counted again at the end.
  const fits = treeTokens.findIndex((count) => count <= request.budgetTokens * TREE_SHARE);
  const detailIdx = fits === -1 ? TREE_DETAILS.length - 1 : fits;
  const front = { parts, tokens, treeTokens: treeTokens[detailIdx] ?? 0, detail: TREE_DETAILS[detailIdx]! };
  return front.tokens + front.treeTokens <= request.budgetTokens ? front : undefined;
}

async function chooseFiles(request: LayoutRequest, room: number): Promise<Choice> {
  const { signal, onProgress } = request;
  const choice: Choice = { included: new Map(), refused: new Map() };
  let left = room;
  let doneFiles = 0;
  for (const batch of batches(ranked(request.files))) {
    signal?.throwIfAborted();
    const reads = await inParallel(batch, PARALLEL_READS, request.readText, signal);
    const texts = batch.map((file, index) => fileText(file, reads[index]));
    const counts = await request.countTokens(texts.map((text) => text ?? ""));
    let taken = 0;
    for (const [index, file] of batch.entries()) {
      const text = texts[index];
      const tokens = (counts[index] ?? 0) + SPECIAL_TOKENS;
      if (text === undefined) {
        choice.refused.set(file, refusal(reads[index]));
      } else if (tokens <= left) {
        choice.included.set(file, { text, tokens });
        left -= tokens;
        taken++;
      }
    }
    doneFiles += batch.length;
    onProgress?.({ doneFiles, totalFiles: request.files.length });
    const onlyRefused = texts.every((text) => text === undefined);
    if (taken === 0 && !onlyRefused) break;
  }
  return choice;
}

/**
 * Counts the final list of files, and gives up the files taken last for as long as the whole is over the budget.
 * @returns Undefined if not even the list alone fits.
 */
async function fitTree(request: LayoutRequest, front: Front, choice: Choice): Promise<Tree | undefined> {
  const lastFirst = [...choice.included.keys()].reverse();
  let fileTokens = [...choice.included.values()].reduce((sum, file) => sum + file.tokens, 0);
  for (;;) {
    request.signal?.throwIfAborted();
    const tree = await countedTree(request, front.detail, choice);
    let excess = front.tokens + tree.tokens + fileTokens - request.budgetTokens;
    if (excess <= 0) return tree;
    if (choice.included.size === 0) return undefined;
    while (excess > 0 && choice.included.size > 0) {
      const file = lastFirst.shift()!;
      const { tokens } = choice.included.get(file)!;
      choice.included.delete(file);
      fileTokens -= tokens;
      excess -= tokens;
    }
  }
}

async function countedTree(request: LayoutRequest, detail: TreeDetail, choice: Choice): Promise<Tree> {
  const known = request.files.filter((file) => !choice.refused.has(file));
  const included = new Set([...choice.included.keys()].map((file) => file.path));
  const text = repositoryTree(
    known.map((file) => file.path),
    included,
    detail,
  );
  const [tokens = 0] = await request.countTokens([text]);
  return { text, tokens };
}

function assemble(request: LayoutRequest, front: Front, choice: Choice, tree: Tree): Layout {
  const layout: Layout = {
    parts: [...front.parts, { text: tree.text }],
    included: [],
    leftOut: [],
    tokens: front.tokens + tree.tokens,
  };
  for (const file of request.files) {
    const chosen = choice.included.get(file);
    if (chosen === undefined) {
      layout.leftOut.push({ path: file.path, reason: choice.refused.get(file) ?? DOES_NOT_FIT });
      continue;
    }
    layout.parts.push({ special: "<|file_sep|>" }, { text: chosen.text, label: file.path });
    layout.included.push({ path: file.path, tokens: chosen.tokens });
    layout.tokens += chosen.tokens;
  }
  return layout;
}

function emptyLayout(request: LayoutRequest, refused: ReadonlyMap<WorkspaceFile, string>): Layout {
  const leftOut = request.files.map((file) => ({ path: file.path, reason: refused.get(file) ?? DOES_NOT_FIT }));
  return { parts: [], included: [], leftOut, tokens: 0 };
}

function fileText(file: WorkspaceFile, read: TextRead | undefined): string | undefined {
  return read !== undefined && "text" in read ? `${file.path}\n${read.text}\n` : undefined;
}

function refusal(read: TextRead | undefined): string {
  return read !== undefined && "skipped" in read ? read.skipped : "was deleted while the codebase was read";
}

function ranked(files: readonly WorkspaceFile[]): WorkspaceFile[] {
  const weights = new Map<WorkspaceFile, number>();
  const last = Math.max(1, files.length - 1);
  for (const [index, file] of files.entries()) weights.set(file, file.bytes * (1 + (last - index) / last));
  // Sorting is stable: equal weights stay in the order of age.
  return [...files].sort((a, b) => weights.get(a)! - weights.get(b)!);
}

function* batches(files: readonly WorkspaceFile[]): Generator<WorkspaceFile[]> {
  let batch: WorkspaceFile[] = [];
  let bytes = 0;
  for (const file of files) {
    const full = batch.length === BATCH_FILES || bytes + file.bytes > BATCH_BYTES;
    if (full && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.bytes;
  }
  if (batch.length > 0) yield batch;
}
