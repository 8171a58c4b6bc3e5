// The parts of the server that read a workspace and answer questions, in this process, over the real engine without a model.
import assert from "node:assert/strict";
import { join } from "node:path";
import { CancellationToken, type InitializeParams, ResponseError } from "vscode-languageserver/node";
import type { Engine, GenerateRequest } from "../../../engine/src/api.ts";
import type { Token } from "../../../engine/src/backend.ts";
import { createEngine } from "../../../engine/src/engine.ts";
import { Chat } from "../../../server/src/chat/chat.ts";
import { BackgroundGate } from "../../../server/src/codebase/backgroundGate.ts";
import { BaseChooser } from "../../../server/src/codebase/baseChooser.ts";
import { BaseRecords } from "../../../server/src/codebase/baseRecords.ts";
import { Compaction } from "../../../server/src/codebase/compaction.ts";
import { Focus } from "../../../server/src/codebase/focus.ts";
import { Overlay } from "../../../server/src/codebase/overlay.ts";
import { ReadingSpeeds } from "../../../server/src/codebase/readingSpeeds.ts";
import { Workspace } from "../../../server/src/codebase/workspace.ts";
import { WorkspaceReader } from "../../../server/src/codebase/workspaceReader.ts";
import { Documents } from "../../../server/src/documents.ts";
import type { ActiveModel, ModelSession } from "../../../server/src/modelSession.ts";
import { type ChatOutcome, ChatRequest } from "../../../server/src/protocol/messages.ts";
import { DEFAULT_SETTINGS } from "../../../server/src/protocol/settings.ts";
import type { SettingsStore } from "../../../server/src/settingsStore.ts";
import { StatusBoard } from "../../../server/src/statusBoard.ts";
import { emptySyntax } from "../../../server/src/syntax/fileSyntax.ts";
import { fileUri } from "../../../server/src/uris.ts";
import { createFakeBackend, type FakeOperation } from "../../fakes/fakeBackend.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";
import { FakeEditor } from "../../fakes/fakeEditor.ts";
import { FakeIndex } from "../../fakes/fakeIndex.ts";
import { loadOptions } from "../../model/harness.ts";

/** As the fake vocabulary numbers them, after the 256 bytes. */
const SPECIALS = ["<|im_start|>", "<|im_end|>", "<|file_sep|>", "<|repo_name|>", "<|endoftext|>", "<think>"];
const special = (text: string): Token => 256 + SPECIALS.indexOf(text);
/** Short answers: they are none of the test's business. */
const MAX_ANSWER_TOKENS = 1;
const CHUNK_TOKENS = 512;

export interface Answer {
  /** The text between the separators that the model had before it when it answered. */
  sections: string[];
  /** False if only a part of the base was read. */
  wholeBase: boolean;
}

