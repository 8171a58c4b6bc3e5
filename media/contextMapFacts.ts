// The figures around the treemap: how the window is divided, memory, disk and speed, what is left out; pure, no DOM.

import { formatBytes, formatQuota } from "../server/src/protocol/formatBytes.ts";
import type { ContextMap, ContextMapFile } from "../server/src/protocol/messages.ts";
import { count } from "./contextMapText.ts";

export interface WindowPart {
  className: "front" | "whole" | "outline" | "overlay" | "room";
  name: string;
  tokens: number;
}

/** What the window holds, in the order of the bar; parts without tokens are left away. */
export function windowParts({ totals }: Pick<ContextMap, "totals">): WindowPart[] {
  const parts: WindowPart[] = [
    { className: "front", name: "instructions and list of files", tokens: totals.frontTokens },
    { className: "whole", name: "whole files", tokens: totals.wholeTokens },
    { className: "outline", name: "outlines", tokens: totals.outlineTokens },
    { className: "overlay", name: "changes", tokens: totals.overlayTokens },
    { className: "room", name: "room for question and answer", tokens: totals.roomTokens },
  ];
  return parts.filter(({ tokens }) => tokens > 0);
}

/** How far reading is, if it is not at the end: the text and the share of what is to be read. */
export function readSoFar({ totals }: Pick<ContextMap, "totals">): { text: string; share: number } | undefined {
  const { readTokens, baseTokens } = totals;
  if (readTokens >= baseTokens || baseTokens === 0) return undefined;
  return { text: `${count(readTokens)} read so far`, share: readTokens / baseTokens };
}

export interface Fact {
  name: string;
  text: string;
  /** What it is, for who does not know the word. */
  meaning: string;
}

/** Memory, disk and speed. */
export function facts({ totals, model }: Pick<ContextMap, "totals" | "model">): Fact[] {
  const others = totals.allSnapshotBytes - totals.snapshotBytes;
  const shared = others > 0 ? ` + ${formatBytes(others)} of other workspaces` : "";
  const disk: Fact = {
    name: "On disk",
    text: `${totals.snapshotBytes === 0 ? "nothing" : formatBytes(totals.snapshotBytes)}${shared}, at most ${formatQuota(totals.snapshotQuotaBytes)}`,
    meaning: "What was read, saved so that opening this workspace again takes seconds.",
  };
  if (totals.windowTokens === 0) return [disk];
  const { checkpoints, checkpointBytes, prefillTokensPerSecond: speed } = totals;
  return [
    {
      name: "KV cache",
      text: `${formatBytes(totals.kvBytes)}${model ? `, ${model.kvType}` : ""}`,
      meaning: "Memory for all tokens that fit into the window, used or not.",
    },
    {
      name: "Checkpoints",
      text: checkpoints === 0 ? "none" : `${count(checkpoints)} with ${formatBytes(checkpointBytes)}`,
      meaning: "Places from which reading can go on; the more there are, the less is read again after a change.",
    },
    disk,
    {
      name: "Reading",
      text: speed > 0 ? `${count(speed)} tokens/s` : "not measured yet",
      meaning: "Speed of the last reading.",
    },
  ];
}

export interface OutGroup {
  reason: string;
  /** All files with this reason. */
  nFiles: number;
  /** Those that are listed. */
  listed: ContextMapFile[];
}

/**
 * What is left out, by reason, the most frequent first.
 * @param most Files to list in all.
 */
export function outGroups(files: readonly ContextMapFile[], most: number): OutGroup[] {
  const byReason = new Map<string, ContextMapFile[]>();
  for (const file of files) {
    if (file.form !== "out") continue;
    const same = byReason.get(file.reason);
    if (same) same.push(file);
    else byReason.set(file.reason, [file]);
  }
  let nLeft = most;
  return [...byReason]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, same]) => {
      const listed = same.slice(0, nLeft);
      nLeft -= listed.length;
      return { reason, nFiles: same.length, listed };
    });
}
