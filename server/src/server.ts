// The composition root: builds every part in the order of its dependencies and connects it to the LSP connection.
import { join } from "node:path";
import envPaths from "env-paths";
import {
  type Connection,
  DidChangeConfigurationNotification,
  DidChangeWatchedFilesNotification,
  type InitializeParams,
  type InitializeResult,
  TextDocumentSyncKind,
} from "vscode-languageserver/node";
import type {
  GenerateHooks,
  GenerateRequest,
  GenerateResult,
  VisionRequest,
  VisionResult,
} from "../../engine/src/api.ts";
import { Chat } from "./chat/chat.ts";
import { BackgroundGate } from "./codebase/backgroundGate.ts";
import { BaseChooser, type BaseChooserOptions } from "./codebase/baseChooser.ts";
import { type BaseRecord, BaseRecords } from "./codebase/baseRecords.ts";
import { SYSTEM_CLOCK } from "./codebase/clock.ts";
import { Compaction } from "./codebase/compaction.ts";
import { registerContextMap } from "./codebase/contextMap.ts";
import { EXCLUDE_SECTIONS, readEditorExcludes } from "./codebase/editorExcludes.ts";
import { Focus } from "./codebase/focus.ts";
import { Notices } from "./codebase/notices.ts";
import { Overlay } from "./codebase/overlay.ts";
import { onBattery } from "./codebase/power.ts";
import { ReadingSpeeds } from "./codebase/readingSpeeds.ts";
import { registerSnapshotRequests } from "./codebase/snapshotRequests.ts";
import { Workspace } from "./codebase/workspace.ts";
import { WorkspaceReader } from "./codebase/workspaceReader.ts";
import { registerWorkspaceSymbols } from "./codebase/workspaceSymbols.ts";
import { askClient } from "./completion/context/definitions.ts";
import { createContext } from "./completion/context/sources.ts";
import { InlineCompletion } from "./completion/inlineCompletion.ts";
import { TotalsFile } from "./completion/totalsFile.ts";
import { CUDA_VERSION, cudaPackages } from "./cuda/cudaPackages.ts";
import { registerCudaRequests } from "./cuda/cudaRequests.ts";
import { CudaRuntime } from "./cuda/cudaRuntime.ts";
import { registerDoctor } from "./doctor.ts";
import { Documents } from "./documents.ts";
import { Edit } from "./edit/edit.ts";
import { EngineHost } from "./engineHost.ts";
import { EmbeddingModel } from "./index/embeddingModel.ts";
import { registerIndexRemoval } from "./index/indexRemoval.ts";
import { IndexService } from "./index/indexService.ts";
import { startIndexProcess } from "./index/startIndexProcess.ts";
import { ModelSession } from "./modelSession.ts";
import { catalogue } from "./models/catalog.ts";
import { ModelLibrary } from "./models/library.ts";
import { registerModelRequests } from "./models/modelRequests.ts";
import { ownMark } from "./processMark.ts";
import { ViewedNotification } from "./protocol/contextMessages.ts";
import { type InitializationOptions, RestartEngineRequest, TrustGrantedNotification } from "./protocol/messages.ts";
import { SETTINGS_SECTION } from "./protocol/settings.ts";
import { handle } from "./requests.ts";
import { Screenshot } from "./screenshot/screenshotToUi.ts";
import { registerServerCommands, SERVER_COMMANDS } from "./serverCommands.ts";
import { SettingsStore } from "./settingsStore.ts";
import { StatusBoard } from "./statusBoard.ts";
import { CursorSyntaxService } from "./syntax/cursorSyntax.ts";
import { SyntaxService } from "./syntax/syntaxService.ts";

/** What ships beside the server. */
export interface ServerResources {
  /** Script of the engine process. */
  engineEntry: string;
  /** Script of the index process. */
  indexEntry: string;
  /** File of the embedder that it uses. */
  embedderFile: string;
  /** Script of the thread that parses. */
  syntaxEntry: string;
  /** Folder of the grammars that it loads. */
  grammarDir: string;
  demoModelDir: string;
}

/** Watches everything: which files matter is decided by the ignore rules, not by a glob. */
const ALL_FILES = "**/*";

