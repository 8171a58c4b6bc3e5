// A workspace on disk and in an editor that tests change at will, with the truth about every text and the events an editor sends.
import { lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FileChangeType } from "vscode-languageserver/node";
import { fileUri } from "../../../server/src/uris.ts";
import type { FakeEditor } from "../../fakes/fakeEditor.ts";

/** What stands on disk under a path. */
export interface Content {
  kind: "text" | "link";
  /** The bytes, or where the link points to. */
  bytes: string | Uint8Array;
  /** What the model may have of it; undefined: nothing, for what is in it. */
  visible: string | undefined;
}

export interface OpenDocument {
  text: string;
  /** What the model may have of it. */
  visible: string | undefined;
  version: number;
}

/** The ignore rules that the tests write, and by themselves what they say. */
export const RULES: { text: string; ignores: (path: string) => boolean }[] = [
  { text: "# nothing\n", ignores: () => false },
  { text: "lib/\n", ignores: (path) => path.startsWith("lib/") },
  { text: "*.md\n!docs/2.md\n", ignores: (path) => path.endsWith(".md") && path !== "docs/2.md" },
  { text: "src/1*\n/mod\n", ignores: (path) => /^src\/1|^mod(\/|$)/.test(path) },
];
export const RULE_FILE = ".gitignore";
/** Coarser clocks of file systems are not met any more. */
const SECOND_MS = 1000;

