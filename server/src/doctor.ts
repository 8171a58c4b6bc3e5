// Looks at machine, model, files and folders and says of each whether it is good, with what to do if not.
import { access, constants, statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Connection } from "vscode-languageserver/node";
import type { Engine, Hardware, LoadedModel, SnapshotInfo } from "../../engine/src/api.ts";
import type { Workspace } from "./codebase/workspace.ts";
import type { WorkspaceReader } from "./codebase/workspaceReader.ts";
import type { CudaRuntime } from "./cuda/cudaRuntime.ts";
import type { EmbeddingModel } from "./index/embeddingModel.ts";
import type { IndexService } from "./index/indexService.ts";
import { machineWithoutEngine } from "./machine.ts";
import { makeFolder } from "./makeFolder.ts";
import type { ModelSession } from "./modelSession.ts";
import { familyOfModel, noFamilySentence } from "./models/fimFamilies.ts";
import { fitsMemory } from "./models/fit.ts";
import { formatBytes } from "./protocol/formatBytes.ts";
import { DoctorRequest, type DoctorRow, type HoldReason, type Status } from "./protocol/messages.ts";
import { handle } from "./requests.ts";
import type { SettingsStore } from "./settingsStore.ts";

/** Less free memory than this leaves no room for a model beside an editor. */
const LITTLE_MEMORY_BYTES = 2 * 1024 ** 3;
/** A snapshot of a long context takes gigabytes. */
const LITTLE_DISK_BYTES = 10 * 1024 ** 3;

export interface DoctorOptions {
  engine: Engine & { readonly pid: number | undefined };
  session: ModelSession;
  settings: SettingsStore;
  workspace: Workspace;
  index: Pick<IndexService, "failure" | "statistics">;
  embedding: Pick<EmbeddingModel, "facts">;
  reader: Pick<WorkspaceReader, "view">;
  status: { readonly current: Status };
  cuda: Pick<CudaRuntime, "installed" | "outdated" | "downloadBytes">;
  storageDir: string;
  /** Where the snapshots of this workspace lie. */
  snapshotDir: string;
}

export function registerDoctor(connection: Connection, options: DoctorOptions): void {
  handle(connection, DoctorRequest.type, async () => [
    ...(await machineRows(options)),
    ...(await modelRows(options)),
    ...(await workspaceRows(options)),
    ...(await budgetRows(options)),
    ...(await storageRows(options)),
  ]);
}

/** While the engine stays off, that is what the doctor was asked for: everything else is still looked at. */
async function machineRows({ engine, settings, cuda }: DoctorOptions): Promise<DoctorRow[]> {
  let failure: string | undefined;
  const hardware = await engine.hardware({ gpu: settings.current.model.gpu }).catch((error: unknown) => {
    failure = reasonOf(error);
    return machineWithoutEngine();
  });
  const free = `${formatBytes(hardware.freeMemoryBytes)} free of ${formatBytes(hardware.totalMemoryBytes)}`;
  const machine = [
    row("machine", "good", `${hardware.platform}, ${hardware.cpu}, ${hardware.cores} cores`),
    hardware.freeMemoryBytes < LITTLE_MEMORY_BYTES
      ? row("memory", "warning", `${free}: close programs or choose a smaller model`)
      : row("memory", "good", free),
  ];
  if (failure !== undefined) {
    const runtime = row("runtime", "bad", failure);
    if (!cuda.installed) return [...machine, runtime];
    const advice = "its runtime is installed; if the engine stops because of it, Get CUDA Runtime… removes it";
    return [...machine, runtime, row("CUDA", "warning", advice)];
  }
  const process = `engine process ${engine.pid}, ${formatBytes(hardware.residentBytes)} resident`;
  return [...machine, ...gpuRows(hardware, cuda), row("runtime", "good", `${hardware.runtime}; ${process}`)];
}

