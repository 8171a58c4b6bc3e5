// Reads the workspace into the model's context when the user asks, and stops reading; the server does the reading.
import { CancellationTokenSource, l10n, window } from "vscode";
import { PauseReadingRequest, type PrefillOutcome, PrefillRequest } from "../../server/src/protocol/messages.ts";
import type { ServerConnection } from "./client.ts";
import type { Log } from "./log.ts";
import { say } from "./notices.ts";
import { toReport, withCancellableProgress } from "./progress.ts";
import { outcomeSentence, readingReport } from "./reports.ts";
import { holdSentence } from "./statusText.ts";
import type { VirtualDocuments } from "./virtualDocuments.ts";

/** The commands Read Workspace, Stop, Pause and Resume Reading. */
export class WorkspaceReading {
  readonly #server: ServerConnection;
  readonly #documents: VirtualDocuments;
  readonly #log: Log;
  #running: CancellationTokenSource | undefined;

  constructor(server: ServerConnection, documents: VirtualDocuments, log: Log) {
    this.#server = server;
    this.#documents = documents;
    this.#log = log;
  }

  /** Reads what is not read yet, with progress; tells what was read and offers what was not. */
  async read(): Promise<void> {
    if (this.#running) return say(l10n.t("Fathom: the workspace is already being read."));
    const outcome = await this.#readWithProgress();
    const sentence = outcomeSentence(outcome);
    const { origin, files, outlines, figures, leftOut } = outcome;
    const amount = `${files} files, ${outlines} outlines, ${figures.promptTokens} tokens, ${leftOut.length} not read`;
    this.#log.info(`Reading ended (${outcome.cancelled ? "stopped" : origin}): ${amount}.`);
    if (outcome.leftOut.length === 0 && outcome.notes.length === 0) return say(l10n.t("Fathom: {0}", sentence));
    const chosen = await window.showInformationMessage(sentence, l10n.t("Show Details"));
    if (chosen) await this.#documents.showPage("Fathom reading.md", readingReport(outcome));
  }

  /** Ends reading that the user or the server began; what was read so far is kept. */
  async stop(): Promise<void> {
    const nOwn = this.#running ? 1 : 0;
    this.#running?.cancel();
    const nStopped = nOwn + (await this.#server.cancelServerWork());
    if (nStopped === 0 && this.#server.status.state !== "reading") return say(l10n.t("Fathom: nothing is being read."));
    say(l10n.t("Fathom: reading stops; what was read is kept."));
    if (nStopped === 0) await this.#replaceByCancelled();
  }

  /** Lets reading and compaction wait until {@link resume}; what is read stays. */
  async pause(): Promise<void> {
    await this.#server.request(PauseReadingRequest.type, { paused: true });
    say(l10n.t("Fathom: reading is paused; questions and completions work with what is read."));
  }

  /** Lets them go on; on battery they wait for another reason, and that is said. */
  async resume(): Promise<void> {
    const status = await this.#server.request(PauseReadingRequest.type, { paused: false });
    say(
      status.hold === undefined ? l10n.t("Fathom: reading goes on.") : l10n.t("Fathom: {0}", holdSentence(status.hold)),
    );
  }

  /** The server reads without a progress to cancel; a new reading ends the one before, and is itself cancelled as soon as it begins. */
  async #replaceByCancelled(): Promise<void> {
    const replacement = new CancellationTokenSource();
    // Only after the first progress: a request that is cancelled earlier is never sent.
    const cancel = () => replacement.cancel();
    try {
      await this.#server.requestWithProgress(PrefillRequest.type, {}, replacement.token, cancel);
    } finally {
      replacement.dispose();
    }
  }

  async #readWithProgress(): Promise<PrefillOutcome> {
    const running = new CancellationTokenSource();
    this.#running = running;
    try {
      return await withCancellableProgress(l10n.t("Fathom reads the workspace"), async (report, token) => {
        token.onCancellationRequested(() => running.cancel());
        return this.#server.requestWithProgress(PrefillRequest.type, {}, running.token, toReport(report));
      });
    } finally {
      this.#running = undefined;
      running.dispose();
    }
  }
}
