// Lets the user choose, download or import a model; nothing is fetched before a dialog named host and size.
import { type ExtensionContext, FileType, type QuickPickItem, QuickPickItemKind, Uri, window, workspace } from "vscode";
import {
  DownloadModelRequest,
  ImportModelRequest,
  ListModelsRequest,
  type ModelChoice,
  SelectModelRequest,
  type Status,
} from "../../server/src/protocol/messages.ts";
import { SETTINGS_SECTION } from "../../server/src/protocol/settings.ts";
import type { ServerConnection } from "./client.ts";
import { isCancelled } from "./failures.ts";
import type { Log } from "./log.ts";
import { hostOf, modelRow, projectorNames } from "./modelChoices.ts";
import { inBackground, say } from "./notices.ts";
import { toReport, withCancellableProgress } from "./progress.ts";
import { size } from "./statusText.ts";

/** Kept in the global state, which VS Code does not carry to other machines unless told to. */
const HINT_SHOWN_KEY = "fathom.demoHintShown";
const GET_MODEL = "Get Model…";

interface ModelItem extends QuickPickItem {
  run?: () => Promise<void>;
}

/** The command Get Model… and the one hint of the first run. */
export class ModelSetup {
  readonly #context: ExtensionContext;
  readonly #server: ServerConnection;
  readonly #log: Log;

  constructor(context: ExtensionContext, server: ServerConnection, log: Log) {
    this.#context = context;
    this.#server = server;
    this.#log = log;
  }

  /** Shows the models with how they fit this machine, and makes the chosen one the one in use. */
  async getModel(): Promise<void> {
    const choices = await this.#server.request(ListModelsRequest.type, null);
    const items: ModelItem[] = choices.map((choice) => ({ ...modelRow(choice), run: () => this.#take(choice) }));
    items.push(
      { label: "", kind: QuickPickItemKind.Separator },
      { label: "$(folder-opened) Import a GGUF file…", run: () => this.#import() },
    );
    const chosen = await window.showQuickPick(items, {
      title: "Get Model",
      placeHolder: "Models run on this machine only; a download needs your consent first",
      matchOnDetail: true,
    });
    await chosen?.run?.();
  }

  /** Says once per machine that the demo model is only for trying, as soon as it runs. */
  readonly hintOnce = (status: Status): void => {
    if (status.model?.demo !== true || this.#context.globalState.get(HINT_SHOWN_KEY) === true) return;
    inBackground(this.#log, this.#hint());
  };

  async #hint(): Promise<void> {
    // Noted before it is shown: statuses come in quick succession, and one hint is enough.
    await this.#context.globalState.update(HINT_SHOWN_KEY, true);
    const text =
      "Fathom runs its demo model, which is for trying the mechanics: its answers are not useful. Get Model… installs a real one.";
    const chosen = await window.showInformationMessage(text, GET_MODEL);
    if (chosen === GET_MODEL) await this.getModel();
  }

  async #take(choice: ModelChoice): Promise<void> {
    if (choice.installed) return this.#select(choice);
    const downloaded = await this.#download(choice);
    if (downloaded) await this.#select(downloaded);
  }

  /** @returns Undefined if the user declined or cancelled. */
  async #download(choice: ModelChoice): Promise<ModelChoice | undefined> {
    const host = hostOf(choice);
    if (host === undefined)
      throw new Error(`${choice.title} has no address to download from. Import a GGUF file instead.`);
    const bytes = size(choice.downloadBytes);
    const consent = await window.showInformationMessage(
      `Download ${choice.title} (${bytes}) from ${host}?`,
      {
        modal: true,
        detail: `Fathom connects to ${host} for this download only and sends nothing of your code. The file is kept in Fathom's folder on this machine. ${choice.fit}\n\nLicence: ${choice.licence}`,
      },
      "Download",
    );
    if (consent !== "Download") return undefined;
    return withCancellableProgress(`Downloading ${choice.title}`, async (report, token) => {
      const params = { id: choice.id, consentToHost: host };
      try {
        return await this.#server.requestWithProgress(DownloadModelRequest.type, params, token, toReport(report));
      } catch (error) {
        if (!isCancelled(error) && !token.isCancellationRequested) throw error;
        say("Fathom: the download was paused. What was received is kept; Get Model… goes on from there.");
        return undefined;
      }
    });
  }

  async #import(): Promise<void> {
    const files = await window.showOpenDialog({
      title: "Import a Model",
      openLabel: "Use This Model",
      filters: { "GGUF models": ["gguf"] },
    });
    const file = files?.[0];
    if (file === undefined) return;
    const projector = await chooseProjector(file);
    if (projector === undefined) return;
    const params = projector === "none" ? { file: file.fsPath } : { file: file.fsPath, mmproj: projector.fsPath };
    await this.#select(await this.#server.request(ImportModelRequest.type, params));
  }

  async #select(choice: ModelChoice): Promise<void> {
    const status = await withCancellableProgress(`Loading ${choice.title}`, (_report, token) =>
      this.#server.request(SelectModelRequest.type, { id: choice.id }, token),
    );
    this.#log.info(`Model chosen; state ${status.state}.`);
    const setting = workspace.getConfiguration(SETTINGS_SECTION).get<string>("model.path", "").trim();
    if (setting === "" || setting === choice.id) return say(`Fathom: ${choice.title} is in use.`);
    const text = `${choice.title} was chosen, but the setting fathom.model.path names another model and wins.`;
    const chosen = await window.showWarningMessage(text, "Empty the Setting");
    if (chosen === undefined) return;
    // Machine scope: the setting can only stand in the user settings of this machine.
    await workspace.getConfiguration(SETTINGS_SECTION).update("model.path", undefined, true);
  }
}

/** @returns The projector for images, `none` to go on without, or undefined if the user cancelled. */
async function chooseProjector(model: Uri): Promise<Uri | "none" | undefined> {
  const folder = Uri.joinPath(model, "..");
  const entries = await workspace.fs.readDirectory(folder);
  const names = entries.filter(([, type]) => (type & FileType.File) !== 0).map(([name]) => name);
  const candidates = projectorNames(names, model.path.split("/").at(-1) ?? "");
  if (candidates.length === 0) return "none";
  const items: (QuickPickItem & { name?: string })[] = candidates.map((name) => ({
    label: `$(file-media) ${name}`,
    name,
  }));
  items.push({ label: "$(circle-slash) Without images" });
  const chosen = await window.showQuickPick(items, {
    title: "Import a Model",
    placeHolder: "Which projector lets this model see images?",
  });
  if (chosen === undefined) return undefined;
  return chosen.name === undefined ? "none" : Uri.joinPath(folder, chosen.name);
}
