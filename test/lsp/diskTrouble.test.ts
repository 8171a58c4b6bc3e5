// What the user notices when the disk of the saved states is full, read-only or gone: one message, and everything goes on.
import assert from "node:assert/strict";
import { readdirSync, rmSync, statfsSync, watch } from "node:fs";
import { join } from "node:path";
import { EditRequest, VerifySnapshotsRequest } from "../../server/src/protocol/messages.ts";
import { HALF_FUNCTION, question, Session, settingsForTiny } from "./session.ts";
import { SmallDisk } from "./smallDisk.ts";

/** The engine leaves half a gigabyte free for everything else; a tmpfs takes memory only for what is on it. */
const ROOMY_BYTES = 640 * 1024 ** 2;
const TINY_BYTES = 2 * 1024 ** 2;
/** Long enough for a snapshot. */
const N_FILES = 30;
const UNSAVED = /could not be saved/;
/** The state may be on the disk before that is full, on a busy machine many times in a row. */
const MOST_SAVES = 40;
/** The index may write while the room is measured. */
const MOST_ATTEMPTS = 10;

describe("a disk that fails", () => {
  let disk: SmallDisk;
  let session: Session;

  const start = async (bytes: number) => {
    disk = new SmallDisk(bytes);
    session = await Session.start({ files: {}, storageDir: disk.folder, settings: settingsForTiny() });
    await session.ready();
  };

  afterEach(async () => {
    await session.stop();
    disk.release();
    session.removeFolders();
  });

  /** Gives every file a new text and reads them. */
  const readVersion = (version: number) => {
    for (const [path, text] of Object.entries(filesOf(version))) session.write(path, text);
    return session.read({ force: true });
  };

  it("that is full: everything works, and one message says so", async () => {
    await start(TINY_BYTES);
    for (const version of [1, 2, 3]) {
      const outcome = await readVersion(version);
      assert.deepEqual([outcome.cancelled, outcome.files, outcome.savedBytes], [false, N_FILES, undefined]);
      await assertEverythingWorks(session, outcome.figures.promptTokens);
    }
    assertToldOnce(session, /it takes .* and .* of the disk are kept free, but only .* are free/);
    assert.deepEqual(statesOn(disk), []);
  });

  it("that turns read-only: what is saved is used, one message says that nothing is added", async () => {
    await start(ROOMY_BYTES);
    assert.ok(((await readVersion(1)).savedBytes ?? 0) > 0);
    const { folder } = session;
    await session.stop();
    disk.makeReadOnly();
    const before = readdirSync(disk.folder, { recursive: true });
    session = await Session.start({ folder, storageDir: disk.folder, settings: settingsForTiny() });
    await session.ready();
    const restored = await session.read();
    assert.deepEqual([restored.origin, restored.figures.evaluatedTokens], ["snapshot", 0]);
    for (const version of [2, 3]) {
      const outcome = await readVersion(version);
      assert.deepEqual([outcome.files, outcome.savedBytes], [N_FILES, undefined]);
      await assertEverythingWorks(session, outcome.figures.promptTokens);
    }
    assertToldOnce(session, /read-only/);
    assert.deepEqual(readdirSync(disk.folder, { recursive: true }), before);
  });

  it("that is read-only from the first day: one message", async () => {
    await start(ROOMY_BYTES);
    disk.makeReadOnly();
    for (const version of [1, 2]) {
      const { figures, notes } = await readVersion(version);
      assert.ok(notes.length <= 1, notes.join("\n"));
      await assertEverythingWorks(session, figures.promptTokens);
    }
    assertToldOnce(session, /the disk is read-only/);
    assert.deepEqual(readdirSync(disk.folder), []);
  });

  it("whose folders are deleted under the running server: they are made again, nothing is said", async () => {
    await start(ROOMY_BYTES);
    await readVersion(1);
    for (const [version, gone] of [
      [2, join("snapshots", snapshotFolderOf(disk))],
      [3, "snapshots"],
    ] as const) {
      rmSync(join(disk.folder, gone), { recursive: true });
      const outcome = await readVersion(version);
      assert.ok((outcome.savedBytes ?? 0) > 0);
      await assertEverythingWorks(session, outcome.figures.promptTokens);
      assert.ok(statesOn(disk).length > 0);
    }
    assert.deepEqual(messagesOf(session), []);
  });

  it("that gets full in the middle of a save: nothing half-written stays, and once there is room it is saved", async () => {
    await start(ROOMY_BYTES);
    const first = await readVersion(1);
    const [saved] = statesOn(disk);
    let version = 2;
    for (let attempt = 1; ; attempt++) {
      assert.ok(attempt <= MOST_SAVES, "the disk never got full in time");
      const outcome = await whenSaving(await session.enginePid(), () => readVersion(version));
      version += 1;
      if (outcome.savedBytes !== undefined) continue;
      await assertEverythingWorks(session, outcome.figures.promptTokens);
      break;
    }
    assertToldOnce(session, /could not be saved/);
    assert.ok(statesOn(disk).includes(saved!));
    const checks = await session.connection.sendRequest(VerifySnapshotsRequest.type, {});
    assert.ok(checks.every(({ problem }) => problem === undefined));
    assert.ok(checks.some(({ tokens }) => tokens === first.figures.promptTokens));
    assert.ok(((await readVersion(version)).savedBytes ?? 0) > 0);
  });

  /** Leaves no room. The index may write while that is measured: then it is measured again. */
  function fill(): void {
    for (let attempt = 1; ; attempt++) {
      const { blocks, bfree, bsize } = statfsSync(disk.folder);
      try {
        disk.resize((blocks - bfree) * bsize);
        return;
      } catch (error) {
        if (attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  /** Stops the engine as soon as it writes, takes away all room that is left, and lets it go on. */
  async function whenSaving<T>(enginePid: number, work: () => Promise<T>): Promise<T> {
    const watcher = watch(join(disk.folder, "snapshots", snapshotFolderOf(disk)), (_event, name) => {
      if (!name?.endsWith(".tmp")) return;
      watcher.close();
      process.kill(enginePid, "SIGSTOP");
      fill();
      process.kill(enginePid, "SIGCONT");
    });
    try {
      return await work();
    } finally {
      watcher.close();
      disk.resize(ROOMY_BYTES);
    }
  }
});

let nCompletions = 0;

/** Question, completion and edit, each with the base that was read. */
async function assertEverythingWorks(session: Session, baseTokens: number): Promise<void> {
  const { outcome } = await session.ask(question("zzz"));
  assert.equal(outcome.figures?.reusedTokens, baseTokens);
  assert.ok(outcome.figures.generatedTokens > 0);
  // Another text each time: what was said at a place before needs no model.
  nCompletions += 1;
  await session.open("src/new.ts", `// ${nCompletions}\n${HALF_FUNCTION}`);
  await session.complete("src/new.ts", { line: 2, character: 9 });
  await session.close("src/new.ts");
  const { lastCompletion } = await session.statusNow();
  assert.ok((lastCompletion?.figures?.generatedTokens ?? 0) > 0, lastCompletion?.reason);
  const uri = session.uri("src/file0.ts");
  const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
  const edit = await session.connection.sendRequest(EditRequest.type, { uri, range, instruction: "Say more." });
  assert.ok(edit.figures.generatedTokens > 0);
  assert.equal(edit.figures.reusedTokens, baseTokens);
}

function assertToldOnce(session: Session, reason: RegExp): void {
  const messages = messagesOf(session);
  assert.equal(messages.length, 1, messages.join("\n"));
  assert.match(messages[0]!, reason);
  assert.equal(messages[0]!.split(UNSAVED).length, 2, messages[0]);
  assert.equal(session.logs.filter((line) => UNSAVED.test(line)).length, 1, session.logs.join("\n"));
}

/** Different texts about saving that a person saw: in the status, in a message box. */
function messagesOf(session: Session): string[] {
  const seen = [...session.statuses, ...session.shown].map(({ message }) => message);
  return [...new Set(seen.filter((message) => UNSAVED.test(message)))];
}

function snapshotFolderOf(disk: SmallDisk): string {
  return readdirSync(join(disk.folder, "snapshots"))[0]!;
}

/** States that have a header. Nothing else of a state may be there. */
function statesOn(disk: SmallDisk): string[] {
  const names = readdirSync(join(disk.folder, "snapshots", snapshotFolderOf(disk)));
  const states = names.filter((name) => /\.(?:state|tmp|bad)$/.test(name));
  assert.deepEqual(
    states.filter((name) => !names.includes(name.replace(/\.state$/, ".json"))),
    [],
  );
  return states;
}

function filesOf(version: number): Record<string, string> {
  const text = (n: number) =>
    `// version ${version}\nexport function value${n}(index: number) {\n  return index * ${n};\n}\n`;
  return Object.fromEntries(Array.from({ length: N_FILES }, (_, n) => [`src/file${n}.ts`, text(n)]));
}
