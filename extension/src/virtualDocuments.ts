// Serves read-only documents that exist in memory only: proposals and reports.
import { commands, type Disposable, EventEmitter, Uri, workspace } from "vscode";

/** Proposed versions of files, shown on the right of a diff. */
export const PROPOSAL_SCHEME = "fathom-proposal";
/** Reports such as the doctor's. */
const REPORT_SCHEME = "fathom-report";

/** The texts of both schemes by URI. */
export class VirtualDocuments implements Disposable {
  readonly #texts = new Map<string, string>();
  /** One a scheme: VS Code complains about a provider that tells changes of another one's documents. */
  readonly #changed = new Map([PROPOSAL_SCHEME, REPORT_SCHEME].map((scheme) => [scheme, new EventEmitter<Uri>()]));
  readonly #registrations: Disposable[];

  constructor() {
    const provideTextDocumentContent = (uri: Uri) => this.#texts.get(uri.toString()) ?? "";
    this.#registrations = [...this.#changed].map(([scheme, { event }]) =>
      workspace.registerTextDocumentContentProvider(scheme, { provideTextDocumentContent, onDidChange: event }),
    );
  }

  set(uri: Uri, text: string): void {
    this.#texts.set(uri.toString(), text);
    this.#changed.get(uri.scheme)?.fire(uri);
  }

  delete(uri: Uri): void {
    this.#texts.delete(uri.toString());
  }

  /**
   * Opens a report in Markdown as a page, drawn by VS Code's own preview.
   * @param name File name that ends in `.md`; the same name replaces the earlier report.
   */
  async showPage(name: string, text: string): Promise<void> {
    const uri = Uri.from({ scheme: REPORT_SCHEME, path: `/${name}` });
    this.set(uri, text);
    await commands.executeCommand("markdown.showPreview", uri);
  }

  dispose(): void {
    for (const disposable of [...this.#registrations, ...this.#changed.values()]) disposable.dispose();
  }
}
