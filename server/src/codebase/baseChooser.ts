// Chooses the base for the workspace as it is now: one that was read before and is near enough, else a new layout.
import type { Engine, PrefillRequest, Reach, SnapshotFolder } from "../../../engine/src/api.ts";
import type { ActiveModel } from "../modelSession.ts";
import type { SettingsStore } from "../settingsStore.ts";
import { orderByAge } from "./ageOrder.ts";
import { type BaseRecord, type BaseRecords, recordId } from "./baseRecords.ts";
import { type BaseBudget, planBase } from "./budget.ts";
import { type Difference, mostChanges, WorkspaceNow } from "./difference.ts";
import type { FileSet } from "./fileSet.ts";
import type { Focus } from "./focus.ts";
import { buildLayout, type LayoutRequest } from "./layout.ts";
import type { ReadingSpeeds } from "./readingSpeeds.ts";
import { readTextFile } from "./readText.ts";
import type { Workspace } from "./workspace.ts";
import { uriOf } from "./workspace.ts";
import type { LeftOut, WorkspaceFile } from "./workspaceFile.ts";

/** An older base of which this share needs no reading is taken without laying out a new one. */
const READY_SHARE = 0.9;
/** An older base that leaves more than this share of the budget unused, while files had no room in it, is outgrown. */
const OUTGROWN_SHARE = 0.75;
/** A compaction must gain something: an older base is taken only if its changes are well below the limit. */
const COMPACTED_SHARE = 0.5;

export interface BaseChooserOptions {
  engine: Pick<Engine, "countTokens" | "reach" | "prefillSpeed">;
  workspace: Pick<Workspace, "name" | "folders" | "files" | "placeOf" | "isExcluded" | "forget">;
  focus: Pick<Focus, "weights">;
  settings: Pick<SettingsStore, "current">;
  records: Pick<BaseRecords, "all">;
  speeds: Pick<ReadingSpeeds, "of">;
  analyse: LayoutRequest["analyse"];
  /** Hears sentences about records that cannot be used. */
  tell: (notes: readonly string[]) => unknown;
}

export interface ChooseRequest {
  active: ActiveModel;
  /** What serves now, if anything. */
  serving: BaseRecord | undefined;
  /** A compaction is about to replace what serves, so that is no choice. */
  purpose: "base" | "compaction";
  /** Look at all files again and lay out anew. */
  force: boolean;
  snapshots: SnapshotFolder | undefined;
  signal: AbortSignal;
  onProgress: LayoutRequest["onProgress"];
}

export interface ChosenBase {
  record: BaseRecord;
  /** Files by uri, those included that the base has and the workspace has not. */
  byUri: ReadonlyMap<string, WorkspaceFile>;
  /** Uris of the files that differ from the base. */
  changed: readonly string[];
  /** What the file set leaves out. */
  leftOut: readonly LeftOut[];
  budget: BaseBudget;
  /** Older bases hold files that must not be read any more: they are removed once this one is whole. */
  replacesForbidden: boolean;
}

/** An older base with what has changed since. */
interface Candidate {
  record: BaseRecord;
  difference: Difference;
  reach: Reach;
}

export class BaseChooser {
  readonly #options: BaseChooserOptions;

  constructor(options: BaseChooserOptions) {
    this.#options = options;
  }

  /** How long the base may be. @throws EngineError when the engine stopped while its speed was asked. */
  async budget({ info, plan }: ActiveModel): Promise<BaseBudget> {
    const { engine, settings, speeds } = this.#options;
    const { maxTokens, maxMinutes } = settings.current.context;
    return planBase({
      contextTokens: info.contextTokens,
      trainedContextTokens: info.trainedContextTokens,
      settingMaxTokens: maxTokens,
      maxMinutes,
      tokensPerSecond: (await speeds.of(info)) ?? (await engine.prefillSpeed()),
      fit: plan,
    });
  }

