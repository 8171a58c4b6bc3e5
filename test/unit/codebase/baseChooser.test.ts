// Tests which base is chosen: what serves, one that was read before, or a new layout, by what each would cost.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { PromptPart } from "../../../engine/src/api.ts";
import { BaseChooser, type BaseChooserOptions, type ChooseRequest } from "../../../server/src/codebase/baseChooser.ts";
import { type BaseRecord, recordId } from "../../../server/src/codebase/baseRecords.ts";
import { collectFiles } from "../../../server/src/codebase/fileSet.ts";
import { DEFAULT_SETTINGS } from "../../../server/src/protocol/settings.ts";
import { fileUri } from "../../../server/src/uris.ts";
import { type Tree, withTree, writeInto } from "./tempTree.ts";

const SNAPSHOTS = { dir: "/snapshots/mine", quotaBytes: 1e9 };
/** Code of two hundred lines, different for each file and each version. */
const code = (name: string) => Array.from({ length: 200 }, (_, line) => `let ${name}${line} = ${line};\n`).join("");

/** A workspace on disk, with an engine that has read what `read` names. */
interface Choice {
  record: BaseRecord;
  changed: string[];
  isNew: boolean;
  replacesForbidden: boolean;
}

interface World {
  root: string;
  chooser: BaseChooser;
  records: BaseRecord[];
  /** The bases that the engine can extend without reading, by their ids, with the tokens that are ready. */
  ready: Map<string, number>;
  told: string[];
  state: {
    contextTokens: number;
    maxTokens: number;
    name: string;
    forgotten: number;
    notes: string[];
    laidOut: number;
    /** Paths that rules keep out. */
    excluded: string[];
  };
  choose: (some?: Partial<ChooseRequest>) => Promise<Choice>;
  /** Lays out the workspace as it is, and keeps the record as one that was read whole. */
  remember: () => Promise<BaseRecord>;
}

function withWorld(tree: Tree, test: (world: World) => Promise<void>): Promise<void> {
  return withTree(tree, async (root) => {
    const records: BaseRecord[] = [];
    const ready = new Map<string, number>();
    const told: string[] = [];
    const state = {
      contextTokens: 100_000,
      maxTokens: 0,
      name: "repo",
      forgotten: 0,
      notes: [] as string[],
      laidOut: 0,
      excluded: [] as string[],
    };
    const folders = [{ name: "repo", path: root }];
    const info = () => ({
      contextTokens: state.contextTokens,
      trainedContextTokens: 262_144,
      modelHash: "m",
      gpu: "CPU",
    });
    const options = {
      engine: {
        countTokens: async (texts: string[]) => texts.map((text) => Math.ceil(text.length / 4)),
        reach: async ({ parts }: { parts: PromptPart[] }) => ({
          totalTokens: lengthOf(parts),
          readyTokens: ready.get(recordId(parts)) ?? 0,
          where: "snapshot",
        }),
        prefillSpeed: async () => 0,
      },
      workspace: {
        get name() {
          return state.name;
        },
        folders,
        files: () => collectFiles(folders),
        fileOf: () => undefined,
        placeOf: (path: string) => join(root, path),
        isExcluded: (path: string) => state.excluded.includes(path),
        forget: () => {
          state.forgotten += 1;
        },
      },
      focus: { weights: () => new Map() },
      settings: {
        get current() {
          return { ...DEFAULT_SETTINGS, context: { ...DEFAULT_SETTINGS.context, maxTokens: state.maxTokens } };
        },
      },
      records: { all: async () => ({ records: [...records], notes: state.notes }) },
      speeds: { of: async () => undefined },
      analyse: async (files: unknown[]) =>
        files.map(() => ({ outline: "", definitions: [], references: [], imports: [] })),
      tell: (notes: string[]) => told.push(...notes),
    };
    const chooser = new BaseChooser(options as unknown as BaseChooserOptions);
    const choose: World["choose"] = async (some = {}) => {
      const plan = { contextTokens: state.contextTokens, parts: [], needBytes: 1, availableBytes: 2 };
      const request = {
        active: { info: info(), plan },
        serving: undefined,
        purpose: "base",
        force: false,
        snapshots: SNAPSHOTS,
        signal: new AbortController().signal,
        onProgress: () => {},
        ...some,
      } as unknown as ChooseRequest;
      const known = [...records, ...(some.serving === undefined ? [] : [some.serving])];
      const { record, changed, replacesForbidden } = await chooser.choose(request);
      return { record, changed: [...changed], isNew: !known.includes(record), replacesForbidden };
    };
    const remember = async () => {
      const { record } = await choose({ force: true });
      records.unshift(record);
      ready.set(recordId(record.parts), lengthOf(record.parts));
      return record;
    };
    await test({ root, chooser, records, ready, told, state, choose, remember });
  });
}

const TREE = Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [`${name}.ts`, code(name)]));

