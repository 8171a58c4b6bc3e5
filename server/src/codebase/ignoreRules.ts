// Decides what .gitignore and .fathomignore leave out and bring back, by git's rules; walks no folders itself.
import { stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import ignore, { type Ignore } from "ignore";
import { globPattern } from "./editorExcludes.ts";
import { readBytes } from "./readText.ts";

/** Longer ignore files are a mistake or an attack, bytes. */
const MAX_IGNORE_FILE_BYTES = 1024 * 1024;
/** Git compares names without case where the file system usually does. */
const IGNORE_CASE = process.platform === "win32" || process.platform === "darwin";
const IGNORE_FILES = [".gitignore", ".fathomignore"] as const;

interface RuleSets {
  git: Ignore;
  fathom: Ignore;
  /** Folders that a `!path` in .fathomignore lies below, as patterns from the root: `vendor` for `!vendor/ours/`. */
  ways: { pattern: RegExp; line: string }[];
}

/** What the ignore files say of a path. */
export type Verdict =
  /** Nothing. */
  | { kind: "free" }
  /** A `!path` in .fathomignore brings it back. */
  | { kind: "wanted" }
  /** `final`: .fathomignore itself leaves it out, so nothing below comes back. */
  | { kind: "out"; reason: string; final: boolean };

/**
 * The rules in force in one folder. Deeper files win over outer ones and, within a file, later lines over earlier ones;
 * all of .fathomignore wins over all of .gitignore. Below a folder that a .gitignore leaves out, its negations bring
 * nothing back, as with git. A `!path` in .fathomignore does, if it names the way: `!build/keep.ts`, not `!keep.ts`.
 */
export class IgnoreRules {
  readonly #sets: RuleSets;
  /** All rules, weakest first: the last match decides. */
  readonly #all: Ignore;
  /** The same with the ways to what .fathomignore brings back open. */
  readonly #open: Ignore;
  /** Path of the workspace folder inside its repository, with a slash at the end, or empty. */
  readonly #prefix: string;

  /** Use {@link ignoreRulesFor}. */
  constructor(sets: RuleSets, prefix: string) {
    this.#sets = sets;
    this.#prefix = prefix;
    this.#all = newRules().add(sets.git).add(sets.fathom);
    this.#open = newRules().add(sets.git);
    for (const { line } of sets.ways) this.#open.add(line);
    this.#open.add(sets.fathom);
  }

  /**
   * @param path Relative to the workspace folder, forward slashes; of a folder, with a slash at the end.
   * @param insideWanted True below a folder that was brought back.
   */
  judge(path: string, insideWanted: boolean): Verdict {
    const full = this.#prefix + path;
    const fathom = this.#sets.fathom.test(full);
    if (fathom.ignored) return { kind: "out", reason: fathom.rule?.mark ?? "ignored", final: true };
    if (fathom.unignored) return { kind: "wanted" };
    const rules = !insideWanted && this.leadsToWanted(path) ? this.#all : this.#open;
    const result = rules.test(full);
    return result.ignored ? { kind: "out", reason: result.rule?.mark ?? "ignored", final: false } : { kind: "free" };
  }

  /** @returns True for a folder below which .fathomignore brings something back. */
  leadsToWanted(path: string): boolean {
    if (this.#sets.ways.length === 0 || !path.endsWith("/")) return false;
    const full = (this.#prefix + path).slice(0, -1);
    return this.#sets.ways.some(({ pattern }) => pattern.test(full));
  }

  /**
   * @param folder Absolute path of a folder inside the workspace folder, or the workspace folder itself.
   * @param path The same, relative to the workspace folder, with a slash at the end; empty for the folder itself.
   * @param names Names of the files in it.
   * @param onProblem Called with an ignore file that is there but cannot be read.
   * @returns The rules inside that folder; these same rules if it has no ignore file.
   */
  async inFolder(
    folder: string,
    path: string,
    names: ReadonlySet<string>,
    onProblem: (path: string, reason: string) => void,
  ): Promise<IgnoreRules> {
    if (!IGNORE_FILES.some((name) => names.has(name))) return this;
    const { sets, problems } = await withFilesOf(folder, this.#prefix + path, path, this.#sets);
    for (const problem of problems) onProblem(path + problem.name, problem.reason);
    return new IgnoreRules(sets, this.#prefix);
  }
}

/**
 * @param folder Absolute path of a workspace folder.
 * @returns The rules from outside the folder: `.git/info/exclude` and the ignore files between the repository's root and
 *   the folder. The folder's own files are read on entering it. The user's global ignore file is not consulted.
 */
export async function ignoreRulesFor(folder: string): Promise<IgnoreRules> {
  const root = await repositoryRoot(folder);
  const none: RuleSets = { git: newRules(), fathom: newRules(), ways: [] };
  if (root === undefined) return new IgnoreRules(none, "");
  const prefix = slashed(relative(root, folder));
  const rules = new IgnoreRules(await outerRules(root, folder, none), prefix);
  // Whoever opens a folder that its repository ignores wants to read it: the outer rules then have no say.
  const ignoredItself = prefix !== "" && rules.judge("", false).kind === "out";
  return ignoredItself ? new IgnoreRules(none, prefix) : rules;
}

async function outerRules(root: string, folder: string, none: RuleSets): Promise<RuleSets> {
  let sets = none;
  const exclude = await readBytes(join(root, ".git", "info", "exclude"), MAX_IGNORE_FILE_BYTES);
  if (exclude !== undefined && "content" in exclude) {
    sets = { ...sets, git: newRules() };
    addLines(sets.git, linesOf(exclude.content), "", "ignored by .git/info/exclude");
  }
  const segments = relative(root, folder).split(sep).filter(Boolean);
  for (let depth = 0; depth < segments.length; depth++) {
    const outer = join(root, ...segments.slice(0, depth));
    const up = "../".repeat(segments.length - depth);
    sets = (await withFilesOf(outer, slashed(relative(root, outer)), up, sets)).sets;
  }
  return sets;
}

/** Adds the ignore files of one folder to the rule sets; `shown` is the folder's path for people. */
async function withFilesOf(folder: string, prefix: string, shown: string, sets: RuleSets) {
  const problems: { name: string; reason: string }[] = [];
  const added = { ...sets };
  for (const name of IGNORE_FILES) {
    const read = await readBytes(join(folder, name), MAX_IGNORE_FILE_BYTES);
    if (read === undefined) continue;
    if ("skipped" in read) {
      problems.push({ name, reason: `its rules do not apply, ${read.skipped}` });
      continue;
    }
    const key = name === ".gitignore" ? "git" : "fathom";
    added[key] = newRules().add(added[key]);
    const lines = linesOf(read.content);
    addLines(added[key], lines, prefix, `ignored by ${shown}${name}`);
    if (key === "fathom") added.ways = [...added.ways, ...lines.flatMap((line) => waysTo(line, prefix))];
  }
  return { sets: added, problems };
}

async function repositoryRoot(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const found = await stat(join(at, ".git")).then(
      () => true,
      () => false,
    );
    if (found) return at;
    if (dirname(at) === at) return undefined;
  }
}

function newRules(): Ignore {
  return ignore({ ignorecase: IGNORE_CASE });
}

function slashed(path: string): string {
  return path === "" ? "" : `${path.split(sep).join("/")}/`;
}

function linesOf(content: Buffer): string[] {
  return new TextDecoder().decode(content).split(/\r?\n/);
}

function addLines(rules: Ignore, lines: readonly string[], prefix: string, mark: string): void {
  for (const line of lines) {
    const pattern = prefix === "" ? line : patternBelow(prefix, line);
    if (pattern !== undefined) rules.add({ pattern, mark });
  }
}

/** Rewrites a pattern of an ignore file in the folder `prefix` into the same rule seen from the root. */
function patternBelow(prefix: string, line: string): string | undefined {
  let end = line.length;
  while (end > 0 && line[end - 1] === " " && line[end - 2] !== "\\") end--;
  const trimmed = line.slice(0, end);
  if (trimmed === "" || trimmed.startsWith("#")) return undefined;
  const negative = trimmed.startsWith("!") ? "!" : "";
  const pattern = trimmed.slice(negative.length).replace(/^\\(?=[#!])/, "");
  // Characters with a meaning in patterns stand for themselves in a folder's name; any one character matches them.
  const base = `/${prefix.replace(/[\\*?[\]]/g, "?")}`;
  const anchored = pattern.slice(0, -1).includes("/");
  if (!anchored) return `${negative}${base}**/${pattern}`;
  return `${negative}${base}${pattern.startsWith("/") ? pattern.slice(1) : pattern}`;
}

/** The folders on the way to what a negation names. One that names no folder, or only by `**`, opens none. */
function waysTo(line: string, prefix: string): RuleSets["ways"] {
  const pattern = line.trimEnd();
  if (!pattern.startsWith("!")) return [];
  const segments = (patternBelow(prefix, pattern) ?? "").slice(1).split("/").filter(Boolean);
  const isAnchored = pattern.slice(1, -1).includes("/");
  return segments.slice(0, -1).flatMap((segment, index) => {
    const way = segments.slice(0, index + 1).join("/");
    // Braces and commas have no meaning in the patterns of git; a backslash takes away the next character's.
    const glob = way.replace(/\\(.)|([{}])/g, (_, escaped, brace) => `[${escaped ?? brace}]`);
    const regex = isAnchored && segment !== "**" ? globPattern(glob) : undefined;
    return regex === undefined ? [] : [{ pattern: regex, line: `!/${way}/` }];
  });
}
