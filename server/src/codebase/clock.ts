// Time as the parts that wait take it, so that tests can turn it forward.

export interface Clock {
  /** Milliseconds; only differences mean anything. */
  now(): number;
  /** Calls `work` once after so many milliseconds. @returns Takes it back. */
  after(ms: number, work: () => void): () => void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};
