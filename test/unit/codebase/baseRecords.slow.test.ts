// Tests that records of bases come back as they were written, and that nothing else in their place is trusted.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { type BaseRecord, BaseRecords, recordId } from "../../../server/src/codebase/baseRecords.ts";
import { fileParts } from "../../../server/src/codebase/fileParts.ts";
import { textHash } from "../../../server/src/codebase/readText.ts";
import { withTree } from "./tempTree.ts";

describe("base records", () => {
  it("come back as they were written, the last used first", () =>
    withTree({}, async (root) => {
      const records = new BaseRecords(join(root, "new", "folder"));
      assert.deepEqual(await records.all(), { records: [], notes: [] });
      const [a, b] = [record("a"), record("b")];
      await records.save(a);
      await age(join(root, "new", "folder"), a, 100);
      await records.save(b);
      assert.deepEqual(await records.all(), { records: [b, a], notes: [] });
      await age(join(root, "new", "folder"), b, 50);
      await records.save(a);
      assert.deepEqual((await records.all()).records, [a, b]);
      assert.equal((await readdir(join(root, "new", "folder"))).length, 2);
    }));

  it("are kept for the four bases that were used last", () =>
    withTree({}, async (root) => {
      const records = new BaseRecords(root);
      for (const [index, name] of ["a", "b", "c", "d", "e", "f"].entries()) {
        await records.save(record(name));
        await age(root, record(name), 100 - index);
      }
      const kept = (await records.all()).records.map(({ parts }) => recordId(parts));
      assert.deepEqual(
        kept,
        ["f", "e", "d", "c"].map((name) => recordId(record(name).parts)),
      );
    }));

  it("leave nothing behind of a writing that was killed, and touch no other file", () =>
    withTree({ "x.base.json.gz.123": "half", "state.bin": "1", "y.base.json.gz.9": "now" }, async (root) => {
      await utimes(join(root, "x.base.json.gz.123"), 1000, 1000);
      const records = new BaseRecords(root);
      await records.save(record("a"));
      const names = (await readdir(root)).filter((name) => !name.startsWith(recordId(record("a").parts)));
      assert.deepEqual(names.sort(), ["state.bin", "y.base.json.gz.9"]);
    }));

  it("throw the file system's error where nothing can be written", () =>
    withTree({ file: "" }, async (root) => {
      await assert.rejects(new BaseRecords(join(root, "file", "x")).save(record("a")), { code: "ENOTDIR" });
      assert.deepEqual(await new BaseRecords(join(root, "file")).all(), { records: [], notes: [] });
    }));

  it("name a base by its parts alone", () => {
    const other = { ...record("a"), createdAt: "2030-01-01T00:00:00.000Z", leftOut: [] };
    assert.equal(recordId(other.parts), recordId(record("a").parts));
    assert.notEqual(recordId(record("a").parts), recordId(record("b").parts));
    assert.match(recordId([]), /^[0-9a-f]{16}$/);
  });
});

