// Every request and notification of Fathom's own between client and server, besides standard LSP; pure types and constants.
import {
  NotificationType,
  type PartialResultParams,
  ProtocolNotificationType,
  ProtocolRequestType,
  type Range,
  RequestType,
  type WorkDoneProgressParams,
} from "vscode-languageserver-protocol";

/** Tokens and times of one piece of work, shown wherever its result is shown. Times in milliseconds. */
export interface Figures {
  promptTokens: number;
  reusedTokens: number;
  evaluatedTokens: number;
  generatedTokens: number;
  chunks: number;
  prefillMs: number;
  decodeMs: number;
  firstTokenMs: number;
  totalMs: number;
}

/** A place in the workspace, with 0-based lines as everywhere in LSP. */
export interface Place {
  uri: string;
  /** Path relative to its workspace folder, with forward slashes. */
  path: string;
  startLine: number;
  /** Inclusive. */
  endLine: number;
  symbol?: string;
  /** Why it was found, for people: `symbol parseHeader`, `3 words of the question`. */
  reason: string;
  preview: string;
}

export type EngineState =
  /** No model is configured and the demo model is switched off. */
  | "noModel"
  /** The workspace is not trusted: nothing of it is read. */
  | "untrusted"
  | "starting"
  | "loading"
  | "reading"
  | "ready"
  | "restarting"
  | "failed";

export interface ReadingProgress {
  /** "compaction": a new base is being built while the old one serves. */
  purpose: "base" | "compaction";
  phase: "tokenize" | "restore" | "prefill" | "save";
  doneTokens: number;
  totalTokens: number;
  doneFiles: number;
  totalFiles: number;
  file: string;
  tokensPerSecond: number;
  /** Estimate from the measured speed; absent before there is one. */
  secondsLeft?: number;
}

/** Why reading and compaction wait; questions and completions do not. */
export type HoldReason = "user" | "battery" | "typing";

export interface ModelStatus {
  name: string;
  file: string;
  demo: boolean;
  contextTokens: number;
  kvType: string;
  gpu: string;
  canFillInMiddle: boolean;
  canSeeImages: boolean;
}

export interface BaseStatus {
  tokens: number;
  totalTokens: number;
  /** Files that are in it whole. */
  files: number;
  /** Files of which only the outline is in it. */
  outlines: number;
  /** How many files and folders were left out; `fathom/prefill` names them. */
  leftOut: number;
  origin: "memory" | "snapshot" | "computed";
}

export interface OverlayStatus {
  files: number;
  tokens: number;
  /** Changed files that are only named, because there is no room for their texts until the next compaction. */
  onlyNamed: number;
}

/** How far an embedding model's vectors of the chunks are. */
export interface EmbeddingProgress {
  /** Chunks that have one. */
  chunks: number;
  totalChunks: number;
  /** Enough have one, so that searches use them; else the bundled embedder's are used. */
  inUse: boolean;
}

/** The embedding model that the setting names. */
export interface EmbeddingStatus extends EmbeddingProgress {
  /** Its name, or its file's while nothing else is known. */
  model: string;
  /** Why there are no vectors of it, as a sentence; searches use the bundled embedder's. */
  problem?: string;
}

/** How far the search index is. */
export interface IndexStatus {
  /** "indexing": searches find what is indexed so far; "off": it failed too often, nothing is found. */
  phase: "indexing" | "ready" | "off";
  /** Files that can be found. */
  files: number;
  totalFiles: number;
  chunks: number;
  /** Size on disk when it was last ready; 0: kept in memory. */
  bytes?: number;
  /** Absent: no embedding model is set, the bundled embedder makes the vectors. */
  embedding?: EmbeddingStatus;
}

/** Shown with everything that the demo model produced. */
export const DEMO_NOTICE = "Demo model: for trying the mechanics, not for answers.";