describe("the choice of a base", () => {
  it("lays out a workspace that was never read, and does so again when asked by force", () =>
    withWorld(TREE, async ({ state, choose, remember }) => {
      const { record, isNew, changed } = await choose();
      assert.deepEqual([isNew, changed, record.repoName], [true, [], "repo"]);
      assert.deepEqual(record.files.map(({ path }) => path).sort(), Object.keys(TREE));
      await remember();
      assert.equal((await choose()).isNew, false);
      assert.equal((await choose({ force: true })).isNew, true);
      assert.equal(state.forgotten, 2);
    }));

  it("takes the base that was read before, with what has changed since", () =>
    withWorld(TREE, async ({ root, choose, remember }) => {
      const before = await remember();
      await writeInto(root, "a.ts", `${code("a")}more\n`);
      await writeInto(root, "new.ts", "let n = 1;\n");
      await rm(join(root, "b.ts"));
      const { record, changed } = await choose();
      assert.equal(record, before);
      assert.deepEqual(
        changed.sort(),
        ["a.ts", "b.ts", "new.ts"].map((name) => fileUri(join(root, name))),
      );
    }));

  it("takes no base with a file that rules keep out by now, and says that it is to go", () =>
    withWorld(TREE, async ({ root, choose, remember, state }) => {
      const before = await remember();
      assert.deepEqual((await choose()).replacesForbidden, false);
      await writeInto(root, ".fathomignore", "a.ts\n");
      state.excluded = ["a.ts"];
      for (const serving of [undefined, before]) {
        const { record, isNew, replacesForbidden } = await choose({ serving });
        assert.deepEqual([isNew, replacesForbidden], [true, true]);
        assert.ok(record.files.every(({ path }) => path !== "a.ts"));
      }
    }));

  it("finds the base of the other branch again, in both directions", () =>
    withWorld(TREE, async ({ root, choose, remember }) => {
      const main = await remember();
      const other = ["a", "b", "c", "d", "e", "f"];
      for (const name of other) await writeInto(root, `${name}.ts`, code(`${name}x`));
      const branch = await remember();
      assert.equal((await choose({ serving: main })).record, branch);
      for (const name of other) await writeInto(root, `${name}.ts`, code(name));
      assert.equal((await choose({ serving: branch })).record, main);
      assert.deepEqual((await choose({ serving: branch })).changed, []);
    }));

  it("prefers what serves to an equal record, and the record that needs less", () =>
    withWorld(TREE, async ({ root, choose, remember, records, ready }) => {
      const older = await remember();
      await writeInto(root, "a.ts", code("a2"));
      const newer = await remember();
      assert.equal((await choose()).record, newer);
      assert.equal((await choose({ serving: older })).record, newer);
      await writeInto(root, "a.ts", code("a"));
      assert.equal((await choose()).record, older);
      // One whose state is gone from disk would have to be read.
      ready.delete(recordId(older.parts));
      assert.equal((await choose()).record, newer);
      const serving = { ...newer };
      assert.equal((await choose({ serving })).record, serving);
      assert.equal(records.length, 2);
    }));

  it("takes a record only half read if a new layout would have less ready", () =>
    withWorld(TREE, async ({ root, choose, remember, ready }) => {
      const before = await remember();
      ready.set(recordId(before.parts), lengthOf(before.parts) / 2);
      await writeInto(root, "a.ts", `${code("a")}more\n`);
      assert.equal((await choose()).record, before);
      ready.set(recordId(before.parts), 5);
      assert.equal((await choose()).isNew, true);
    }));

  it("lays out anew when too much has changed", () =>
    withWorld(TREE, async ({ root, choose, remember }) => {
      await remember();
      for (const name of ["a", "b", "c"]) await writeInto(root, `${name}.ts`, code(`${name}y`));
      const { isNew, changed } = await choose();
      assert.deepEqual([isNew, changed], [true, []]);
    }));

  it("takes no record of another name, one that does not fit any more, or one that is outgrown", () =>
    withWorld(TREE, async ({ state, choose, remember, records }) => {
      const before = await remember();
      state.name = "renamed";
      assert.equal((await choose()).isNew, true);
      state.name = "repo";
      state.contextTokens = before.tokens + 100;
      assert.equal((await choose()).isNew, true);
      state.contextTokens = 100_000;
      assert.equal((await choose()).record, before);
      // Laid out for a small window: with a large one, more files have room.
      records.length = 0;
      state.maxTokens = 5000;
      const small = await remember();
      assert.ok(small.files.some(({ form }) => form === "path"));
      assert.equal((await choose()).record, small);
      state.maxTokens = 0;
      assert.equal((await choose()).isNew, true);
    }));

  it("does not take what serves for a compaction, nor an older base with many changes", () =>
    withWorld(TREE, async ({ root, choose, remember }) => {
      const serving = await remember();
      const compact = () => choose({ serving, purpose: "compaction" });
      await writeInto(root, "a.ts", `${code("a")}more\n`);
      assert.notEqual((await compact()).record, serving);
      const better = await remember();
      assert.equal((await compact()).record, better);
      // Below the limit of an ordinary reading, above half of it.
      await writeInto(root, "b.ts", code("b2"));
      assert.equal((await choose()).isNew, false);
      assert.equal((await compact()).isNew, true);
    }));

  it("looks at no records where snapshots are switched off, and tells what is wrong with records", () =>
    withWorld(TREE, async ({ state, told, choose, remember }) => {
      const before = await remember();
      state.notes = ["The note x cannot be used."];
      assert.equal((await choose({ snapshots: undefined })).isNew, true);
      assert.equal((await choose({ snapshots: undefined, serving: before })).record, before);
      assert.deepEqual(told, []);
      await choose();
      assert.deepEqual(told, ["The note x cannot be used."]);
    }));

  it("ends when it is aborted", () =>
    withWorld(TREE, async ({ choose, remember }) => {
      await assert.rejects(choose({ signal: AbortSignal.abort(new Error("enough")) }), /enough/);
      await remember();
      await assert.rejects(choose({ signal: AbortSignal.abort(new Error("enough")) }), /enough/);
    }));
});

function lengthOf(parts: readonly PromptPart[]): number {
  return parts.reduce((sum, part) => sum + ("text" in part ? Math.ceil(part.text.length / 4) : 1), 0);
}
