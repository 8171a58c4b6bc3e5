// Answers textDocument/inlineCompletion: asks nobody where nothing may be shown, filters what comes, and says why it shows nothing.
import detectIndent from "detect-indent";
import {
  type CancellationToken,
  type Connection,
  type InlineCompletionItem,
  type InlineCompletionParams,
  InlineCompletionTriggerKind,
} from "vscode-languageserver/node";
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { Engine, Figures } from "../../../engine/src/api.ts";
import type { Clock } from "../codebase/clock.ts";
import type { Workspace } from "../codebase/workspace.ts";
import type { Documents } from "../documents.ts";
import type { ModelSession } from "../modelSession.ts";
import { familyOfModel, noFamilySentence } from "../models/fimFamilies.ts";
import { CompletionStatisticsRequest } from "../protocol/completionMessages.ts";
import { asSignal, handle } from "../requests.ts";
import { COMPLETION_ACCEPTED } from "../serverCommands.ts";
import type { SettingsStore } from "../settingsStore.ts";
import { NO_MODEL_READY, type StatusBoard } from "../statusBoard.ts";
import type { CursorSyntaxService } from "../syntax/cursorSyntax.ts";
import { moreCandidates } from "./candidates.ts";
import { type Answer, type Ask, Completer } from "./completer.ts";
import { CompletionCache } from "./completionCache.ts";
import { type CompletionModel, CompletionPrompt } from "./completionPrompt.ts";
import type { CompletionContext } from "./context/completionContext.ts";
import type { RecentEdits } from "./context/recentEdits.ts";
import { Debounce } from "./debounce.ts";
import type { Filtered } from "./filters/filter.ts";
import { lineSyntax } from "./lineSyntax.ts";
import { inLf, placeAt, placeBetween } from "./place.ts";
import { postprocess } from "./postprocess.ts";
import { refusalOf } from "./refusal.ts";
import { Statistics, type StatisticsOptions } from "./statistics.ts";

/** A text that the user removed so lately is not put back, milliseconds. */
const UNDO_MS = 30_000;
/** Whoever has not typed for so long may look elsewhere; then the context is gathered anew, milliseconds. */
const IDLE_MS = 1000;
/** How many texts are there to choose from when the user asks by hand. */
const CANDIDATES = 3;
/** Whoever has waited longer for the first text does not wait twice as long for two more, milliseconds. */
const OTHERS_BELOW_MS = 1500;

const TYPED_ON = "the user typed on";

export interface InlineCompletionOptions {
  connection: Connection;
  engine: Pick<Engine, "generate" | "countTokens">;
  session: Pick<ModelSession, "active">;
  settings: Pick<SettingsStore, "latest" | "current">;
  status: Pick<StatusBoard, "current" | "update">;
  documents: Pick<Documents, "get" | "onChange">;
  workspace: Pick<Workspace, "name" | "pathOf">;
  syntax: CursorSyntaxService;
  context: CompletionContext;
  edits: Pick<RecentEdits, "removedNear">;
  totals: StatisticsOptions["totals"];
  /** False where guesses would cost the user something, e.g. on battery. */
  maySpeculate: () => boolean;
  clock: Clock;
}

/** A request that is to be answered by the model. */
interface Request {
  ask: Ask;
  document: TextDocument;
  params: InlineCompletionParams;
  /** Part of the text that an item chosen in the suggest widget will bring; what is shown begins with it. */
  chosen: string;
}

export class InlineCompletion {
  readonly #options: InlineCompletionOptions;
  readonly #statistics: Statistics;
  readonly #prompt: CompletionPrompt;
  readonly #completer: Completer;
  #tokensPerSecond = 0;
  #model: object | undefined;
  #cancelIdle = () => {};
  #warmUp = new AbortController();
  /** Ends the making of further candidates. */
  #others = new AbortController();
  /** The client's newest request: only what becomes of it is told. */
  #newest: InlineCompletionParams | undefined;