export class StormServer {
  readonly clock = new FakeClock();
  readonly editor = new FakeEditor();
  readonly overlay: Overlay;
  readonly reader: WorkspaceReader;
  readonly workspace: Workspace;
  /** Called before each chunk of the long context. */
  onChunk: () => void = () => {};
  readonly #engine: Engine;
  readonly #compaction: Compaction;
  readonly #status: StatusBoard;
  readonly #session = {
    active: undefined as ActiveModel | undefined,
    require: async () => this.#active,
    assertTrusted() {},
  };
  /** Work of the background. */
  readonly #running = new Set<Promise<unknown>>();
  #history: readonly Token[] = [];

  /**
   * @param root The workspace folder.
   * @param storage Where snapshots and records go.
   */
  constructor(root: string, storage: string) {
    const { connection } = this.editor;
    const backend = createFakeBackend({
      specials: SPECIALS,
      before: (operation) => this.#before(operation),
      next: (history) => {
        this.#history = history;
        return special("<|im_end|>");
      },
    });
    this.#engine = createEngine({ backend, visionEntry: "" });
    const documents = new Documents(connection);
    const params = { workspaceFolders: [{ name: "repo", uri: fileUri(root) }] } as unknown as InitializeParams;
    const workspace = new Workspace(params, documents, new FakeIndex());
    const focus = new Focus({ workspace, documents });
    this.#status = new StatusBoard(connection, true);
    const session = this.#session as unknown as ModelSession;
    const settings = {
      current: {
        ...DEFAULT_SETTINGS,
        context: { ...DEFAULT_SETTINGS.context, pauseOnBattery: false, maxMinutes: 10_080 },
        chat: { thinking: false, maxTokens: MAX_ANSWER_TOKENS },
      },
    } as SettingsStore;
    const snapshotDir = join(storage, "snapshots", workspace.key);
    const engine = this.#watched();
    const parts = { connection, engine, session, settings, status: this.#status, documents, workspace, focus };
    const kept = {
      records: new BaseRecords(snapshotDir),
      speeds: new ReadingSpeeds(join(storage, "speeds.json")),
      tell: (notes: readonly string[]) => [...notes],
    };
    const gate = new BackgroundGate({ ...parts, onBattery: async () => false, clock: this.clock });
    this.overlay = new Overlay({ workspace, countTokens: (texts) => engine.countTokens(texts) });
    this.workspace = workspace;
    this.reader = new WorkspaceReader({
      ...parts,
      ...kept,
      overlay: this.overlay,
      chooser: new BaseChooser({ ...parts, ...kept, analyse: async (files) => files.map(outlined) }),
      gate,
      snapshotDir,
    });
    this.#compaction = new Compaction({ reader: this.#tracked(), gate, clock: this.clock, log: assert.fail });
    new Chat({ ...parts, reader: this.reader }).register();
    workspace.register(connection, () => {});
    this.#connectParts(documents, gate);
  }

  /** @param contextTokens Of the long context: the room for everything. */
  async start(contextTokens: number): Promise<void> {
    const info = await this.#engine.load(
      loadOptions({ contextTokens, completionContextTokens: 512, chunkTokens: CHUNK_TOKENS }),
    );
    const plan = { contextTokens, parts: [], needBytes: 0, availableBytes: 1 };
    this.#session.active = { info, plan } as unknown as ActiveModel;
    await this.read(new AbortController().signal);
  }

  async dispose(): Promise<void> {
    await this.#drain();
    this.#compaction.dispose();
    await this.#engine.dispose();
  }

  /** The user asks for it, with nothing typed meanwhile. @param force Lay out anew. */
  async read(signal: AbortSignal, force = false): Promise<void> {
    await this.clock.pass(TYPED_MS);
    await this.reader.read(signal, () => {}, { force, asked: true });
  }

  /** Asks as the chat view does. */
  async ask(): Promise<Answer> {
    const turns = [{ role: "user", text: "Where?" }];
    const asked = this.editor.call(ChatRequest.type.method, { turns }, CancellationToken.None);
    const outcome = (await asked) as ChatOutcome | ResponseError;
    if (outcome instanceof ResponseError) throw outcome;
    assert.equal(outcome.stopReason, "end");
    return { sections: sectionsOf(this.#history), wholeBase: this.reader.base === "whole" };
  }

  /** Nobody does anything for so long; what is due then has been done when it returns. */
  async idle(ms: number): Promise<void> {
    await this.clock.pass(ms);
    await this.#drain();
  }

  get #active(): ActiveModel {
    return this.#session.active ?? assert.fail("no model");
  }

  async #drain(): Promise<void> {
    await this.clock.settle();
    while (this.#running.size > 0) {
      await Promise.allSettled([...this.#running]);
      await this.clock.settle();
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    const done = () => void this.#running.delete(work);
    work.then(done, done);
    return work;
  }

  #tracked(): ConstructorParameters<typeof Compaction>[0]["reader"] {
    const { reader } = this;
    return {
      get busy() {
        return reader.busy;
      },
      measureOverlay: () => this.#track(reader.measureOverlay()),
      compact: (signal) => this.#track(reader.compact(signal)),
    };
  }

  #connectParts(documents: Documents, gate: BackgroundGate): void {
    this.reader.onRead = () => this.#compaction.changed();
    this.workspace.onChanged = (uris) => {
      this.reader.changedOnDisk(uris);
      this.#compaction.changed();
    };
    documents.onChange(() => {
      gate.typed();
      this.#compaction.typed();
    });
  }

  /** As the server's own engine: the machine is not idle while someone waits for an answer. */
  #watched(): Engine {
    const engine = this.#engine;
    const generate = async (request: GenerateRequest) => {
      const ended = this.#compaction.requested();
      try {
        return await engine.generate(request);
      } finally {
        ended();
      }
    };
    return new Proxy(engine, {
      get: (_, name: keyof Engine) => (name === "generate" ? generate : engine[name].bind(engine)),
    });
  }

  #before({ sequence, kind }: FakeOperation): void {
    if (kind === "evaluate" && sequence.contextTokens > COMPLETION_TOKENS) this.onChunk();
  }
}

/** Longer than a pause in typing. */
const TYPED_MS = 2001;
const COMPLETION_TOKENS = 512;

/** A stand-in for the grammars: the lines that export something. */
function outlined({ text }: { text: string }) {
  const outline = text
    .split("\n")
    .filter((line) => line.startsWith("export "))
    .join("\n");
  return { ...emptySyntax(), outline };
}

/** From the first separator to the end of the system message. */
function sectionsOf(tokens: readonly Token[]): string[] {
  const system = tokens.slice(0, tokens.indexOf(special("<|im_end|>")));
  const sections: Token[][] = [];
  for (const token of system) {
    if (token === special("<|file_sep|>")) sections.push([]);
    else sections.at(-1)?.push(token);
  }
  return sections.map((bytes) => Buffer.from(bytes).toString("utf8"));
}
