// What the benches of the whole product share: a made-up workspace in a real server process, reading it, and what a question costs.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import {
  type ChatTurn,
  type Figures,
  type PrefillOutcome,
  PrefillRequest,
  StatusRequest,
} from "../../server/src/protocol/messages.ts";
import { SERVER, Session, settingsForTiny } from "../lsp/session.ts";
import { codeFile } from "./measuring.ts";

/** As long as someone reads an answer: in this time the engine reads it as history. Milliseconds. */
const READING_PAUSE_MS = 1500;

/** Most tokens of an answer. The tiny model has nothing to say. */
const ANSWER_TOKENS = 24;

const MINUTE_S = 60;

/** Tokens of one question. */
export interface Cost {
  evaluatedTokens: number;
  /** The question with its framing, and what changed since the base was read. */
  ownTokens: number;
  /** All of it: what a runtime evaluates that keeps nothing. */
  promptTokens: number;
  prefillMs: number;
}

/** A workspace on disk and the server that has it open. */
export class ServerRun {
  readonly #storageDir = mkdtempSync(join(tmpdir(), "fathom-bench-"));
  readonly #settings: Record<string, unknown>;
  #session: Session | undefined;
  readonly nFiles: number;
  folder = "";

  /** @param contextTokens Must hold the base and the conversations. */
  constructor(nFiles: number, contextTokens: number) {
    this.nFiles = nFiles;
    this.#settings = settingsForTiny({
      context: { maxTokens: contextTokens, maxMinutes: 600 },
      chat: { maxTokens: ANSWER_TOKENS },
    });
  }

  get session(): Session {
    if (this.#session === undefined) throw new Error("The server is not running.");
    return this.#session;
  }

  /** Starts the server on a new workspace, or on the same one after {@link stop}. */
  async start(): Promise<void> {
    if (!existsSync(SERVER)) buildProduct();
    const isNew = this.folder === "";
    const files = Object.fromEntries(Array.from({ length: this.nFiles }, (_, n) => [pathOf(n), codeFile(n)]));
    this.#session = await Session.start({
      ...(isNew ? { files } : { folder: this.folder }),
      storageDir: this.#storageDir,
      settings: this.#settings,
    });
    this.folder = this.session.folder;
    if (isNew) for (let n = 0; n < this.nFiles; n++) this.#setAge(n);
    await this.session.ready();
  }

  async stop(): Promise<void> {
    await this.#session?.stop();
    this.#session = undefined;
  }

  /** Ends everything and removes it. */
  async end(): Promise<void> {
    await this.stop();
    for (const folder of [this.folder, this.#storageDir]) if (folder !== "") rmSync(folder, { recursive: true });
  }

  /** @throws When not the whole workspace fits. */
  async read(): Promise<PrefillOutcome> {
    const outcome = await this.session.connection.sendRequest(PrefillRequest.type, {});
    if (outcome.files !== this.nFiles) {
      const why = outcome.leftOut.map(({ path, reason }) => `${path}: ${reason}`).join("; ");
      throw new Error(
        `Only ${outcome.files} of ${this.nFiles} files were read whole. ${why} ${outcome.notes.join(" ")}`,
      );
    }
    return outcome;
  }

  async baseTokens(): Promise<number> {
    const { base } = await this.session.connection.sendRequest(StatusRequest.type, null);
    return base?.tokens ?? 0;
  }

  /** The time in which a person reads an answer. */
  pause(): Promise<void> {
    return setTimeout(READING_PAUSE_MS);
  }

  /** The oldest file comes first in the base. */
  #setAge(n: number): void {
    const seconds = 1_700_000_000 + n * MINUTE_S;
    utimesSync(join(this.folder, pathOf(n)), seconds, seconds);
  }
}

/** A conversation, and how many tokens of its next prompt were there before. */
export class Conversation {
  readonly #run: ServerRun;
  readonly #turns: ChatTurn[] = [];
  #knownTokens = 0;

  constructor(run: ServerRun) {
    this.#run = run;
  }

  /**
   * Asks and waits as long as someone reads the answer. What is new in the prompt is counted by the lengths of prompts
   * alone, independent of what the engine says that it evaluated.
   */
  async ask(text: string): Promise<Cost> {
    this.#turns.push({ role: "user", text });
    const known = this.#knownTokens === 0 ? await this.#run.baseTokens() : this.#knownTokens;
    const { outcome } = await this.#run.session.ask({ turns: this.#turns });
    const { promptTokens, generatedTokens, evaluatedTokens, prefillMs } = outcome.figures as Figures;
    this.#turns.push({ role: "assistant", text: outcome.text });
    this.#knownTokens = promptTokens + generatedTokens;
    await this.#run.pause();
    return { evaluatedTokens, ownTokens: promptTokens - known, promptTokens, prefillMs };
  }
}

/** @param n Number of the file, in the order of the base. */
export function pathOf(n: number): string {
  return `src/file${String(n).padStart(4, "0")}.ts`;
}

function buildProduct(): void {
  const root = join(import.meta.dirname, "../..");
  execFileSync(process.execPath, ["--no-warnings", "esbuild.ts"], { cwd: root, stdio: "ignore" });
}
