// Tests with random storms of saves, removals and damage that what is found is a true beginning, sound, and within the quota.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { SnapshotKind } from "../../../engine/src/api.ts";
import { removeSnapshots, SnapshotStore, verifySnapshots } from "../../../engine/src/snapshotStore.ts";
import { temporaryFolder } from "../../model/harness.ts";
import { DAMAGES, IDENTITY, idOf } from "./savedStates.ts";

const WORKSPACES = ["one", "two"];
const QUOTA_BYTES = 6000;
const LENGTH = 60;

/** Token lists that share beginnings of different lengths, as a base, a changed base and conversations do. */
const LISTS = [0, 0, 20, 40, 41].map((fork, list) =>
  Array.from({ length: LENGTH }, (_, index) => (index < fork ? index : 1000 * list + index)),
);

interface Written {
  workspace: string;
  tokens: number[];
  state: Buffer;
  damaged: boolean;
}

const workspace = fc.constantFrom(...WORKSPACES);
const list = fc.nat(LISTS.length - 1);
const length = fc.integer({ min: 1, max: LENGTH });
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("save" as const),
      workspace,
      list,
      length,
      kind: fc.constantFrom<SnapshotKind>("base", "partial", "conversation"),
      bytes: fc.integer({ min: 1, max: 3000 }),
      // A kill or a full disk in the middle of writing.
      fails: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("find" as const), workspace, list, length, moreThan: fc.nat(30) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), workspace, list, length }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("damage" as const), which: fc.nat(20), how: fc.constantFrom(...DAMAGES) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("tidy" as const), workspace }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("verify" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), workspace }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What was written to disk, beside what the stores make of it. */
class Storm {
  readonly #root: string;
  readonly #stores = new Map<string, SnapshotStore>();
  /** By workspace and id; may have been evicted meanwhile. */
  readonly #written = new Map<string, Written>();

  constructor(root: string) {
    this.#root = root;
    for (const name of WORKSPACES) this.#restart(name);
  }

  async run(one: Step): Promise<void> {
    switch (one.do) {
      case "save":
        return this.#save(one);
      case "find":
        return this.#find(one.workspace, LISTS[one.list]!.slice(0, one.length), one.moreThan);
      case "remove":
        await removeSnapshots(this.#root, [idOf(LISTS[one.list]!.slice(0, one.length))]);
        return;
      case "damage":
        return this.#damage(one);
      case "tidy":
        await this.#store(one.workspace).tidy();
        return;
      case "verify":
        for (const { id, workspace, problem } of await verifySnapshots(this.#root)) {
          assert.equal(problem !== undefined, this.#written.get(`${workspace}/${id}`)?.damaged);
        }
        return;
      case "restart":
        return this.#restart(one.workspace);
    }
  }

  /** Bytes of all states, whatever they are called now. */
  usedBytes(): number {
    let bytes = 0;
    for (const name of WORKSPACES) {
      for (const file of namesIn(join(this.#root, name))) {
        if (/\.(?:state|tmp)/.test(file)) bytes += statSync(join(this.#root, name, file)).size;
      }
    }
    return bytes;
  }

  /** The longest sound snapshot on disk that begins the target. */
  best(workspace: string, target: readonly number[]): number {
    const lengths = [...this.#written.entries()].flatMap(([name, { tokens, damaged }]) => {
      const fits = name.startsWith(workspace) && !damaged && existsSync(join(this.#root, `${name}.json`));
      return fits && isBeginning(tokens, target) ? [tokens.length] : [];
    });
    return Math.max(0, ...lengths);
  }

  #store(workspace: string): SnapshotStore {
    return this.#stores.get(workspace)!;
  }

  #restart(workspace: string): void {
    const dir = join(this.#root, workspace);
    this.#stores.set(workspace, new SnapshotStore({ dir, quotaBytes: QUOTA_BYTES }, 0));
  }

  async #save({ workspace, list, length, kind, bytes, fails }: Extract<Step, { do: "save" }>): Promise<void> {
    const tokens = LISTS[list]!.slice(0, length);
    const state = Buffer.alloc(bytes, JSON.stringify(tokens));
    const write = async (file: string) => {
      writeFileSync(file, fails ? state.subarray(0, bytes / 2) : state);
      if (fails) throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    const saving = this.#store(workspace).save(IDENTITY, kind, tokens, bytes, write);
    if (fails) return assert.rejects(saving, /the disk is full/);
    const { id } = await saving;
    this.#written.set(`${workspace}/${id}`, { workspace, tokens, state, damaged: false });
  }

  async #find(workspace: string, target: readonly number[], moreThan: number): Promise<void> {
    // Each damaged one is said once, then the next best is found.
    for (let attempt = 0; attempt <= this.#written.size; attempt++) {
      const found = await this.#store(workspace).find(IDENTITY, target, moreThan);
      if (found.kind === "unusable") continue;
      const best = this.best(workspace, target);
      if (found.kind === "none") return assert.ok(best <= moreThan, `a sound one with ${best} tokens was missed`);
      const written = this.#written.get(`${workspace}/${found.id}`);
      assert.ok(written !== undefined && !written.damaged, "a damaged one was found");
      assert.ok(isBeginning(written.tokens, target), "another list's state was found");
      assert.deepEqual([found.tokens, found.tokens > moreThan], [written.tokens.length, true]);
      assert.equal(found.tokens, best);
      return assert.deepEqual(readFileSync(found.stateFile), written.state);
    }
    assert.fail("a damaged one is found for ever");
  }

  #damage({ which, how }: Extract<Step, { do: "damage" }>): void {
    const there = [...this.#written].filter(([name, { damaged }]) => {
      return !damaged && existsSync(join(this.#root, `${name}.json`));
    });
    const [name, written] = there[which % Math.max(1, there.length)] ?? [];
    // Some ways of damage need a state of a certain length.
    if (name === undefined || written === undefined || written.state.length <= 10) return;
    how.do({ header: join(this.#root, `${name}.json`), state: join(this.#root, `${name}.state`) });
    written.damaged = true;
  }
}

function isBeginning(tokens: readonly number[], target: readonly number[]): boolean {
  return tokens.length <= target.length && tokens.every((token, index) => token === target[index]);
}

function namesIn(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir) : [];
}

describe("snapshots in a storm of saves, removals and damage", () => {
  it("are found only where they are a true beginning, sound and whole, and never pass the quota", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: "max" }), async (steps) => {
        const folder = temporaryFolder("snapshot-storm");
        try {
          const storm = new Storm(folder.path);
          for (const one of steps) {
            await storm.run(one);
            assert.ok(storm.usedBytes() <= QUOTA_BYTES, `${storm.usedBytes()} bytes`);
          }
        } finally {
          folder.remove();
        }
      }),
      { numRuns: 40 },
    );
  });
});