/** Everything the status bar and `fathom doctor` need; sent whole on each change. */
export interface Status {
  state: EngineState;
  /** One sentence for people: what is going on, or what to do. */
  message: string;
  model?: ModelStatus;
  reading?: ReadingProgress;
  base?: BaseStatus;
  /** What changed since the base was read and follows it in each question. Absent: nothing. */
  overlay?: OverlayStatus;
  /** Set while reading or compaction waits. */
  hold?: HoldReason;
  /** Absent until something was asked about the workspace. */
  index?: IndexStatus;
  /** Why the last completion showed nothing, or its figures. */
  lastCompletion?: { reason: string; figures?: Figures };
  /** How often the engine process was restarted in this session. */
  engineRestarts: number;
}

/** Server → client: the status changed. */
export const StatusNotification = {
  type: new ProtocolNotificationType<Status, void>("fathom/status"),
};

/** Client → server: the status now. */
export const StatusRequest = {
  type: new RequestType<null, Status, void>("fathom/getStatus"),
};

export interface PrefillParams extends WorkDoneProgressParams {
  /** Look through all files again, even if no change was noticed. */
  force?: boolean;
}

export interface PrefillOutcome {
  figures: Figures;
  cancelled: boolean;
  origin: "memory" | "snapshot" | "computed";
  /** Files that are in the base whole. */
  files: number;
  /** Files of which only the outline is in it. */
  outlines: number;
  leftOut: { path: string; reason: string }[];
  savedBytes?: number;
  savedMs?: number;
  /** Tokens of this base that are on disk now: after a restart the reading goes on behind them. */
  savedTokens: number;
  restoredMs?: number;
  notes: string[];
}

/** Client → server: read the workspace into the model's context. Progress by `$/progress`; cancelling keeps what is read. */
export const PrefillRequest = {
  type: new ProtocolRequestType<PrefillParams, PrefillOutcome, never, void, void>("fathom/prefill"),
};

/** Client → server: let reading and compaction wait, or go on. Answers with the status. */
export const PauseReadingRequest = {
  type: new ProtocolRequestType<{ paused: boolean }, Status, never, void, void>("fathom/pauseReading"),
};

/** What the model has of a file. "overlay": its newest text, after an older one in the base or none; "out": not even its path. */
export type FileForm = "whole" | "outline" | "path" | "overlay" | "out";

export interface ContextMapFile {
  /** Path for people; of a folder that is left out, with a slash at the end. */
  path: string;
  /** Absent for what cannot be opened. */
  uri?: string;
  form: FileForm;
  /** Tokens in the context; for "path" and "out" an estimate of what it would take. */
  tokens: number;
  /** Why it has this form, for people. */
  reason: string;
}

export interface ContextMap {
  /** Name of the workspace. */
  workspace: string;
  model?: ModelStatus;
  files: ContextMapFile[];
  totals: {
    windowTokens: number;
    /** The whole base: instructions, list of files, outlines, whole files. */
    baseTokens: number;
    /** The part of it that is read by now. */
    readTokens: number;
    wholeTokens: number;
    outlineTokens: number;
    /** Instructions, repository name and list of files. */
    frontTokens: number;
    overlayTokens: number;
    /** Left for question and answer. */
    roomTokens: number;
    kvBytes: number;
    checkpoints: number;
    checkpointBytes: number;
    /** Snapshots of this workspace, and of all of them. */
    snapshotBytes: number;
    allSnapshotBytes: number;
    snapshotQuotaBytes: number;
    /** Measured while reading; 0: not yet. */
    prefillTokensPerSecond: number;
  };
  /** How the length of the base was found: one sentence a step, in order. */
  arithmetic: string[];
}

/** Client → server: what the model has read, file by file. Works without a model: then every file is a path. */
export const ContextMapRequest = {
  type: new ProtocolRequestType<Record<string, never>, ContextMap, never, void, void>("fathom/contextMap"),
};

