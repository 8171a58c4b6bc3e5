// What the context map offers to do in which state, and therefore all that it may ask for; pure, no VS Code.
import type { Status } from "../../server/src/protocol/messages.ts";
import type { ToContextMapView } from "../../server/src/protocol/webview.ts";
import type { CommandId } from "./commandIds.ts";

type Action = ToContextMapView["state"]["actions"][number] & { command: CommandId };

const READ: Action = { title: "Read Workspace", command: "fathom.readWorkspace" };
const PAUSE: Action = { title: "Pause Reading", command: "fathom.pauseReading" };
const RESUME: Action = { title: "Resume Reading", command: "fathom.resumeReading" };
const GET_MODEL: Action = { title: "Get Model…", command: "fathom.getModel" };

/** Commands that the map may run. */
export const MAP_COMMANDS: ReadonlySet<string> = new Set(
  [READ, PAUSE, RESUME, GET_MODEL].map(({ command }) => command),
);

/** What makes sense now, the most useful first. */
export function mapActions(status: Status): Action[] {
  if (status.state === "noModel") return [GET_MODEL];
  if (status.hold === "user") return [RESUME];
  if (status.reading !== undefined) return [PAUSE];
  return status.state === "ready" && status.base === undefined ? [READ] : [];
}

/** Changes when the map may look different: not with each token that is read, which would draw it all the time. */
export function mapKey({ model, base, overlay, reading, state }: Status): string {
  return JSON.stringify([model?.file, model?.contextTokens, base, overlay, reading?.purpose, state === "untrusted"]);
}
