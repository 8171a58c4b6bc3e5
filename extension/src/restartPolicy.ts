// Decides whether a crashed language server is started again; knows times only, no processes.

/** A server that needs more restarts than this within the window crashes in a loop: stop and say so. */
export const MAX_RESTARTS = 4;
/** Milliseconds. Three minutes is long enough to load a model and crash in it four times. */
export const RESTART_WINDOW_MS = 3 * 60_000;

/** Counts the restarts of the last three minutes. */
export class RestartPolicy {
  #restarts: number[] = [];

  /**
   * Asks for one more restart and counts it if it is granted.
   * @param nowMs Time of the crash in milliseconds; must not decrease from call to call.
   * @returns False when {@link MAX_RESTARTS} were granted within {@link RESTART_WINDOW_MS}.
   */
  mayRestart(nowMs: number): boolean {
    this.#restarts = this.#restarts.filter((time) => nowMs - time < RESTART_WINDOW_MS);
    if (this.#restarts.length >= MAX_RESTARTS) return false;
    this.#restarts.push(nowMs);
    return true;
  }

  /** Forgets all crashes: the user asked for a new start. */
  reset(): void {
    this.#restarts = [];
  }
}