  /**
   * @returns What is to be read, and how the workspace differs from it.
   * @throws The signal's reason when aborted, EngineError when the engine stopped.
   */
  async choose(request: ChooseRequest): Promise<ChosenBase> {
    const { workspace } = this.#options;
    const { signal } = request;
    if (request.force) workspace.forget();
    const fileSet = await workspace.files(signal);
    const budget = await this.budget(request.active);
    const known = await this.#records(request);
    const replacesForbidden = known.some((record) => this.holdsForbidden(record));
    const best = request.force ? undefined : await this.#bestCandidate(known, request, fileSet, budget);
    const common = { leftOut: fileSet.leftOut, budget, replacesForbidden };
    const chosen = (candidate: Candidate): ChosenBase => {
      const { byUri, changed } = candidate.difference;
      return { record: candidate.record, byUri, changed, ...common };
    };
    if (best !== undefined && best.reach.readyTokens >= READY_SHARE * best.reach.totalTokens) return chosen(best);
    const record = await this.#layOut(request, fileSet, budget);
    if (best !== undefined && recordId(best.record.parts) !== recordId(record.parts)) {
      const { readyTokens } = await this.#reach(record, request);
      if (best.reach.readyTokens - best.difference.tokens > readyTokens) return chosen(best);
    }
    const byUri = new Map(fileSet.files.map((file) => [uriOf(file), file]));
    return { record, byUri, changed: [], ...common };
  }

  /** True if a base has the text or the signatures of a file that rules keep out by now. */
  holdsForbidden({ files }: Pick<BaseRecord, "files">): boolean {
    return files.some(({ path, form }) => form !== "path" && this.#options.workspace.isExcluded(path));
  }

  async #bestCandidate(
    known: readonly BaseRecord[],
    request: ChooseRequest,
    fileSet: FileSet,
    budget: BaseBudget,
  ): Promise<Candidate | undefined> {
    const { workspace } = this.#options;
    const now = new WorkspaceNow(fileSet.files, (path) => workspace.placeOf(path));
    const servingId = request.serving === undefined ? undefined : recordId(request.serving.parts);
    let best: Candidate | undefined;
    for (const record of known) {
      // A compaction replaces what serves.
      if (request.purpose === "compaction" && recordId(record.parts) === servingId) continue;
      if (!this.#suits(record, request, budget)) continue;
      const difference = await now.differenceTo(record, request.signal);
      const share = request.purpose === "compaction" ? COMPACTED_SHARE : 1;
      if (difference === undefined || difference.tokens > share * mostChanges(record.tokens)) continue;
      const candidate = { record, difference, reach: await this.#reach(record, request) };
      if (best === undefined || worth(candidate) > worth(best)) best = candidate;
    }
    return best;
  }

  /** The one that serves first: of equal ones it costs least. */
  async #records({ serving, snapshots }: ChooseRequest): Promise<BaseRecord[]> {
    const stored = snapshots === undefined ? { records: [], notes: [] } : await this.#options.records.all();
    this.#options.tell(stored.notes);
    const servingId = serving === undefined ? undefined : recordId(serving.parts);
    const others = stored.records.filter(({ parts }) => recordId(parts) !== servingId);
    return serving === undefined ? others : [serving, ...others];
  }

  #suits(record: BaseRecord, { active }: ChooseRequest, budget: BaseBudget): boolean {
    if (record.repoName !== this.#options.workspace.name || this.holdsForbidden(record)) return false;
    if (record.tokens > active.info.contextTokens - budget.reserveTokens) return false;
    const isWhole = record.files.every(({ form }) => form === "whole");
    return isWhole || record.tokens >= OUTGROWN_SHARE * budget.baseTokens;
  }

  #reach({ parts }: BaseRecord, { snapshots }: ChooseRequest): Promise<Reach> {
    const request: PrefillRequest = { parts, snapshots };
    return this.#options.engine.reach(request);
  }

  async #layOut(request: ChooseRequest, { files }: FileSet, budget: BaseBudget): Promise<BaseRecord> {
    const { engine, workspace, analyse, focus } = this.#options;
    const { signal, onProgress } = request;
    const layout = await buildLayout({
      repoName: workspace.name,
      files: await orderByAge(workspace.folders, files, signal),
      budgetTokens: budget.baseTokens,
      countTokens: (texts) => engine.countTokens(texts),
      readText: (file) => readTextFile(file),
      analyse,
      focus: focus.weights(),
      signal,
      onProgress,
    });
    return { ...layout, repoName: workspace.name, createdAt: new Date().toISOString() };
  }
}

/** Tokens that need no reading, less what telling the changes takes. */
function worth({ reach, difference }: Candidate): number {
  return reach.readyTokens - difference.tokens;
}
