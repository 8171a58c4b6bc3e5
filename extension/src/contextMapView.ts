// The context map in an editor panel: asks the server for it when it may have changed, opens files; draws nothing itself.
import {
  commands,
  type Disposable,
  type ExtensionContext,
  l10n,
  Uri,
  ViewColumn,
  type WebviewPanel,
  window,
} from "vscode";
import { ContextMapRequest, type Status } from "../../server/src/protocol/messages.ts";
import type { FromContextMapView, Message, ToContextMapView } from "../../server/src/protocol/webview.ts";
import type { ServerConnection } from "./client.ts";
import { mapActions, mapKey } from "./contextMapActions.ts";
import { describeFailure, isCancelled } from "./failures.ts";
import type { Log } from "./log.ts";
import { inBackground } from "./notices.ts";
import { isInsideWorkspace } from "./places.ts";
import { stateLine } from "./statusText.ts";
import { webviewHtml, webviewOptions } from "./webviewHtml.ts";
import { readContextMapMessage } from "./webviewMessages.ts";

const VIEW_TYPE = "fathom.contextMap";

/** One panel for the window; a second command shows it again. */
export class ContextMapView implements Disposable {
  readonly #context: ExtensionContext;
  readonly #server: ServerConnection;
  readonly #log: Log;
  #panel: WebviewPanel | undefined;
  /** What the last map offered to open; the page may name these and no others. */
  #uris: ReadonlySet<string> = new Set();
  /** State for which a map was asked last; empty: the next status asks in any case. */
  #shownKey = "";
  #asking = false;

  constructor(context: ExtensionContext, server: ServerConnection, log: Log) {
    this.#context = context;
    this.#server = server;
    this.#log = log;
  }

  open(): void {
    if (this.#panel) {
      this.#panel.reveal();
      return;
    }
    const options = webviewOptions(this.#context.extensionUri);
    const title = l10n.t("Context Map");
    const panel = window.createWebviewPanel(VIEW_TYPE, title, ViewColumn.Active, options);
    this.#panel = panel;
    const icon = (name: string) => Uri.joinPath(this.#context.extensionUri, "dist", "media", name);
    panel.iconPath = { light: icon("iconLight.svg"), dark: icon("iconDark.svg") };
    panel.webview.onDidReceiveMessage((posted) => inBackground(this.#log, this.#receive(posted)));
    panel.onDidDispose(() => {
      if (this.#panel === panel) this.#panel = undefined;
    });
    const page = { name: "contextMap", title, showsOwnImages: false } as const;
    panel.webview.html = webviewHtml(panel.webview, this.#context.extensionUri, page);
  }

  readonly showStatus = (status: Status): void => {
    // A hidden page is gone; it says `ready` when it is shown again.
    if (!this.#panel?.visible) return;
    this.#post("state", { text: stateLine(status), actions: mapActions(status) });
    if (mapKey(status) !== this.#shownKey) inBackground(this.#log, this.#refresh());
  };

  dispose(): void {
    this.#panel?.dispose();
  }

  async #receive(posted: unknown): Promise<void> {
    const message = readContextMapMessage(posted, this.#uris);
    if (message === undefined) {
      this.#log.warn(
        "A message of the context map was dropped: it is none of the known ones, or names a file that is not on the map.",
      );
      return;
    }
    await this.#handle(message);
  }

  async #handle(message: Message<FromContextMapView>): Promise<void> {
    switch (message.kind) {
      case "ready":
        this.#shownKey = "";
        return this.showStatus(this.#server.status);
      case "open":
        return this.#openFile(message.payload.uri);
      case "action":
        await commands.executeCommand(message.payload.command);
        return;
    }
  }

  async #openFile(text: string): Promise<void> {
    const uri = Uri.parse(text);
    if (!isInsideWorkspace(uri)) throw new Error(l10n.t("This file is outside of the workspace, so it is not opened."));
    // Not as text: what is left out may be an image, for which VS Code has another editor.
    await commands.executeCommand("vscode.open", uri);
  }

  /** Asks until the map belongs to the newest status; one question at a time. */
  async #refresh(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      while (this.#panel?.visible && this.#shownKey !== mapKey(this.#server.status)) {
        this.#shownKey = mapKey(this.#server.status);
        await this.#ask();
      }
    } finally {
      this.#asking = false;
    }
  }

  async #ask(): Promise<void> {
    try {
      const map = await this.#server.request(ContextMapRequest.type, {});
      this.#uris = new Set(map.files.flatMap(({ uri }) => uri ?? []));
      this.#post("map", { map });
    } catch (error) {
      if (isCancelled(error)) return;
      const { message } = describeFailure(error);
      this.#log.warn(message);
      this.#post("failed", { message });
    }
  }

  #post<K extends keyof ToContextMapView>(kind: K, payload: ToContextMapView[K]): void {
    // False or a rejection only says that the panel is hidden; it asks for everything when it comes back.
    this.#panel?.webview.postMessage({ kind, payload }).then(undefined, (error) => this.#log.debug(String(error)));
  }
}
