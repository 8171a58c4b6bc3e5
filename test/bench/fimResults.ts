// The results file of the bench "fim": one line an item, so that a run that was ended goes on; another set or model starts anew.
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { FimScore } from "./fimScores.ts";

/** What the results depend on; when any of it differs, they are of no use. */
export interface FimSetup {
  /** SHA-256 of the items. */
  data: string;
  /** As in the engine's snapshots: over the model file's header and size. */
  model: string;
  maxTokens: number;
  suffixTokens: number;
  contextTokens: number;
}

export interface FimResult extends FimScore {
  line: number;
  id: string;
  kind: string;
  said: string;
  ms: number;
  promptTokens: number;
  generatedTokens: number;
}

/** Raised with every change of what a line means. */
const FORMAT = 1;

export class FimResults {
  readonly #file: string;
  /** By line of the data. */
  readonly done = new Map<number, FimResult>();
  /** What was found in the file was of another set, model or setting; it was put aside under this name. */
  readonly setAside: string | undefined;

  /** Reads what is there already. @param file Made if it is not there. */
  constructor(file: string, setup: FimSetup) {
    this.#file = file;
    const header = JSON.stringify({ format: FORMAT, ...setup });
    const [first, ...lines] = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    if (first === header) {
      for (const result of lines.map(resultIn)) if (result !== undefined) this.done.set(result.line, result);
    } else if (first !== undefined) {
      this.setAside = `${file}.old`;
      renameSync(file, this.setAside);
    }
    mkdirSync(dirname(file), { recursive: true });
    // Written anew without the half line that a kill leaves, on which the next one would be appended.
    const kept = [...this.done.values()].map((result) => `${JSON.stringify(result)}\n`);
    writeFileSync(`${file}.tmp`, `${header}\n${kept.join("")}`);
    renameSync(`${file}.tmp`, file);
  }

  add(result: FimResult): void {
    appendFileSync(this.#file, `${JSON.stringify(result)}\n`);
    this.done.set(result.line, result);
  }
}

/** @returns Undefined for a line that is not whole. */
function resultIn(text: string): FimResult | undefined {
  try {
    const result = JSON.parse(text) as FimResult;
    return typeof result.line === "number" && typeof result.similarity === "number" ? result : undefined;
  } catch {
    return undefined;
  }
}
