// Turns an image of a user interface into code through the vision path.
import type { Connection } from "vscode-languageserver/node";
import type { Engine, Sampling } from "../../../engine/src/api.ts";
import { fencedBlock, fenceLanguage } from "../fences.ts";
import type { ModelSession } from "../modelSession.ts";
import { promptText } from "../promptTexts.ts";
import { FathomErrorCodes } from "../protocol/errors.ts";
import {
  type AnswerEvent,
  type ScreenshotOutcome,
  type ScreenshotParams,
  ScreenshotRequest,
} from "../protocol/messages.ts";
import { answerStream, cutOffNote, handle, joinNotes, RequestError } from "../requests.ts";
import type { SettingsStore } from "../settingsStore.ts";

/** A 4K screenshot is about 4,096 image tokens at most (QWEN35.md 1.2); the rest is prompt and code. */
const CONTEXT_TOKENS = 16_384;
const MAX_CODE_TOKENS = 8192;

const SAMPLING: Sampling = { temperature: 0.2, topP: 0.9, topK: 20, seed: 1 };

/** Names that fences use, where VS Code's language id differs. */
const LANGUAGE_IDS: Record<string, string> = {
  htm: "html",
  js: "javascript",
  jsx: "javascriptreact",
  react: "typescriptreact",
  ts: "typescript",
  tsx: "typescriptreact",
};

export interface ScreenshotOptions {
  connection: Connection;
  engine: Engine;
  session: ModelSession;
  settings: SettingsStore;
}

export class Screenshot {
  readonly #options: ScreenshotOptions;

  constructor(options: ScreenshotOptions) {
    this.#options = options;
  }

  register(): void {
    const { connection } = this.#options;
    handle(connection, ScreenshotRequest.type, (params, signal) =>
      this.#convert(params, answerStream(connection, params.partialResultToken), signal),
    );
  }

  async #convert(
    params: ScreenshotParams,
    send: (event: AnswerEvent) => void,
    signal: AbortSignal,
  ): Promise<ScreenshotOutcome> {
    const { engine, session, settings } = this.#options;
    const { info, installed } = await session.require();
    const mmprojFile = settings.current.model.mmproj || installed.mmproj;
    if (mmprojFile === undefined) {
      throw new RequestError(
        FathomErrorCodes.modelUnusable,
        `${installed.title} cannot see images: its projector (mmproj) file is missing. Download it with Get Model….`,
      );
    }
    const instruction = params.instruction.trim() || promptText("screenshotDefault");
    const result = await engine.see(
      {
        modelFile: installed.file,
        mmprojFile,
        imageBase64: params.imageBase64,
        mimeType: asMimeType(params.mimeType),
        system: promptText("screenshotSystem"),
        prompt: promptText("screenshot", { instruction }),
        sampling: SAMPLING,
        maxTokens: Math.min(MAX_CODE_TOKENS, settings.current.chat.maxTokens * CODE_FACTOR),
        contextTokens: CONTEXT_TOKENS,
        gpu: settings.current.model.gpu,
        threads: info.threads,
      },
      { signal, onChunk: ({ text, thinking }) => send({ kind: thinking ? "thinking" : "text", text }) },
    );
    const language = fenceLanguage(result.text) ?? "html";
    return {
      code: fencedBlock(result.text) ?? result.text,
      languageId: LANGUAGE_IDS[language] ?? language,
      stopReason: result.stopReason,
      figures: result.figures,
      notice: joinNotes(session.notice, ...result.notes, cutOffNote(result.stopReason)),
    };
  }
}

/** Code is longer than an answer; the user's limit for answers still scales it. */
const CODE_FACTOR = 4;

function asMimeType(mimeType: string): "image/png" | "image/jpeg" {
  if (mimeType === "image/png" || mimeType === "image/jpeg") return mimeType;
  throw new RequestError(FathomErrorCodes.badRequest, `An image of type ${mimeType} cannot be read; use PNG or JPEG.`);
}