export function textContent(text: string): Content {
  return { kind: "text", bytes: text, visible: text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n") };
}

export class StormWorld {
  /** By path with forward slashes. */
  disk = new Map<string, Content>();
  readonly open = new Map<string, OpenDocument>();
  readonly #root: string;
  readonly #editor: FakeEditor;
  /** Not told yet. Editors gather events for a moment and join those of one path. */
  readonly #pending = new Map<string, FileChangeType>();
  #version = 0;

  constructor(root: string, editor: FakeEditor) {
    this.#root = root;
    this.#editor = editor;
  }

  /** Texts that the model should have, by path. */
  truth(): Map<string, string> {
    const truth = new Map<string, string>();
    for (const [path, { visible }] of this.disk) {
      if (visible === undefined || this.#isExcluded(path)) continue;
      const document = this.open.get(path);
      const text = document === undefined ? visible : document.visible;
      if (text !== undefined) truth.set(path, text);
    }
    return truth;
  }

  #isExcluded(path: string): boolean {
    if (/(^|\/)\.env$|\.pem$/.test(path)) return true;
    const rules = this.disk.get(RULE_FILE)?.bytes;
    return path !== RULE_FILE && RULES.some(({ text, ignores }) => text === rules && ignores(path));
  }

  write(path: string, content: Content): void {
    // A file where a folder was, or a folder where a file was.
    for (const other of [...this.disk.keys()]) {
      if (other.startsWith(`${path}/`) || path.startsWith(`${other}/`)) this.remove(other);
    }
    this.#put(path, content);
    this.#note(path, this.disk.has(path) ? FileChangeType.Changed : FileChangeType.Created);
    this.disk.set(path, content);
  }

  remove(path: string): void {
    if (!this.disk.delete(path)) return;
    rmSync(join(this.#root, path), { recursive: true });
    this.#note(path, FileChangeType.Deleted);
  }

  /** Told as one event, whatever was in it. */
  removeFolder(folder: string): void {
    const paths = [...this.disk.keys()].filter((path) => path.startsWith(`${folder}/`));
    if (paths.length === 0) return;
    rmSync(join(this.#root, folder), { recursive: true });
    for (const path of paths) {
      this.disk.delete(path);
      this.#pending.delete(path);
    }
    this.#note(folder, FileChangeType.Deleted);
  }

  rename(from: string, to: string): void {
    const content = this.disk.get(from);
    if (content === undefined || to === from || to.startsWith(`${from}/`) || from.startsWith(`${to}/`)) return;
    this.remove(from);
    this.write(to, content);
  }

  /** Told as one deleted folder and as one new one. */
  moveFolder(from: string, to: string): void {
    const paths = [...this.disk.keys()].filter((path) => path.startsWith(`${from}/`));
    const isTaken = [...this.disk.keys()].some((path) => path === to || path.startsWith(`${to}/`));
    if (paths.length === 0 || isTaken) return;
    renameSync(join(this.#root, from), join(this.#root, to));
    for (const path of paths) {
      this.disk.set(to + path.slice(from.length), this.disk.get(path)!);
      this.disk.delete(path);
      this.#pending.delete(path);
    }
    this.#note(from, FileChangeType.Deleted);
    this.#note(to, FileChangeType.Created);
  }

  /** A file gets another time and keeps its content. */
  touch(path: string): void {
    if (this.disk.get(path)?.kind !== "text") return;
    const { mtimeMs } = lstatSync(join(this.#root, path));
    utimesSync(join(this.#root, path), new Date(), new Date(mtimeMs + SECOND_MS));
    this.#note(path, FileChangeType.Changed);
  }

  /** What another editor shows when it opens this window. */
  reopenIn(editor: FakeEditor): void {
    for (const [path, { text }] of this.open) editor.open(this.#uri(path), text);
  }

  /** Makes the disk hold exactly this tree, as a switch of branches does: what is equal is not touched. */
  checkOut(tree: ReadonlyMap<string, Content>): void {
    for (const path of [...this.disk.keys()]) if (!tree.has(path)) this.remove(path);
    for (const [path, content] of tree) if (this.disk.get(path) !== content) this.write(path, content);
  }

  openDocument(path: string): void {
    const content = this.disk.get(path);
    if (content?.kind !== "text" || typeof content.bytes !== "string" || this.open.has(path)) return;
    const text = content.bytes.replace(/^\uFEFF/, "");
    this.open.set(path, { text, visible: content.visible, version: ++this.#version });
    this.#editor.open(this.#uri(path), text);
  }

  type(path: string, { kind, bytes, visible }: Content): void {
    if (!this.open.has(path) || kind === "link" || typeof bytes !== "string") return;
    this.open.set(path, { text: bytes, visible, version: ++this.#version });
    this.#editor.change(this.#uri(path), bytes, this.#version);
  }

  save(path: string): void {
    const document = this.open.get(path);
    if (document !== undefined) this.write(path, { kind: "text", bytes: document.text, visible: document.visible });
  }

  close(path: string): void {
    if (this.open.delete(path)) this.#editor.close(this.#uri(path));
  }

  /** Tells what happened on disk since the last time. */
  tell(): void {
    const changes = [...this.#pending].map(([path, type]) => ({ uri: this.#uri(path), type }));
    this.#pending.clear();
    if (changes.length > 0) this.#editor.onDisk(changes);
  }

  /** What happened on disk since the last time is never told. */
  loseEvents(): void {
    this.#pending.clear();
  }

  #put(path: string, { kind, bytes }: Content): void {
    const absolute = join(this.#root, path);
    mkdirSync(dirname(absolute), { recursive: true });
    const before = lstatSync(absolute, { throwIfNoEntry: false });
    if (before !== undefined && (kind === "link" || !before.isFile())) rmSync(absolute, { recursive: true });
    if (kind === "link") symlinkSync(String(bytes), absolute);
    else writeFileSync(absolute, bytes);
  }

  #note(path: string, type: FileChangeType): void {
    const before = this.#pending.get(path);
    if (before === FileChangeType.Created && type === FileChangeType.Deleted) this.#pending.delete(path);
    else if (before === FileChangeType.Created) this.#pending.set(path, before);
    else if (before === FileChangeType.Deleted && type === FileChangeType.Created) {
      this.#pending.set(path, FileChangeType.Changed);
    } else this.#pending.set(path, type);
  }

  #uri(path: string): string {
    return fileUri(join(this.#root, path));
  }
}