/** A state on disk. */
export interface Snapshot {
  id: string;
  /** Folder name of its workspace: a hash, as paths must not be told from outside. */
  workspace: string;
  /** True for the workspace that is open. */
  ofThisWorkspace: boolean;
  kind: "base" | "partial" | "conversation";
  createdAt: string;
  usedAt: string;
  tokens: number;
  bytes: number;
  modelHash: string;
  kvType: string;
  /** Only in answers to `fathom/verifySnapshots`: what is wrong with it; it was set aside. */
  problem?: string;
}

/** Client → server: the snapshots of all workspaces, newest first. */
export const ListSnapshotsRequest = {
  type: new ProtocolRequestType<Record<string, never>, Snapshot[], never, void, void>("fathom/listSnapshots"),
};

/** Client → server: remove the snapshots with these ids (or beginnings of ids), or all. Answers with what was removed. */
export const RemoveSnapshotsRequest = {
  type: new ProtocolRequestType<{ ids: string[] | "all" }, Snapshot[], never, void, void>("fathom/removeSnapshots"),
};

/** Client → server: read every byte of every snapshot and set aside what is damaged. */
export const VerifySnapshotsRequest = {
  type: new ProtocolRequestType<Record<string, never>, Snapshot[], never, void, void>("fathom/verifySnapshots"),
};

/** One event of a streamed answer, sent as partial result. */
export type AnswerEvent =
  | { kind: "places"; places: Place[] }
  | { kind: "note"; text: string }
  | { kind: "thinking"; text: string }
  | { kind: "text"; text: string };

export interface ChatTurn {
  role: "user" | "assistant";
  text: string;
}

export interface ChatParams extends PartialResultParams {
  /** The whole conversation, oldest first; the last turn is the question. The server keeps no memory of it. */
  turns: ChatTurn[];
  thinking?: boolean;
}

export type StopReason = "end" | "stopText" | "maxTokens" | "contextFull" | "repetition" | "cancelled";

export interface ChatOutcome {
  text: string;
  stopReason: StopReason;
  /** Absent when no model answered (none is configured): the places still stand. */
  figures?: Figures;
  places: Place[];
  /** Sentence to show under the answer, e.g. that the demo model made it. */
  notice?: string;
}

/** Client → server: a question about the workspace. Events arrive as partial results; cancelling ends the answer. */
export const ChatRequest = {
  type: new ProtocolRequestType<ChatParams, ChatOutcome, AnswerEvent, void, void>("fathom/chat"),
};

export interface EditParams extends PartialResultParams {
  uri: string;
  range: Range;
  instruction: string;
}

export interface EditOutcome {
  uri: string;
  range: Range;
  /** Text of the range that the proposal was made for; apply only if it is still there. */
  original: string;
  proposal: string;
  stopReason: StopReason;
  figures: Figures;
  notice?: string;
}

/** Client → server: propose a replacement for a selection. Nothing is written; the client shows the diff. */
export const EditRequest = {
  type: new ProtocolRequestType<EditParams, EditOutcome, AnswerEvent, void, void>("fathom/edit"),
};

export interface ScreenshotParams extends PartialResultParams {
  imageBase64: string;
  mimeType: string;
  /** What to make of it, e.g. `a React component`; empty: plain HTML. */
  instruction: string;
}

export interface ScreenshotOutcome {
  code: string;
  /** VS Code language id of the code. */
  languageId: string;
  stopReason: StopReason;
  figures: Figures;
  notice?: string;
}

/** Client → server: code for the user interface in an image. */
export const ScreenshotRequest = {
  type: new ProtocolRequestType<ScreenshotParams, ScreenshotOutcome, AnswerEvent, void, void>("fathom/screenshot"),
};

export interface SearchParams {
  query: string;
  /** Most places to return; default 20. */
  limit?: number;
  /** Wait until the whole workspace is indexed; else a search gives what is found so far in a large one. */
  whole?: boolean;
}

