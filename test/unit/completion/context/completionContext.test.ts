// Tests when the context block is gathered, that it stands still while the user types, and that no source can hold it up.
import assert from "node:assert/strict";
import fc from "fast-check";
import { CompletionContext } from "../../../../server/src/completion/context/completionContext.ts";
import type { Candidate, ContextItem, SourceName } from "../../../../server/src/completion/context/contextItems.ts";
import { createContext } from "../../../../server/src/completion/context/sources.ts";
import { Overlaid } from "../../codebase/overlaid.ts";
import { withTree } from "../../codebase/tempTree.ts";
import { analyse, ContextWorld, GivenSource, numbered } from "./contextWorld.ts";

const OWN = "own.ts";
const FILES = {
  [OWN]: "",
  "other.ts": "",
  "a.ts": numbered("a", 50),
  "b.ts": numbered("b", 50),
  "c.ts": numbered("c", 50),
};

class Case {
  readonly world = new ContextWorld({ ...FILES });
  readonly sources = (["definitions", "search", "edits"] as const).map((name) => new GivenSource(name));
  readonly logged: string[] = [];
  countTokens = async (texts: string[]) => texts.map(({ length }) => length);
  updateWorkspace: (signal: AbortSignal) => Promise<unknown> = async () => {};
  readonly context = new CompletionContext({
    sources: this.sources,
    texts: this.world.texts,
    updateWorkspace: (signal) => this.updateWorkspace(signal),
    countTokens: (texts) => this.countTokens(texts),
    clock: this.world.clock,
    log: (line) => this.logged.push(line),
  });

  /** What a source proposes from now on. @param ranges As `a.ts:3-5`, 0-based. */
  propose(name: SourceName, ...ranges: string[]): void {
    this.source(name).give = async ({ texts }) => {
      const found = await Promise.all(
        ranges.map(async (range): Promise<Candidate[]> => {
          const [, path = "", start = "", end = ""] = /^(.*):(\d+)-(\d+)$/.exec(range) ?? [];
          const file = await texts.ofPath(path);
          if (file === undefined) return [];
          const [startLine, endLine] = [Number(start), Number(end)];
          const text = file.lines.slice(startLine, endLine + 1).join("\n");
          return [{ path, form: "lines", startLine, endLine, text, hash: file.hash, score: 1, reason: "test" }];
        }),
      );
      return found.flat();
    };
  }

  source(name: SourceName): GivenSource {
    return this.sources.find((source) => source.name === name)!;
  }

  items(path = OWN, marked = "¦", budget?: number, signal?: AbortSignal): Promise<readonly ContextItem[]> {
    return this.context.items(this.world.request(path, marked, budget, signal));
  }

  refresh(path = OWN, marked = "¦", budget?: number, signal?: AbortSignal): Promise<boolean> {
    return this.context.refresh(this.world.request(path, marked, budget, signal));
  }

  /** Lets begin what has no need of time, then turns the clock. */
  async pass(ms: number): Promise<void> {
    await this.world.clock.settle();
    await this.world.clock.pass(ms);
  }

  get nAsked(): number {
    return this.source("definitions").nAsked;
  }
}

const places = (items: readonly ContextItem[]) =>
  items.map(({ source, path, startLine }) => `${source} ${path}:${startLine}`);
const never = () => new Promise<never>(() => {});

