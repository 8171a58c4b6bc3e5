// Messages between Fathom's webviews and the extension: one map from kind to payload in each direction.
import type { ContextMap, Place } from "./messages.ts";

/** Chat view → extension. Everything in it is untrusted and checked before use. */
export interface FromChatView {
  ready: null;
  ask: { text: string };
  stop: null;
  newConversation: null;
  openPlace: { uri: string; startLine: number; endLine: number };
  /** A link of an answer was clicked; only http and https are opened, in the user's browser. */
  openLink: { href: string };
  copy: { text: string };
  /** Put a code block at the cursor of the last used editor. */
  insert: { text: string };
  /** The action offered beside a failure; the extension compares it with the ones it offers. */
  action: { command: string };
}

/** Extension → chat view. */
export interface ToChatView {
  /** The whole conversation, sent when the view opens; `busy` while the last entry is still being answered. */
  restore: { entries: ChatEntry[]; busy: boolean };
  /** One line under the title: model, state. `demo` adds the demo notice. */
  state: { text: string; demo: boolean };
  started: { question: string };
  places: { places: Place[] };
  thinking: { text: string };
  text: { text: string };
  note: { text: string };
  /** The answer as it is kept: complete, stopped or failed. */
  finished: { entry: ChatEntry };
}

/** What went wrong, in a sentence, and the one thing to do about it. */
export interface ChatFailure {
  message: string;
  action?: { title: string; command: string };
}

export interface ChatEntry {
  role: "user" | "assistant";
  text: string;
  thinking?: string;
  places?: Place[];
  /** Sentences about the answer: left out files, why it ended early. */
  notes?: string[];
  /** The server's notice, e.g. that the demo model answered. */
  notice?: string;
  /** Tokens and times in one line. */
  figures?: string;
  failure?: ChatFailure;
}

/** Paste panel → extension. The image is untrusted and checked by its first bytes. */
export interface FromPasteView {
  use: { imageBase64: string };
  cancel: null;
}

/** Extension → paste panel. */
export interface ToPasteView {
  refused: { message: string };
}

/** Context map → extension. Everything in it is untrusted and checked before use. */
export interface FromContextMapView {
  ready: null;
  /** Opens a file; only uris of the last map that was sent are opened. */
  open: { uri: string };
  /** The extension compares the command with those that the map offers. */
  action: { command: string };
}

/** Extension → context map. */
export interface ToContextMapView {
  map: { map: ContextMap };
  /** One line: model, state, how far reading is; what can be done about it now. */
  state: { text: string; actions: { title: string; command: string }[] };
  /** The map could not be made; the one before stays. */
  failed: { message: string };
}

/** A message as it is posted: its kind and the payload that belongs to it. */
export type Message<M> = { [K in keyof M]: { kind: K; payload: M[K] } }[keyof M];
