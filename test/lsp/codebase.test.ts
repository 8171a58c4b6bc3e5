// The whole codebase in the context as an editor meets it: what questions cost after edits, restarts and in other conversations, and what is never read.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { CancellationTokenSource, FileChangeType } from "vscode-languageserver-protocol/node";
import {
  type ChatTurn,
  type ContextMap,
  ContextMapRequest,
  type Figures,
  PauseReadingRequest,
  type PrefillOutcome,
  PrefillRequest,
  SearchRequest,
  type Status,
} from "../../server/src/protocol/messages.ts";
import { question, Session, settingsForTiny, withSession } from "./session.ts";

/** The chat template's frame around an answer, tokens: a bound. */
const FRAME_TOKENS = 64;
/** Bases shorter than this are not saved (longContext.ts), tokens; and some more. */
const ENOUGH_TO_SAVE = 2500;
/** Long enough to be kept on disk when another conversation needs the context: a thousand tokens and more. */
const LOG = Array.from({ length: 40 }, (_, line) => `step ${line}: ${line * 37} items in ${line * 13} ms`).join("\n");

describe("changes over LSP", () => {
  it("a question after an unsaved edit costs the edit and itself; after undoing it, itself", () =>
    withSession({ files: sourceFiles(30) }, async (session) => {
      await session.ready();
      const { figures: base } = await session.read();
      const own = (await ask(session, "zzz")).evaluatedTokens;
      await session.open("src/file00.ts", sourceFile(0));
      await session.change("src/file00.ts", 2, sourceFile(0).replace("index *", "(index + 1) *"));
      const edited = await ask(session, "zzz");
      const { overlayTokens } = (await mapOf(session)).totals;
      assert.ok(overlayTokens > 0);
      assert.deepEqual([edited.reusedTokens, edited.evaluatedTokens], [base.promptTokens, overlayTokens + own]);
      const { overlay } = await session.status((status) => status.overlay !== undefined);
      assert.deepEqual(overlay, { files: 1, tokens: overlayTokens, onlyNamed: 0 });
      const undone = session.nextStatus((status) => status.overlay === undefined);
      await session.change("src/file00.ts", 3, sourceFile(0));
      assert.equal((await ask(session, "zzz")).evaluatedTokens, own);
      assert.equal((await mapOf(session)).totals.overlayTokens, 0);
      await undone;
    }));

  it("new, deleted and renamed files follow the base, which stays", () =>
    withSession({ files: sourceFiles(10) }, async (session) => {
      await session.ready();
      const { figures: base } = await session.read();
      const own = (await ask(session, "zzz")).evaluatedTokens;
      session.write("src/added.ts", "export const added = 1;\n");
      session.write("src/renamed.ts", sourceFile(2));
      session.remove("src/file01.ts");
      session.remove("src/file02.ts");
      for (const path of ["src/added.ts", "src/renamed.ts"]) await session.fileEvent(path, FileChangeType.Created);
      for (const path of ["src/file01.ts", "src/file02.ts"]) await session.fileEvent(path, FileChangeType.Deleted);
      const after = await ask(session, "zzz");
      const { files, totals } = await mapOf(session);
      assert.deepEqual([after.reusedTokens, after.evaluatedTokens], [base.promptTokens, totals.overlayTokens + own]);
      const reasons = files.filter(({ form }) => form === "overlay").map(({ path, reason }) => [path, reason] as const);
      const expected = { "src/added.ts": /^new/, "src/renamed.ts": /^renamed from src\/file02\.ts/ };
      for (const [path, reason] of Object.entries(expected)) assert.match(new Map(reasons).get(path) ?? "", reason);
      assert.match(new Map(reasons).get("src/file01.ts") ?? "", /^deleted/);
      assert.match(new Map(reasons).get("src/file02.ts") ?? "", /^renamed to src\/renamed\.ts/);
      assert.equal(reasons.length, 4);
    }));

  it("two folders in one workspace: files of the same name are two files", () => {
    const files = { "app/main.ts": "export const fromApp = 1;\n", "lib/main.ts": "export const fromLib = 2;\n" };
    return withSession({ files, roots: ["app", "lib"] }, async (session) => {
      await session.ready();
      assert.equal((await session.read()).files, 2);
      session.write("lib/main.ts", "export const quokka = 3;\n");
      await session.fileEvent("lib/main.ts", FileChangeType.Changed);
      assert.deepEqual(formsOf(await mapOf(session)), { "app/main.ts": "whole", "lib/main.ts": "overlay" });
      const places = await session.connection.sendRequest(SearchRequest.type, { query: "quokka" });
      assert.deepEqual(
        places.map(({ path, uri }) => [path, uri]),
        [["lib/main.ts", session.uri("lib/main.ts")]],
      );
    });
  });
});

