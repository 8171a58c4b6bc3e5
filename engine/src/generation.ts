// One request for new tokens, from prompt to figures, and what is done with a conversation's answer afterwards.
import {
  type ChatMessage,
  type ChatRequest,
  type CompletionRequest,
  EngineError,
  type GenerateHooks,
  type GenerateRequest,
  type GenerateResult,
  type LoadedModel,
  type Priority,
  type StopReason,
} from "./api.ts";
import type { BackendModel, Token } from "./backend.ts";
import { figuresOf } from "./base.ts";
import type { ChatTemplate } from "./chatTemplate.ts";
import type { CheckpointPolicy } from "./checkpoints.ts";
import { decodeText } from "./generate.ts";
import { type Base, type LongContext, pays } from "./longContext.ts";
import type { Scheduler } from "./scheduler.ts";
import { emptyCount, type PrefillCount, type Sequence } from "./sequence.ts";
import { hashTokens } from "./snapshotStore.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Everything that exists only while a model is loaded. */
export interface Loaded {
  info: LoadedModel;
  model: BackendModel;
  tokenizer: Tokenizer;
  template: ChatTemplate;
  policy: CheckpointPolicy;
  long: LongContext;
  completion: Sequence;
  /** Aborted when the model is released: running requests end as cancelled. */
  closing: AbortController;
}

/** Tokens to go on from, and the lengths at which something else may follow. */
interface Prompt {
  target: Token[];
  checkpoints: number[];
}

/** A result without what it had read of the base. */
type Said = Omit<GenerateResult, "baseTokens" | "baseTotalTokens">;

/** One request for new tokens, from prompt to figures. */
export class Generation {
  readonly #loaded: Loaded;
  readonly #request: GenerateRequest;
  readonly #hooks: GenerateHooks;
  readonly #begin = performance.now();

  constructor(loaded: Loaded, request: GenerateRequest, hooks: GenerateHooks) {
    this.#loaded = loaded;
    this.#request = request;
    this.#hooks = hooks;
  }

  /** Extends what is read of the base; the tail stays until another prompt needs the context. */
  async chat(request: ChatRequest): Promise<GenerateResult> {
    const { long, template, tokenizer } = this.#loaded;
    // A reading may replace the base that serves at any await: this answer keeps the one that it began with.
    const { base, sequence } = long;
    if (request.base !== undefined && request.base !== hashTokens(base.tokens)) {
      throw new EngineError("baseReplaced", "The codebase was read again while the question was prepared; ask again.");
    }
    const rendered = template.render(request.messages, request.thinking);
    const history = (await tokenizer.encode(rendered.history)).tokens;
    const generationPrompt = (await tokenizer.encode(rendered.generationPrompt)).tokens;
    let read = await readOfBase(long, base);
    const begin = async (prompt: Prompt): Promise<Prompt> => {
      await long.reach(prompt.target);
      let reached = prompt;
      // What was on disk turned out to be unusable: reading it all again here would keep the question waiting for minutes.
      if (pays(read - sequence.length, read)) {
        read = Math.max(base.headLength, sequence.length);
        reached = promptOn(base.tokens.slice(0, read), history, generationPrompt);
      }
      // A half-read base can be gone on with only if its end can be come back to after the question.
      if (sequence.length === read) await long.secureEnd();
      // A conversation may be wanted again; an edit's question is not.
      long.worthKeeping(request.goesOn ? read + history.length : read);
      return reached;
    };
    const prompt = promptOn(base.tokens.slice(0, read), history, generationPrompt);
    const result = await this.#run(sequence, prompt, rendered.startsThinking, "prefill", begin);
    return { ...result, baseTokens: read, baseTotalTokens: base.tokens.length };
  }

  async complete(request: CompletionRequest): Promise<GenerateResult> {
    const { completion, tokenizer } = this.#loaded;
    const { tokens: target, checkpoints } = await tokenizer.encode(request.parts);
    // The last token is evaluated anew for each candidate, since only that gives its logits.
    if (request.checkpointAtEnd) checkpoints.push(target.length - 1);
    const priority = request.background ? "speculation" : "completion";
    const isWarmUp = request.maxTokens === 0 && checkpoints.length > 0;
    const result = isWarmUp
      ? await this.#warmUp(completion, { target, checkpoints }, priority)
      : await this.#run(completion, { target, checkpoints }, false, priority);
    return { ...result, baseTokens: 0, baseTotalTokens: 0 };
  }

