// Error codes that requests of Fathom's own can fail with; the message beside a code is the sentence for people.

/** LSP reserves -32899…-32000 for servers; these are Fathom's. */
export const FathomErrorCodes = {
  /** No model is configured: offer `Get Model…`. */
  noModel: -32891,
  /** The model file cannot be used; the message names the file and the reason. */
  modelUnusable: -32892,
  /** The engine stopped while working; it is being restarted. */
  engineStopped: -32893,
  /** The request itself cannot be done: empty selection, image too large, path outside the workspace. */
  badRequest: -32894,
  /** The workspace is not trusted. */
  untrusted: -32895,
  /** A download or verification failed; what was received is kept. */
  downloadFailed: -32896,
  /** The engine reported a failure of its own. */
  engineFailed: -32897,
} as const;

export type FathomErrorCode = (typeof FathomErrorCodes)[keyof typeof FathomErrorCodes];
