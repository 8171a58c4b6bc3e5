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
import { Chat } from "./chat/chat.ts";
import { Workspace } from "./codebase/workspace.ts";
import { WorkspaceReader } from "./codebase/workspaceReader.ts";
import { InlineCompletion } from "./completion/inlineCompletion.ts";
import { registerDoctor } from "./doctor.ts";
import { Documents } from "./documents.ts";
import { Edit } from "./edit/edit.ts";
import { EngineHost } from "./engineHost.ts";
import { ModelSession } from "./modelSession.ts";
import { catalogue } from "./models/catalog.ts";
import { ModelLibrary } from "./models/library.ts";
import { registerModelRequests } from "./models/modelRequests.ts";
import { type InitializationOptions, RestartEngineRequest, TrustGrantedNotification } from "./protocol/messages.ts";
import { SETTINGS_SECTION } from "./protocol/settings.ts";
import { handle } from "./requests.ts";
import { Screenshot } from "./screenshot/screenshotToUi.ts";
import { SettingsStore } from "./settingsStore.ts";
import { StatusBoard } from "./statusBoard.ts";

/** What ships beside the server. */
export interface ServerResources {
  /** Script of the engine process. */
  engineEntry: string;
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

class FathomServer {
  readonly #connection: Connection;
  readonly #params: InitializeParams;
  readonly #settings: SettingsStore;
  readonly #status: StatusBoard;
  readonly #engine: EngineHost;
  readonly #session: ModelSession;
  readonly #workspace: Workspace;
  readonly #reader: WorkspaceReader;
  #trusted: boolean;

  constructor(connection: Connection, resources: ServerResources, params: InitializeParams) {
    const options = (params.initializationOptions ?? {}) as InitializationOptions;
    const storageDir = options.storageDir ?? envPaths("fathom", { suffix: "" }).data;
    this.#connection = connection;
    this.#params = params;
    this.#trusted = options.trusted ?? true;
    this.#settings = new SettingsStore(connection, params);
    this.#status = new StatusBoard(connection);
    this.#engine = new EngineHost({
      entry: resources.engineEntry,
      log: (line) => connection.console.log(`[engine] ${line}`),
      onCrash: (crash) => this.#session.crashed(crash),
      onRestarted: () => this.#session.reload(),
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
    this.#workspace = new Workspace(params, documents);
    this.#reader = new WorkspaceReader({
      engine: this.#engine,
      session: this.#session,
      settings: this.#settings,
      status: this.#status,
      workspace: this.#workspace,
      snapshotDir: join(storageDir, "snapshots", this.#workspace.key),
    });
    this.#session.onLoaded = () => this.#reader.readOnStart();
    const shared = {
      connection,
      engine: this.#engine,
      session: this.#session,
      settings: this.#settings,
      status: this.#status,
      documents,
      workspace: this.#workspace,
      reader: this.#reader,
    };
    new InlineCompletion(shared).register();
    new Chat(shared).register();
    new Edit(shared).register();
    new Screenshot(shared).register();
    this.#workspace.register(connection, () => this.#session.assertTrusted());
    this.#reader.register(connection);
    registerModelRequests(connection, { ...shared, library });
    registerDoctor(connection, { ...shared, storageDir, snapshotDir: this.#reader.snapshotDir });
    this.#status.register(connection);
    this.#registerLifecycle();
  }

  initializeResult(): InitializeResult {
    return {
      serverInfo: { name: "Fathom" },
      capabilities: {
        textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: true },
        inlineCompletionProvider: true,
        workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
      },
    };
  }

  /** The client is ready for requests of ours: settings, file events, then the model. */
  async initialized(): Promise<void> {
    const { workspace } = this.#params.capabilities;
    if (workspace?.didChangeConfiguration?.dynamicRegistration) {
      await this.#connection.client.register(DidChangeConfigurationNotification.type, { section: SETTINGS_SECTION });
    }
    if (workspace?.didChangeWatchedFiles?.dynamicRegistration) {
      const watchers = [{ globPattern: ALL_FILES }];
      await this.#connection.client.register(DidChangeWatchedFilesNotification.type, { watchers });
    }
    await this.#settings.refresh();
    this.#settings.onChange = (before, now) => this.#session.settingsChanged(before, now);
    await this.#session.start(this.#trusted);
  }

  async dispose(): Promise<void> {
    await this.#engine.dispose();
  }

  #registerLifecycle(): void {
    this.#connection.onNotification(TrustGrantedNotification.type, () => {
      if (this.#trusted) return;
      this.#trusted = true;
      void this.#session.start(true);
    });
    handle(this.#connection, RestartEngineRequest.type, async () => {
      await this.#engine.restart();
      this.#session.forgetFailures();
      await this.#session.reload();
      return this.#status.current;
    });
  }
}
