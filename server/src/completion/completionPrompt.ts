// Prepares what the model is asked at a cursor: facts about the syntax, context, prompt, and when to stop listening.
import type { CompletionRequest, Engine, PromptPart, Sampling } from "../../../engine/src/api.ts";
import type { FimFamily } from "../models/fimFamilies.ts";
import type { CursorSyntax } from "../syntax/cursorMessages.ts";
import type { CursorSyntaxService } from "../syntax/cursorSyntax.ts";
import type { Ask } from "./completer.ts";
import type { CompletionContext } from "./context/completionContext.ts";
import { FimPrompt } from "./fimPrompt.ts";
import type { Prepared } from "./runningCompletion.ts";
import { shapeOf } from "./shape.ts";
import { StreamStops } from "./streamStops.ts";

/** A completion should be what the model is surest of. */
const SUREST: Sampling = { temperature: 0 };

/** Of the room for a prompt, what is there from other files. */
const CONTEXT_SHARE = 0.35;

/**
 * What follows the cursor closely is read anew with every key. It gets as many tokens as the machine reads in so many
 * milliseconds, but not fewer than a line or two, and not more than help.
 */
const SUFFIX_MS = 10;
const LEAST_SUFFIX_TOKENS = 20;
const MOST_SUFFIX_TOKENS = 128;

/** The frame's special tokens, and some for rounding. */
const SPARE_TOKENS = 32;

/** The model that completes now. */
export interface CompletionModel {
  family: FimFamily;
  /** Length of the completion context, tokens. */
  contextTokens: number;
  repoName: string;
  /** Most new tokens. */
  maxTokens: number;
}

export interface CompletionPromptOptions {
  engine: Pick<Engine, "countTokens">;
  syntax: Pick<CursorSyntaxService, "factsAt">;
  context: Pick<CompletionContext, "items" | "refresh" | "forget">;
  /** @throws Error when no model can complete. */
  model: () => CompletionModel;
  /** Prefill speed as measured, tokens per second; 0: not yet. */
  tokensPerSecond: () => number;
}

export class CompletionPrompt {
  readonly #options: CompletionPromptOptions;
  #fim: FimPrompt;

  constructor(options: CompletionPromptOptions) {
    this.#options = options;
    this.#fim = this.#newFim();
  }

  /** Another model counts other tokens. */
  forget(): void {
    this.#fim = this.#newFim();
    this.#options.context.forget();
  }

  #newFim(): FimPrompt {
    return new FimPrompt((texts) => this.#options.engine.countTokens(texts));
  }

  /** @param background Nobody waits for the answer yet. @throws The signal's reason, EngineError. */
  async prepare(ask: Ask, background: boolean, signal: AbortSignal): Promise<Prepared> {
    const { family, maxTokens } = this.#options.model();
    const [parts, syntax] = await Promise.all([this.#parts(ask, signal), this.syntaxAt(ask, signal)]);
    const shape = shapeOf(ask.place, syntax);
    const request: CompletionRequest = {
      kind: "completion",
      parts,
      sampling: SUREST,
      maxTokens,
      stop: [...family.stop],
      stopSpecials: family.stopSpecials,
      ...(background ? { background } : {}),
    };
    return { request, newStops: () => new StreamStops(ask.place, shape) };
  }

  /**
   * Gathers the context anew, in idle time.
   * @returns What to have the model read before the next completion, if there is something new; it generates nothing.
   */
  async refreshed(ask: Ask, signal: AbortSignal): Promise<CompletionRequest | undefined> {
    const request = { document: ask.document, place: ask.place, budgetTokens: this.#contextTokens, signal };
    if (!(await this.#options.context.refresh(request))) return undefined;
    const parts = await this.#parts(ask, signal);
    return { kind: "completion", parts, sampling: SUREST, maxTokens: 0, background: true };
  }

  /** @returns Undefined where nothing is known about the syntax in time. */
  syntaxAt({ place }: Ask, signal: AbortSignal): Promise<CursorSyntax | undefined> {
    const { path, textBefore, textAfter } = place;
    return this.#options.syntax.factsAt(path, textBefore + textAfter, textBefore.length, signal);
  }

  async #parts({ place, document }: Ask, signal: AbortSignal): Promise<PromptPart[]> {
    const { context, model } = this.#options;
    const { family, repoName } = model();
    const items = await context.items({ document, place, budgetTokens: this.#contextTokens, signal });
    return this.#fim.parts({
      family,
      repoName,
      place,
      items,
      budgetTokens: this.#promptTokens,
      suffixTokens: this.#suffixTokens,
      signal,
    });
  }

  get #promptTokens(): number {
    const { contextTokens, maxTokens } = this.#options.model();
    return contextTokens - maxTokens - SPARE_TOKENS;
  }

  get #contextTokens(): number {
    return Math.floor(this.#promptTokens * CONTEXT_SHARE);
  }

  get #suffixTokens(): number {
    const readable = Math.floor((this.#options.tokensPerSecond() * SUFFIX_MS) / 1000);
    return Math.min(MOST_SUFFIX_TOKENS, Math.max(LEAST_SUFFIX_TOKENS, readable));
  }
}
