// The command Get CUDA Runtime…: says what it is good for here, downloads it after consent, removes it.
import { commands, type ExtensionContext, l10n, Uri, window, workspace } from "vscode";
import {
  CudaRuntimeRequest,
  type CudaRuntimeState,
  DownloadCudaRuntimeRequest,
  RemoveCudaRuntimeRequest,
} from "../../server/src/protocol/cudaMessages.ts";
import type { ServerConnection } from "./client.ts";
import type { CommandId } from "./commandIds.ts";
import { isCancelled } from "./failures.ts";
import { say } from "./notices.ts";
import { toReport, withCancellableProgress } from "./progress.ts";
import { size } from "./statusText.ts";

/** Where there are binaries for CUDA. The command is not in the palette elsewhere. */
const PLATFORMS = ["linux-x64", "win32-x64"];

/** The version of Fathom that said it, in the global state. */
const OUTDATED_HINT_KEY = "fathom.cudaOutdatedHint";

/** Shows the command where it can be of use. */
export async function offerCuda(): Promise<void> {
  const offered = PLATFORMS.includes(`${process.platform}-${process.arch}`);
  await commands.executeCommand("setContext", "fathom.cudaOffered", offered);
}

/**
 * Says once per version of Fathom that the runtime which is there is for another version: otherwise an update would make
 * reading slower without a word. Asks the server only where there is a runtime.
 */
export async function hintOutdated(context: ExtensionContext, server: ServerConnection): Promise<void> {
  const version = String(context.extension.packageJSON.version);
  if (context.globalState.get(OUTDATED_HINT_KEY) === version) return;
  const there = await workspace.fs.stat(Uri.joinPath(context.globalStorageUri, "runtimes")).then(
    () => true,
    () => false,
  );
  if (!there) return;
  const { installed, outdated } = await server.request(CudaRuntimeRequest.type, null);
  if (installed || !outdated) return;
  await context.globalState.update(OUTDATED_HINT_KEY, version);
  const text = l10n.t(
    "Fathom was updated, and its CUDA runtime is for an older version: until it is downloaded again, NVIDIA's GPU runs on Vulkan.",
  );
  const get = l10n.t("Get CUDA Runtime…");
  const chosen = await window.showInformationMessage(text, get);
  if (chosen === get) await getCudaRuntime(server);
}

/** Installs the runtime, or removes it if it is there. Nothing is fetched before a dialog named host and size. */
export async function getCudaRuntime(server: ServerConnection): Promise<void> {
  const state = await server.request(CudaRuntimeRequest.type, null);
  if (state.installed) return offerRemoval(server, state);
  if (state.problem !== undefined) {
    const text = l10n.t("The CUDA runtime would be of no use here.");
    await window.showInformationMessage(text, { modal: true, detail: state.problem });
    return;
  }
  if (!(await agrees(state))) return;
  const after = await download(server, state.host);
  if (after !== undefined) await sayOutcome(after);
}

async function agrees(state: CudaRuntimeState): Promise<boolean> {
  const download = l10n.t("Download");
  const now = state.gpu ?? l10n.t("the processor");
  const chosen = await window.showInformationMessage(
    l10n.t("Download the CUDA runtime ({0}) from {1}?", size(state.downloadBytes), state.host),
    {
      modal: true,
      detail: l10n.t(
        "With it llama.cpp runs on NVIDIA's own libraries, which usually read code faster than Vulkan. Now it runs on {0}.\n\nFathom connects to {1} for this download only and sends nothing of your code. What arrives is compared with hashes that ship with Fathom, and takes {2} in Fathom's folder on this machine.\n\n{3}\n\nLicence: {4}",
        now,
        state.host,
        size(state.unpackedBytes),
        state.packages.join("\n"),
        state.licence,
      ),
    },
    download,
  );
  return chosen === download;
}

/** @returns Undefined if the user cancelled. */
async function download(server: ServerConnection, host: string): Promise<CudaRuntimeState | undefined> {
  return withCancellableProgress(l10n.t("Downloading the CUDA runtime"), async (report, token) => {
    const params = { consentToHost: host };
    try {
      return await server.requestWithProgress(DownloadCudaRuntimeRequest.type, params, token, toReport(report));
    } catch (error) {
      if (!isCancelled(error) && !token.isCancellationRequested) throw error;
      say(l10n.t("Fathom: the download was paused. What was received is kept; Get CUDA Runtime… goes on from there."));
      return undefined;
    }
  });
}

async function sayOutcome({ inUse, gpu }: CudaRuntimeState): Promise<void> {
  if (inUse) return say(l10n.t("Fathom: the engine runs on {0} now.", gpu ?? "CUDA"));
  const showLog = l10n.t("Show Log");
  const text = l10n.t(
    "The CUDA runtime is installed, but the engine could not start on it and runs on {0}. The log says why; Get CUDA Runtime… removes it.",
    gpu ?? l10n.t("the processor"),
  );
  const chosen = await window.showWarningMessage(text, showLog);
  if (chosen === showLog) await commands.executeCommand("fathom.showLog" satisfies CommandId);
}

async function offerRemoval(server: ServerConnection, state: CudaRuntimeState): Promise<void> {
  const remove = l10n.t("Remove");
  const now = state.inUse
    ? l10n.t("The engine runs on it: {0}.", state.gpu ?? "CUDA")
    : l10n.t("The engine does not run on it. {0}", state.problem ?? l10n.t("The log says why."));
  const chosen = await window.showInformationMessage(
    l10n.t("The CUDA runtime is installed. Remove it?"),
    { modal: true, detail: `${now}\n\n${l10n.t("Removing it frees {0} on the disk.", size(state.unpackedBytes))}` },
    remove,
  );
  if (chosen !== remove) return;
  const { gpu } = await server.request(RemoveCudaRuntimeRequest.type, null);
  say(l10n.t("Fathom: the CUDA runtime was removed; the engine runs on {0}.", gpu ?? l10n.t("the processor")));
}
