// Keeps track of what changed since the base was read, and chooses what of it follows the base in a question.
import { lstat } from "node:fs/promises";
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { PromptPart } from "../../../engine/src/api.ts";
import type { Documents } from "../documents.ts";
import { canonicalUri } from "../uris.ts";
import { MANY_FILES } from "./difference.ts";
import type { FileSet } from "./fileSet.ts";
import { type Change, type Differ, type EntryForm, entriesOf, namedText, unifiedDiff } from "./overlayText.ts";
import { DEFAULT_MAX_FILE_BYTES, MAX_WANTED_FILE_BYTES, readTextFile, reasonAgainst, textHash } from "./readText.ts";
import type { Workspace } from "./workspace.ts";
import type { BaseFile, WorkspaceFile } from "./workspaceFile.ts";

/** Begins every entry; one token by definition. */
const SEPARATOR: PromptPart = { special: "<|file_sep|>" };
const SEPARATOR_TOKENS = 1;
/** Kept free for naming what has no room, where that is needed: at most this, and at most this share of the room, tokens. */
const NAMED_TOKENS = 400;
const NAMED_SHARE = 0.25;
/** Files named at most; the rest is counted. */
const MAX_NAMED = 40;

export interface OverlayEntry {
  path: string;
  kind: EntryForm["kind"];
  /** Earlier path of a renamed file. */
  from?: string;
  /** With its separator. */
  tokens: number;
}

export interface OverlayParts {
  /** Oldest change first. */
  parts: PromptPart[];
  /** In the order of the parts. */
  entries: OverlayEntry[];
  /** Of all parts. */
  tokens: number;
  /** Changed files whose newest text is not shown, because there are too many or the room is too small. */
  onlyNamed: number;
  /** So many files changed that a new base serves better; those that changed first were not even looked at. */
  tooMany: boolean;
}

export interface OverlayOptions {
  workspace: Pick<Workspace, "files" | "fileOf" | "takeChangedOnDisk">;
  /** Number of tokens of each text, counted apart. */
  countTokens: (texts: string[]) => Promise<number[]>;
}

/** The newest text of a file as it was found at one time. */
interface Look {
  /** Undefined: the file is gone, or must not be read any more. */
  text: string | undefined;
  /** `textHash` of the text; empty without one. */
  hash: string;
  /** Tells without reading whether the file on disk is still the same; empty: it must be read to know. */
  stamp: string;
  /** When the text became this, milliseconds: orders what is noticed together. Unsaved text is newer than any file. */
  changedMs: number;
}

interface Changed {
  /** Grows with each new text; the entries stand in this order. */
  order: number;
  /** Undefined before the first look. */
  look?: Look;
}

/** An entry in its shortest form. */
interface Chosen extends OverlayEntry {
  text: string;
}

const GONE: Look = { text: undefined, hash: "", stamp: "", changedMs: 0 };

export class Overlay {
  readonly #options: OverlayOptions;
  #base: ReadonlyMap<string, BaseFile> = new Map();
  /** False until there is a base to compare with. */
  #serves = false;
  /** Hashes of files that the base has only the path of, as they were before their first change here, by path. */
  #origins = new Map<string, string>();
  /** The file set at the last comparison, and its files by path. */
  #fileSet: FileSet | undefined;
  #files: ReadonlyMap<string, WorkspaceFile> = new Map();
  /** Stamps of the files that the last file set told, by path. */
  #listed: ReadonlyMap<string, string> = new Map();
  /** What may differ from the base, by path. */
  #changed = new Map<string, Changed>();
  #order = 0;
  /** Changed files whose newest text was in the last parts. */
  #shown: ReadonlySet<string> = new Set();
  #documentLooks = new WeakMap<TextDocument, { version: number; look: Look }>();
  /** Of the last parts only, which bounds them: token counts by text hash, differences by both texts' hashes. */
  #counts = new Map<string, number>();
  #diffs = new Map<string, string | undefined>();
  /** One question at a time compares. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: OverlayOptions) {
    this.#options = options;
  }

  /** True if the model has the newest text of this file, in the base or behind it, as of the last {@link parts}. */
  isInBase(path: string): boolean {
    return this.#changed.has(path) ? this.#shown.has(path) : this.#base.get(path)?.form === "whole";
  }

