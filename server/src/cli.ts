// Entry of the command line: reads the arguments, runs one command against a server of its own, ends with its exit code.

// Before all others: until its handlers stand, Ctrl+C ends this process without a word.
import "./cli/interruption.ts";

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LSPErrorCodes, ResponseError } from "vscode-languageserver-protocol/node";
import {
  type CommandName,
  helpText,
  type Invocation,
  isCommand,
  parseArguments,
  UsageError,
  wantsJson,
} from "./cli/arguments.ts";
import { ask, complete, doctor, prefill, search } from "./cli/commands.ts";
import { FATHOM, withModelAdvice } from "./cli/commandWords.ts";
import { cuda } from "./cli/cudaCommand.ts";
import { edit } from "./cli/editCommand.ts";
import { printable } from "./cli/format.ts";
import { index } from "./cli/indexCommand.ts";
import { interruption, tellInterruptionTo } from "./cli/interruption.ts";
import { map } from "./cli/mapCommand.ts";
import { models } from "./cli/modelsCommand.ts";
import { type Output, silentOutput, terminalOutput } from "./cli/output.ts";
import type { CommandContext, CommandResult } from "./cli/session.ts";
import { snapshots } from "./cli/snapshotsCommand.ts";
import { tour } from "./cli/tour.ts";
import { ui } from "./cli/uiCommand.ts";
import { FathomErrorCodes } from "./protocol/errors.ts";

const EXIT = { done: 0, failed: 1, usage: 2, cancelled: 130 } as const;
type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const RUN: Record<CommandName, (context: CommandContext) => Promise<CommandResult>> = {
  ask,
  complete,
  cuda,
  doctor,
  edit,
  help,
  index,
  map,
  models,
  prefill,
  search,
  snapshots,
  tour,
  ui,
};

/** From source, too, the built server is run: there is one server, and it knows where its parts lie. */
const FROM_SOURCE = import.meta.url.endsWith(".ts");
const SERVER_ENTRY = beside(FROM_SOURCE ? "../../dist/server.mjs" : "./server.mjs");
const MANIFEST = beside(FROM_SOURCE ? "../../package.json" : "../package.json");

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<ExitCode> {
  // A reader that has seen enough (`| head`) is no failure, and there is nobody left to tell.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : EXIT.failed));
  const json = wantsJson(argv);
  const output = json ? silentOutput() : terminalOutput();
  let command: CommandName | undefined;
  tellInterruptionTo(output.remark);
  try {
    const invocation = parseArguments(argv);
    if (invocation === "version") return printVersion(json);
    command = invocation.command;
    const result = await RUN[command]({ ...invocation, output, signal: interruption, serverEntry: SERVER_ENTRY });
    const cancelled = result.exitCode === EXIT.cancelled;
    if (json)
      print({ command, ok: result.exitCode === EXIT.done, ...(cancelled ? { cancelled } : {}), ...result.json });
    return result.exitCode;
  } catch (error) {
    return report(error, { json, command, cancelled: interruption.aborted });
  }
}

interface Situation {
  json: boolean;
  command: CommandName | undefined;
  /** The user asked for the end. */
  cancelled: boolean;
}

function report(error: unknown, { json, command, cancelled }: Situation): ExitCode {
  const wasCancelled = cancelled || (error instanceof ResponseError && error.code === LSPErrorCodes.RequestCancelled);
  if (wasCancelled) {
    if (json) print({ command, ok: false, cancelled: true });
    else process.stderr.write("Cancelled.\n");
    return EXIT.cancelled;
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof ResponseError ? error.code : undefined;
  const about = (error instanceof UsageError ? error.command : undefined) ?? command;
  if (json) print({ command: about, ok: false, error: { message, code } });
  else process.stderr.write(`fathom: ${printable(needsModel(code) ? withModelAdvice(message) : message)}\n`);
  if (!(error instanceof UsageError)) return EXIT.failed;
  if (!json)
    process.stderr.write(`See “${FATHOM} help${about === undefined || about === "help" ? "" : ` ${about}`}”.\n`);
  return EXIT.usage;
}

function needsModel(code: number | undefined): boolean {
  return code === FathomErrorCodes.noModel || code === FathomErrorCodes.modelUnusable;
}

async function help({ arguments: [name], output }: Invocation & { output: Output }): Promise<CommandResult> {
  if (name !== undefined && !isCommand(name)) throw new UsageError(`There is no command “${name}”.`);
  const text = helpText(name);
  output.line(text);
  return { exitCode: EXIT.done, json: { text } };
}

function printVersion(json: boolean): ExitCode {
  const { version } = JSON.parse(readFileSync(MANIFEST, "utf8")) as { version: string };
  if (json) print({ command: "version", ok: true, version });
  else process.stdout.write(`${version}\n`);
  return EXIT.done;
}

/** JSON leaves those of the control characters as they are that a terminal obeys as well as the others. */
function print(value: unknown): void {
  const json = JSON.stringify(value, null, 2);
  const harmless = json.replace(/[\u007f-\u009f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  process.stdout.write(`${harmless}\n`);
}

function beside(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
