// Tests what counts as shown, taken and kept, and that totals outlive a session.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noCounts, noTotals, percentile, Statistics } from "../../../server/src/completion/statistics.ts";
import { TotalsFile } from "../../../server/src/completion/totalsFile.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";
import { FIGURES } from "../../fakes/scriptedEngine.ts";

const URI = "file:///w/a.ts";
const TS = "typescript";

class Watched {
  readonly clock = new FakeClock();
  totals = noTotals();
  readonly statistics = new Statistics({
    clock: this.clock,
    totals: {
      read: () => this.totals,
      write: (totals) => {
        this.totals = totals;
      },
    },
  });

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
    assert.equal(watched.totals.offered, 0);
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
    const totals = first.read();
    totals.accepted = 3;
    totals.byLanguage.go = { ...noCounts(), accepted: 2 };
    first.write(totals);
    await first.flush();
    const again = new TotalsFile(path, clock).read();
    assert.equal(again.accepted, 3);
    assert.equal(again.byLanguage.go?.accepted, 2);
    assert.equal(again.since, totals.since);
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
      assert.equal(new TotalsFile(path, new FakeClock()).read().accepted, 0, text);
    }
  });

  it("are written a while after a change", async () => {
    const [path, clock] = [file(), new FakeClock()];
    const totals = new TotalsFile(path, clock);
    totals.write({ ...totals.read(), shown: 7 });
    assert.throws(() => readFileSync(path));
    await clock.pass(30_000);
    await totals.flush();
    assert.equal(JSON.parse(readFileSync(path, "utf8")).shown, 7);
  });
});
