// Tests that an accepted text is followed through edits, and how much of it counts as kept.
import assert from "node:assert/strict";
import { KeptText, keptShare } from "../../../server/src/completion/keptText.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";

const AFTER_MS = [30_000, 300_000];

describe("completion: kept text", () => {
  function watched() {
    const clock = new FakeClock();
    const measured: string[] = [];
    const onMeasured = (languageId: string, afterMs: number, share: number) =>
      void measured.push(`${languageId} ${afterMs} ${share}`);
    return { clock, measured, kept: new KeptText({ clock, afterMs: AFTER_MS, onMeasured }) };
  }

  it("looks twice at what was accepted", async () => {
    const { clock, measured, kept } = watched();
    kept.accepted("u", "go", "a := foo()\n", 5, "foo()");
    await clock.pass(29_999);
    assert.deepEqual(measured, []);
    await clock.pass(1);
    assert.deepEqual(measured, ["go 30000 1"]);
    await clock.pass(270_000);
    assert.deepEqual(measured, ["go 30000 1", "go 300000 1"]);
  });

  it("follows it when text comes and goes around it", async () => {
    const { clock, measured, kept } = watched();
    kept.accepted("u", "go", "a := foo()\n", 5, "foo()");
    kept.changed("u", "// new\na := foo()\n");
    kept.changed("u", "// new\nlong := foo()\n");
    kept.changed("u", "// new\nlong := foo() + bar\nend\n");
    kept.changed("u", "l := foo() + bar\nend\n");
    await clock.pass(30_000);
    assert.deepEqual(measured, ["go 30000 1"]);
  });

  it("tells how much of it was edited away", async () => {
    const { clock, measured, kept } = watched();
    kept.accepted("u", "go", "x = 12345678;", 4, "12345678");
    kept.changed("u", "x = 1234;");
    await clock.pass(30_000);
    kept.changed("u", "x = ;");
    await clock.pass(270_000);
    assert.deepEqual(measured, ["go 30000 0.5", "go 300000 0"]);
  });

  it("follows several in one document", async () => {
    const { clock, measured, kept } = watched();
    kept.accepted("u", "a", "one two", 0, "one");
    kept.accepted("u", "b", "one two", 4, "two");
    kept.changed("u", "two");
    await clock.pass(30_000);
    assert.deepEqual(measured, ["a 30000 0", "b 30000 1"]);
  });

  it("says nothing of a document that was closed", async () => {
    const { clock, measured, kept } = watched();
    kept.accepted("u", "go", "x", 0, "x");
    kept.changed("u", undefined);
    await clock.pass(300_000);
    assert.deepEqual(measured, []);
  });

  it("compares by the characters that are left", () => {
    assert.equal(keptShare("abcd", "abcd"), 1);
    assert.equal(keptShare("abcd", "abXcd"), 1);
    assert.equal(keptShare("abcd", "ab"), 0.5);
    assert.equal(keptShare("abcd", ""), 0);
  });
});
