// Decides what .gitignore, .fathomignore and a setting leave out, by git's rules; walks no folders itself.
import { stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import ignore, { type Ignore } from "ignore";
import { readBytes } from "./readText.ts";

/** Longer ignore files are a mistake or an attack, bytes. */
const MAX_IGNORE_FILE_BYTES = 1024 * 1024;
/** Git compares names without case where the file system usually does. */
const IGNORE_CASE = process.platform === "win32" || process.platform === "darwin";
const IGNORE_FILES = [".gitignore", ".fathomignore"] as const;

interface RuleSets {
  git: Ignore;
  fathom: Ignore;
  excludes: Ignore;
}

/**
 * The rules in force in one folder. Deeper files win over outer ones and, within a file, later lines over earlier ones;
 * all of .fathomignore wins over all of .gitignore, and the setting over both. Below an ignored folder nothing can be
 * brought back, because it is not entered.
 */
export class IgnoreRules {
  readonly #sets: RuleSets;
  /** All rules, weakest first: the last match decides. */
  readonly #all: Ignore;
  /** Path of the workspace folder inside its repository, with a slash at the end, or empty. */
  readonly #prefix: string;

  /** Use {@link ignoreRulesFor}. */
  constructor(sets: RuleSets, prefix: string) {
    this.#sets = sets;
    this.#prefix = prefix;
    this.#all = newRules().add(sets.git).add(sets.fathom).add(sets.excludes);
  }

  /**
   * @param path Relative to the workspace folder, forward slashes; of a folder, with a slash at the end.
   * @returns Which rule leaves it out, for people; undefined: none does.
   */
  reasonAgainst(path: string): string | undefined {
    const result = this.#all.test(this.#prefix + path);
    return result.ignored ? (result.rule?.mark ?? "ignored") : undefined;
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
 * @param excludes Patterns in the syntax of .gitignore, relative to the folder; stronger than every file.
 * @returns The rules from outside the folder: `.git/info/exclude` and the ignore files between the repository's root and
 *   the folder. The folder's own files are read on entering it. The user's global ignore file is not consulted.
 */
export async function ignoreRulesFor(folder: string, excludes: readonly string[]): Promise<IgnoreRules> {
  const root = await repositoryRoot(folder);
  const prefix = root === undefined ? "" : slashed(relative(root, folder));
  const excludeRules = newRules();
  addLines(excludeRules, excludes, prefix, "excluded by a setting");
  const none: RuleSets = { git: newRules(), fathom: newRules(), excludes: excludeRules };
  if (root === undefined) return new IgnoreRules(none, prefix);
  const outer = await outerRules(root, folder, none);
  const rules = new IgnoreRules(outer, prefix);
  // Whoever opens a folder that its repository ignores wants to read it: the outer rules then have no say.
  const ignoredItself = prefix !== "" && rules.reasonAgainst("") !== undefined;
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
    addLines(added[key], linesOf(read.content), prefix, `ignored by ${shown}${name}`);
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
