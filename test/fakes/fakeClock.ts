// A clock that stands still until a test turns it forward.
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../server/src/codebase/clock.ts";

interface Alarm {
  at: number;
  work: () => void;
}

export class FakeClock implements Clock {
  #now = 0;
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return this.#now;
  }

  after(ms: number, work: () => void): () => void {
    const alarm = { at: this.#now + ms, work };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Lets the time pass, alarm by alarm; what an alarm starts without timers of its own has ended before the next. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#alarms].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      const next = due[0];
      if (next === undefined) break;
      this.#alarms.delete(next);
      this.#now = next.at;
      next.work();
      await this.settle();
    }
    this.#now = end;
    await this.settle();
  }

  /** Lets everything run that waits for no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await setImmediate();
  }
}

/** More than any chain of promises in the parts under test is long. */
const TURNS = 20;
