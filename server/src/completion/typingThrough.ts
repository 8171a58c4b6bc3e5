// Tells what is left of an earlier suggestion after the user has typed on, without asking the model again.
import { ownCopy } from "./ownCopy.ts";

/** The part of a text before the cursor that two suggestions are told apart by, characters. */
const BEFORE_CHARS = 4096;
/** The part after it. */
const AFTER_CHARS = 1024;

/** Where a cursor stands; both texts with line feeds only. */
export interface Cursor {
  path: string;
  textBefore: string;
  textAfter: string;
}

/** What the model said at a place. Only the text around the place is kept: a file may be large, and there are many of these. */
export interface Suggestion {
  path: string;
  /** Where `before` begins in the file, characters. */
  start: number;
  before: string;
  after: string;
  /** Length of all that followed, characters. */
  afterLength: number;
  text: string;
}

export function suggestionAt({ path, textBefore, textAfter }: Cursor, text: string): Suggestion {
  const start = Math.max(0, textBefore.length - BEFORE_CHARS);
  return {
    path,
    start,
    before: ownCopy(textBefore.slice(start)),
    after: ownCopy(textAfter.slice(0, AFTER_CHARS)),
    afterLength: textAfter.length,
    text: ownCopy(text),
  };
}

/**
 * The user may have typed the suggestion's beginning, indented its line otherwise, or had the editor close a bracket.
 * @returns What is left to insert at the cursor; empty if all of it is typed; undefined if something else was typed.
 */
export function restOf(suggestion: Suggestion, cursor: Cursor): string | undefined {
  if (suggestion.path !== cursor.path) return undefined;
  const { start, before, text } = suggestion;
  const end = start + before.length;
  if (cursor.textBefore.startsWith(before, start)) {
    const typed = cursor.textBefore.slice(end);
    if (text.startsWith(typed)) return followsFit(suggestion, cursor, typed) ? text.slice(typed.length) : undefined;
  }
  const lineStart = cursor.textBefore.lastIndexOf("\n") + 1;
  const rest = restOnOtherIndent(suggestion, cursor, lineStart);
  if (rest === undefined) return undefined;
  return followsFit(suggestion, cursor, cursor.textBefore.slice(Math.min(end, lineStart))) ? rest : undefined;
}

/**
 * @param text What a model has said so far at the suggestion's place.
 * @returns True if the typed text may still turn out to be what the model says.
 */
export function mayFollow(suggestion: Suggestion, cursor: Cursor, text: string): boolean {
  if (restOf({ ...suggestion, text }, cursor) !== undefined) return true;
  const { path, start, before } = suggestion;
  if (path !== cursor.path || !cursor.textBefore.startsWith(before, start)) return false;
  const typed = cursor.textBefore.slice(start + before.length);
  return typed.startsWith(text) && followsFit(suggestion, cursor, typed);
}

/**
 * Where the cursor can be once a text has changed by typing: behind what the text is longer by; one or two characters before
 * that where the editor has closed brackets; or as far as the text has become what was suggested, where it has closed them
 * on a line of their own.
 * @param text The whole text as it is now.
 * @param suggested What was suggested at the cursor, as far as it is known.
 */
export function cursorsAfterTyping({ path, textBefore, textAfter }: Cursor, text: string, suggested: string): Cursor[] {
  const start = textBefore.length;
  const end = text.length - textAfter.length;
  let same = start;
  while (same < end && text[same] === suggested[same - start]) same++;
  const ends = [end, end - 1, end - 2, same].filter((at) => at >= 0);
  return ends.map((at) => ({ path, textBefore: text.slice(0, at), textAfter: text.slice(at) }));
}

/** True if one key can bring it: a character, or a bracket that the editor closes at once. */
export function isOneKey(text: string): boolean {
  return text.length < 2 || CLOSER_OF[text[0]!] === text.slice(1);
}

/** The cursor's line is blank so far, and is not indented as it was or as the suggestion would have it. */
function restOnOtherIndent(suggestion: Suggestion, cursor: Cursor, lineStart: number): string | undefined {
  const { start, before, text } = suggestion;
  const indent = cursor.textBefore.slice(lineStart);
  if (indent.trim() !== "" || lineStart < start) return undefined;
  const wanted = before + text;
  const head = cursor.textBefore.slice(start, lineStart);
  if (!wanted.startsWith(head)) return undefined;
  const lines = wanted.slice(head.length);
  const suggested = /^[ \t]*/.exec(lines)![0];
  // The part of the line that stood there when the model was asked.
  const indentThen = before.slice(head.length);
  if (head.length < before.length - suggested.length) return undefined;
  const body = lines.slice(suggested.length);
  if (indent.startsWith(suggested)) return shifted(body, "", indent.slice(suggested.length));
  if (!suggested.startsWith(indent)) return undefined;
  const missing = suggested.slice(indent.length);
  // What the user took away is not put back; what was never there is still to come.
  return indentThen.length > indent.length ? shifted(body, missing, "") : missing + body;
}

/** Moves every line but the first to another depth. @returns Undefined if a line is not as deep as it would have to be. */
function shifted(text: string, remove: string, add: string): string | undefined {
  const [first = "", ...lines] = text.split("\n");
  const moved = lines.map((line) => {
    if (line.trim() === "") return line;
    return line.startsWith(remove) ? add + line.slice(remove.length) : undefined;
  });
  return moved.includes(undefined) ? undefined : [first, ...moved].join("\n");
}

/** What follows the cursor is what followed then, but for brackets that the editor closed or that were typed over. */
function followsFit({ after, afterLength }: Suggestion, { textAfter }: Cursor, typed: string): boolean {
  const added = textAfter.length - afterLength;
  if (added === 0) return textAfter.startsWith(after);
  if (added > 0) return textAfter.startsWith(after, added) && areClosersOf(textAfter.slice(0, added), typed);
  const passed = after.slice(0, -added);
  return typed.endsWith(passed) && CLOSERS.test(passed) && textAfter.startsWith(after.slice(-added));
}

const CLOSERS = /^[)\]}>"'`]+$/;
const CLOSER_OF: Record<string, string> = { "(": ")", "[": "]", "{": "}", "<": ">", '"': '"', "'": "'", "`": "`" };

/** True if `added`, line breaks aside, is what an editor puts behind the cursor when `typed` is typed. */
function areClosersOf(added: string, typed: string): boolean {
  const closers: string[] = [];
  for (const character of typed) {
    if (character === closers[0]) closers.shift();
    else if (CLOSER_OF[character] !== undefined) closers.unshift(CLOSER_OF[character]);
  }
  const wanted = closers.join("");
  return wanted.startsWith(added.replace(/\s/g, "")) && (added.trim() !== "" || typed.includes("\n"));
}
