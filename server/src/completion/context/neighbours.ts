// The source that knows files by their names: the test of a source, the source of a test, and what lies in the same folder.
import type { Workspace } from "../../codebase/workspace.ts";
import type { WorkspaceFile } from "../../codebase/workspaceFile.ts";
import { fileEnding } from "../../syntax/languages.ts";
import type { Candidate, Excerpt, Source, Surroundings } from "./contextItems.ts";
import { linesOf, type Outlines } from "./excerpts.ts";
import type { FileText } from "./fileTexts.ts";
import { outlineOf } from "./imports.ts";

const MAX_PARTNERS = 2;
const MAX_SIBLINGS = 3;
/** Siblings are those whose names begin alike; a folder can be a drawer for everything, characters. */
const LEAST_LIKENESS = 3;
/** Of one outline, lines; siblings show how things are called here, which needs less. */
const PARTNER_LINES = 60;
const SIBLING_LINES = 20;
/** Tests of many frameworks have no declarations; their beginning shows how the source is used, lines. */
const HEAD_LINES = 30;
/** A source says more about its test than the test about its source. */
const SOURCE_SCORE = 1;
const TEST_SCORE = 0.7;
const SIBLING_SCORE = 0.4;

/** What names of tests have that names of sources have not. */
const TEST_MARKS = [/[._-](?:tests?|specs?)$/i, /^(?:tests?|spec)[_-]/i, /(?<=[a-z0-9])(?:TestCase|Tests?|Spec|IT)$/];
const SCRIPT = /^[cm]?[jt]sx?$/;

export class Neighbours implements Source {
  readonly name = "neighbours";
  readonly #workspace: Pick<Workspace, "files">;
  readonly #outlines: Outlines;

  constructor(workspace: Pick<Workspace, "files">, outlines: Outlines) {
    this.#workspace = workspace;
    this.#outlines = outlines;
  }

  async gather({ path, texts }: Surroundings, signal: AbortSignal): Promise<Candidate[]> {
    const { files } = await this.#workspace.files(signal);
    const { partners, siblings } = neighboursOf(path, files);
    const read = await Promise.all([...partners, ...siblings].map((other) => texts.ofPath(other)));
    const found = read.filter((file): file is FileText => file !== undefined);
    const outlines = await this.#outlines.of(found, signal);
    const isTest = nameOf(path).isTest;
    return found.flatMap((file, index) => {
      const outline = outlines[index]!;
      if (!partners.includes(file.path)) {
        const reason = "in the same folder";
        return outline === "" ? [] : [{ ...cut(file, outline, SIBLING_LINES), score: SIBLING_SCORE, reason }];
      }
      const excerpt = outline === "" ? linesOf(file, 0, HEAD_LINES - 1) : cut(file, outline, PARTNER_LINES);
      const reason = isTest ? "what this file tests" : "the test of this file";
      return excerpt === undefined ? [] : [{ ...excerpt, score: isTest ? SOURCE_SCORE : TEST_SCORE, reason }];
    });
  }
}

/**
 * @param files In any order.
 * @returns Paths: of a source its tests, of a test its sources; and others of the same folder and language, with
 *   names that begin alike, the most similar first, then those changed last.
 */
export function neighboursOf(
  path: string,
  files: readonly Pick<WorkspaceFile, "path" | "mtimeMs">[],
): { partners: string[]; siblings: string[] } {
  const own = nameOf(path);
  const folder = folderOf(path);
  const partners: string[] = [];
  const siblings: { path: string; likeness: number; mtimeMs: number }[] = [];
  for (const { path: other, mtimeMs } of files) {
    if (other === path || languageOf(other) !== languageOf(path)) continue;
    const name = nameOf(other);
    if (name.isTest !== own.isTest && name.bare === own.bare) partners.push(other);
    else if (name.isTest === own.isTest && folderOf(other) === folder) {
      const likeness = sharedStart(name.bare, own.bare);
      if (likeness >= LEAST_LIKENESS) siblings.push({ path: other, likeness, mtimeMs });
    }
  }
  partners.sort((a, b) => sharedSteps(b, path) - sharedSteps(a, path) || (a < b ? -1 : 1));
  siblings.sort((a, b) => b.likeness - a.likeness || b.mtimeMs - a.mtimeMs || (a.path < b.path ? -1 : 1));
  return {
    partners: partners.slice(0, MAX_PARTNERS),
    siblings: siblings.slice(0, MAX_SIBLINGS).map((sibling) => sibling.path),
  };
}

/** `foo.test.ts`, `test_foo.py`, `FooTest.java` and `foo_test.go` are tests of `foo` (`Foo`). */
function nameOf(path: string): { bare: string; isTest: boolean } {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const ending = fileEnding(name);
  const stem = ending === "" ? name : name.slice(0, -ending.length - 1);
  for (const mark of TEST_MARKS) {
    const bare = stem.replace(mark, "");
    if (bare !== stem && bare !== "") return { bare, isTest: true };
  }
  return { bare: stem, isTest: false };
}

function cut(file: FileText, outline: string, maxLines: number): Excerpt {
  return outlineOf(file, outline.split("\n").slice(0, maxLines).join("\n"));
}

function languageOf(path: string): string {
  const ending = fileEnding(path.slice(path.lastIndexOf("/") + 1));
  return SCRIPT.test(ending) ? "script" : ending;
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function sharedStart(a: string, b: string): number {
  let shared = 0;
  while (shared < a.length && a[shared] === b[shared]) shared++;
  return shared;
}

/** Folders that two paths have in common, from both ends: tests often lie in a tree of their own. */
function sharedSteps(a: string, b: string): number {
  const [own, other] = [folderOf(a).split("/"), folderOf(b).split("/")];
  const same = (first: string[], second: string[]) => {
    const differs = first.findIndex((step, index) => step !== second[index]);
    return differs === -1 ? first.length : differs;
  };
  return same(own, other) + same(own.toReversed(), other.toReversed());
}
