// Decides when a new base is built behind the one that serves: changes have outgrown their share or many files changed at once, and nobody needs the machine.
import type { BackgroundGate } from "./backgroundGate.ts";
import type { Clock } from "./clock.ts";
import { mostChanges } from "./difference.ts";
import type { OverlayLoad, WorkspaceReader } from "./workspaceReader.ts";

/** File events come in bursts (a checkout, a build): what changed is looked at when they have been quiet, milliseconds. */
export const QUIET_MS = 2000;
/** Nobody typed or asked for this long: the machine is idle, milliseconds. */
export const IDLE_MS = 30_000;
/** The same after a switch of branches: most of the base is wrong then, milliseconds. */
export const SWITCH_IDLE_MS = 3000;
/** Waiting after the first, second … attempt in a row that changed nothing, milliseconds. */
export const BACKOFF_MS = [60_000, 5 * 60_000, 15 * 60_000];
/** Something else is being read, or reading is held: looked at again after this, milliseconds. */
export const HELD_MS = 60_000;

export interface CompactionOptions {
  reader: Pick<WorkspaceReader, "measureOverlay" | "compact" | "busy">;
  gate: Pick<BackgroundGate, "mayStart">;
  clock: Clock;
  log: (line: string) => void;
}

export class Compaction {
  readonly #options: CompactionOptions;
  /** Requests in flight. */
  #requests = 0;
  /** When someone typed or asked last. */
  #activeAt: number;
  #nextMeasure: (() => void) | undefined;
  #nextAttempt: (() => void) | undefined;
  /** Attempts in a row that changed nothing. */
  #failures = 0;
  #notBefore = 0;
  #due: "no" | "share" | "switch" = "no";
  #running: AbortController | undefined;
  #disposed = false;

  constructor(options: CompactionOptions) {
    this.#options = options;
    this.#activeAt = options.clock.now() - IDLE_MS;
  }

  /** Files changed on disk, or a base began to serve. */
  changed(): void {
    this.#measureSoon();
  }

  /** A document changed in the editor. */
  typed(): void {
    this.#activeAt = this.#options.clock.now();
    this.#schedule();
    this.#measureSoon();
  }

  /** A completion, question or edit begins. @returns To be called when it has ended. */
  requested(): () => void {
    this.#requests += 1;
    return () => {
      this.#requests -= 1;
      this.#activeAt = this.#options.clock.now();
      this.#schedule();
    };
  }

  dispose(): void {
    this.#disposed = true;
    this.#nextMeasure?.();
    this.#nextAttempt?.();
    this.#running?.abort();
  }

  #measureSoon(): void {
    this.#nextMeasure?.();
    if (this.#disposed) return;
    this.#nextMeasure = this.#options.clock.after(QUIET_MS, () => void this.#measure());
  }

  async #measure(): Promise<void> {
    try {
      this.#due = dueFor(await this.#options.reader.measureOverlay());
    } catch (error) {
      // Most often the engine was stopped; the base is read again then, and measured after that.
      this.#options.log(`What changed could not be measured: ${text(error)}`);
      this.#due = "no";
    }
    this.#schedule();
  }

  /** Sets the alarm for the next attempt, or takes it back. */
  #schedule(atLeastMs = 0): void {
    this.#nextAttempt?.();
    this.#nextAttempt = undefined;
    // The end of a request comes back here.
    if (this.#due === "no" || this.#requests > 0 || this.#running !== undefined || this.#disposed) return;
    const { clock } = this.#options;
    const idleAt = this.#activeAt + (this.#due === "switch" ? SWITCH_IDLE_MS : IDLE_MS);
    const wait = Math.max(atLeastMs, idleAt - clock.now(), this.#notBefore - clock.now());
    this.#nextAttempt = clock.after(wait, () => void this.#attempt());
  }

  async #attempt(): Promise<void> {
    const { reader, gate, clock, log } = this.#options;
    this.#nextAttempt = undefined;
    const mayStart = !reader.busy && (await gate.mayStart());
    // Somebody came while the battery was asked about: there is another alarm by now, or their end sets one.
    if (this.#nextAttempt !== undefined || this.#requests > 0 || this.#running !== undefined || this.#disposed) return;
    if (!mayStart) return this.#schedule(HELD_MS);
    const running = new AbortController();
    this.#running = running;
    let outcome: Awaited<ReturnType<WorkspaceReader["compact"]>> = "interrupted";
    try {
      outcome = await reader.compact(running.signal);
    } catch (error) {
      log(`The new base could not be built, the old one serves on: ${text(error)}`);
    } finally {
      this.#running = undefined;
    }
    if (outcome === "done") {
      this.#failures = 0;
      this.#due = "no";
      this.#measureSoon();
      return;
    }
    const backoff = BACKOFF_MS[Math.min(this.#failures, BACKOFF_MS.length - 1)]!;
    this.#failures += 1;
    this.#notBefore = clock.now() + backoff;
    this.#schedule();
  }
}

function dueFor(load: OverlayLoad | undefined): "no" | "share" | "switch" {
  if (load === undefined) return "no";
  if (load.tooMany || load.onlyNamed > 0 || load.holdsForbidden) return "switch";
  return load.tokens > mostChanges(load.baseTokens) ? "share" : "no";
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
