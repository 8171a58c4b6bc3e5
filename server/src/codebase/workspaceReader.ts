// Reads the workspace into the model's context: file set, order, layout, prefill, and what to append for later changes.
import type { Connection } from "vscode-languageserver/node";
import type { Engine, PrefillProgress, PrefillResult } from "../../../engine/src/api.ts";
import type { ModelSession } from "../modelSession.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import { type PrefillOutcome, PrefillRequest, type ReadingProgress } from "../protocol/messages.ts";
import { handle, RequestError, workDone } from "../requests.ts";
import type { SettingsStore } from "../settingsStore.ts";
import type { StatusBoard } from "../statusBoard.ts";
import { orderByAge } from "./ageOrder.ts";
import { buildLayout, type Layout } from "./layout.ts";
import { Overlay } from "./overlay.ts";
import { readTextFile } from "./readText.ts";
import { uriOf, type Workspace } from "./workspace.ts";
import type { WorkspaceFile } from "./workspaceFile.ts";

/** Room kept after the base for overlay, question and answer: a quarter, within these bounds, tokens. */
const RESERVE_SHARE = 0.25;
const MIN_RESERVE_TOKENS = 2048;
const MAX_RESERVE_TOKENS = 32_768;

export interface WorkspaceReaderOptions {
  engine: Engine;
  session: ModelSession;
  settings: SettingsStore;
  status: StatusBoard;
  workspace: Workspace;
  snapshotDir: string;
}

export class WorkspaceReader {
  readonly overlay: Overlay;
  readonly #options: WorkspaceReaderOptions;
  #running: AbortController | undefined;

  constructor(options: WorkspaceReaderOptions) {
    this.#options = options;
    this.overlay = new Overlay(options.workspace);
  }

  /** Tokens of the context that are left for overlay, conversation and answer. */
  get roomTokens(): number {
    const { base, reading } = this.#options.status.current;
    const taken = Math.max(base?.tokens ?? 0, reading?.totalTokens ?? 0);
    return (this.#options.session.active?.info.contextTokens ?? 0) - taken;
  }

  get snapshotDir(): string {
    return this.#options.snapshotDir;
  }

  /** How much of the workspace the model has read. */
  get base(): "none" | "partial" | "whole" {
    const { base, reading } = this.#options.status.current;
    // While files are only looked through, the engine still has what was read before.
    const now = reading === undefined || reading.phase === "tokenize" ? base : undefined;
    const tokens = now?.tokens ?? reading?.doneTokens ?? 0;
    const totalTokens = now?.totalTokens ?? reading?.totalTokens ?? 0;
    if (tokens === 0) return "none";
    return tokens < totalTokens ? "partial" : "whole";
  }

  register(connection: Connection): void {
    handle(connection, PrefillRequest.type, async ({ workDoneToken, force }, signal) => {
      this.#options.session.assertTrusted();
      if (force) this.#options.workspace.forget();
      const progress = workDone(connection, workDoneToken, "Reading the workspace");
      try {
        return await this.read(signal, (reading) => progress.report(shareOf(reading), describe(reading)));
      } finally {
        progress.end();
      }
    });
  }

  /** Reads in the background once a model is ready, if the settings say so. */
  readOnStart(): void {
    if (!this.#options.settings.current.context.readOnStart || this.#options.workspace.folders.length === 0) return;
    const noProgress = () => {};
    this.read(new AbortController().signal, noProgress).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      // A crash is reported by the session, which reads again after the restart.
      if (this.#options.session.active !== undefined) {
        this.#options.status.update({ state: "ready", message: `The workspace could not be read: ${message}` });
      }
    });
  }

