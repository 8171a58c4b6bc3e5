// The ids of all commands, as the manifest must list them; knows nothing of what they do.

/** Every command Fathom contributes. A test compares this list with package.json in both directions. */
export const COMMAND_IDS = [
  "fathom.readWorkspace",
  "fathom.stopReading",
  "fathom.pauseReading",
  "fathom.resumeReading",
  "fathom.showContextMap",
  "fathom.editSelection",
  "fathom.acceptEdit",
  "fathom.discardEdit",
  "fathom.uiFromScreenshot",
  "fathom.getModel",
  "fathom.getCudaRuntime",
  "fathom.search",
  "fathom.rebuildIndex",
  "fathom.restartEngine",
  "fathom.restartServer",
  "fathom.showLog",
  "fathom.doctor",
  "fathom.newConversation",
  "fathom.focusChat",
  "fathom.toggleCompletion",
  "fathom.toggleCompletionLanguage",
  "fathom.snoozeCompletion",
  "fathom.showCompletionStatistics",
  "fathom.showMenu",
] as const;

export type CommandId = (typeof COMMAND_IDS)[number];

/** VS Code's own command for trusting a folder; the way out of the restricted mode. */
export const MANAGE_TRUST_COMMAND = "workbench.trust.manage";
