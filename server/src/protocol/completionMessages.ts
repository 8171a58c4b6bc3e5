// What client and server say to each other about how inline completions do; pure types and constants.
import { ProtocolRequestType } from "vscode-languageserver-protocol";

/** How one inline completion was answered. Texts are never kept. */
export interface CompletionRecord {
  /** ISO 8601. */
  at: string;
  languageId: string;
  /** Where the text came from: the model asked now, a little earlier or before anyone asked; or what it had said before. */
  source: "model" | "running" | "speculative" | "cache" | "typed";
  /** Why nothing was shown; absent: something was. */
  reason?: string;
  /** From the request to its answer. */
  latencyMs: number;
  /** From asking the model to its first token; 0 where it was not asked for this. */
  firstTokenMs: number;
  promptTokens: number;
  evaluatedTokens: number;
  generatedTokens: number;
}

/** Counts since some time. */
export interface CompletionCounts {
  /** Changes of documents that a completion could follow. */
  keystrokes: number;
  /** Requests that were not overtaken by the next key. */
  answered: number;
  /** Of these, answered with a text. */
  offered: number;
  /** Of these, visible for 750 ms, or taken sooner. */
  shown: number;
  accepted: number;
  /** Taken in part, by word or by line. */
  acceptedWords: number;
  acceptedLines: number;
  acceptedCharacters: number;
  evaluatedTokens: number;
  /** Accepted texts that were looked at again after 30 s and after 5 min, and the sum of the shares that were still there. */
  measured30s: number;
  kept30s: number;
  measured5min: number;
  kept5min: number;
}

/** What the statistics page shows; kept on this machine and sent nowhere. */
export interface CompletionStatistics {
  session: CompletionCounts & {
    latencyMsP50: number;
    latencyMsP95: number;
    /** Tokens evaluated between two keys, median. */
    evaluatedTokensP50: number;
    /** From the key that made a completion useless to the moment when the engine had let go of it. */
    stopMsP95: number;
    bySource: Partial<Record<CompletionRecord["source"], number>>;
  };
  /** Since the statistics were begun or reset, this session included. */
  total: CompletionCounts & { since: string; byLanguage: Record<string, CompletionCounts> };
  /** The newest first. */
  recent: CompletionRecord[];
}

/** Client → server: how well inline completions do; `reset` begins anew. */
export const CompletionStatisticsRequest = {
  type: new ProtocolRequestType<{ reset?: boolean }, CompletionStatistics, never, void, void>(
    "fathom/completionStatistics",
  ),
};
