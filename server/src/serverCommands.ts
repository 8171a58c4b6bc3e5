// Fathom's requests as `workspace/executeCommand`, for editors that send nothing but standard LSP.
import { type Connection, ErrorCodes, type ExecuteCommandParams, ResponseError } from "vscode-languageserver/node";
import { answerOf } from "./requests.ts";

/**
 * Begins the names of commands that the server runs. A client library makes each of them a command of its editor, where the
 * extension has commands of its own.
 */
const PREFIX = "fathom.server.";

/** Requests that make sense without an interface of ours: `fathom.server.search` is `fathom/search`, with its parameters. */
const REQUESTS = [
  "chat",
  "completionStatistics",
  "contextMap",
  "doctor",
  "edit",
  "getStatus",
  "prefill",
  "restartEngine",
  "search",
] as const;

/** What an inline completion carries for the editor to run when the user takes it; its argument is the completion's id. */
export const COMPLETION_ACCEPTED = `${PREFIX}completionAccepted`;

/** For `executeCommandProvider`. */
export const SERVER_COMMANDS: readonly string[] = [...REQUESTS.map((name) => `${PREFIX}${name}`), COMPLETION_ACCEPTED];

/**
 * Registers the commands. Call it after the requests.
 * @param onAccepted Hears the id of a completion that was taken.
 */
export function registerServerCommands(connection: Connection, onAccepted: (id: string) => void): void {
  connection.onExecuteCommand(async ({ command, arguments: given }: ExecuteCommandParams, token) => {
    // Some clients send null or an object where there should be a list.
    const argument: unknown = Array.isArray(given) ? given[0] : undefined;
    if (command === COMPLETION_ACCEPTED) {
      if (typeof argument === "string") onAccepted(argument);
      return null;
    }
    const name = REQUESTS.find((request) => command === `${PREFIX}${request}`);
    const answer = name === undefined ? undefined : answerOf(connection, `fathom/${name}`);
    if (answer === undefined) return new ResponseError(ErrorCodes.MethodNotFound, `Fathom has no command ${command}.`);
    return answer(argument ?? {}, token);
  });
}