describe("the completion's context", () => {
  it("is gathered for the first completion and then stands still, as the same list, while the user types", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    const first = await one.items();
    assert.deepEqual(places(first), ["definitions a.ts:0"]);
    one.propose("definitions", "b.ts:0-3");
    for (const text of ["x¦", "xy¦", "xy\n¦", "¦"]) assert.equal(await one.items(OWN, text), first);
    assert.equal(one.nAsked, 1);
  });

  it("knows path, text, reason and tokens with the frame", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:1-2");
    const text = "line 1 of a\nline 2 of a";
    const tokens = `a.ts\n${text}\n`.length + 1;
    assert.deepEqual(await one.items(), [
      { source: "definitions", path: "a.ts", startLine: 1, text, reason: "test", tokens },
    ]);
  });

  it("is gathered anew in idle: what stays keeps its place, new items follow", async () => {
    const one = new Case();
    one.propose("edits", "a.ts:0-3");
    const first = await one.items();
    one.propose("definitions", "b.ts:0-3");
    assert.equal(await one.refresh(), true);
    const second = await one.items();
    assert.deepEqual(places(second), ["edits a.ts:0", "definitions b.ts:0"]);
    assert.equal(second[0], first[0]);
    assert.equal(await one.refresh(), false);
    assert.equal(await one.items(), second);
  });

  it("is not begun anew for little, unless the cursor has moved on", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    await one.items();
    one.propose("search", "b.ts:0-3");
    assert.equal(await one.refresh(), false);
    assert.equal(await one.refresh(OWN, `${"\n".repeat(50)}¦`), true);
    assert.deepEqual(places(await one.items(OWN, `${"\n".repeat(50)}¦`)), ["definitions a.ts:0", "search b.ts:0"]);
  });

  it("is gathered for another document, without its own text", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3", "b.ts:0-3");
    assert.deepEqual(places(await one.items()), ["definitions a.ts:0", "definitions b.ts:0"]);
    assert.deepEqual(places(await one.items("a.ts", `${FILES["a.ts"]}¦`)), ["definitions b.ts:0"]);
    assert.equal(one.nAsked, 2);
  });

  it("is gathered anew after a jump, not after a few lines", async () => {
    const one = new Case();
    const far = "\n".repeat(300);
    await one.items(OWN, `¦${far}`);
    await one.items(OWN, `${"\n".repeat(60)}¦`);
    await one.items(OWN, `${"\n".repeat(120)}¦`);
    assert.equal(one.nAsked, 1);
    await one.items(OWN, `${far}¦`);
    assert.equal(one.nAsked, 2);
  });

  it("loses an item in idle when its text has changed, and keeps one that has moved", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3", "b.ts:10-13");
    await one.items();
    one.propose("definitions");
    one.world.files.set("b.ts", `new\n${FILES["b.ts"]}`);
    assert.equal(await one.refresh(), false);
    one.world.files.set("a.ts", FILES["a.ts"].replace("line 2 ", "other "));
    assert.equal(await one.refresh(), true);
    assert.deepEqual(places(await one.items()), ["definitions b.ts:10"]);
  });

  it("loses an item in idle when its file may not be read any more", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    await one.items();
    one.world.files.set("a.ts", `const t = "gh${"p_"}${"aB3dE5gH7j".repeat(4).slice(0, 36)}";\n${FILES["a.ts"]}`);
    assert.equal(await one.refresh(), true);
    assert.deepEqual(await one.items(), []);
  });

  it("drops the last items when the room becomes smaller", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3", "b.ts:0-3");
    const [first, second] = await one.items();
    const smaller = await one.items(OWN, "¦", first!.tokens + second!.tokens - 1);
    assert.deepEqual(smaller, [first]);
    assert.equal(await one.items(), smaller);
  });

  it("begins anew when it is told to forget", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    await one.items();
    one.context.forget();
    await one.items();
    assert.equal(one.nAsked, 2);
  });
});

