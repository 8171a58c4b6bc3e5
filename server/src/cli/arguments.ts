// The commands of the command line as one table, and the reading of arguments by it; runs nothing.
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { columns, wrap } from "./format.ts";

/** Most tokens that `--context` takes, as in the settings. */
const MAX_CONTEXT_TOKENS = 1_048_576;

/** The help is text for any terminal, characters. */
const HELP_WIDTH = 80;

interface OptionSpec {
  type: "boolean" | "string";
  /** Letter for short. */
  short?: string;
  /** Name of the value in the help. */
  value?: string;
  /** By command where it does not mean the same for all of them. */
  help: string | { [command: string]: string };
}

/** Options of every command. */
const GLOBAL_OPTIONS = {
  json: { type: "boolean", help: "Print exactly one JSON object on stdout, nothing else" },
  model: { type: "string", value: "FILE|ID", help: "Run this GGUF file or this installed model" },
  mmproj: { type: "string", value: "FILE", help: "Projector for images; default: the one beside the model" },
  storage: { type: "string", value: "DIR", help: "Folder for models and snapshots" },
  cpu: { type: "boolean", help: "Never use a GPU" },
  context: { type: "string", value: "TOKENS", help: "Longest context; 0: as much as memory and model allow" },
  path: { type: "string", value: "PATH", help: "Folder to work on; default: the current one" },
  verbose: { type: "boolean", help: "Show the server's log on stderr" },
  help: { type: "boolean", short: "h", help: "Show this help" },
  version: { type: "boolean", help: "Show the version" },
} as const satisfies Record<string, OptionSpec>;

/** Options of single commands. */
const COMMAND_OPTIONS = {
  thinking: { type: "boolean", help: "Let the model reason before it answers; slower" },
  instruction: { type: "string", value: "TEXT", help: "What to do" },
  apply: { type: "boolean", help: "Write the change if its place still looks as it did" },
  out: { type: "string", value: "FILE", help: "Write the code to this new file" },
  consent: { type: "string", value: "HOST", help: "Agree to download from exactly this host" },
  registry: { type: "string", value: "URL", help: "npm registry to download from; default: npm's own" },
  force: { type: "boolean", help: "Read again although nothing changed" },
  question: { type: "string", value: "TEXT", help: "Ask this instead of a question made from the code" },
  limit: { type: "string", value: "N", help: "Most places to show" },
  all: {
    type: "boolean",
    help: {
      map: "Show every file, however many there are",
      snapshots: "Remove every snapshot, those of other folders too",
      index: "Remove the search index of every folder",
    },
  },
  yes: { type: "boolean", help: "Do not ask before removing" },
} as const satisfies Record<string, OptionSpec>;

/** As they are typed. */
const NUMBER_OPTIONS = ["--context", "--limit"];

type CommandOption = keyof typeof COMMAND_OPTIONS;

interface CommandSpec {
  /** Arguments as the help shows them. */
  usage: string;
  summary: string;
  details?: string;
  options: CommandOption[];
  /** Fewest and most arguments. */
  arguments: [number, number];
}

