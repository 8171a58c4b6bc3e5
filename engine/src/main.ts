// Entry of the engine process: serves the engine over the process port and ends with its owner.
import { fileURLToPath } from "node:url";
import {
  type CancellationToken,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import type { Engine } from "./api.ts";
import { createLlamaCppBackend } from "./backends/llamaCpp.ts";
import { createEngine } from "./engine.ts";
import { findLaterPackagesIn } from "./laterPackages.ts";
import {
  type CallProgress,
  CountTokensCall,
  EmbedCall,
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
  toWire,
  UnloadCall,
  VerifySnapshotsCall,
} from "./rpc.ts";

/** From source the entries end in .ts, in the build in .mjs under the names the build gives. */
const VISION_ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./visionMain.ts" : "./vision.mjs", import.meta.url),
);

/** The engine may take this long to free its memory in order, milliseconds. */
const END_MS = 30_000;

const [laterPackages] = process.argv.slice(2);
if (laterPackages !== undefined) findLaterPackagesIn(laterPackages);
const connection = createMessageConnection(new IPCMessageReader(process), new IPCMessageWriter(process));
const engine = createEngine({
  backend: createLlamaCppBackend((line) => void connection.sendNotification(LogEvent, { line })),
  visionEntry: VISION_ENTRY,
});
serve(connection, engine);
connection.listen();

// The owner's end is ours: an engine without a server would hold gigabytes for nobody.
process.on("disconnect", () => {
  // A hanging native call would keep the memory for ever.
  setTimeout(() => process.kill(process.pid, "SIGKILL"), END_MS).unref();
  void engine.dispose().finally(() => process.exit(0));
});

function serve(connection: MessageConnection, engine: Engine): void {
  const progress = (callId: number) => (progress: CallProgress) => {
    void connection.sendNotification(ProgressEvent, { callId, progress });
  };
  connection.onRequest(InspectCall, ({ modelFile }) => answer(engine.inspect(modelFile)));
  connection.onRequest(LoadCall, ({ callId, options }, token) => {
    const report = progress(callId);
    return answer(engine.load(options, { signal: asSignal(token), onProgress: (load) => report({ load }) }));
  });
  connection.onRequest(UnloadCall, () => answer(engine.unload().then(() => null)));
  connection.onRequest(PrefillCall, ({ callId, request }, token) => {
    const report = progress(callId);
    return answer(engine.prefill(request, { signal: asSignal(token), onProgress: (prefill) => report({ prefill }) }));
  });
  connection.onRequest(GenerateCall, ({ callId, request }, token) => {
    const report = progress(callId);
    return answer(engine.generate(request, { signal: asSignal(token), onChunk: (chunk) => report({ chunk }) }));
  });
  connection.onRequest(SeeCall, ({ callId, request }, token) => {
    const report = progress(callId);
    return answer(engine.see(request, { signal: asSignal(token), onChunk: (chunk) => report({ chunk }) }));
  });
  connection.onRequest(InspectEmbeddingCall, ({ modelFile }) => answer(engine.inspectEmbedding(modelFile)));
  connection.onRequest(EmbedCall, ({ request }, token) => answer(engine.embed(request, { signal: asSignal(token) })));
  connection.onRequest(ReleaseEmbeddingCall, () => answer(engine.releaseEmbedding().then(() => null)));
  connection.onRequest(CountTokensCall, ({ texts }) => answer(engine.countTokens(texts)));
  connection.onRequest(HardwareCall, (options) => answer(engine.hardware(options)));
  connection.onRequest(ReachCall, ({ request }) => answer(engine.reach(request)));
  connection.onRequest(LongContextCall, () => answer(engine.longContext()));
  connection.onRequest(PrefillSpeedCall, () => answer(engine.prefillSpeed()));
  connection.onRequest(HoldBackgroundCall, ({ hold }) => answer(engine.holdBackground(hold).then(() => null)));
  connection.onRequest(ListSnapshotsCall, ({ root }) => answer(engine.listSnapshots(root)));
  connection.onRequest(RemoveSnapshotsCall, ({ root, ids }) => answer(engine.removeSnapshots(root, ids)));
  connection.onRequest(VerifySnapshotsCall, ({ root }) => answer(engine.verifySnapshots(root)));
}

async function answer<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toWire(error);
  }
}

function asSignal(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  else token.onCancellationRequested(() => controller.abort());
  return controller.signal;
}
