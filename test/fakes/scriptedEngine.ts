// An engine for one completion after another, whose streams a test writes by hand.
import type { CompletionRequest, GenerateHooks, GenerateRequest, GenerateResult } from "../../engine/src/api.ts";

export const FIGURES = {
  promptTokens: 10,
  reusedTokens: 0,
  evaluatedTokens: 10,
  generatedTokens: 3,
  chunks: 1,
  prefillMs: 1,
  decodeMs: 1,
  firstTokenMs: 1,
  totalMs: 2,
};

/** One request that the engine got. */
export class Script {
  readonly request: CompletionRequest;
  readonly signal: AbortSignal | undefined;
  readonly result: Promise<GenerateResult>;
  readonly #onChunk: GenerateHooks["onChunk"];
  #end: (result: GenerateResult) => void = () => {};
  isOver = false;
  #text = "";

  constructor(request: CompletionRequest, hooks: GenerateHooks) {
    this.request = request;
    this.signal = hooks.signal;
    this.#onChunk = hooks.onChunk;
    this.result = new Promise((resolve) => {
      this.#end = resolve;
    });
    hooks.signal?.addEventListener("abort", () => this.end("cancelled"), { once: true });
  }

  say(text: string): void {
    this.#text += text;
    this.#onChunk?.({ text, thinking: false });
  }

  end(stopReason: GenerateResult["stopReason"] = "end"): void {
    this.isOver = true;
    const text = this.#text;
    const base = { baseTokens: 0, baseTotalTokens: 0 };
    this.#end({ text, thinking: "", stopReason, figures: FIGURES, tokens: [], ...base });
  }
}

export class ScriptedEngine {
  /** All requests so far, in their order. */
  readonly scripts: Script[] = [];

  generate(request: GenerateRequest, hooks: GenerateHooks = {}): Promise<GenerateResult> {
    if (request.kind !== "completion") throw new Error("only completions are scripted");
    const script = new Script(request, hooks);
    this.scripts.push(script);
    return script.result;
  }

  /** Those that run. */
  get live(): Script[] {
    return this.scripts.filter(({ signal, isOver }) => !isOver && signal?.aborted !== true);
  }

  get newest(): Script {
    const script = this.scripts.at(-1);
    if (script === undefined) throw new Error("the engine was asked nothing");
    return script;
  }
}
