// Says in words and numbers for people how far a reading is.
import type { PrefillProgress } from "../../../engine/src/api.ts";
import type { BaseStatus, PrefillOutcome, ReadingProgress, Status } from "../protocol/messages.ts";

/** Before the engine has begun. */
export const NOTHING_READ = { doneTokens: 0, totalTokens: 0, file: "", tokensPerSecond: 0 };

export function asReading(progress: PrefillProgress, purpose: ReadingProgress["purpose"]): ReadingProgress {
  const { phase, doneTokens, totalTokens, tokensPerSecond, doneLabels, totalLabels, label } = progress;
  const secondsLeft = tokensPerSecond > 0 ? Math.ceil((totalTokens - doneTokens) / tokensPerSecond) : undefined;
  const files = { doneFiles: doneLabels, totalFiles: totalLabels, file: label };
  return { purpose, phase, doneTokens, totalTokens, tokensPerSecond, ...files, secondsLeft };
}

/** @returns 0 to 1. */
export function shareOf({ doneTokens, totalTokens }: ReadingProgress): number {
  return totalTokens === 0 ? 0 : doneTokens / totalTokens;
}

export function describe(reading: ReadingProgress): string {
  const files = `${reading.doneFiles} of ${reading.totalFiles} files`;
  switch (reading.phase) {
    case "tokenize":
      return `Looking through ${files}.`;
    case "restore":
      return "Restoring what was read before.";
    case "save":
      return "Saving what was read.";
    case "prefill":
      return `Reading: ${files}, ${reading.doneTokens.toLocaleString("en")} of ${reading.totalTokens.toLocaleString("en")} tokens.`;
  }
}

export function readyMessage({ base, model }: Pick<Status, "base" | "model">): string {
  const name = model?.name ?? "The model";
  if (base === undefined) return `${name} is ready.`;
  const tokens = base.tokens.toLocaleString("en");
  return base.tokens < base.totalTokens
    ? `${name} is ready. Reading stopped at ${tokens} of ${base.totalTokens.toLocaleString("en")} tokens.`
    : `${name} is ready: ${filesOf(base)}, ${tokens} tokens read.`;
}

function filesOf({ files, outlines }: BaseStatus): string {
  return outlines === 0 ? `${files} files` : `${files} files and the outlines of ${outlines}`;
}

export function cancelledBeforeReading(): PrefillOutcome {
  const figures = {
    promptTokens: 0,
    reusedTokens: 0,
    evaluatedTokens: 0,
    generatedTokens: 0,
    chunks: 0,
    prefillMs: 0,
    decodeMs: 0,
    firstTokenMs: 0,
    totalMs: 0,
  };
  const nothing = { files: 0, outlines: 0, leftOut: [], savedTokens: 0, notes: [] };
  return { figures, cancelled: true, origin: "computed", ...nothing };
}
