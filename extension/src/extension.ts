// Entry of the extension: makes the parts in the order of their needs and registers them; does nothing else.
import { config } from "@vscode/l10n";
import { commands, type ExtensionContext, l10n, Position, Uri, window } from "vscode";
import { DefinitionsRequest, ViewedNotification } from "../../server/src/protocol/contextMessages.ts";
import { CHAT_VIEW_ID, ChatView } from "./chatView.ts";
import { ServerConnection } from "./client.ts";
import { registerCommands } from "./commands.ts";
import { CompletionWatch } from "./completionWatch.ts";
import { ContextMapView } from "./contextMapView.ts";
import { hintOutdated, offerCuda } from "./cudaSetup.ts";
import { type DefinitionLookup, findDefinitions } from "./definitions.ts";
import { EditPreview } from "./editPreview.ts";
import { GhostText } from "./ghostText.ts";
import { createLog, topicLog } from "./log.ts";
import { Milestones } from "./milestones.ts";
import { ModelSetup } from "./modelSetup.ts";
import { inBackground } from "./notices.ts";
import { WorkspaceReading } from "./reading.ts";
import { StatusBar } from "./statusBar.ts";
import { watchViews } from "./viewedRanges.ts";
import { VirtualDocuments } from "./virtualDocuments.ts";

let connection: ServerConnection | undefined;

/** Called by VS Code once. Returns before the server runs: VS Code must not wait for a model. */
export function activate(context: ExtensionContext): void {
  // For the texts of modules that know no VS Code. There is no bundle while the display language is English.
  if (l10n.bundle !== undefined) config({ contents: l10n.bundle });
  const log = createLog();
  const milestones = new Milestones((key, value) => void commands.executeCommand("setContext", key, value));
  const ghostText = new GhostText(topicLog(log, "completion"));
  const completions = new CompletionWatch(ghostText);
  const server = new ServerConnection(context, log, ghostText.middleware);
  const documents = new VirtualDocuments();
  const statusBar = new StatusBar();
  const chat = new ChatView(context, server, topicLog(log, "chat"), milestones);
  const contextMap = new ContextMapView(context, server, topicLog(log, "map"));
  const edits = new EditPreview(server, documents, topicLog(log, "edit"));
  const models = new ModelSetup(context, server, topicLog(log, "model"), milestones);
  const reading = new WorkspaceReading(server, documents, topicLog(log, "reading"));

  server.answer(DefinitionsRequest.type, (params, token) => findDefinitions(params, token, LOOKUP));
  connection = server;
  const showStatus = () => statusBar.show(server.status, completions.state);
  showStatus();
  context.subscriptions.push(
    log,
    server,
    documents,
    ghostText,
    completions,
    statusBar,
    chat,
    contextMap,
    edits,
    server.onStatus(showStatus),
    completions.onChange(showStatus),
    server.onStatus(chat.showStatus),
    server.onStatus(contextMap.showStatus),
    server.onStatus(ghostText.noteStatus),
    server.onStatus(models.hintOnce),
    window.registerWebviewViewProvider(CHAT_VIEW_ID, chat),
    watchViews(window, (view) => server.notify(ViewedNotification.type, view), after),
    ...registerCommands({
      context,
      server,
      log,
      chat,
      completions,
      contextMap,
      documents,
      edits,
      ghostText,
      models,
      reading,
    }),
  );
  inBackground(log, offerCuda());
  inBackground(
    log,
    server.start().then(() => hintOutdated(context, server)),
  );
}

const LOOKUP: DefinitionLookup = {
  execute: (command, uri, position) => commands.executeCommand(command, uri, position),
  uri: (text) => Uri.parse(text),
  position: (line, character) => new Position(line, character),
};

function after(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
}

/** Called by VS Code at its end; it waits for the server to end in an orderly way, so that snapshots are whole. */
export async function deactivate(): Promise<void> {
  await connection?.stop();
}
