// What changed since the base was read, as prompt parts that follow it: each file once, whole, saying what it replaces.
import type { PromptPart } from "../../../engine/src/api.ts";
import type { Documents } from "../documents.ts";
import { canonicalUri } from "../uris.ts";
import { readTextFile, reasonAgainst } from "./readText.ts";
import type { Workspace } from "./workspace.ts";
import { comparePaths, type WorkspaceFile } from "./workspaceFile.ts";

/** More than this and the question drowns in changes: a new reading serves better, characters. */
const MAX_OVERLAY_CHARACTERS = 24_000;
/** Characters that surely fit into a token of room: no tokenizer of a real model needs more tokens than that. */
const CHARACTERS_PER_TOKEN = 1.5;

/** A file that differs from the base; without a text it is gone, or must not be read any more. */
interface Change {
  path: string;
  text: string | undefined;
}

export interface OverlayParts {
  parts: PromptPart[];
  /** Changed files that are only named, because their texts are too long. */
  onlyNamed: number;
}

export class Overlay {
  readonly #workspace: Workspace;
  /** Text of each file in the base, by path. */
  #base = new Map<string, string>();
  /** Paths of the base by uri: a deleted file is known to nobody else. */
  #paths = new Map<string, string>();
  /** Uris seen changing since the base was read. */
  #changed = new Set<string>();

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** True if the model has this file as it is: in the base and not changed since, as far as is known. */
  isInBase(path: string, uri: string): boolean {
    return this.#base.has(path) && !this.#changed.has(canonicalUri(uri));
  }

  /**
   * The base was laid out anew with these texts.
   * @param texts By path, as read.
   * @param files By uri; the same files.
   */
  reset(texts: Map<string, string>, files: ReadonlyMap<string, WorkspaceFile>): void {
    this.#base = texts;
    this.#paths = new Map([...files].map(([uri, file]) => [uri, file.path]));
    this.#changed = new Set();
  }

  /**
   * Compares open documents and files that changed on disk with the base. Undoing a change empties its part again.
   * @param room Tokens that the parts may take.
   * @returns Parts in the order of their paths, so that the same changes give the same tokens.
   */
  async parts(documents: Documents, room: number): Promise<OverlayParts> {
    for (const uri of this.#workspace.takeChangedOnDisk()) this.#changed.add(uri);
    const open = documents.all().map((document) => canonicalUri(document.uri));
    const changes: Change[] = [];
    for (const uri of new Set([...this.#changed, ...open])) {
      const change = await this.#change(uri, documents);
      if (change !== undefined) changes.push(change);
    }
    changes.sort(comparePaths);
    return asParts(changes, Math.min(MAX_OVERLAY_CHARACTERS, Math.floor(room * CHARACTERS_PER_TOKEN)));
  }

  async #change(uri: string, documents: Documents): Promise<Change | undefined> {
    const file = this.#workspace.fileOf(uri);
    if (file === undefined) {
      const path = this.#paths.get(uri);
      return path !== undefined && this.#base.has(path) ? { path, text: undefined } : undefined;
    }
    const open = documents.get(uri)?.getText().replaceAll("\r\n", "\n");
    const text = open ?? (await textOnDisk(file));
    // A secret typed into an open document stays out like one on disk.
    const allowed = text !== undefined && reasonAgainst(file.path, text) === undefined;
    if (!allowed) return this.#base.has(file.path) ? { path: file.path, text: undefined } : undefined;
    return text === this.#base.get(file.path) ? undefined : { path: file.path, text };
  }
}

async function textOnDisk(file: { path: string; absolutePath: string }): Promise<string | undefined> {
  const read = await readTextFile(file);
  return read !== undefined && "text" in read ? read.text : undefined;
}

/** Whole texts as long as there is room; what has none is named, so that nothing is dropped in silence. */
function asParts(changes: readonly Change[], room: number): OverlayParts {
  const parts: PromptPart[] = [];
  const named: string[] = [];
  let left = room;
  let onlyNamed = 0;
  for (const { path, text } of changes) {
    if (text === undefined) {
      named.push(`${path} was deleted.`);
    } else if (text.length > left) {
      onlyNamed += 1;
      named.push(`${path} changed; its newest text is not shown here.`);
    } else {
      left -= text.length;
      const head = `${path} (changed; this replaces the earlier version)\n`;
      parts.push({ special: "<|file_sep|>" }, { text: `${head}${text}\n` });
    }
  }
  if (named.length > 0) parts.push({ text: `\n${named.join("\n").slice(0, Math.max(200, left))}\n` });
  return { parts, onlyNamed };
}