/** All commands, in the order of the help. */
export const COMMANDS = {
  tour: {
    usage: "[PATH]",
    summary: "See everything work on a codebase, in about a minute",
    details:
      "Reads the code, restores it from disk, asks, completes and proposes an edit. Writes nothing to your files.",
    options: ["question"],
    arguments: [0, 1],
  },
  prefill: {
    usage: "[PATH]",
    summary: "Read a codebase into the model's context and keep the state on disk",
    options: ["force"],
    arguments: [0, 1],
  },
  map: {
    usage: "[PATH]",
    summary: "Show what the model has of each file, and why that much",
    details:
      "A file is there whole, as its outline (signatures), as overlay (changed since it was read), as path, or out. The state " +
      "is loaded from disk if there is one; at most 2,048 tokens that are missing in it are read. PATH is a folder or file; " +
      "what is too much for the screen is summed up.",
    options: ["all"],
    arguments: [0, 1],
  },
  snapshots: {
    usage: "[list | remove ID… | remove --all | verify]",
    summary: "List, remove or check the states on disk",
    details:
      "An ID may be shortened to its beginning. Removing asks first on a terminal. Checking reads every byte and sets aside " +
      "what is damaged; it fails if anything is.",
    options: ["all", "yes"],
    arguments: [0, Number.POSITIVE_INFINITY],
  },
  index: {
    usage: "remove [--all]",
    summary: "Remove the search index of this folder, or of all, from disk",
    details:
      "It is made again when something is searched. Removing asks first on a terminal. What another window or command uses " +
      "is kept.",
    options: ["all", "yes"],
    arguments: [1, 1],
  },
  ask: {
    usage: "QUESTION",
    summary: "Ask about the codebase: where to look at once, then the answer",
    options: ["thinking"],
    arguments: [1, Number.POSITIVE_INFINITY],
  },
  complete: {
    usage: "FILE:LINE:COL",
    summary: "Complete the code at a cursor; lines and columns count from 1",
    options: [],
    arguments: [1, 1],
  },
  search: {
    usage: "QUERY",
    summary: "Find places by symbol, text and meaning; needs no model",
    details:
      '"Quoted text" is searched as it stands; path:PART, lang:NAME and symbol:PART narrow the search. The first search of a ' +
      "codebase indexes it, which is kept for the next one.",
    options: ["limit"],
    arguments: [1, Number.POSITIVE_INFINITY],
  },
  edit: {
    usage: "FILE[:START-END] --instruction TEXT",
    summary: "Propose a change as a diff; writes only with --apply",
    options: ["instruction", "apply"],
    arguments: [1, 1],
  },
  ui: {
    usage: "IMAGE",
    summary: "Write the code of the user interface in a PNG or JPEG",
    options: ["instruction", "out"],
    arguments: [1, 1],
  },
  models: {
    usage: "[list | get ID | import FILE | use ID]",
    summary: "List, download, import or choose models",
    details: "A download begins only after you agreed to its host and size.",
    options: ["consent"],
    arguments: [0, 2],
  },
  cuda: {
    usage: "[status | get | remove]",
    summary: "Download or remove the runtime for NVIDIA's CUDA",
    details:
      "It is not in the package, and needs NVIDIA's driver and CUDA's own libraries. A download begins only after you agreed " +
      "to its host and size. Removing asks first on a terminal.",
    options: ["consent", "registry", "yes"],
    arguments: [0, 1],
  },
  doctor: {
    usage: "",
    summary: "Check hardware, model and folders",
    options: [],
    arguments: [0, 0],
  },
  help: {
    usage: "[COMMAND]",
    summary: "Show this help or that of a command",
    options: [],
    arguments: [0, 1],
  },
} as const satisfies Record<string, CommandSpec>;

export type CommandName = keyof typeof COMMANDS;

/** A command line that can be run. */
export interface Invocation {
  command: CommandName;
  arguments: string[];
  options: Options;
}

export interface Options {
  json: boolean;
  model?: string;
  mmproj?: string;
  storage?: string;
  cpu: boolean;
  /** Tokens. */
  context?: number;
  path?: string;
  verbose: boolean;
  thinking: boolean;
  instruction?: string;
  apply: boolean;
  out?: string;
  consent?: string;
  registry?: string;
  force: boolean;
  question?: string;
  limit?: number;
  all: boolean;
  yes: boolean;
}

/** The command line cannot be understood; the message says why. */
export class UsageError extends Error {
  readonly command: CommandName | undefined;
  constructor(message: string, command?: CommandName) {
    super(message);
    this.name = "UsageError";
    this.command = command;
  }
}

/**
 * Reads the arguments of the process.
 * @param argv Arguments without the interpreter and the script.
 * @returns What to run, or "version".
 * @throws UsageError with a sentence.
 */
export function parseArguments(argv: readonly string[]): Invocation | "version" {
  const { values, positionals } = read(argv);
  if (values.version) return "version";
  const [name, ...rest] = positionals;
  if (name === undefined) return { command: "help", arguments: [], options: toOptions(values) };
  if (!isCommand(name)) throw new UsageError(`There is no command “${name}”.`);
  if (values.help) return { command: "help", arguments: [name], options: toOptions(values) };
  checkOptions(name, Object.keys(values));
  const [fewest, most] = COMMANDS[name].arguments;
  if (rest.length < fewest)
    throw new UsageError(`An argument is missing: fathom ${name} ${COMMANDS[name].usage}`, name);
  if (rest.some((each) => each.trim() === ""))
    throw new UsageError(`An argument is empty: fathom ${name} ${COMMANDS[name].usage}`, name);
  if (rest.length > most) throw new UsageError(`“${rest[most]}” is one argument too many.`, name);
  return { command: name, arguments: rest, options: toOptions(values, name) };
}

/** The help of one command, or of all. */
export function helpText(command?: CommandName): string {
  return (command === undefined ? overview() : commandHelp(command)).join("\n");
}

