// The open documents, as the client sees them: their texts, and each change of them as what was replaced by what.
import { type Connection, TextDocuments } from "vscode-languageserver/node";
import { TextDocument, type TextDocumentContentChangeEvent } from "vscode-languageserver-textdocument";
import { differenceBetween } from "./textDifference.ts";
import { canonicalUri } from "./uris.ts";

/** One stretch of a document that was replaced. */
export interface DocumentEdit {
  uri: string;
  /** Where it begins, 0-based, in the text before and after. */
  offset: number;
  line: number;
  /** With the line ends of the document. */
  removed: string;
  inserted: string;
}

export class Documents {
  readonly #documents: TextDocuments<TextDocument>;
  readonly #editListeners: ((edit: DocumentEdit) => void)[] = [];

  constructor(connection: Connection) {
    this.#documents = new TextDocuments({
      create: TextDocument.create,
      update: (document, changes, version) => this.#update(document, changes, version),
    });
    this.#documents.listen(connection);
  }

  /** By any spelling of its uri. */
  get(uri: string): TextDocument | undefined {
    const wanted = canonicalUri(uri);
    return this.#documents.get(uri) ?? this.all().find((document) => canonicalUri(document.uri) === wanted);
  }

  all(): TextDocument[] {
    return this.#documents.all();
  }

  /** Called with the uri of each document whose text changed or that was opened or closed. */
  onChange(listener: (uri: string) => void): void {
    this.#documents.onDidChangeContent(({ document }) => listener(document.uri));
    this.#documents.onDidClose(({ document }) => listener(document.uri));
  }

  /** Called for each edit of a document, in their order and before those of `onChange`, when the text is the new one. */
  onEdit(listener: (edit: DocumentEdit) => void): void {
    this.#editListeners.push(listener);
  }

  /** Change by change, since each is told in the text that the ones before have left. */
  #update(document: TextDocument, changes: TextDocumentContentChangeEvent[], version: number): TextDocument {
    const edits: DocumentEdit[] = [];
    let updated = document;
    for (const change of changes) {
      const { offset, removed, inserted } = replacement(updated, change);
      const { line } = updated.positionAt(offset);
      updated = TextDocument.update(updated, [change], version);
      if (removed !== inserted) edits.push({ uri: document.uri, offset, line, removed, inserted });
    }
    for (const edit of edits) for (const listener of this.#editListeners) listener(edit);
    return updated;
  }
}

type Replacement = Pick<DocumentEdit, "offset" | "removed" | "inserted">;

/** What a change does; of many lines or the whole text only what differs, since that is seldom what the user did. */
function replacement(document: TextDocument, change: TextDocumentContentChangeEvent): Replacement {
  const text = document.getText();
  const isWhole = !("range" in change) || change.range === undefined;
  const [a, b] = isWhole
    ? [0, text.length]
    : [document.offsetAt(change.range.start), document.offsetAt(change.range.end)];
  const offset = Math.min(a, b);
  const removed = text.slice(offset, Math.max(a, b));
  const inserted = change.text;
  const hasLines = removed.includes("\n") && inserted.includes("\n");
  return isWhole || hasLines ? narrowed({ offset, removed, inserted }) : { offset, removed, inserted };
}

function narrowed({ offset, removed, inserted }: Replacement): Replacement {
  const { start, beforeEnd, afterEnd } = differenceBetween(removed, inserted);
  return {
    offset: offset + start,
    removed: removed.slice(start, beforeEnd),
    inserted: inserted.slice(start, afterEnd),
  };
}
