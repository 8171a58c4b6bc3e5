// What the benches share: their shape, options, prompts of an exact length, and a few sums; knows no single bench.

import { join } from "node:path";
import type { Engine, KvType, LoadOptions, PromptPart } from "../../engine/src/api.ts";
import { createLlamaCppBackend } from "../../engine/src/backends/llamaCpp.ts";
import { createEngine } from "../../engine/src/engine.ts";
import { defaultThreads } from "../../engine/src/hardware.ts";
import { tinyModelFiles } from "../model/tinyModel.ts";

export type Figures = Record<string, number | string | number[]>;

export interface Bench {
  summary: string;
  /** Options by name, with their meaning and default. */
  options: Record<string, string>;
  /** @param report Receives lines about the progress, for people. */
  run(values: Record<string, string | undefined>, report: (line: string) => void): Promise<Figures>;
}

/** Wrong arguments; the message is for people. */
export class UsageError extends Error {}

/** Room after the base for a question and its answer, tokens. */
export const ROOM_TOKENS = 2048;

/** The engine process as it ships. */
export const BUILT_ENGINE = join(import.meta.dirname, "../../dist/engine.mjs");

/** Enough for every checkpoint that the policy would place. */
const CHECKPOINT_BYTES = 2 ** 30;

const LINES_OF_ONE_FILE = 40;

export const COMMON_OPTIONS = {
  tokens: "tokens of the base",
  model: "GGUF file (default: the tiny random test model)",
  kv: "f16 or q8_0 (default: f16)",
  threads: "CPU threads (default: one less than this process may use)",
};

export interface Setup {
  tokens: number;
  load: LoadOptions;
}

/**
 * Reads the options that benches have in common.
 * @param defaultTokens Length of the base when no other is given, tokens.
 * @throws UsageError
 */
export function readSetup(values: Record<string, string | undefined>, defaultTokens: number): Setup {
  const tokens = positiveInteger(values, "tokens") ?? defaultTokens;
  return {
    tokens,
    load: {
      modelFile: values.model ?? tinyModelFiles().model,
      contextTokens: tokens + ROOM_TOKENS,
      completionContextTokens: 512,
      kvType: readKvType(values.kv),
      gpu: "cpu",
      threads: positiveInteger(values, "threads") ?? defaultThreads(),
      chunkTokens: positiveInteger(values, "chunk"),
      checkpointBytes: CHECKPOINT_BYTES,
    },
  };
}

/** @throws UsageError if the value is there but no positive integer. */
export function positiveInteger(values: Record<string, string | undefined>, name: string): number | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(value)) throw new UsageError(`--${name} takes a positive whole number, not "${value}".`);
  return Number(value);
}

function readKvType(value = "f16"): KvType {
  if (value === "f16" || value === "q8_0") return value;
  throw new UsageError(`--kv takes f16 or q8_0, not "${value}".`);
}

/** An engine in this process. */
export function createLocalEngine(): Engine {
  return createEngine({ backend: createLlamaCppBackend(), visionEntry: "" });
}

/**
 * Makes files of code that fill a base up to an exact length. The engine must have a model.
 * @param tokens Length of the whole base, what the chat template puts before it included.
 */
export async function partsOfLength(engine: Engine, tokens: number): Promise<PromptPart[]> {
  const { figures } = await engine.prefill({ parts: [] });
  let left = tokens - figures.promptTokens;
  const parts: PromptPart[] = [];
  for (let number = 0; left > 0; number++) {
    const text = codeFile(number);
    const [count = 0] = await engine.countTokens([text]);
    const fitting = count <= left ? text : await beginningOf(engine, text, left);
    const [taken = 0] = await engine.countTokens([fitting]);
    parts.push({ text: fitting, label: `src/file${number}.ts` });
    left -= taken;
  }
  return parts;
}

/** The longest beginning of a text with at most so many tokens; at least one letter. */
async function beginningOf(engine: Engine, text: string, tokens: number): Promise<string> {
  let [shortest, longest] = [1, text.length];
  while (shortest < longest) {
    const middle = Math.ceil((shortest + longest) / 2);
    const [count = 0] = await engine.countTokens([text.slice(0, middle)]);
    if (count <= tokens) shortest = middle;
    else longest = middle - 1;
  }
  return text.slice(0, shortest);
}

/** @returns The text of a made-up source file, the same each time. */
export function codeFile(number: number): string {
  const lines = Array.from({ length: LINES_OF_ONE_FILE }, (_, line) => {
    const seed = (number * LINES_OF_ONE_FILE + line) * 7919;
    return `export function value${seed % 99991}(index: number, length: number) { return index * ${seed % 89} + length; }`;
  });
  return `// file ${number}\n${lines.join("\n")}\n`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Rounds for print. */
export function rounded(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}

/** Length of a stretch whose speed is reported, tokens. */
const SEGMENT_TOKENS = 16_384;

/** Speeds of the stretches that have been passed, tokens per second. */
export class SegmentClock {
  readonly segments: number[] = [];
  readonly #report: (line: string) => void;
  #from = { tokens: 0, at: performance.now() };

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  tick(tokens: number): void {
    if (tokens - this.#from.tokens >= SEGMENT_TOKENS) this.finish(tokens);
  }

  /** Ends the last stretch, however short. */
  finish(tokens: number): void {
    if (tokens === this.#from.tokens) return;
    const now = performance.now();
    const speed = rounded(((tokens - this.#from.tokens) / (now - this.#from.at)) * 1000);
    this.segments.push(speed);
    this.#report(`${tokens} tokens, ${speed} per second`);
    this.#from = { tokens, at: now };
  }
}
