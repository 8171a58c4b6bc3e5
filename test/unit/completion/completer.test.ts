// Tests that the model is asked only when nothing cheaper answers, and that everything yields to the newest key.
import assert from "node:assert/strict";
import { TextDocument } from "vscode-languageserver-textdocument";
import { type Answer, Completer } from "../../../server/src/completion/completer.ts";
import { CompletionCache } from "../../../server/src/completion/completionCache.ts";
import { Debounce } from "../../../server/src/completion/debounce.ts";
import { placeAt } from "../../../server/src/completion/place.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";
import { FIGURES, ScriptedEngine } from "../../fakes/scriptedEngine.ts";

/** Longer than any debounce and adoption. */
const LONG_MS = 1000;

/** A user with one file. */
class User {
  readonly clock = new FakeClock();
  readonly engine = new ScriptedEngine();
  readonly prepared: { background: boolean; textBefore: string }[] = [];
  maySpeculate = true;
  evaluatedTokens = 0;
  readonly completer = new Completer({
    engine: this.engine,
    clock: this.clock,
    cache: new CompletionCache(),
    debounce: new Debounce(this.clock),
    maySpeculate: () => this.maySpeculate,
    onWorked: (_ask, { evaluatedTokens }) => {
      this.evaluatedTokens += evaluatedTokens;
    },
    prepare: async ({ place }, background) => {
      this.prepared.push({ background, textBefore: place.textBefore });
      return {
        request: {
          kind: "completion",
          parts: [{ text: place.textBefore }],
          sampling: { temperature: 0 },
          maxTokens: 9,
        },
        newStops: () => ({ push: (text) => ({ stop: false, text }) }),
      };
    },
  });
  #text = "";
  #offset = 0;
  #version = 0;

  constructor(text: string) {
    this.#text = text.replace("¦", "");
    this.#offset = text.indexOf("¦");
  }

  /** As the server hears of it: the change, then the withdrawal of the request before, then the next request. */
  type(typed: string, closed = ""): void {
    this.#text = this.#text.slice(0, this.#offset) + typed + closed + this.#text.slice(this.#offset);
    this.#offset += typed.length;
    this.completer.changed(this.document);
  }

  backspace(): void {
    this.#text = this.#text.slice(0, this.#offset - 1) + this.#text.slice(this.#offset);
    this.#offset -= 1;
    this.completer.changed(this.document);
  }

  moveTo(offset: number): void {
    this.#offset = offset;
  }

