// Turns a conversation and the places found for it into messages; keeps earlier turns word for word, so that they are reused.
import type { ChatMessage, PromptPart } from "../../../engine/src/api.ts";
import { promptText } from "../promptTexts.ts";
import type { ChatTurn, Place } from "../protocol/messages.ts";

/** Lines of one place that go into the prompt; more of it is in the codebase before it. */
const EXCERPT_LINES = 24;
/** Characters of all excerpts together: about 1,500 tokens. */
const EXCERPT_CHARACTERS = 5000;
/** Grounded questions that are remembered; older conversations are evaluated again. */
const REMEMBERED = 200;

/** A place, with the text of its lines unless the model has read the file anyway: each token costs time. */
export interface Excerpt {
  place: Place;
  text: string | undefined;
}

export class ChatPrompt {
  /** Question with its excerpts, by all turns up to it: the next turn must repeat it exactly to reuse its tokens. */
  readonly #grounded = new Map<string, string>();

  /**
   * @param system Parts that follow the base in the system message.
   * @param turns Oldest first, the last one is the question.
   * @param excerpts What was found for the question.
   */
  messages(system: PromptPart[], turns: readonly ChatTurn[], excerpts: readonly Excerpt[]): ChatMessage[] {
    const messages: ChatMessage[] = [{ role: "system", content: system }];
    let key = "";
    for (const [index, turn] of turns.entries()) {
      key += `${turn.role}\n${turn.text}\n`;
      const isQuestion = index === turns.length - 1;
      if (isQuestion) this.#remember(key, ground(turn.text, excerpts));
      const text = this.#grounded.get(key) ?? turn.text;
      messages.push({ role: turn.role, content: [{ text }] });
    }
    return messages;
  }

  #remember(key: string, text: string): void {
    this.#grounded.set(key, text);
    const oldest = this.#grounded.keys().next().value;
    if (this.#grounded.size > REMEMBERED && oldest !== undefined) this.#grounded.delete(oldest);
  }
}

function ground(question: string, excerpts: readonly Excerpt[]): string {
  const places: string[] = [];
  let room = EXCERPT_CHARACTERS;
  for (const { place, text } of excerpts) {
    const symbol = place.symbol === undefined ? "" : ` (${place.symbol})`;
    const head = `${place.path}:${place.startLine + 1}-${place.endLine + 1}${symbol}`;
    const excerpt = text === undefined ? head : `${head}\n${numbered(text, place.startLine)}`;
    if (excerpt.length > room) continue;
    room -= excerpt.length;
    places.push(excerpt);
  }
  return places.length === 0 ? question : promptText("question", { question, places: places.join("\n\n") });
}

/** Line numbers let the model name lines that are really there. */
function numbered(text: string, startLine: number): string {
  const lines = text.split("\n").slice(0, EXCERPT_LINES);
  return lines.map((line, index) => `${startLine + index + 1}: ${line}`).join("\n");
}
