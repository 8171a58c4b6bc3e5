// Speaks real LSP to the real server process, the way an editor does; one session is one process on one temporary workspace.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  type CancellationToken,
  CancellationTokenSource,
  createProtocolConnection,
  type FileChangeType,
  type InitializeParams,
  type InitializeResult,
  type InlineCompletionItem,
  InlineCompletionRequest,
  InlineCompletionTriggerKind,
  type ProgressToken,
  ProgressType,
  type ProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type WorkDoneProgressReport,
} from "vscode-languageserver-protocol/node";
import {
  type AnswerEvent,
  type ChatParams,
  ChatRequest,
  DoctorRequest,
  type InitializationOptions,
  type PrefillOutcome,
  type PrefillParams,
  PrefillRequest,
  type Status,
  StatusNotification,
  StatusRequest,
} from "../../server/src/protocol/messages.ts";
import { tinyModelFiles } from "../model/tinyModel.ts";

export const SERVER = fileURLToPath(new URL("../../dist/server.mjs", import.meta.url));

/** A few small files with symbols to find. */
export const FILES: Record<string, string> = {
  "src/parser.ts":
    "export interface Header {\n  name: string;\n}\n\n/** Reads the first line. */\nexport function parseHeader(text: string): Header {\n  const name = text.split(':')[0] ?? '';\n  return { name };\n}\n",
  "src/render.ts":
    "import { parseHeader } from './parser';\n\nexport function renderTitle(text: string): string {\n  return '<h1>' + parseHeader(text).name + '</h1>';\n}\n",
  "README.md": "# Sample\n\nTurns headers into titles.\n",
};

export interface SessionOptions {
  files?: Record<string, string>;
  /** A folder that is there already, e.g. of a session that was stopped; no files are written. */
  folder?: string;
  settings?: Record<string, unknown>;
  /** Answer `workspace/configuration`, as VS Code does; else settings go with the start options. */
  asksConfiguration?: boolean;
  initialization?: InitializationOptions;
  storageDir?: string;
  capabilities?: InitializeParams["capabilities"];
  /** Folders of the workspace within the session's folder; default: that folder itself. */
  roots?: string[];
  /** Script of the server; default: the built one. */
  server?: string;
  /** Environment variables of the server, on top of the test's own. */
  env?: NodeJS.ProcessEnv;
}

/** A client's message box. */
export interface Shown {
  type: number;
  message: string;
}

export class Session {
  readonly folder: string;
  readonly storageDir: string;
  readonly statuses: Status[] = [];
  readonly logs: string[] = [];
  readonly shown: Shown[] = [];
  /** Called with each status. */
  onStatus: (status: Status) => void = () => {};
  readonly connection: ProtocolConnection;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  #settings: Record<string, unknown>;
  #waiting: { test: (status: Status) => boolean; found: (status: Status) => void }[] = [];

