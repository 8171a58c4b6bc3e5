// The decode loop: streams text from a token stream until it ends, meets a stop text, repeats itself or is cancelled.
import type { GenerateChunk, StopReason } from "./api.ts";
import type { Token, TokenStream } from "./backend.ts";
import type { StreamDecoder } from "./tokenizer.ts";

/** Output that repeats one period over this many tokens will not recover; real code and lists do not reach it. */
const REPETITION_TOKENS = 192;
const MAX_PERIOD_TOKENS = 32;
/** How often the check runs, tokens. */
const REPETITION_EVERY = 16;

export interface DecodeRequest {
  stream: TokenStream;
  decoder: StreamDecoder;
  maxTokens: number;
  stop: readonly string[];
  /** Generation ends at any of these; they are not part of its text. */
  endTokens: ReadonlySet<Token>;
  /** Special tokens around reasoning; undefined where the vocabulary has none. */
  thinking: { open: Token | undefined; close: Token | undefined; startsThinking: boolean };
  /** Shared with the sampler's penalties; the loop fills it. */
  generated: Token[];
  signal?: AbortSignal;
  onChunk?: (chunk: GenerateChunk) => void;
  onToken?: () => void;
  /** Room left in the context, tokens. */
  room: number;
}

export interface DecodeOutcome {
  text: string;
  thinking: string;
  stopReason: StopReason;
  logProbs: number[];
}

/** Runs the loop. Never throws for an abort: what was generated stands with stopReason "cancelled". */
export async function decodeText(request: DecodeRequest): Promise<DecodeOutcome> {
  const output = new StreamedOutput(request);
  const logProbs: number[] = [];
  let stopReason: StopReason | undefined;
  try {
    while (stopReason === undefined) {
      if (request.generated.length >= request.room) stopReason = "contextFull";
      else if (request.generated.length >= request.maxTokens) stopReason = "maxTokens";
      else if (request.signal?.aborted) stopReason = "cancelled";
      else stopReason = await decodeOne(request, output, logProbs);
    }
  } catch (error) {
    if (!request.signal?.aborted) throw error;
    stopReason = "cancelled";
  } finally {
    await request.stream.end();
  }
  if (!output.stopped) output.finish();
  return { text: output.text, thinking: output.thinkingText, stopReason, logProbs };
}

async function decodeOne(
  request: DecodeRequest,
  output: StreamedOutput,
  logProbs: number[],
): Promise<StopReason | undefined> {
  const step = await request.stream.next();
  if (step === undefined) return "end";
  request.generated.push(step.token);
  if (step.logProb !== undefined) logProbs.push(step.logProb);
  request.onToken?.();
  if (request.endTokens.has(step.token)) return "end";
  output.push(step.token);
  if (output.stopped) return "stopText";
  const count = request.generated.length;
  const due = count >= REPETITION_TOKENS && count % REPETITION_EVERY === 0;
  return due && repeats(request.generated) ? "repetition" : undefined;
}

/**
 * @returns True if the last tokens are one short period over and over.
 */
export function repeats(tokens: readonly Token[]): boolean {
  const start = tokens.length - REPETITION_TOKENS;
  if (start < 0) return false;
  for (let period = 1; period <= MAX_PERIOD_TOKENS; period++) {
    let index = start + period;
    while (index < tokens.length && tokens[index] === tokens[index - period]) index++;
    if (index === tokens.length) return true;
  }
  return false;
}

/** Splits reasoning from answer, and holds back text that may be the beginning of a stop text. */
class StreamedOutput {
  text = "";
  thinkingText = "";
  stopped = false;
  readonly #request: DecodeRequest;
  #thinking: boolean;
  /** Decoded but not yet sent. */
  #held = "";

  constructor(request: DecodeRequest) {
    this.#request = request;
    this.#thinking = request.thinking.startsThinking;
  }

  push(token: Token): void {
    const { open, close } = this.#request.thinking;
    if (token === open || token === close) {
      this.finish();
      this.#thinking = token === open;
      return;
    }
    this.#held += this.#request.decoder.push(token);
    if (this.#thinking) this.#send(this.#held.length);
    else this.#sendUpToStop();
  }

  /** Sends what is held back: no stop text will follow. */
  finish(): void {
    this.#held += this.#request.decoder.flush();
    this.#send(this.#held.length);
  }

  #sendUpToStop(): void {
    let first = -1;
    for (const stop of this.#request.stop) {
      const at = this.#held.indexOf(stop);
      if (at >= 0 && (first < 0 || at < first)) first = at;
    }
    if (first >= 0) {
      this.#send(first);
      this.stopped = true;
    } else {
      this.#send(this.#held.length - this.#possibleStopLength());
    }
  }

  /** Length of the longest end of the held text that begins a stop text. */
  #possibleStopLength(): number {
    let longest = 0;
    for (const stop of this.#request.stop) {
      for (let length = Math.min(stop.length - 1, this.#held.length); length > longest; length--) {
        if (this.#held.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }

  #send(length: number): void {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    if (text === "") return;
    if (this.#thinking) this.thinkingText += text;
    else this.text += text;
    this.#request.onChunk?.({ text, thinking: this.#thinking });
  }
}
