// Keeps what the model said at the last places, found again by the text before AND after the cursor, also while it is typed.
import { type Cursor, restOf, type Suggestion, suggestionAt } from "./typingThrough.ts";

/** Suggestions kept; each takes about as much memory as the text around it, 10 KB at most. */
const CAPACITY = 200;

export interface CachedRest {
  /** What is left to insert; empty only where the model had nothing to say. */
  rest: string;
  /** "exact": asked at this very place before; "typed": the user typed the beginning of it. */
  how: "exact" | "typed";
}

export class CompletionCache {
  readonly #capacity: number;
  /** The one used last at the end. */
  readonly #suggestions = new Map<string, Suggestion>();

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#suggestions.size;
  }

  /** Remembers what the model said; an earlier suggestion for the same place is replaced. */
  put(cursor: Cursor, text: string): void {
    const suggestion = suggestionAt(cursor, text);
    this.#touch(keyOf(suggestion), suggestion);
    if (this.#suggestions.size > this.#capacity) this.#suggestions.delete(this.#suggestions.keys().next().value!);
  }

  /** @returns Undefined where the model has to be asked. An empty suggestion is found at its own place only. */
  find(cursor: Cursor): CachedRest | undefined {
    const key = keyOf(suggestionAt(cursor, ""));
    const exact = this.#suggestions.get(key);
    if (exact !== undefined) {
      this.#touch(key, exact);
      return { rest: exact.text, how: "exact" };
    }
    // The newest first: it knows most of what was typed.
    for (const [at, suggestion] of [...this.#suggestions].reverse()) {
      const rest = restOf(suggestion, cursor);
      if (rest === undefined || rest.trim() === "") continue;
      this.#touch(at, suggestion);
      return { rest, how: "typed" };
    }
    return undefined;
  }

  /** Another model would say something else. */
  clear(): void {
    this.#suggestions.clear();
  }

  #touch(key: string, suggestion: Suggestion): void {
    this.#suggestions.delete(key);
    this.#suggestions.set(key, suggestion);
  }
}

function keyOf({ path, before, after }: Suggestion): string {
  return [path, before, after].join("\0");
}
