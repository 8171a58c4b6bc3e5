// The door from a uri or a path to a text for the context: only files of the workspace, open ones as they are in the editor.
import type { TextDocument } from "vscode-languageserver-textdocument";
import { normalised, readTextFile, reasonAgainst, textHash } from "../../codebase/readText.ts";
import type { Workspace } from "../../codebase/workspace.ts";
import type { WorkspaceFile } from "../../codebase/workspaceFile.ts";
import type { Documents } from "../../documents.ts";
import { canonicalUri, fileUri } from "../../uris.ts";

export interface FileText {
  /** In the one spelling of `canonicalUri`. */
  uri: string;
  path: string;
  lines: readonly string[];
  /** Line feeds only. */
  text: string;
  /** Names the text. */
  hash: string;
}

export interface FileTextsOptions {
  documents: Pick<Documents, "get">;
  workspace: Pick<Workspace, "fileOf" | "placeOf">;
  read?: typeof readTextFile;
}

export class FileTexts {
  readonly #options: FileTextsOptions;
  /** Of files on disk, until {@link forget}. */
  #read = new Map<string, Promise<FileText | undefined>>();
  readonly #open = new WeakMap<TextDocument, { version: number; path: string; file: FileText | undefined }>();

  constructor(options: FileTextsOptions) {
    this.#options = options;
  }

  /** Reads files on disk anew from now on. */
  forget(): void {
    this.#read = new Map();
  }

  /**
   * @param uri In any spelling.
   * @returns Undefined for what is outside the workspace, left out of it, secret, not text, or not there.
   */
  async ofUri(uri: string): Promise<FileText | undefined> {
    const { documents, workspace } = this.#options;
    const file = workspace.fileOf(uri);
    if (file === undefined) return undefined;
    const document = documents.get(uri);
    if (document !== undefined) return this.#ofDocument(document, file);
    const key = canonicalUri(uri);
    const known = this.#read.get(key) ?? this.#ofDisk(key, file);
    this.#read.set(key, known);
    return known;
  }

  /** @param path Within the workspace. */
  async ofPath(path: string): Promise<FileText | undefined> {
    const place = this.#options.workspace.placeOf(path);
    return place === undefined ? undefined : this.ofUri(fileUri(place));
  }

  #ofDocument(document: TextDocument, { path, wanted }: WorkspaceFile): FileText | undefined {
    const known = this.#open.get(document);
    if (known?.version === document.version && known.path === path) return known.file;
    const text = normalised(document.getText());
    // What was typed since the file was looked at may be a secret.
    const refused = reasonAgainst(path, text, wanted) !== undefined;
    const file = refused ? undefined : fileText(canonicalUri(document.uri), path, text);
    this.#open.set(document, { version: document.version, path, file });
    return file;
  }

  async #ofDisk(uri: string, file: WorkspaceFile): Promise<FileText | undefined> {
    const { read = readTextFile } = this.#options;
    const found = await read(file);
    return found !== undefined && "text" in found ? fileText(uri, file.path, found.text) : undefined;
  }
}

function fileText(uri: string, path: string, text: string): FileText {
  return { uri, path, text, lines: text.split("\n"), hash: textHash(text) };
}
