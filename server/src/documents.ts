// The open documents, as the client sees them; and the text around a place in them.
import { type Connection, TextDocuments } from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import { canonicalUri } from "./uris.ts";

export class Documents {
  readonly #documents = new TextDocuments(TextDocument);

  constructor(connection: Connection) {
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
}
