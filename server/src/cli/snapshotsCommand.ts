// The command `snapshots`: lists the states on disk, removes some or all of them, checks every byte of them.
import { formatBytes } from "../protocol/formatBytes.ts";
import {
  ListSnapshotsRequest,
  RemoveSnapshotsRequest,
  type Snapshot,
  VerifySnapshotsRequest,
} from "../protocol/messages.ts";
import { UsageError } from "./arguments.ts";
import { FATHOM } from "./commandWords.ts";
import { age, columns, count, counted, hanging, oneLine } from "./format.ts";
import type { ServerClient } from "./lspClient.ts";
import type { Output } from "./output.ts";
import { type CommandContext, type CommandResult, withServer, workspaceFolder } from "./session.ts";

/** Shown of ids and of the names of workspaces, characters; more where that does not tell them apart. */
const SHORT_ID = 8;

const ACTIONS = { list, remove, verify } as const;

/** Runs one of the actions list, remove, verify; without one it lists. */
export async function snapshots(context: CommandContext): Promise<CommandResult> {
  const { options } = context;
  const [name = "list", ...ids] = context.arguments;
  if (!Object.hasOwn(ACTIONS, name)) throw new UsageError(`“snapshots” has no action “${name}”.`, "snapshots");
  const action = name as keyof typeof ACTIONS;
  if (action === "remove") checkChoice(ids, options.all);
  else if (ids[0] !== undefined) throw new UsageError(`“${ids[0]}” is one argument too many.`, "snapshots");
  else if (options.all || options.yes) throw new UsageError("--all and --yes belong to “remove”.", "snapshots");
  return withServer(context, { folder: workspaceFolder(options) }, (client) => ACTIONS[action](context, client, ids));
}

function checkChoice(ids: readonly string[], all: boolean): void {
  if (all && ids.length > 0) throw new UsageError("Name snapshots or say --all, not both.", "snapshots");
  if (!all && ids.length === 0) {
    throw new UsageError("Say what to remove: fathom snapshots remove ID… or --all", "snapshots");
  }
}

async function list(context: CommandContext, client: ServerClient): Promise<CommandResult> {
  const { output, signal } = context;
  const found = await client.request(ListSnapshotsRequest.type, {}, { signal });
  printTable(output, found);
  if (found.length > 0) output.remark(output.style("dim", "* belongs to the workspace in this folder."));
  return { exitCode: 0, json: { snapshots: found } };
}

async function remove(context: CommandContext, client: ServerClient, ids: readonly string[]): Promise<CommandResult> {
  const { output, options, signal } = context;
  const found = await client.request(ListSnapshotsRequest.type, {}, { signal });
  if (output.interactive && !options.yes && !(await agrees(context, found, ids))) {
    output.line("Nothing was removed.");
    return { exitCode: 0, json: { removed: [] } };
  }
  // Also when the list is empty: what was set aside as damaged goes with all.
  const wanted = options.all ? ("all" as const) : [...ids];
  const removed = await client.request(RemoveSnapshotsRequest.type, { ids: wanted }, { signal });
  const known = found.map(({ id }) => id);
  for (const each of removed) output.line(`Removed ${describe(each, known)}.`);
  if (removed.length === 0) output.line("There are no snapshots.");
  else if (removed.length > 1) output.line(`${amountText(removed)} in all.`);
  if (options.all)
    output.remark(output.style("dim", `The search keeps an index of its own: ${FATHOM} index remove --all`));
  return { exitCode: 0, json: { removed } };
}

/** Shows what would go and asks. Ids that name none or several are left to the server, which refuses them all. */
async function agrees(
  { output, options, signal }: CommandContext,
  found: readonly Snapshot[],
  ids: readonly string[],
): Promise<boolean> {
  const named = ids.map((start) => found.filter(({ id }) => id.startsWith(start)));
  if (named.some((same) => new Set(same.map(({ id }) => id)).size !== 1)) return true;
  if (found.length === 0) return true;
  const chosen = options.all ? [...found] : found.filter((each) => named.some((same) => same.includes(each)));
  printTable(output, chosen);
  output.line("What they hold is read again when it is needed.");
  return output.confirm(`Remove ${amountText(chosen)}?`, signal);
}

