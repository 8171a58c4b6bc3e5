// Owns the language client: its start, restarts, end, and the status it last reported; knows no feature.
import { randomUUID } from "node:crypto";
import {
  type CancellationToken,
  type Disposable,
  type Event,
  EventEmitter,
  type ExtensionContext,
  extensions,
  type LogOutputChannel,
  l10n,
  window,
  workspace,
} from "vscode";
import {
  CloseAction,
  ErrorAction,
  ErrorCodes,
  type ErrorHandler,
  LanguageClient,
  type LanguageClientOptions,
  type Middleware,
  type NotificationType,
  ProgressType,
  type ProtocolRequestType,
  type RequestHandler,
  type RequestParam,
  type RequestType,
  ResponseError,
  RevealOutputChannelOn,
  type ServerOptions,
  State,
  TransportKind,
  WorkDoneProgress,
  type WorkDoneProgressBegin,
  WorkDoneProgressCancelNotification,
  type WorkDoneProgressEnd,
  type WorkDoneProgressReport,
} from "vscode-languageclient/node";
import {
  type InitializationOptions,
  type Status,
  StatusNotification,
  StatusRequest,
  TrustGrantedNotification,
} from "../../server/src/protocol/messages.ts";
import { SETTINGS_SECTION } from "../../server/src/protocol/settings.ts";
import { proxyEnvironment } from "./proxy.ts";
import { MAX_RESTARTS, RESTART_WINDOW_MS, RestartPolicy } from "./restartPolicy.ts";
import { symbolProviders } from "./symbolProviders.ts";

/** Transport errors in a row after which the connection counts as broken; one bad message is no reason to end it. */
const MAX_TRANSPORT_ERRORS = 3;
/**
 * How long a server may take to end in order, milliseconds: it saves what it has read, and the processes of index and engine
 * have up to 3 s. VS Code gives an extension 5 s when a window closes.
 */
const END_MS = 4000;
/** Progress tokens that begin so belong to requests of this extension; all others were begun by the server. */
const OWN_TOKEN_PREFIX = "fathom-";

/** What the server is told about; text of other schemes it does not know. */
export const SERVED_SCHEMES: readonly string[] = ["file", "untitled"];

export type ProgressValue = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

/** The connection to the language server; survives crashes, restarts and failed starts. */
export class ServerConnection implements Disposable {
  readonly #context: ExtensionContext;
  readonly #log: LogOutputChannel;
  readonly #middleware: Middleware;
  readonly #policy = new RestartPolicy();
  readonly #statusChanged = new EventEmitter<Status>();
  /** Cancellable work that the server began by itself, e.g. reading the workspace at its start. */
  readonly #serverWork = new Set<string | number>();
  #status: Status = localStatus("starting", l10n.t("The language server is starting."));
  #client: LanguageClient | undefined;
  #replacing: Promise<unknown> = Promise.resolve();
  /** What lives as long as one client; the extension's own list is `context.subscriptions`. */
  #clientCleanup: Disposable[] = [];
  /** Register with each new client what answers the server's requests. */
  readonly #answers: ((client: LanguageClient) => Disposable)[] = [];

  /** Fires with the whole status at each change. */
  readonly onStatus: Event<Status> = this.#statusChanged.event;

  constructor(context: ExtensionContext, log: LogOutputChannel, middleware: Middleware) {
    this.#context = context;
    this.#log = log;
    this.#middleware = middleware;
  }

  get status(): Status {
    return this.#status;
  }

