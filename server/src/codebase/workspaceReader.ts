// Reads the workspace into the model's context: has the engine read the chosen base, and keeps what is appended for later changes.
import { basename, dirname } from "node:path";
import type { Connection } from "vscode-languageserver/node";
import type { Engine, PrefillResult, SnapshotFolder } from "../../../engine/src/api.ts";
import type { Documents } from "../documents.ts";
import type { ActiveModel, ModelSession } from "../modelSession.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import { type PrefillOutcome, PrefillRequest, type ReadingProgress } from "../protocol/messages.ts";
import { handle, RequestError, workDone } from "../requests.ts";
import type { SettingsStore } from "../settingsStore.ts";
import type { StatusBoard } from "../statusBoard.ts";
import type { BackgroundGate } from "./backgroundGate.ts";
import type { BaseChooser, ChosenBase } from "./baseChooser.ts";
import { type BaseRecord, type BaseRecords, recordId } from "./baseRecords.ts";
import type { BaseBudget } from "./budget.ts";
import { estimatedTokens } from "./fileParts.ts";
import { oncePerSubject } from "./notices.ts";
import type { Overlay, OverlayEntry } from "./overlay.ts";
import type { ReadingSpeeds } from "./readingSpeeds.ts";
import { asReading, cancelledBeforeReading, describe, NOTHING_READ, readyMessage, shareOf } from "./readingTexts.ts";
import type { Workspace } from "./workspace.ts";
import type { BaseFile, BaseForm, LeftOut, WorkspaceFile } from "./workspaceFile.ts";

/** Changed files may take this much of the room that is left for them; the rest is for the conversation. */
const OVERLAY_SHARE = 0.5;
const BYTES_PER_GIGABYTE = 1e9;

export interface WorkspaceReaderOptions {
  engine: Pick<Engine, "prefill" | "listSnapshots" | "removeSnapshots">;
  session: Pick<ModelSession, "active" | "require" | "assertTrusted">;
  settings: Pick<SettingsStore, "current">;
  status: Pick<StatusBoard, "current" | "update">;
  workspace: Pick<Workspace, "folders" | "files">;
  documents: Documents;
  overlay: Overlay;
  chooser: Pick<BaseChooser, "choose" | "budget" | "holdsForbidden">;
  records: Pick<BaseRecords, "save" | "keepOnly">;
  speeds: Pick<ReadingSpeeds, "remember">;
  gate: Pick<BackgroundGate, "enter">;
  readonly snapshotDir: string;
  /** Hears sentences about what failed and did not stop the work. @returns Those that were not told before. */
  tell: (notes: readonly string[]) => string[];
}

/** What the context map shows. */
export interface ReaderView {
  files: readonly BaseFile[];
  leftOut: readonly LeftOut[];
  frontTokens: number;
  /** Undefined without a model. */
  budget: BaseBudget | undefined;
  overlay: readonly OverlayEntry[];
}

/** The changes since the base was read. */
export interface OverlayLoad {
  tokens: number;
  /** Changed files without room for their texts. */
  onlyNamed: number;
  /** So many files changed at once that it is another branch. */
  tooMany: boolean;
  /** The base holds a file that must not be read any more. */
  holdsForbidden: boolean;
  /** Tokens of the base before them. */
  baseTokens: number;
}

export interface ReadOptions {
  /** Look at all files again and lay out anew, even if an older base would do. */
  force?: boolean;
  /** The user asked for it and waits. */
  asked?: boolean;
}

/** One reading on its way. */
interface Run {
  active: ActiveModel;
  purpose: ReadingProgress["purpose"];
  signal: AbortSignal;
  report: (reading: ReadingProgress) => void;
  /** Uris that changed on disk since the run began: the new base may have them before or after the change. */
  changed: Set<string>;
  isCurrent: () => boolean;
}

export class WorkspaceReader {
  readonly overlay: Overlay;
  /** Called when a reading or a compaction has ended. */
  onRead: () => void = () => {};
  readonly #options: WorkspaceReaderOptions;
  /** What the engine was told to read last and now serves questions with. */
  #serving: ChosenBase | undefined;
  #running: { controller: AbortController; changed: Set<string>; ended: Promise<void> } | undefined;

  constructor(options: WorkspaceReaderOptions) {
    this.#options = options;
    this.overlay = options.overlay;
  }

  /** Where the states of this set of folders are kept; another one when a folder comes or goes. */
  get snapshotDir(): string {
    return this.#options.snapshotDir;
  }

