// Markdown for the completion statistics: what was shown, taken and kept, how fast and at what cost; pure text, no VS Code.
import type {
  CompletionCounts,
  CompletionRecord,
  CompletionStatistics,
} from "../../server/src/protocol/completionMessages.ts";
import { table } from "./markdownTable.ts";
import { count, seconds } from "./statusText.ts";

/** Answers that the page lists. */
const LISTED = 20;

const SOURCE: Record<CompletionRecord["source"], string> = {
  model: "asked the model",
  running: "the model was saying it already",
  speculative: "guessed before it was asked for",
  cache: "asked for at this place before",
  typed: "typed through, the model was not asked",
};

/** The whole page. */
export function completionReport({ session, total, recent }: CompletionStatistics): string {
  const counts = (title: string, now: (counts: CompletionCounts) => string) => [title, now(session), now(total)];
  const rows = [
    counts("suggestions shown for at least 750 ms", ({ shown }) => count(shown)),
    counts("taken as a whole", ({ accepted, shown }) => share(accepted, shown)),
    counts("taken by word", ({ acceptedWords }) => count(acceptedWords)),
    counts("taken by line", ({ acceptedLines }) => count(acceptedLines)),
    counts("characters taken", ({ acceptedCharacters }) => count(acceptedCharacters)),
    counts("of a taken text still there after 30 s", ({ kept30s, measured30s }) => percent(kept30s, measured30s)),
    counts("of a taken text still there after 5 min", ({ kept5min, measured5min }) => percent(kept5min, measured5min)),
    counts("answered requests", ({ answered }) => count(answered)),
    counts("with a text", ({ offered, answered }) => share(offered, answered)),
    counts("tokens evaluated for each change of a text", ({ evaluatedTokens, keystrokes }) =>
      keystrokes === 0 ? "–" : count(evaluatedTokens / keystrokes),
    ),
  ];
  const lines = [
    "# Inline completions",
    "",
    "Counted on this machine and kept on it; nothing of it is sent anywhere, and no text is kept.",
    "",
    ...table(["", "this session", `since ${total.since.slice(0, 10)}`], rows),
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
    "## Speed in this session",
    "",
    `- Half of the answers came within ${seconds(latencyMsP50)}, 95 of 100 within ${seconds(latencyMsP95)}.`,
    `- Between two changes of a text, half of the time at most ${count(evaluatedTokensP50)} tokens were evaluated.`,
    ...sources(bySource),
    "",
  ];
}

function sources(bySource: CompletionStatistics["session"]["bySource"]): string[] {
  const entries = Object.entries(bySource) as [CompletionRecord["source"], number][];
  const all = entries.reduce((sum, [, amount]) => sum + amount, 0);
  return entries.map(([source, amount]) => `- ${share(amount, all)}: ${SOURCE[source]}.`);
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
  return ["## Languages", "", ...table(["language", "shown", "taken", "kept after 5 min"], rows), ""];
}

function answers(recent: readonly CompletionRecord[]): string[] {
  if (recent.length === 0) return [];
  const rows = recent
    .slice(0, LISTED)
    .map(({ at, languageId, source, reason, latencyMs, evaluatedTokens }) => [
      at.slice(11, 19),
      languageId,
      reason === undefined ? "a suggestion" : `nothing, because ${reason}`,
      SOURCE[source],
      seconds(latencyMs),
      count(evaluatedTokens),
    ]);
  const head = ["time (UTC)", "language", "shown", "how", "after", "tokens evaluated"];
  return ["## The last answers", "", ...table(head, rows), ""];
}

/** `12 (40 %)` */
function share(part: number, whole: number): string {
  return whole === 0 ? count(part) : `${count(part)} (${percent(part, whole)})`;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "–" : `${Math.round((100 * part) / whole)} %`;
}
