// Checks what webviews post: a webview is untrusted, so anything that is not exactly a known message is dropped.
import type { FromChatView, FromContextMapView, FromPasteView, Message } from "../../server/src/protocol/webview.ts";
import { MAP_COMMANDS } from "./contextMapActions.ts";
import { FAILURE_COMMANDS } from "./failures.ts";

/** UTF-16 units. A question with a long log pasted into it fits; a runaway message does not. */
const MAX_TEXT_CHARS = 400_000;
const MAX_URI_CHARS = 4096;
/** Base64 of the largest image and a little more; the exact limit is imageFile.ts's. */
const MAX_IMAGE_CHARS = 30_000_000;

type Readers<M> = { [K in keyof M]: (payload: unknown) => M[K] | undefined };

const CHAT_READERS: Readers<FromChatView> = {
  ready: nothing,
  ask: (payload) => withText(payload, (text) => text.trim() !== ""),
  stop: nothing,
  newConversation: nothing,
  openPlace: (payload) => {
    const { uri, startLine, endLine } = fields(payload);
    if (!isText(uri, MAX_URI_CHARS) || !isLine(startLine) || !isLine(endLine)) return undefined;
    return { uri, startLine, endLine: Math.max(startLine, endLine) };
  },
  openLink: (payload) => {
    const { href } = fields(payload);
    return isText(href, MAX_URI_CHARS) && isWebLink(href) ? { href } : undefined;
  },
  copy: (payload) => withText(payload, () => true),
  insert: (payload) => withText(payload, () => true),
  action: (payload) => {
    const { command } = fields(payload);
    return typeof command === "string" && FAILURE_COMMANDS.has(command) ? { command } : undefined;
  },
};

const PASTE_READERS: Readers<FromPasteView> = {
  use: (payload) => {
    const { imageBase64 } = fields(payload);
    return isText(imageBase64, MAX_IMAGE_CHARS) ? { imageBase64 } : undefined;
  },
  cancel: nothing,
};

function mapReaders(offered: ReadonlySet<string>): Readers<FromContextMapView> {
  return {
    ready: nothing,
    open: (payload) => {
      const { uri } = fields(payload);
      return typeof uri === "string" && offered.has(uri) ? { uri } : undefined;
    },
    action: (payload) => {
      const { command } = fields(payload);
      return typeof command === "string" && MAP_COMMANDS.has(command) ? { command } : undefined;
    },
  };
}

/** The message of the chat view, or undefined if it is not exactly one of the known ones. */
export function readChatMessage(posted: unknown): Message<FromChatView> | undefined {
  return readMessage(CHAT_READERS, posted);
}

/** The message of the paste panel, or undefined if it is not exactly one of the known ones. */
export function readPasteMessage(posted: unknown): Message<FromPasteView> | undefined {
  return readMessage(PASTE_READERS, posted);
}

/**
 * The message of the context map, or undefined if it is not exactly one of the known ones.
 * @param offered The uris of the files on the map: the page may name these and no others.
 */
export function readContextMapMessage(
  posted: unknown,
  offered: ReadonlySet<string>,
): Message<FromContextMapView> | undefined {
  return readMessage(mapReaders(offered), posted);
}

/** True for http and https; `command:`, `file:` and all others are refused. */
export function isWebLink(href: string): boolean {
  return URL.canParse(href) && ["http:", "https:"].includes(new URL(href).protocol);
}

function readMessage<M>(readers: Readers<M>, posted: unknown): Message<M> | undefined {
  const { kind, payload } = fields(posted);
  if (typeof kind !== "string" || !Object.hasOwn(readers, kind)) return undefined;
  const read = readers[kind as keyof M](payload);
  return read === undefined ? undefined : ({ kind, payload: read } as Message<M>);
}

function nothing(payload: unknown): null | undefined {
  return payload === null ? null : undefined;
}

function withText(payload: unknown, accept: (text: string) => boolean): { text: string } | undefined {
  const { text } = fields(payload);
  return isText(text, MAX_TEXT_CHARS) && accept(text) ? { text } : undefined;
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function isText(value: unknown, maxChars: number): value is string {
  return typeof value === "string" && value.length <= maxChars;
}

function isLine(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
