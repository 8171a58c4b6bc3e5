// Tests what counts as shown, taken and kept, and that totals outlive a session.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { percentile, Statistics } from "../../../server/src/completion/statistics.ts";
import { TotalsFile } from "../../../server/src/completion/totalsFile.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";
import { FIGURES } from "../../fakes/scriptedEngine.ts";

const URI = "file:///w/a.ts";
const TS = "typescript";

class Watched {
  readonly clock = new FakeClock();
  // Below a file nothing is written.
  readonly totals = new TotalsFile(join(import.meta.filename, "totals.json"), this.clock);
  readonly statistics = new Statistics({ clock: this.clock, totals: this.totals });

  constructor() {
    this.statistics.changed(URI, TS, "");
  }

  offer(textBefore: string, text: string, textAfter = "\n"): string {
    return this.statistics.offered({ uri: URI, languageId: TS, path: "a.ts", textBefore, textAfter, text });
  }

  change(text: string): void {
    this.statistics.changed(URI, TS, text);
  }

  /** The counts that are not 0, besides keystrokes. */
  get counts(): Record<string, number> {
    const { latencyMsP50, latencyMsP95, evaluatedTokensP50, stopMsP95, bySource, keystrokes, ...counts } =
      this.statistics.current.session;
    return Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== 0));
  }
}

describe("completion: statistics", () => {
  it("counts a text as shown after 750 ms", async () => {
    const watched = new Watched();
    watched.offer("x = ", "foo");
    await watched.clock.pass(749);
    assert.deepEqual(watched.counts, { offered: 1 });
    await watched.clock.pass(1);
    assert.deepEqual(watched.counts, { offered: 1, shown: 1 });
  });

  it("counts no text as shown that was gone before", async () => {
    const watched = new Watched();
    watched.offer("x = ", "foo");
    watched.change("x = b\n");
    await watched.clock.pass(1000);
    assert.deepEqual(watched.counts, { offered: 1 });
  });

  it("counts what was taken at once as shown too", () => {
    const watched = new Watched();
    const id = watched.offer("x = ", "foo");
    watched.change("x = foo\n");
    watched.statistics.accepted(id, () => "x = foo\n");
    assert.deepEqual(watched.counts, { offered: 1, shown: 1, accepted: 1, acceptedCharacters: 3 });
  });

  it("counts nothing twice, and nothing that was replaced by a newer offer", () => {
    const watched = new Watched();
    const old = watched.offer("x = ", "foo");
    const id = watched.offer("x = ", "bar");
    watched.statistics.accepted(old, () => "x = foo\n");
    watched.statistics.accepted(id, () => "x = bar\n");
    watched.statistics.accepted(id, () => "x = bar\n");
    assert.deepEqual(watched.counts, { offered: 2, shown: 1, accepted: 1, acceptedCharacters: 3 });
  });

  it("tells words and lines that are taken from letters that are typed", () => {
    const watched = new Watched();
    watched.offer("x = ", "foo(bar);\ny = 1;\nz");
    watched.change("x = f\n");
    assert.deepEqual(watched.counts, { offered: 1 });
    watched.change("x = foo(bar\n");
    watched.change("x = foo(bar);\n\n");
    watched.change("x = foo(bar);\ny = 1;\n");
    const counts = { offered: 1, shown: 1, acceptedWords: 1, acceptedLines: 2, acceptedCharacters: 15 };
    assert.deepEqual(watched.counts, counts);
  });

  it("counts a suggestion that is typed through slowly as shown once", async () => {
    const watched = new Watched();
    watched.offer("x = ", "foo");
    await watched.clock.pass(1000);
    watched.change("x = f\n");
    watched.offer("x = f", "oo");
    await watched.clock.pass(1000);
    watched.change("x = fo\n");
    const id = watched.offer("x = fo", "o");
    watched.change("x = foo\n");
    watched.statistics.accepted(id, () => "x = foo\n");
    assert.deepEqual(watched.counts, { offered: 3, shown: 1, accepted: 1, acceptedCharacters: 1 });
  });

  it("counts another suggestion at a later place as shown by itself", async () => {
    const watched = new Watched();
    watched.offer("x = ", "foo");
    await watched.clock.pass(1000);
    watched.change("x = f\n");
    watched.offer("x = f", "ab");
    await watched.clock.pass(1000);
    assert.deepEqual(watched.counts, { offered: 2, shown: 2 });
  });

  it("takes a bracket that the editor closes for one key", () => {
    const watched = new Watched();
    watched.offer("x = f", "();");
    watched.change("x = f()\n");
    assert.deepEqual(watched.counts, { offered: 1 });
  });

  it("counts a word once that is taken, undone and taken again", () => {
    const watched = new Watched();
    watched.offer("x = ", "foo(bar)");
    for (const _ of [1, 2]) {
      watched.change("x = foo\n");
      watched.offer("x = foo", "(bar)");
      watched.change("x = \n");
      watched.offer("x = ", "foo(bar)");
    }
    assert.deepEqual(watched.counts, { offered: 5, shown: 1, acceptedWords: 1, acceptedCharacters: 3 });
  });

  it("counts no key where a document is opened", () => {
    const watched = new Watched();
    const keystrokes = () => watched.statistics.current.session.keystrokes;
    watched.change("x");
    watched.statistics.changed(URI, TS, undefined);
    assert.equal(keystrokes(), 1);
    watched.statistics.changed(URI, TS, "x");
    assert.equal(keystrokes(), 1);
    watched.change("xy");
    assert.equal(keystrokes(), 2);
  });

  it("measures what is kept", async () => {
    const watched = new Watched();
    const id = watched.offer("x = ", "12345678");
    watched.change("x = 12345678\n");
    watched.statistics.accepted(id, () => "x = 12345678\n");
    watched.change("x = 1234\n");
    await watched.clock.pass(30_000);
    const { measured30s, kept30s, measured5min } = watched.statistics.current.session;
    assert.deepEqual({ measured30s, kept30s, measured5min }, { measured30s: 1, kept30s: 0.5, measured5min: 0 });
  });

  it("tells what evaluating costs between two keys, and how fast answers come", () => {
    const watched = new Watched();
    for (const [tokens, latencyMs] of [
      [10, 100],
      [30, 200],
      [0, 1],
    ] as const) {
      watched.statistics.worked(TS, tokens, tokens === 30 ? 7 : undefined);
      const source = tokens === 0 ? "typed" : "model";
      watched.statistics.answered({
        languageId: TS,
        source,
        latencyMs,
        figures: { ...FIGURES, evaluatedTokens: tokens },
      });
      watched.change("x");
    }
    const { evaluatedTokensP50, latencyMsP50, latencyMsP95, stopMsP95, bySource } = watched.statistics.current.session;
    assert.deepEqual([evaluatedTokensP50, latencyMsP50, latencyMsP95, stopMsP95], [10, 100, 200, 7]);
    assert.deepEqual(bySource, { model: 2, typed: 1 });
  });

  it("lists the newest answers with their reasons, and no text", () => {
    const watched = new Watched();
    watched.statistics.answered({ languageId: TS, source: "model", latencyMs: 5, reason: "it is blank" });
    watched.statistics.answered({ languageId: "go", source: "cache", latencyMs: 1 });
    const [newest, before] = watched.statistics.current.recent;
    assert.equal(newest?.languageId, "go");
    assert.equal(before?.reason, "it is blank");
    assert.ok(!("reason" in newest!));
  });

  it("begins anew when told", () => {
    const watched = new Watched();
    watched.offer("x = ", "foo");
    watched.statistics.reset();
    assert.deepEqual(watched.counts, {});
    assert.equal(watched.totals.current.offered, 0);
  });

  it("takes the nearest rank", () => {
    assert.equal(percentile([], 0.5), 0);
    assert.equal(percentile([3, 1, 2], 0.5), 2);
    assert.equal(percentile([1, 2, 3, 4], 0.95), 4);
  });
});

