// Runs storms of edits with questions in between, and checks what every answer must have had before it.
import assert from "node:assert/strict";
import fc from "fast-check";
import { BACKOFF_MS, IDLE_MS, QUIET_MS } from "../../../server/src/codebase/compaction.ts";
import { MANY_FILES } from "../../../server/src/codebase/difference.ts";
import { temporaryFolder } from "../../model/harness.ts";
import { readSeen, type Seen } from "./seenText.ts";
import { type Action, type Change, contentOf, firstTree, NAMES, stormsOf, treeOfBranch } from "./stormActions.ts";
import { type Answer, StormServer } from "./stormServer.ts";
import { type Content, RULE_FILE, RULES, StormWorld, textContent } from "./stormWorld.ts";

/** The same storms each time, so that a red run is the change's fault; other ones by FATHOM_STORM_SEED. */
const SEED = Number(process.env.FATHOM_STORM_SEED ?? 20_261_126);

/** Less than mocha's limit for a test, milliseconds. */
const MAX_MS = 100_000;

/** Questions in a row while a new base is read: more than it has chunks only take time. */
const ASKED_MEANWHILE = 12;

/** Room for everything, or for a part of it. */
export const AMPLE: StormOptions = { contextTokens: 200_000, ample: true };
export const TIGHT: StormOptions = { contextTokens: 20_000, ample: false };

export interface StormOptions {
  /** Of the long context. */
  contextTokens: number;
  /** Everything has room: nothing may be missing except while very many files have just changed. */
  ample: boolean;
}

/**
 * @param length Actions of each storm.
 * @param numRuns Storms.
 */
export function checkStorms(length: number, numRuns: number, options: StormOptions): Promise<void> {
  const property = fc.asyncProperty(stormsOf(length), (list) => runStorm(list, options));
  // A counterexample that is not the shortest is better than none because the test took too long.
  return fc.assert(property, { seed: SEED, numRuns, interruptAfterTimeLimit: MAX_MS, markInterruptAsFailure: true });
}

/** Runs a storm in a folder of its own. */
async function runStorm(list: readonly Action[], options: StormOptions): Promise<void> {
  const folder = temporaryFolder("storm");
  const storage = temporaryFolder("storm-state");
  const storm = new Storm(folder.path, storage.path, options);
  try {
    await storm.start();
    for (const action of list) await storm.do(action);
    await storm.do({ do: "ask" });
  } finally {
    await storm.dispose();
    folder.remove();
    storage.remove();
  }
}

class Storm {
  readonly #options: StormOptions;
  readonly #server: StormServer;
  readonly #world: StormWorld;
  #undo: (() => void)[] = [];
  readonly #branches = new Map<number, Map<string, Content>>();
  #branch = 0;

  constructor(root: string, storage: string, options: StormOptions) {
    this.#options = options;
    this.#server = new StormServer(root, storage);
    this.#world = new StormWorld(root, this.#server.editor);
  }

  async start(): Promise<void> {
    this.#world.checkOut(firstTree());
    this.#world.loseEvents();
    await this.#server.start(this.#options.contextTokens);
  }

  dispose(): Promise<void> {
    return this.#server.dispose();
  }

  async do(action: Action): Promise<void> {
    const world = this.#world;
    switch (action.do) {
      case "nothing":
        break;
      case "tell":
        world.tell();
        break;
      case "lose":
        // A file system without events: the next question looks at all files.
        world.loseEvents();
        this.#server.workspace.forget();
        break;
      case "ask":
        await this.#ask();
        break;
      case "idle":
        await this.#idle();
        break;
      case "read":
        await this.#read(action.stopAfter);
        break;
      case "meanwhile":
        await this.#meanwhile(action.chunk, action.what);
        break;
      case "branch":
        this.#switchTo(action.to);
        break;
      default:
        this.#change(action);
    }
  }

