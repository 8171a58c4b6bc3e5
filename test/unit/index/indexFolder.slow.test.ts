// Tests where the index is kept: on disk for the next start, anew where it is damaged, in memory where there is no folder for it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesIn, type OpenedIndex, openIndex, release } from "../../../server/src/index/indexFolder.ts";
import { embedder, syntax, text } from "./indexed.ts";

/** Mark of a server that runs, and of none. */
const OWNER = "1";
const NOBODY = "0";

describe("the folder of the index", () => {
  let root: string;
  let folder: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "fathom-index-"));
    folder = join(root, "deep", "index");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  async function withIndex(test: (opened: OpenedIndex) => Promise<void>, embedderName = "e1"): Promise<void> {
    const analyse: Parameters<typeof openIndex>[0]["analyse"] = (files) => syntax.analyse(files);
    const opened = await openIndex({ folder, owner: OWNER, embedder: await embedder(), embedderName, analyse });
    try {
      await test(opened);
    } finally {
      await opened.store.close();
      if (opened.folder !== undefined) release(opened.folder);
    }
  }

  /** @returns How many of the files had to be computed. */
  async function fill({ index }: OpenedIndex, files: Record<string, string> = FILES): Promise<number> {
    const before = index.statistics.computedFiles;
    await index.put(Object.entries(files).map(([path, content]) => text(path, content)));
    await index.tidy();
    assert.equal((await index.search("parseHeader"))[0]?.path, "a.ts");
    return index.statistics.computedFiles - before;
  }

  it("keeps everything for the next start", async () => {
    await withIndex(async (opened) => {
      assert.deepEqual([opened.folder, opened.notice], [folder, undefined]);
      assert.equal(await fill(opened), 2);
    });
    await withIndex(async (opened) => assert.equal(await fill(opened), 0));
    assert.ok((await bytesIn(folder)) > 1000);
    assert.equal(await bytesIn(join(root, "nowhere")), 0);
  });

  it("makes it anew for another embedder, and leaves nothing of the old one", async () => {
    await withIndex(async (opened) => void (await fill(opened)));
    await withIndex(async (opened) => assert.equal(await fill(opened), 2), "e2");
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes("e1")),
      [],
    );
  });

  for (const kind of ["data", "_versions", "_indices"]) {
    it(`makes it anew where ${kind} are damaged`, async () => {
      await withIndex(async (opened) => void (await fill(opened)));
      let damaged = 0;
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !entry.parentPath.includes(`.lance/${kind}`)) continue;
        const file = join(entry.parentPath, entry.name);
        writeFileSync(file, readFileSync(file).fill(0x5a));
        damaged += 1;
      }
      assert.ok(damaged > 0);
      await withIndex(async (opened) => {
        assert.deepEqual([opened.folder, opened.notice], [folder, undefined]);
        assert.equal(await fill(opened), 2);
      });
    });
  }

  it("is memory where there can be no folder, with one sentence", async () => {
    writeFileSync(join(root, "deep"), "a file");
    await withIndex(async (opened) => {
      assert.equal(opened.folder, undefined);
      assert.match(
        opened.notice ?? "",
        /^The search index is kept in memory and made anew at each start: .*cannot be wr/,
      );
      assert.equal(await fill(opened), 2);
    });
  });

  it("is memory, at once, where the system makes no folders", async function () {
    if (process.platform !== "linux") this.skip();
    folder = "/proc/nope/index";
    await withIndex(async ({ notice }) =>
      assert.match(notice ?? "", /\/proc\/nope\/index cannot be written \(ENOENT\)$/),
    );
  });

  it("is memory while another process has the folder, and the folder again once that has ended", async () => {
    await withIndex(async (opened) => void (await fill(opened)));
    const other = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });
    await once(other, "spawn");
    writeFileSync(join(folder, "owner.pid"), String(other.pid));
    await withIndex(async (opened) => {
      assert.match(opened.notice ?? "", /another window or command/);
      assert.equal(await fill(opened), 2);
    });
    assert.equal(readFileSync(join(folder, "owner.pid"), "utf8"), String(other.pid));
    other.stdin.end();
    await once(other, "exit");
    await withIndex(async (opened) => assert.equal(await fill(opened), 0));
    assert.equal(existsSync(join(folder, "owner.pid")), false);
  });

  it("is the folder again where another program has the number of the process that had it", async function () {
    if (process.platform !== "linux") this.skip();
    await withIndex(async (opened) => void (await fill(opened)));
    const mark = join(folder, "owner.pid");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    writeFileSync(mark, `${process.ppid} ${boot} 1`);
    await withIndex(async (opened) => {
      assert.deepEqual([opened.folder, opened.notice], [folder, undefined]);
      const [pid, ...start] = readFileSync(mark, "utf8").split("\n")[0]!.split(" ");
      assert.deepEqual([Number(pid), start.length], [process.pid, 2]);
    });
  });

  it("is the folder again, after a while, where a process has it whose server has gone", async () => {
    await withIndex(async (opened) => void (await fill(opened)));
    const ending = spawn(process.execPath, ["-e", "setTimeout(() => {}, 400)"], { stdio: "ignore" });
    await once(ending, "spawn");
    writeFileSync(join(folder, "owner.pid"), `${ending.pid}\n${NOBODY}`);
    await withIndex(async (opened) => {
      assert.deepEqual([opened.folder, opened.notice, ending.exitCode], [folder, undefined, 0]);
      assert.equal(await fill(opened), 0);
    });
  });

  it("leaves another's mark where it is", async () => {
    await withIndex(async () => {
      writeFileSync(join(folder, "owner.pid"), String(process.ppid));
    });
    assert.equal(readFileSync(join(folder, "owner.pid"), "utf8"), String(process.ppid));
  });
});

const FILES = { "a.ts": "export function parseHeader() {}\n", "b.ts": "export function other() {}\n" };