  get document(): TextDocument {
    return TextDocument.create("file:///w/a.ts", "typescript", ++this.#version, this.#text);
  }

  ask(options: { explicit?: boolean; signal?: AbortSignal } = {}): Promise<Answer> {
    const { ask, signal } = this.asking(options);
    return this.completer.complete(ask, signal);
  }

  asking({ explicit = false, signal = new AbortController().signal } = {}) {
    const { document } = this;
    const place = placeAt(document, "a.ts", document.positionAt(this.#offset));
    return { ask: { place, document, explicit }, signal };
  }

  /** Asks by hand, and the model says this. */
  async isTold(text: string): Promise<void> {
    const answer = this.ask({ explicit: true });
    await this.clock.settle();
    this.engine.newest.say(text);
    this.engine.newest.end();
    await answer;
  }

  /** Lets the debounce pass. */
  async wait(): Promise<void> {
    await this.clock.pass(LONG_MS);
  }
}

const said = (answer: Answer) => (answer.kind === "said" ? `${answer.text} (${answer.source})` : answer.kind);

describe("completion: completer", () => {
  it("asks the model after a pause, and answers with what it says", async () => {
    const user = new User("x = ¦;");
    user.type("a");
    const answer = user.ask();
    await user.clock.settle();
    assert.equal(user.engine.scripts.length, 0);
    await user.wait();
    user.engine.newest.say("bc");
    user.engine.newest.end();
    assert.equal(said(await answer), "bc (model)");
  });

  it("asks at once when the user asked by hand", async () => {
    const user = new User("x = ¦;");
    user.type("a");
    void user.ask({ explicit: true });
    await user.clock.settle();
    assert.equal(user.engine.scripts.length, 1);
  });

  it("asks the model once for what is typed through", async () => {
    const user = new User("x = ¦;");
    await user.isTold("foo(1)");
    for (const [key, rest] of [
      ["f", "oo(1) (typed)"],
      ["o", "o(1) (typed)"],
      ["o", "(1) (typed)"],
    ] as const) {
      user.type(key);
      assert.equal(said(await user.ask()), rest);
    }
    user.type("(", ")");
    assert.equal(said(await user.ask()), "1) (typed)");
    user.moveTo(4);
    assert.equal(user.engine.scripts.length, 1);
  });

  it("answers from what it said before after a detour", async () => {
    const user = new User("x = ¦;");
    await user.isTold("foo");
    user.type("q");
    user.backspace();
    assert.equal(said(await user.ask()), "foo (cache)");
  });

  it("keeps what runs while the user types what it says, and gives the rest", async () => {
    const user = new User("x = ¦;");
    const withdraw = new AbortController();
    const first = user.ask({ explicit: true, signal: withdraw.signal });
    await user.clock.settle();
    user.engine.newest.say("fo");
    user.type("f");
    withdraw.abort();
    assert.equal(said(await first), "superseded");
    const second = user.ask();
    user.engine.newest.say("o(1)");
    user.engine.newest.end();
    assert.equal(said(await second), "oo(1) (running)");
    assert.equal(user.engine.scripts.length, 1);
  });

  it("keeps it where the editor closes a brace on a line of its own", async () => {
    const user = new User("  if (a) ¦\n");
    void user.ask({ explicit: true });
    await user.clock.settle();
    user.engine.newest.say("{\n    b();");
    user.type("{", "}");
    user.type("\n    ", "\n  ");
    assert.equal(user.engine.live.length, 1);
    const second = user.ask();
    user.engine.newest.say("\n  }");
    user.engine.newest.end();
    assert.equal(said(await second), "b();\n  } (running)");
  });

  it("keeps it where the editor closes a bracket too", async () => {
    const user = new User("x = ¦;");
    void user.ask({ explicit: true });
    await user.clock.settle();
    user.engine.newest.say("(1");
    user.type("(", ")");
    const second = user.ask();
    user.engine.newest.say(" + 2)");
    user.engine.newest.end();
    assert.equal(said(await second), "1 + 2) (running)");
  });

  it("ends what runs in the turn in which something else is typed", async () => {
    const user = new User("x = ¦;");
    void user.ask({ explicit: true });
    await user.clock.settle();
    user.engine.newest.say("fo");
    user.type("g");
    assert.equal(user.engine.live.length, 0);
  });

  it("ends what runs when the request is withdrawn and nothing was typed", async () => {
    const user = new User("x = ¦;");
    const withdraw = new AbortController();
    const first = user.ask({ explicit: true, signal: withdraw.signal });
    await user.clock.settle();
    withdraw.abort();
    assert.equal(said(await first), "superseded");
    assert.equal(user.engine.live.length, 0);
  });

  it("ends what was kept for a request that never comes", async () => {
    const user = new User("x = ¦;");
    const withdraw = new AbortController();
    void user.ask({ explicit: true, signal: withdraw.signal });
    await user.clock.settle();
    user.engine.newest.say("fo");
    user.type("f");
    withdraw.abort();
    await user.clock.settle();
    assert.equal(user.engine.live.length, 1);
    await user.wait();
    assert.equal(user.engine.live.length, 0);
  });

  it("asks again when the model turns out to say something else than was typed", async () => {
    const user = new User("x = ¦;");
    void user.ask({ explicit: true });
    await user.clock.settle();
    user.type("b");
    const second = user.ask();
    await user.clock.settle();
    user.engine.newest.say("foo");
    await user.clock.settle();
    assert.equal(user.engine.scripts.length, 2);
    user.engine.newest.say("ar");
    user.engine.newest.end();
    assert.equal(said(await second), "ar (model)");
  });

  it("has one live request after a hundred rapid changes", async () => {
    const user = new User("x = ¦;");
    const answers: Promise<Answer>[] = [];
    for (let key = 0; key < 100; key++) {
      user.type("abcdefghij"[key % 10]!);
      answers.push(user.ask());
      await user.clock.pass(key % 7);
      assert.ok(user.engine.live.length <= 1);
    }
    await user.wait();
    assert.equal(user.engine.live.length, 1);
    user.engine.newest.say("!");
    user.engine.newest.end();
    const texts = (await Promise.all(answers)).map(said);
    assert.equal(texts.filter((text) => text !== "superseded").length, 1);
    assert.equal(texts.at(-1), "! (model)");
  });

  describe("guessing the next completion", () => {
    async function shown(user: User): Promise<void> {
      await user.isTold("foo()");
      user.completer.anticipate(user.asking().ask, "foo()");
    }

    it("makes it when something has been shown for a while, and has it ready when that is taken", async () => {
      const user = new User("x = ¦\n");
      await shown(user);
      assert.equal(user.engine.scripts.length, 1);
      await user.wait();
      assert.deepEqual(user.prepared.at(-1), { background: true, textBefore: "x = foo()" });
      user.engine.newest.say("\ny = 1");
      user.engine.newest.end();
      await user.clock.settle();
      user.type("foo()");
      assert.equal(said(await user.ask()), "\ny = 1 (cache)");
    });

    it("gives what is still being guessed", async () => {
      const user = new User("x = ¦\n");
      await shown(user);
      await user.wait();
      user.engine.newest.say("\ny");
      user.type("foo()");
      const answer = user.ask();
      user.engine.newest.end();
      assert.equal(said(await answer), "\ny (speculative)");
    });

    it("asks anew in the foreground and at once where nothing was said of it yet", async () => {
      const user = new User("x = ¦\n");
      await shown(user);
      await user.wait();
      const guess = user.engine.newest;
      user.type("foo()");
      const answer = user.ask();
      await user.clock.settle();
      assert.ok(guess.signal?.aborted);
      assert.deepEqual(user.prepared.at(-1), { background: false, textBefore: "x = foo()" });
      user.engine.newest.say("\ny");
      user.engine.newest.end();
      assert.equal(said(await answer), "\ny (model)");
    });

    /** Somebody waits for a guess that has begun to speak. */
    async function joined() {
      const user = new User("x = ¦\n");
      await shown(user);
      await user.wait();
      const guess = user.engine.newest;
      guess.say(" + y");
      user.type("foo()");
      const withdraw = new AbortController();
      const answer = user.ask({ signal: withdraw.signal });
      await user.clock.settle();
      return { user, guess, withdraw, answer };
    }

    it("keeps one that somebody waits for while they type what it says", async () => {
      const { user, guess, withdraw, answer } = await joined();
      user.type(" ");
      withdraw.abort();
      assert.equal(said(await answer), "superseded");
      assert.ok(!guess.signal?.aborted);
      const next = user.ask();
      guess.end();
      assert.equal(said(await next), "+ y (speculative)");
    });

    it("ends one that somebody waits for as soon as they type something else", async () => {
      const { user, guess } = await joined();
      user.type(";");
      assert.ok(guess.signal?.aborted);
    });

    it("ends it when another completion is needed", async () => {
      const user = new User("x = ¦\n");
      await shown(user);
      await user.wait();
      user.type("bar");
      void user.ask();
      assert.equal(user.engine.live.length, 0);
    });

    it("does not begin while the user types", async () => {
      const user = new User("x = ¦\n");
      await shown(user);
      await user.clock.pass(100);
      user.type("f");
      await user.wait();
      assert.equal(user.engine.scripts.length, 1);
    });

    it("does not begin where it may not", async () => {
      const user = new User("x = ¦\n");
      user.maySpeculate = false;
      await shown(user);
      await user.wait();
      assert.equal(user.engine.scripts.length, 1);
    });

    it("does not begin with a slow model", async () => {
      const user = new User("x = ¦\n");
      const answer = user.ask({ explicit: true });
      await user.clock.pass(5000);
      user.engine.newest.say("foo()");
      user.engine.newest.end();
      await answer;
      user.completer.anticipate(user.asking().ask, "foo()");
      await user.wait();
      assert.equal(user.engine.scripts.length, 1);
    });
  });

  it("counts the work for what nobody wanted any more", async () => {
    const user = new User("x = ¦;");
    void user.ask({ explicit: true });
    await user.clock.settle();
    user.engine.newest.say("fo");
    user.type("g");
    await user.clock.settle();
    assert.equal(user.evaluatedTokens, FIGURES.evaluatedTokens);
  });

  it("asks the model where what is left of an earlier text is of no use", async () => {
    const user = new User("x = ¦;");
    await user.isTold("foo");
    user.type("f");
    const { ask, signal } = user.asking({ explicit: true });
    void user.completer.complete({ ...ask, notFromTyping: true }, signal);
    await user.clock.settle();
    assert.equal(user.engine.scripts.length, 2);
  });

  it("asks the model again by hand where it had nothing to say, and only then", async () => {
    const user = new User("x = ¦;");
    await user.isTold("");
    assert.equal(said(await user.ask()), " (cache)");
    assert.equal(user.engine.scripts.length, 1);
    await user.isTold("foo");
    assert.equal(user.engine.scripts.length, 2);
    assert.equal(said(await user.ask({ explicit: true })), "foo (cache)");
  });

  it("forgets what another model said", async () => {
    const user = new User("x = ¦;");
    await user.isTold("foo");
    user.completer.forget();
    void user.ask({ explicit: true });
    await user.clock.settle();
    assert.equal(user.engine.scripts.length, 2);
  });

  it("throws what the engine throws", async () => {
    const user = new User("x = ¦;");
    user.engine.generate = () => Promise.reject(new Error("The engine stopped."));
    await assert.rejects(user.ask({ explicit: true }), /The engine stopped/);
  });
});
