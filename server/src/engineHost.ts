// Starts, supervises and speaks to the engine process: the only caller of the engine; knows nothing of LSP.
import { type ChildProcess, fork } from "node:child_process";
import {
  CancellationTokenSource,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
  type RequestParam,
  type RequestType,
} from "vscode-jsonrpc/node";
import {
  type EmbeddingModelFacts,
  type EmbedHooks,
  type EmbedRequest,
  type EmbedResult,
  type Engine,
  EngineError,
  type GenerateHooks,
  type GenerateRequest,
  type GenerateResult,
  type Hardware,
  type LoadedModel,
  type LoadHooks,
  type LoadOptions,
  type LongContextState,
  type ModelFacts,
  type PrefillHooks,
  type PrefillRequest,
  type PrefillResult,
  type Reach,
  type SnapshotCheck,
  type SnapshotInfo,
  type VisionRequest,
  type VisionResult,
} from "../../engine/src/api.ts";
import {
  type CallProgress,
  CountTokensCall,
  EmbedCall,
  fromWire,
  GenerateCall,
  HardwareCall,
  HoldBackgroundCall,
  InspectCall,
  InspectEmbeddingCall,
  ListSnapshotsCall,
  LoadCall,
  LogEvent,
  LongContextCall,
  PrefillCall,
  PrefillSpeedCall,
  ProgressEvent,
  ReachCall,
  ReleaseEmbeddingCall,
  RemoveSnapshotsCall,
  SeeCall,
  UnloadCall,
  VerifySnapshotsCall,
} from "../../engine/src/rpc.ts";

/** Waiting before restart n, milliseconds: a machine short of memory needs time to recover. */
const BACKOFF_MS = [200, 1000, 5000];

/** So many crashes in a row at the same stage end the attempts (DESIGN 7). */
export const MAX_CRASHES_IN_A_ROW = 3;

/** Crashes further apart than this are not "in a row", milliseconds. */
const CRASH_WINDOW_MS = 10 * 60_000;

/** How long the process may take to end by itself before it is killed, milliseconds. */
const GRACE_MS = 3000;

export interface EngineHostOptions {
  /** Script of the engine process. */
  entry: string;
  /** Folder where the engine looks for the runtime's packages that are not installed beside it. */
  laterPackages?: string;
  log: (line: string) => void;
  /** The process ended without being asked to. `restartInMs` is undefined when it will not be started again. */
  onCrash: (crash: EngineCrash) => void;
  /** A new process is up after a crash; its owner loads the model again. */
  onRestarted: () => void;
}

export interface EngineCrash {
  reason: string;
  /** Method that was running, e.g. `load`; "idle" if none was. */
  stage: string;
  /** Crashes in a row at this stage, this one included. */
  inARow: number;
  restartInMs: number | undefined;
}

interface Running {
  child: ChildProcess;
  connection: MessageConnection;
}

/** The engine across the process border, with the same face as in-process. */
export class EngineHost implements Engine {
  readonly #options: EngineHostOptions;
  readonly #progress = new Map<number, (progress: CallProgress) => void>();
  #running: Running | undefined;
  /** Between a crash and the next start: calls wait for it, so that the pause is kept. */
  #restart: { timer: NodeJS.Timeout; over: Promise<void>; end: () => void } | undefined;
  #nextCallId = 1;
  /** Methods of the calls in flight, oldest first: the oldest is the stage of a crash. */
  readonly #inFlight = new Map<symbol, string>();
  #crashes = { stage: "", inARow: 0, at: 0 };
  /** Set after too many crashes: only `restart` starts the engine again. */
  #off = false;
  #disposed = false;

  constructor(options: EngineHostOptions) {
    this.#options = options;
  }

  /** Process id of the engine, while it runs. */
  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  inspect(modelFile: string): Promise<ModelFacts> {
    return this.#call(InspectCall, { modelFile });
  }

