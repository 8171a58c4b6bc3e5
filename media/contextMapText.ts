// Words, numbers and the forms of the context map; pure, no DOM.
import type { ContextMapFile, FileForm } from "../server/src/protocol/messages.ts";

/** In the order of the legend: from all of a file to nothing of it. */
export const FORMS = ["whole", "outline", "overlay", "path", "out"] as const satisfies FileForm[];

export const FORM_NAME: Record<FileForm, string> = {
  whole: "Whole",
  outline: "Outline",
  overlay: "Changed",
  path: "Path only",
  out: "Left out",
};

export const FORM_MEANING: Record<FileForm, string> = {
  whole: "The model has the whole text.",
  outline: "The model has the signatures only.",
  overlay: "Changed since it was read: what is new follows the base.",
  path: "The model knows that it exists. The size is an estimate of what it would take.",
  out: "The model knows nothing of it. The size is an estimate of what it would take.",
};

/** True for forms whose tokens are in the context; those of the others are estimates. */
export function isRead(form: FileForm): boolean {
  return form === "whole" || form === "outline" || form === "overlay";
}

/** Number of files and tokens of a form. */
export function sumOf(files: readonly ContextMapFile[], form: FileForm): { files: number; tokens: number } {
  const some = files.filter((file) => file.form === form);
  return { files: some.length, tokens: some.reduce((sum, { tokens }) => sum + tokens, 0) };
}

/** Known by their path only, files may take so many times the room of what is read before they are switched off. */
const MOST_PATHS_PER_READ = 9;

/**
 * What is shown at first: what was read, and what is known by its path only if that does not drown the rest.
 */
export function defaultForms(files: readonly ContextMapFile[]): ReadonlySet<FileForm> {
  const read = files.reduce((sum, { form, tokens }) => sum + (isRead(form) ? tokens : 0), 0);
  const isDrowning = read > 0 && sumOf(files, "path").tokens > MOST_PATHS_PER_READ * read;
  return new Set(FORMS.filter((form) => form !== "out" && !(form === "path" && isDrowning)));
}

/** A whole number with separators: `12,345`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A number in little room: `950`, `12.3K`, `1.2M`. */
export function short(value: number): string {
  if (value < 1000) return String(Math.round(value));
  // 999,500 and more would become 1000K.
  if (value < 999_500) return `${(value / 1000).toFixed(value < 99_950 ? 1 : 0)}K`;
  return `${(value / 1e6).toFixed(1)}M`;
}

/** Tokens of a file, for people: what it takes or would take. */
export function tokensOf({ form, tokens }: ContextMapFile): string {
  if (isRead(form)) return `${count(tokens)} ${tokens === 1 ? "token" : "tokens"}`;
  return tokens === 0 ? "size unknown" : `about ${count(tokens)} tokens, not in the context`;
}
