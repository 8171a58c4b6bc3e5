// The command `models`: lists, downloads (after consent), imports and chooses models.
import { resolve } from "node:path";
import { formatBytes } from "../protocol/formatBytes.ts";
import {
  DownloadModelRequest,
  ImportModelRequest,
  ListModelsRequest,
  type ModelChoice,
  SelectModelRequest,
} from "../protocol/messages.ts";
import { UsageError } from "./arguments.ts";
import { FATHOM, inCommandWords } from "./commandWords.ts";
import { agreesTo } from "./consent.ts";
import { columns, wrap } from "./format.ts";
import type { ProgressValue, ServerClient } from "./lspClient.ts";
import { type CommandContext, type CommandResult, modelLine, withServer } from "./session.ts";

const FIT_INDENT = "     ";

const ACTIONS = {
  list: { needs: undefined, run: list },
  get: { needs: "ID", run: get },
  import: { needs: "FILE", run: importFile },
  use: { needs: "ID", run: use },
} as const;

/** Runs one of the actions list, get, import, use; without one it lists. */
export async function models(context: CommandContext): Promise<CommandResult> {
  const [name = "list", argument] = context.arguments;
  if (!Object.hasOwn(ACTIONS, name)) throw new UsageError(`“models” has no action “${name}”.`, "models");
  const action = ACTIONS[name as keyof typeof ACTIONS];
  if (action.needs !== undefined && argument === undefined) {
    throw new UsageError(`An argument is missing: fathom models ${name} ${action.needs}`, "models");
  }
  if (action.needs === undefined && argument !== undefined) {
    throw new UsageError(`“${argument}” is one argument too many.`, "models");
  }
  return withServer(context, {}, (client) => action.run(context, client, argument ?? ""));
}

async function list(context: CommandContext, client: ServerClient): Promise<CommandResult> {
  const { output } = context;
  const found = await client.request(ListModelsRequest.type, null, { signal: context.signal });
  const choices = found.map((choice) => ({ ...choice, fit: inCommandWords(choice.fit) }));
  const rows = choices.map((choice) => [
    choice.selected ? "*" : " ",
    choice.id,
    choice.parameters,
    choice.licence,
    choice.installed ? "installed" : `${formatBytes(choice.downloadBytes)} from ${hostOf(choice) ?? "?"}`,
  ]);
  for (const [index, line] of columns(rows).entries()) {
    output.line(output.style("bold", line));
    for (const part of wrap(choices[index]?.fit ?? "", output.width - FIT_INDENT.length))
      output.line(FIT_INDENT + part);
  }
  output.remark(
    output.style("dim", `* is the one in use. “${FATHOM} models get ID” downloads, “${FATHOM} models use ID” chooses.`),
  );
  return { exitCode: 0, json: { models: choices } };
}

async function get(context: CommandContext, client: ServerClient, id: string): Promise<CommandResult> {
  const { output, signal } = context;
  const choice = await findChoice(context, client, id);
  if (choice.installed) {
    output.line(`${choice.title} is installed already.`);
    return { exitCode: 0, json: { model: choice } };
  }
  const host = hostOf(choice);
  if (host === undefined) throw new UsageError(`${choice.title} is not downloaded from anywhere.`, "models");
  const { title, licence, fit, downloadBytes: bytes } = choice;
  if (!(await agreesTo(context, { command: "models", title, details: `${licence}: ${fit}`, bytes, host }))) {
    output.line("Nothing was downloaded.");
    return { exitCode: 0, json: { model: choice, downloaded: false } };
  }
  const progress = output.progress("Downloading");
  try {
    const onProgress = (value: ProgressValue) => {
      if (value.kind !== "end") progress.update((value.percentage ?? 0) / 100, value.message ?? "");
    };
    const params = { id, consentToHost: host };
    const model = await client.request(DownloadModelRequest.type, params, { signal, onProgress });
    progress.finish();
    output.line(`${model.title} is installed. Choose it with “${FATHOM} models use ${model.id}”.`);
    return { exitCode: 0, json: { model, downloaded: true } };
  } finally {
    progress.finish();
  }
}

async function importFile(context: CommandContext, client: ServerClient, file: string): Promise<CommandResult> {
  const { mmproj } = context.options;
  const params = { file: resolve(file), mmproj: mmproj === undefined ? undefined : resolve(mmproj) };
  const model = await client.request(ImportModelRequest.type, params, { signal: context.signal });
  context.output.line(`${model.title} is known as ${model.id}; the file stays where it is.`);
  return { exitCode: 0, json: { model } };
}

async function use(context: CommandContext, client: ServerClient, id: string): Promise<CommandResult> {
  const status = await client.request(SelectModelRequest.type, { id }, { signal: context.signal });
  context.output.line(modelLine(status));
  return { exitCode: status.state === "failed" ? 1 : 0, json: { status } };
}

async function findChoice(context: CommandContext, client: ServerClient, id: string): Promise<ModelChoice> {
  const choices = await client.request(ListModelsRequest.type, null, { signal: context.signal });
  const choice = choices.find((each) => each.id === id);
  if (choice === undefined) throw new UsageError(`There is no model “${id}”; “${FATHOM} models” lists them.`, "models");
  return choice;
}

/** Host with port, as consent names it. */
function hostOf({ source }: ModelChoice): string | undefined {
  if (source === undefined) return undefined;
  return URL.canParse(source) ? new URL(source).host : source;
}