  /** Tokens of the context that are left for overlay, conversation and answer. */
  get roomTokens(): number {
    const { base } = this.#options.status.current;
    // The status hears of a new base a little after it began to serve.
    const serving = this.base === "none" ? 0 : (this.#serving?.record.tokens ?? 0);
    const taken = Math.max(base?.tokens ?? 0, this.#reading?.totalTokens ?? 0, serving);
    return (this.#options.session.active?.info.contextTokens ?? 0) - taken;
  }

  /** @param takenTokens What the request itself takes of the room, its answer included. @returns Most tokens of the overlay. */
  overlayRoom(takenTokens = 0): number {
    return Math.max(0, Math.floor((this.roomTokens - takenTokens) * OVERLAY_SHARE));
  }

  /** How much of the workspace the model has read. */
  get base(): "none" | "partial" | "whole" {
    const reading = this.#reading;
    // While files are only looked through, the engine still has what was read before.
    const now = reading === undefined || reading.phase === "tokenize" ? this.#options.status.current.base : undefined;
    const tokens = now?.tokens ?? reading?.doneTokens ?? 0;
    const totalTokens = now?.totalTokens ?? reading?.totalTokens ?? 0;
    if (tokens === 0) return "none";
    return tokens < totalTokens ? "partial" : "whole";
  }

  /** True while a base is read or compacted. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  register(connection: Connection): void {
    handle(connection, PrefillRequest.type, async ({ workDoneToken, force }, signal) => {
      this.#options.session.assertTrusted();
      const progress = workDone(connection, workDoneToken, "Reading the workspace");
      try {
        const report = (reading: ReadingProgress) => progress.report(shareOf(reading), describe(reading));
        return await this.read(signal, report, { force: force === true, asked: true });
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

  /** Ends what is being read, and waits until what was read of it is saved: the process is about to end. */
  async stop(): Promise<void> {
    this.#running?.controller.abort();
    await this.#running?.ended;
  }

  /** These files came, went or changed on disk. */
  changedOnDisk(uris: readonly string[]): void {
    for (const uri of uris) this.#running?.changed.add(uri);
  }

  /**
   * Reads the workspace as it is now. An earlier reading that still runs is replaced; its finished chunks are used.
   * @returns Also when aborted: `cancelled` is true and what was read is kept.
   * @throws RequestError or EngineError when no model can run.
   */
  async read(
    signal: AbortSignal,
    onProgress: (progress: ReadingProgress) => void,
    { force = false, asked = false }: ReadOptions = {},
  ): Promise<PrefillOutcome> {
    const { session, workspace, gate } = this.#options;
    const active = await session.require();
    if (workspace.folders.length === 0) {
      throw new RequestError(FathomErrorCodes.badRequest, "No folder is open, so there is nothing to read.");
    }
    const leave = gate.enter(asked);
    try {
      const outcome = await this.#run(active, "base", signal, onProgress, async (run) => {
        const chosen = await this.#choose(run, force);
        return this.#finished(chosen, await this.#prefill(run, chosen), run);
      });
      return outcome ?? cancelledBeforeReading();
    } finally {
      leave();
      this.onRead();
    }
  }

  /**
   * Builds a new base behind the one that serves, and puts it in its place once it is whole.
   * @returns "nothing" if there is no base to replace or it would come out the same; "interrupted" if the one that serves
   *   is still there because the work was cut off.
   * @throws EngineError when the engine stopped.
   */
  async compact(signal: AbortSignal): Promise<"done" | "nothing" | "interrupted"> {
    const { session, gate } = this.#options;
    const { active } = session;
    if (active === undefined || this.busy || this.base !== "whole") return "nothing";
    const leave = gate.enter(false);
    try {
      const noProgress = () => {};
      const outcome = await this.#run(active, "compaction", signal, noProgress, async (run) => {
        const chosen = await this.#choose(run, false);
        if (this.#serving !== undefined && sameBase(this.#serving.record, chosen.record)) return "nothing";
        const result = await this.#prefill(run, chosen);
        // Without snapshots the engine cannot keep the old base: then what was read so far of the new one serves.
        if (this.#serving === chosen) this.#finished(chosen, result, run);
        return result.cancelled ? "interrupted" : "done";
      });
      return outcome ?? "interrupted";
    } finally {
      leave();
      this.onRead();
    }
  }

  /**
   * Compares the workspace with the base, and tells the status what has to follow it.
   * @returns Undefined without a whole base: there is nothing to replace then.
   * @throws EngineError.
   */
  async measureOverlay(): Promise<OverlayLoad | undefined> {
    const { documents, status } = this.#options;
    if (this.base === "none") return undefined;
    const { entries, tokens, onlyNamed, tooMany } = await this.overlay.parts(documents, this.overlayRoom());
    const files = entries.length + onlyNamed;
    const overlay = files === 0 ? undefined : { files, tokens, onlyNamed };
    if (JSON.stringify(status.current.overlay) !== JSON.stringify(overlay)) status.update({ overlay });
    if (this.base !== "whole") return undefined;
    const serving = this.#serving?.record;
    const holdsForbidden = serving !== undefined && this.#options.chooser.holdsForbidden(serving);
    return { tokens, onlyNamed, tooMany, holdsForbidden, baseTokens: status.current.base?.tokens ?? 0 };
  }

  /** What the model has of each file; without a base every file is a path. */
  async view(): Promise<ReaderView> {
    const { workspace, session, chooser, documents } = this.#options;
    const { files, leftOut } = await workspace.files();
    const { active } = session;
    const serving = active === undefined || this.base === "none" ? undefined : this.#serving;
    if (serving === undefined) {
      const budget = active === undefined ? undefined : await chooser.budget(active);
      const reason = active === undefined ? "no model is loaded" : "not read yet";
      return { files: files.map((file) => unread(file, reason)), leftOut, frontTokens: 0, budget, overlay: [] };
    }
    const { record, budget } = serving;
    const { entries } = await this.overlay.parts(documents, this.overlayRoom());
    return {
      files: record.files,
      leftOut: [...leftOut, ...record.leftOut],
      frontTokens: record.frontTokens,
      budget,
      overlay: entries,
    };
  }

  /** The reading that replaces what questions are answered with; a compaction does so only at its end. */
  get #reading(): ReadingProgress | undefined {
    const { reading } = this.#options.status.current;
    return reading?.purpose === "base" ? reading : undefined;
  }

