// What the parameters of each request of Fathom's own look like: any client can send anything, and is told what is needed.
import { CompletionStatisticsRequest } from "./protocol/completionMessages.ts";
import { DownloadCudaRuntimeRequest } from "./protocol/cudaMessages.ts";
import {
  ChatRequest,
  DownloadModelRequest,
  EditRequest,
  ImportModelRequest,
  PauseReadingRequest,
  PrefillRequest,
  RemoveIndexRequest,
  ScreenshotRequest,
  SearchRequest,
  SelectModelRequest,
} from "./protocol/messages.ts";

/** Kinds of values, as sentences call them. */
const KINDS = {
  text: (value: unknown) => typeof value === "string",
  number: (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0,
  "true or false": (value: unknown) => typeof value === "boolean",
  '"user" or "assistant"': (value: unknown) => value === "user" || value === "assistant",
} as const;

/** A kind, a list, or an object; of an object what has a question mark may be missing, and what is not named may be there. */
type Shape = keyof typeof KINDS | readonly [Shape] | { readonly [name: string]: Shape };

const POSITION = { line: "number", character: "number" } as const;

/** By method. Others need no parameters, but for `removeSnapshots`, which says itself that nothing was removed. */
const SHAPES: Readonly<Record<string, Shape>> = {
  [ChatRequest.type.method]: {
    turns: [{ role: '"user" or "assistant"', text: "text" }],
    "thinking?": "true or false",
  },
  [CompletionStatisticsRequest.type.method]: { "reset?": "true or false" },
  [DownloadCudaRuntimeRequest.type.method]: { consentToHost: "text" },
  [DownloadModelRequest.type.method]: { id: "text", consentToHost: "text" },
  [EditRequest.type.method]: { uri: "text", range: { start: POSITION, end: POSITION }, instruction: "text" },
  [ImportModelRequest.type.method]: { file: "text", "mmproj?": "text" },
  [PauseReadingRequest.type.method]: { paused: "true or false" },
  [PrefillRequest.type.method]: { "force?": "true or false" },
  [RemoveIndexRequest.type.method]: { "all?": "true or false" },
  [ScreenshotRequest.type.method]: { imageBase64: "text", mimeType: "text", instruction: "text" },
  [SearchRequest.type.method]: { query: "text", "limit?": "number", "whole?": "true or false" },
  [SelectModelRequest.type.method]: { id: "text" },
};

/** @returns What a request needs, as a sentence; undefined if these parameters are that. */
export function wrongParameters(method: string, params: unknown): string | undefined {
  const shape = SHAPES[method];
  if (shape === undefined || fits(params, shape)) return undefined;
  return `${method.replace(/^fathom\//, "")} needs ${inWords(shape)}.`;
}

function fits(value: unknown, shape: Shape): boolean {
  if (typeof shape === "string") return KINDS[shape](value);
  if (isList(shape)) return Array.isArray(value) && value.every((item) => fits(item, shape[0]));
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(shape).every(([name, inner]) => {
    const own = (value as Record<string, unknown>)[name.replace("?", "")];
    return own === undefined ? name.endsWith("?") : fits(own, inner);
  });
}

function inWords(shape: Shape): string {
  if (typeof shape === "string") return shape;
  if (isList(shape)) return `[${inWords(shape[0])}]`;
  const fields = Object.entries(shape).map(([name, inner]) => `${name}: ${inWords(inner)}`);
  return `{ ${fields.join(", ")} }`;
}

function isList(shape: Exclude<Shape, string>): shape is readonly [Shape] {
  return Array.isArray(shape);
}