describe("a source of the completion's context", () => {
  it("that fails is missing alone, and named once in the log", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    one.source("search").give = async () => {
      throw new Error("the index is off");
    };
    assert.deepEqual(places(await one.items()), ["definitions a.ts:0"]);
    await one.refresh();
    assert.deepEqual(one.logged, ["Completion context without search (the index is off)."]);
  });

  it("that fails at once is missing alone, too", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    one.source("search").give = () => {
      throw new Error("at once");
    };
    assert.equal((await one.items()).length, 1);
  });

  it("that hangs is left out at the deadline, told so, and what it says afterwards does not count", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    let ended = false;
    one.source("search").give = (_, signal) => {
      signal.addEventListener("abort", () => {
        ended = true;
      });
      return never();
    };
    let isThere = false;
    const items = one.items().finally(() => {
      isThere = true;
    });
    await one.pass(149);
    assert.deepEqual([isThere, ended], [false, false]);
    await one.pass(1);
    assert.deepEqual(places(await items), ["definitions a.ts:0"]);
    assert.equal(ended, true);
    assert.deepEqual(one.logged, ["Completion context without search (late)."]);
  });

  it("that was late for the first completion comes with the next gathering", async () => {
    const one = new Case();
    one.source("search").give = never;
    const items = one.items();
    await one.pass(150);
    assert.deepEqual(await items, []);
    one.propose("search", "b.ts:0-3");
    assert.equal(await one.refresh(), true);
    assert.deepEqual(places(await one.items()), ["search b.ts:0"]);
  });

  it("has longer in idle", async () => {
    const one = new Case();
    await one.items();
    one.source("definitions").give = (surroundings) =>
      new Promise((resolve) => {
        one.world.clock.after(900, () => resolve(one.sources[2]!.give(surroundings, new AbortController().signal)));
      });
    one.propose("edits", "a.ts:0-3");
    const refreshed = one.refresh();
    await one.pass(999);
    assert.equal(await refreshed, true);
    assert.deepEqual(places(await one.items()), ["definitions a.ts:0"]);
  });

  it("reads nothing before it is known what may be read", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    one.updateWorkspace = never;
    const items = one.items();
    await one.pass(150);
    assert.deepEqual(await items, []);
    assert.deepEqual([one.nAsked, one.world.reads], [0, []]);
    assert.deepEqual(one.logged, ["Completion context without workspace (late)."]);
    one.updateWorkspace = async () => {};
    assert.equal(await one.refresh(), true);
    const known = await one.items();
    one.updateWorkspace = never;
    const refreshed = one.refresh();
    await one.pass(1000);
    assert.equal(await refreshed, false);
    assert.equal(await one.items(), known);
  });

  it("is not waited for by an engine that cannot count: lengths are estimated", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-0");
    one.countTokens = never;
    const items = one.items();
    await one.pass(150);
    assert.deepEqual(
      (await items).map(({ tokens }) => tokens),
      [Math.ceil("a.ts\nline 0 of a\n".length / 2.5) + 1],
    );
  });
});

