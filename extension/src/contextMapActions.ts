// What the context map offers to do in which state, and therefore all that it may ask for; pure, no VS Code.
import * as l10n from "@vscode/l10n";
import type { Status } from "../../server/src/protocol/messages.ts";
import type { ToContextMapView } from "../../server/src/protocol/webview.ts";
import { type CommandId, MANAGE_TRUST_COMMAND } from "./commandIds.ts";

type ShownAction = ToContextMapView["state"]["actions"][number];

/** The title is chosen late: the texts of the display language are not there yet when this file is read. */
interface Action {
  title: () => string;
  command: CommandId | typeof MANAGE_TRUST_COMMAND;
}

/** While reading the map is asked for again after each such share of it. */
const STEPS_OF_READING = 20;

const READ: Action = { title: () => l10n.t("Read Workspace"), command: "fathom.readWorkspace" };
const PAUSE: Action = { title: () => l10n.t("Pause Reading"), command: "fathom.pauseReading" };
const RESUME: Action = { title: () => l10n.t("Resume Reading"), command: "fathom.resumeReading" };
const GET_MODEL: Action = { title: () => l10n.t("Get Model…"), command: "fathom.getModel" };
const RESTART_SERVER: Action = { title: () => l10n.t("Restart Language Server"), command: "fathom.restartServer" };
const MANAGE_TRUST: Action = { title: () => l10n.t("Manage Workspace Trust"), command: MANAGE_TRUST_COMMAND };

/** Commands that the map may run. */
export const MAP_COMMANDS: ReadonlySet<string> = new Set(
  [READ, PAUSE, RESUME, GET_MODEL, RESTART_SERVER, MANAGE_TRUST].map(({ command }) => command),
);

/** What makes sense now, the most useful first. */
export function mapActions(status: Status): ShownAction[] {
  return actionsIn(status).map(({ title, command }) => ({ title: title(), command }));
}

function actionsIn(status: Status): Action[] {
  if (status.state === "untrusted") return [MANAGE_TRUST];
  if (status.state === "noModel") return [GET_MODEL];
  if (status.state === "failed") return [RESTART_SERVER];
  if (status.hold === "user") return [RESUME];
  if (status.reading !== undefined) return [PAUSE];
  return status.state === "ready" && status.base === undefined ? [READ] : [];
}

/** Changes when the map may look different: not with each token that is read, which would draw it all the time. */
export function mapKey({ model, base, overlay, reading, hold, state }: Status): string {
  const { purpose, phase, doneTokens = 0, totalTokens = 0 } = reading ?? {};
  const step = totalTokens > 0 ? Math.floor((STEPS_OF_READING * doneTokens) / totalTokens) : 0;
  const isPaused = hold === "user";
  return JSON.stringify([model, base, overlay, purpose, phase, step, isPaused, state === "untrusted"]);
}