  /** Starts a new server, after ending the one before. A failure ends up in the status, not in a rejection. */
  async start(): Promise<void> {
    const replaced = this.#replacing.then(() => this.#replaceClient());
    // Two restarts in quick succession must not leave two servers; a failed one must not block the next.
    this.#replacing = replaced.then(undefined, () => undefined);
    const client = await replaced;
    try {
      await client.start();
      // Stopped before its process existed: then it could not be ended, and only now can.
      if (this.#client !== client) await this.#end(client);
    } catch (error) {
      // A server that exits at its start comes here once, while the restart policy already tries again.
      this.#log.error(`The language server did not start: ${String(error)}`);
    }
  }

  /** The user asked for a new start: earlier crashes no longer count. */
  async restart(): Promise<void> {
    this.#policy.reset();
    await this.start();
  }

  /** Ends the server and everything that lives as long as it; does nothing when there is none. */
  async stop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    for (const disposable of this.#clientCleanup.splice(0)) disposable.dispose();
    this.#serverWork.clear();
    if (client !== undefined) await this.#end(client);
  }

  dispose(): void {
    this.#statusChanged.dispose();
  }

  /** Sends a request; rejects with a sentence when no server runs. */
  request<P, R>(type: RequestType<P, R, void>, params: NoInfer<P>, token?: CancellationToken): Promise<R> {
    const client = this.#client;
    if (client === undefined || client.state === State.Stopped) {
      return Promise.reject(
        new ResponseError(ErrorCodes.ConnectionInactive, l10n.t("Fathom's language server is not running.")),
      );
    }
    return client.sendRequest(type, params as RequestParam<P>, token);
  }

  /** Answers requests of every server that is started from now on. */
  answer<P, R>(type: RequestType<P, R, void>, handler: (params: P, token: CancellationToken) => Promise<R>): void {
    this.#answers.push((client) => client.onRequest(type, handler as RequestHandler<P, R, void>));
  }

  /** Tells the server something; does nothing when none runs. */
  notify<P>(type: NotificationType<P>, params: NoInfer<P>): void {
    const client = this.#client;
    if (client?.state === State.Running)
      client.sendNotification(type, params as RequestParam<P>).catch(this.#logRejection);
  }

  /**
   * Sends a request whose answer streams.
   * @param onEvent Called for each partial result, until the request settles.
   */
  async requestStreaming<P extends object, R, PR>(
    type: ProtocolRequestType<P, R, PR, void, void>,
    params: NoInfer<P>,
    token: CancellationToken,
    onEvent: (event: PR) => void,
  ): Promise<R> {
    const partialResultToken = OWN_TOKEN_PREFIX + randomUUID();
    const listener = this.#client?.onProgress(new ProgressType<PR>(), partialResultToken, onEvent);
    try {
      return await this.request(type, { ...params, partialResultToken }, token);
    } finally {
      listener?.dispose();
    }
  }

  /**
   * Sends a request that reports how far it is.
   * @param onProgress Called for each begin, report and end, until the request settles.
   */
  async requestWithProgress<P extends object, R, PR>(
    type: ProtocolRequestType<P, R, PR, void, void>,
    params: NoInfer<P>,
    token: CancellationToken,
    onProgress: (value: ProgressValue) => void,
  ): Promise<R> {
    const workDoneToken = OWN_TOKEN_PREFIX + randomUUID();
    const listener = this.#client?.onProgress(WorkDoneProgress.type, workDoneToken, onProgress);
    try {
      return await this.request(type, { ...params, workDoneToken }, token);
    } finally {
      listener?.dispose();
    }
  }

  /**
   * Cancels the work that the server began by itself.
   * @returns How many pieces of work were told to end.
   */
  async cancelServerWork(): Promise<number> {
    const tokens = [...this.#serverWork];
    for (const token of tokens)
      await this.#client?.sendNotification(WorkDoneProgressCancelNotification.type, { token });
    return tokens.length;
  }

  async #replaceClient(): Promise<LanguageClient> {
    await this.stop();
    this.#setStatus(localStatus("starting", l10n.t("The language server is starting.")));
    const isCurrent = () => this.#client === client;
    const client: LanguageClient = new LanguageClient(
      "fathom",
      "Fathom",
      this.#serverOptions(),
      this.#clientOptions(isCurrent),
    );
    this.#client = client;
    this.#clientCleanup.push(
      client.onNotification(StatusNotification.type, (status) => this.#setStatus(status)),
      client.onDidChangeState(({ newState }) => this.#clientStateChanged(client, newState)),
      ...this.#answers.map((register) => register(client)),
      workspace.onDidGrantWorkspaceTrust(() => this.#tellTrust(client)),
    );
    return client;
  }

  async #end(client: LanguageClient): Promise<void> {
    try {
      await client.dispose(END_MS);
    } catch (error) {
      // A client that is still starting, or a server that hangs, cannot be stopped in an orderly way.
      this.#log.warn(`The language server did not end by itself: ${String(error)}`);
      client.serverProcess?.kill();
    }
  }

  #serverOptions(): ServerOptions {
    const module = this.#context.asAbsolutePath("dist/server.mjs");
    const settings = workspace.getConfiguration("http");
    const env = proxyEnvironment(settings.get("proxy"), settings.get("noProxy"));
    const run = { module, transport: TransportKind.ipc, options: { env } };
    return { run, debug: run };
  }

  #clientOptions(isCurrent: () => boolean): LanguageClientOptions {
    return {
      documentSelector: SERVED_SCHEMES.map((scheme) => ({ scheme })),
      synchronize: { configurationSection: SETTINGS_SECTION },
      outputChannel: this.#log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      // A function, because a crashed server is started again with what is true by then.
      initializationOptions: (): InitializationOptions => ({
        trusted: workspace.isTrusted,
        storageDir: this.#context.globalStorageUri.fsPath,
        status: true,
        definitions: true,
        symbolProviders: symbolProviders((id) => extensions.getExtension(id) !== undefined),
      }),
      errorHandler: this.#errorHandler(isCurrent),
      middleware: {
        ...this.#middleware,
        handleWorkDoneProgress: (token, params, next) => {
          this.#noteServerWork(token, params);
          next(token, params);
        },
      },
    };
  }

  /** @param isCurrent False for a client that was stopped on purpose; its end is no crash. */
  #errorHandler(isCurrent: () => boolean): ErrorHandler {
    return {
      error: (_error, _message, count) => ({
        action: (count ?? 0) <= MAX_TRANSPORT_ERRORS ? ErrorAction.Continue : ErrorAction.Shutdown,
        handled: true,
      }),
      closed: () => {
        if (!isCurrent()) return { action: CloseAction.DoNotRestart, handled: true };
        this.#serverWork.clear();
        if (this.#policy.mayRestart(Date.now())) {
          this.#setStatus(localStatus("restarting", l10n.t("The language server stopped and is being started again.")));
          return { action: CloseAction.Restart, handled: true };
        }
        void this.#sayCrashLoop();
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    };
  }

  async #sayCrashLoop(): Promise<void> {
    const minutes = RESTART_WINDOW_MS / 60_000;
    const sentence = l10n.t(
      "Fathom's language server stopped {0} times within {1} minutes and is not started again; your files are untouched.",
      MAX_RESTARTS + 1,
      minutes,
    );
    this.#setStatus(localStatus("failed", sentence));
    const restart = l10n.t("Restart");
    const chosen = await window.showErrorMessage(sentence, restart);
    if (chosen === restart) await this.restart();
  }

