// The command `index`: removes what the search keeps on disk, of one folder or of all.
import { formatBytes } from "../protocol/formatBytes.ts";
import { RemoveIndexRequest } from "../protocol/messages.ts";
import { UsageError } from "./arguments.ts";
import { counted } from "./format.ts";
import { type CommandContext, type CommandResult, withServer, workspaceFolder } from "./session.ts";

/** Runs the one action there is, remove. */
export async function index(context: CommandContext): Promise<CommandResult> {
  const { options, output, signal } = context;
  const [action] = context.arguments;
  if (action !== "remove") throw new UsageError(`“index” has no action “${action}”.`, "index");
  // Nothing of the folder is read: else its index would be there again at once.
  return withServer(context, { folder: workspaceFolder(options), trusted: false }, async (client) => {
    const which = options.all ? "the search indexes of all folders" : "the search index of this folder";
    if (output.interactive && !options.yes && !(await output.confirm(`Remove ${which}?`, signal))) {
      output.line("Nothing was removed.");
      return { exitCode: 0, json: { removed: 0, bytes: 0, inUse: 0 } };
    }
    const outcome = await client.request(RemoveIndexRequest.type, { all: options.all }, { signal });
    const { removed, bytes, inUse } = outcome;
    if (removed === 0) output.line(inUse === 0 ? "There is no search index." : "Nothing was removed.");
    else output.line(`Removed the search index of ${counted(removed, "workspace")}, ${formatBytes(bytes)}.`);
    if (inUse > 0) output.line(`Kept that of ${counted(inUse, "workspace")}: another window or command uses it.`);
    return { exitCode: removed === 0 && inUse > 0 ? 1 : 0, json: { ...outcome } };
  });
}