function gpuRows({ gpu, cudaFound }: Hardware, cuda: DoctorOptions["cuda"]): DoctorRow[] {
  const inUse =
    gpu === undefined
      ? row("GPU", "warning", "none in use: everything works, but reading a large workspace takes long")
      : row("GPU", "good", `${gpu.name}, ${formatBytes(gpu.freeBytes)} free of ${formatBytes(gpu.totalBytes)}`);
  if (gpu?.backend === "cuda") return [inUse];
  if (cuda.installed) {
    const why = cudaFound ? "the log says why" : "CUDA's own libraries were not found on this machine";
    return [inUse, row("CUDA", "warning", `its runtime is installed, but the engine does not run on it: ${why}`)];
  }
  if (!cudaFound || cuda.downloadBytes === 0) return [inUse];
  const offer = `Get CUDA Runtime… downloads one (${formatBytes(cuda.downloadBytes)})`;
  const missing = cuda.outdated ? "only a runtime for another version of Fathom" : "no runtime that uses them";
  return [inUse, row("CUDA", "warning", `NVIDIA's libraries are here, and ${missing}: ${offer}`)];
}

async function modelRows({ session, status }: DoctorOptions): Promise<DoctorRow[]> {
  let active = session.active;
  try {
    active = await session.require();
  } catch (error) {
    return [row("model", "bad", reasonOf(error))];
  }
  const { info, installed, plan } = active;
  const family = familyOfModel(info);
  const rows = [
    row("model", installed.demo ? "warning" : "good", `${status.current.message} (${installed.file})`),
    row("context", fitsMemory(plan) ? "good" : "warning", `${plan.sentence}\n${perToken(info)}`),
    row("threads", "good", `${info.threads} for the CPU part, on ${info.gpu}`),
    family === undefined
      ? row("completion", "bad", noFamilySentence(info))
      : row("completion", "good", `fills in the middle with the tokens of ${family.name}`),
  ];
  const images = info.canSeeImages
    ? row("images", "good", "a projector is set; it is checked when an image is read")
    : row("images", "warning", "no projector (mmproj) beside the model: screenshots cannot be read");
  return [...rows, images];
}

async function workspaceRows({ workspace, index, embedding, status, session }: DoctorOptions): Promise<DoctorRow[]> {
  if (!session.trusted) return [row("workspace", "warning", "not trusted, so nothing of it is read")];
  if (workspace.folders.length === 0) return [row("workspace", "warning", "no folder is open")];
  const { files, leftOut } = await workspace.files();
  const rows = [
    row("workspace", "good", `${files.length} files, ${leftOut.length} left out; ${readText(status.current)}`),
    await indexRow(index),
    ...embeddingRows(embedding, status.current),
  ];
  const { hold } = status.current;
  return hold === undefined ? rows : [...rows, row("reading", "warning", HOLDS[hold])];
}

async function indexRow(index: DoctorOptions["index"]): Promise<DoctorRow> {
  try {
    const { files, totalFiles, chunks, symbols, computedFiles, bytes } = await index.statistics();
    const count = (value: number) => value.toLocaleString("en");
    const found = files < totalFiles ? `${count(files)} of ${count(totalFiles)} files so far` : `${count(files)} files`;
    const kept = bytes === 0 ? "kept in memory" : `${formatBytes(bytes)} on disk`;
    const computed = `${count(computedFiles)} files parsed since the start`;
    const text = `${found}, ${count(chunks)} chunks, ${count(symbols)} symbols; ${kept}; ${computed}`;
    return row("search", bytes === 0 ? "warning" : "good", text);
  } catch (error) {
    return row("search", "bad", index.failure ?? reasonOf(error));
  }
}

