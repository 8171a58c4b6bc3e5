// Builds the base: which files go into the context, in which form and order; knows neither the engine nor how files are read.
import type { PromptPart } from "../../../engine/src/api.ts";
import { promptText } from "../promptTexts.ts";
import type { FileSyntax } from "../syntax/fileSyntax.ts";
import { batches } from "./batches.ts";
import { estimatedTokens, type FileTexts, fileParts, PartCounter } from "./fileParts.ts";
import { type Chosen, chooseForms } from "./formChoice.ts";
import { inParallel } from "./inParallel.ts";
import { type AnalysedFile, MAX_CONSIDERED_BYTES, rankByWorth, splitByCap } from "./ranking.ts";
import { type TextRead, textHash } from "./readText.ts";
import { repositoryTree, TREE_DETAILS, type TreeDetail, type TreeFile } from "./repositoryTree.ts";
import type { BaseFile, BaseForm, LeftOut, WorkspaceFile } from "./workspaceFile.ts";

const PARALLEL_READS = 8;
/** Most of the budget that the list of files may take before it is shortened, where not everything fits. */
const TREE_SHARE = 0.125;
/** Room kept for the list beyond its first count: which of its names stand behind which word is known only at the end. */
const TREE_MARGIN = 1.1;
/** Text of which a token surely does not hold more on average: longer than so many for each token and it cannot fit. */
const MOST_CHARACTERS_PER_TOKEN = 8;
/** `<|repo_name|>`, and `<|file_sep|>` before the list of files. */
const FRONT_SPECIAL_TOKENS = 2;

const ALL_FITS = "the whole codebase fits";
const ONLY_SIGNATURES = "does not fit whole: its signatures are there";
const DOES_NOT_FIT = "does not fit";
const NOT_CONSIDERED = `not looked into: only the ${MAX_CONSIDERED_BYTES / 1024 ** 2} MiB that changed last are`;
const WAS_DELETED = "was deleted while the codebase was read";

export interface LayoutProgress {
  /** Every file is read; if not all fit, they are then ranked, which starts from the first file again. */
  step: "read" | "rank";
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
  /** Outlines and symbols, in the order of the files; called only when not everything fits whole. */
  analyse: (files: { path: string; text: string }[], signal?: AbortSignal) => Promise<FileSyntax[]>;
  /** Weights of open and mentioned files, by path: they go in first. */
  focus: ReadonlyMap<string, number>;
  signal?: AbortSignal;
  onProgress?: (progress: LayoutProgress) => void;
}

export interface Layout {
  parts: PromptPart[];
  /** Every file of the request that could be read: first the whole ones, then outlines, then paths, each by age. */
  files: BaseFile[];
  /** Files that turned out unreadable or gone, with the reason. */
  leftOut: LeftOut[];
  /** Sum of the counted parts, one for each special token. */
  tokens: number;
  /** Of these, system text, repository name and list of files. */
  frontTokens: number;
}

/**
 * Lays out the base: system text, repository name, the whole files, the outlines of others, and the list of all files.
 * What changes least stands first and what every change touches stands last, so that the beginning stays valid for as
 * long as possible. The same input gives the same parts, byte for byte.
 *
 * If everything fits, every file is whole. If not, files are taken by their worth for each token ({@link rankByWorth}).
 * A file that does not fit whole stands by its signatures while these have room ({@link chooseForms}), else by its path.
 * A file without signatures (prose, settings, an unknown language) stands whole or by its path: its first lines would be
 * a licence more often than what matters. Of a very large workspace only a part is read ({@link splitByCap}).
 * @returns The layout; its `tokens` never exceed the budget. With a budget too small for the front matter it has no parts.
 * @throws The signal's reason when aborted, and what `countTokens`, `readText` or `analyse` throw.
 */
export async function buildLayout(request: LayoutRequest): Promise<Layout> {
  const work = new LayoutWork(request);
  const { considered, beyond } = splitByCap(request.files, request.focus);
  if (!(await work.countFront())) return work.assemble([], new Map(), undefined);
  const files = await work.read(considered);
  const whole = beyond.length === 0 ? await work.allWhole(files) : undefined;
  if (whole !== undefined) return whole;
  return await work.ranked(files);
}

/** A file that was read. */
interface ReadFile extends FileTexts {
  file: WorkspaceFile;
  hash: string;
  /** Why it has its form, if it has room. */
  reason: string;
}

interface Tree {
  text: string;
  tokens: number;
  detail: TreeDetail;
}

