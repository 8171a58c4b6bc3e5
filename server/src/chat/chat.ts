// Answers questions about the workspace: where to look at once, then the model's answer, streamed.
import type { Connection } from "vscode-languageserver/node";
import type { Engine, GenerateResult, PromptPart, Sampling } from "../../../engine/src/api.ts";
import type { Focus } from "../codebase/focus.ts";
import type { OverlayParts } from "../codebase/overlay.ts";
import { readTextFile, reasonAgainst } from "../codebase/readText.ts";
import type { Workspace } from "../codebase/workspace.ts";
import type { WorkspaceReader } from "../codebase/workspaceReader.ts";
import type { Documents } from "../documents.ts";
import type { ModelSession } from "../modelSession.ts";
import { promptText } from "../promptTexts.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import {
  type AnswerEvent,
  type ChatOutcome,
  type ChatParams,
  ChatRequest,
  type IndexStatus,
  type Place,
} from "../protocol/messages.ts";
import { answerStream, cutOffNote, handle, joinNotes, RequestError } from "../requests.ts";
import type { SettingsStore } from "../settingsStore.ts";
import type { StatusBoard } from "../statusBoard.ts";
import { ChatPrompt, type Excerpt } from "./chatPrompt.ts";
import { fitConversation } from "./fitConversation.ts";

/** "Where to look" is read at a glance. */
const PLACES_SHOWN = 6;

/** The chat template's frame, and the chunk that a reading may add meanwhile. */
const SPARE_TOKENS = 128;

/** Qwen3.5's recommendations for instruct and for precise reasoning (QWEN35.md 1.6). */
const ANSWER_SAMPLING: Sampling = { temperature: 0.7, topP: 0.8, topK: 20, presencePenalty: 1.5 };
const THINKING_SAMPLING: Sampling = { temperature: 0.6, topP: 0.95, topK: 20 };

export interface ChatOptions {
  connection: Connection;
  engine: Engine;
  session: ModelSession;
  settings: SettingsStore;
  status: Pick<StatusBoard, "current">;
  documents: Documents;
  workspace: Workspace;
  reader: WorkspaceReader;
  focus: Pick<Focus, "mention">;
}

/** What follows the base in the system message. */
type Follows = Pick<OverlayParts, "parts" | "onlyNamed" | "base">;

export class Chat {
  readonly #options: ChatOptions;
  readonly #prompt = new ChatPrompt();

  constructor(options: ChatOptions) {
    this.#options = options;
  }

  register(): void {
    const { connection } = this.#options;
    handle(connection, ChatRequest.type, (params, signal) =>
      this.#answer(params, answerStream(connection, params.partialResultToken), signal),
    );
  }