describe("gathering the completion's context", () => {
  it("goes on for the next key when the request for the last one ends", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    one.source("search").give = never;
    const overtaken = new AbortController();
    const first = one.items(OWN, "x¦", undefined, overtaken.signal);
    const second = one.items(OWN, "xy¦");
    overtaken.abort(new Error("typed on"));
    await assert.rejects(first, /typed on/);
    await one.pass(150);
    assert.equal((await second).length, 1);
    assert.equal(one.nAsked, 1);
  });

  it("changes nothing when the user types during it", async () => {
    const one = new Case();
    one.propose("definitions", "a.ts:0-3");
    const first = await one.items();
    one.propose("definitions", "b.ts:0-3");
    one.source("search").give = never;
    const typing = new AbortController();
    const refreshed = one.refresh(OWN, "¦", undefined, typing.signal);
    await one.world.clock.settle();
    typing.abort();
    assert.equal(await refreshed, false);
    assert.equal(await one.items(), first);
    assert.deepEqual(one.logged, []);
  });

  it("for a document that was left meanwhile gives way to the one for the next", async () => {
    const one = new Case();
    one.source("search").give = never;
    one.propose("definitions", "a.ts:0-3");
    const left = one.items();
    const next = one.items("other.ts");
    await one.pass(150);
    assert.deepEqual(await left, []);
    assert.equal((await next).length, 1);
    assert.equal(await one.items("other.ts"), await next);
  });

  it("keeps the list the same object until a refresh says otherwise, in every typing session", async () => {
    const range = fc.record({
      path: fc.constantFrom("a.ts", "b.ts", "c.ts", OWN),
      start: fc.nat(45),
      length: fc.nat(4),
    });
    const proposal = fc
      .array(range, { maxLength: 4 })
      .map((ranges) => ranges.map(({ path, start, length }) => `${path}:${start}-${start + length}`));
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant("type" as const), text: fc.constantFrom("x", "\n", "foo(") }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant("find" as const),
          name: fc.constantFrom("definitions" as const, "search" as const, "edits" as const),
          proposal,
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant("refresh" as const), budget: fc.integer({ min: 300, max: 900 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant("save" as const),
          path: fc.constantFrom("a.ts", "b.ts"),
          line: fc.nat(45),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const one = new Case();
        let text = "";
        let budget = 900;
        let shown = await one.items(OWN, "¦", budget);
        for (const next of steps) {
          if (next.do === "type") text += next.text;
          if (next.do === "find") one.propose(next.name, ...next.proposal);
          if (next.do === "save") {
            const lines = one.world.files.get(next.path)!.split("\n");
            one.world.files.set(next.path, lines.with(next.line, `saved ${text.length}`).join("\n"));
          }
          if (next.do === "refresh") budget = next.budget;
          const isChanged = next.do === "refresh" && (await one.refresh(OWN, `${text}¦`, budget));
          const now = await one.items(OWN, `${text}¦`, budget);
          if (next.do !== "refresh") assert.equal(now, shown);
          else if (!isChanged) assert.deepEqual(now, shown);
          const stayed = shown.filter((item) => now.includes(item));
          assert.deepEqual(now.slice(0, stayed.length), stayed);
          assert.ok(now.every(({ path }) => path !== OWN));
          assert.ok(now.reduce((sum, { tokens }) => sum + tokens, 0) <= budget);
          if (next.do === "refresh")
            for (const item of now) assert.ok(one.world.files.get(item.path)!.includes(item.text));
          shown = now;
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("the context of a small workspace", () => {
  const TREE = {
    "src/shop.ts": "",
    "src/shop.test.ts": "import { total } from './shop';\n",
    "src/price.ts": "/** In cents. */\nexport function priceOf(item: string): number {\n  return item.length;\n}\n",
    "src/cart.ts": numbered("cart", 30),
    "src/keys.ts": `export const KEY = "gh${"p_"}${"aB3dE5gH7j".repeat(4).slice(0, 36)}";\n`,
    "src/out.ts": "export const OUT = 1;\n",
    ".gitignore": "out.ts\n",
  };
  const lines = (start: number, end: number) => ({
    start: { line: start, character: 0 },
    end: { line: end, character: 0 },
  });

  it("has signatures, views and edits of other files, nothing secret and nothing ignored", () =>
    withTree(TREE, async (root) => {
      const place = new Overlaid(root);
      const world = new ContextWorld({});
      const logged: string[] = [];
      const { context, views } = createContext({
        documents: place.documents,
        workspace: place.workspace,
        index: {
          imported: async () => ["src/price.ts", "src/keys.ts", "src/out.ts"],
          named: async () => [],
        },
        syntax: { analyse },
        clock: world.clock,
        countTokens: async (texts) => texts.map(({ length }) => length),
        log: (line) => logged.push(line),
        askForDefinitions: async () =>
          ["src/keys.ts", "src/out.ts", "../x.ts"].map((path) => ({
            position: 0,
            uri: place.uri(path),
            range: lines(0, 0),
          })),
      });
      place.type("src/cart.ts", TREE["src/cart.ts"]);
      place.type("src/cart.ts", TREE["src/cart.ts"].replace("line 20", "const edited = 1;\nline 20"));
      for (const path of ["src/cart.ts", "src/keys.ts", "src/out.ts"])
        views.viewed({ uri: place.uri(path), ranges: [lines(0, 5)] });
      const items = await context.items(world.request("src/shop.ts", "export const total = priceOf(¦"));
      assert.deepEqual(logged, []);
      assert.deepEqual(
        items.map(({ source, path, text }) => `${source} ${path} ${text.split("\n").length}`),
        [
          "imports src/price.ts 2",
          "neighbours src/shop.test.ts 1",
          "search src/price.ts 1",
          "viewed src/cart.ts 6",
          "edits src/cart.ts 8",
        ],
      );
    }));
});
