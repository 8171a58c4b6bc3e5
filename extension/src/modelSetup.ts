// Lets the user choose, download or import a model; nothing is fetched before a dialog named host and size.
import {
  type ExtensionContext,
  FileType,
  l10n,
  type QuickPickItem,
  QuickPickItemKind,
  Uri,
  window,
  workspace,
} from "vscode";
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
import { isCancelled, SlipError } from "./failures.ts";
import type { Log } from "./log.ts";
import type { Milestones } from "./milestones.ts";
import { hostOf, modelRow, projectorNames } from "./modelChoices.ts";
import { inBackground, say } from "./notices.ts";
import { toReport, withCancellableProgress } from "./progress.ts";
import { size } from "./statusText.ts";

/** Kept in the global state, which VS Code does not carry to other machines unless told to. */
const HINT_SHOWN_KEY = "fathom.demoHintShown";

interface ModelItem extends QuickPickItem {
  run?: () => Promise<void>;
}

/** The command Get Model… and the one hint of the first run. */
export class ModelSetup {
  readonly #context: ExtensionContext;
  readonly #server: ServerConnection;
  readonly #log: Log;
  readonly #milestones: Milestones;

  constructor(context: ExtensionContext, server: ServerConnection, log: Log, milestones: Milestones) {
    this.#context = context;
    this.#server = server;
    this.#log = log;
    this.#milestones = milestones;
  }

  /** Shows the models with how they fit this machine, and makes the chosen one the one in use. */
  async getModel(): Promise<void> {
    const choices = await this.#server.request(ListModelsRequest.type, null);
    const items: ModelItem[] = choices.map((choice) => ({ ...modelRow(choice), run: () => this.#take(choice) }));
    items.push(
      { label: "", kind: QuickPickItemKind.Separator },
      { label: `$(folder-opened) ${l10n.t("Import a GGUF file…")}`, run: () => this.#import() },
    );
    const chosen = await window.showQuickPick(items, {
      title: l10n.t("Get Model"),
      placeHolder: l10n.t("Models run on this machine only; a download needs your consent first"),
      matchOnDescription: true,
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
    const text = l10n.t(
      "Fathom runs its demo model, which is for trying the mechanics: its answers are not useful. Get Model… installs a real one.",
    );
    const getModel = l10n.t("Get Model…");
    const chosen = await window.showInformationMessage(text, getModel);
    if (chosen === getModel) await this.getModel();
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
      throw new SlipError(l10n.t("{0} has no address to download from. Import a GGUF file instead.", choice.title));
    const bytes = size(choice.downloadBytes);
    const download = l10n.t("Download");
    const consent = await window.showInformationMessage(
      l10n.t("Download {0} ({1}) from {2}?", choice.title, bytes, host),
      {
        modal: true,
        detail: l10n.t(
          "Fathom connects to {0} for this download only and sends nothing of your code. What is downloaded is kept in Fathom's folder on this machine.\n\n{1}\n\n{2}\n\nLicence: {3}",
          host,
          choice.detail,
          choice.fit,
          choice.licence,
        ),
      },
      download,
    );
    if (consent !== download) return undefined;
    return withCancellableProgress(l10n.t("Downloading {0}", choice.title), async (report, token) => {
      const params = { id: choice.id, consentToHost: host };
      try {
        return await this.#server.requestWithProgress(DownloadModelRequest.type, params, token, toReport(report));
      } catch (error) {
        if (!isCancelled(error) && !token.isCancellationRequested) throw error;
        say(l10n.t("Fathom: the download was paused. What was received is kept; Get Model… goes on from there."));
        return undefined;
      }
    });
  }

  async #import(): Promise<void> {
    const files = await window.showOpenDialog({
      title: l10n.t("Import a Model"),
      openLabel: l10n.t("Use This Model"),
      filters: { [l10n.t("GGUF models")]: ["gguf"] },
    });
    const file = files?.[0];
    if (file === undefined) return;
    const projector = await chooseProjector(file);
    if (projector === undefined) return;
    const params = projector === "none" ? { file: file.fsPath } : { file: file.fsPath, mmproj: projector.fsPath };
    await this.#select(await this.#server.request(ImportModelRequest.type, params));
  }

  async #select(choice: ModelChoice): Promise<void> {
    const status = await withCancellableProgress(l10n.t("Loading {0}", choice.title), (_report, token) =>
      this.#server.request(SelectModelRequest.type, { id: choice.id }, token),
    );
    this.#milestones.reach("modelChosen");
    this.#log.info(`Model chosen; state ${status.state}.`);
    const setting = workspace.getConfiguration(SETTINGS_SECTION).get<string>("model.path", "").trim();
    if (setting === "" || setting === choice.id) return say(l10n.t("Fathom: {0} is in use.", choice.title));
    const text = l10n.t(
      "{0} was chosen, but the setting fathom.model.path names another model and wins.",
      choice.title,
    );
    const chosen = await window.showWarningMessage(text, l10n.t("Empty the Setting"));
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
  items.push({ label: `$(circle-slash) ${l10n.t("Without images")}` });
  const chosen = await window.showQuickPick(items, {
    title: l10n.t("Import a Model"),
    placeHolder: l10n.t("Which projector lets this model see images?"),
  });
  if (chosen === undefined) return undefined;
  return chosen.name === undefined ? "none" : Uri.joinPath(folder, chosen.name);
}
