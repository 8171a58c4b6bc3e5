// Messages between the server and its parsing thread.
import type { FileSyntax, SourceText } from "./fileSyntax.ts";

export interface WorkerOptions {
  grammarDir: string;
  /** Whether each file is also cut into chunks, for the index. */
  withParts: boolean;
}

export interface WorkerBatch {
  files: readonly SourceText[];
}

/** First "ready", then one answer for each file of a batch, in its order; "failed": its grammar cannot be loaded. */
export type WorkerAnswer = { ready: true } | { syntax: FileSyntax } | { failed: string };
