// The command line about the codebase in the context: reading, map, snapshots and doctor, as the built program, with the tiny model.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FathomErrorCodes } from "../../server/src/protocol/errors.ts";
import type { ContextMapFile, DoctorRow, Snapshot } from "../../server/src/protocol/messages.ts";
import { type CommandLine, commandLine, LONG_FILE } from "./commandLine.ts";
import { FILES } from "./session.ts";

const SOURCES = { ...FILES, "src/long.ts": LONG_FILE };
/** Names of files may hold whatever is no slash; Windows refuses these itself. */
const EVIL = process.platform === "win32" ? {} : { "src/\u001b]0;title\u0007.ts": "1\n" };
const HIDDEN = { ".env": "KEY=1\n", "node_modules/pack/index.js": "1\n", ...EVIL };

describe("command line about the codebase", () => {
  let folder: string;
  let storage: string;
  let run: CommandLine["run"];
  let json: CommandLine["json"];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "fathom-cli-map-"));
    storage = mkdtempSync(join(tmpdir(), "fathom-cli-map-storage-"));
    for (const [path, text] of Object.entries({ ...SOURCES, ...HIDDEN })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    ({ run, json } = commandLine(folder, storage));
    await json(0, "prefill");
  });
  after(() => {
    for (const each of [folder, storage]) rmSync(each, { recursive: true, force: true });
  });

  const forms = (files: ContextMapFile[]) => Object.fromEntries(files.map(({ path, form }) => [path, form]));
  const listed = async (): Promise<Snapshot[]> => (await json(0, "snapshots", "list")).snapshots;

  it("maps every file with its form, from the state on disk", async () => {
    const value = await json(0, "map");
    const paths = Object.keys(SOURCES);
    const whole = value.files.filter(({ form }: ContextMapFile) => form === "whole");
    assert.deepEqual(forms(whole), Object.fromEntries(paths.sort().map((path) => [path, "whole"])));
    const out = value.files.filter(({ form }: ContextMapFile) => form === "out");
    assert.equal(out.length, Object.keys(HIDDEN).length);
    assert.match(out.find(({ path }: ContextMapFile) => path === ".env").reason, /^secret/);
    assert.ok(value.totals.readTokens >= value.totals.baseTokens);
    assert.deepEqual(
      (await listed()).map(({ tokens }) => tokens),
      [value.totals.readTokens],
    );
    assert.match(value.arithmetic.at(-1), /^So the base may take 6,144 tokens; the setting context\.maxTokens/);
  });

  it("shows the map as a tree with totals and the arithmetic, and lets no name command the terminal", async () => {
    const { code, stdout } = await run("map");
    assert.equal(code, 0);
    const lines = stdout.split("\n");
    assert.match(lines[0] ?? "", /^ +tokens {2}share +what the model has$/);
    assert.match(lines[1] ?? "", /^fathom-cli-map-\S+ +[\d,]+ {2}█{8} {2}4 whole, [23] out$/);
    assert.match(lines[2] ?? "", /^ {2}src\/ +[\d,]+ {2}█+.? +3 whole/);
    assert.match(lines[3] ?? "", /^ {4}long\.ts +[\d,]+ {2}█+.? +whole: the whole codebase fits$/);
    assert.match(stdout, /^Read {4}all of it$/m);
    assert.match(stdout, /^Disk {4}snapshots of this workspace \d/m);
    assert.match(stdout, /^How the length was chosen\n- Window: the model was trained for /m);
    assert.ok(!stdout.includes("\u001b") && !stdout.includes("\u0007"));
    assert.deepEqual(
      lines.filter((line) => line.length > 100),
      [],
    );
  });

  it("narrows the map to a folder, a file, or what is left out with its folder", async () => {
    const src = await json(0, "map", "src");
    assert.equal(src.path, "src");
    assert.ok(src.files.length >= 3);
    assert.ok(src.files.every(({ path }: ContextMapFile) => path.startsWith("src/")));
    const file = await run("map", "src/parser.ts");
    assert.match(file.stdout.split("\n")[1] ?? "", /^src\/parser\.ts +\d+ {2}█{8} {2}whole: /);
    const pack = await json(0, "map", join(folder, "node_modules", "pack"));
    assert.deepEqual(forms(pack.files), { "node_modules/": "out" });
    for (const [path, message] of [
      ["nowhere", /nothing at nowhere/],
      ["..", /is not in .*--path/],
    ] as const) {
      const { error } = await json(2, "map", path);
      assert.match(error.message, message);
    }
  });

  it("maps what changed since it was read as overlay", async () => {
    const file = join(folder, "src/render.ts");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, `${before}// More.\n`);
    try {
      const { files, totals } = await json(0, "map");
      assert.equal(forms(files)["src/render.ts"], "overlay");
      assert.equal(forms(files)["src/parser.ts"], "whole");
      assert.ok(totals.overlayTokens > 0);
      assert.ok(totals.readTokens >= totals.baseTokens);
    } finally {
      writeFileSync(file, before);
    }
  });

  it("maps without reading what is not on disk", async () => {
    const large = mkdtempSync(join(tmpdir(), "fathom-cli-large-"));
    for (let n = 0; n < 24; n++) writeFileSync(join(large, `part${n}.ts`), LONG_FILE);
    try {
      const { files, totals } = await json(0, "map", "--path", large, "--context", "131072");
      const whole = files.filter(({ form }: ContextMapFile) => form === "whole").length;
      assert.ok(whole > 10, `${whole} files would be whole`);
      assert.ok(totals.readTokens < totals.baseTokens / 2, `${totals.readTokens} of ${totals.baseTokens}`);
      assert.deepEqual(
        (await listed()).map(({ ofThisWorkspace }) => ofThisWorkspace),
        [true],
      );
    } finally {
      rmSync(large, { recursive: true, force: true });
    }
  });

  it("maps the files without a model and says what is missing", async () => {
    const value = await json(1, "map", "--model", "no-such-id");
    assert.match(value.message, /no-such-id/);
    assert.equal(forms(value.files)["src/long.ts"], "path");
    const { code, stdout } = await run("map", "--model", "no-such-id");
    assert.equal(code, 1);
    assert.match(stdout, /long\.ts +≈ [\d,]+ .* path: no model is loaded$/m);
    assert.match(stdout, /no-such-id.*[\s\S]*See “fathom models”/);
    assert.match(stdout, /^Window {2}none, because no model is loaded$/m);
  });

  it("gives in the doctor the arithmetic of the map, word for word", async () => {
    const { stdout } = await run("doctor", "--path", folder, "--json");
    const budget = JSON.parse(stdout).rows.find(({ topic }: DoctorRow) => topic === "budget");
    const { arithmetic } = await json(0, "map");
    // What is free differs from process to process.
    const steady = (sentence: string) => sentence.replace(/(fits into) .*/, "$1");
    assert.deepEqual(budget.text.split("\n").map(steady), arithmetic.map(steady));
    const text = (await run("doctor", "--path", folder)).stdout;
    assert.match(text, /^budget +ok +Window: [^\n]+\n {21}Setting: [^\n]+\n {21}Memory: /m);
    assert.match(text, /^ {21}KV cache per token: [\d,]+ bytes in f16, [\d,]+ bytes in q8_0; /m);
  });

  it("lists the snapshots and marks those of this workspace", async () => {
    const [snapshot, ...others] = await listed();
    assert.ok(snapshot);
    assert.equal(others.length, 0);
    const { code, stdout } = await run("snapshots");
    assert.equal(code, 0);
    assert.match(stdout, /^ {3}id +workspace +kind +tokens +size +age +last use\n\* {2}[0-9a-f]{8} /);
    assert.ok(stdout.includes(`${snapshot.id.slice(0, 8)}  ${snapshot.workspace.slice(0, 8)}`), stdout);
    const elsewhere = await json(0, "snapshots", "list", "--path", join(folder, "src"));
    assert.equal(elsewhere.snapshots[0].ofThisWorkspace, false);
  });

  it("removes by id and all, says what, and removes nothing when an id is unclear", async () => {
    const refused = await json(1, "snapshots", "remove", "0000000000");
    assert.equal(refused.error.code, FathomErrorCodes.badRequest);
    assert.match(refused.error.message, /no snapshot “0000000000”\. Nothing was removed\.$/);
    const [snapshot] = await listed();
    assert.ok(snapshot);
    const short = snapshot.id.slice(0, 8);
    const { code, stdout } = await run("snapshots", "remove", short, "--yes");
    assert.equal(code, 0);
    assert.ok(stdout.startsWith(`Removed ${short} (base, `), stdout);
    assert.deepEqual(await listed(), []);
    assert.equal((await run("snapshots", "remove", "--all")).stdout, "There are no snapshots.\n");
    const again = await json(0, "prefill");
    assert.equal(again.origin, "computed");
    const all = await json(0, "snapshots", "remove", "--all");
    assert.deepEqual(
      all.removed.map(({ id }: Snapshot) => id),
      [snapshot.id],
    );
  });

  it("removes the search index, which is made again by the next search", async () => {
    assert.match((await run("search", "parseHeader")).stdout, /src\/parser\.ts/);
    const first = await json(0, "index", "remove");
    assert.deepEqual([first.removed, first.bytes > 0, first.inUse], [1, true, 0]);
    // The tests before have searched other folders with the same storage; their indexes are still there.
    assert.match((await run("index", "remove")).stdout, /^There is no search index\.\n$/);
    assert.ok((await json(0, "index", "remove", "--all")).removed >= 1);
    assert.equal((await json(0, "index", "remove", "--all")).removed, 0);
    assert.match((await run("search", "parseHeader")).stdout, /src\/parser\.ts/);
    assert.match((await run("index", "remove", "--yes")).stdout, /^Removed the search index of 1 workspace, /);
    assert.equal((await run("index", "show")).code, 2);
  });

  it("verifies every byte, names what is damaged with exit code 1, and reads it again", async () => {
    await json(0, "prefill");
    const sound = await run("snapshots", "verify");
    assert.equal(sound.code, 0);
    assert.match(sound.stdout, /^ok {7}[0-9a-f]{8} \(base, [^\n]+\n1 snapshot checked; all are sound\.\n$/);
    const [snapshot] = await listed();
    assert.ok(snapshot);
    const state = join(storage, "snapshots", snapshot.workspace, `${snapshot.id}.state`);
    const bytes = readFileSync(state);
    const middle = bytes.length >> 1;
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    writeFileSync(state, bytes);
    const { code, stdout } = await run("snapshots", "verify");
    assert.equal(code, 1);
    assert.match(stdout, /^damaged {2}[0-9a-f]{8} .*\n {9}\S.*\n1 snapshot checked; 1 is damaged and was set aside\./);
    assert.ok(stdout.includes(snapshot.id.slice(0, 8)));
    assert.deepEqual(await listed(), []);
    const reread = await json(0, "prefill");
    assert.equal(reread.origin, "computed");
    assert.ok(reread.savedBytes > 0);
    assert.deepEqual((await json(0, "snapshots", "verify")).damaged, []);
    // What was set aside goes with all.
    await json(0, "snapshots", "remove", "--all");
    const left = readdirSync(join(storage, "snapshots", snapshot.workspace));
    assert.deepEqual(
      left.filter((name) => name.includes(snapshot.id)),
      [],
    );
  });

  it("refuses wrong usage with exit code 2", async () => {
    const cases: [string[], RegExp][] = [
      [["snapshots", "sell"], /no action “sell”/],
      [["snapshots", "list", "x"], /one argument too many/],
      [["snapshots", "remove"], /Say what to remove/],
      [["snapshots", "remove", "abcd", "--all"], /not both/],
      [["snapshots", "verify", "--all"], /belong to “remove”/],
      [["map", "a", "b"], /one argument too many/],
    ];
    for (const [args, message] of cases) {
      const { error } = await json(2, ...args);
      assert.match(error.message, message);
    }
  });

  it("repeats no control characters, in JSON neither", async () => {
    const bad = "\u009b2J\u007f";
    const { stdout } = await run("snapshots", bad, "--json");
    assert.equal(JSON.parse(stdout).error.message, `“snapshots” has no action “${bad}”.`);
    const { stderr } = await run("snapshots", bad);
    for (const text of [stdout, stderr]) assert.doesNotMatch(text, /[\u007f-\u009f]/);
    assert.match(stderr, /no action “\uFFFD2J\uFFFD”/);
  });
});