/** Client → server: places by symbol and text; works without a model. */
export const SearchRequest = {
  type: new ProtocolRequestType<SearchParams, Place[], never, void, void>("fathom/search"),
};

export interface RemoveIndexParams {
  /** Those of all workspaces; else that of this one. */
  all?: boolean;
}

export interface RemoveIndexOutcome {
  /** Workspaces whose index was removed. */
  removed: number;
  /** Bytes that they took on disk. */
  bytes: number;
  /** Workspaces whose index another window or command uses: they are kept. */
  inUse: number;
}

/** Client → server: remove what the search has kept on disk; what is open is indexed anew at once. */
export const RemoveIndexRequest = {
  type: new ProtocolRequestType<RemoveIndexParams, RemoveIndexOutcome, never, void, void>("fathom/removeIndex"),
};

/** A model the user can choose: from the catalogue, imported, or the demo model. */
export interface ModelChoice {
  id: string;
  title: string;
  detail: string;
  parameters: string;
  licence: string;
  /** Where it would be downloaded from; absent for local files. */
  source?: string;
  downloadBytes: number;
  installed: boolean;
  selected: boolean;
  /** The one Fathom is built for. */
  recommended?: true;
  /** Sentence: does it fit this machine, and with how much context. */
  fit: string;
}

/** Client → server: the models, installed or not. */
export const ListModelsRequest = {
  type: new RequestType<null, ModelChoice[], void>("fathom/listModels"),
};

export interface DownloadModelParams extends WorkDoneProgressParams {
  id: string;
  /** The host the user agreed to connect to, as shown to them; must equal the source's host, else nothing is fetched. */
  consentToHost: string;
}

/** Client → server: download a model; resumes a partial one. Progress by `$/progress`. */
export const DownloadModelRequest = {
  type: new ProtocolRequestType<DownloadModelParams, ModelChoice, never, void, void>("fathom/downloadModel"),
};

/** Client → server: use a local GGUF file where it is. */
export const ImportModelRequest = {
  type: new ProtocolRequestType<{ file: string; mmproj?: string }, ModelChoice, never, void, void>(
    "fathom/importModel",
  ),
};

/** Client → server: choose an installed model; it is loaded at once. */
export const SelectModelRequest = {
  type: new ProtocolRequestType<{ id: string }, Status, never, void, void>("fathom/selectModel"),
};

/** Client → server: end the engine process and start a new one. */
export const RestartEngineRequest = {
  type: new RequestType<null, Status, void>("fathom/restartEngine"),
};

export interface DoctorRow {
  topic: string;
  verdict: "good" | "warning" | "bad";
  text: string;
}

/** Client → server: hardware, backends, model file and paths, each with a verdict. */
export const DoctorRequest = {
  type: new RequestType<null, DoctorRow[], void>("fathom/doctor"),
};

/** Client → server: the user trusted the workspace after the server started. */
export const TrustGrantedNotification = {
  type: new NotificationType<null>("fathom/trustGranted"),
};

/** Something else in the editor that finds symbols of the workspace, once a document of one of its languages was opened. */
export interface SymbolProvider {
  /** Ids of languages. */
  languages: string[];
  /** Endings of its files, without dots. */
  endings: string[];
}

/** What the client tells in `initializationOptions`. */
export interface InitializationOptions {
  /** False: no model runs on this workspace until TrustGrantedNotification. Default true. */
  trusted?: boolean;
  /** Folder for models and snapshots; default: the user's data folder. */
  storageDir?: string;
  /** True: the client takes `fathom/status`; some editors warn of each message that they do not know. */
  status?: boolean;
  /** True: the client answers `fathom/definitions`. */
  definitions?: boolean;
  /** What else answers `workspace/symbol` in this editor: its files are left to it while it works. */
  symbolProviders?: SymbolProvider[];
  /** Settings for clients without `workspace/configuration`, in the shape of `FathomSettings`. */
  settings?: unknown;
}
