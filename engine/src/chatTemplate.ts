// Renders the model's own chat template around prompt parts, so that content is never parsed as template or special token.
import { Template } from "@huggingface/jinja";
import { type ChatMessage, EngineError, type PromptPart } from "./api.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Used when a model file has no template: plain ChatML, which the Qwen family speaks. */
const CHATML =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/** Stands for a message's content while the template is rendered; private-use characters occur in no template. */
const mark = (index: number) => `\uE000${index}\uE001`;
const MARKS = /\uE000(\d+)\uE001/;

export interface RenderedChat {
  /** Parts before the first message's content: the beginning of every prompt. */
  head: PromptPart[];
  /** Parts from the first message's content on, without the generation prompt. */
  history: PromptPart[];
  /** What asks the model to answer. */
  generationPrompt: PromptPart[];
  /** True if the model starts inside its reasoning. */
  startsThinking: boolean;
}

export class ChatTemplate {
  readonly #template: Template;
  readonly #tokenizer: Tokenizer;

  /** @throws EngineError modelUnsupported if the template cannot be parsed. */
  constructor(source: string, tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    try {
      this.#template = new Template(source === "" ? CHATML : source);
    } catch (error) {
      throw new EngineError(
        "modelUnsupported",
        "The chat template in the model file cannot be read; choose another file.",
        {
          cause: error,
        },
      );
    }
  }

  /**
   * @param messages The first must be the system message.
   * @param thinking Passed on as `enable_thinking`, always explicitly: its default differs by model size and publisher.
   */
  render(messages: readonly ChatMessage[], thinking: boolean): RenderedChat {
    const history = this.#text(messages, thinking, { add_generation_prompt: false });
    const whole = this.#text(messages, thinking, { add_generation_prompt: true });
    if (!whole.startsWith(history)) {
      throw new EngineError(
        "modelUnsupported",
        "The chat template in the model file does not end with its generation prompt; choose another file.",
      );
    }
    const parts = this.#fill(history, messages);
    const headLength = this.#tokenizer.splitSpecials(history.split(MARKS)[0] ?? "").length;
    const generationPrompt = whole.slice(history.length);
    const open = generationPrompt.lastIndexOf("<think>");
    return {
      head: parts.slice(0, headLength),
      history: parts.slice(headLength),
      generationPrompt: this.#tokenizer.splitSpecials(generationPrompt),
      startsThinking: open >= 0 && !generationPrompt.includes("</think>", open),
    };
  }

  #text(messages: readonly ChatMessage[], thinking: boolean, flags: { add_generation_prompt: boolean }): string {
    const marked = messages.map((message, index) => ({ role: message.role, content: mark(index) }));
    const text = this.#render(marked, thinking, flags);
    if (marked.every(({ content }) => text.includes(content))) return text;
    throw new EngineError(
      "modelUnsupported",
      "The chat template in the model file leaves out a part of the conversation; choose another file.",
    );
  }

  #render(messages: { role: string; content: string }[], thinking: boolean, flags: { add_generation_prompt: boolean }) {
    try {
      return this.#template.render({ messages, enable_thinking: thinking, ...flags });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new EngineError("modelUnsupported", `The model's chat template refused this conversation: ${reason}`, {
        cause: error,
      });
    }
  }

  /** Puts the contents back in place of their marks. */
  #fill(rendered: string, messages: readonly ChatMessage[]): PromptPart[] {
    const parts: PromptPart[] = [];
    // With a capturing group, split() yields text and mark numbers alternately.
    for (const [position, piece] of rendered.split(MARKS).entries()) {
      if (position % 2 === 0) parts.push(...this.#tokenizer.splitSpecials(piece));
      else parts.push(...(messages[Number(piece)]?.content ?? []));
    }
    return parts;
  }
}
