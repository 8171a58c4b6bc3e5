// Knows which files the user is busy with, the open ones and those that questions name: they go into the context first.
import type { Documents } from "../documents.ts";
import type { Workspace } from "./workspace.ts";
import type { WorkspaceFile } from "./workspaceFile.ts";

/** Weights against each other: what is open is worked on now, what was named may be done with. */
const OPEN_WEIGHT = 2;
const MENTIONED_WEIGHT = 1;
/** Files named last that are remembered. */
const MAX_MENTIONED = 16;
/** What can be a path or a file's name in prose. */
const PATH_LIKE = /[^\s"'`<>|*?,;()[\]{}]+/g;
/** Behind a path in prose: lines (`:12`, `:12-20`, `#L12`) and the end of a sentence. */
const BEHIND_PATH = /(?:[:#][L\d][\dL:-]*)?[.:!]*$/;

export interface FocusOptions {
  workspace: Pick<Workspace, "files" | "fileOf">;
  documents: Pick<Documents, "all">;
}

export class Focus {
  readonly #options: FocusOptions;
  /** Paths, the one named last at the end. */
  #mentioned: string[] = [];

  constructor(options: FocusOptions) {
    this.#options = options;
  }

  /** Remembers the files that a question names by path, by the end of their path, or by their name. */
  async mention(question: string): Promise<void> {
    const names = pathsIn(question);
    if (names.length === 0) return;
    const { files } = await this.#options.workspace.files();
    const named = files.filter(({ path }) => names.some((name) => path === name || path.endsWith(`/${name}`)));
    // A name that many files have says nothing about which one is meant.
    if (named.length > MAX_MENTIONED) return;
    const paths = named.map(({ path }) => path);
    this.#mentioned = [...this.#mentioned.filter((path) => !paths.includes(path)), ...paths].slice(-MAX_MENTIONED);
  }

  /** @returns Weights by path, open files first. */
  weights(): Map<string, number> {
    const { workspace, documents } = this.#options;
    const open = documents.all().map(({ uri }) => workspace.fileOf(uri));
    const paths = open.filter((file): file is WorkspaceFile => file !== undefined).map(({ path }) => path);
    const weights = new Map(paths.sort().map((path) => [path, OPEN_WEIGHT]));
    for (const path of this.#mentioned) if (!weights.has(path)) weights.set(path, MENTIONED_WEIGHT);
    return weights;
  }
}

/** @returns Each thing in a text that looks like a path or a file's name with an extension, with forward slashes. */
function pathsIn(text: string): string[] {
  const words = text.match(PATH_LIKE) ?? [];
  const paths = words.map((word) =>
    word
      .replace(BEHIND_PATH, "")
      .replaceAll("\\", "/")
      .replace(/^\.?\/+/, ""),
  );
  return [...new Set(paths.filter((path) => /[^./]\.\w|\w\/\w/.test(path)))];
}