describe("what was read over LSP", () => {
  it("is back after the server was restarted, and what changed meanwhile follows it", async () => {
    const first = await Session.start({ files: sourceFiles(30) });
    await first.ready();
    const { figures } = await first.read();
    await first.stop();
    const { folder, storageDir } = first;
    first.write("src/file03.ts", `${sourceFile(3)}export const later = 1;\n`);
    await withSession({ folder, storageDir }, async (session) => {
      await session.ready();
      const again = await session.read();
      assert.deepEqual([again.origin, again.figures.evaluatedTokens], ["snapshot", 0]);
      assert.equal(again.figures.reusedTokens, figures.promptTokens);
      const map = await mapOf(session);
      assert.equal(formsOf(map)["src/file03.ts"], "overlay");
      assert.equal((await ask(session, "zzz")).reusedTokens, figures.promptTokens);
    });
  });

  it("of folders that came together in a session is back when they are opened together, in any order", async () => {
    const files = { ...sourceFiles(30), "lib/main.ts": "export const fromLib = 2;\n" };
    const first = await Session.start({ files, roots: ["src"] });
    await first.ready();
    await first.read();
    const added = [{ uri: first.uri("lib"), name: "lib" }];
    const event = { event: { added, removed: [] } };
    await first.connection.sendNotification("workspace/didChangeWorkspaceFolders", event);
    const both = await first.read();
    assert.equal(both.files, 31);
    await first.stop();
    const { folder, storageDir } = first;
    await withSession({ folder, storageDir, roots: ["lib", "src"] }, async (session) => {
      await session.ready();
      const again = await session.read();
      assert.deepEqual([again.origin, again.figures.evaluatedTokens], ["snapshot", 0]);
      assert.equal(again.figures.promptTokens, both.figures.promptTokens);
    });
  });

  it("that was stopped is saved, and the next server goes on behind it", async () => {
    // So long that the status, which is told a few times a second, is heard in the middle of it.
    const settings = settingsForTiny({ context: { maxTokens: 65_536 } });
    const first = await Session.start({ files: sourceFiles(300), settings });
    await first.ready();
    const stop = new CancellationTokenSource();
    const reading = first.connection.sendRequest(PrefillRequest.type, {}, stop.token);
    await first.status(({ reading: now }) => (now?.doneTokens ?? 0) > ENOUGH_TO_SAVE);
    stop.cancel();
    const { cancelled, savedTokens } = await reading;
    assert.ok(cancelled && savedTokens > ENOUGH_TO_SAVE, `${savedTokens} tokens`);
    await first.stop();
    const { folder, storageDir } = first;
    await withSession({ folder, storageDir, settings }, async (session) => {
      await session.ready();
      const { figures } = await session.read();
      assert.equal(figures.reusedTokens, savedTokens);
    });
  });

  it("serves as far as it is when it is paused, and goes on from there", () =>
    withSession({ files: sourceFiles(30) }, async (session) => {
      await session.ready();
      let reading: Promise<PrefillOutcome> | undefined;
      await new Promise<void>((resolve, reject) => {
        let isFirst = true;
        reading = session.read({}, ({ message = "" }) => {
          if (!isFirst || !message.startsWith("Reading")) return;
          isFirst = false;
          pause(session, true).then(() => resolve(), reject);
        });
      });
      assert.equal((await session.statusNow()).hold, "user");
      // A chunk that had begun is over when the question is answered.
      const one = await session.ask(question("zzz"));
      assert.match(one.outcome.notice ?? "", /Answered with \d+ % of the workspace read/);
      const two = await session.ask(question("zzz"));
      assert.equal(readOf(one.outcome.notice), readOf(two.outcome.notice));
      assert.equal((await pause(session, false)).hold, undefined);
      const { cancelled, figures } = await reading!;
      assert.deepEqual([cancelled, figures.evaluatedTokens], [false, figures.promptTokens]);
    }));

  it("costs nothing again in a second conversation, nor back in the first one", () =>
    withSession(
      { files: sourceFiles(30), settings: settingsForTiny({ context: { maxTokens: 16_384 } }) },
      async (session) => {
        await session.ready();
        const { figures: base } = await session.read();
        const turns: ChatTurn[] = [{ role: "user", text: `What is slow here?\n${LOG}` }];
        const first = await session.ask({ turns });
        const other = await ask(session, `Which numbers are missing?\n${LOG}`);
        assert.equal(other.reusedTokens, base.promptTokens);
        turns.push({ role: "assistant", text: first.outcome.text }, { role: "user", text: "And what is fast?" });
        const back = (await session.ask({ turns })).outcome.figures!;
        const before = first.outcome.figures!.promptTokens;
        assert.ok(before - base.promptTokens > 1000);
        // At most the answer as history, and the new question.
        assert.ok(
          back.evaluatedTokens <= back.promptTokens - before + FRAME_TOKENS,
          `${back.evaluatedTokens} evaluated of ${back.promptTokens}, ${before} were known`,
        );
      },
    ));

  it("is shown file by file, each once, with its form", () => {
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`src/big${n}.ts`, longFunction(n)]));
    const listed = [...Object.keys(files), "README.md", ".gitignore"].sort();
    Object.assign(files, {
      "README.md": "# Sample\n",
      ".gitignore": "out/\nnotes.txt\n",
      "notes.txt": "x\n",
      "out/a.js": "y\n",
    });
    return withSession({ files, settings: settingsForTiny({ context: { maxTokens: 4096 } }) }, async (session) => {
      await session.ready();
      const outcome = await session.read();
      const map = await mapOf(session);
      const forms = formsOf(map);
      assert.equal(Object.keys(forms).length, map.files.length, "a file is listed twice");
      const read = Object.keys(forms).filter((path) => forms[path] !== "out");
      assert.deepEqual(read.sort(), listed);
      assert.deepEqual([forms["notes.txt"], forms["out/"]], ["out", "out"]);
      const count = (form: string) => map.files.filter((file) => file.form === form).length;
      assert.deepEqual([count("whole"), count("outline")], [outcome.files, outcome.outlines]);
      for (const form of ["whole", "outline", "path"]) assert.ok(count(form) > 0, form);
      const tokens = (form: string) => map.files.reduce((sum, file) => sum + (file.form === form ? file.tokens : 0), 0);
      assert.deepEqual([tokens("whole"), tokens("outline")], [map.totals.wholeTokens, map.totals.outlineTokens]);
      assert.equal(map.totals.readTokens, outcome.figures.promptTokens);
    });
  });
});

