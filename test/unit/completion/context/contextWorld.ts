// A small workspace in memory for tests of the completion's context: files, open documents, a clock, and a cursor mark.
import { TextDocument } from "vscode-languageserver-textdocument";
import { reasonAgainst, type TextRead } from "../../../../server/src/codebase/readText.ts";
import type { WorkspaceFile } from "../../../../server/src/codebase/workspaceFile.ts";
import type {
  Candidate,
  ContextRequest,
  Source,
  SourceName,
  Surroundings,
} from "../../../../server/src/completion/context/contextItems.ts";
import { Outlines } from "../../../../server/src/completion/context/excerpts.ts";
import { FileTexts } from "../../../../server/src/completion/context/fileTexts.ts";
import { surroundingsOf } from "../../../../server/src/completion/context/surroundings.ts";
import { placeAt } from "../../../../server/src/completion/place.ts";
import { Documents } from "../../../../server/src/documents.ts";
import { Analyser } from "../../../../server/src/syntax/analyser.ts";
import type { SourceText } from "../../../../server/src/syntax/fileSyntax.ts";
import { FakeClock } from "../../../fakes/fakeClock.ts";
import { FakeEditor } from "../../../fakes/fakeEditor.ts";
import { GRAMMAR_DIR } from "../../index/indexed.ts";

const ROOT = "file:///w/";
const analyser = new Analyser({ grammarDir: GRAMMAR_DIR, withParts: false });

/** Parses in this thread, one file after the other. */
export async function analyse(files: readonly SourceText[]) {
  const analysed = [];
  for (const file of files) analysed.push(await analyser.analyse(file));
  return analysed;
}

export const uriOf = (path: string) => ROOT + path;
export const NEVER: AbortSignal = new AbortController().signal;

/** Numbered lines, each once in all files. */
export function numbered(path: string, count: number): string {
  return Array.from({ length: count }, (_, line) => `line ${line} of ${path}`).join("\n");
}

export class ContextWorld {
  readonly clock = new FakeClock();
  readonly editor = new FakeEditor();
  readonly documents = new Documents(this.editor.connection);
  readonly outlines = new Outlines(analyse);
  /** Texts on disk, by path. */
  readonly files: Map<string, string>;
  readonly reads: string[] = [];
  readonly workspace = {
    files: async () => ({ files: [...this.files.keys()].map(workspaceFile), leftOut: [] }),
    fileOf: (uri: string) => {
      const path = uri.startsWith(ROOT) ? uri.slice(ROOT.length) : "";
      return this.files.has(path) ? workspaceFile(path) : undefined;
    },
    placeOf: (path: string) => `/w/${path}`,
  };
  readonly texts = new FileTexts({
    documents: this.documents,
    workspace: this.workspace,
    read: async ({ path }): Promise<TextRead | undefined> => {
      this.reads.push(path);
      const text = this.files.get(path);
      if (text === undefined) return undefined;
      const skipped = reasonAgainst(path, text);
      return skipped === undefined ? { text, bytes: text.length, mtimeMs: 0 } : { skipped };
    },
  });
  #version = 1;

  constructor(files: Record<string, string>) {
    this.files = new Map(Object.entries(files));
  }

  open(...paths: string[]): void {
    for (const path of paths) this.editor.open(uriOf(path), this.files.get(path)!);
  }

  /** Replaces the whole text of an open document. */
  change(path: string, text: string): void {
    this.editor.change(uriOf(path), text, ++this.#version);
  }

  /** Types into an open document at a line and character. */
  type(path: string, line: number, character: number, text: string, removed = 0): void {
    const range = { start: { line, character }, end: { line, character: character + removed } };
    this.editor.call("onDidChangeTextDocument", {
      textDocument: { uri: uriOf(path), version: ++this.#version },
      contentChanges: [{ range, text }],
    });
  }

  /** @param marked The text with `¦` at the cursor. */
  request(path: string, marked: string, budgetTokens = 10_000, signal: AbortSignal = NEVER): ContextRequest {
    const offset = marked.indexOf("¦");
    const document = TextDocument.create(uriOf(path), "x", 1, marked.replace("¦", ""));
    const place = placeAt(document, path, document.positionAt(offset));
    return { document, place, budgetTokens, signal };
  }

  surroundings(path: string, marked: string): Surroundings {
    return surroundingsOf(this.request(path, marked), this.texts);
  }

  /** What a source proposes at the cursor, as `path:first-last reason`, lines as people count them. */
  async places(source: Source, path: string, marked: string): Promise<string[]> {
    return (await source.gather(this.surroundings(path, marked), NEVER)).map(placeText);
  }
}

export function placeText({ path, startLine, endLine, reason }: Candidate): string {
  return `${path}:${startLine + 1}-${endLine + 1} ${reason}`;
}

/** A source that gives what a test put in. */
export class GivenSource implements Source {
  readonly name: SourceName;
  give: (surroundings: Surroundings, signal: AbortSignal) => Promise<Candidate[]> = async () => [];
  nAsked = 0;

  constructor(name: SourceName) {
    this.name = name;
  }

  gather(surroundings: Surroundings, signal: AbortSignal): Promise<Candidate[]> {
    this.nAsked++;
    return this.give(surroundings, signal);
  }
}

function workspaceFile(path: string): WorkspaceFile {
  return { folder: "w", path, absolutePath: `/w/${path}`, bytes: 1, mtimeMs: 0 };
}
