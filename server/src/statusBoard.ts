// The one status that clients see: parts of the server change it, each change is sent whole.
import type { Connection } from "vscode-languageserver/node";
import { type Status, StatusNotification, StatusRequest } from "./protocol/messages.ts";
import { handle } from "./requests.ts";

/** Begins the reason of a completion that had no model to ask; what follows is the status's message at that time. */
export const NO_MODEL_READY = "no model is ready";
/** Progress changes many times a second; a status bar needs no more than this, milliseconds. */
const MIN_INTERVAL_MS = 100;

export class StatusBoard {
  readonly #connection: Connection;
  readonly #isSent: boolean;
  #status: Status = { state: "starting", message: "Fathom is starting.", engineRestarts: 0 };
  #timer: NodeJS.Timeout | undefined;
  #sentAt = 0;

  /** @param isSent False: the client has to ask. */
  constructor(connection: Connection, isSent: boolean) {
    this.#connection = connection;
    this.#isSent = isSent;
  }

  register(connection: Connection): void {
    handle(connection, StatusRequest.type, async () => this.#status);
  }

  get current(): Status {
    return this.#status;
  }

  /** Changes some fields; changes of state are sent at once, the rest at most every {@link MIN_INTERVAL_MS}. */
  update(change: Partial<Status>): void {
    const stateChanged = change.state !== undefined && change.state !== this.#status.state;
    // Beside a model that is ready, "no model is ready: Loading …" would be read as what is the case.
    const isPast = change.state === "ready" && this.#status.lastCompletion?.reason.startsWith(NO_MODEL_READY);
    this.#status = { ...this.#status, ...(isPast && { lastCompletion: undefined }), ...change };
    if (!this.#isSent) return;
    const wait = this.#sentAt + MIN_INTERVAL_MS - Date.now();
    if (stateChanged || wait <= 0) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), wait);
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sentAt = Date.now();
    void this.#connection.sendNotification(StatusNotification.type, this.#status);
  }
}
