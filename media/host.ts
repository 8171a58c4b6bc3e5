// The way from a webview to the extension: typed messages out, and a small state that survives hiding.
import type { Message } from "../server/src/protocol/webview.ts";

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

/** Given by VS Code to every webview, callable once. */
declare function acquireVsCodeApi(): VsCodeApi;

const api = acquireVsCodeApi();

/** A sender for the messages of one webview: `M` maps kind to payload. */
export function sender<M>(): <K extends keyof M>(kind: K, payload: M[K]) => void {
  return (kind, payload) => api.postMessage({ kind, payload });
}

/** Listens to the extension: each message goes to the handler of its kind, one of no known kind nowhere. */
export function receive<M>(handlers: { [K in keyof M]: (payload: M[K]) => void }): void {
  window.addEventListener("message", (event) => {
    const { kind, payload } = event.data as Message<M>;
    if (Object.hasOwn(handlers, kind)) handlers[kind](payload);
  });
}

/** What the view kept when it was hidden; nothing of it is certain. */
export function loadState(): Record<string, unknown> {
  const state = api.getState();
  return typeof state === "object" && state !== null ? (state as Record<string, unknown>) : {};
}

export function saveState(state: Record<string, unknown>): void {
  api.setState(state);
}