/** Nothing without a setting: the bundled embedder always works. */
function embeddingRows({ facts }: DoctorOptions["embedding"], { index }: Status): DoctorRow[] {
  if (index?.embedding === undefined) return [];
  const { model, chunks, totalChunks, inUse, problem } = index.embedding;
  if (problem !== undefined) return [row("embedding", "bad", problem)];
  const count = (value: number) => value.toLocaleString("en");
  const used = inUse ? "in use" : "the bundled embedder is used meanwhile";
  const numbers = facts === undefined ? "" : ` of ${count(facts.dimensions)} numbers`;
  const text = `${model}: ${count(chunks)} of ${count(totalChunks)} chunks have a vector${numbers}; ${used}`;
  return [row("embedding", inUse ? "good" : "warning", text)];
}

const HOLDS: Record<HoldReason, string> = {
  user: "paused; questions are answered from what is read so far",
  battery: "waits for mains power (the setting context.pauseOnBattery)",
  typing: "waits while you type, because there is no GPU in use",
};

function readText({ base, overlay }: Status): string {
  if (base === undefined) return "nothing read yet";
  const files = `${base.files} files whole and ${base.outlines} as outlines in the context`;
  const tokens = `${base.tokens.toLocaleString("en")} of ${base.totalTokens.toLocaleString("en")} tokens`;
  const read = `${files}, ${tokens} (${base.origin})`;
  if (overlay === undefined) return `${read}; nothing changed since`;
  const changed = `${overlay.files} changed since, ${overlay.tokens.toLocaleString("en")} tokens behind them`;
  return overlay.onlyNamed === 0 ? `${read}; ${changed}` : `${read}; ${changed}, ${overlay.onlyNamed} only named`;
}

/** What each token takes, by the type of the cache: the factor behind its size. */
function perToken({ kvBytesPerToken, kvType }: LoadedModel): string {
  const types = Object.entries(kvBytesPerToken).map(
    ([type, bytes]) => `${bytes.toLocaleString("en")} bytes in ${type}`,
  );
  return `KV cache per token: ${types.join(", ")}; ${kvType} is used.`;
}

/** The arithmetic behind the length of the base, one step a line: the sentences of the context map. */
async function budgetRows({ session, reader }: DoctorOptions): Promise<DoctorRow[]> {
  if (session.active === undefined) return [];
  const { budget } = await reader.view();
  return budget === undefined ? [] : [row("budget", "good", budget.sentences.join("\n"))];
}

async function storageRows({ storageDir, snapshotDir, engine, settings }: DoctorOptions): Promise<DoctorRow[]> {
  try {
    await makeFolder(storageDir);
    await access(storageDir, constants.W_OK);
  } catch (error) {
    const text = `${storageDir} cannot be written (${reasonOf(error)}): models and snapshots are not kept`;
    return [row("storage", "bad", text)];
  }
  const { bavail, bsize } = await statfs(storageDir);
  const freeBytes = bavail * bsize;
  const text = `${storageDir}: ${formatBytes(freeBytes)} free`;
  const disk = row("storage", freeBytes < LITTLE_DISK_BYTES ? "warning" : "good", text);
  let all: SnapshotInfo[];
  try {
    all = await engine.listSnapshots(dirname(snapshotDir));
  } catch (error) {
    return [disk, row("snapshots", "bad", reasonOf(error))];
  }
  const own = all.filter((snapshot) => snapshot.workspace === basename(snapshotDir));
  const { snapshots, snapshotGigabytes } = settings.current.context;
  const quota = `of ${snapshotGigabytes} GB allowed`;
  const kept = `${countOf(own)} of this workspace, ${sizeOf(own)}; ${sizeOf(all)} for all workspaces ${quota}`;
  return [disk, row("snapshots", "good", snapshots ? kept : `switched off; ${kept}`)];
}

function countOf(snapshots: readonly SnapshotInfo[]): string {
  return snapshots.length === 1 ? "1 snapshot" : `${snapshots.length} snapshots`;
}

function sizeOf(snapshots: readonly SnapshotInfo[]): string {
  return formatBytes(snapshots.reduce((sum, { bytes }) => sum + bytes, 0));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function row(topic: string, verdict: DoctorRow["verdict"], text: string): DoctorRow {
  return { topic, verdict, text };
}
