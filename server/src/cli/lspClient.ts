// The client side of the language server for programs without an editor: connects, asks, streams, cancels, ends.
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import {
  CancellationTokenSource,
  createProtocolConnection,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  ExitNotification,
  InitializedNotification,
  type InitializeParams,
  InitializeRequest,
  InlineCompletionRequest,
  InlineCompletionTriggerKind,
  LogMessageNotification,
  MessageType,
  type Position,
  ProgressType,
  type ProtocolConnection,
  RegistrationRequest,
  type RequestParam,
  type RequestType,
  ResponseError,
  ShowMessageNotification,
  ShowMessageRequest,
  ShutdownRequest,
  StreamMessageReader,
  StreamMessageWriter,
  UnregistrationRequest,
  WorkDoneProgress,
  type WorkDoneProgressBegin,
  WorkDoneProgressCreateRequest,
  type WorkDoneProgressEnd,
  type WorkDoneProgressReport,
} from "vscode-languageserver-protocol/node";
import { type InitializationOptions, type Status, StatusNotification, StatusRequest } from "../protocol/messages.ts";
import type { FathomSettings } from "../protocol/settings.ts";
import { type ServerProcess, startServer } from "./serverProcess.ts";

/** How long the server may take to answer `shutdown` before it is ended without, milliseconds. */
const SHUTDOWN_MS = 5000;

export type PartialSettings = { [K in keyof FathomSettings]?: Partial<FathomSettings[K]> };

export type ProgressValue = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

export interface ConnectOptions {
  /** Script of the server; it is started with `--stdio`. */
  serverEntry: string;
  /** Absolute path of the workspace folder; none: the server reads nothing. */
  folder?: string;
  /** What differs from the defaults. */
  settings?: PartialSettings;
  /** False: the server reads nothing of the folder and loads no model. Default true. */
  trusted?: boolean;
  /** Folder for models and snapshots; default: the server's own. */
  storageDir?: string;
  /** Variables of the server process; default: those of this one. */
  env?: NodeJS.ProcessEnv;
  /** Puts the server's sentences, in the status and of failures, into other words; default: as they are. */
  words?: (sentence: string) => string;
  /** Called with the whole status at each change; more listeners: {@link ServerClient.onStatus}. */
  onStatus?: (status: Status) => void;
  /** Called with the sentences that the server wants people to see. */
  onMessage?: (text: string) => void;
  /** Called with lines of the server's log. */
  onLog?: (line: string) => void;
  /** Called with its warnings, which otherwise are lines like the others. */
  onWarning?: (line: string) => void;
  /** Aborting it while the server starts ends the server. */
  signal?: AbortSignal;
}

/** Requests with partial results and without: plain request types say nothing about them. */
type Request<P, R, PR, E> = RequestType<P, R, E> & { readonly _pr?: PR };

export interface RequestHooks<PR> {
  /** Cancels the request; most answer then with what they have. */
  signal?: AbortSignal;
  /** Called for each partial result, in order, before the request settles. */
  onPartial?: (event: PR) => void;
  /** Called for each report of how far the work is. */
  onProgress?: (value: ProgressValue) => void;
}

/** A text that is open in the server, like in an editor; it need not be what is on disk. */
export interface OpenDocument {
  uri: string;
  languageId: string;
  text: string;
}

/** The server ended although nobody asked it to. */
export class ServerEndedError extends Error {
  constructor(how: string, lastWords: string) {
    super(`Fathom's server stopped (${how}); your files are untouched.${lastWords === "" ? "" : `\n${lastWords}`}`);
    this.name = "ServerEndedError";
  }
}

/**
 * Starts a language server and shakes hands with it.
 * @throws A sentence when the server cannot be started or stops; the signal's reason when aborted.
 */
export async function connectServer(options: ConnectOptions): Promise<ServerClient> {
  const server = startServer(options.serverEntry, options.env ?? process.env, options.onLog ?? (() => {}));
  const connection = createProtocolConnection(
    new StreamMessageReader(server.child.stdout),
    new StreamMessageWriter(server.child.stdin),
  );
  const client = new ServerClient(server, connection, options);
  const stop = () => server.child.kill("SIGKILL");
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    options.signal?.throwIfAborted();
    await client.initialize(options);
    return client;
  } catch (error) {
    stop();
    await server.ended;
    connection.dispose();
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
}