type Choice = Map<ReadFile, Chosen>;

class LayoutWork {
  readonly #request: LayoutRequest;
  readonly #counter: PartCounter;
  readonly #front: PromptPart[];
  #frontTokens = 0;
  /** Reasons against files that turned out unreadable or gone. */
  readonly #refused = new Map<WorkspaceFile, string>();

  constructor(request: LayoutRequest) {
    this.#request = request;
    this.#counter = new PartCounter(request.countTokens);
    const system = `${promptText("system")}\n\n`;
    this.#front = [{ text: system }, { special: "<|repo_name|>" }, { text: `${request.repoName}\n` }];
  }

  /** @returns Whether the system text and the name fit, without any file. */
  async countFront(): Promise<boolean> {
    const texts = this.#front.flatMap((part) => ("text" in part ? [part.text] : []));
    const counts = await this.#counter.countTexts(texts);
    this.#frontTokens = counts.reduce((sum, count) => sum + count, FRONT_SPECIAL_TOKENS);
    return this.#frontTokens <= this.#request.budgetTokens;
  }

  async read(considered: readonly WorkspaceFile[]): Promise<ReadFile[]> {
    const { signal, readText } = this.#request;
    const files: ReadFile[] = [];
    let doneFiles = 0;
    for (const batch of batches(considered, (file) => file.bytes)) {
      signal?.throwIfAborted();
      const reads = await inParallel(batch, PARALLEL_READS, readText, signal);
      for (const [index, file] of batch.entries()) {
        const read = reads[index];
        if (read === undefined) this.#refused.set(file, WAS_DELETED);
        else if ("skipped" in read) this.#refused.set(file, read.skipped);
        else files.push(asRead(file, read.text));
      }
      doneFiles += batch.length;
      this.#report("read", doneFiles, considered.length);
    }
    return files;
  }

  /** @returns Undefined if not every file fits whole. */
  async allWhole(files: readonly ReadFile[]): Promise<Layout | undefined> {
    const { budgetTokens, signal } = this.#request;
    const room = budgetTokens - this.#frontTokens;
    const characters = files.reduce((sum, { whole }) => sum + whole.length, 0);
    if (characters > room * MOST_CHARACTERS_PER_TOKEN) return undefined;
    const choice: Choice = new Map();
    let left = room;
    for (const batch of batches(files, ({ whole }) => whole.length)) {
      signal?.throwIfAborted();
      const counts = await this.#counter.count(batch, "whole");
      for (const [index, file] of batch.entries()) {
        choice.set(file, { form: "whole", tokens: counts[index]! });
        left -= counts[index]!;
      }
      if (left < 0) return undefined;
    }
    const tree = await this.#fitTree(this.#treeFiles(choice), left);
    return tree.tokens <= left ? this.assemble(files, choice, tree) : undefined;
  }

  async ranked(files: readonly ReadFile[]): Promise<Layout> {
    const { budgetTokens, focus, signal } = this.#request;
    const first = await this.#fitTree(this.#treeFiles(new Map()), budgetTokens * TREE_SHARE);
    const room = budgetTokens - this.#frontTokens - Math.ceil(first.tokens * TREE_MARGIN);
    const byPath = new Map(files.map((file) => [file.path, file]));
    const ranked = rankByWorth(await this.#analyse(files), focus).map(({ file, syntax, reason }) =>
      Object.assign(byPath.get(file.path)!, { outline: syntax.outline, reason }),
    );
    const choice = await chooseForms({ files: ranked, roomTokens: room, counter: this.#counter, signal });
    return this.assemble(files, choice, await this.#settle(choice, first.detail));
  }

  async #analyse(files: readonly ReadFile[]): Promise<AnalysedFile[]> {
    const { analyse, signal } = this.#request;
    const analysed: AnalysedFile[] = [];
    for (const batch of batches(files, ({ whole }) => whole.length)) {
      signal?.throwIfAborted();
      const found = await analyse(
        batch.map(({ path, whole }) => ({ path, text: whole })),
        signal,
      );
      for (const [index, { file, whole }] of batch.entries()) {
        analysed.push({ file, text: whole, syntax: found[index]! });
      }
      this.#report("rank", analysed.length, files.length);
    }
    return analysed;
  }

  /**
   * Writes the final list of files, and gives up the files taken last for as long as the whole is over the budget.
   * @returns Undefined if not even the list alone fits.
   */
  async #settle(choice: Choice, detail: TreeDetail): Promise<Tree | undefined> {
    const { budgetTokens, signal } = this.#request;
    const lastFirst = [...choice].reverse();
    let taken = lastFirst.reduce((sum, [, { tokens }]) => sum + tokens, 0);
    for (;;) {
      signal?.throwIfAborted();
      const tree = await this.#countTree(this.#treeFiles(choice), detail);
      let excess = this.#frontTokens + tree.tokens + taken - budgetTokens;
      if (excess <= 0) return tree;
      if (choice.size === 0) return undefined;
      while (excess > 0 && choice.size > 0) {
        const [file, { tokens }] = lastFirst.shift()!;
        choice.delete(file);
        taken -= tokens;
        excess -= tokens;
      }
    }
  }

  /** @returns The list in the most detail that fits the room; if none does, the shortest. */
  async #fitTree(files: readonly TreeFile[], roomTokens: number): Promise<Tree> {
    let shortest: Tree | undefined;
    for (const detail of TREE_DETAILS) {
      const last = detail === TREE_DETAILS.at(-1);
      // The names of a very large workspace are megabytes: not worth counting.
      const length = last ? 0 : repositoryTree(files, detail).length;
      if (length > roomTokens * MOST_CHARACTERS_PER_TOKEN) continue;
      shortest = await this.#countTree(files, detail);
      if (shortest.tokens <= roomTokens) break;
    }
    return shortest!;
  }