  /**
   * Another base serves from now on.
   * @param files What it has of each file.
   * @param byUri The files of the workspace as they were found for it; may have more, e.g. such as are gone by now.
   * @param changedUris Files that changed since it was laid out.
   */
  reset(
    files: readonly BaseFile[],
    byUri: ReadonlyMap<string, WorkspaceFile>,
    changedUris: Iterable<string> = [],
  ): void {
    this.#base = new Map(files.map((file) => [file.path, file]));
    this.#serves = true;
    this.#origins = new Map();
    this.#fileSet = undefined;
    this.#listed = new Map([...byUri.values()].map((file) => [file.path, stampOf(file)]));
    this.#changed = new Map();
    this.#shown = new Set();
    for (const { path } of byUri.values()) if (!this.#base.has(path)) this.#note(path);
    for (const uri of changedUris) this.#note(byUri.get(canonicalUri(uri))?.path);
  }

  /**
   * Compares open documents and what changed on disk with the base. The same state gives the same parts, and undoing all
   * changes gives none. Reads at most {@link MANY_FILES} files, and none again that did not change since the last time.
   * @param documents The open ones; those outside the workspace do not count.
   * @param roomTokens Most tokens of all parts together; what changed last gets room first.
   * @throws What counting tokens throws.
   */
  parts(documents: Pick<Documents, "all">, roomTokens: number): Promise<OverlayParts> {
    const work = () => this.#parts(documents, roomTokens);
    const parts = this.#last.then(work, work);
    this.#last = parts.catch(() => undefined);
    return parts;
  }

  async #parts(documents: Pick<Documents, "all">, roomTokens: number): Promise<OverlayParts> {
    if (!this.#serves) return { parts: [], entries: [], tokens: 0, onlyNamed: 0, tooMany: false };
    await this.#noticeChanges();
    const { changes, unseen } = await this.#compare(this.#openDocuments(documents));
    const chosen = await this.#choose(changes);
    const { shown, hidden } = fitIntoRoom(chosen, unseen.length > 0, roomTokens);
    this.#shown = new Set(shown.filter((entry) => this.#showsText(entry)).map(({ path }) => path));
    const parts: PromptPart[] = [];
    const named = await this.#named(hidden, unseen, roomTokens - sumOf(shown));
    if (named !== undefined) parts.push(SEPARATOR, { text: named.text });
    for (const { text } of shown) parts.push(SEPARATOR, { text });
    return {
      parts,
      entries: shown.map(({ text: _, ...entry }) => entry),
      tokens: sumOf(shown) + (named?.tokens ?? 0),
      onlyNamed: hidden.length + unseen.length,
      tooMany: changes.length + unseen.length >= MANY_FILES,
    };
  }

  /** File events, and what only a new file set tells: files that came, went, or changed without an event. */
  async #noticeChanges(): Promise<void> {
    const { workspace } = this.#options;
    const fileSet = await workspace.files();
    if (fileSet !== this.#fileSet) {
      this.#fileSet = fileSet;
      this.#files = new Map(fileSet.files.map((file) => [file.path, file]));
      const before = this.#listed;
      this.#listed = new Map(fileSet.files.map((file) => [file.path, stampOf(file)]));
      for (const [path, stamp] of this.#listed) if (before.get(path) !== stamp) this.#note(path);
      for (const path of before.keys()) if (!this.#listed.has(path)) this.#note(path);
      for (const path of this.#base.keys()) if (!this.#listed.has(path)) this.#note(path);
    }
    for (const uri of workspace.takeChangedOnDisk()) this.#note(workspace.fileOf(uri)?.path);
  }

  /** The file may have changed; what is known of it is old. */
  #note(path: string | undefined): void {
    if (path === undefined) return;
    const known = this.#changed.get(path);
    if (known === undefined) this.#changed.set(path, { order: ++this.#order });
    else if (known.look !== undefined) known.look = { ...known.look, stamp: "" };
  }

  /** By path. */
  #openDocuments(documents: Pick<Documents, "all">): Map<string, TextDocument> {
    const open = new Map<string, TextDocument>();
    for (const document of documents.all()) {
      const path = this.#options.workspace.fileOf(document.uri)?.path;
      if (path !== undefined) open.set(path, document);
    }
    return open;
  }

  /**
   * Looks at what may have changed, newest first, until so many files differ that the rest does not matter.
   * @returns What differs, oldest change first; and the paths that were not looked at.
   */
  async #compare(open: ReadonlyMap<string, TextDocument>): Promise<{ changes: Change[]; unseen: string[] }> {
    const unsaved = [...open.keys()].filter((path) => !this.#changed.has(path)).sort();
    const newestFirst = [...this.#changed].sort(([, a], [, b]) => b.order - a.order).map(([path]) => path);
    const looks = new Map<string, Look>();
    const unseen: string[] = [];
    let reads = 0;
    for (const path of [...unsaved, ...newestFirst]) {
      if (looks.size >= MANY_FILES || reads >= MANY_FILES) {
        if (this.#changed.has(path)) unseen.push(path);
        continue;
      }
      const known = this.#changed.get(path)?.look;
      const look = await this.#look(path, open.get(path), known);
      if (look !== known && !open.has(path)) reads += 1;
      if (await this.#differs(path, look)) looks.set(path, look);
      else this.#changed.delete(path);
    }
    this.#remember(looks);
    const orderOf = (path: string) => this.#changed.get(path)?.order ?? 0;
    const changes = [...looks].sort(([a], [b]) => orderOf(a) - orderOf(b));
    return { changes: changes.map(([path, { text, hash }]) => ({ path, text, hash })), unseen: unseen.sort() };
  }

  /** What has another text than at the last look moves to the end; what is the same keeps its place. */
  #remember(looks: ReadonlyMap<string, Look>): void {
    const moved = [...looks].filter(([path, { hash }]) => this.#changed.get(path)?.look?.hash !== hash);
    moved.sort(([pathA, a], [pathB, b]) => a.changedMs - b.changedMs || (pathA < pathB ? -1 : 1));
    for (const [path] of moved) this.#changed.set(path, { order: ++this.#order });
    for (const [path, look] of looks) this.#changed.get(path)!.look = look;
  }

  /** @returns `known` itself if the file did not change since. */
  async #look(path: string, document: TextDocument | undefined, known: Look | undefined): Promise<Look> {
    const file = this.#files.get(path);
    if (file === undefined) return GONE;
    if (document !== undefined) return this.#lookAtDocument(file, document);
    const stat = await lstat(file.absolutePath).catch(() => undefined);
    const stamp = stat === undefined ? "" : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
    if (known !== undefined && stamp !== "" && known.stamp === stamp) return known;
    const text = await textOnDisk(file);
    return text === undefined ? { ...GONE, stamp } : lookOf(text, stamp, stat?.mtimeMs ?? 0);
  }

  #lookAtDocument(file: WorkspaceFile, document: TextDocument): Look {
    const { version } = document;
    const known = this.#documentLooks.get(document);
    if (known?.version === version) return known.look;
    const text = asRead(document.getText());
    const limit = file.wanted ? MAX_WANTED_FILE_BYTES : DEFAULT_MAX_FILE_BYTES;
    // What is typed into an open document is under the same rules as what is saved, secrets first of all.
    const refused = text.length > limit || reasonAgainst(file.path, text, file.wanted) !== undefined;
    const look = refused ? GONE : lookOf(text, "", Number.POSITIVE_INFINITY);
    this.#documentLooks.set(document, { version, look });
    return look;
  }

  async #differs(path: string, { text, hash }: Look): Promise<boolean> {
    const before = this.#base.get(path);
    if (before === undefined) return text !== undefined;
    if (text === undefined) return true;
    const origin = before.hash === "" ? await this.#origin(path) : before.hash;
    return hash !== origin;
  }

  /** A file that was never read and changed by no event yet is on disk what it was when its path was listed. */
  async #origin(path: string): Promise<string | undefined> {
    const file = this.#files.get(path);
    if (!this.#origins.has(path) && !this.#changed.has(path) && file !== undefined) {
      const text = await textOnDisk(file);
      this.#origins.set(path, text === undefined ? "" : textHash(text));
    }
    return this.#origins.get(path);
  }