  #clientStateChanged(client: LanguageClient, state: State): void {
    this.#log.info(`Language server: ${stateName(state)}.`);
    // `start()` settles after the initialized notification; a request sent before it would come too early.
    if (state === State.Running) void client.start().then(() => this.#askStatus(client), this.#logRejection);
    const isOver = state === State.Stopped || state === State.StartFailed;
    if (isOver && this.#status.state !== "restarting" && this.#status.state !== "failed") {
      this.#setStatus(localStatus("failed", l10n.t("The language server is not running; the log says why.")));
    }
  }

  async #askStatus(client: LanguageClient): Promise<void> {
    try {
      const status = await client.sendRequest(StatusRequest.type, null);
      if (this.#client === client) this.#setStatus(status);
    } catch (error) {
      this.#logRejection(error);
    }
  }

  #tellTrust(client: LanguageClient): void {
    client.sendNotification(TrustGrantedNotification.type, null).catch(this.#logRejection);
  }

  #noteServerWork(token: string | number, value: ProgressValue): void {
    if (typeof token === "string" && token.startsWith(OWN_TOKEN_PREFIX)) return;
    if (value.kind === "begin" && value.cancellable) this.#serverWork.add(token);
    if (value.kind === "end") this.#serverWork.delete(token);
  }

  #setStatus(status: Status): void {
    this.#status = status;
    this.#statusChanged.fire(status);
  }

  readonly #logRejection = (error: unknown): void => this.#log.warn(`A message to the server failed: ${String(error)}`);
}

/** A status for the time in which no server can tell one. */
function localStatus(state: Status["state"], message: string): Status {
  return { state, message, engineRestarts: 0 };
}

function stateName(state: State): string {
  const names: Record<State, string> = {
    [State.Starting]: "starting",
    [State.StartFailed]: "start failed",
    [State.Running]: "running",
    [State.Stopped]: "stopped",
  };
  return names[state];
}