/** A connection to one server process. */
export class ServerClient {
  readonly #server: ServerProcess;
  readonly #connection: ProtocolConnection;
  readonly #words: (sentence: string) => string;
  readonly #statusListeners = new Set<(status: Status) => void>();
  #status: Status | undefined;
  #nextToken = 1;
  #hasEnded = false;

  /** Use {@link connectServer}. */
  constructor(server: ServerProcess, connection: ProtocolConnection, options: ConnectOptions) {
    this.#server = server;
    this.#connection = connection;
    this.#words = options.words ?? ((sentence) => sentence);
    if (options.onStatus !== undefined) this.#statusListeners.add(options.onStatus);
    this.#listen(options);
  }

  /** Sends a request; rejects with the server's sentence, or with {@link ServerEndedError}. */
  async request<P, R, PR, E>(
    type: Request<P, R, PR, E>,
    params: NoInfer<RequestParam<P>>,
    hooks: RequestHooks<PR> = {},
  ): Promise<R> {
    const { signal, onPartial, onProgress } = hooks;
    const source = new CancellationTokenSource();
    const cancel = () => source.cancel();
    const listeners: { dispose(): void }[] = [];
    const tokens: { partialResultToken?: string; workDoneToken?: string } = {};
    if (onPartial !== undefined) {
      tokens.partialResultToken = this.#newToken();
      listeners.push(this.#connection.onProgress(new ProgressType<PR>(), tokens.partialResultToken, onPartial));
    }
    if (onProgress !== undefined) {
      tokens.workDoneToken = this.#newToken();
      listeners.push(this.#connection.onProgress(WorkDoneProgress.type, tokens.workDoneToken, onProgress));
    }
    const withTokens = Object.keys(tokens).length === 0 ? params : { ...params, ...tokens };
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    try {
      return await this.#send(type, withTokens, source);
    } finally {
      signal?.removeEventListener("abort", cancel);
      for (const listener of listeners) listener.dispose();
      source.dispose();
    }
  }

  /** The status now, as the server tells it when asked. */
  async status(): Promise<Status> {
    this.#takeStatus(await this.request(StatusRequest.type, null));
    return this.lastStatus;
  }

  /** The status that was heard last. */
  get lastStatus(): Status {
    return this.#status ?? { state: "starting", message: "", engineRestarts: 0 };
  }

  /**
   * Calls the listener with the whole status at each change.
   * @returns Ends that.
   */
  onStatus(listener: (status: Status) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  /** Waits until a status fits, the one now included. */
  async waitForStatus(fits: (status: Status) => boolean, signal?: AbortSignal): Promise<Status> {
    let settle: (status: Status) => void = () => {};
    let fail: (reason: unknown) => void = () => {};
    const found = new Promise<Status>((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    const look = (status: Status) => {
      if (fits(status)) settle(status);
    };
    const abort = () => fail(signal?.reason);
    const unlisten = this.onStatus(look);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    try {
      // The status that is asked for is also told to the listeners.
      await this.status();
      return await Promise.race([found, this.#failure()]);
    } finally {
      unlisten();
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Opens a document for the time of some work, as an editor does. */
  async withDocument<T>(document: OpenDocument, work: () => Promise<T>): Promise<T> {
    await this.#connection.sendNotification(DidOpenTextDocumentNotification.type, {
      textDocument: { ...document, version: 1 },
    });
    try {
      return await work();
    } finally {
      if (!this.#hasEnded) {
        const textDocument = { uri: document.uri };
        await this.#connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument });
      }
    }
  }

  /** The text that the server would insert at a position of an open document; undefined if it proposes none. */
  async complete(uri: string, position: Position, signal?: AbortSignal): Promise<string | undefined> {
    const result = await this.request(
      InlineCompletionRequest.type,
      { textDocument: { uri }, position, context: { triggerKind: InlineCompletionTriggerKind.Invoked } },
      { signal },
    );
    const [item] = Array.isArray(result) ? result : (result?.items ?? []);
    const text = typeof item?.insertText === "string" ? item.insertText : item?.insertText.value;
    return text === "" ? undefined : text;
  }

  /** Says who we are and what we can do. Called once, by {@link connectServer}. */
  async initialize(options: ConnectOptions): Promise<void> {
    const { folder, storageDir } = options;
    const initializationOptions: InitializationOptions = {
      trusted: options.trusted ?? true,
      storageDir,
      status: true,
      settings: options.settings ?? {},
    };
    const rootUri = folder === undefined ? null : pathToFileURL(folder).href;
    const params: InitializeParams = {
      processId: process.pid,
      clientInfo: { name: "fathom command line" },
      rootUri,
      workspaceFolders: rootUri === null ? null : [{ uri: rootUri, name: basename(folder ?? "") }],
      capabilities: {
        general: { positionEncodings: ["utf-16"] },
        window: { workDoneProgress: true },
        workspace: { workspaceFolders: true },
        textDocument: { inlineCompletion: {} },
      },
      initializationOptions,
    };
    await this.request(InitializeRequest.type, params);
    await this.#connection.sendNotification(InitializedNotification.type, {});
  }

  /** Ends the server in the order that LSP wants, by force if it does not follow. */
  async end(): Promise<void> {
    if (!this.#hasEnded) {
      const answered = this.#connection.sendRequest(ShutdownRequest.type).then(
        () => true,
        // It ended in between, which is what was wanted.
        () => false,
      );
      const inTime = await Promise.race([answered, after(SHUTDOWN_MS)]);
      if (inTime) await this.#connection.sendNotification(ExitNotification.type);
    }
    this.#server.child.stdin.end();
    await this.#server.waitForEnd();
    this.#connection.dispose();
  }

  /** Ends the server at once. */
  kill(): void {
    this.#server.child.kill("SIGKILL");
  }

  #listen(options: ConnectOptions): void {
    const { onMessage = () => {}, onLog = () => {}, onWarning = onLog } = options;
    const connection = this.#connection;
    connection.onNotification(StatusNotification.type, (status) => this.#takeStatus(status));
    connection.onNotification(ShowMessageNotification.type, ({ message }) => onMessage(this.#words(message)));
    connection.onNotification(LogMessageNotification.type, ({ type, message }) =>
      type === MessageType.Warning ? onWarning(message) : onLog(message),
    );
    // Nobody can press its buttons here; the sentence is what counts.
    connection.onRequest(ShowMessageRequest.type, ({ message }) => {
      onMessage(this.#words(message));
      return null;
    });
    connection.onRequest(RegistrationRequest.type, () => {});
    connection.onRequest(UnregistrationRequest.type, () => {});
    connection.onRequest(WorkDoneProgressCreateRequest.type, () => {});
    connection.onError(([error]) => onLog(`connection: ${error.message}`));
    void this.#server.ended.then(() => {
      this.#hasEnded = true;
      // Rejects what is still waiting for an answer.
      connection.dispose();
    });
    // A server that ended closes its input; what is written to it then must not end this process too.
    this.#server.child.stdin.on("error", (error) => onLog(`server input: ${error.message}`));
    connection.listen();
  }

  async #send<P, R, E>(
    type: RequestType<P, R, E>,
    params: NoInfer<RequestParam<P>>,
    source: CancellationTokenSource,
  ): Promise<R> {
    try {
      return await this.#connection.sendRequest(type, params, source.token);
    } catch (error) {
      // The stream ends a moment before the process does.
      const closed = this.#hasEnded || this.#server.child.stdout.readableEnded;
      if (closed) throw new ServerEndedError(await this.#server.ended, this.#server.lastWords());
      throw error instanceof ResponseError ? new ResponseError(error.code, this.#words(error.message)) : error;
    }
  }

  async #failure(): Promise<never> {
    throw new ServerEndedError(await this.#server.ended, this.#server.lastWords());
  }

  #takeStatus(status: Status): void {
    const { message, lastCompletion } = status;
    const inWords = lastCompletion && { ...lastCompletion, reason: this.#words(lastCompletion.reason) };
    this.#status = { ...status, message: this.#words(message), lastCompletion: inWords };
    for (const listener of this.#statusListeners) listener(this.#status);
  }

  #newToken(): string {
    return `fathom-cli-${this.#nextToken++}`;
  }
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());
}
