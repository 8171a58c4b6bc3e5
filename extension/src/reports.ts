// Markdown for the reports that open in an editor: the doctor's rows, what reading left out; pure text, no VS Code.
import type { DoctorRow, PrefillOutcome } from "../../server/src/protocol/messages.ts";
import { oneLine, table } from "./markdownTable.ts";
import { count, figuresLine, seconds, size } from "./statusText.ts";

const VERDICT: Record<DoctorRow["verdict"], string> = { good: "ok", warning: "warning", bad: "problem" };

/** The doctor's rows as a list, problems first; their texts are too long for a table. */
export function doctorReport(rows: readonly DoctorRow[]): string {
  const order: DoctorRow["verdict"][] = ["bad", "warning", "good"];
  const sorted = order.flatMap((verdict) => rows.filter((row) => row.verdict === verdict));
  const lines = sorted.map(({ verdict, topic, text }) => `- ${VERDICT[verdict]} · **${topic}**: ${oneLine(text)}`);
  return ["# Fathom doctor", "", ...lines, ""].join("\n");
}

/** One sentence: how much was read, how long it took, where it came from. */
export function outcomeSentence(outcome: PrefillOutcome): string {
  const { figures, files, outlines, leftOut } = outcome;
  const left =
    leftOut.length > 0 ? ` ${leftOut.length === 1 ? "1 was" : `${count(leftOut.length)} were`} left out.` : "";
  const outlined = outlines > 0 ? ` and ${count(outlines)} ${outlines === 1 ? "outline" : "outlines"}` : "";
  const amount = `${count(files)} files${outlined} (${count(figures.promptTokens)} tokens)`;
  if (outcome.cancelled) return `Reading was stopped; ${amount} are read and kept.${left}`;
  if (outcome.origin === "memory") return `${amount} were already read.${left}`;
  if (outcome.origin === "snapshot") {
    return `${amount} were restored from disk in ${seconds(outcome.restoredMs ?? figures.totalMs)}.${left}`;
  }
  return `${amount} were read in ${seconds(figures.totalMs)}.${left}`;
}

/** What was read, what was left out and why. */
export function readingReport(outcome: PrefillOutcome): string {
  const lines = ["# What Fathom has read", "", outcomeSentence(outcome), "", figuresLine(outcome.figures), ""];
  if (outcome.savedBytes !== undefined) {
    lines.push(`Kept on disk: ${size(outcome.savedBytes)}, written in ${seconds(outcome.savedMs ?? 0)}.`, "");
  }
  lines.push(...outcome.notes.map((note) => `- ${note}`));
  if (outcome.leftOut.length > 0) {
    const rows = outcome.leftOut.map(({ path, reason }) => [path, reason]);
    lines.push("", "## Left out", "", ...table(["path", "reason"], rows));
  }
  return `${lines.join("\n").trimEnd()}\n`;
}