  /** The shortest form of each entry. */
  async #choose(changes: readonly Change[]): Promise<Chosen[]> {
    const diffs = new Map<string, string | undefined>();
    const differ: Differ = (before, after) => {
      const key = `${before.hash} ${after.hash}`;
      if (!diffs.has(key)) {
        diffs.set(key, this.#diffs.has(key) ? this.#diffs.get(key) : unifiedDiff(before.text, after.text));
      }
      return diffs.get(key);
    };
    const entries = entriesOf(changes, this.#base, differ);
    this.#diffs = diffs;
    const counts = await this.#count(entries.flatMap(({ forms }) => forms.map(({ text }) => text)));
    return entries.map(({ path, from, forms }) => {
      const sized = forms.map((form) => ({ ...form, tokens: SEPARATOR_TOKENS + (counts.get(form.text) ?? 0) }));
      const { kind, text, tokens } = sized.reduce((best, form) => (form.tokens < best.tokens ? form : best));
      return { path, ...(from === undefined ? {} : { from }), kind, tokens, text };
    });
  }

  /** @returns Tokens by text. */
  async #count(texts: readonly string[]): Promise<Map<string, number>> {
    const keys = texts.map(textHash);
    const missing = texts.filter((_, index) => !this.#counts.has(keys[index]!));
    const counted = missing.length === 0 ? [] : await this.#options.countTokens([...missing]);
    const fresh = new Map(missing.map((text, index) => [textHash(text), counted[index] ?? 0]));
    this.#counts = new Map(keys.map((key) => [key, fresh.get(key) ?? this.#counts.get(key) ?? 0]));
    return new Map(texts.map((text, index) => [text, this.#counts.get(keys[index]!) ?? 0]));
  }

  /** Names as many files as there is room for, so that nothing is dropped in silence. */
  async #named(
    hidden: readonly Chosen[],
    unseen: readonly string[],
    roomTokens: number,
  ): Promise<{ text: string; tokens: number } | undefined> {
    const renamedFrom = hidden.flatMap(({ from }) => from ?? []);
    const paths = [...hidden.map(({ path }) => path), ...renamedFrom, ...unseen].sort();
    if (paths.length === 0) return undefined;
    for (let most = Math.min(MAX_NAMED, paths.length); ; most = Math.floor(most / 2)) {
      const text = namedText(paths, most);
      const [count = 0] = await this.#options.countTokens([text]);
      const tokens = SEPARATOR_TOKENS + count;
      if (tokens <= roomTokens) return { text, tokens };
      if (most === 0) return undefined;
    }
  }

  /** True if the entry leaves the model with the whole newest text. */
  #showsText({ kind, from }: OverlayEntry): boolean {
    if (kind === "renamed") return from !== undefined && this.#base.get(from)?.form === "whole";
    return kind !== "deleted";
  }
}

/** What changed last gets room first. */
function fitIntoRoom(chosen: readonly Chosen[], somethingIsNamed: boolean, roomTokens: number) {
  const allFit = !somethingIsNamed && sumOf(chosen) <= roomTokens;
  let left = allFit ? roomTokens : roomTokens - Math.min(NAMED_TOKENS, roomTokens * NAMED_SHARE);
  const shown: Chosen[] = [];
  const hidden: Chosen[] = [];
  for (const entry of chosen.toReversed()) {
    const fits = entry.tokens <= left;
    if (fits) left -= entry.tokens;
    (fits ? shown : hidden).push(entry);
  }
  return { shown: shown.reverse(), hidden };
}

function sumOf(entries: readonly { tokens: number }[]): number {
  return entries.reduce((sum, { tokens }) => sum + tokens, 0);
}

function stampOf({ mtimeMs, bytes }: WorkspaceFile): string {
  return `${mtimeMs} ${bytes}`;
}

function lookOf(text: string, stamp: string, changedMs: number): Look {
  return { text, hash: textHash(text), stamp, changedMs };
}

async function textOnDisk(file: WorkspaceFile): Promise<string | undefined> {
  const read = await readTextFile(file);
  return read !== undefined && "text" in read ? read.text : undefined;
}

/** An editor's text as `readTextFile` gives that of a file. */
function asRead(text: string): string {
  return text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
}
