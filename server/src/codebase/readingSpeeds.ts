// How fast each model reads on this machine, remembered on disk, so that the first reading after a restart knows how much fits the user's patience.
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { makeFolder } from "../makeFolder.ts";

/** Fewer tokens measure the start of a reading, not its speed. */
const MIN_MEASURED_TOKENS = 2048;
/** A slow machine reads less than a token a second, which must not become 0: that would be no speed. */
const SPEED_DIGITS = 3;
/** More models than anybody uses on one machine. */
const MAX_ENTRIES = 100;

export class ReadingSpeeds {
  readonly #file: string;

  /** @param file JSON file, made when the first speed is remembered. */
  constructor(file: string) {
    this.#file = file;
  }

  /** @returns Tokens per second, or undefined if this model was never measured. Never throws. */
  async of(model: MeasuredModel): Promise<number | undefined> {
    return (await this.#read()).get(keyOf(model));
  }

  /** Keeps the speed of a reading, if it was long enough to tell. @throws The file system's error. */
  async remember(model: MeasuredModel, evaluatedTokens: number, prefillMs: number): Promise<void> {
    if (evaluatedTokens < MIN_MEASURED_TOKENS || prefillMs <= 0) return;
    const speeds = await this.#read();
    // Put at the end: the oldest entries go first.
    speeds.delete(keyOf(model));
    speeds.set(keyOf(model), Number(((evaluatedTokens / prefillMs) * 1000).toPrecision(SPEED_DIGITS)));
    await makeFolder(dirname(this.#file));
    await writeFileAtomic(this.#file, JSON.stringify(Object.fromEntries([...speeds].slice(-MAX_ENTRIES)), null, 2));
  }

  /** What is not a speed is dropped: it is measured again. */
  async #read(): Promise<Map<string, number>> {
    const content: unknown = await readFile(this.#file, "utf8")
      .then((text) => JSON.parse(text))
      .catch(() => undefined);
    if (typeof content !== "object" || content === null) return new Map();
    const isSpeed = (entry: [string, unknown]): entry is [string, number] =>
      typeof entry[1] === "number" && Number.isFinite(entry[1]) && entry[1] > 0;
    return new Map(Object.entries(content).filter(isSpeed));
  }
}

/** The same weights read at another speed on another device. */
export interface MeasuredModel {
  modelHash: string;
  gpu: string;
}

function keyOf({ modelHash, gpu }: MeasuredModel): string {
  return `${modelHash} on ${gpu}`;
}