  async #countTree(files: readonly TreeFile[], detail: TreeDetail): Promise<Tree> {
    const text = repositoryTree(files, detail);
    const [tokens = 0] = await this.#counter.countTexts([text]);
    return { text, tokens, detail };
  }

  #treeFiles(choice: Choice): TreeFile[] {
    const forms = new Map([...choice].map(([{ file }, { form }]) => [file, form]));
    const known = this.#request.files.filter((file) => !this.#refused.has(file));
    return known.map((file) => ({ path: file.path, form: forms.get(file) ?? "path" }));
  }

  /** @param tree Undefined: not even the front matter fits, and there are no parts. */
  assemble(files: readonly ReadFile[], choice: Choice, tree: Tree | undefined): Layout {
    const read = new Map(files.map((file) => [file.file, file]));
    const baseFiles: Record<BaseForm, BaseFile[]> = { whole: [], outline: [], path: [] };
    const leftOut: LeftOut[] = [];
    for (const file of this.#request.files) {
      const refused = this.#refused.get(file);
      if (refused !== undefined) {
        leftOut.push({ path: file.path, reason: refused });
        continue;
      }
      const known = read.get(file);
      const baseFile = known === undefined ? unread(file, tree) : this.#baseFile(known, choice.get(known));
      baseFiles[baseFile.form].push(baseFile);
    }
    const all = [...baseFiles.whole, ...baseFiles.outline, ...baseFiles.path];
    if (tree === undefined) return { parts: [], files: all, leftOut, tokens: 0, frontTokens: 0 };
    const frontTokens = this.#frontTokens + tree.tokens;
    const parts = [...this.#front];
    let tokens = frontTokens;
    for (const { path, form, text, tokens: fileTokens } of all) {
      if (form === "path") continue;
      parts.push(...fileParts(path, form, text));
      tokens += fileTokens;
    }
    parts.push({ special: "<|file_sep|>" }, { text: tree.text });
    return { parts, files: all, leftOut, tokens, frontTokens };
  }

  #baseFile(file: ReadFile, chosen: Chosen | undefined): BaseFile {
    const { path, hash, whole } = file;
    if (chosen === undefined) {
      const tokens = this.#counter.wholeTokens(path, whole.length);
      return { path, form: "path", text: "", hash, tokens, reason: DOES_NOT_FIT };
    }
    const { form, tokens } = chosen;
    return { path, form, text: file[form], hash, tokens, reason: form === "whole" ? file.reason : ONLY_SIGNATURES };
  }

  #report(step: LayoutProgress["step"], doneFiles: number, totalFiles: number): void {
    this.#request.onProgress?.({ step, doneFiles, totalFiles });
  }
}

function asRead(file: WorkspaceFile, text: string): ReadFile {
  return { file, path: file.path, whole: text, outline: "", hash: textHash(text), reason: ALL_FITS };
}

function unread({ path, bytes }: WorkspaceFile, tree: Tree | undefined): BaseFile {
  const reason = tree === undefined ? DOES_NOT_FIT : NOT_CONSIDERED;
  return { path, form: "path", text: "", hash: "", tokens: estimatedTokens(bytes), reason };
}
