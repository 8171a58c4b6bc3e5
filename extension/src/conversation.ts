// Holds one conversation: its entries, the answer on its way, and what of it is kept; knows no view and no server.
import * as l10n from "@vscode/l10n";
import type { AnswerEvent, ChatOutcome, ChatTurn, Place } from "../../server/src/protocol/messages.ts";
import type { ChatEntry, ChatFailure } from "../../server/src/protocol/webview.ts";
import { figuresLine, stoppedNote } from "./statusText.ts";

/** Entries kept over restarts of VS Code; older ones are of little use and the store is read at each start. */
export const MAX_STORED_ENTRIES = 60;
/** UTF-16 units kept over restarts, all entries together. */
export const MAX_STORED_CHARS = 200_000;

/** A conversation. `entries` alternate between user and assistant; while busy, the last one grows. */
export class Conversation {
  #entries: ChatEntry[] = [];
  #answer: ChatEntry | undefined;

  get entries(): readonly ChatEntry[] {
    return this.#entries;
  }

  get busy(): boolean {
    return this.#answer !== undefined;
  }

  /** Adds the question and an empty answer that {@link add} fills. */
  begin(question: string): void {
    this.#answer = { role: "assistant", text: "" };
    this.#entries.push({ role: "user", text: question }, this.#answer);
  }

  /** Adds one event of the streamed answer; an event after the end is dropped. */
  add(event: AnswerEvent): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    if (event.kind === "text") answer.text += event.text;
    else if (event.kind === "thinking") answer.thinking = (answer.thinking ?? "") + event.text;
    else if (event.kind === "note") answer.notes = [...(answer.notes ?? []), event.text];
    else answer.places = event.places;
  }

  /** Ends the answer with what the server says it is. */
  finish(outcome: ChatOutcome): ChatEntry {
    return this.#end((answer) => {
      // The outcome's text is the whole answer after clean-up; an empty one must not wipe what was streamed.
      if (outcome.text !== "") answer.text = outcome.text;
      if (outcome.places.length > 0) answer.places = outcome.places;
      const notice = withoutNotes(outcome.notice ?? "", answer.notes ?? []);
      if (notice !== "") answer.notice = notice;
      if (outcome.figures) answer.figures = figuresLine(outcome.figures);
      if (outcome.stopReason === "cancelled") addNote(answer, stoppedNote());
    });
  }

  /** Ends the answer because the user stopped it. */
  cancel(): ChatEntry {
    return this.#end((answer) => addNote(answer, stoppedNote()));
  }

  /** Ends the answer because it failed; what was streamed stays. */
  fail(failure: ChatFailure): ChatEntry {
    return this.#end((answer) => {
      answer.failure = failure;
    });
  }

  clear(): void {
    this.#entries = [];
    this.#answer = undefined;
  }

  /** The turns for the server: questions that were answered, and the one being asked. */
  turns(): ChatTurn[] {
    const turns: ChatTurn[] = [];
    for (let idx = 0; idx + 1 < this.#entries.length; idx += 2) {
      const [question, answer] = [this.#entries[idx]!, this.#entries[idx + 1]!];
      const asked: ChatTurn = { role: "user", text: question.text };
      if (answer === this.#answer) turns.push(asked);
      else if (answer.text !== "") turns.push(asked, { role: "assistant", text: answer.text });
    }
    return turns;
  }

  /** What is kept over a restart: the newest finished entries within {@link MAX_STORED_ENTRIES} and {@link MAX_STORED_CHARS}. */
  toStored(): ChatEntry[] {
    const finished = this.busy ? this.#entries.slice(0, -2) : this.#entries;
    const stored: ChatEntry[] = [];
    let nChars = 0;
    for (let idx = finished.length - 2; idx >= 0 && stored.length + 2 <= MAX_STORED_ENTRIES; idx -= 2) {
      const pair = finished.slice(idx, idx + 2);
      nChars += JSON.stringify(pair).length;
      if (nChars > MAX_STORED_CHARS) break;
      stored.unshift(...pair);
    }
    return stored;
  }

  /** Takes over what {@link toStored} made, perhaps in another version: what does not look right is left out. */
  restore(stored: unknown): void {
    this.clear();
    const entries = Array.isArray(stored) ? stored : [];
    for (let idx = 0; idx + 1 < entries.length; idx += 2) {
      const [question, answer] = [readEntry(entries[idx], "user"), readEntry(entries[idx + 1], "assistant")];
      if (question && answer) this.#entries.push(question, answer);
    }
  }

  #end(change: (answer: ChatEntry) => void): ChatEntry {
    const answer = this.#answer;
    if (answer === undefined) throw new Error(l10n.t("A conversation without a running answer cannot end one."));
    change(answer);
    this.#answer = undefined;
    return answer;
  }
}

function addNote(answer: ChatEntry, note: string): void {
  answer.notes = [...(answer.notes ?? []), note];
}

/** The notice repeats the notes for clients that show no stream; here they are on the screen already. */
function withoutNotes(notice: string, notes: readonly string[]): string {
  return notes
    .reduce((rest, note) => rest.replace(note, ""), notice)
    .replace(/\s+/g, " ")
    .trim();
}

function readEntry(value: unknown, role: ChatEntry["role"]): ChatEntry | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const source = value as Record<string, unknown>;
  if (source.role !== role || typeof source.text !== "string") return undefined;
  const entry: ChatEntry = { role, text: source.text };
  for (const key of ["thinking", "notice", "figures"] as const) {
    const text = source[key];
    if (typeof text === "string") entry[key] = text;
  }
  if (Array.isArray(source.notes)) entry.notes = source.notes.filter((note) => typeof note === "string");
  if (Array.isArray(source.places)) entry.places = source.places.filter(isPlace);
  // A failure is not taken over: its action belongs to the moment in which it happened.
  return entry;
}

function isPlace(value: unknown): value is Place {
  if (typeof value !== "object" || value === null) return false;
  const place = value as Record<string, unknown>;
  const texts = [place.uri, place.path, place.reason, place.preview];
  const lines = [place.startLine, place.endLine];
  return texts.every((text) => typeof text === "string") && lines.every((line) => typeof line === "number");
}
