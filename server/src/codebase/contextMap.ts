// Tells what the model has of each file, and how the window, the memory and the disk are used.
import { lstat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Connection } from "vscode-languageserver/node";
import type { Engine, LongContextState, SnapshotInfo } from "../../../engine/src/api.ts";
import type { ActiveModel, ModelSession } from "../modelSession.ts";
import { type ContextMap, type ContextMapFile, ContextMapRequest, type Status } from "../protocol/messages.ts";
import type { FathomSettings } from "../protocol/settings.ts";
import { handle } from "../requests.ts";
import { fileUri } from "../uris.ts";
import { estimatedTokens } from "./fileParts.ts";
import type { OverlayEntry } from "./overlay.ts";
import type { ReadingSpeeds } from "./readingSpeeds.ts";
import { uriOf, type Workspace } from "./workspace.ts";
import type { BaseFile, LeftOut, WorkspaceFile } from "./workspaceFile.ts";
import type { ReaderView, WorkspaceReader } from "./workspaceReader.ts";

/** Left-out files whose size is looked up; further ones are shown without, so that a huge list costs no seconds. */
const MOST_SIZES = 2000;
/** The setting of the quota is in these. */
const GIGABYTE = 1e9;

const NEW_WITHOUT_ROOM = "new since the base was read: there is no room for its text behind the base";

const SOON = "planned; the reading has not come to it yet";
const STOPPED = "planned, but not read";

const NOTHING_HELD: LongContextState = {
  baseTokens: 0,
  stateTokens: 0,
  checkpoints: 0,
  checkpointBytes: 0,
  tokensPerSecond: 0,
};

export interface ContextMapOptions {
  engine: Pick<Engine, "longContext" | "listSnapshots">;
  session: Pick<ModelSession, "active" | "assertTrusted">;
  settings: { readonly current: Pick<FathomSettings, "context"> };
  status: { readonly current: Status };
  workspace: Pick<Workspace, "name" | "files" | "placeOf">;
  reader: Pick<WorkspaceReader, "view">;
  speeds: Pick<ReadingSpeeds, "of">;
  /** Folder of this workspace's snapshots; its parent holds those of all workspaces. */
  snapshotDir: string;
}

export function registerContextMap(connection: Connection, options: ContextMapOptions): void {
  handle(connection, ContextMapRequest.type, async (_params, signal) => {
    options.session.assertTrusted();
    return contextMap(options, signal);
  });
}

/**
 * The map as it is now. Without a model, and before anything is read, every file is a path.
 * @throws The signal's reason.
 */
export async function contextMap(options: ContextMapOptions, signal?: AbortSignal): Promise<ContextMap> {
  const { session, workspace, reader, status } = options;
  const [view, { files }] = await Promise.all([reader.view(), workspace.files(signal)]);
  const { active } = session;
  const engine = await askEngine(options);
  const known = filesOf(asFarAsRead(view, engine.held.baseTokens, status.current.reading !== undefined), files);
  const paths = new Set(known.map(({ path }) => path));
  return {
    workspace: workspace.name,
    model: status.current.model,
    files: [...known, ...(await outFiles(unknown(view.leftOut, paths), workspace))],
    totals: {
      ...totalsOf(options, view, engine),
      // After a restart nothing was read yet, but the last reading is remembered.
      prefillTokensPerSecond: engine.held.tokensPerSecond || ((await lastSpeed(options)) ?? 0),
    },
    arithmetic: [...(view.budget?.sentences ?? [noBudget(active)]), ...engine.problems],
  };
}

/** While the base is read, its files are there up to a point: those behind it say so. */
function asFarAsRead(view: ReaderView, readTokens: number, isReading: boolean): ReaderView {
  const { files, frontTokens } = view;
  const inBase = files.filter(({ form }) => form !== "path");
  if (readTokens >= frontTokens + sum(inBase)) return view;
  let left = readTokens;
  const asRead = files.map((file): BaseFile => {
    if (file.form === "path") return file;
    left -= file.tokens;
    return left >= 0 ? file : { ...file, reason: isReading ? SOON : STOPPED };
  });
  return { ...view, files: asRead };
}

interface EngineFacts {
  held: LongContextState;
  snapshots: SnapshotInfo[];
  /** Why something is not known: an engine that stopped must not hide the map. */
  problems: string[];
}

async function askEngine({ engine, session, snapshotDir }: ContextMapOptions): Promise<EngineFacts> {
  const problems: string[] = [];
  const orTell = <T>(question: Promise<T>, fallback: T, what: string): Promise<T> =>
    question.catch((error: unknown) => {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return fallback;
    });
  const [held, snapshots] = await Promise.all([
    session.active === undefined
      ? NOTHING_HELD
      : orTell(engine.longContext(), NOTHING_HELD, "What the model holds now is not known"),
    orTell(engine.listSnapshots(dirname(snapshotDir)), [], "The snapshots on disk are not known"),
  ]);
  return { held, snapshots, problems };
}

function noBudget(active: ActiveModel | undefined): string {
  return active === undefined
    ? "No model is loaded, so there is no window to fill; the tokens are estimated from the sizes of the files."
    : "The workspace was not read yet, so no length was chosen; the tokens are estimated from the sizes of the files.";
}