  constructor(options: SessionOptions) {
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), "fathom-lsp-"));
    this.storageDir = options.storageDir ?? mkdtempSync(join(tmpdir(), "fathom-storage-"));
    this.#settings = options.settings ?? settingsForTiny();
    const files = options.folder === undefined ? (options.files ?? FILES) : {};
    for (const [path, text] of Object.entries(files)) this.write(path, text);
    const env = { ...process.env, ...options.env };
    this.#child = spawn(process.execPath, [options.server ?? SERVER, "--stdio"], {
      stdio: ["pipe", "pipe", "pipe"],
      env,
    });
    this.#exit = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stderr?.on("data", (data: Buffer) => this.logs.push(data.toString()));
    this.connection = createProtocolConnection(
      new StreamMessageReader(this.#child.stdout!),
      new StreamMessageWriter(this.#child.stdin!),
    );
    this.connection.onNotification(StatusNotification.type, (status) => this.#take(status));
    this.connection.onNotification("window/logMessage", ({ message }: { message: string }) => {
      this.logs.push(message);
    });
    this.connection.onNotification("window/showMessage", (shown: Shown) => void this.shown.push(shown));
    this.connection.onRequest("client/registerCapability", () => null);
    this.connection.onRequest("workspace/configuration", () => [this.#settings]);
    this.connection.listen();
  }

  static async start(options: SessionOptions = {}): Promise<Session> {
    const session = new Session(options);
    await session.initialize(options);
    return session;
  }

  async initialize(options: SessionOptions): Promise<InitializeResult> {
    const workspaceFolders = (options.roots ?? [""]).map((root) => ({
      uri: pathToFileURL(join(this.folder, root)).href,
      name: root === "" ? "sample" : root,
    }));
    const asks = options.asksConfiguration ?? true;
    const params: InitializeParams = {
      processId: process.pid,
      rootUri: workspaceFolders[0]!.uri,
      workspaceFolders,
      capabilities: options.capabilities ?? { workspace: { configuration: asks }, window: { workDoneProgress: true } },
      initializationOptions: {
        storageDir: this.storageDir,
        status: true,
        settings: asks ? undefined : this.#settings,
        ...options.initialization,
      },
    };
    const result = await this.connection.sendRequest<InitializeResult>("initialize", params);
    await this.connection.sendNotification("initialized", {});
    return result;
  }

  write(path: string, text: string): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  remove(path: string): void {
    rmSync(join(this.folder, path));
  }

  uri(path: string): string {
    return pathToFileURL(join(this.folder, path)).href;
  }

  async open(path: string, text: string, languageId = "typescript"): Promise<void> {
    const textDocument = { uri: this.uri(path), languageId, version: 1, text };
    await this.connection.sendNotification("textDocument/didOpen", { textDocument });
  }

  async change(path: string, version: number, text: string): Promise<void> {
    const textDocument = { uri: this.uri(path), version };
    await this.connection.sendNotification("textDocument/didChange", { textDocument, contentChanges: [{ text }] });
  }

  async close(path: string): Promise<void> {
    await this.connection.sendNotification("textDocument/didClose", { textDocument: { uri: this.uri(path) } });
  }

  async fileEvent(path: string, type: FileChangeType): Promise<void> {
    const changes = [{ uri: this.uri(path), type }];
    await this.connection.sendNotification("workspace/didChangeWatchedFiles", { changes });
  }

  complete(
    path: string,
    position: { line: number; character: number },
    token?: CancellationToken,
  ): Promise<InlineCompletionItem[] | null> {
    const context = { triggerKind: InlineCompletionTriggerKind.Automatic };
    const params = { textDocument: { uri: this.uri(path) }, position, context };
    return this.connection.sendRequest(InlineCompletionRequest.type, params, token) as Promise<
      InlineCompletionItem[] | null
    >;
  }

  async ask(params: ChatParams, token?: CancellationToken) {
    const { events, partialResultToken } = this.collect<AnswerEvent>();
    const outcome = await this.connection.sendRequest(ChatRequest.type, { ...params, partialResultToken }, token);
    return { outcome, events };
  }

  /** Listens for progress values of a fresh token; `first` resolves with the first event that fits. */
  collect<T>(fits: (event: T) => boolean = () => true) {
    const events: T[] = [];
    const partialResultToken: ProgressToken = `token-${Math.random()}`;
    const first = new Promise<T>((resolve) => {
      this.connection.onProgress(new ProgressType<T>(), partialResultToken, (event) => {
        events.push(event);
        if (fits(event)) resolve(event);
      });
    });
    return { events, partialResultToken, first };
  }

  async changeSettings(settings: Record<string, unknown>): Promise<void> {
    this.#settings = settings;
    await this.connection.sendNotification("workspace/didChangeConfiguration", { settings: { fathom: settings } });
  }

  /** The next status that fits, or one seen already. */
  async status(test: (status: Status) => boolean): Promise<Status> {
    const seen = this.statuses.findLast(test);
    return seen ?? this.nextStatus(test);
  }

  /** A status that fits and was not seen yet. */
  nextStatus(test: (status: Status) => boolean): Promise<Status> {
    return new Promise((found) => this.#waiting.push({ test, found }));
  }

  ready(): Promise<Status> {
    return this.status((status) => status.state === "ready");
  }

  async enginePid(): Promise<number> {
    const rows = await this.connection.sendRequest(DoctorRequest.type, null);
    const pid = /engine process (\d+)/.exec(rows.find((row) => row.topic === "runtime")?.text ?? "")?.[1];
    if (pid === undefined) throw new Error("The doctor names no engine process.");
    return Number(pid);
  }

  cancellation(): CancellationTokenSource {
    return new CancellationTokenSource();
  }

  /** The status as it is now. */
  statusNow(): Promise<Status> {
    return this.connection.sendRequest(StatusRequest.type, null);
  }

  /**
   * Sends messages while the engine stands still: whatever else runs on the machine, the model answers none of them before
   * the server has heard them all. Windows cannot stop a process; there they are only sent.
   */
  async unanswered(send: () => Promise<void>): Promise<void> {
    const pid = await this.enginePid();
    const signal = (name: NodeJS.Signals) => process.platform === "win32" || process.kill(pid, name);
    signal("SIGSTOP");
    try {
      await send();
      // Messages are heard in their order.
      await this.statusNow();
    } finally {
      signal("SIGCONT");
    }
  }

  /** Reads the workspace. @param onReport Hears what a progress bar shows. */
  read(
    params: PrefillParams = {},
    onReport: (report: WorkDoneProgressReport) => void = () => {},
  ): Promise<PrefillOutcome> {
    const { partialResultToken: workDoneToken } = this.collect<WorkDoneProgressReport>((report) => {
      if (report.kind === "report") onReport(report);
      return false;
    });
    return this.connection.sendRequest(PrefillRequest.type, { ...params, workDoneToken });
  }

  /** Ends the server as a crash does. Requests in flight fail; the folders stay. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
    this.connection.dispose();
  }

  /** Ends in the order that LSP wants and keeps the folders. @returns The server's exit code. */
  async stop(): Promise<number | null> {
    await this.connection.sendRequest("shutdown");
    await this.connection.sendNotification("exit");
    const code = await this.#exit;
    this.connection.dispose();
    return code;
  }

  /** The same, and removes the folders. */
  async end(): Promise<number | null> {
    const code = await this.stop();
    this.removeFolders();
    return code;
  }

  removeFolders(): void {
    for (const folder of [this.folder, this.storageDir]) rmSync(folder, { recursive: true, force: true });
  }

  #take(status: Status): void {
    this.statuses.push(status);
    const fitting = this.#waiting.filter(({ test }) => test(status));
    this.#waiting = this.#waiting.filter((waiting) => !fitting.includes(waiting));
    for (const { found } of fitting) found(status);
    this.onStatus(status);
  }
}

/** Settings that run the tiny test model in a small context, reading only when asked. */
export function settingsForTiny(changes: Record<string, Record<string, unknown>> = {}): Record<string, unknown> {
  const { model, mmproj } = tinyModelFiles();
  return {
    model: { path: model, mmproj, gpu: "cpu", ...changes.model },
    context: { maxTokens: 8192, readOnStart: false, ...changes.context },
    completion: { maxTokens: 16, ...changes.completion },
    chat: { maxTokens: 24, ...changes.chat },
  };
}

/** Ends the session whatever the test did. */
export async function withSession(options: SessionOptions, work: (session: Session) => Promise<void>): Promise<void> {
  const session = await Session.start(options);
  try {
    await work(session);
  } finally {
    await session.end();
  }
}

/** The parameters of a first question. */
export function question(text: string): ChatParams {
  return { turns: [{ role: "user", text }] };
}

export const HALF_FUNCTION = "function add(a: number, b: number) {\n  return \n}\n";
