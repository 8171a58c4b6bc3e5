// Markdown for the completion statistics: what was shown, taken and kept, how fast and at what cost; pure text, no VS Code.
import * as l10n from "@vscode/l10n";
import type {
  CompletionCounts,
  CompletionRecord,
  CompletionStatistics,
} from "../../server/src/protocol/completionMessages.ts";
import { table } from "./markdownTable.ts";
import { count, seconds } from "./statusText.ts";

/** Answers that the page lists. */
const LISTED = 20;

/** The whole page. */
export function completionReport({ session, total, recent }: CompletionStatistics): string {
  const counts = (title: string, now: (counts: CompletionCounts) => string) => [title, now(session), now(total)];
  const rows = [
    counts(l10n.t("suggestions shown for at least 750 ms"), ({ shown }) => count(shown)),
    counts(l10n.t("taken as a whole"), ({ accepted, shown }) => share(accepted, shown)),
    counts(l10n.t("taken by word"), ({ acceptedWords }) => count(acceptedWords)),
    counts(l10n.t("taken by line"), ({ acceptedLines }) => count(acceptedLines)),
    counts(l10n.t("characters taken"), ({ acceptedCharacters }) => count(acceptedCharacters)),
    counts(l10n.t("of a taken text still there after 30 s"), ({ kept30s, measured30s }) =>
      percent(kept30s, measured30s),
    ),
    counts(l10n.t("of a taken text still there after 5 min"), ({ kept5min, measured5min }) =>
      percent(kept5min, measured5min),
    ),
    counts(l10n.t("answered requests"), ({ answered }) => count(answered)),
    counts(l10n.t("with a text"), ({ offered, answered }) => share(offered, answered)),
    counts(l10n.t("tokens evaluated for each change of a text"), ({ evaluatedTokens, keystrokes }) =>
      keystrokes === 0 ? "–" : count(evaluatedTokens / keystrokes),
    ),
  ];
  const lines = [
    `# ${l10n.t("Inline completions")}`,
    "",
    l10n.t("Counted on this machine and kept on it; nothing of it is sent anywhere, and no text is kept."),
    "",
    ...table(["", l10n.t("this session"), l10n.t("since {0}", total.since.slice(0, 10))], rows),
    "",
    ...speed(session),
    ...languages(total.byLanguage),
    ...answers(recent),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

function speed(session: CompletionStatistics["session"]): string[] {
  if (session.answered === 0) return [];
  const { latencyMsP50, latencyMsP95, evaluatedTokensP50, bySource } = session;
  return [
    `## ${l10n.t("Speed in this session")}`,
    "",
    `- ${l10n.t("Half of the answers came within {0}, 95 of 100 within {1}.", seconds(latencyMsP50), seconds(latencyMsP95))}`,
    `- ${l10n.t("Between two changes of a text, half of the time at most {0} tokens were evaluated.", count(evaluatedTokensP50))}`,
    ...sources(bySource),
    "",
  ];
}

function sources(bySource: CompletionStatistics["session"]["bySource"]): string[] {
  const entries = Object.entries(bySource) as [CompletionRecord["source"], number][];
  const all = entries.reduce((sum, [, amount]) => sum + amount, 0);
  return entries.map(([source, amount]) => `- ${share(amount, all)}: ${sourceWords(source)}.`);
}

function languages(byLanguage: Record<string, CompletionCounts>): string[] {
  const shown = Object.entries(byLanguage).filter((entry) => entry[1].shown > 0);
  if (shown.length === 0) return [];
  const rows = shown
    .sort((a, b) => b[1].shown - a[1].shown)
    .map(([languageId, { shown, accepted, kept5min, measured5min }]) => [
      languageId,
      count(shown),
      share(accepted, shown),
      percent(kept5min, measured5min),
    ]);
  const head = [l10n.t("language"), l10n.t("shown"), l10n.t("taken"), l10n.t("kept after 5 min")];
  return [`## ${l10n.t("Languages")}`, "", ...table(head, rows), ""];
}

function answers(recent: readonly CompletionRecord[]): string[] {
  if (recent.length === 0) return [];
  const rows = recent
    .slice(0, LISTED)
    .map(({ at, languageId, source, reason, latencyMs, evaluatedTokens }) => [
      at.slice(11, 19),
      languageId,
      reason === undefined ? l10n.t("a suggestion") : l10n.t("nothing, because {0}", reason),
      sourceWords(source),
      seconds(latencyMs),
      count(evaluatedTokens),
    ]);
  const head = [
    l10n.t("time (UTC)"),
    l10n.t("language"),
    l10n.t("shown"),
    l10n.t("how"),
    l10n.t("after"),
    l10n.t("tokens evaluated"),
  ];
  return [`## ${l10n.t("The last answers")}`, "", ...table(head, rows), ""];
}

function sourceWords(source: CompletionRecord["source"]): string {
  const words: Record<typeof source, string> = {
    model: l10n.t("asked the model"),
    running: l10n.t("the model was saying it already"),
    speculative: l10n.t("guessed before it was asked for"),
    cache: l10n.t("asked for at this place before"),
    typed: l10n.t("typed through, the model was not asked"),
  };
  return words[source];
}

/** `12 (40 %)` */
function share(part: number, whole: number): string {
  return whole === 0 ? count(part) : `${count(part)} (${percent(part, whole)})`;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "–" : `${Math.round((100 * part) / whole)} %`;
}
