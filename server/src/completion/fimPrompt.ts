// Lays out the fill-in-the-middle prompt for Qwen3.5 so that a keystroke re-evaluates little; see QWEN35.md 1.7 for the format.
import type { PromptPart } from "../../../engine/src/api.ts";

/** Share of the room for the text before the cursor; what follows matters less and is re-evaluated each time. */
const PREFIX_SHARE = 0.75;

/**
 * The window's start moves in steps of this many lines: a start that moves with every new line would change the
 * prompt's beginning, and with it everything that is cached.
 */
const WINDOW_STEP_LINES = 64;

/** Rounds of measuring before the cut is taken as it is. */
const MAX_ROUNDS = 4;

export interface FimInput {
  repoName: string;
  path: string;
  textBefore: string;
  textAfter: string;
  /** Room for the whole prompt, tokens. */
  budgetTokens: number;
  countTokens: (texts: string[]) => Promise<number[]>;
}

/**
 * @returns Parts for a raw completion: repository and file name, the text before the cursor with a checkpoint at the
 *   start of the cursor's line, the text after it.
 */
export async function fimPrompt(input: FimInput): Promise<PromptPart[]> {
  const { textBefore, textAfter } = await cutToBudget(input);
  const lineStart = textBefore.lastIndexOf("\n") + 1;
  const stable = textBefore.slice(0, lineStart);
  return [
    { special: "<|repo_name|>" },
    { text: `${input.repoName}\n` },
    { special: "<|file_sep|>" },
    { text: `${input.path}\n` },
    { special: "<|fim_prefix|>" },
    { text: stable, checkpoint: true },
    { text: textBefore.slice(lineStart) },
    { special: "<|fim_suffix|>" },
    { text: textAfter },
    { special: "<|fim_middle|>" },
  ];
}

/** Cuts both sides to the budget; texts shorter than the budget need no counting, since a token has at least a byte. */
async function cutToBudget(input: FimInput): Promise<{ textBefore: string; textAfter: string }> {
  let { textBefore, textAfter } = input;
  const budget = Math.max(64, input.budgetTokens - input.path.length - input.repoName.length);
  if (Buffer.byteLength(textBefore) + Buffer.byteLength(textAfter) <= budget) return { textBefore, textAfter };
  const prefixBudget = Math.floor(budget * PREFIX_SHARE);
  // No tokenizer makes fewer than one token of 16 characters of code; a huge file is cut before it is counted.
  textBefore = textBefore.slice(-prefixBudget * 16);
  textAfter = textAfter.slice(0, budget * 16);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const [before = 0, after = 0] = await input.countTokens([textBefore, textAfter]);
    const suffixBudget = Math.max(budget - prefixBudget, budget - before);
    if (before <= prefixBudget && after <= suffixBudget) break;
    if (before > prefixBudget) textBefore = dropStart(textBefore, prefixBudget / before);
    if (after > suffixBudget) textAfter = keepStart(textAfter, suffixBudget / after);
  }
  return { textBefore, textAfter };
}

/** Drops whole steps of lines from the start, so that at most `share` remains. */
function dropStart(text: string, share: number): string {
  const least = text.length - Math.floor(text.length * share);
  let start = 0;
  let lines = 0;
  while (start < least || lines % WINDOW_STEP_LINES !== 0) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
    lines += 1;
  }
  // One endless line, or fewer lines than a step: cut where the budget ends.
  return start >= text.length || start < least ? text.slice(least) : text.slice(start);
}

/** Keeps at most `share` of the text, up to the end of a line where there is one. */
function keepStart(text: string, share: number): string {
  const kept = text.slice(0, Math.floor(text.length * share));
  const end = kept.lastIndexOf("\n");
  return end < 0 ? kept : kept.slice(0, end);
}
