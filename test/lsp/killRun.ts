// A workspace whose engine and server are killed at chosen moments of their work, and what must be true once they are up again.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { FileChangeType, type WorkDoneProgressReport } from "vscode-languageserver-protocol/node";
import { MIN_GAIN_TOKENS } from "../../engine/src/longContext.ts";
import {
  type PrefillOutcome,
  type ReadingProgress,
  RestartEngineRequest,
  VerifySnapshotsRequest,
} from "../../server/src/protocol/messages.ts";
import { question, Session, settingsForTiny } from "./session.ts";

/** So many that a new version of all is another branch, which is compacted soon; about 5,000 tokens together. */
const N_FILES = 60;
const SETTINGS = settingsForTiny({ context: { maxTokens: 16_384 }, chat: { maxTokens: 4 } });
/** Every chunk is saved, so that there are many saves to be killed in. */
const ENV = { FATHOM_SAVE_EVERY_TOKENS: "1" };
/** How often a process that is no child of ours is asked whether it lives, milliseconds. */
const POLL_MS = 20;

/** Cold reading, reading back what was saved, a new base behind the one that serves. */
export type Work = "reading" | "restoring" | "compaction";

/** What is seen of the work from outside. */
export type Sign =
  | { kind: "progress"; phase: ReadingProgress["phase"]; doneTokens: number; totalTokens: number }
  /** Something happened to a file of the snapshots. */
  | { kind: "file"; name: string };

export interface Moment {
  victim: "engine" | "server";
  /** For people. */
  text: string;
  /** Called with each sign until the moment has come; keeps its own counts. */
  hasCome: (sign: Sign) => boolean;
  /** The kill comes so much later, because not everything that it should hit can be seen; milliseconds. */
  delayMs: number;
}

/** Watches the work until it is killed. */
class Strike {
  readonly done: Promise<void>;
  /** Tokens that the work has come to as far as was seen, and the longest way between two signs. */
  reachedTokens = 0;
  stepTokens = 0;
  hasCome = false;
  readonly #moment: Moment;
  readonly #kill: () => void;
  #end: () => void = () => {};