  async #answer(params: ChatParams, send: (event: AnswerEvent) => void, signal: AbortSignal): Promise<ChatOutcome> {
    const { session, workspace, focus, status } = this.#options;
    session.assertTrusted();
    const question = params.turns.at(-1);
    if (question?.role !== "user" || question.text.trim() === "") {
      throw new RequestError(FathomErrorCodes.badRequest, "There is no question to answer.");
    }
    const places = await workspace.search(question.text, PLACES_SHOWN);
    const indexNote = halfBuiltNote(status.current.index);
    send({ kind: "places", places });
    if (indexNote !== undefined) send({ kind: "note", text: indexNote });
    await focus.mention(question.text);
    const result = await this.#generate(params, places, send, signal);
    if (result === undefined) return withoutModel(places, indexNote);
    const note = partialNote(result);
    if (note !== undefined) send({ kind: "note", text: note });
    const { text, stopReason, figures } = result;
    const notice = joinNotes(session.notice, indexNote, note, cutOffNote(stopReason));
    return { text, stopReason, figures, places, notice };
  }

  /** @returns Undefined if no model is set: the places are the answer then. */
  async #generate(
    params: ChatParams,
    places: readonly Place[],
    send: (event: AnswerEvent) => void,
    signal: AbortSignal,
  ): Promise<GenerateResult | undefined> {
    const { session, reader, documents } = this.#options;
    try {
      await session.require();
    } catch (error) {
      if (error instanceof RequestError && error.code === FathomErrorCodes.noModel) return undefined;
      throw error;
    }
    const ask = (follows: Follows) => this.#ask(params, places, follows, send, signal);
    // The rules themselves, if nothing was read.
    if (reader.base === "none")
      return ask({ parts: [{ text: `${promptText("system")}\n` }], onlyNamed: 0, base: undefined });
    return reader.overlay.follow(documents, () => reader.overlayRoom(this.#answerTokens), ask);
  }

  /** Room that the answer takes, and what surrounds it. */
  get #answerTokens(): number {
    return this.#options.settings.current.chat.maxTokens + SPARE_TOKENS;
  }

  async #ask(
    params: ChatParams,
    places: readonly Place[],
    { parts, onlyNamed, base }: Follows,
    send: (event: AnswerEvent) => void,
    signal: AbortSignal,
  ): Promise<GenerateResult> {
    const { engine, settings, reader } = this.#options;
    const { maxTokens, thinking: thinkingSetting } = settings.current.chat;
    const thinking = params.thinking ?? thinkingSetting;
    // First, where the base breaks off, and behind a separator, so that it belongs to no file.
    const note: PromptPart[] = [{ special: "<|file_sep|>" }, { text: `${promptText("halfRead")}\n` }];
    const system = reader.base === "partial" ? [...note, ...parts] : [...parts];
    // Only now it is known which files the model has as they are.
    let excerpts = await this.#excerpts(places);
    const room = reader.roomTokens - this.#answerTokens;
    const cut = () => {
      const all = this.#prompt.messages(system, params.turns, excerpts);
      return fitConversation(all, room, (texts) => engine.countTokens(texts));
    };
    let fitted = await cut();
    // In a short context the last places go before the question does.
    while (!fitted.fits && excerpts.length > 0) {
      excerpts = excerpts.slice(0, excerpts.length >> 1);
      fitted = await cut();
    }
    const { messages, droppedTurns } = fitted;
    if (droppedTurns > 0) {
      send({ kind: "note", text: `The context is full: the oldest ${droppedTurns} turns were left out.` });
    }
    if (onlyNamed > 0) {
      const files = onlyNamed === 1 ? "1 changed file is" : `${onlyNamed} changed files are`;
      send({ kind: "note", text: `${files} known in an older version only, until the workspace is read again.` });
    }
    const sampling = thinking ? THINKING_SAMPLING : ANSWER_SAMPLING;
    return engine.generate(
      { kind: "chat", messages, base, thinking, sampling, maxTokens, goesOn: true },
      { signal, onChunk: (chunk) => send({ kind: chunk.thinking ? "thinking" : "text", text: chunk.text }) },
    );
  }

  async #excerpts(places: readonly Place[]): Promise<Excerpt[]> {
    const { reader } = this.#options;
    const excerpts: Excerpt[] = [];
    for (const place of places) {
      const known = reader.base === "whole" && reader.overlay.isInBase(place.path);
      excerpts.push({ place, text: known ? undefined : await this.#textAt(place) });
    }
    return excerpts;
  }

  async #textAt(place: Place): Promise<string | undefined> {
    const { documents, workspace } = this.#options;
    const open = documents.get(place.uri)?.getText();
    const file = workspace.fileOf(place.uri);
    const read = open !== undefined || file === undefined ? undefined : await readTextFile(file);
    const text = open ?? (read !== undefined && "text" in read ? read.text : undefined);
    if (text === undefined || reasonAgainst(place.path, text, file?.wanted) !== undefined) return undefined;
    return text
      .split(/\r?\n/)
      .slice(place.startLine, place.endLine + 1)
      .join("\n");
  }
}

function withoutModel(places: Place[], indexNote: string | undefined): ChatOutcome {
  const reason = "No model is set, so these places are the answer. Choose or download a model with Get Model….";
  return { text: "", stopReason: "end", places, notice: joinNotes(indexNote, reason) };
}

/** A place that is missing may only be missing yet. */
function halfBuiltNote(index: IndexStatus | undefined): string | undefined {
  if (index?.phase !== "indexing" || index.files >= index.totalFiles) return undefined;
  const [files, all] = [index.files, index.totalFiles].map((count) => count.toLocaleString("en"));
  return `The search index is still being built: these places come from ${files} of ${all} files.`;
}

function partialNote(result: GenerateResult): string | undefined {
  const { baseTokens, baseTotalTokens } = result;
  if (baseTokens >= baseTotalTokens) return undefined;
  const share = Math.floor((100 * baseTokens) / baseTotalTokens);
  return `Answered with ${share} % of the workspace read (${baseTokens.toLocaleString("en")} of ${baseTotalTokens.toLocaleString("en")} tokens).`;
}
