// How far the workspace has moved from a base that was laid out earlier: which files differ, and what telling it would cost.
import { fileUri } from "../uris.ts";
import type { BaseRecord } from "./baseRecords.ts";
import { inParallel } from "./inParallel.ts";
import { readTextFile, textHash } from "./readText.ts";
import { uriOf } from "./workspace.ts";
import type { BaseFile, WorkspaceFile } from "./workspaceFile.ts";

/** So many files at once are another branch, not edits: they get a base of their own. */
export const MANY_FILES = 50;
/** Changes may take this share of the base behind it, and always as much as a few files have, before a new base is due. */
const CHANGES_SHARE = 0.1;
const MIN_CHANGES_TOKENS = 2048;
const PARALLEL_READS = 8;
/** Source code has more, but an estimate that is too low would put too much behind the base, characters. */
const CHARS_PER_TOKEN = 3;
/** The line that says what an entry replaces, tokens. */
const HEAD_TOKENS = 32;

/** @returns How many tokens of changes may stand behind a base of this length. */
export function mostChanges(baseTokens: number): number {
  return Math.max(MIN_CHANGES_TOKENS, Math.floor(baseTokens * CHANGES_SHARE));
}

export interface Difference {
  /** Uris of files that changed, came or went. */
  changed: string[];
  /** The files of base and workspace together: also those that are gone. */
  byUri: Map<string, WorkspaceFile>;
  /** What telling the changes takes, an estimate that is rather too high, tokens. */
  tokens: number;
}

/** The workspace as it is on disk now; each file is read once, however many bases it is compared with. */
export class WorkspaceNow {
  readonly files: readonly WorkspaceFile[];
  readonly #placeOf: (path: string) => string | undefined;
  readonly #hashes = new Map<WorkspaceFile, Promise<string>>();

  /**
   * @param files All files.
   * @param placeOf Absolute path of a workspace path, whether there is such a file or not.
   */
  constructor(files: readonly WorkspaceFile[], placeOf: (path: string) => string | undefined) {
    this.files = files;
    this.#placeOf = placeOf;
  }

  /**
   * @returns Undefined if {@link MANY_FILES} or more differ.
   * @throws The signal's reason when aborted.
   */
  async differenceTo(record: Pick<BaseRecord, "files">, signal?: AbortSignal): Promise<Difference | undefined> {
    const before = new Map(record.files.map((file) => [file.path, file]));
    const now = new Map(this.files.map((file) => [file.path, file]));
    const added = this.files.filter(({ path }) => !before.has(path));
    const gone = record.files.filter(({ path }) => !now.has(path));
    if (added.length + gone.length >= MANY_FILES) return undefined;
    const edited = await this.#edited(record.files, now, MANY_FILES - added.length - gone.length, signal);
    if (edited === undefined) return undefined;
    const byUri = new Map(this.files.map((file) => [uriOf(file), file]));
    const changed = [...edited.map(({ file }) => file), ...added].map(uriOf);
    for (const { path } of gone) {
      const absolutePath = this.#placeOf(path);
      if (absolutePath === undefined) return undefined;
      const uri = fileUri(absolutePath);
      byUri.set(uri, { folder: "", path, absolutePath, bytes: 0, mtimeMs: 0 });
      changed.push(uri);
    }
    return { changed, byUri, tokens: await this.#tokens(edited, added, gone) };
  }

  /** Only what stands in the base with its text can differ from it. */
  async #edited(
    files: readonly BaseFile[],
    now: ReadonlyMap<string, WorkspaceFile>,
    most: number,
    signal: AbortSignal | undefined,
  ): Promise<Edited[] | undefined> {
    const edited: Edited[] = [];
    const withText = files.filter(({ form }) => form !== "path");
    const compare = async (base: BaseFile) => {
      const file = now.get(base.path);
      if (file === undefined || edited.length >= most) return;
      if ((await this.#hash(file)) !== base.hash) edited.push({ base, file });
    };
    await inParallel(withText, PARALLEL_READS, compare, signal);
    return edited.length >= most ? undefined : edited;
  }

  #hash(file: WorkspaceFile): Promise<string> {
    let hash = this.#hashes.get(file);
    if (hash === undefined) {
      hash = textOf(file).then((text) => (text === undefined ? "" : textHash(text)));
      this.#hashes.set(file, hash);
    }
    return hash;
  }

  async #tokens(edited: readonly Edited[], added: readonly WorkspaceFile[], gone: readonly BaseFile[]) {
    let tokens = (edited.length + added.length + gone.length) * HEAD_TOKENS;
    const hashesGone = new Set(gone.map(({ hash }) => hash));
    for (const { base, file } of edited) {
      const text = (await textOf(file)) ?? "";
      const characters =
        base.form === "whole" ? Math.min(text.length, changedCharacters(base.text, text)) : text.length;
      tokens += Math.ceil(characters / CHARS_PER_TOKEN);
    }
    for (const file of added) {
      // A renamed file costs only the line that says so.
      if (!hashesGone.has(await this.#hash(file))) tokens += Math.ceil(file.bytes / CHARS_PER_TOKEN);
    }
    return tokens;
  }
}

interface Edited {
  base: BaseFile;
  file: WorkspaceFile;
}

async function textOf(file: WorkspaceFile): Promise<string | undefined> {
  const read = await readTextFile(file);
  return read !== undefined && "text" in read ? read.text : undefined;
}

/** Characters, old and new, between the first and the last line that differ. */
function changedCharacters(before: string, after: string): number {
  const a = before.split("\n");
  const b = after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const between = (lines: string[]) => lines.slice(head, lines.length - tail).join("\n").length;
  return between(a) + between(b);
}
