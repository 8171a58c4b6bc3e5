// The command `cuda`: says whether the runtime for CUDA is of use here, downloads it after consent, removes it.

import {
  CudaRuntimeRequest,
  type CudaRuntimeState,
  DownloadCudaRuntimeRequest,
  RemoveCudaRuntimeRequest,
} from "../protocol/cudaMessages.ts";
import { formatBytes } from "../protocol/formatBytes.ts";
import { UsageError } from "./arguments.ts";
import { FATHOM } from "./commandWords.ts";
import { agreesTo } from "./consent.ts";
import type { ProgressValue, ServerClient } from "./lspClient.ts";
import { type CommandContext, type CommandResult, withServer } from "./session.ts";

const ACTIONS = { status, get, remove } as const;

/** Runs one of the actions status, get, remove; without one it says how things are. */
export async function cuda(context: CommandContext): Promise<CommandResult> {
  const [name = "status"] = context.arguments;
  if (!Object.hasOwn(ACTIONS, name)) throw new UsageError(`“cuda” has no action “${name}”.`, "cuda");
  const action = ACTIONS[name as keyof typeof ACTIONS];
  return withServer(context, {}, (client) => action(context, client));
}

async function status(context: CommandContext, client: ServerClient): Promise<CommandResult> {
  const state = await stateOf(context, client);
  context.output.line(sentenceOf(state));
  if (!state.installed && state.problem === undefined) {
    const size = `${formatBytes(state.downloadBytes)} from ${state.host}`;
    context.output.remark(context.output.style("dim", `“${FATHOM} cuda get” downloads it: ${size}.`));
  }
  return { exitCode: 0, json: { cuda: state } };
}

async function get(context: CommandContext, client: ServerClient): Promise<CommandResult> {
  const { output, signal } = context;
  const state = await stateOf(context, client);
  if (state.installed || state.problem !== undefined) {
    output.line(sentenceOf(state));
    return { exitCode: state.installed ? 0 : 1, json: { cuda: state, downloaded: false } };
  }
  const { host, downloadBytes: bytes, licence, unpackedBytes } = state;
  const details = `${licence}, takes ${formatBytes(unpackedBytes)} on disk:\n${state.packages.join("\n")}`;
  if (!(await agreesTo(context, { command: "cuda", title: "The CUDA runtime", details, bytes, host }))) {
    output.line("Nothing was downloaded.");
    return { exitCode: 0, json: { cuda: state, downloaded: false } };
  }
  const progress = output.progress("Downloading");
  try {
    const onProgress = (value: ProgressValue) => {
      if (value.kind !== "end") progress.update((value.percentage ?? 0) / 100, value.message ?? "");
    };
    const params = { consentToHost: host };
    const after = await client.request(DownloadCudaRuntimeRequest.type, params, { signal, onProgress });
    progress.finish();
    output.line(sentenceOf(after));
    return { exitCode: after.inUse ? 0 : 1, json: { cuda: after, downloaded: true } };
  } finally {
    progress.finish();
  }
}

async function remove(context: CommandContext, client: ServerClient): Promise<CommandResult> {
  const { output, options, signal } = context;
  const state = await stateOf(context, client);
  if (state.installed && output.interactive && !options.yes) {
    const question = `Remove the CUDA runtime (${formatBytes(state.unpackedBytes)})?`;
    if (!(await output.confirm(question, signal))) {
      output.line("Nothing was removed.");
      return { exitCode: 0, json: { cuda: state } };
    }
  }
  const after = await client.request(RemoveCudaRuntimeRequest.type, null, { signal });
  output.line(state.installed ? "The CUDA runtime was removed." : "The CUDA runtime was not installed.");
  return { exitCode: 0, json: { cuda: after } };
}

function stateOf({ signal }: CommandContext, client: ServerClient): Promise<CudaRuntimeState> {
  return client.request(CudaRuntimeRequest.type, null, { signal });
}

function sentenceOf({ installed, inUse, gpu, problem }: CudaRuntimeState): string {
  if (inUse) return `The engine runs on CUDA: ${gpu}.`;
  if (!installed) return problem ?? `The CUDA runtime is not installed; the engine runs on ${gpu ?? "the processor"}.`;
  const why = problem ?? `It could not start; “${FATHOM} doctor --verbose” shows the log.`;
  return `The CUDA runtime is installed, but the engine runs on ${gpu ?? "the processor"}. ${why}`;
}