/** The files of the base, each as the overlay has it if it changed, then those that came since. */
function filesOf({ files, leftOut, overlay }: ReaderView, now: readonly WorkspaceFile[]): ContextMapFile[] {
  const uris = new Map(now.map((file) => [file.path, uriOf(file)]));
  const changes = new Map(overlay.map((entry) => [entry.path, entry]));
  const renamedTo = new Map(overlay.flatMap(({ from, path }) => (from === undefined ? [] : [[from, path] as const])));
  const refused = new Map(leftOut.map((each) => [each.path, each.reason]));
  const inBase = files.map((file): ContextMapFile => {
    const { path, form, tokens, reason } = file;
    const change = changes.get(path);
    const target = renamedTo.get(path);
    const against = refused.get(path);
    if (change?.kind === "deleted" && against !== undefined) {
      const still = `not to be read any more (${against}): its earlier text leaves the context with the next compaction`;
      return { ...changed(change, file), reason: still };
    }
    if (change !== undefined) return { ...changed(change, file), uri: uris.get(path) };
    if (target === undefined) return { path, uri: uris.get(path), form, tokens, reason };
    const gone = `renamed to ${target} since it was read; its text stays in the base until the next compaction`;
    return { path, uri: uris.get(path), form: "overlay", tokens: tokensInBase(file), reason: gone };
  });
  const known = new Set(files.map(({ path }) => path));
  const added = overlay.filter(({ path }) => !known.has(path));
  const noRoom = now.filter(({ path }) => !known.has(path) && !changes.has(path));
  return [
    ...inBase,
    ...added.map((entry) => ({ ...changed(entry), uri: uris.get(entry.path) })),
    ...noRoom.map((file): ContextMapFile => {
      const { path, bytes } = file;
      return { path, uri: uriOf(file), form: "path", tokens: estimatedTokens(bytes), reason: NEW_WITHOUT_ROOM };
    }),
  ];
}

/** Each path once: what the file set leaves out now can be in the base, or have been left out before for another reason. */
function unknown(leftOut: readonly LeftOut[], known: ReadonlySet<string>): LeftOut[] {
  const byPath = new Map(leftOut.toReversed().map((each) => [each.path, each]));
  return [...byPath.values()].reverse().filter(({ path }) => !known.has(path));
}

/** @param before The file in the base; its old text takes its place in the window until the next compaction. */
function changed({ path, kind, from, tokens }: OverlayEntry, before?: BaseFile): ContextMapFile {
  const reasons: Record<OverlayEntry["kind"], string> = {
    whole: "changed since it was read: its newest text follows the base",
    hunks: "changed since it was read: the changed lines follow the base",
    new: "new since the base was read: its text follows the base",
    deleted: "deleted since it was read: a note after the base says so",
    renamed: `renamed from ${from ?? "another path"} since it was read: a note after the base says so`,
  };
  return { path, form: "overlay", tokens: tokens + tokensInBase(before), reason: reasons[kind] };
}

/** The tokens of a path are an estimate of what is not there. */
function tokensInBase(file: BaseFile | undefined): number {
  return file === undefined || file.form === "path" ? 0 : file.tokens;
}

async function outFiles(
  leftOut: readonly LeftOut[],
  workspace: ContextMapOptions["workspace"],
): Promise<ContextMapFile[]> {
  return Promise.all(
    leftOut.map(async ({ path, reason }, index): Promise<ContextMapFile> => {
      const place = path.endsWith("/") ? undefined : workspace.placeOf(path);
      // lstat: a link that leads out of the workspace has its own size, not that of what it points to.
      const info = place !== undefined && index < MOST_SIZES ? await lstat(place).catch(() => undefined) : undefined;
      const uri = info?.isFile() && place !== undefined ? fileUri(place) : undefined;
      return { path, uri, form: "out", tokens: uri ? estimatedTokens(info?.size ?? 0) : 0, reason };
    }),
  );
}

async function lastSpeed({ session, speeds }: ContextMapOptions): Promise<number | undefined> {
  return session.active === undefined ? undefined : speeds.of(session.active.info);
}

function totalsOf(
  options: ContextMapOptions,
  view: ReaderView,
  engine: EngineFacts,
): Omit<ContextMap["totals"], "prefillTokensPerSecond"> {
  const { session, settings, snapshotDir } = options;
  const { held, snapshots } = engine;
  const info = session.active?.info;
  const windowTokens = info?.contextTokens ?? 0;
  const wholeTokens = sum(view.files.filter(({ form }) => form === "whole"));
  const outlineTokens = sum(view.files.filter(({ form }) => form === "outline"));
  const overlayTokens = sum(view.overlay);
  const baseTokens = view.frontTokens + wholeTokens + outlineTokens;
  const bytesOf = (some: readonly SnapshotInfo[]) => some.reduce((total, { bytes }) => total + bytes, 0);
  return {
    windowTokens,
    baseTokens,
    readTokens: held.baseTokens,
    wholeTokens,
    outlineTokens,
    frontTokens: view.frontTokens,
    overlayTokens,
    roomTokens: Math.max(0, windowTokens - baseTokens - overlayTokens),
    kvBytes: info === undefined ? 0 : windowTokens * info.kvBytesPerToken[info.kvType],
    checkpoints: held.checkpoints,
    checkpointBytes: held.checkpointBytes,
    snapshotBytes: bytesOf(snapshots.filter(({ workspace }) => workspace === basename(snapshotDir))),
    allSnapshotBytes: bytesOf(snapshots),
    snapshotQuotaBytes: settings.current.context.snapshotGigabytes * GIGABYTE,
  };
}

function sum(things: readonly { tokens: number }[]): number {
  return things.reduce((total, { tokens }) => total + tokens, 0);
}
