// A switch of branches as an editor sees it: the new base is built in idle time behind the old one, and the way back is read from disk.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { FileChangeType } from "vscode-languageserver-protocol/node";
import { MANY_FILES } from "../../server/src/codebase/difference.ts";
import { PauseReadingRequest, type ReadingProgress } from "../../server/src/protocol/messages.ts";
import { GIT_ENVIRONMENT } from "../fakes/gitEnvironment.ts";
import { question, Session, settingsForTiny } from "./session.ts";

const N_FILES = MANY_FILES + 10;
/** Forty paths and a line around them; the texts of the files have four times as many. */
const MOST_NAMED_TOKENS = 600;
const SETTINGS = settingsForTiny({ context: { maxTokens: 16_384 } });

describe("a switch of branches over LSP", () => {
  let session: Session;

  /** With two branches that differ in every file, on the first one. */
  beforeEach(async () => {
    session = await Session.start({ files: filesOf("main"), settings: SETTINGS });
    git("init", "--quiet", "--initial-branch=main");
    commit("main");
    git("checkout", "--quiet", "-b", "other");
    for (const [path, text] of Object.entries(filesOf("other"))) session.write(path, text);
    commit("other");
    git("checkout", "--quiet", "main");
    await session.ready();
  });
  afterEach(() => session.end());

  it("is compacted while the old base serves; the way back costs nothing", async () => {
    const main = (await session.read()).figures.promptTokens;
    const own = (await ask()).evaluatedTokens;
    const begun = session.nextStatus(({ reading }) => reading?.purpose === "compaction" && reading.doneTokens > 0);
    await switchTo("other");
    await begun;
    await pause(true);
    const during = await session.ask(question("zzz"));
    assert.equal(during.outcome.figures?.reusedTokens, main);
    const notes = during.events.map((event) => (event.kind === "note" ? event.text : "")).join();
    assert.match(notes, new RegExp(`^,*${N_FILES} changed files are known in an older version only`));
    const named = (during.outcome.figures?.evaluatedTokens ?? 0) - own;
    assert.ok(named > 0 && named <= MOST_NAMED_TOKENS, `${named} tokens: the other branch is named, not told`);
    const done = session.nextStatus(({ reading, overlay }) => reading === undefined && overlay === undefined);
    await pause(false);
    await done;
    const other = await session.read();
    assert.deepEqual([other.origin, other.files, other.figures.evaluatedTokens], ["memory", N_FILES, 0]);
    assert.deepEqual(await ask(), { reusedTokens: other.figures.promptTokens, evaluatedTokens: own });

    const seen: ReadingProgress[] = [];
    session.onStatus = ({ reading }) => void (reading?.phase === "prefill" && seen.push(reading));
    const back = session.nextStatus(({ reading, base }) => reading === undefined && base?.origin === "snapshot");
    await switchTo("main");
    assert.equal((await back).base?.tokens, main);
    assert.ok(seen.every(({ doneTokens }) => doneTokens === main));
    assert.deepEqual(await ask(), { reusedTokens: main, evaluatedTokens: own });
  });

  it("that is undone while it is compacted finds the old base as it was, even after a crash", async () => {
    const main = (await session.read()).figures.promptTokens;
    const begun = session.nextStatus(({ reading }) => reading?.purpose === "compaction" && reading.doneTokens > 0);
    const up = session.nextStatus(({ engineRestarts, state }) => engineRestarts === 1 && state === "ready");
    // Asked for now: a question to the engine while it compacts takes so long that the compaction may be over after it.
    const pid = await session.enginePid();
    await switchTo("other");
    await begun;
    process.kill(pid, "SIGKILL");
    await up;
    await switchTo("main");
    const again = await session.read();
    assert.deepEqual([again.origin, again.files, again.figures.evaluatedTokens], ["snapshot", N_FILES, 0]);
    assert.equal(again.figures.promptTokens, main);
    assert.equal((await ask()).reusedTokens, main);
  });

  async function ask(): Promise<{ reusedTokens: number; evaluatedTokens: number }> {
    const { reusedTokens, evaluatedTokens } = (await session.ask(question("zzz"))).outcome.figures!;
    return { reusedTokens, evaluatedTokens };
  }

  function pause(paused: boolean) {
    return session.connection.sendRequest(PauseReadingRequest.type, { paused });
  }

  async function switchTo(branch: string): Promise<void> {
    git("checkout", "--quiet", branch);
    for (const path of Object.keys(filesOf(branch))) await session.fileEvent(path, FileChangeType.Changed);
  }

  function commit(message: string): void {
    git("add", ".");
    git("-c", "user.name=Test", "-c", "user.email=test@example.invalid", "commit", "--quiet", "--message", message);
  }

  function git(...args: string[]): void {
    execFileSync("git", ["-C", session.folder, ...args], { stdio: "pipe", env: GIT_ENVIRONMENT });
  }
});

function filesOf(branch: string): Record<string, string> {
  const text = (n: number) => `// ${branch}\nexport function value${n}(index: number) {\n  return index * ${n};\n}\n`;
  return Object.fromEntries(Array.from({ length: N_FILES }, (_, n) => [`src/file${n}.ts`, text(n)]));
}