  /** Evaluates what the next prompt is likely to begin with. */
  async #warmUp(sequence: Sequence, { target, checkpoints }: Prompt, priority: Priority): Promise<Said> {
    const { signal } = this.#hooks;
    sequence.assertFits(target.length);
    const count = emptyCount();
    try {
      await sequence.prefill(target.slice(0, checkpoints.at(-1)), { priority, signal, checkpoints }, count);
    } catch (error) {
      if (!signal?.aborted) throw error;
      return this.#nothingSaid("cancelled", target.length, count);
    }
    return this.#nothingSaid("maxTokens", target.length, count);
  }

  async #run(
    sequence: Sequence,
    prompt: Prompt,
    startsThinking: boolean,
    priority: Priority,
    begin: (prompt: Prompt) => Promise<Prompt> = async () => prompt,
  ): Promise<Said> {
    const { signal, onChunk } = this.#hooks;
    const request = this.#request;
    sequence.assertFits(prompt.target.length);
    const generated: Token[] = [];
    const count = emptyCount();
    let begun = prompt;
    try {
      begun = await begin(prompt);
      const { target, checkpoints } = begun;
      // The last token is evaluated by the first decode step, which needs its logits.
      await sequence.prefill(target.slice(0, -1), { priority, signal, checkpoints }, count);
    } catch (error) {
      if (!signal?.aborted) throw error;
      return this.#nothingSaid("cancelled", begun.target.length, count);
    }
    const { target } = begun;
    const stream = sequence.decode(target.slice(-1), {
      sampling: request.sampling,
      grammar: request.grammar,
      logProbs: request.logProbs,
      generated,
      priority: priority === "prefill" ? "decode" : priority,
      signal,
    });
    let firstTokenMs = 0;
    const outcome = await decodeText({
      stream,
      decoder: this.#loaded.tokenizer.streamDecoder(),
      maxTokens: request.maxTokens,
      stop: request.stop ?? [],
      endTokens: this.#endTokens(),
      thinking: { ...this.#thinkingTokens(), startsThinking },
      generated,
      signal,
      onChunk,
      onToken: () => {
        firstTokenMs ||= performance.now() - this.#begin;
      },
      room: sequence.contextTokens - 1 - target.length,
    });
    // The last prompt token is evaluated by the first decode step, if there was one.
    const last = sequence.length >= target.length ? 1 : 0;
    const evaluated = { ...count, evaluatedTokens: count.evaluatedTokens + last };
    const figures = figuresOf(target.length, evaluated, performance.now() - this.#begin);
    return {
      ...outcome,
      logProbs: request.logProbs === undefined ? undefined : outcome.logProbs,
      tokens: generated,
      figures: { ...figures, generatedTokens: generated.length, decodeMs: stream.ms, firstTokenMs },
    };
  }

  /** The result of a request that was aborted before its turn. */
  cancelledBeforeStart(): GenerateResult {
    return { ...this.#nothingSaid("cancelled", 0, emptyCount()), baseTokens: 0, baseTotalTokens: 0 };
  }

  #thinkingTokens(): { open: Token | undefined; close: Token | undefined } {
    const { tokenizer } = this.#loaded;
    const token = (text: string) => (tokenizer.has(text) ? tokenizer.special(text) : undefined);
    return { open: token("<think>"), close: token("</think>") };
  }

  #endTokens(): ReadonlySet<Token> {
    const { tokenizer } = this.#loaded;
    const texts = this.#request.kind === "completion" ? (this.#request.stopSpecials ?? []) : [];
    return new Set(texts.filter((text) => tokenizer.has(text)).map((text) => tokenizer.special(text)));
  }

  #nothingSaid(stopReason: StopReason, promptTokens: number, count: PrefillCount): Said {
    return {
      text: "",
      thinking: "",
      stopReason,
      tokens: [],
      figures: figuresOf(promptTokens, count, performance.now() - this.#begin),
    };
  }
}

/** Tokens of the base that a question can extend now: all of it, or what is read or saved of it so far. */
async function readOfBase(long: LongContext, { tokens, headLength }: Base): Promise<number> {
  const { tokens: reachable } = await long.reachOf(tokens);
  return Math.max(headLength, reachable);
}

/** A chat's prompt on what is read of the base. */
function promptOn(read: readonly Token[], history: readonly Token[], generationPrompt: readonly Token[]): Prompt {
  const historyEnd = read.length + history.length;
  // Templates rewrite earlier answers, so the next turn can go on from the history's end but not from the answer.
  return { target: [...read, ...history, ...generationPrompt], checkpoints: [read.length, historyEnd] };
}

/**
 * Reads an answer in the form in which the chat template repeats it in the next turn, up to where the next question
 * begins, and takes a checkpoint there. Ends early when aborted; finished chunks are kept.
 * @throws The signal's reason, or what evaluating throws.
 */
export async function settleAnswer(
  loaded: Loaded,
  scheduler: Scheduler,
  request: ChatRequest,
  answer: Pick<GenerateResult, "text" | "baseTokens">,
  signal: AbortSignal,
): Promise<void> {
  const { long, template, tokenizer } = loaded;
  const messages: ChatMessage[] = [...request.messages, { role: "assistant", content: [{ text: answer.text }] }];
  const [one = [], other = []] = await Promise.all(
    PROBES.map(async (text) => {
      const probe: ChatMessage = { role: "user", content: [{ text }] };
      const { history } = template.render([...messages, probe], request.thinking);
      return (await tokenizer.encode(history, signal)).tokens;
    }),
  );
  let stable = 0;
  while (stable < one.length && one[stable] === other[stable]) stable++;
  await scheduler.whenReleased(signal);
  await long.sequence.exclusively(async () => {
    const target = long.base.tokens.slice(0, answer.baseTokens);
    for (const token of one.slice(0, stable)) target.push(token);
    // Reading or compaction has the context by now: the question is no longer there to be gone on from.
    if (long.sequence.commonPrefix(target) <= answer.baseTokens) return;
    await long.sequence.prefill(target, { priority: "base", signal, checkpoints: [target.length] }, emptyCount());
    long.worthKeeping(target.length);
  }, signal);
}

/** Two questions that differ in their first token: what their prompts share is there before any question. */
const PROBES = ["a", "1"];