async function verify(context: CommandContext, client: ServerClient): Promise<CommandResult> {
  const { output, signal } = context;
  const found = await client.request(ListSnapshotsRequest.type, {}, { signal });
  if (found.length > 0) output.remark(output.style("dim", `Checking ${amountText(found)}.`));
  const checked = await client.request(VerifySnapshotsRequest.type, {}, { signal });
  const known = checked.map(({ id }) => id);
  const damaged = checked.filter(({ problem }) => problem !== undefined);
  for (const each of checked) {
    const mark = each.problem === undefined ? output.style("green", "ok     ") : output.style("red", "damaged");
    output.line(`${mark}  ${describe(each, known)}`);
    if (each.problem !== undefined) {
      for (const line of hanging(" ".repeat(9), `${oneLine(each.problem)}.`, output.width)) output.line(line);
    }
  }
  output.line(verdict(checked, damaged));
  return { exitCode: damaged.length === 0 ? 0 : 1, json: { snapshots: checked, damaged: damaged.map(({ id }) => id) } };
}

function verdict(checked: readonly Snapshot[], damaged: readonly Snapshot[]): string {
  if (checked.length === 0) return "There are no snapshots.";
  if (damaged.length === 0) return `${counted(checked.length, "snapshot")} checked; all are sound.`;
  const bad = damaged.length === 1 ? "1 is damaged and was" : `${count(damaged.length)} are damaged and were`;
  return `${counted(checked.length, "snapshot")} checked; ${bad} set aside. What is missing is read again when needed.`;
}

function printTable(output: Output, found: readonly Snapshot[]): void {
  if (found.length === 0) {
    output.line(`There are no snapshots; “${FATHOM} prefill” makes one.`);
    return;
  }
  for (const [index, line] of tableLines(found, Date.now()).entries()) {
    output.line(index === 0 ? output.style("bold", line) : line);
  }
  const own = found.filter(({ ofThisWorkspace }) => ofThisWorkspace);
  const ownText = own.length === 0 ? "none" : amountText(own);
  output.line(`${amountText(found)}${own.length === found.length ? "" : `; of this workspace ${ownText}`}`);
}

/**
 * A head and a line for each snapshot.
 * @param now Milliseconds since 1970: ages are counted from it.
 */
export function tableLines(found: readonly Snapshot[], now: number): string[] {
  const ids = shortener(found.map(({ id }) => id));
  const workspaces = shortener(found.map(({ workspace }) => workspace));
  const rows = found.map((each) => [
    each.ofThisWorkspace ? "*" : " ",
    ids(each.id),
    workspaces(each.workspace),
    each.kind,
    count(each.tokens),
    formatBytes(each.bytes),
    age(each.createdAt, now),
    age(each.usedAt, now),
  ]);
  return columns([[" ", "id", "workspace", "kind", "tokens", "size", "age", "last use"], ...rows], [4, 5, 6, 7]);
}

/** One snapshot in a sentence: `3f2a90c1 (base, 48,833 tokens, 49 MiB)`. */
function describe({ id, kind, tokens, bytes }: Snapshot, known: readonly string[]): string {
  return `${shortener(known)(id)} (${kind}, ${counted(tokens, "token")}, ${formatBytes(bytes)})`;
}

function amountText(some: readonly Snapshot[]): string {
  return `${counted(some.length, "snapshot")}, ${formatBytes(some.reduce((sum, { bytes }) => sum + bytes, 0))}`;
}

/** Shortens names to the same length, the shortest that tells them apart. Names of files may be anything. */
function shortener(names: readonly string[]): (name: string) => string {
  const different = new Set(names);
  const longest = Math.max(SHORT_ID, ...[...different].map(({ length }) => length));
  let length = SHORT_ID;
  while (length < longest && new Set([...different].map((name) => name.slice(0, length))).size < different.size)
    length++;
  return (name) => oneLine(name.slice(0, length));
}