describe("a file that is excluded after it was read", () => {
  it("leaves the context and the disk with the next reading", () =>
    withSession(
      { files: { ...sourceFiles(30), "src/private.ts": "export const pangolin8 = 8;\n" } },
      async (session) => {
        await session.ready();
        await session.read();
        assert.equal(formsOf(await mapOf(session))["src/private.ts"], "whole");
        assert.match(recordsIn(session.storageDir), /pangolin8/);
        // Else a compaction, which is due two seconds after the change, may take it out first.
        await pause(session, true);
        session.write(".fathomignore", "src/private.ts\n");
        await session.fileEvent(".fathomignore", FileChangeType.Created);
        const { reason } = (await mapOf(session)).files.find(({ path }) => path === "src/private.ts")!;
        assert.match(reason, /^not to be read any more/);
        const again = session.read();
        await pause(session, false);
        assert.ok((await again).figures.evaluatedTokens > 0);
        assert.equal(formsOf(await mapOf(session))["src/private.ts"], "out");
        assert.doesNotMatch(recordsIn(session.storageDir), /pangolin8/);
      },
    ));
});

describe("secrets over LSP", () => {
  const TOKEN = `gh${"p_"}${"a1B2".repeat(9)}`;
  const KEY = `-----BEGIN RSA ${"PRIVATE"} KEY-----\n${"Ab1+".repeat(16)}\n`;
  const SECRETS = {
    ".env": "PASSWORD=pangolin1\n",
    "config/.env.local": "PASSWORD=pangolin2\n",
    "keys/id_rsa": "pangolin3\n",
    "keys/server.pem": "pangolin4\n",
    "src/token.ts": `export const pangolin5 = "${TOKEN}";\n`,
    "src/key.ts": `export const pangolin6 = \`${KEY}\`;\n`,
  };
  const IN_TEXT = /pangolin|a1B2a1B2/;

  it("are in no context, no index and no file of ours, read from disk or typed", () =>
    withSession({ files: { ...sourceFiles(30), ...SECRETS } }, async (session) => {
      await session.ready();
      await session.read();
      const forms = formsOf(await mapOf(session));
      for (const path of Object.keys(SECRETS))
        assert.equal(forms[path] ?? forms[`${path.split("/")[0]}/`], "out", path);
      await session.open("src/file00.ts", `${sourceFile(0)}export const pangolin7 = "${TOKEN}";\n`);
      for (const [path, text] of Object.entries(SECRETS)) await session.open(path, text);
      const { outcome } = await session.ask(question("Where is pangolin5 or pangolin7?"));
      assert.doesNotMatch(outcome.places.map(({ preview }) => preview).join(), IN_TEXT);
      const map = await mapOf(session);
      for (const { path, form } of map.files) assert.ok(!(path in SECRETS) || form === "out", `${path}: ${form}`);
      assert.match(map.files.find(({ path }) => path === "src/file00.ts")?.reason ?? "", /deleted|not to be read/);
      for (const query of ["pangolin1", "pangolin5", "pangolin7", TOKEN]) {
        // Other words of the query may be found elsewhere.
        const places = await session.connection.sendRequest(SearchRequest.type, { query });
        const wrong = places.filter(({ path, preview }) => path in SECRETS || IN_TEXT.test(preview));
        assert.deepEqual(wrong, [], query);
      }
      assert.doesNotMatch(recordsIn(session.storageDir), IN_TEXT);
    }));
});