  load(options: LoadOptions, hooks: LoadHooks = {}): Promise<LoadedModel> {
    return this.#longCall(LoadCall, { options }, hooks.signal, (progress) => {
      if ("load" in progress) hooks.onProgress?.(progress.load);
    });
  }

  async unload(): Promise<void> {
    await this.#call(UnloadCall, null);
  }

  prefill(request: PrefillRequest, hooks: PrefillHooks = {}): Promise<PrefillResult> {
    return this.#longCall(PrefillCall, { request }, hooks.signal, (progress) => {
      if ("prefill" in progress) hooks.onProgress?.(progress.prefill);
    });
  }

  generate(request: GenerateRequest, hooks: GenerateHooks = {}): Promise<GenerateResult> {
    return this.#longCall(GenerateCall, { request }, hooks.signal, (progress) => {
      if ("chunk" in progress) hooks.onChunk?.(progress.chunk);
    });
  }

  see(request: VisionRequest, hooks: GenerateHooks = {}): Promise<VisionResult> {
    return this.#longCall(SeeCall, { request }, hooks.signal, (progress) => {
      if ("chunk" in progress) hooks.onChunk?.(progress.chunk);
    });
  }

  inspectEmbedding(modelFile: string): Promise<EmbeddingModelFacts> {
    return this.#call(InspectEmbeddingCall, { modelFile });
  }

  embed(request: EmbedRequest, hooks: EmbedHooks = {}): Promise<EmbedResult> {
    return this.#call(EmbedCall, { request }, hooks.signal);
  }

  async releaseEmbedding(): Promise<void> {
    await this.#call(ReleaseEmbeddingCall, null);
  }

  countTokens(texts: string[]): Promise<number[]> {
    return this.#call(CountTokensCall, { texts });
  }

  hardware(options: { gpu: "auto" | "cpu" }): Promise<Hardware> {
    return this.#call(HardwareCall, options);
  }

  reach(request: PrefillRequest): Promise<Reach> {
    return this.#call(ReachCall, { request });
  }

  longContext(): Promise<LongContextState> {
    return this.#call(LongContextCall, null);
  }

  prefillSpeed(): Promise<number> {
    return this.#call(PrefillSpeedCall, null);
  }

  async holdBackground(hold: boolean): Promise<void> {
    await this.#call(HoldBackgroundCall, { hold });
  }

  listSnapshots(root: string): Promise<SnapshotInfo[]> {
    return this.#call(ListSnapshotsCall, { root });
  }

  removeSnapshots(root: string, ids?: string[]): Promise<SnapshotInfo[]> {
    return this.#call(RemoveSnapshotsCall, { root, ids });
  }

  verifySnapshots(root: string): Promise<SnapshotCheck[]> {
    return this.#call(VerifySnapshotsCall, { root });
  }

  /** Ends the process and starts a new one at the next call. Not a crash: the count starts anew. */
  async restart(): Promise<void> {
    this.#crashes = { stage: "", inARow: 0, at: 0 };
    this.#off = false;
    await this.#stop();
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.#stop();
  }

  async #longCall<P extends object, R>(
    type: RequestType<P & { callId: number }, R, void>,
    params: P,
    signal: AbortSignal | undefined,
    onProgress: (progress: CallProgress) => void,
  ): Promise<R> {
    const callId = this.#nextCallId++;
    this.#progress.set(callId, onProgress);
    try {
      return await this.#call(type, { ...params, callId }, signal);
    } finally {
      this.#progress.delete(callId);
    }
  }

  async #call<P, R>(type: RequestType<P, R, void>, params: P, signal?: AbortSignal): Promise<R> {
    await this.#restart?.over;
    const { connection } = this.#start();
    const key = Symbol(type.method);
    this.#inFlight.set(key, type.method);
    const source = new CancellationTokenSource();
    const cancel = () => source.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    try {
      const result = await connection.sendRequest(type, params as RequestParam<P>, source.token);
      if (this.#crashes.stage === type.method) this.#crashes.inARow = 0;
      return result;
    } catch (error) {
      throw fromWire(error);
    } finally {
      this.#inFlight.delete(key);
      signal?.removeEventListener("abort", cancel);
      source.dispose();
    }
  }

  #start(): Running {
    if (this.#running !== undefined) return this.#running;
    if (this.#disposed) throw new EngineError("engineStopped", "Fathom is shutting down.");
    if (this.#off) {
      const sentence =
        "The engine stopped several times and stays off. Restart it with Restart Engine, or see the log.";
      throw new EngineError("engineStopped", sentence);
    }
    // Flags of this process (a debugger's port) must not be inherited; the child's output goes to our log.
    const { entry, laterPackages } = this.#options;
    const args = laterPackages === undefined ? [] : [laterPackages];
    const child = fork(entry, args, { execArgv: [], serialization: "advanced", silent: true });
    const connection = createMessageConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
    connection.onNotification(ProgressEvent, ({ callId, progress }) => this.#progress.get(callId)?.(progress));
    connection.onNotification(LogEvent, ({ line }) => this.#options.log(line));
    // A write to a process that just ended fails here and as a rejected request; the exit below reports it.
    connection.onError(([error]) => this.#options.log(`engine connection: ${error.message}`));
    connection.listen();
    child.stdout?.on("data", (data: Buffer) => this.#options.log(data.toString().trimEnd()));
    child.stderr?.on("data", (data: Buffer) => this.#options.log(data.toString().trimEnd()));
    const running = { child, connection };
    child.once("error", (error) => this.#ended(running, error.message));
    child.once("exit", (code, signal) => this.#ended(running, signal === null ? `exit code ${code}` : signal));
    this.#running = running;
    return running;
  }

  /** Pending requests fail when their connection is disposed; then the process is started again, ever later. */
  #ended(running: Running, reason: string): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    const stage = this.#inFlight.values().next().value ?? "idle";
    const again = this.#crashes.stage === stage && Date.now() - this.#crashes.at < CRASH_WINDOW_MS;
    const inARow = again ? this.#crashes.inARow + 1 : 1;
    this.#crashes = { stage, inARow, at: Date.now() };
    this.#off = inARow >= MAX_CRASHES_IN_A_ROW;
    const restartInMs = this.#off ? undefined : BACKOFF_MS[inARow - 1];
    running.connection.dispose();
    this.#options.onCrash({ reason, stage, inARow, restartInMs });
    if (restartInMs === undefined) return;
    this.#restartIn(restartInMs);
  }

  #restartIn(ms: number): void {
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const timer = setTimeout(() => {
      this.#endRestart();
      try {
        this.#start();
      } catch (error) {
        // No memory for a process: the next request tries again, and says why if it fails too.
        this.#options.log(`The engine could not be started: ${error instanceof Error ? error.message : error}`);
      }
      this.#options.onRestarted();
    }, ms);
    this.#restart = { timer, over, end };
  }

  #endRestart(): void {
    clearTimeout(this.#restart?.timer);
    this.#restart?.end();
    this.#restart = undefined;
  }

  async #stop(): Promise<void> {
    this.#endRestart();
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    const { child, connection } = running;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    connection.dispose();
    // The engine ends by itself when its owner is gone; a hanging native call is killed.
    if (child.connected) child.disconnect();
    const kill = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    await ended;
    clearTimeout(kill);
  }
}
