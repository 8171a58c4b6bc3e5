// A folder of real files with workspace, documents and overlay over it, for tests: every change comes with the editor's event.
import assert from "node:assert/strict";
import fs, { rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { FileChangeType, type InitializeParams } from "vscode-languageserver/node";
import { Overlay, type OverlayParts } from "../../../server/src/codebase/overlay.ts";
import { readTextFile, textHash } from "../../../server/src/codebase/readText.ts";
import { uriOf, Workspace } from "../../../server/src/codebase/workspace.ts";
import type { BaseFile, BaseForm } from "../../../server/src/codebase/workspaceFile.ts";
import { Documents } from "../../../server/src/documents.ts";
import { fileUri } from "../../../server/src/uris.ts";
import { FakeEditor } from "../../fakes/fakeEditor.ts";
import { FakeIndex } from "../../fakes/fakeIndex.ts";
import { type Tree, withTree, writeInto } from "./tempTree.ts";

export const AMPLE_TOKENS = 1e9;

export class Overlaid {
  readonly root: string;
  readonly editor = new FakeEditor();
  readonly documents: Documents;
  readonly index = new FakeIndex();
  readonly workspace: Workspace;
  readonly overlay: Overlay;
  /** Texts that were counted, in calls. */
  readonly counted: string[][] = [];
  /** Waited for before texts are counted. */
  beforeCounting: () => Promise<void> = async () => {};
  #version = 1;

  /** @param folders Names of folders in the root that are the workspace; none: the root itself is. */
  constructor(root: string, folders: readonly string[] = []) {
    this.root = root;
    const opened =
      folders.length === 0 ? [{ name: "repo", uri: fileUri(root) }] : folders.map((name) => this.folder(name));
    this.documents = new Documents(this.editor.connection);
    this.workspace = new Workspace(
      { workspaceFolders: opened } as unknown as InitializeParams,
      this.documents,
      this.index,
    );
    this.workspace.register(this.editor.connection, () => {});
    const countTokens = async (texts: string[]) => {
      this.counted.push(texts);
      await this.beforeCounting();
      return texts.map(({ length }) => length);
    };
    this.overlay = new Overlay({ workspace: this.workspace, countTokens });
  }

  folder(name: string) {
    return { name, uri: fileUri(join(this.root, name)) };
  }

  uri(path: string): string {
    return fileUri(join(this.root, path));
  }

  tell(path: string, type: FileChangeType): void {
    this.editor.onDisk([{ uri: this.uri(path), type }]);
  }

  async create(path: string, content: string | Uint8Array): Promise<void> {
    await writeInto(this.root, path, content);
    this.tell(path, FileChangeType.Created);
  }

  async save(path: string, content: string | Uint8Array): Promise<void> {
    await writeInto(this.root, path, content);
    this.tell(path, FileChangeType.Changed);
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.root, path), { recursive: true });
    this.tell(path, FileChangeType.Deleted);
  }

  type(path: string, text: string): void {
    if (this.documents.get(this.uri(path)) === undefined) this.editor.open(this.uri(path), text);
    else this.editor.change(this.uri(path), text, ++this.#version);
  }

  /** A base of all files as they are now serves from now on. @param forms Of those that are not whole. */
  async serve(forms: Record<string, BaseForm> = {}, layoutHash = "base"): Promise<void> {
    const { files } = await this.workspace.files();
    const base: BaseFile[] = [];
    for (const file of files) {
      const read = await readTextFile(file);
      assert.ok(read !== undefined && "text" in read);
      const form = forms[file.path] ?? "whole";
      const text = form === "whole" ? read.text : "";
      base.push({ path: file.path, form, text, hash: textHash(read.text), tokens: 0, reason: "" });
    }
    const byUri = new Map(files.map((file) => [uriOf(file), file]));
    this.overlay.reset({ files: base, byUri, changedUris: [], layoutHash });
  }

  parts(roomTokens = AMPLE_TOKENS): Promise<OverlayParts> {
    return this.overlay.parts(this.documents, roomTokens);
  }

  /** Kind and path of each entry. */
  async entries(roomTokens = AMPLE_TOKENS): Promise<string[]> {
    const { entries } = await this.parts(roomTokens);
    return entries.map(({ kind, path, from }) => `${kind} ${path}${from === undefined ? "" : ` from ${from}`}`);
  }
}

/** Serves a base of the tree, calls `test`, and removes everything. */
export async function overlaid(tree: Tree, test: (place: Overlaid) => Promise<void>): Promise<void> {
  await withTree(tree, async (root) => {
    const place = new Overlaid(root);
    await place.serve();
    await test(place);
  });
}

/** @returns The texts behind the separators. */
export function sections({ parts }: OverlayParts): string[] {
  return parts.flatMap((part, index) => {
    const isSeparator = "special" in part;
    assert.equal(isSeparator, index % 2 === 0, "separators and texts alternate");
    return isSeparator ? [] : [part.text];
  });
}

/** @returns How often a file was opened while `work` ran. */
export async function countingReads(work: () => Promise<unknown>): Promise<number> {
  const { open } = fs;
  let reads = 0;
  fs.open = (...parameters) => {
    reads += 1;
    return open(...parameters);
  };
  // Named imports of built-in modules follow the module's own object only when told.
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    fs.open = open;
    syncBuiltinESMExports();
  }
  return reads;
}