  /**
   * Reads the workspace as it is now. An earlier reading that still runs is replaced; its finished chunks are used.
   * @returns Also when aborted: `cancelled` is true and what was read is kept.
   * @throws RequestError or EngineError when no model can run.
   */
  async read(signal: AbortSignal, onProgress: (progress: ReadingProgress) => void): Promise<PrefillOutcome> {
    const { session, status, workspace, engine } = this.#options;
    const active = await session.require();
    if (workspace.folders.length === 0) {
      throw new RequestError(FathomErrorCodes.badRequest, "No folder is open, so there is nothing to read.");
    }
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    const either = AbortSignal.any([signal, running.signal]);
    const report = (reading: ReadingProgress) => {
      // A reading that was replaced, or whose model is gone, has nothing to say any more.
      if (this.#running !== running || session.active !== active) return;
      status.update({ state: "reading", message: describe(reading), reading });
      onProgress(reading);
    };
    try {
      const layout = await this.#layout(active.info.contextTokens, either, report);
      const adopt = once(() => this.overlay.reset(layout.texts, layout.files));
      const snapshotDir = this.#options.settings.current.context.snapshots ? this.#options.snapshotDir : undefined;
      const result = await engine.prefill(
        { parts: layout.parts, snapshotDir },
        {
          signal: either,
          onProgress: (progress) => {
            // From here on the engine extends the new base, however far it gets.
            if (progress.phase !== "tokenize") adopt();
            report(asReading(progress));
          },
        },
      );
      return this.#finished(layout, result, session.active === active);
    } catch (error) {
      if (either.aborted) return cancelledBeforeReading();
      throw error;
    } finally {
      if (this.#running === running) {
        this.#running = undefined;
        if (status.current.state === "reading") status.update({ state: "ready", message: readyMessage(status) });
        status.update({ reading: undefined });
      }
    }
  }

  async #layout(
    contextTokens: number,
    signal: AbortSignal,
    report: (reading: ReadingProgress) => void,
  ): Promise<ReadLayout> {
    const { engine, workspace } = this.#options;
    // What changes from here on may be read before or after its change; the overlay compares it again.
    workspace.takeChangedOnDisk();
    const { files, leftOut } = await workspace.files(signal);
    const ordered = await orderByAge(workspace.folders, files, signal);
    const texts = new Map<string, string>();
    const layout = await buildLayout({
      repoName: workspace.name,
      files: ordered,
      budgetTokens: contextTokens - reserveTokens(contextTokens),
      countTokens: (batch) => engine.countTokens(batch),
      readText: async (file) => {
        const read = await readTextFile(file);
        if (read !== undefined && "text" in read) texts.set(file.path, read.text);
        return read;
      },
      signal,
      onProgress: ({ doneFiles, totalFiles }) => report({ ...NOTHING_READ, phase: "tokenize", doneFiles, totalFiles }),
    });
    const included = new Set(layout.included.map(({ path }) => path));
    for (const path of texts.keys()) if (!included.has(path)) texts.delete(path);
    const byUri = new Map(files.map((file) => [uriOf(file), file]));
    return { ...layout, leftOut: [...leftOut, ...layout.leftOut], texts, files: byUri };
  }

  #finished(layout: Layout, result: PrefillResult, isCurrent: boolean): PrefillOutcome {
    const { figures, cancelled, origin, notes } = result;
    const { leftOut } = layout;
    const base = {
      tokens: figures.reusedTokens + figures.evaluatedTokens,
      totalTokens: figures.promptTokens,
      files: layout.included.length,
      leftOut: leftOut.length,
      origin,
    };
    if (isCurrent && base.tokens > 0) this.#options.status.update({ base });
    return {
      figures,
      cancelled,
      origin,
      files: layout.included.length,
      leftOut,
      savedBytes: result.saved?.bytes,
      savedMs: result.saved?.ms,
      restoredMs: result.restored?.ms,
      notes,
    };
  }
}

/** A layout with what the overlay compares later. */
interface ReadLayout extends Layout {
  /** By path. */
  texts: Map<string, string>;
  /** By uri. */
  files: Map<string, WorkspaceFile>;
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

function reserveTokens(contextTokens: number): number {
  const share = Math.floor(contextTokens * RESERVE_SHARE);
  return Math.min(MAX_RESERVE_TOKENS, Math.max(MIN_RESERVE_TOKENS, share));
}

const NOTHING_READ = { doneTokens: 0, totalTokens: 0, file: "", tokensPerSecond: 0 };

function asReading(progress: PrefillProgress): ReadingProgress {
  const { phase, doneTokens, totalTokens, tokensPerSecond, doneLabels, totalLabels, label } = progress;
  return {
    phase,
    doneTokens,
    totalTokens,
    tokensPerSecond,
    doneFiles: doneLabels,
    totalFiles: totalLabels,
    file: label,
  };
}

function shareOf(reading: ReadingProgress): number {
  return reading.totalTokens === 0 ? 0 : reading.doneTokens / reading.totalTokens;
}

function describe(reading: ReadingProgress): string {
  const files = `${reading.doneFiles} of ${reading.totalFiles} files`;
  switch (reading.phase) {
    case "tokenize":
      return `Looking through ${files}.`;
    case "restore":
      return "Restoring what was read before.";
    case "save":
      return "Saving what was read.";
    case "prefill":
      return `Reading: ${files}, ${reading.doneTokens.toLocaleString("en")} of ${reading.totalTokens.toLocaleString("en")} tokens.`;
  }
}

function readyMessage(status: StatusBoard): string {
  const { base, model } = status.current;
  const name = model?.name ?? "The model";
  if (base === undefined) return `${name} is ready.`;
  const tokens = base.tokens.toLocaleString("en");
  return base.tokens < base.totalTokens
    ? `${name} is ready. Reading stopped at ${tokens} of ${base.totalTokens.toLocaleString("en")} tokens.`
    : `${name} is ready: ${base.files} files, ${tokens} tokens read.`;
}

function cancelledBeforeReading(): PrefillOutcome {
  const figures = {
    promptTokens: 0,
    reusedTokens: 0,
    evaluatedTokens: 0,
    generatedTokens: 0,
    chunks: 0,
    prefillMs: 0,
    decodeMs: 0,
    firstTokenMs: 0,
    totalMs: 0,
  };
  return { figures, cancelled: true, origin: "computed", files: 0, leftOut: [], notes: [] };
}
