// Moments for killing, chosen by chance from a seed: the same seed gives the same moments.
import type { Moment, Sign } from "./killRun.ts";

/** Of a chunk or so, milliseconds. */
const CHUNK_MS = 100;
/** Of verifying and loading a small state, milliseconds. */
const RESTORE_MS = 4;
/** A reading has more saves than this, whatever its chunks. */
const MOST_SAVES = 8;

export class Moments {
  #state: number;

  /** @param seed A whole number. */
  constructor(seed: number) {
    this.#state = seed;
  }

  /** While files are looked through, or at some share of the tokens. */
  inPrefill(victim: Moment["victim"]): Moment {
    const delayMs = this.#upTo(CHUNK_MS);
    if (this.#upTo(6) === 0) {
      return { victim, delayMs, text: `${delayMs} ms into looking through the files`, hasCome: isPhase("tokenize") };
    }
    const percent = this.#upTo(70);
    return {
      victim,
      delayMs,
      text: `${delayMs} ms after ${percent} % were read`,
      hasCome: (sign) => isPhase("prefill")(sign) && isPast(sign, percent),
    };
  }

  /** When the state begins to be written, while it grows, when it gets its name, when its header is there. */
  inSave(victim: Moment["victim"]): Moment {
    const number = 1 + this.#upTo(MOST_SAVES);
    const [step, text] = STEPS_OF_A_SAVE[this.#upTo(STEPS_OF_A_SAVE.length)]!;
    const names = new Set<string>();
    let growth = 0;
    return {
      victim,
      delayMs: 0,
      text: `when ${text} of save ${number}`,
      hasCome(sign) {
        if (sign.kind !== "file") return false;
        if (sign.name.endsWith(".tmp")) {
          growth = names.has(sign.name) ? growth + 1 : 0;
          names.add(sign.name);
        }
        return names.size === number && step(sign.name, growth);
      },
    };
  }

  inRestore(victim: Moment["victim"]): Moment {
    const delayMs = this.#upTo(RESTORE_MS);
    return { victim, delayMs, text: `${delayMs} ms into restoring`, hasCome: isPhase("restore") };
  }

  /** @returns 0 to n - 1, by mulberry32. */
  #upTo(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  }
}

const STEPS_OF_A_SAVE: [reached: (name: string, growth: number) => boolean, text: string][] = [
  [(name, growth) => name.endsWith(".tmp") && growth === 0, "the file"],
  [(name, growth) => name.endsWith(".tmp") && growth > 0, "a part of the file"],
  [(name) => name.endsWith(".state"), "the name"],
  [(name) => /\.json/.test(name), "the header"],
];

function isPhase(phase: string): (sign: Sign) => boolean {
  return (sign) => sign.kind === "progress" && sign.phase === phase;
}

function isPast(sign: Sign, percent: number): boolean {
  return sign.kind === "progress" && sign.totalTokens > 0 && 100 * sign.doneTokens >= percent * sign.totalTokens;
}
