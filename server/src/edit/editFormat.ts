// Takes the changed code out of a model's answer to an edit request.
import { fencedBlock } from "../fences.ts";

/**
 * @param answer The model's text: ideally one fenced block, possibly cut off, possibly bare code.
 * @param original The text it replaces; its line break at the end, or the lack of one, is kept.
 * @returns The replacement, or undefined if the answer holds no code at all.
 */
export function extractReplacement(answer: string, original: string): string | undefined {
  const code = fencedBlock(answer) ?? answer;
  const body = code.replace(/\n+$/, "").replace(/^\n+/, "");
  if (body.trim() === "" && original.trim() !== "") return undefined;
  return original.endsWith("\n") ? `${body}\n` : body;
}