  get #snapshots(): SnapshotFolder | undefined {
    const { snapshots, snapshotGigabytes } = this.#options.settings.current.context;
    const quotaBytes = snapshotGigabytes * BYTES_PER_GIGABYTE;
    return snapshots ? { dir: this.snapshotDir, quotaBytes } : undefined;
  }

  /** One reading at a time: the newest replaces what still runs. @returns Undefined if it was ended early. */
  async #run<T>(
    active: ActiveModel,
    purpose: Run["purpose"],
    signal: AbortSignal,
    onProgress: (reading: ReadingProgress) => void,
    work: (run: Run) => Promise<T>,
  ): Promise<T | undefined> {
    const { session, status } = this.#options;
    this.#running?.controller.abort();
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const running = { controller: new AbortController(), changed: new Set<string>(), ended };
    this.#running = running;
    const either = AbortSignal.any([signal, running.controller.signal]);
    // A reading that was replaced, or whose model is gone, has nothing to say any more.
    const isCurrent = () => this.#running === running && session.active === active;
    const report = (reading: ReadingProgress) => {
      if (!isCurrent()) return;
      status.update(purpose === "base" ? { state: "reading", message: describe(reading), reading } : { reading });
      onProgress(reading);
    };
    try {
      return await work({ active, purpose, signal: either, report, changed: running.changed, isCurrent });
    } catch (error) {
      if (either.aborted) return undefined;
      throw error;
    } finally {
      end();
      if (this.#running === running) {
        this.#running = undefined;
        if (status.current.state === "reading")
          status.update({ state: "ready", message: readyMessage(status.current) });
        status.update({ reading: undefined });
      }
    }
  }

  async #choose(run: Run, force: boolean): Promise<ChosenBase> {
    const { active, purpose, signal, report } = run;
    return this.#options.chooser.choose({
      active,
      serving: this.base === "none" ? undefined : this.#serving?.record,
      purpose,
      force,
      snapshots: this.#snapshots,
      signal,
      onProgress: ({ doneFiles, totalFiles }) =>
        report({ ...NOTHING_READ, purpose, phase: "tokenize", doneFiles, totalFiles }),
    });
  }

  async #prefill(run: Run, chosen: ChosenBase): Promise<PrefillResult> {
    const { engine, speeds } = this.#options;
    const { purpose, signal, report } = run;
    const request = { parts: chosen.record.parts, snapshots: this.#snapshots };
    const notes: string[] = [];
    let saving: Promise<void> | undefined;
    const serve = async (layoutHash: string) => {
      // From here on the engine extends the new base, however far it gets.
      this.#serving = chosen;
      const changedUris = [...chosen.changed, ...run.changed];
      this.overlay.reset({ files: chosen.record.files, byUri: chosen.byUri, changedUris, layoutHash });
      // At once, so that what is read of it by the time the process ends is found again.
      if (request.snapshots !== undefined) await this.#options.records.save(chosen.record);
    };
    const serveOnce = (layoutHash: string) => {
      saving ??= serve(layoutHash).catch((error: unknown) => void notes.push(unsaved(this.snapshotDir, error)));
    };
    const result = await engine.prefill(purpose === "compaction" ? { ...request, keepServing: true } : request, {
      signal,
      onProgress: (progress) => {
        if (progress.serving && this.#options.session.active === run.active) serveOnce(progress.layoutHash);
        report(asReading(progress, saving === undefined ? purpose : "base"));
      },
    });
    if (result.serving && this.#options.session.active === run.active) serveOnce(result.layoutHash);
    await saving;
    if (chosen.replacesForbidden && !result.cancelled) {
      await this.#forgetOthers(chosen.record, result.layoutHash).catch((error: unknown) => {
        notes.push(unforgotten(this.snapshotDir, error));
      });
    }
    const { evaluatedTokens, prefillMs } = result.figures;
    await speeds.remember(run.active.info, evaluatedTokens, prefillMs).catch((error: unknown) => {
      notes.push(unsaved(this.snapshotDir, error));
    });
    // A folder that cannot be written fails everyone; the engine's note comes first, as it knows the reason best.
    return { ...result, notes: oncePerSubject([...result.notes, ...notes]) };
  }

  /** Every other state may hold what must not be read any more: conversations and half-read bases have no record that tells. */
  async #forgetOthers(record: BaseRecord, layoutHash: string): Promise<void> {
    const { engine, records } = this.#options;
    const root = dirname(this.snapshotDir);
    const all = await engine.listSnapshots(root);
    const own = all.filter(({ workspace }) => workspace === basename(this.snapshotDir));
    const others = own.filter((snapshot) => snapshot.layoutHash !== layoutHash);
    if (others.length > 0)
      await engine.removeSnapshots(
        root,
        others.map(({ id }) => id),
      );
    await records.keepOnly(record);
  }

  #finished(chosen: ChosenBase, result: PrefillResult, run: Run): PrefillOutcome {
    const { figures, cancelled, origin, notes } = result;
    const { files } = chosen.record;
    const count = (form: BaseForm) => files.filter((file) => file.form === form).length;
    const paths = files.filter(({ form }) => form === "path").map(({ path, reason }) => ({ path, reason }));
    const leftOut = [...chosen.leftOut, ...chosen.record.leftOut, ...paths];
    const base = {
      tokens: figures.reusedTokens + figures.evaluatedTokens,
      totalTokens: figures.promptTokens,
      files: count("whole"),
      outlines: count("outline"),
      leftOut: leftOut.length,
      origin,
    };
    const { status } = this.#options;
    if (run.isCurrent() && base.tokens > 0) {
      status.update({ base });
      const message = [readyMessage(status.current), ...this.#options.tell(notes)].join(" ");
      status.update({ state: "ready", message, reading: undefined });
    }
    return {
      figures,
      cancelled,
      origin,
      files: base.files,
      outlines: base.outlines,
      leftOut,
      savedBytes: result.saved?.bytes,
      savedMs: result.saved?.ms,
      savedTokens: result.savedTokens,
      restoredMs: result.restored?.ms,
      notes,
    };
  }
}

function sameBase(a: BaseRecord, b: BaseRecord): boolean {
  return recordId(a.parts) === recordId(b.parts);
}

/** Begins like the engine's own note about the folder: one cause, one message (`Notices`). */
function unsaved(dir: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `What was read could not be saved in ${dir}: ${reason}. It stays in memory; after a restart it is read again.`;
}

function unforgotten(dir: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return `Saved states in ${dir} that hold files which must not be read any more could not be removed: ${reason}. Remove the folder yourself.`;
}

function unread({ path, bytes }: WorkspaceFile, reason: string): BaseFile {
  return { path, form: "path", text: "", hash: "", tokens: estimatedTokens(bytes), reason };
}
