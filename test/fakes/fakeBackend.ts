// A runtime without a model: bytes as vocabulary, the next token a function of the history, memory that rewinds like a hybrid model's.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import type {
  Backend,
  BackendModel,
  BackendSequence,
  DecodeOptions,
  EmbeddingContext,
  SequenceOptions,
  Token,
  TokenStream,
  Vocabulary,
} from "../../engine/src/backend.ts";

/** Tokens 0 to 255 are bytes; the special texts follow. */
const BYTES = 256;

/** Special texts as the Qwen family has them. The last two are user-defined tokens there. */
const SPECIALS = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|fim_prefix|>",
  "<|fim_suffix|>",
  "<|fim_middle|>",
  "<think>",
  "</think>",
];

/** Generation ends here. */
const ENDS = ["<|endoftext|>", "<|im_end|>"];

export interface FakeOptions {
  specials?: readonly string[];
  /** Jinja text; empty: the file has none. */
  chatTemplate?: string;
  /** The token after a history; default: a printable byte that depends on every token of it. */
  next?: (history: readonly Token[]) => Token;
  /** Bytes of one checkpoint. */
  checkpointBytes?: number;
  /** Called before each operation on a sequence, which waits for it; may throw. */
  before?: (operation: FakeOperation) => void | Promise<void>;
}

export interface FakeOperation {
  sequence: FakeSequence;
  kind: "evaluate" | "decode" | "checkpoint" | "rewind" | "save" | "restore";
  /** Tokens that it evaluates. */
  tokens: number;
}

/** A runtime whose models and sequences can be looked at. */
export interface FakeBackend extends Backend {
  /** Sequences of the newest model, in the order of their creation: the engine's long one comes first. */
  readonly sequences: FakeSequence[];
  /** Models that are not disposed. */
  readonly openModels: number;
}

/** @param options Everything is optional: a plain Qwen-like model. */
export function createFakeBackend(options: FakeOptions = {}): FakeBackend {
  const sequences: FakeSequence[] = [];
  let openModels = 0;
  return {
    runtime: "fake 1",
    sequences,
    get openModels() {
      return openModels;
    },
    gpu: async () => undefined,
    cudaFound: async () => false,
    load: async ({ signal, onProgress }) => {
      signal?.throwIfAborted();
      onProgress?.(1);
      sequences.length = 0;
      openModels += 1;
      return createFakeModel(options, sequences, () => {
        openModels -= 1;
      });
    },
    dispose: async () => {},
  };
}

function createFakeModel(options: FakeOptions, sequences: FakeSequence[], onDispose: () => void): BackendModel {
  const vocabulary = createFakeVocabulary(options.specials);
  return {
    gpu: "CPU",
    vocabulary,
    chatTemplate: options.chatTemplate ?? "",
    createSequence: async (sequenceOptions) => {
      const sequence = new FakeSequence(vocabulary, sequenceOptions, options);
      sequences.push(sequence);
      return sequence;
    },
    createEmbeddingContext: async ({ contextTokens }) => createFakeEmbedding(contextTokens),
    dispose: async () => {
      for (const sequence of sequences) await sequence.dispose();
      onDispose();
    },
  };
}

/** Vectors that depend on every token, of two dimensions. */
function createFakeEmbedding(textTokens: number): EmbeddingContext {
  return {
    textTokens,
    embed: async (tokens) => {
      const angle = createHash("sha256").update(Int32Array.from(tokens)).digest().readUInt32LE(0);
      return Float32Array.of(Math.cos(angle), Math.sin(angle));
    },
    dispose: async () => {},
  };
}

/** A vocabulary of bytes. Like llama.cpp it recognises special texts inside a text: only the tokenizer can prevent that. */
export function createFakeVocabulary(specialTexts: readonly string[] = SPECIALS): Vocabulary {
  const special = (text: string) => {
    const index = specialTexts.indexOf(text);
    return index < 0 ? undefined : BYTES + index;
  };
  const longestFirst = [...specialTexts].sort((a, b) => b.length - a.length);
  return {
    size: BYTES + specialTexts.length,
    specialTexts,
    fimTokens: {},
    special,
    encode: (text) => {
      const tokens: Token[] = [];
      let at = 0;
      while (at < text.length) {
        const found = longestFirst.find((candidate) => text.startsWith(candidate, at));
        const character = String.fromCodePoint(text.codePointAt(at)!);
        if (found === undefined) tokens.push(...Buffer.from(character));
        else tokens.push(special(found)!);
        at += (found ?? character).length;
      }
      return tokens;
    },
    decode: (tokens) => Buffer.from(tokens.filter((token) => token < BYTES)).toString("utf8"),
    endsGeneration: (token) => ENDS.includes(specialTexts[token - BYTES] ?? ""),
  };
}

