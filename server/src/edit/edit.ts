// Proposes a replacement for a selection; never writes anything.
import { fileURLToPath } from "node:url";
import type { Connection } from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { Engine, PromptPart, Sampling } from "../../../engine/src/api.ts";
import { readTextFile } from "../codebase/readText.ts";
import type { Workspace } from "../codebase/workspace.ts";
import type { WorkspaceReader } from "../codebase/workspaceReader.ts";
import type { Documents } from "../documents.ts";
import type { ModelSession } from "../modelSession.ts";
import { promptText } from "../promptTexts.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import { type AnswerEvent, type EditOutcome, type EditParams, EditRequest } from "../protocol/messages.ts";
import { answerStream, cutOffNote, handle, joinNotes, RequestError } from "../requests.ts";
import { extractReplacement } from "./editFormat.ts";

/** Code around the selection that the model sees again, lines. */
const CONTEXT_LINES = 20;
/** A selection larger than this cannot be rewritten whole with any care, characters. */
const MAX_SELECTION_CHARACTERS = 24_000;
/** Output room: the selection may grow this much, and by a fixed part for small ones. */
const GROWTH = 2;
const EXTRA_TOKENS = 512;

/** Code should be what the model is surest of. */
const SAMPLING: Sampling = { temperature: 0 };

export interface EditOptions {
  connection: Connection;
  engine: Engine;
  session: ModelSession;
  documents: Documents;
  workspace: Workspace;
  reader: WorkspaceReader;
}

export class Edit {
  readonly #options: EditOptions;

  constructor(options: EditOptions) {
    this.#options = options;
  }

  register(): void {
    const { connection } = this.#options;
    handle(connection, EditRequest.type, (params, signal) =>
      this.#propose(params, answerStream(connection, params.partialResultToken), signal),
    );
  }

  async #propose(params: EditParams, send: (event: AnswerEvent) => void, signal: AbortSignal): Promise<EditOutcome> {
    const { engine, session, reader, documents } = this.#options;
    await session.require();
    const document = await this.#document(params.uri);
    const original = document.getText(params.range);
    assertEditable(params, original);
    const [selectionTokens = 0] = await engine.countTokens([original]);
    const maxTokens = selectionTokens * GROWTH + EXTRA_TOKENS;
    const ask = (overlay: PromptPart[], base: string | undefined) =>
      engine.generate(
        {
          kind: "chat",
          messages: [
            { role: "system", content: overlay },
            { role: "user", content: [{ text: this.#prompt(document, params, original) }] },
          ],
          base,
          thinking: false,
          sampling: SAMPLING,
          maxTokens,
        },
        { signal, onChunk: ({ text, thinking }) => send({ kind: thinking ? "thinking" : "text", text }) },
      );
    const room = () => reader.overlayRoom(maxTokens + selectionTokens);
    const result =
      reader.base === "none"
        ? await ask([], undefined)
        : await reader.overlay.follow(documents, room, ({ parts, base }) => ask(parts, base));
    const { stopReason, figures } = result;
    const proposal = extractReplacement(result.text, withLf(original));
    if (proposal === undefined && stopReason !== "cancelled") {
      throw new RequestError(
        FathomErrorCodes.engineFailed,
        "The model answered without any code, so there is nothing to propose. Nothing was changed; try other words.",
      );
    }
    const { uri, range } = params;
    const text = document.getText().includes("\r\n") ? proposal?.replaceAll("\n", "\r\n") : proposal;
    return {
      uri,
      range,
      original,
      proposal: text ?? "",
      stopReason,
      figures,
      notice: joinNotes(session.notice, cutOffNote(stopReason)),
    };
  }

  /** The open document, else the file on disk if it belongs to the workspace. */
  async #document(uri: string): Promise<TextDocument> {
    const { documents, workspace } = this.#options;
    const open = documents.get(uri);
    if (open !== undefined) return open;
    await workspace.files();
    const file = workspace.fileOf(uri);
    const read = file === undefined ? undefined : await readTextFile(file);
    if (read === undefined || "skipped" in read) {
      const why = read === undefined ? "it is neither open nor a file of this workspace" : read.skipped;
      throw new RequestError(
        FathomErrorCodes.badRequest,
        `${nameOf(uri)} cannot be edited: ${why}. Nothing was changed.`,
      );
    }
    return TextDocument.create(uri, "", 0, read.text);
  }

  #prompt(document: TextDocument, { range, instruction }: EditParams, original: string): string {
    const text = document.getText();
    const before = text.slice(0, document.offsetAt(range.start)).split(/\r?\n/).slice(-CONTEXT_LINES).join("\n");
    const after = text.slice(document.offsetAt(range.end)).split(/\r?\n/).slice(0, CONTEXT_LINES).join("\n");
    return promptText("edit", {
      path: this.#options.workspace.pathOf(document.uri),
      languageId: document.languageId,
      instruction,
      selection: withLf(original),
      before,
      after,
    });
  }
}

function assertEditable({ instruction }: EditParams, original: string): void {
  const problem =
    original.trim() === ""
      ? "Nothing is selected. Select the code to change."
      : instruction.trim() === ""
        ? "The instruction is empty. Say what to change."
        : original.length > MAX_SELECTION_CHARACTERS
          ? `The selection has ${original.length.toLocaleString("en")} characters; at most ${MAX_SELECTION_CHARACTERS.toLocaleString("en")} can be rewritten at once. Select less.`
          : undefined;
  if (problem !== undefined) throw new RequestError(FathomErrorCodes.badRequest, problem);
}

/** For people; what is no file of this machine keeps its uri. */
function nameOf(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch {
    return uri;
  }
}

function withLf(text: string): string {
  return text.replaceAll("\r\n", "\n");
}
