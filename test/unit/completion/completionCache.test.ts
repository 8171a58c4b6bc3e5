// Tests which suggestions are kept, and that typing one through never needs the model, however it is typed.
import assert from "node:assert/strict";
import fc from "fast-check";
import { CompletionCache } from "../../../server/src/completion/completionCache.ts";
import { mayFollow, restOf, suggestionAt } from "../../../server/src/completion/typingThrough.ts";
import { heldBytes, largeDocument } from "./heldBytes.ts";

const at = (textBefore: string, textAfter = "", path = "a.ts") => ({ path, textBefore, textAfter });

describe("completion: cache", () => {
  it("finds a suggestion at its place only", () => {
    const cache = new CompletionCache();
    cache.put(at("a = ", ";"), "1");
    assert.deepEqual(cache.find(at("a = ", ";")), { rest: "1", how: "exact" });
    for (const other of [at("b = ", ";"), at("a = ", ""), at("a = ", ";", "b.ts")]) {
      assert.equal(cache.find(other), undefined);
    }
  });

  it("tells a new suggestion from the one before it at the same place", () => {
    const cache = new CompletionCache();
    cache.put(at("a = "), "1");
    cache.put(at("a = "), "2");
    assert.equal(cache.find(at("a = "))?.rest, "2");
    assert.equal(cache.size, 1);
  });

  it("drops the one that was not used for longest", () => {
    const cache = new CompletionCache(2);
    cache.put(at("a"), "1");
    cache.put(at("b"), "2");
    cache.find(at("a"));
    cache.put(at("c"), "3");
    const found = ["a", "b", "c"].filter((text) => cache.find(at(text)) !== undefined);
    assert.deepEqual(found, ["a", "c"]);
  });

  it("prefers the newest of the suggestions that fit", () => {
    const cache = new CompletionCache();
    cache.put(at("x = "), "foo(1)");
    cache.put(at("x = f"), "oo(2)");
    assert.equal(cache.find(at("x = fo"))?.rest, "o(2)");
  });

  it("remembers what the model said whatever is far away from the cursor", () => {
    const cache = new CompletionCache();
    const long = "line\n".repeat(5000);
    cache.put(at(`${long}a = `, `;\n${long}`), "1 + 2");
    assert.equal(cache.find(at(`${long}a = 1`, `;\n${long}`))?.rest, " + 2");
    assert.equal(cache.find(at(`x${long}a = 1`, `;\n${long}`)), undefined);
  });

  it("holds no large document for the sake of a short text in it", async () => {
    const cache = new CompletionCache();
    const held = await heldBytes(() => {
      for (let version = 0; version < 100; version++) {
        const document = largeDocument(version);
        cache.put(at(document.slice(0, 250_000), document.slice(250_000)), "1 + 2");
      }
    });
    assert.ok(held < 10_000_000, `${held} bytes`);
    assert.equal(cache.size, 100);
  });

  it("forgets everything when told", () => {
    const cache = new CompletionCache();
    cache.put(at("a"), "1");
    cache.clear();
    assert.equal(cache.find(at("a")), undefined);
  });
});

describe("completion: typing through", () => {
  const text = fc.string({ unit: fc.constantFrom(..."ab (){}[]'\n\t;😀é"), maxLength: 40 });

  it("gives the rest for whatever part of it is typed", () => {
    fc.assert(
      fc.property(text, text, text, fc.nat(), (before, after, said, length) => {
        const typed = said.slice(0, length % (said.length + 1));
        const rest = restOf(suggestionAt(at(before, after), said), at(before + typed, after));
        assert.equal(rest, said.slice(typed.length));
      }),
    );
  });

  it("never gives a rest that makes another text than was suggested, unless the line was indented otherwise", () => {
    fc.assert(
      fc.property(text, text, text, (before, said, typed) => {
        fc.pre(typed.trim() !== "" && (typed.split("\n").at(-1) ?? "").trim() !== "");
        const rest = restOf(suggestionAt(at(before), said), at(before + typed));
        if (rest !== undefined) assert.equal(typed + rest, said);
      }),
    );
  });

  it("lets a stream go on while it may still say what was typed", () => {
    const asked = suggestionAt(at("x = ", ";"), "");
    assert.ok(mayFollow(asked, at("x = ", ";"), ""));
    assert.ok(mayFollow(asked, at("x = fo", ";"), "f"));
    assert.ok(mayFollow(asked, at("x = f", ";"), "foo"));
    assert.ok(!mayFollow(asked, at("x = g", ";"), "foo"));
    assert.ok(!mayFollow(asked, at("x = fo", "!"), "f"));
    assert.ok(!mayFollow(asked, at("y = fo", ";"), "f"));
  });
});
