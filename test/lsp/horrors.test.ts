// Tests the search over LSP in a workspace of all that files can be: it finishes, finds what can be found and names the rest.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ContextMapRequest, DoctorRequest, type Place, SearchRequest } from "../../server/src/protocol/messages.ts";
import { fileUri } from "../../server/src/uris.ts";
import { Session } from "./session.ts";

const MIB = 1024 * 1024;
const N_TINY = 10_000;
const N_BRACKETS = 100_000;
/** Linux: longest path that a call takes. */
const PATH_MAX = 4096;
const DEEP = `${"n/".repeat(300)}leaf.ts`;

/** Files that are found by the one name in them, with the line that it is on; paths are as people see them. */
const FOUND: [path: string, content: (code: string) => string | Uint8Array, line: number][] = [
  ["with space.ts", (code) => code, 0],
  ['it\'s "quoted", yes.ts', (code) => code, 0],
  ["ünï — 文.ts", (code) => code, 0],
  ["😀.ts", (code) => code, 0],
  ["-dash.ts", (code) => code, 0],
  ["back\\slash.ts", (code) => code, 0],
  ["%41 #hash? & [x].ts", (code) => code, 0],
  ["__proto__/constructor.ts", (code) => code, 0],
  ["crlf.ts", (code) => `// one\r\n// two\r\n${code.replaceAll("\n", "\r\n")}`, 2],
  ["bom.ts", (code) => `\uFEFF${code}`, 0],
  ["utf16.ts", (code) => Buffer.from(`\uFEFF// one\n${code}`, "utf16le"), 1],
  [DEEP, (code) => code, 0],
  // Parsers run out of stack in it.
  ["brackets.ts", (code) => `${code}x = ${"[\n".repeat(N_BRACKETS)}${"]\n".repeat(N_BRACKETS)}`, 0],
  ["braces.c", (code) => `// ${code}${"{\n".repeat(N_BRACKETS)}`, 0],
  ["wanted line.js", (code) => `${code.trim()} ${"x=[1,2];".repeat((3 * MIB) / 8)}`, 0],
];

/** What is left out, with the reason. */
const LEFT_OUT: [path: string, content: string | Uint8Array, reason: RegExp][] = [
  ["one line.js", "x=[1,2];".repeat((5 * MIB) / 8), /^larger than 512 KiB \(5\.0 MiB\)$/],
  ["short line.js", "x=[1,2];".repeat(50_000), /^minified or data \(very long lines\)$/],
  ["latin1.ts", Buffer.from("// café au lait, and much that is plain\n", "latin1"), /^not UTF-8 text$/],
  ["random.dat", randomFillSync(Buffer.alloc(4096)), /^(binary|not UTF-8 text)$/],
  ["zeros.ts", Buffer.alloc(100), /^binary$/],
  ["photo.png", "no picture", /^binary$/],
  [".env", "A=1", /^secret: /],
  ["new\nline.ts", "export function hidden() {}\n", /^its name contains control characters$/],
];

/** Making and reading ten thousand files, on a slow machine. */
const START_MS = 600_000;

