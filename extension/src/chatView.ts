// The chat in the sidebar: passes questions to the server and its answers to the webview; draws nothing itself.
import {
  CancellationTokenSource,
  commands,
  type Disposable,
  type ExtensionContext,
  env,
  l10n,
  Uri,
  type WebviewView,
  type WebviewViewProvider,
  window,
} from "vscode";
import { ChatRequest, type Status } from "../../server/src/protocol/messages.ts";
import type { ChatEntry, FromChatView, Message, ToChatView } from "../../server/src/protocol/webview.ts";
import type { ServerConnection } from "./client.ts";
import { Conversation } from "./conversation.ts";
import { describeFailure, isCancelled, SlipError } from "./failures.ts";
import type { Log } from "./log.ts";
import type { Milestones } from "./milestones.ts";
import { inBackground, say } from "./notices.ts";
import { openPlace } from "./places.ts";
import { stateLine } from "./statusText.ts";
import { webviewHtml, webviewOptions } from "./webviewHtml.ts";
import { readChatMessage } from "./webviewMessages.ts";

export const CHAT_VIEW_ID = "fathom.chat";
const STORE_KEY = "fathom.conversation";

/** The view; the conversation lives here, so that hiding the view loses nothing. */
export class ChatView implements WebviewViewProvider, Disposable {
  readonly #context: ExtensionContext;
  readonly #server: ServerConnection;
  readonly #log: Log;
  readonly #milestones: Milestones;
  readonly #conversation = new Conversation();
  #view: WebviewView | undefined;
  #running: CancellationTokenSource | undefined;

  constructor(context: ExtensionContext, server: ServerConnection, log: Log, milestones: Milestones) {
    this.#context = context;
    this.#server = server;
    this.#log = log;
    this.#milestones = milestones;
    this.#conversation.restore(context.workspaceState.get(STORE_KEY));
  }

  resolveWebviewView(view: WebviewView): void {
    this.#view = view;
    view.webview.options = webviewOptions(this.#context.extensionUri);
    view.webview.onDidReceiveMessage((posted) => inBackground(this.#log, this.#receive(posted)));
    view.onDidDispose(() => {
      if (this.#view === view) this.#view = undefined;
    });
    const page = { name: "chat", title: "Fathom", showsOwnImages: false } as const;
    view.webview.html = webviewHtml(view.webview, this.#context.extensionUri, page);
  }

  readonly showStatus = (status: Status): void => {
    this.#post("state", { text: stateLine(status), demo: status.model?.demo === true });
  };

  /** Opens the sidebar and puts the cursor into the question. */
  async focus(): Promise<void> {
    await commands.executeCommand(`${CHAT_VIEW_ID}.focus`);
  }

  /** Ends a running answer and forgets the conversation, here and in the store. */
  async newConversation(): Promise<void> {
    this.#stop();
    this.#conversation.clear();
    this.#restoreView();
    await this.#store();
  }

  dispose(): void {
    this.#stop();
  }

  async #receive(posted: unknown): Promise<void> {
    const message = readChatMessage(posted);
    if (message === undefined) {
      this.#log.warn("A message of the chat view was dropped: it is none of the known ones.");
      return;
    }
    await this.#handle(message);
  }

  async #handle(message: Message<FromChatView>): Promise<void> {
    switch (message.kind) {
      case "ready":
        this.#restoreView();
        return this.showStatus(this.#server.status);
      case "ask":
        return this.#ask(message.payload.text.trim());
      case "stop":
        return this.#running?.cancel();
      case "newConversation":
        return this.newConversation();
      case "openPlace":
        return openPlace(message.payload);
      case "openLink":
        await env.openExternal(Uri.parse(message.payload.href, true));
        return;
      case "copy":
        await env.clipboard.writeText(message.payload.text);
        return say(l10n.t("Fathom: copied."));
      case "insert":
        return insertAtCursor(message.payload.text);
      case "action":
        await commands.executeCommand(message.payload.command);
        return;
    }
  }

  async #ask(question: string): Promise<void> {
    // The view offers Stop instead of Send while an answer runs; a second question can only come from a race.
    if (this.#conversation.busy) return;
    const running = new CancellationTokenSource();
    this.#running = running;
    this.#conversation.begin(question);
    this.#post("started", { question });
    const entry = await this.#answer(running);
    if (entry === undefined) return;
    // What the view shows as finished is there after a restart too.
    await this.#store();
    this.#post("finished", { entry });
  }

  /** @returns The finished entry; undefined if the conversation was ended meanwhile. */
  async #answer(running: CancellationTokenSource): Promise<ChatEntry | undefined> {
    const isCurrent = () => this.#running === running;
    try {
      const params = { turns: this.#conversation.turns() };
      const outcome = await this.#server.requestStreaming(ChatRequest.type, params, running.token, (event) => {
        if (!isCurrent()) return;
        this.#conversation.add(event);
        if (event.kind === "places") this.#post("places", { places: event.places });
        else this.#post(event.kind, { text: event.text });
      });
      if (!isCurrent()) return undefined;
      this.#milestones.reach("questionAnswered");
      return this.#conversation.finish(outcome);
    } catch (error) {
      if (!isCurrent()) return undefined;
      const stopped = isCancelled(error) || running.token.isCancellationRequested;
      if (stopped) return this.#conversation.cancel();
      const failure = describeFailure(error);
      this.#log.warn(failure.message);
      return this.#conversation.fail(failure);
    } finally {
      if (isCurrent()) this.#running = undefined;
      running.dispose();
    }
  }

  /** Ends the running answer without an entry: nobody will look at it. */
  #stop(): void {
    const running = this.#running;
    this.#running = undefined;
    running?.cancel();
  }

  #restoreView(): void {
    this.#post("restore", { entries: [...this.#conversation.entries], busy: this.#conversation.busy });
  }

  async #store(): Promise<void> {
    await this.#context.workspaceState.update(STORE_KEY, this.#conversation.toStored());
  }

  #post<K extends keyof ToChatView>(kind: K, payload: ToChatView[K]): void {
    // False or a rejection only says that the view is hidden; it asks for everything when it comes back.
    this.#view?.webview.postMessage({ kind, payload }).then(undefined, (error) => this.#log.debug(String(error)));
  }
}

async function insertAtCursor(text: string): Promise<void> {
  const editor = window.activeTextEditor;
  if (editor === undefined)
    throw new SlipError(l10n.t("Open the file to insert into first; the code was not inserted."));
  const done = await editor.edit((edit) => edit.replace(editor.selection, text));
  if (!done) throw new Error(l10n.t("The editor refused the text, perhaps because the file is read-only."));
  await window.showTextDocument(editor.document, { viewColumn: editor.viewColumn });
}