describe("a record that cannot be trusted", () => {
  /** Whatever is wrong is told with its reason, set aside, and never met again. */
  const check = (what: string, reason: RegExp, content: () => string | Buffer) =>
    it(`is set aside: ${what}`, () =>
      withTree({}, async (root) => {
        const records = new BaseRecords(root);
        await records.save(record("good"));
        const name = `${recordId(record("a").parts)}.base.json.gz`;
        await writeFile(join(root, name), content());
        const found = await records.all();
        assert.deepEqual(found.records, [record("good")]);
        assert.equal(found.notes.length, 1);
        assert.match(found.notes[0]!, reason);
        assert.match(
          found.notes[0]!,
          new RegExp(`^The note ${name} about what was read before cannot be used \\(.+\\);`),
        );
        assert.deepEqual((await records.all()).notes, []);
        assert.ok((await readdir(root)).includes("unusable.base.json.gz.bad"));
      }));

  check("empty", /unexpected end/i, () => "");
  check("no archive", /incorrect header/, () => "{}");
  check("cut off", /unexpected end/i, () => packed(signed(record("a"))).subarray(0, 100));
  check("no JSON", /JSON/, () => gzipSync("{"));
  check("no object", /another format/, () => packed([1]));
  check("null", /another format/, () => packed(null));
  check("of a newer version", /another format/, () => packed({ ...signed(record("a")), format: 2 }));
  check("changed by a bit", /checksum/, () =>
    packed({ ...signed(record("a")), record: { ...record("a"), tokens: 8 } }),
  );
  check("without a checksum", /checksum/, () => packed({ format: 1, record: record("a") }));
  check("larger on disk than any base", /too large/, () => Buffer.alloc(32 * 1024 * 1024 + 1));
  check("a small file that unpacks to all of the memory", /larger than|too large/i, () =>
    gzipSync(Buffer.alloc(200 * 1024 * 1024)),
  );
  check("named after another base", /another base/, () => packed(signed(record("b"))));

  const wrong = (field: string, values: unknown[], reason: RegExp) => {
    for (const value of values) {
      const text = JSON.stringify(value)?.slice(0, 60);
      check(`${field} is ${text}`, reason, () => packed(signed({ ...record("a"), [field]: value })));
    }
  };
  wrong("repoName", [1, null, ["a"]], /a field is missing/);
  wrong("createdAt", [undefined, 5], /a field is missing/);
  wrong("tokens", [-1, 1.5, "7", null], /a field is missing/);
  wrong("frontTokens", [-1, "7"], /a field is missing/);
  wrong("parts", [null, {}, "text"], /a field is missing/);
  wrong("files", [null, {}, "text"], /a field is missing/);
  wrong("leftOut", [null, {}], /a field is missing/);
  wrong("leftOut", [[1], [{ path: "a" }], [{ path: 1, reason: "b" }]], /left out is not one/);
  wrong("parts", [[1], [{}], [{ text: 1 }], [{ text: "a", label: 1 }], [null]], /a part of the base is not one/);
  wrong("parts", [[{ special: "<|im_start|>" }], [{ special: 1 }]], /a part of the base is not one/);
  const file = record("a").files[0]!;
  const files = [
    null,
    { ...file, form: "other" },
    { ...file, tokens: -1 },
    { ...file, text: 1 },
    { ...file, hash: undefined },
    { ...file, reason: 1 },
    ...["", "/etc/passwd", "../b", "a/../../b", "a//b", "./a", "a/", "a\nb", "a\0b", 1].map((path) => ({
      ...file,
      path,
    })),
  ];
  wrong(
    "files",
    files.map((each) => [each]),
    /an entry of a file is not one/,
  );
  wrong("files", [[file, file]], /a file is in it twice/);
  wrong("files", [[{ ...file, text: "other", hash: textHash("other") }]], /does not stand in the base/);
  wrong("files", [[{ ...file, hash: textHash("other") }]], /does not fit its hash/);

  it("stays where it is if it cannot be set aside, and is told again", () =>
    withTree({ "x.base.json.gz": "no", "unusable.base.json.gz.bad/in-the-way": "" }, async (root) => {
      const records = new BaseRecords(root);
      assert.equal((await records.all()).notes.length, 1);
      assert.equal((await records.all()).notes.length, 1);
      await records.save(record("a"));
      assert.deepEqual((await records.all()).records, [record("a")]);
    }));

  it("is what a written one is not: the test's own packing agrees with it", () =>
    withTree({}, async (root) => {
      await new BaseRecords(root).save(record("a"));
      const [name] = await readdir(root);
      const content = JSON.parse(gunzipSync(await readFile(join(root, name!))).toString());
      assert.deepEqual(content, signed(record("a")));
    }));
});

function record(name: string): BaseRecord {
  const text = `export const ${name} = 1;\n`;
  const path = `src/${name}.ts`;
  const outline = { path: "b.ts", form: "outline", text: "let b", hash: textHash("let b = 1;") } as const;
  return {
    repoName: "repo",
    parts: [
      { text: "system\n" },
      { special: "<|repo_name|>" },
      ...fileParts(path, "whole", text),
      ...fileParts("b.ts", "outline", "let b"),
    ],
    files: [
      { path, form: "whole", text, hash: textHash(text), tokens: 5, reason: "fits" },
      { ...outline, tokens: 3, reason: "does not fit" },
      { path: "c.bin", form: "path", text: "", hash: "", tokens: 9, reason: "does not fit" },
    ],
    leftOut: [{ path: "x/", reason: "ignored" }],
    tokens: 7,
    frontTokens: 2,
    createdAt: "2026-01-01T00:00:00.000Z",
  };
}

function signed(value: unknown): Record<string, unknown> {
  const sha256 = createHash("sha256").update(JSON.stringify(value)).digest("hex");
  return { format: 1, sha256, record: value };
}

function packed(value: unknown): Buffer {
  return gzipSync(JSON.stringify(value));
}

/** Makes a record look last used so many seconds ago. */
function age(dir: string, { parts }: BaseRecord, seconds: number): Promise<void> {
  const at = Date.now() / 1000 - seconds;
  return utimes(join(dir, `${recordId(parts)}.base.json.gz`), at, at);
}
