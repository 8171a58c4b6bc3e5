// Edits a selection: asks for a proposal, shows it as a diff, and writes it only when the user accepts.
import { randomUUID } from "node:crypto";
import {
  commands,
  type Disposable,
  l10n,
  ProgressLocation,
  Range,
  TabInputTextDiff,
  type TextDocument,
  type TextEditor,
  Uri,
  WorkspaceEdit,
  window,
  workspace,
} from "vscode";
import { type EditOutcome, EditRequest } from "../../server/src/protocol/messages.ts";
import { type Located, locateOriginal, type Span, withLineEndsOf, withProposal } from "./applyProposal.ts";
import { SERVED_SCHEMES, type ServerConnection } from "./client.ts";
import type { CommandId } from "./commandIds.ts";
import { SlipError } from "./failures.ts";
import type { Log } from "./log.ts";
import { inBackground, say } from "./notices.ts";
import { withCancellableProgress } from "./progress.ts";
import { PROPOSAL_SCHEME, type VirtualDocuments } from "./virtualDocuments.ts";

/** For `when` clauses of Accept and Discard. */
const OPEN_CONTEXT = "fathom.proposalOpen";

interface OpenProposal {
  outcome: EditOutcome;
  proposalUri: Uri;
  /** Takes the notification away. */
  end: () => void;
}

/** At most one proposal is open; a new one takes the place of the one before. */
export class EditPreview implements Disposable {
  readonly #server: ServerConnection;
  readonly #documents: VirtualDocuments;
  readonly #log: Log;
  readonly #tabListener: Disposable;
  #open: OpenProposal | undefined;

  constructor(server: ServerConnection, documents: VirtualDocuments, log: Log) {
    this.#server = server;
    this.#documents = documents;
    this.#log = log;
    this.#tabListener = window.tabGroups.onDidChangeTabs(({ closed }) => {
      const proposalUri = this.#open?.proposalUri.toString();
      const isOurs = closed.some((tab) => modifiedUri(tab.input)?.toString() === proposalUri);
      if (proposalUri !== undefined && isOurs) inBackground(this.#log, this.#forget());
    });
  }

  /** Asks what to change in the selection, then for a proposal, then shows it. Writes nothing. */
  async editSelection(): Promise<void> {
    const editor = window.activeTextEditor;
    if (editor === undefined || !SERVED_SCHEMES.includes(editor.document.uri.scheme)) {
      throw new SlipError(l10n.t("Open a file and select the code to change first."));
    }
    if (editor.selection.isEmpty) throw new SlipError(l10n.t("Nothing is selected. Select the code to change first."));
    const selection = editor.selection;
    const instruction = await window.showInputBox({
      title: l10n.t("Edit Selection"),
      prompt: promptFor(selection),
      placeHolder: l10n.t("e.g. return early instead of nesting"),
      ignoreFocusOut: true,
    });
    if (instruction === undefined || instruction.trim() === "") return;
    const outcome = await this.#propose(editor, selection, instruction.trim());
    if (outcome.stopReason === "cancelled") return;
    if (outcome.proposal === outcome.original) {
      await window.showInformationMessage(l10n.t("The model proposes no change to the selection."));
      return;
    }
    await this.#show(outcome);
  }

  /** Writes the open proposal as one edit that one Undo takes back, if its original text is still there. */
  async accept(): Promise<void> {
    if (this.#open === undefined) throw new SlipError(l10n.t("There is no open proposal to accept."));
    const { outcome } = this.#open;
    const document = await workspace.openTextDocument(Uri.parse(outcome.uri));
    const span = spanOf(locate(document, outcome));
    const edit = new WorkspaceEdit();
    const range = new Range(document.positionAt(span.start), document.positionAt(span.end));
    edit.replace(document.uri, range, withLineEndsOf(document.getText(), outcome.proposal));
    const done = await workspace.applyEdit(edit);
    if (!done)
      throw new Error(l10n.t("VS Code refused the edit, perhaps because the file is read-only. Nothing was written."));
    await this.#close();
    const start = document.validatePosition(range.start);
    await window.showTextDocument(document, { selection: new Range(start, start) });
    say(l10n.t("Fathom: the edit was applied; Undo takes it back."));
  }

  /** Closes the open proposal; nothing was written and nothing is. */
  async discard(): Promise<void> {
    await this.#close();
  }

  dispose(): void {
    this.#tabListener.dispose();
  }

  async #propose(editor: TextEditor, selection: Range, instruction: string): Promise<EditOutcome> {
    const params = { uri: editor.document.uri.toString(), range: toLspRange(selection), instruction };
    return withCancellableProgress(l10n.t("Fathom edits the selection"), async (report, token) => {
      let nLines = 0;
      return this.#server.requestStreaming(EditRequest.type, params, token, (event) => {
        if (event.kind === "note") report.report({ message: event.text });
        if (event.kind === "thinking") report.report({ message: l10n.t("thinking") });
        if (event.kind !== "text") return;
        nLines += event.text.split("\n").length - 1;
        report.report({ message: l10n.t("writing line {0}", nLines + 1) });
      });
    });
  }

  async #show(outcome: EditOutcome): Promise<void> {
    await this.#close();
    const document = await workspace.openTextDocument(Uri.parse(outcome.uri));
    const span = spanOf(locate(document, outcome));
    // The path keeps its extension, so that the proposal is coloured like the file; the query keeps proposals apart.
    const proposalUri = Uri.from({ scheme: PROPOSAL_SCHEME, path: document.uri.path, query: randomUUID() });
    this.#documents.set(proposalUri, withProposal(document.getText(), span, outcome.proposal));
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const proposal = { outcome, proposalUri, end };
    this.#open = proposal;
    await commands.executeCommand("setContext", OPEN_CONTEXT, true);
    const name = document.uri.path.split("/").at(-1) ?? "";
    const title = l10n.t("{0}: proposed edit", name);
    await commands.executeCommand("vscode.diff", document.uri, proposalUri, title, { preview: true });
    // Until the diff is drawn, the user may have accepted or discarded it already.
    if (this.#open !== proposal) return;
    const { notice, stopReason } = outcome;
    const isWhole = stopReason === "end" || stopReason === "stopText";
    inBackground(this.#log, askInNotification(name, isWhole ? notice : undefined, ended));
    // A proposal that ended early is usually incomplete code; that deserves the warning sign, which a progress has not.
    if (!isWhole && notice !== undefined) void window.showWarningMessage(notice);
  }

  async #close(): Promise<void> {
    const proposalUri = this.#open?.proposalUri.toString();
    if (proposalUri === undefined) return;
    await this.#forget();
    const tabs = window.tabGroups.all.flatMap((group) => group.tabs);
    await window.tabGroups.close(tabs.filter((tab) => modifiedUri(tab.input)?.toString() === proposalUri));
  }

  async #forget(): Promise<void> {
    if (this.#open) this.#documents.delete(this.#open.proposalUri);
    this.#open?.end();
    this.#open = undefined;
    await commands.executeCommand("setContext", OPEN_CONTEXT, false);
  }
}

