// Serves read-only documents that exist in memory only: proposals and reports.
import {
  commands,
  type Disposable,
  EventEmitter,
  type TextDocumentContentProvider,
  Uri,
  window,
  workspace,
} from "vscode";

/** Proposed versions of files, shown on the right of a diff. */
export const PROPOSAL_SCHEME = "fathom-proposal";
/** Reports such as the doctor's. */
const REPORT_SCHEME = "fathom-report";

/** The texts of both schemes by URI. */
export class VirtualDocuments implements TextDocumentContentProvider, Disposable {
  readonly #texts = new Map<string, string>();
  readonly #changed = new EventEmitter<Uri>();
  readonly #registrations: Disposable[];

  readonly onDidChange = this.#changed.event;

  constructor() {
    this.#registrations = [PROPOSAL_SCHEME, REPORT_SCHEME].map((scheme) =>
      workspace.registerTextDocumentContentProvider(scheme, this),
    );
  }

  provideTextDocumentContent(uri: Uri): string {
    return this.#texts.get(uri.toString()) ?? "";
  }

  set(uri: Uri, text: string): void {
    this.#texts.set(uri.toString(), text);
    this.#changed.fire(uri);
  }

  delete(uri: Uri): void {
    this.#texts.delete(uri.toString());
  }

  /**
   * Opens a report in a read-only editor.
   * @param name File name with extension, which decides the language; the same name replaces the earlier report.
   */
  async showReport(name: string, text: string): Promise<void> {
    const uri = this.#report(name, text);
    await window.showTextDocument(await workspace.openTextDocument(uri), { preview: true });
  }

  /** Opens a report in Markdown as a page, drawn by VS Code's own preview. */
  async showPage(name: string, text: string): Promise<void> {
    await commands.executeCommand("markdown.showPreview", this.#report(name, text));
  }

  #report(name: string, text: string): Uri {
    const uri = Uri.from({ scheme: REPORT_SCHEME, path: `/${name}` });
    this.set(uri, text);
    return uri;
  }

  dispose(): void {
    for (const registration of this.#registrations) registration.dispose();
    this.#changed.dispose();
  }
}