  constructor(moment: Moment, kill: () => void) {
    this.#moment = moment;
    this.#kill = kill;
    this.done = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  see(sign: Sign): void {
    if (sign.kind === "progress" && sign.phase !== "tokenize" && sign.doneTokens > this.reachedTokens) {
      this.stepTokens = Math.max(this.stepTokens, sign.doneTokens - this.reachedTokens);
      this.reachedTokens = sign.doneTokens;
    }
    if (this.hasCome || !this.#moment.hasCome(sign)) return;
    this.hasCome = true;
    if (this.#moment.delayMs === 0) this.#strike();
    else void setTimeout(this.#moment.delayMs).then(() => this.#strike());
  }

  #strike(): void {
    this.#kill();
    this.#end();
  }
}

interface SavedState {
  id: string;
  kind: string;
  tokens: number;
}

export class KillRun {
  readonly #folder = mkdtempSync(join(tmpdir(), "fathom-kills-"));
  readonly #storageDir = mkdtempSync(join(tmpdir(), "fathom-kills-storage-"));
  #session!: Session;
  /** Number of the texts that the workspace has now. */
  #version = 0;
  /** Id of the saved state of the base that serves. */
  #baseId = "";

  /** Starts the server and reads the workspace once. */
  async begin(): Promise<void> {
    await this.#start();
    this.#write();
    await this.#session.read();
    this.#baseId = this.#baseAfter([]);
  }

  /** Kills once, and checks what is promised for after a kill. @throws Error that names the moment. */
  async kill(work: Work, moment: Moment): Promise<void> {
    try {
      // Restoring reads the same texts again, so all of it was there before.
      const before = work === "restoring" ? [] : this.#savedStates();
      const strike = await this.#killDuring(work, moment);
      const savedTokens = Math.max(0, ...this.#savedAfter(before).map(({ tokens }) => tokens));
      const outcome = await this.#session.read();
      this.#checkLoss(work, strike, savedTokens, outcome);
      await this.#checkServing(outcome);
      this.#baseId = this.#baseAfter(before);
    } catch (error) {
      throw new Error(`${work}, the ${moment.victim} killed ${moment.text}: ${String(error)}`, { cause: error });
    }
  }

  async end(): Promise<void> {
    // After a failure the server may be gone already.
    await this.#session.kill();
    this.#session.removeFolders();
  }

  async #killDuring(work: Work, moment: Moment): Promise<Strike> {
    if (work === "restoring") await this.#session.connection.sendRequest(RestartEngineRequest.type, null);
    const session = this.#session;
    const enginePid = await session.enginePid();
    const { engineRestarts } = await session.statusNow();
    const up = session.nextStatus((status) => status.engineRestarts > engineRestarts && status.state === "ready");
    const dying: Promise<void>[] = [];
    const strike = new Strike(moment, () => {
      if (moment.victim === "engine") process.kill(enginePid, "SIGKILL");
      else dying.push(session.kill());
    });
    const watcher = watch(this.#snapshotDir, (_event, name) => strike.see({ kind: "file", name: name ?? "" }));
    await this.#work(work, strike);
    watcher.close();
    if (moment.victim === "engine") {
      await up;
      // This server would wait for a minute before it tries again.
      if (work === "compaction") {
        await session.stop();
        await this.#start();
      }
    } else {
      await Promise.all(dying);
      // An engine without a server would hold gigabytes for nobody.
      while (isRunning(enginePid)) await setTimeout(POLL_MS);
      await this.#start();
    }
    return strike;
  }

  /** Ends with the kill. */
  async #work(work: Work, strike: Strike): Promise<void> {
    if (work !== "restoring") this.#write();
    if (work === "compaction") {
      await this.#compaction(strike);
      return;
    }
    const signs = new ReportSigns();
    const reading = this.#session.read({ force: work === "reading" }, (report) => strike.see(signs.next(report)));
    // It fails with the process that it needs.
    await reading.catch(() => undefined);
    assert.ok(strike.hasCome, "the work was done before the moment came");
    await strike.done;
  }

  /** Many changed files at once are a switch of branches. */
  async #compaction(strike: Strike): Promise<void> {
    const session = this.#session;
    session.onStatus = ({ reading }) => {
      if (reading?.purpose === "compaction") strike.see({ kind: "progress", ...reading });
    };
    for (const path of paths()) await session.fileEvent(path, FileChangeType.Changed);
    await strike.done;
    session.onStatus = () => {};
  }

  /** At most one chunk is evaluated again of what came after the last save, and nothing of what was saved. */
  #checkLoss(work: Work, strike: Strike, savedTokens: number, { figures, cancelled }: PrefillOutcome): void {
    const { reusedTokens, evaluatedTokens, promptTokens } = figures;
    assert.equal(cancelled, false);
    assert.equal(reusedTokens + evaluatedTokens, promptTokens);
    // So little is evaluated again sooner than it is loaded.
    const worthLoading = savedTokens < MIN_GAIN_TOKENS ? 0 : savedTokens;
    assert.ok(reusedTokens >= worthLoading, `${reusedTokens} of ${savedTokens} saved tokens were used`);
    const { reachedTokens, stepTokens } = strike;
    const lost = reachedTokens - savedTokens;
    assert.ok(
      work === "restoring" || lost <= stepTokens,
      `${reachedTokens} tokens were read, ${savedTokens} were saved, the longest step was ${stepTokens}`,
    );
  }

  async #checkServing({ figures, notes }: PrefillOutcome): Promise<void> {
    const session = this.#session;
    assert.deepEqual(notes, []);
    assert.deepEqual(
      session.logs.filter((line) => /set aside|cannot be used|could not be (?:saved|loaded)/.test(line)),
      [],
    );
    assert.deepEqual(
      readdirSync(this.#snapshotDir).filter((name) => name.endsWith(".tmp")),
      [],
    );
    const { outcome } = await session.ask(question("zzz"));
    assert.equal(outcome.figures?.reusedTokens, figures.promptTokens);
    assert.ok((outcome.figures?.generatedTokens ?? 0) > 0);
    const checks = await session.connection.sendRequest(VerifySnapshotsRequest.type, {});
    assert.deepEqual(
      checks.filter(({ problem }) => problem !== undefined),
      [],
    );
    assert.ok(checks.some(({ kind, tokens }) => kind === "base" && tokens === figures.promptTokens));
    // What served before the kill is still whole, whatever was being put in its place.
    assert.ok(
      checks.some(({ id }) => id === this.#baseId),
      "the old base is gone",
    );
  }

  async #start(): Promise<void> {
    const options = { folder: this.#folder, storageDir: this.#storageDir, settings: SETTINGS, env: ENV };
    this.#session = await Session.start(options);
    await this.#session.ready();
  }

  /** Gives every file a text that it never had, from the first line on. */
  #write(): void {
    this.#version += 1;
    for (const [n, path] of paths().entries()) {
      const lines = [
        `// version ${this.#version}`,
        `export function value${n}(index: number) {`,
        `  return index * ${n};`,
        "}",
      ];
      this.#session.write(path, `${lines.join("\n")}\n`);
    }
  }

  get #snapshotDir(): string {
    const root = join(this.#storageDir, "snapshots");
    return join(root, readdirSync(root)[0]!);
  }

  #savedAfter(before: readonly SavedState[]): SavedState[] {
    const ids = before.map(({ id }) => id);
    return this.#savedStates().filter(({ id }) => !ids.includes(id));
  }

  #baseAfter(before: readonly SavedState[]): string {
    const bases = this.#savedAfter(before).filter(({ kind }) => kind === "base");
    assert.equal(bases.length, 1);
    return bases[0]!.id;
  }

  #savedStates(): SavedState[] {
    const headers = readdirSync(this.#snapshotDir).filter((name) => /^[0-9a-f]{24}\.json$/.test(name));
    return headers.map((name) => {
      const { kind, tokens } = JSON.parse(readFileSync(join(this.#snapshotDir, name), "utf8"));
      return { id: name.slice(0, 24), kind, tokens };
    });
  }
}

function paths(): string[] {
  return Array.from({ length: N_FILES }, (_, n) => `src/file${String(n).padStart(2, "0")}.ts`);
}

/** Understands what a progress bar shows. */
class ReportSigns {
  #totalTokens = 0;

  next({ message = "", percentage = 0 }: WorkDoneProgressReport): Sign {
    const counts = /([\d,]+) of ([\d,]+) tokens/.exec(message);
    const [done, total] = (counts?.slice(1) ?? []).map((count) => Number(count.replaceAll(",", "")));
    this.#totalTokens = total ?? this.#totalTokens;
    // While it is saved, the bar alone says how far the reading is.
    const doneTokens = done ?? Math.floor((percentage * this.#totalTokens) / 100);
    return { kind: "progress", phase: phaseOf(message), doneTokens, totalTokens: this.#totalTokens };
  }
}

function phaseOf(message: string): ReadingProgress["phase"] {
  if (message.startsWith("Looking")) return "tokenize";
  if (message.startsWith("Restoring")) return "restore";
  return message.startsWith("Saving") ? "save" : "prefill";
}

/** A process that has ended but that nobody waited for is only a name: not every container has an init that does. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