/** True if `--json` is among the arguments, also when they are wrong otherwise. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end === -1 ? argv : argv.slice(0, end)).includes("--json");
}

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

type Values = ReturnType<typeof read>["values"];

function read(argv: readonly string[]) {
  const options = { ...GLOBAL_OPTIONS, ...COMMAND_OPTIONS } satisfies ParseArgsOptionsConfig;
  try {
    return parseArgs({ args: withNegativeNumbers(argv), options, allowPositionals: true, strict: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const [, option] = /^Option '(--\w+)[^']*' argument is ambiguous/.exec(error.message) ?? [];
    if (option !== undefined)
      throw new UsageError(
        `The value of ${option} is missing; one that begins with a dash is written ${option}=VALUE.`,
      );
    // Node's first sentence says what is wrong; the rest is advice about its own interface.
    throw new UsageError(`${error.message.split(/\. |\n/)[0]?.replace(/\.$/, "")}.`);
  }
}

/** Joins options that take a number with the negative one after them: else that counts as options, and no range is named. */
function withNegativeNumbers(argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of argv) {
    const isValue = NUMBER_OPTIONS.includes(joined.at(-1) ?? "") && /^-\d/.test(arg) && !joined.includes("--");
    joined.push(isValue ? `${joined.pop()}=${arg}` : arg);
  }
  return joined;
}

function checkOptions(command: CommandName, given: readonly string[]): void {
  const allowed: readonly string[] = [...Object.keys(GLOBAL_OPTIONS), ...COMMANDS[command].options];
  const foreign = given.find((name) => !allowed.includes(name));
  if (foreign !== undefined) throw new UsageError(`“${command}” has no option --${foreign}.`, command);
}

function toOptions(values: Values, command?: CommandName): Options {
  return {
    json: values.json ?? false,
    model: nonEmpty(values.model, "model", command),
    mmproj: nonEmpty(values.mmproj, "mmproj", command),
    storage: nonEmpty(values.storage, "storage", command),
    cpu: values.cpu ?? false,
    context: wholeNumber(values.context, "context", [0, MAX_CONTEXT_TOKENS], command),
    path: nonEmpty(values.path, "path", command),
    verbose: values.verbose ?? false,
    thinking: values.thinking ?? false,
    instruction: nonEmpty(values.instruction, "instruction", command),
    apply: values.apply ?? false,
    out: nonEmpty(values.out, "out", command),
    consent: nonEmpty(values.consent, "consent", command),
    registry: nonEmpty(values.registry, "registry", command),
    force: values.force ?? false,
    question: nonEmpty(values.question, "question", command),
    limit: wholeNumber(values.limit, "limit", [1, 1000], command),
    all: values.all ?? false,
    yes: values.yes ?? false,
  };
}

function nonEmpty(value: string | undefined, option: string, command?: CommandName): string | undefined {
  if (value !== undefined && value.trim() === "") throw new UsageError(`The value of --${option} is empty.`, command);
  return value;
}

function wholeNumber(
  value: string | undefined,
  option: string,
  [low, high]: [number, number],
  command?: CommandName,
): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= low && number <= high) return number;
  throw new UsageError(`--${option} takes a whole number from ${low} to ${high}, not “${value}”.`, command);
}

function overview(): string[] {
  const rows = Object.entries(COMMANDS).map(([name, spec]) => [`  ${name}`, spec.summary]);
  return [
    "Fathom: local code intelligence. Model and code stay on this machine.",
    "",
    "Usage: fathom COMMAND [ARGUMENTS] [OPTIONS]",
    "",
    "Commands",
    ...columns(rows),
    "",
    "Options of every command",
    ...optionLines(GLOBAL_OPTIONS),
    "",
    "fathom help COMMAND says more about one.",
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled by Ctrl+C.",
  ];
}

function commandHelp(command: CommandName): string[] {
  const spec: CommandSpec = COMMANDS[command];
  const own = Object.fromEntries(spec.options.map((name) => [name, COMMAND_OPTIONS[name]]));
  const lines = [`Usage: fathom ${command} ${spec.usage}`.trimEnd(), "", `${spec.summary}.`];
  if (spec.details !== undefined) lines.push(...wrap(spec.details, HELP_WIDTH));
  if (spec.options.length > 0) lines.push("", "Options", ...optionLines(own, command));
  return [...lines, "", "Options of every command", ...optionLines(GLOBAL_OPTIONS)];
}

function optionLines(options: Record<string, OptionSpec>, command = ""): string[] {
  const rows = Object.entries(options).map(([name, { value, help }]) => [
    `  --${name}${value === undefined ? "" : ` ${value}`}`,
    typeof help === "string" ? help : (help[command] ?? ""),
  ]);
  return columns(rows);
}
