// One vision child process: starts it, sends it requests, tells how it ended; knows nothing of queues and figures.
import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import type { EngineErrorCode } from "./api.ts";
import type { ChildMessage, DoneMessage, FailedMessage, SeeMessage } from "./visionMessages.ts";
import { lastErrors } from "./visionText.ts";

/** The end of the error stream that is kept for the sentence about a crash; the runtime's log is long. */
const KEPT_LOG_CHARACTERS = 16_384;

/** Failures of the runtime, whose sentence lacks the reason. */
const UNEXPLAINED: EngineErrorCode[] = ["mmprojUnusable", "visionFailed"];

/** What the child said last about a request, or that it ended before it could. */
export type ChildAnswer = DoneMessage | FailedMessage | { kind: "died"; reason: string };

export class VisionChild {
  /** What the model was loaded with; the child serves only requests with the same. */
  readonly key: string;
  /** Resolves when the process is gone, with a phrase that says how it went. */
  readonly gone: Promise<string>;
  /** True while the model is loaded onto the GPU: a death in between is the driver's. */
  loadingOntoGpu = false;
  /** True once it was told to end: it takes no more requests. */
  ending = false;
  readonly #process: ChildProcess;
  #log = "";

  /**
   * Starts the process.
   * @param entry Path of the script.
   * @param key See the field.
   */
  constructor(entry: string, key: string) {
    this.key = key;
    this.#process = fork(entry, {
      execArgv: ["--no-warnings"],
      serialization: "advanced",
      // The runtime writes the whole prompt to its output: it must end up in no log. Its errors are in the other stream.
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // Without this a failed assertion starts a debugger, if there is one, to print a stack of native addresses.
      env: { ...process.env, GGML_NO_BACKTRACE: "1" },
    });
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log = (this.#log + text).slice(-KEPT_LOG_CHARACTERS);
    });
    this.#process.on("message", (message: ChildMessage) => this.#noteLoading(message));
    this.gone = new Promise((resolve) => {
      this.#process.once("error", (error) => resolve(`could not be started (${error.message})`));
      this.#process.once("close", (code, signal) => {
        resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`);
      });
    });
  }

  /**
   * Sends a request and passes on what comes before its answer. One request at a time. A failed one ends the child: the
   * runtime takes no other request after it.
   * @returns The last message about the request. Never rejects: a dead child is an answer.
   */
  ask(request: SeeMessage, onMessage: (message: ChildMessage) => void): Promise<ChildAnswer> {
    this.#hold();
    return new Promise((resolve) => {
      let failure: FailedMessage | undefined;
      const settle = (answer: ChildAnswer) => {
        this.#process.off("message", listen);
        this.#letGo();
        resolve(answer);
      };
      const listen = (message: ChildMessage) => {
        if (message.kind === "done") settle(message);
        else if (message.kind !== "failed") onMessage(message);
        else {
          failure = message;
          void this.end();
        }
      };
      this.#process.on("message", listen);
      void this.gone.then((how) => settle(failure === undefined ? this.#death(how) : this.#explain(failure)));
      // The callback keeps a failure to send, to a child that has just died, from being thrown: `gone` tells it better.
      this.#process.send(request, () => {});
    });
  }

  /** Ends the process at once, whatever it does: it does not listen while it loads, and works on while it reads a prompt. */
  async end(): Promise<void> {
    this.ending = true;
    this.#hold();
    this.#process.kill("SIGKILL");
    await this.gone;
  }

  #death(how: string): ChildAnswer {
    const errors = lastErrors(this.#log);
    return { kind: "died", reason: errors === "" ? how : `${how} (${errors})` };
  }

  /** The runtime writes the reason to its error stream, which is complete now. */
  #explain(failure: FailedMessage): FailedMessage {
    const errors = UNEXPLAINED.includes(failure.code) ? lastErrors(this.#log) : "";
    return errors === "" ? failure : { ...failure, message: `${failure.message} The runtime said: ${errors}` };
  }

  #noteLoading(message: ChildMessage): void {
    if (message.kind === "loading") this.loadingOntoGpu = message.device === "gpu";
    if (message.kind === "loaded") this.loadingOntoGpu = false;
  }

  /** A working child keeps this process alive; an idle one does not. */
  #hold(): void {
    this.#process.ref();
    this.#process.channel?.ref();
    (this.#process.stderr as Socket | null)?.ref();
  }

  #letGo(): void {
    this.#process.unref();
    this.#process.channel?.unref();
    (this.#process.stderr as Socket | null)?.unref();
  }
}
