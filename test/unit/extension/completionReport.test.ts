// Tests the page of the completion statistics: shares, times, and nothing of it wrong when there is nothing yet.
import assert from "node:assert/strict";
import { completionReport } from "../../../extension/src/completionReport.ts";
import { noCounts, noTotals } from "../../../server/src/completion/statistics.ts";
import type { CompletionStatistics } from "../../../server/src/protocol/completionMessages.ts";

const NOTHING: CompletionStatistics = {
  session: { ...noCounts(), latencyMsP50: 0, latencyMsP95: 0, evaluatedTokensP50: 0, stopMsP95: 0, bySource: {} },
  total: { ...noTotals(), since: "2026-11-01T10:00:00.000Z" },
  recent: [],
};

describe("completion statistics page", () => {
  it("shows dashes where nothing was counted, and no empty sections", () => {
    const page = completionReport(NOTHING);
    assert.match(page, /since 2026-11-01/);
    assert.match(page, /still there after 30 s\s+\| –\s+\| –/);
    assert.doesNotMatch(page, /NaN|undefined|Infinity|## Speed|## Languages|## The last answers/);
  });

  it("shows shares of what was shown, by session and in all", () => {
    const session = {
      ...NOTHING.session,
      shown: 10,
      answered: 20,
      accepted: 4,
      kept30s: 3,
      measured30s: 4,
      latencyMsP95: 1200,
    };
    const total = { ...NOTHING.total, shown: 100, accepted: 25 };
    const page = completionReport({ ...NOTHING, session: { ...session, bySource: { typed: 3, model: 1 } }, total });
    assert.match(page, /taken as a whole\s+\| 4 \(40 %\)\s+\| 25 \(25 %\)/);
    assert.match(page, /after 30 s\s+\| 75 %/);
    assert.match(page, /95 of 100 within 1\.2 s/);
    assert.match(page, /3 \(75 %\): typed through/);
  });

  it("lists languages by use, and the last answers with their reasons", () => {
    const counts = (shown: number) => ({ ...noCounts(), shown, accepted: 1 });
    const byLanguage = { css: counts(0), go: counts(2), typescript: counts(8) };
    const record = {
      languageId: "go",
      latencyMs: 12,
      firstTokenMs: 9,
      promptTokens: 100,
      evaluatedTokens: 30,
      generatedTokens: 5,
    };
    const page = completionReport({
      ...NOTHING,
      total: { ...NOTHING.total, byLanguage },
      recent: [
        { ...record, at: "2026-11-26T10:11:12.000Z", source: "model", reason: "it repeats the line above | really" },
        { ...record, at: "2026-11-26T10:11:10.000Z", source: "typed" },
      ],
    });
    assert.ok(page.indexOf("| typescript") < page.indexOf("| go"));
    assert.doesNotMatch(page, /\| css/);
    assert.match(page, /10:11:12\s+\| go\s+\| nothing, because it repeats the line above \\\| really/);
    assert.match(page, /10:11:10\s+\| go\s+\| a suggestion/);
  });
});