/** Waits for `initialize` and builds the server from what the client tells there. */
export function startServer(connection: Connection, resources: ServerResources): void {
  connection.onInitialize((params) => {
    const server = new FathomServer(connection, resources, params);
    connection.onInitialized(() => server.initialized());
    connection.onShutdown(() => server.dispose());
    return server.initializeResult();
  });
  connection.listen();
}

/** What the parts that read the workspace share. */
interface ReaderParts {
  connection: Connection;
  engine: WatchedEngine;
  session: ModelSession;
  settings: SettingsStore;
  status: StatusBoard;
  documents: Documents;
  workspace: Workspace;
}

/** The engine, telling when someone waits for an answer of it: then the machine is not idle. */
class WatchedEngine extends EngineHost {
  /** Called when a request begins; what it returns is called when the request has ended. */
  onRequest: () => () => void = () => () => {};

  override async generate(request: GenerateRequest, hooks?: GenerateHooks): Promise<GenerateResult> {
    const ended = this.onRequest();
    try {
      return await super.generate(request, hooks);
    } finally {
      ended();
    }
  }

  override async see(request: VisionRequest, hooks?: GenerateHooks): Promise<VisionResult> {
    const ended = this.onRequest();
    try {
      return await super.see(request, hooks);
    } finally {
      ended();
    }
  }
}

class FathomServer {
  readonly #connection: Connection;
  readonly #params: InitializeParams;
  readonly #settings: SettingsStore;
  readonly #status: StatusBoard;
  readonly #engine: WatchedEngine;
  readonly #session: ModelSession;
  readonly #workspace: Workspace;
  readonly #index: IndexService;
  readonly #embedding: EmbeddingModel;
  readonly #syntax: SyntaxService;
  readonly #focus: Focus;
  readonly #speeds: ReadingSpeeds;
  readonly #gate: BackgroundGate;
  readonly #reader: WorkspaceReader;
  readonly #compaction: Compaction;
  readonly #cursorSyntax: CursorSyntaxService;
  readonly #completionTotals: TotalsFile;
  readonly #completion: InlineCompletion;
  #trusted: boolean;