describe("completion: totals on disk", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "fathom-totals-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const file = () => join(folder, "deep", "totals.json");

  it("are there in the next session", async () => {
    const [path, clock] = [file(), new FakeClock()];
    const first = new TotalsFile(path, clock);
    first.add("go", "accepted", 2);
    first.add("c", "accepted", 1);
    const totals = first.current;
    await first.flush();
    assert.deepEqual(first.current, totals);
    assert.deepEqual(new TotalsFile(path, clock).current, totals);
    assert.equal(totals.accepted, 3);
    assert.equal(totals.byLanguage.go?.accepted, 2);
  });

  it("are those of all windows together", async () => {
    const [path, clock] = [file(), new FakeClock()];
    const [one, other] = [new TotalsFile(path, clock), new TotalsFile(path, clock)];
    one.add("go", "shown", 2);
    other.add("go", "shown", 3);
    other.add("c", "shown", 1);
    await one.flush();
    await other.flush();
    one.add("go", "shown", 4);
    await one.flush();
    const { shown, byLanguage } = new TotalsFile(path, clock).current;
    assert.deepEqual([shown, byLanguage.go?.shown, byLanguage.c?.shown], [10, 9, 1]);
    assert.equal(one.current.shown, 10);
  });

  it("begin anew for all windows when they are reset", async () => {
    const [path, clock] = [file(), new FakeClock()];
    const [one, other] = [new TotalsFile(path, clock), new TotalsFile(path, clock)];
    one.add("go", "shown", 2);
    await one.flush();
    one.reset();
    one.add("go", "shown", 1);
    assert.equal(one.current.shown, 1);
    await one.flush();
    other.add("go", "shown", 1);
    await other.flush();
    assert.equal(new TotalsFile(path, clock).current.shown, 2);
  });

  it("lose nothing where they could not be written", async () => {
    const [path, clock] = [file(), new FakeClock()];
    const totals = new TotalsFile(path, clock);
    writeFileSync(join(folder, "deep"), "a file where the folder should be");
    totals.add("go", "shown", 2);
    await totals.flush();
    assert.equal(totals.current.shown, 2);
    rmSync(join(folder, "deep"));
    totals.add("go", "shown", 1);
    await totals.flush();
    assert.equal(new TotalsFile(path, clock).current.shown, 3);
  });

  it("begin anew where the file is broken", () => {
    const path = join(folder, "totals.json");
    for (const text of [
      "",
      "{",
      "[]",
      '{"since":"x","byLanguage":{}}',
      '{"accepted":-1,"since":"2026-01-01","byLanguage":{}}',
    ]) {
      writeFileSync(path, text);
      assert.equal(new TotalsFile(path, new FakeClock()).current.accepted, 0, text);
    }
  });

  it("are written a while after a change", async () => {
    const [path, clock] = [file(), new FakeClock()];
    const totals = new TotalsFile(path, clock);
    totals.add("go", "shown", 7);
    assert.throws(() => readFileSync(path));
    await clock.pass(30_000);
    await totals.flush();
    assert.equal(JSON.parse(readFileSync(path, "utf8")).shown, 7);
  });
});
