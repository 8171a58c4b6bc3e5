// Markdown for the reports that open as pages: the doctor's rows, what reading left out; pure text, no VS Code.
import * as l10n from "@vscode/l10n";
import type { DoctorRow, PrefillOutcome } from "../../server/src/protocol/messages.ts";
import { plain, table } from "./markdownTable.ts";
import { count, figuresLine, outlineCount, seconds, size } from "./statusText.ts";

/** The doctor's rows as a list, problems first; their texts are too long for a table. */
export function doctorReport(rows: readonly DoctorRow[]): string {
  const words = { good: l10n.t("ok"), warning: l10n.t("warning"), bad: l10n.t("problem") };
  const order: DoctorRow["verdict"][] = ["bad", "warning", "good"];
  const sorted = order.flatMap((verdict) => rows.filter((row) => row.verdict === verdict));
  const lines = sorted.flatMap(({ verdict, topic, text }) => {
    const [first = "", ...more] = text.split("\n").map(plain);
    const entry = `- ${words[verdict]} · **${topic}**:`;
    // Steps of an arithmetic are a list, not a paragraph.
    return more.length === 0 ? [`${entry} ${first}`] : [entry, ...[first, ...more].map((line) => `  - ${line}`)];
  });
  return [`# ${l10n.t("Fathom doctor")}`, "", ...lines, ""].join("\n");
}

/** One sentence: how much was read, how long it took, where it came from. */
export function outcomeSentence(outcome: PrefillOutcome): string {
  const { figures, files, outlines, leftOut } = outcome;
  const tokens = count(figures.promptTokens);
  const amount =
    outlines > 0
      ? l10n.t("{0} files and {1} ({2} tokens)", count(files), outlineCount(outlines), tokens)
      : l10n.t("{0} files ({1} tokens)", count(files), tokens);
  const sentences = [readSentence(outcome, amount)];
  // Excluded by rules, or there by their path only: the reasons tell which.
  if (leftOut.length === 1) sentences.push(l10n.t("1 was not read."));
  if (leftOut.length > 1) sentences.push(l10n.t("{0} were not read.", count(leftOut.length)));
  return sentences.join(" ");
}

function readSentence({ cancelled, origin, figures, restoredMs }: PrefillOutcome, amount: string): string {
  if (cancelled) return l10n.t("Reading was stopped; {0} are read and kept.", amount);
  if (origin === "memory") return l10n.t("{0} were already read.", amount);
  if (origin === "snapshot") {
    return l10n.t("{0} were restored from disk in {1}.", amount, seconds(restoredMs ?? figures.totalMs));
  }
  return l10n.t("{0} were read in {1}.", amount, seconds(figures.totalMs));
}

/** What was read, what was not and why. */
export function readingReport(outcome: PrefillOutcome): string {
  const title = `# ${l10n.t("What Fathom has read")}`;
  const lines = [title, "", outcomeSentence(outcome), "", figuresLine(outcome.figures), ""];
  if (outcome.savedBytes !== undefined) {
    const time = seconds(outcome.savedMs ?? 0);
    lines.push(l10n.t("Kept on disk: {0}, written in {1}.", size(outcome.savedBytes), time), "");
  }
  lines.push(...outcome.notes.map((note) => `- ${plain(note)}`));
  if (outcome.leftOut.length > 0) {
    const rows = outcome.leftOut.map(({ path, reason }) => [path, reason]);
    lines.push("", `## ${l10n.t("Not read")}`, "", ...table([l10n.t("path"), l10n.t("reason")], rows));
  }
  return `${lines.join("\n").trimEnd()}\n`;
}
