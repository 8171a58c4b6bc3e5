// Asks the server for vectors of texts from within the index process, and hands each answer to who waits for it.
import type { EmbedTexts, FromIndexProcess, ToIndexProcess } from "./indexMessages.ts";

type Answer = Extract<ToIndexProcess, { embedded: number }>;

interface Waiting {
  resolve: (vectors: Float32Array[]) => void;
  reject: (error: unknown) => void;
  over: () => void;
}

export class VectorSource {
  readonly #send: (message: FromIndexProcess) => void;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  constructor(send: (message: FromIndexProcess) => void) {
    this.#send = send;
  }

  /** @throws Error why there are none; the signal's reason when aborted. */
  embed(request: EmbedTexts, signal: AbortSignal): Promise<Float32Array[]> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(id);
        this.#send({ cancelEmbed: id });
        reject(signal.reason);
      };
      const over = () => signal.removeEventListener("abort", onAbort);
      this.#waiting.set(id, { resolve, reject, over });
      signal.addEventListener("abort", onAbort, { once: true });
      this.#send({ embed: id, ...request });
    });
  }

  /** Of what was taken back nothing is known any more. */
  receive(answer: Answer): void {
    const waiting = this.#waiting.get(answer.embedded);
    this.#waiting.delete(answer.embedded);
    waiting?.over();
    if ("error" in answer) waiting?.reject(new Error(answer.error));
    // Each came as a window on the whole message, which one that is kept would keep.
    else waiting?.resolve(answer.vectors.map((vector) => vector.slice()));
  }
}
