// Cuts a conversation to the room that the context has left: the oldest turns go first, the question never.
import type { ChatMessage, PromptPart } from "../../../engine/src/api.ts";

/** Frame of one message in the chat template, tokens. */
const FRAME_TOKENS = 8;

export interface FittedConversation {
  messages: ChatMessage[];
  droppedTurns: number;
  /** False if even system message and question alone take more than the room. */
  fits: boolean;
}

/**
 * @param messages System message, then turns, the last one the question.
 * @param room Tokens that all of them may take.
 * @returns The messages without as many of the oldest question-and-answer pairs as do not fit.
 */
export async function fitConversation(
  messages: readonly ChatMessage[],
  room: number,
  countTokens: (texts: string[]) => Promise<number[]>,
): Promise<FittedConversation> {
  const counts = await countTokens(messages.map(({ content }) => content.map(textOf).join("")));
  const needed = counts.map((count, index) => count + FRAME_TOKENS + (messages[index]?.content.length ?? 0));
  let total = needed.reduce((sum, count) => sum + count, 0);
  let first = 1;
  while (total > room && messages.length - first > 2) {
    total -= (needed[first] ?? 0) + (needed[first + 1] ?? 0);
    first += 2;
  }
  const [system, ...turns] = messages;
  const kept = turns.slice(first - 1);
  const fitted = system === undefined ? kept : [system, ...kept];
  return { messages: fitted, droppedTurns: turns.length - kept.length, fits: total <= room };
}

function textOf(part: PromptPart): string {
  return "text" in part ? part.text : "";
}