/**
 * Asks in a notification that goes by itself when the proposal does. That is why it is a progress: VS Code closes no message
 * with buttons for an extension, and it would still ask when the proposal has long been accepted in another way.
 * @param notice What else there is to say of the proposal.
 * @param ended Takes the notification away.
 */
async function askInNotification(name: string, notice: string | undefined, ended: Promise<void>): Promise<void> {
  // The answers stand first: the notification shows one line until it is opened.
  const question = l10n.t(
    "{0} or {1} the edit of {2} that Fathom proposes; nothing is written yet.",
    commandLink(l10n.t("Accept"), "fathom.acceptEdit"),
    commandLink(l10n.t("Discard"), "fathom.discardEdit"),
    withoutLinks(name),
  );
  const title = notice === undefined ? question : `${question} ${withoutLinks(notice)}`;
  await window.withProgress({ location: ProgressLocation.Notification, title }, (report) => {
    // Nothing is on its way any more: the bar stands still.
    report.report({ increment: 100 });
    return ended;
  });
}

/** In notifications VS Code draws links as in Markdown. */
function commandLink(title: string, command: CommandId): string {
  return `[${title}](command:${command})`;
}

/** A file may be called `[x](command:y)`. */
function withoutLinks(text: string): string {
  return text.replaceAll("](", "] (");
}

function locate(document: TextDocument, outcome: EditOutcome): Located {
  const { line, character } = outcome.range.start;
  const hint = document.offsetAt(document.validatePosition(new Range(line, character, line, character).start));
  return locateOriginal(document.getText(), outcome.original, hint);
}

function spanOf(located: Located): Span {
  if (located.kind === "found") return located.span;
  const why = {
    missing: l10n.t("The code this edit was made for is no longer there."),
    ambiguous: l10n.t("The code this edit was made for has moved and now occurs more than once."),
  }[located.kind];
  const remedy = l10n.t("Nothing was written; select the code again and repeat the edit.");
  throw new SlipError(`${why} ${remedy}`);
}

function modifiedUri(input: unknown): Uri | undefined {
  return input instanceof TabInputTextDiff ? input.modified : undefined;
}

function toLspRange({ start, end }: Range): EditOutcome["range"] {
  return {
    start: { line: start.line, character: start.character },
    end: { line: end.line, character: end.character },
  };
}

function promptFor(range: Range): string {
  const nLines = range.end.line - range.start.line + 1;
  if (nLines === 1) return l10n.t("What should change in the line selected?");
  return l10n.t("What should change in the {0} lines selected?", nLines);
}