  constructor(options: InlineCompletionOptions) {
    const { engine, clock, syntax, context, totals, maySpeculate } = options;
    this.#options = options;
    this.#statistics = new Statistics({ clock, totals });
    this.#prompt = new CompletionPrompt({
      engine,
      syntax,
      context,
      model: () => this.#modelOrThrow(),
      tokensPerSecond: () => this.#tokensPerSecond,
    });
    this.#completer = new Completer({
      engine,
      clock,
      maySpeculate,
      cache: new CompletionCache(),
      debounce: new Debounce(clock),
      prepare: (ask, background, signal) => this.#prompt.prepare(ask, background, signal),
      onWorked: ({ place }, figures, stopMs) => this.#worked(place.languageId, figures, stopMs),
    });
  }

  register(): void {
    const { connection, documents } = this.#options;
    connection.languages.inlineCompletion.on((params, token) => this.#answer(params, token));
    documents.onChange((uri) => this.#changed(uri));
    handle(connection, CompletionStatisticsRequest.type, async ({ reset }) => {
      if (reset === true) this.#statistics.reset();
      return this.#statistics.current;
    });
  }

  /** The editor says that the user took a completion. */
  accepted(id: string): void {
    this.#statistics.accepted(id, (uri) => {
      const document = this.#options.documents.get(uri);
      return document === undefined ? undefined : inLf(document.getText());
    });
  }

  dispose(): void {
    this.#cancelIdle();
    this.#warmUp.abort();
    this.#others.abort();
    this.#completer.forget();
    this.#statistics.dispose();
  }

  async #answer(params: InlineCompletionParams, token: CancellationToken): Promise<InlineCompletionItem[] | null> {
    const signal = asSignal(token);
    this.#newest = params;
    this.#others.abort();
    try {
      return await this.#provide(params, signal);
    } catch (error) {
      return signal.aborted ? null : this.#nothing(params, messageOf(error));
    }
  }

  async #provide(params: InlineCompletionParams, signal: AbortSignal): Promise<InlineCompletionItem[] | null> {
    const request = await this.#request(params);
    if (typeof request === "string") return this.#nothing(params, request);
    const { ask, document } = request;
    this.#warmUp.abort();
    const { version } = document;
    if (!this.#options.settings.current.completion.inComments) {
      const syntax = await this.#prompt.syntaxAt(ask, signal);
      if ((syntax ?? lineSyntax(ask.place)).inComment)
        return this.#nothing(params, "the cursor is in a comment (fathom.completion.inComments)");
    }
    const begin = this.#options.clock.now();
    const isStale = () =>
      signal.aborted || this.#newest !== params || this.#options.documents.get(document.uri)?.version !== version;
    const { answer, shown } = await this.#complete(ask, document, signal);
    if (answer.kind === "superseded" || isStale()) return this.#nothing(params, TYPED_ON);
    const { source, figures } = answer;
    const reason = "reason" in shown ? shown.reason : undefined;
    const latencyMs = this.#options.clock.now() - begin;
    this.#statistics.answered({ languageId: document.languageId, source, reason, latencyMs, figures });
    this.#waitForIdle(ask);
    if ("reason" in shown) return this.#nothing(params, shown.reason, figures);
    this.#tell(params, "shown", figures);
    const others = ask.explicit && latencyMs < OTHERS_BELOW_MS ? await this.#more(request, shown.text, signal) : [];
    if (isStale()) return this.#nothing(params, TYPED_ON);
    this.#completer.anticipate(ask, shown.text);
    return this.#items(request, [shown.text, ...others]);
  }

  /** What is asked, or why nothing is. */
  async #request(params: InlineCompletionParams): Promise<Request | string> {
    const { settings, documents, workspace, session, status } = this.#options;
    const completion = (await settings.latest()).completion;
    const document = documents.get(params.textDocument.uri);
    if (document === undefined) return "the document is not open";
    const { uri, languageId } = document;
    const path = workspace.pathOf(uri);
    const refused = refusalOf({ uri, path, languageId, text: document.getText() }, completion);
    if (refused !== undefined) return refused;
    const { active } = session;
    if (active === undefined) return `${NO_MODEL_READY}: ${status.current.message}`;
    if (familyOfModel(active.info) === undefined) return noFamilySentence(active.info);
    if (this.#model !== active) this.#newModel(active);
    const { selectedCompletionInfo: selected, triggerKind } = params.context;
    const explicit = triggerKind === InlineCompletionTriggerKind.Invoked;
    const place = placeAt(document, path, params.position);
    if (selected === undefined) return { ask: { place, document, explicit }, document, params, chosen: "" };
    // The item is not in the text yet; what comes has to go on from it.
    const before = inLf(document.getText({ start: { line: 0, character: 0 }, end: selected.range.start }));
    const chosen = inLf(selected.text);
    const behind = inLf(document.getText().slice(document.offsetAt(selected.range.end)));
    const after = placeBetween(before + chosen, behind, path, languageId);
    return { ask: { place: after, document, explicit }, document, params, chosen };
  }

  /** Where what is left of an earlier text is of no use, the model is asked. */
  async #complete(ask: Ask, document: TextDocument, signal: AbortSignal): Promise<Completed> {
    const answer = await this.#completer.complete(ask, signal);
    if (answer.kind === "superseded") return { answer, shown: { reason: TYPED_ON } };
    const shown = this.#filtered(answer.text, ask, document);
    if (answer.source !== "typed" || "text" in shown) return { answer, shown };
    const fresh = await this.#completer.complete({ ...ask, notFromTyping: true }, signal);
    if (fresh.kind === "superseded") return { answer: fresh, shown: { reason: TYPED_ON } };
    return { answer: fresh, shown: this.#filtered(fresh.text, ask, document) };
  }

  #filtered(text: string, { place }: Ask, document: TextDocument): Filtered {
    const { uri } = document;
    const { family } = this.#modelOrThrow();
    const recentlyRemoved = this.#options.edits.removedNear(uri, offsetIn(document, place), UNDO_MS);
    const whole = place.textBefore + place.textAfter;
    return postprocess(text, {
      place,
      // What comes is cut to its shape while it streams.
      singleLine: false,
      indentUnit: indentUnitOf(whole),
      artefacts: family.artefacts,
      recentlyRemoved,
    });
  }

  /**
   * Further texts for whoever asked by hand, the ones with the fewest syntax errors first.
   * @returns Nothing if that failed or the user typed on: the first text is good without them.
   */
  async #more(request: Request, first: string, withdrawn: AbortSignal): Promise<string[]> {
    this.#others = new AbortController();
    const signal = AbortSignal.any([withdrawn, this.#others.signal]);
    try {
      return await this.#moreThan(first, request, signal);
    } catch (error) {
      if (!signal.aborted) this.#options.connection.console.warn(`No further completions: ${messageOf(error)}`);
      return [];
    }
  }

  async #moreThan(first: string, { ask, document }: Request, signal: AbortSignal): Promise<string[]> {
    const { engine, syntax } = this.#options;
    const { place } = ask;
    const prepared = await this.#prompt.prepare(ask, false, signal);
    const onWorked = (figures: Figures) => this.#worked(place.languageId, figures, undefined);
    const request = { engine, syntax, place, first, prepared, count: CANDIDATES - 1, onWorked };
    const texts = await moreCandidates(request, signal);
    const shown = texts.map((text) => this.#filtered(text, ask, document));
    const distinct = new Set(shown.flatMap((candidate) => ("text" in candidate ? [candidate.text] : [])));
    distinct.delete(first);
    return [...distinct];
  }

  #items({ ask, params, document, chosen }: Request, texts: readonly string[]): InlineCompletionItem[] {
    const { uri, languageId } = document;
    const range = params.context.selectedCompletionInfo?.range ?? { start: params.position, end: params.position };
    return texts.map((text, index) => {
      const item: InlineCompletionItem = { insertText: chosen + text, range };
      // Only what stands first is shown unasked, and only that is counted.
      if (index > 0) return item;
      const id = this.#statistics.offered({ ...ask.place, uri, languageId, text });
      return { ...item, command: { title: "Taken", command: COMPLETION_ACCEPTED, arguments: [id] } };
    });
  }

  #worked(languageId: string, figures: Figures, stopMs: number | undefined): void {
    const { evaluatedTokens, prefillMs } = figures;
    this.#statistics.worked(languageId, evaluatedTokens, stopMs);
    if (evaluatedTokens >= MEASURED_TOKENS && prefillMs > 0) {
      this.#tokensPerSecond = (evaluatedTokens * MS_PER_SECOND) / prefillMs;
    }
  }

  #changed(uri: string): void {
    const document = this.#options.documents.get(uri);
    this.#cancelIdle();
    this.#warmUp.abort();
    this.#others.abort();
    if (document !== undefined) this.#completer.changed(document);
    const text = document === undefined ? undefined : inLf(document.getText());
    this.#statistics.changed(uri, document?.languageId ?? "", text);
  }

  /** What is likely to be asked next is read while nobody waits. */
  #waitForIdle(ask: Ask): void {
    const { clock, engine } = this.#options;
    this.#cancelIdle();
    this.#cancelIdle = clock.after(IDLE_MS, () => {
      this.#warmUp = new AbortController();
      const { signal } = this.#warmUp;
      const read = async () => {
        const request = await this.#prompt.refreshed(ask, signal);
        if (request === undefined || signal.aborted) return;
        const { figures } = await engine.generate(request, { signal });
        this.#worked(ask.place.languageId, figures, undefined);
      };
      // Whoever asks next meets the same failure, and is told.
      read().catch(() => undefined);
    });
  }

  #newModel(active: object): void {
    this.#model = active;
    this.#tokensPerSecond = 0;
    this.#completer.forget();
    this.#prompt.forget();
  }

  #modelOrThrow(): CompletionModel {
    const { session, workspace, settings } = this.#options;
    const family = session.active === undefined ? undefined : familyOfModel(session.active.info);
    if (session.active === undefined || family === undefined) throw new Error("the model is gone");
    const { completionContextTokens } = session.active.info;
    const { maxTokens } = settings.current.completion;
    return { family, contextTokens: completionContextTokens, repoName: workspace.name, maxTokens };
  }

  #nothing(params: InlineCompletionParams, reason: string, figures?: Figures): null {
    this.#tell(params, reason, figures);
    return null;
  }

  #tell(params: InlineCompletionParams, reason: string, figures: Figures | undefined): void {
    if (this.#newest === params) this.#options.status.update({ lastCompletion: { reason, figures } });
  }
}

/** An answer, and what is left of it to show. */
interface Completed {
  answer: Answer;
  shown: Filtered;
}

/** Fewer tokens measure the start of an evaluation, not its speed. */
const MEASURED_TOKENS = 64;
const MS_PER_SECOND = 1000;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where the cursor is in the document as it is, which may have other line ends. */
function offsetIn(document: TextDocument, { textBefore }: Ask["place"]): number {
  const lines = textBefore.split("\n");
  return document.offsetAt({ line: lines.length - 1, character: lines.at(-1)?.length ?? 0 });
}

/** One level of a file's indentation; undefined if the file shows none. */
function indentUnitOf(text: string): string | undefined {
  return detectIndent(text.slice(0, INDENT_CHARS)).indent || undefined;
}

/** The beginning of a file shows how it is indented, characters. */
const INDENT_CHARS = 20_000;