async function ask(session: Session, text: string): Promise<Figures> {
  const { figures } = (await session.ask(question(text))).outcome;
  assert.ok(figures !== undefined && figures.generatedTokens > 0);
  return figures;
}

function pause(session: Session, paused: boolean): Promise<Status> {
  return session.connection.sendRequest(PauseReadingRequest.type, { paused });
}

function mapOf(session: Session): Promise<ContextMap> {
  return session.connection.sendRequest(ContextMapRequest.type, {});
}

function formsOf({ files }: ContextMap): Record<string, string> {
  return Object.fromEntries(files.map(({ path, form }) => [path, form]));
}

function readOf(notice: string | undefined): string | undefined {
  return /\(([\d,]+) of/.exec(notice ?? "")?.[1];
}

/** Everything that the base was laid out from, as it lies on the disk. */
function recordsIn(storageDir: string): string {
  const root = join(storageDir, "snapshots");
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".gz"));
  assert.ok(names.length > 0);
  return names.map((name) => gunzipSync(readFileSync(join(root, name))).toString()).join();
}

function sourceFile(n: number): string {
  const lines = [`// file ${n}`, `export function value${n}(index: number): number {`, `  return index * ${n};`, "}"];
  return `${lines.join("\n")}\n`;
}

/** Much longer than its signature. */
function longFunction(n: number): string {
  const lines = Array.from({ length: 12 }, (_, line) => `  sum += index * ${line} + ${n};\n`);
  return `export function sum${n}(index: number): number {\n  let sum = 0;\n${lines.join("")}  return sum;\n}\n`;
}

/** Thirty are long enough for a snapshot. */
function sourceFiles(count: number): Record<string, string> {
  const entries = Array.from({ length: count }, (_, n) => [`src/file${String(n).padStart(2, "0")}.ts`, sourceFile(n)]);
  return Object.fromEntries(entries);
}