/** The default next token: a printable byte, another one for every other history. */
export function hashedNext(history: readonly Token[]): Token {
  const digest = createHash("sha256").update(Int32Array.from(history)).digest();
  return 0x20 + (digest.readUInt32LE(0) % 0x5f);
}

/** One history. Keeps the rules of the seam: every call that breaks one throws. */
export class FakeSequence implements BackendSequence {
  readonly contextTokens: number;
  readonly batchTokens: number;
  /** All tokens evaluated so far, prompt and answers. */
  evaluated = 0;
  disposed = false;
  readonly #vocabulary: Vocabulary;
  readonly #options: FakeOptions;
  readonly #maxCheckpoints: number;
  #history: Token[] = [];
  #checkpoints: number[] = [];
  #running: string | undefined;

  constructor(vocabulary: Vocabulary, sequence: SequenceOptions, options: FakeOptions = {}) {
    this.contextTokens = sequence.contextTokens;
    this.batchTokens = sequence.batchTokens;
    this.#maxCheckpoints = sequence.maxCheckpoints;
    this.#vocabulary = vocabulary;
    this.#options = options;
  }

  get length(): number {
    return this.#history.length;
  }

  get checkpointBytes(): number {
    return this.#checkpoints.length * (this.#options.checkpointBytes ?? 1);
  }

  get checkpointCount(): number {
    return this.#checkpoints.length;
  }

  /** Lengths that have a checkpoint, ascending. */
  get checkpoints(): readonly number[] {
    return this.#checkpoints;
  }

  tokens(): Token[] {
    return [...this.#history];
  }

  evaluate(tokens: readonly Token[]): Promise<void> {
    return this.#alone("evaluate", tokens.length, () => this.#append(tokens));
  }

  startDecoding(tokens: readonly Token[], { logProbs }: DecodeOptions): TokenStream {
    if (tokens.length === 0) throw new Error("Decoding needs a token.");
    let pending = tokens;
    return {
      next: () =>
        this.#alone("decode", pending.length, () => {
          this.#append(pending);
          const token = (this.#options.next ?? hashedNext)(this.#history);
          if (this.#vocabulary.endsGeneration(token)) return undefined;
          pending = [token];
          return logProbs ? { token, logProb: -1 } : { token };
        }),
      end: async () => {},
    };
  }

  takeCheckpoint(): Promise<void> {
    return this.#alone("checkpoint", 0, () => {
      if (this.length === 0 || this.#checkpoints.includes(this.length)) return;
      this.#checkpoints.push(this.length);
      if (this.#checkpoints.length > this.#maxCheckpoints) this.#checkpoints.shift();
    });
  }

  reachableLength(length: number): number {
    if (length >= this.length) return this.length;
    return this.#checkpoints.findLast((checkpoint) => checkpoint <= length) ?? 0;
  }

  rewind(length: number): Promise<void> {
    return this.#alone("rewind", 0, () => {
      if (length !== 0 && length !== this.length && !this.#checkpoints.includes(length)) {
        throw new Error(`A state of ${this.length} tokens cannot go back to ${length}: there is no checkpoint.`);
      }
      this.#history = this.#history.slice(0, length);
      this.#checkpoints = this.#checkpoints.filter((checkpoint) => checkpoint <= length);
    });
  }

  save(file: string): Promise<void> {
    return this.#alone("save", 0, () => writeFile(file, JSON.stringify(this.#history)));
  }

  restore(file: string): Promise<void> {
    return this.#alone("restore", 0, async () => {
      // Like the runtime: the old state is gone before the new one is known to be good.
      this.#history = [];
      this.#checkpoints = [];
      this.#history = JSON.parse(await readFile(file, "utf8")) as Token[];
    });
  }

  async dispose(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`Disposed of during ${this.#running}.`);
    this.disposed = true;
  }

  #append(tokens: readonly Token[]): void {
    if (tokens.length > this.batchTokens) throw new Error(`${tokens.length} tokens exceed the batch.`);
    if (this.length + tokens.length > this.contextTokens - 1) throw new Error("The context is full.");
    this.#history = [...this.#history, ...tokens];
    this.evaluated += tokens.length;
  }

  async #alone<T>(kind: FakeOperation["kind"], tokens: number, work: () => T | Promise<T>): Promise<T> {
    if (this.disposed) throw new Error(`${kind} after disposal.`);
    if (this.#running !== undefined) throw new Error(`${kind} overlaps ${this.#running}.`);
    this.#running = kind;
    try {
      await this.#options.before?.({ sequence: this, kind, tokens });
      // A real runtime answers from another thread, some turns of the event loop later.
      await new Promise(setImmediate);
      return await work();
    } finally {
      this.#running = undefined;
    }
  }
}