describe("search over LSP in a workspace of horrors", () => {
  let session: Session;

  before(async function () {
    this.timeout(START_MS);
    // Such names cannot be made there.
    if (process.platform === "win32") this.skip();
    session = new Session({ settings: { model: { path: "", demo: false } }, files: {} });
    makeHorrors(session.folder);
    await session.initialize({});
    await session.status(({ state }) => state === "noModel");
    await find("anything");
  });

  after(async () => {
    if (session === undefined) return;
    chmodSync(join(session.folder, "closed"), 0o700);
    await session.stop();
    // Node cannot remove paths that are longer than a call takes.
    execFileSync("rm", ["-rf", session.folder, session.storageDir]);
  });

  function find(query: string): Promise<Place[]> {
    return session.connection.sendRequest(SearchRequest.type, { query, whole: true, limit: 5 });
  }

  for (const [index, [path, , line]] of FOUND.entries()) {
    it(`finds what is in ${JSON.stringify(path.slice(-40))}`, async () => {
      const [place] = await find(nameOf(index));
      const { path: found, uri, startLine } = place ?? assert.fail("nothing was found");
      assert.deepEqual([found, uri, startLine], [path, fileUri(join(session.folder, path)), line]);
      assert.equal((await find(`path:"${path.slice(-30)}" ${nameOf(index)}`))[0]?.path, path);
    });
  }

  it("finds each of ten thousand tiny files, and has all of them", async () => {
    for (const n of [0, 1, 4999, 9999]) assert.equal((await find(`tinyThing${n}`))[0]?.path, `tiny/${n % 100}/${n}.ts`);
    const rows = await session.connection.sendRequest(DoctorRequest.type, null);
    const search = rows.find(({ topic }) => topic === "search")?.text ?? "";
    const closed = isBound() ? 0 : 1;
    const nFiles = N_TINY + FOUND.length + closed + [".fathomignore", "alone.ts"].length;
    assert.match(search, new RegExp(`^${nFiles.toLocaleString("en")} files`));
  });

  it("names all that is left out, with the reason", async () => {
    const { files } = await session.connection.sendRequest(ContextMapRequest.type, {});
    const out = new Map(files.filter(({ form }) => form === "out").map(({ path, reason }) => [path, reason]));
    const links: [string, RegExp][] = [
      ["loop", /^symbolic link \(its target is read in its own place\)$/],
      ["tiny/up", /^symbolic link \(its target/],
      ["outside", /^symbolic link out of the folder$/],
      ["ring a", /^symbolic link that leads nowhere$/],
      ["ring b", /^symbolic link that leads nowhere$/],
      ["pipe", /^not a regular file$/],
      ["huge.log", /^larger than 512 KiB \(100\.0 MiB\)$/],
    ];
    const listed = LEFT_OUT.map(([path, , reason]) => [path.replace("\n", "\uFFFD"), reason] as const);
    for (const [path, reason] of [...links, ...listed]) {
      assert.match(out.get(path) ?? "not listed", reason, path);
      out.delete(path);
    }
    if (isBound()) assert.equal(out.get("closed/"), "cannot be read: permission denied");
    out.delete("closed/");
    const [tooLong, ...others] = [...out];
    assert.match(tooLong?.[0] ?? "", /^l{200}\/(?:l{200}\/)+$/);
    assert.equal(tooLong?.[1], "cannot be read: ENAMETOOLONG");
    assert.deepEqual(others, []);
    assert.equal(session.logs.filter((line) => /index/.test(line)).join(), "");
  });
});

/** Permissions do not bind root. */
function isBound(): boolean {
  return process.getuid?.() !== 0;
}

function nameOf(index: number): string {
  return `quokka${String.fromCharCode(97 + index)}Keeper`;
}

function makeHorrors(root: string): void {
  const write = (path: string, content: string | Uint8Array) => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  };
  for (const [index, [path, content]] of FOUND.entries()) write(path, content(`function ${nameOf(index)}() {}\n`));
  for (const [path, content] of LEFT_OUT) write(path, content);
  for (let n = 0; n < N_TINY; n++) write(`tiny/${n % 100}/${n}.ts`, `export const tinyThing${n} = ${n};\n`);
  write(".fathomignore", "!/wanted line.js\n");
  write("alone.ts", "");
  write("huge.log", "");
  truncateSync(join(root, "huge.log"), 100 * MIB);
  write("closed/in.ts", "export const closed = 1;\n");
  chmodSync(join(root, "closed"), 0);
  symlinkSync(".", join(root, "loop"));
  symlinkSync("..", join(root, "tiny/up"));
  symlinkSync("/", join(root, "outside"));
  symlinkSync("ring b", join(root, "ring a"));
  symlinkSync("ring a", join(root, "ring b"));
  execFileSync("mkfifo", [join(root, "pipe")]);
  // Deeper than a path can say: only a process that goes down step by step gets there.
  const goDown = `
    for (let length = process.cwd().length; length < ${PATH_MAX}; length += 201) {
      require("fs").mkdirSync("l".repeat(200));
      process.chdir("l".repeat(200));
    }
    require("fs").writeFileSync("too deep.ts", "export const tooDeep = 1;");`;
  execFileSync(process.execPath, ["-e", goDown], { cwd: root });
}