  #change(action: Change): void {
    const world = this.#world;
    switch (action.do) {
      case "undo":
        this.#undo.pop()?.();
        break;
      case "write":
        this.#undoable(() => world.write(action.file, contentOf(action.content)));
        break;
      case "edit":
        this.#edit(action.file, action.line, action.text);
        break;
      case "typeAll":
        this.#type(action.file, contentOf(action.content));
        break;
      case "type":
        this.#typeLine(action.file, action.line, action.text);
        break;
      case "remove":
        this.#undoable(() => world.remove(action.file));
        break;
      case "removeFolder":
        this.#undoable(() => world.removeFolder(action.file));
        break;
      case "rename":
        this.#undoable(() => world.rename(action.file, action.to));
        break;
      case "save":
        this.#undoable(() => world.save(action.file));
        break;
      case "open":
        world.openDocument(action.file);
        break;
      case "close":
        world.close(action.file);
        break;
      case "rules":
        this.#undoable(() => world.write(RULE_FILE, textContent(RULES[action.which]!.text)));
    }
  }

  #edit(path: string, line: number, text: string): void {
    const before = this.#world.disk.get(path);
    if (typeof before?.bytes !== "string" || before.visible === undefined) return;
    const content = withLine(before.bytes, line, text);
    this.#undoable(() => this.#world.write(path, content));
  }

  #typeLine(path: string, line: number, text: string): void {
    this.#world.openDocument(path);
    const before = this.#world.open.get(path);
    if (before?.visible !== undefined) this.#type(path, withLine(before.text, line, text));
  }

  /** What is not open yet is opened. */
  #type(path: string, content: Content): void {
    const world = this.#world;
    world.openDocument(path);
    const before = world.open.get(path);
    if (before === undefined) return;
    this.#undo.push(() => world.type(path, { kind: "text", bytes: before.text, visible: before.visible }));
    world.type(path, content);
  }

  #undoable(work: () => void): void {
    const before = new Map(this.#world.disk);
    this.#undo.push(() => this.#world.checkOut(before));
    work();
  }

  /** Each branch is left as it is; one that was never there differs in many files. */
  #switchTo(branch: number): void {
    const world = this.#world;
    this.#branches.set(this.#branch, new Map(world.disk));
    const tree = this.#branches.get(branch) ?? treeOfBranch(world.disk, branch);
    this.#undo = [];
    this.#branch = branch;
    world.checkOut(tree);
  }

  async #ask(): Promise<void> {
    this.#world.tell();
    const seen = this.#check(await this.#server.ask());
    if (seen.brokenOff) return;
    const truth = this.#world.truth();
    for (const path of NAMES) {
      if (!this.#server.overlay.isInBase(path)) continue;
      assert.equal(seen.texts.get(path), truth.get(path), `${path} is said to be there as it is`);
    }
  }

  async #idle(): Promise<void> {
    this.#world.tell();
    for (const ms of [QUIET_MS, IDLE_MS, BACKOFF_MS.at(-1)!, QUIET_MS, IDLE_MS]) await this.#server.idle(ms);
    const seen = this.#check(await this.#server.ask());
    if (!this.#options.ample || seen.brokenOff) return;
    assert.deepEqual([...seen.notShown], [], "a new base has everything");
  }

  async #read(stopAfter: number): Promise<void> {
    this.#world.tell();
    const stop = new AbortController();
    this.#fromChunk(stopAfter, () => stop.abort());
    await this.#server.read(stop.signal, stopAfter % 2 === 0);
    this.#server.onChunk = () => {};
    await this.#ask();
  }

  /** Something happens while a new base is read behind the one that serves. */
  async #meanwhile(chunk: number, what: "ask" | "edit"): Promise<void> {
    this.#world.tell();
    const asked: Promise<Answer>[] = [];
    let asking = false;
    const ask = () => {
      // One after the other, so that one of them meets the moment in which the new base takes over.
      if (asking || asked.length >= ASKED_MEANWHILE) return;
      asking = true;
      const answer = this.#server.ask().finally(() => {
        asking = false;
      });
      // Looked at below.
      answer.catch(() => {});
      asked.push(answer);
    };
    const edit = () => {
      this.#change({ do: "edit", file: "src/3.ts", line: chunk, text: "edited meanwhile" });
      this.#world.tell();
    };
    this.#fromChunk(chunk, (first) => {
      if (what === "ask") ask();
      else if (first) edit();
    });
    for (const ms of [QUIET_MS, IDLE_MS]) await this.#server.idle(ms);
    this.#server.onChunk = () => {};
    for (const answer of asked) this.#check(await answer);
    await this.#ask();
  }

  #fromChunk(chunk: number, work: (first: boolean) => void): void {
    let next = 0;
    this.#server.onChunk = () => {
      if (next >= chunk) work(next === chunk);
      next += 1;
    };
  }

  /** What claims to be there must be as it is now, and the rest must be named. */
  #check({ sections, wholeBase }: Answer): Seen {
    const seen = readSeen(sections);
    const truth = this.#world.truth();
    const wrong: string[] = [];
    for (const path of new Set([...truth.keys(), ...seen.texts.keys()])) {
      if (seen.notShown.has(path)) continue;
      const [text, wanted] = [seen.texts.get(path), truth.get(path)];
      if (text === wanted || (seen.brokenOff && text === undefined)) continue;
      wrong.push(`${path}: seen ${JSON.stringify(text)}, is ${JSON.stringify(wanted)}`);
    }
    assert.ok(wrong.length <= seen.alsoNotShown, wrong.join("\n"));
    if (seen.brokenOff) return seen;
    assert.ok(wholeBase);
    const differing = [...new Set([...truth.keys(), ...seen.base.keys()])].filter(
      (path) => seen.base.get(path) !== truth.get(path),
    );
    if (!this.#options.ample) return seen;
    assert.deepEqual(
      [...seen.changed].filter((path) => !differing.includes(path)),
      [],
      "told, but not changed",
    );
    if (differing.length < MANY_FILES) {
      assert.deepEqual([...seen.notShown], [], "everything has room");
      assert.equal(seen.alsoNotShown, 0);
    }
    return seen;
  }
}

function withLine(text: string, line: number, replacement: string): Content {
  const lines = text.split("\n");
  lines[line % lines.length] = replacement;
  return textContent(lines.join("\n"));
}