  constructor(connection: Connection, resources: ServerResources, params: InitializeParams) {
    const options = (params.initializationOptions ?? {}) as InitializationOptions;
    const storageDir = options.storageDir ?? envPaths("fathom", { suffix: "" }).data;
    this.#connection = connection;
    this.#params = params;
    this.#trusted = options.trusted ?? true;
    this.#settings = new SettingsStore(connection, params);
    this.#status = new StatusBoard(connection, options.status ?? false);
    const cuda = new CudaRuntime({ storageDir, packages: cudaPackages(), version: CUDA_VERSION });
    this.#engine = new WatchedEngine({
      entry: resources.engineEntry,
      laterPackages: cuda.folder,
      log: (line) => connection.console.log(`[engine] ${line}`),
      onCrash: (crash) => this.#session.crashed(crash),
      onRestarted: () => {
        this.#embedding.engineRestarted();
        return this.#session.reload();
      },
    });
    const settings = this.#settings;
    const library = new ModelLibrary({
      storageDir,
      demoModelDir: resources.demoModelDir,
      catalogue: catalogue(),
      get demoEnabled() {
        return settings.current.model.demo;
      },
    });
    this.#session = new ModelSession({ engine: this.#engine, library, settings, status: this.#status });
    const documents = new Documents(connection);
    this.#index = this.#createIndex(resources, join(storageDir, "index"));
    this.#embedding = new EmbeddingModel({
      engine: this.#engine,
      settings,
      index: this.#index,
      tell: (sentence) => connection.console.warn(sentence),
    });
    this.#workspace = new Workspace(params, documents, this.#index);
    this.#speeds = new ReadingSpeeds(join(storageDir, "reading-speeds.json"));
    this.#focus = new Focus({ workspace: this.#workspace, documents });
    this.#syntax = new SyntaxService({ workerEntry: resources.syntaxEntry, grammarDir: resources.grammarDir });
    const parts = {
      connection,
      engine: this.#engine,
      session: this.#session,
      settings: this.#settings,
      status: this.#status,
      documents,
      workspace: this.#workspace,
    };
    this.#cursorSyntax = new CursorSyntaxService({
      workerEntry: resources.syntaxEntry,
      grammarDir: resources.grammarDir,
      onTrouble: (line) => connection.console.warn(line),
    });
    this.#completionTotals = new TotalsFile(join(storageDir, "completion-totals.json"), SYSTEM_CLOCK);
    this.#gate = new BackgroundGate({ ...parts, onBattery, clock: SYSTEM_CLOCK });
    this.#reader = this.#createReader(parts, storageDir);
    const log = (line: string) => connection.console.log(line);
    this.#compaction = new Compaction({ reader: this.#reader, gate: this.#gate, clock: SYSTEM_CLOCK, log });
    this.#connectParts(documents);
    const shared = { ...parts, reader: this.#reader, focus: this.#focus };
    this.#completion = this.#createCompletion(parts, options);
    this.#completion.register();
    new Chat(shared).register();
    new Edit(shared).register();
    new Screenshot(shared).register();
    const assertTrusted = () => this.#session.assertTrusted();
    this.#workspace.register(connection, assertTrusted);
    registerWorkspaceSymbols(connection, { ...parts, providers: options.symbolProviders ?? [], assertTrusted });
    this.#reader.register(connection);
    registerModelRequests(connection, { ...shared, library });
    registerCudaRequests(connection, { ...shared, cuda });
    this.#gate.register(connection);
    const reader = this.#reader;
    const reports = {
      ...shared,
      index: this.#index,
      embedding: this.#embedding,
      speeds: this.#speeds,
      cuda,
      storageDir,
      // Asked for each time: another set of folders has a place of its own.
      get snapshotDir() {
        return reader.snapshotDir;
      },
    };
    registerDoctor(connection, reports);
    registerContextMap(connection, reports);
    registerSnapshotRequests(connection, reports);
    registerIndexRemoval(connection, { ...reports, indexDir: join(storageDir, "index") });
    this.#status.register(connection);
    registerServerCommands(connection, (id) => this.#completion.accepted(id));
    this.#registerLifecycle();
  }

  /** @param indexDir Where the indexes of all workspaces lie. */
  #createIndex({ indexEntry, embedderFile, syntaxEntry, grammarDir }: ServerResources, indexDir: string): IndexService {
    const notices = new Notices((line) => this.#connection.console.warn(line));
    const parts = { embedderFile, syntaxEntry, grammarDir, owner: ownMark() };
    return new IndexService({
      // Only when it starts it is known which folders are open.
      start: (listener) =>
        startIndexProcess(indexEntry, { ...parts, folder: join(indexDir, this.#workspace.key) }, listener),
      clock: SYSTEM_CLOCK,
      embed: (texts, signal) => this.#embedding.embed(texts, signal),
      onStatus: (index) => this.#status.update({ index }),
      onLog: (text) => this.#connection.console.log(text),
      onNotice: (sentence) => notices.tell([sentence]),
    });
  }

  #createReader(parts: ReaderParts, storageDir: string): WorkspaceReader {
    const { engine, workspace, connection } = parts;
    const snapshotDir = () => join(storageDir, "snapshots", workspace.key);
    const records = () => new BaseRecords(snapshotDir());
    const notices = new Notices((line) => connection.console.warn(line));
    const kept = {
      records: {
        all: () => records().all(),
        save: (record: BaseRecord) => records().save(record),
        keepOnly: (record: BaseRecord) => records().keepOnly(record),
      },
      speeds: this.#speeds,
      tell: (notes: readonly string[]) => notices.tell(notes),
    };
    const analyse: BaseChooserOptions["analyse"] = (files, signal) => this.#syntax.analyse(files, signal);
    return new WorkspaceReader({
      ...parts,
      ...kept,
      overlay: new Overlay({ workspace, countTokens: (texts) => engine.countTokens(texts) }),
      chooser: new BaseChooser({ ...parts, ...kept, focus: this.#focus, analyse }),
      gate: this.#gate,
      get snapshotDir() {
        return snapshotDir();
      },
    });
  }

  #createCompletion(parts: ReaderParts, { definitions }: InitializationOptions): InlineCompletion {
    const { connection, engine } = parts;
    const { context, edits, views } = createContext({
      ...parts,
      index: this.#index,
      syntax: this.#syntax,
      clock: SYSTEM_CLOCK,
      countTokens: (texts) => engine.countTokens(texts),
      log: (line) => connection.console.debug(line),
      ...(definitions ? { askForDefinitions: askClient(connection) } : {}),
    });
    connection.onNotification(ViewedNotification.type, (view) => views.viewed(view));
    return new InlineCompletion({
      ...parts,
      syntax: this.#cursorSyntax,
      context,
      edits,
      totals: this.#completionTotals,
      maySpeculate: () => this.#gate.hold !== "battery",
      clock: SYSTEM_CLOCK,
    });
  }

  /** Who hears of what. */
  #connectParts(documents: Documents): void {
    this.#session.onLoaded = () => {
      this.#gate.modelLoaded();
      this.#reader.readOnStart();
    };
    this.#workspace.focusWeights = () => this.#focus.weights();
    this.#reader.onRead = () => this.#compaction.changed();
    this.#engine.onRequest = () => this.#compaction.requested();
    this.#workspace.onChanged = (uris) => {
      this.#reader.changedOnDisk(uris);
      this.#compaction.changed();
    };
    documents.onChange(() => {
      this.#gate.typed();
      this.#compaction.typed();
    });
    if (this.#params.capabilities.workspace?.configuration) {
      this.#workspace.readExcludes = () => readEditorExcludes(this.#connection, this.#workspace.folders);
    }
  }

  initializeResult(): InitializeResult {
    return {
      serverInfo: { name: "Fathom" },
      capabilities: {
        textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: true },
        inlineCompletionProvider: true,
        workspaceSymbolProvider: true,
        executeCommandProvider: { commands: [...SERVER_COMMANDS] },
        workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
      },
    };
  }

  /** The client is ready for requests of ours: settings, file events, then the model. */
  async initialized(): Promise<void> {
    const { workspace } = this.#params.capabilities;
    if (workspace?.didChangeConfiguration?.dynamicRegistration) {
      await this.#connection.client.register(DidChangeConfigurationNotification.type, {
        section: [SETTINGS_SECTION, ...EXCLUDE_SECTIONS],
      });
    }
    if (workspace?.didChangeWatchedFiles?.dynamicRegistration) {
      const watchers = [{ globPattern: ALL_FILES }];
      await this.#connection.client.register(DidChangeWatchedFilesNotification.type, { watchers });
    }
    await this.#settings.refresh();
    this.#settings.onChange = (before, now) => {
      this.#session.settingsChanged(before, now);
      this.#gate.settingsChanged();
      if (this.#trusted) this.#embedding.settingsChanged(before, now);
      // Excludes may have changed; who asks for the files next finds out.
      this.#workspace.forget();
    };
    await this.#start();
  }

  /** Loads the model, and indexes the workspace so that the first search finds everything. */
  async #start(): Promise<void> {
    if (this.#trusted) void this.#embedding.choose();
    await this.#session.start(this.#trusted);
    if (!this.#trusted || this.#workspace.folders.length === 0) return;
    // Whoever asks next meets the same failure, and is answered with it.
    await this.#workspace.files().catch(() => undefined);
  }

  async dispose(): Promise<void> {
    this.#compaction.dispose();
    this.#gate.dispose();
    this.#completion.dispose();
    await this.#reader.stop();
    await Promise.all([
      this.#cursorSyntax.dispose(),
      this.#completionTotals.flush(),
      this.#syntax.dispose(),
      this.#index.dispose(),
      this.#engine.dispose(),
    ]);
  }

  #registerLifecycle(): void {
    this.#connection.onNotification(TrustGrantedNotification.type, () => {
      if (this.#trusted) return;
      this.#trusted = true;
      void this.#start();
    });
    handle(this.#connection, RestartEngineRequest.type, async () => {
      await this.#engine.restart();
      this.#session.forgetFailures();
      void this.#embedding.choose();
      await this.#session.reload();
      return this.#status.current;
    });
  }
}
