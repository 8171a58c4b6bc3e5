// What changed since the base was read, as prompt parts that follow it: each file once, whole, saying what it replaces.
import type { PromptPart } from "../../../engine/src/api.ts";
import type { Documents } from "../documents.ts";
import { readTextFile, reasonAgainst } from "./readText.ts";
import type { Workspace } from "./workspace.ts";

/** More than this and the question drowns in changes: the newest reading serves better, characters. */
const MAX_OVERLAY_CHARACTERS = 24_000;

export class Overlay {
  readonly #workspace: Workspace;
  /** Text of each file in the base. */
  #base = new Map<string, string>();
  /** Uris seen changing since the base was read. */
  readonly #changed = new Set<string>();

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** The base was laid out anew with these texts by path. */
  reset(texts: Map<string, string>): void {
    this.#base = texts;
    this.#changed.clear();
    this.#workspace.takeChangedOnDisk();
  }

  /** True if the base holds this file's text. */
  isInBase(path: string): boolean {
    return this.#base.has(path);
  }

  /**
   * Compares open documents and files that changed on disk with the base. Undoing a change empties its part again.
   * @returns Parts in the order of their paths, so that the same changes give the same tokens.
   */
  async parts(documents: Documents): Promise<PromptPart[]> {
    for (const uri of this.#workspace.takeChangedOnDisk()) this.#changed.add(uri);
    const uris = new Set([...this.#changed, ...documents.all().map((document) => document.uri)]);
    const changes: { path: string; text: string }[] = [];
    for (const uri of uris) {
      const change = await this.#change(uri, documents);
      if (change !== undefined) changes.push(change);
    }
    changes.sort((a, b) => (a.path < b.path ? -1 : 1));
    return asParts(changes);
  }

  async #change(uri: string, documents: Documents): Promise<{ path: string; text: string } | undefined> {
    const file = this.#workspace.fileOf(uri);
    if (file === undefined) return undefined;
    const open = documents.get(uri)?.getText().replaceAll("\r\n", "\n");
    const text = open ?? (await this.#textOnDisk(file));
    if (text === undefined || text === this.#base.get(file.path)) return undefined;
    // A secret typed into an open document stays out like one on disk.
    if (reasonAgainst(file.path, text) !== undefined) return undefined;
    return { path: file.path, text };
  }

  async #textOnDisk(file: { path: string; absolutePath: string }): Promise<string | undefined> {
    const read = await readTextFile(file);
    return read !== undefined && "text" in read ? read.text : undefined;
  }
}

function asParts(changes: readonly { path: string; text: string }[]): PromptPart[] {
  const parts: PromptPart[] = [];
  let room = MAX_OVERLAY_CHARACTERS;
  for (const { path, text } of changes) {
    if (text.length > room) continue;
    room -= text.length;
    const head = `${path} (changed; this replaces the earlier version)\n`;
    parts.push({ special: "<|file_sep|>" }, { text: `${head}${text}\n` });
  }
  return parts;
}
