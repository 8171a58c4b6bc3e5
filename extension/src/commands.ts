// The one table from command id to handler; the handlers live with their features.
import { commands, type Disposable, type LogOutputChannel, l10n, ProgressLocation, Uri, window } from "vscode";
import { CompletionStatisticsRequest } from "../../server/src/protocol/completionMessages.ts";
import { DoctorRequest, RemoveIndexRequest, RestartEngineRequest } from "../../server/src/protocol/messages.ts";
import type { ChatView } from "./chatView.ts";
import type { ServerConnection } from "./client.ts";
import { COMMAND_IDS, type CommandId } from "./commandIds.ts";
import { completionReport } from "./completionReport.ts";
import { toggleCompletion, toggleCompletionLanguage } from "./completionSwitches.ts";
import type { CompletionWatch } from "./completionWatch.ts";
import type { ContextMapView } from "./contextMapView.ts";
import { getCudaRuntime } from "./cudaSetup.ts";
import type { EditPreview } from "./editPreview.ts";
import type { GhostText } from "./ghostText.ts";
import type { ModelSetup } from "./modelSetup.ts";
import { inBackground, say, showFailure } from "./notices.ts";
import type { WorkspaceReading } from "./reading.ts";
import { doctorReport } from "./reports.ts";
import { type ScreenshotDependencies, uiFromScreenshot } from "./screenshotInput.ts";
import { searchCodebase } from "./search.ts";
import { showMenu } from "./statusBar.ts";
import type { VirtualDocuments } from "./virtualDocuments.ts";

export interface CommandDependencies extends ScreenshotDependencies {
  log: LogOutputChannel;
  chat: ChatView;
  completions: CompletionWatch;
  contextMap: ContextMapView;
  documents: VirtualDocuments;
  edits: EditPreview;
  ghostText: GhostText;
  models: ModelSetup;
  reading: WorkspaceReading;
}

type Handler = (argument: unknown) => unknown;

/** Registers every command. A handler that fails shows its sentence; it never leaves an unhandled rejection. */
export function registerCommands(dependencies: CommandDependencies): Disposable[] {
  const handlers = handlersOf(dependencies);
  return COMMAND_IDS.map((id) =>
    commands.registerCommand(id, async (argument: unknown) => {
      try {
        await handlers[id](argument);
      } catch (error) {
        // Not awaited: the command is over, its message may stay on the screen for long.
        inBackground(dependencies.log, showFailure(dependencies.log, error));
      }
    }),
  );
}

function handlersOf(dependencies: CommandDependencies): Record<CommandId, Handler> {
  const { server, log, chat, completions, contextMap, documents, edits, ghostText, models, reading } = dependencies;
  return {
    "fathom.readWorkspace": () => reading.read(),
    "fathom.stopReading": () => reading.stop(),
    "fathom.pauseReading": () => reading.pause(),
    "fathom.resumeReading": () => reading.resume(),
    "fathom.showContextMap": () => contextMap.open(),
    "fathom.editSelection": () => edits.editSelection(),
    "fathom.acceptEdit": () => edits.accept(),
    "fathom.discardEdit": () => edits.discard(),
    // In the explorer's menu VS Code passes the file; from the palette there is none.
    "fathom.uiFromScreenshot": (file) => uiFromScreenshot(dependencies, file instanceof Uri ? file : undefined),
    "fathom.getModel": () => models.getModel(),
    "fathom.getCudaRuntime": () => getCudaRuntime(server),
    "fathom.search": () => searchCodebase(server, log),
    "fathom.rebuildIndex": () => rebuildIndex(server),
    "fathom.restartEngine": () => restartEngine(server),
    "fathom.restartServer": () => server.restart(),
    "fathom.showLog": () => log.show(),
    "fathom.doctor": () => showDoctor(server, documents),
    "fathom.newConversation": () => chat.newConversation(),
    "fathom.focusChat": () => chat.focus(),
    "fathom.toggleCompletion": () => toggleCompletion(),
    "fathom.toggleCompletionLanguage": () => toggleCompletionLanguage(),
    "fathom.snoozeCompletion": () => ghostText.snooze(),
    "fathom.showCompletionStatistics": () => showCompletionStatistics(server, documents),
    "fathom.showMenu": () => showMenu(server.status, completions.state),
  };
}

async function restartEngine(server: ServerConnection): Promise<void> {
  const options = { location: ProgressLocation.Window, title: l10n.t("Fathom restarts its engine") };
  const status = await window.withProgress(options, () => server.request(RestartEngineRequest.type, null));
  say(l10n.t("Fathom: {0}", status.message));
}

async function rebuildIndex(server: ServerConnection): Promise<void> {
  const { inUse } = await server.request(RemoveIndexRequest.type, {});
  const kept = l10n.t(
    "Another window or command uses the search index of this workspace, so it stays. Close it and try again.",
  );
  say(inUse > 0 ? kept : l10n.t("The search index was removed and is being built again."));
}

async function showDoctor(server: ServerConnection, documents: VirtualDocuments): Promise<void> {
  const options = { location: ProgressLocation.Window, title: l10n.t("Fathom looks at this machine") };
  const rows = await window.withProgress(options, () => server.request(DoctorRequest.type, null));
  await documents.showPage("Fathom doctor.md", doctorReport(rows));
}

async function showCompletionStatistics(server: ServerConnection, documents: VirtualDocuments): Promise<void> {
  const statistics = await server.request(CompletionStatisticsRequest.type, {});
  await documents.showPage("Inline completions.md", completionReport(statistics));
}
