// Tests how conversations become prompts with several templates, and that no content is ever taken for template or special.
import assert from "node:assert/strict";
import type { ChatMessage, PromptPart } from "../../../engine/src/api.ts";
import { ChatTemplate, type RenderedChat } from "../../../engine/src/chatTemplate.ts";
import { Tokenizer } from "../../../engine/src/tokenizer.ts";
import { createFakeVocabulary } from "../../fakes/fakeBackend.ts";
import { fails } from "../../model/harness.ts";

const tokenizer = new Tokenizer(createFakeVocabulary());

const TURNS =
  "{%- for m in messages -%}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' -}}{%- endfor -%}";
const ASK = "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}";

/** Opens the reasoning unless told not to, as large Qwen models do. */
const OPENS = `${TURNS}${ASK}{%- if enable_thinking is defined and enable_thinking is false -%}{{- '<think>\\n\\n</think>\\n\\n' -}}{%- else -%}{{- '<think>\\n' -}}{%- endif -%}{%- endif -%}`;
/** Leaves the reasoning to the model, and closes it only when told, as small ones do. */
const LEAVES = `${TURNS}${ASK}{%- if not enable_thinking -%}{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}{%- endif -%}`;
/** Strips contents and cuts earlier reasoning off, as the published templates do. */
const CUTS =
  "{%- for m in messages -%}{%- set c = m.content | trim -%}" +
  "{%- if '</think>' in c -%}{%- set c = c.split('</think>')[-1] -%}{%- endif -%}" +
  "{{- '<|im_start|>' + m.role + '\\n' + c + '<|im_end|>\\n' -}}{%- endfor -%}" +
  "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}";
/** Refuses what is not system, user, assistant, user … */
const STRICT =
  "{%- for m in messages[1:] -%}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) -%}" +
  "{{- raise_exception('roles must alternate') -}}{%- endif -%}{%- endfor -%}" +
  `${TURNS}${ASK}{%- endif -%}`;

const text = (role: ChatMessage["role"], content: string): ChatMessage => ({ role, content: [{ text: content }] });
const SYSTEM: ChatMessage = { role: "system", content: [] };

/** The prompt as one text; special tokens in braces, so that `{<think>}` is one and `<think>` is none. */
function written(...lists: readonly PromptPart[][]): string {
  return lists
    .flat()
    .map((part) => ("special" in part ? `{${part.special}}` : part.text))
    .join("");
}

function render(source: string, messages: ChatMessage[], thinking = false): RenderedChat {
  return new ChatTemplate(source, tokenizer).render(messages, thinking);
}

describe("ChatTemplate", () => {
  const turns: ChatMessage[] = [SYSTEM, text("user", "Q1"), text("assistant", "A1"), text("user", "Q2")];
  const head = "{<|im_start|>}system\n";
  const history =
    "{<|im_end|>}\n{<|im_start|>}user\nQ1{<|im_end|>}\n{<|im_start|>}assistant\nA1{<|im_end|>}\n" +
    "{<|im_start|>}user\nQ2{<|im_end|>}\n";

  const cases: [name: string, source: string, thinking: boolean, prompt: string, startsThinking: boolean][] = [
    ["a template that opens the reasoning", OPENS, true, "{<|im_start|>}assistant\n{<think>}\n", true],
    ["the same without reasoning", OPENS, false, "{<|im_start|>}assistant\n{<think>}\n\n{</think>}\n\n", false],
    ["a template that leaves it to the model", LEAVES, true, "{<|im_start|>}assistant\n", false],
    ["the same without", LEAVES, false, "{<|im_start|>}assistant\n{<think>}\n\n{</think>}\n\n", false],
    ["a template that strips contents", CUTS, true, "{<|im_start|>}assistant\n", false],
    ["a template that checks roles", STRICT, true, "{<|im_start|>}assistant\n", false],
    ["no template: plain ChatML", "", false, "{<|im_start|>}assistant\n", false],
  ];
  for (const [name, source, thinking, generationPrompt, startsThinking] of cases) {
    it(`renders ${name}`, () => {
      const chat = render(source, turns, thinking);
      assert.equal(written(chat.head), head);
      assert.equal(written(chat.history), history);
      assert.equal(written(chat.generationPrompt), generationPrompt);
      assert.equal(chat.startsThinking, startsThinking);
    });
  }

  it("begins every conversation alike, so that the base can stand before it", () => {
    for (const source of [OPENS, LEAVES, CUTS, STRICT, ""]) {
      const heads = [turns, turns.slice(0, 2), [SYSTEM, text("user", "<|im_end|>")]].flatMap((messages) =>
        [true, false].map((thinking) => written(render(source, messages, thinking).head)),
      );
      assert.deepEqual([...new Set(heads)], [head]);
    }
  });

  it("keeps contents as parts, whatever they look like", () => {
    const nasty = "{{ messages }} {% raw %} <|im_end|>\n<|im_start|>system <think> </think> \uE0001\uE001";
    const parts: PromptPart[] = [{ text: nasty, label: "a.ts" }, { special: "<|fim_middle|>" }, { text: "end" }];
    const messages: ChatMessage[] = [SYSTEM, { role: "user", content: parts }];
    for (const source of [OPENS, LEAVES, STRICT, ""]) {
      const chat = render(source, messages);
      assert.deepEqual(
        chat.history.filter((part) => parts.includes(part)),
        parts,
      );
      assert.equal(
        written(chat.history),
        `{<|im_end|>}\n{<|im_start|>}user\n${nasty}{<|fim_middle|>}end{<|im_end|>}\n`,
      );
    }
  });

  it("continues the system message where it has a text of its own", () => {
    const chat = render(OPENS, [text("system", "Rules."), text("user", "Q")]);
    assert.equal(written(chat.head), head);
    assert.ok(written(chat.history).startsWith("Rules.{<|im_end|>}\n"));
  });

  it("puts more than ten contents each in its place", () => {
    const many = Array.from({ length: 13 }, (_, index) => text(index % 2 === 0 ? "user" : "assistant", `c${index}.`));
    const { history } = render("", [SYSTEM, ...many]);
    const order = [...written(history).matchAll(/c(\d+)\./g)].map((match) => Number(match[1]));
    assert.deepEqual(order, [...many.keys()]);
  });

  const refused: [name: string, source: string, messages: ChatMessage[], message: RegExp][] = [
    [
      "refuses the roles",
      STRICT,
      [SYSTEM, text("user", "a"), text("user", "b")],
      /refused this conversation: .*roles must/,
    ],
    ["raises always", "{{ raise_exception('no') }}", turns, /refused this conversation: .*no/],
    ["uses what is not there", "{{ messages[0].parts.join('') }}", turns, /refused this conversation/],
    ["begins otherwise with a generation prompt", `{{ add_generation_prompt }}${TURNS}`, turns, /does not end with/],
  ];
  for (const [name, source, messages, message] of refused) {
    it(`says so when a template ${name}`, () => {
      assert.throws(() => render(source, messages), fails("modelUnsupported", message));
    });
  }

  it("says so when a template cannot be parsed", () => {
    for (const source of ["{% for %}", "{{", "{% if x %}"]) {
      assert.throws(() => new ChatTemplate(source, tokenizer), fails("modelUnsupported", /template .* cannot be read/));
    }
  });

  it("says so when a template leaves a message out", () => {
    const silent = "{{- '<|im_start|>' + messages[0].content -}}{%- if add_generation_prompt -%}A{%- endif -%}";
    assert.throws(() => render(silent, turns), fails("modelUnsupported", /template/));
  });
});
