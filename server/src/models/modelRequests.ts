// Answers the requests about models: list, download with consent, import, choose.
import type { Connection } from "vscode-languageserver/node";
import type { Engine } from "../../../engine/src/api.ts";
import { downloadFile } from "../download/download.ts";
import { machineWithoutEngine } from "../machine.ts";
import type { ModelSession } from "../modelSession.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import { formatBytes } from "../protocol/formatBytes.ts";
import {
  type DownloadModelParams,
  DownloadModelRequest,
  ImportModelRequest,
  ListModelsRequest,
  type ModelChoice,
  SelectModelRequest,
  type Status,
} from "../protocol/messages.ts";
import { handle, RequestError, workDone } from "../requests.ts";
import type { SettingsStore } from "../settingsStore.ts";
import type { ModelLibrary } from "./library.ts";

export interface ModelRequestOptions {
  engine: Engine & { restart(): Promise<void> };
  library: ModelLibrary;
  session: ModelSession;
  settings: SettingsStore;
  status: { readonly current: Status };
}

export function registerModelRequests(connection: Connection, options: ModelRequestOptions): void {
  handle(connection, ListModelsRequest.type, () => listChoices(options));
  handle(connection, DownloadModelRequest.type, async (params, signal) => {
    await download(connection, options, params, signal);
    return choiceOf(options, params.id);
  });
  handle(connection, ImportModelRequest.type, async ({ file, mmproj }) => {
    // A file that Fathom cannot run is refused before it gets into the list.
    const installed = await options.library.importFile(file, mmproj, (path) => options.engine.inspect(path));
    return choiceOf(options, installed.id);
  });
  handle(connection, SelectModelRequest.type, async ({ id }) => {
    await options.library.select(id);
    // An engine that stays off after crashes gets a new chance with another model.
    await options.engine.restart();
    options.session.forgetFailures();
    await options.session.reload();
    return options.status.current;
  });
}

async function listChoices({ engine, library, session, settings }: ModelRequestOptions): Promise<ModelChoice[]> {
  const { model, context } = settings.current;
  const selected = session.active?.installed ?? (await library.selected(model.path).catch(() => undefined));
  return library.toChoices({
    // Beside a loaded model everything would look too large.
    hardware: session.active?.hardware ?? (await engine.hardware({ gpu: model.gpu }).catch(machineWithoutEngine)),
    wish: { ...context, gpu: model.gpu },
    selectedId: selected?.id,
    inspect: (file) => engine.inspect(file),
  });
}

async function choiceOf(options: ModelRequestOptions, id: string): Promise<ModelChoice> {
  const choice = (await listChoices(options)).find((candidate) => candidate.id === id);
  if (choice !== undefined) return choice;
  throw new RequestError(FathomErrorCodes.badRequest, `There is no model "${id}". List the models to see their names.`);
}

/** Weights and projector, one after the other, as one progress. */
async function download(
  connection: Connection,
  { library }: ModelRequestOptions,
  params: DownloadModelParams,
  signal: AbortSignal,
): Promise<void> {
  const state = (await library.catalogueState()).find(({ model }) => model.id === params.id);
  if (state === undefined) {
    throw new RequestError(FathomErrorCodes.badRequest, `There is no model "${params.id}" to download.`);
  }
  const wanted = state.files.filter((file) => !file.present);
  const totalBytes = wanted.reduce((sum, { source }) => sum + source.approximateBytes, 0);
  const progress = workDone(connection, params.workDoneToken, `Downloading ${state.model.title}`);
  let doneBytes = 0;
  try {
    for (const { source, target } of wanted) {
      const outcome = await downloadFile({
        url: source.url,
        file: target,
        consentToHost: params.consentToHost,
        expectedHash: source.sha256 === undefined ? undefined : { algorithm: "sha256", hex: source.sha256 },
        signal,
        onProgress: ({ receivedBytes }) => {
          const received = doneBytes + receivedBytes;
          progress.report(received / totalBytes, `${formatBytes(received)} of about ${formatBytes(totalBytes)}`);
        },
      });
      // The request was cancelled, and says so to the client; the part that arrived waits for the next try.
      if (outcome.kind === "cancelled") throw signal.reason;
      doneBytes += source.approximateBytes;
    }
  } finally {
    progress.end();
  }
}
