// Answers textDocument/inlineCompletion from the model; the newest request wins, and showing nothing has a reason.
import type {
  CancellationToken,
  Connection,
  InlineCompletionItem,
  InlineCompletionParams,
} from "vscode-languageserver/node";
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { Engine, Sampling } from "../../../engine/src/api.ts";
import { normalised, reasonAgainst } from "../codebase/readText.ts";
import { secretByName } from "../codebase/secrets.ts";
import type { Workspace } from "../codebase/workspace.ts";
import type { Documents } from "../documents.ts";
import type { ModelSession } from "../modelSession.ts";
import { asSignal } from "../requests.ts";
import type { SettingsStore } from "../settingsStore.ts";
import type { StatusBoard } from "../statusBoard.ts";
import { fimPrompt } from "./fimPrompt.ts";
import { type CompletionPlace, postprocess } from "./postprocess.ts";

/** Completions should be what the model is surest of (QWEN35.md 1.6: greedy for fill-in-the-middle). */
const SAMPLING: Sampling = { temperature: 0 };

/** Further lines are not compared with. */
const LINES_AROUND = 8;

export interface InlineCompletionOptions {
  connection: Connection;
  engine: Engine;
  session: ModelSession;
  settings: SettingsStore;
  status: StatusBoard;
  documents: Documents;
  workspace: Workspace;
}

export class InlineCompletion {
  readonly #options: InlineCompletionOptions;
  #newest: AbortController | undefined;

  constructor(options: InlineCompletionOptions) {
    this.#options = options;
  }

  register(): void {
    const { connection } = this.#options;
    connection.languages.inlineCompletion.on((params, token) => this.#answer(params, token));
  }

  async #answer(params: InlineCompletionParams, token: CancellationToken): Promise<InlineCompletionItem[] | null> {
    // The user types on: whatever was asked before is of no use any more.
    this.#newest?.abort();
    const newest = new AbortController();
    this.#newest = newest;
    const signal = AbortSignal.any([asSignal(token), newest.signal]);
    try {
      return await this.#provide(params, signal);
    } catch (error) {
      if (!signal.aborted) this.#nothing(error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  async #provide(params: InlineCompletionParams, signal: AbortSignal): Promise<InlineCompletionItem[] | null> {
    const { session, settings, documents, engine, status, workspace } = this.#options;
    const { enabled, maxTokens } = (await settings.latest()).completion;
    if (!enabled) return this.#nothing("inline completion is switched off (fathom.completion.enabled)");
    const document = documents.get(params.textDocument.uri);
    if (document === undefined) return this.#nothing("the document is not open");
    const path = workspace.pathOf(document.uri);
    // By the whole path: a credential store's folder says more than the file's name.
    const secret = secretByName(fullPath(document.uri));
    if (secret !== undefined) return this.#nothing(`${path} may hold secrets (${secret}), so it is not read`);
    // Whoever has a generated file open wants to write in it; secrets stay out all the same.
    const refused = reasonAgainst(path, normalised(document.getText()), true);
    if (refused !== undefined) return this.#nothing(`${path} is not read: ${refused}`);
    const active = session.active;
    if (active === undefined) return this.#nothing(`no model is ready: ${status.current.message}`);
    const { version } = document;
    const place = placeOf(document, params);
    const parts = await fimPrompt({
      ...place,
      repoName: workspace.name,
      path,
      budgetTokens: active.info.completionContextTokens - maxTokens - SPARE_TOKENS,
      countTokens: (texts) => engine.countTokens(texts),
    });
    const result = await engine.generate({ kind: "completion", parts, sampling: SAMPLING, maxTokens }, { signal });
    if (result.stopReason === "cancelled") return this.#nothing("the text changed meanwhile");
    if (documents.get(document.uri)?.version !== version) return this.#nothing("the text changed meanwhile");
    const shown = postprocess(withoutCutLine(result.text, result.stopReason), place);
    if ("reason" in shown) {
      status.update({ lastCompletion: { reason: shown.reason, figures: result.figures } });
      return null;
    }
    status.update({ lastCompletion: { reason: "shown", figures: result.figures } });
    return [{ insertText: shown.text, range: { start: params.position, end: params.position } }];
  }

  #nothing(reason: string): null {
    this.#options.status.update({ lastCompletion: { reason } });
    return null;
  }
}

function fullPath(uri: string): string {
  return decodeURIComponent(uri.replace(/^file:\/\//, ""));
}

/** The frame's special tokens, and one for rounding. */
const SPARE_TOKENS = 16;

/** A completion that ran into its length limit ends in the middle of a line; whole lines are of more use. */
function withoutCutLine(text: string, stopReason: string): string {
  const end = text.lastIndexOf("\n");
  return stopReason === "maxTokens" && end > 0 ? text.slice(0, end) : text;
}

function placeOf(
  document: TextDocument,
  { position }: InlineCompletionParams,
): CompletionPlace & { textBefore: string; textAfter: string } {
  const text = document.getText();
  const offset = document.offsetAt(position);
  // The model reads and writes LF only; the editor converts what it inserts.
  const textBefore = text.slice(0, offset).replaceAll("\r\n", "\n");
  const textAfter = text.slice(offset).replaceAll("\r\n", "\n");
  const linesBefore = textBefore.split("\n");
  const linesAfter = textAfter.split("\n");
  const notBlank = (line: string) => line.trim() !== "";
  return {
    textBefore,
    textAfter,
    lineBefore: linesBefore.at(-1) ?? "",
    lineAfter: linesAfter[0] ?? "",
    above: linesBefore.slice(-1 - LINES_AROUND, -1).findLast(notBlank) ?? "",
    following: linesAfter.slice(1, 1 + LINES_AROUND).filter(notBlank),
  };
}
