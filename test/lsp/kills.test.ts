// Kills the engine and the server at fifty moments of reading, saving, restoring and compaction; each time the next start must serve.

import { Moments } from "./killMoments.ts";
import { KillRun, type Moment, type Work } from "./killRun.ts";

const SEED = Number(process.env.FATHOM_KILL_SEED ?? 1);
const TIMEOUT_MS = 1_200_000;

type Victim = Moment["victim"];

const ENGINE_THEN_SERVER = (n: number, count: number): Victim => (n < count / 2 ? "engine" : "server");
const BY_TURNS = (n: number): Victim => (n % 2 === 0 ? "engine" : "server");

interface Lane {
  title: string;
  work: Work;
  count: number;
  victim: (n: number, count: number) => Victim;
  moment: (moments: Moments, victim: Victim, n: number) => Moment;
}

const LANES: Lane[] = [
  {
    title: "reading",
    work: "reading",
    count: 14,
    // All at one stage: only because it is completed in between does the engine not stay off.
    victim: ENGINE_THEN_SERVER,
    moment: (moments, victim) => moments.inPrefill(victim),
  },
  { title: "saving", work: "reading", count: 14, victim: ENGINE_THEN_SERVER, moment: (m, victim) => m.inSave(victim) },
  { title: "restoring", work: "restoring", count: 12, victim: BY_TURNS, moment: (m, victim) => m.inRestore(victim) },
  {
    title: "compaction",
    work: "compaction",
    count: 10,
    victim: BY_TURNS,
    moment: (m, victim, n) => (n % 4 < 2 ? m.inPrefill(victim) : m.inSave(victim)),
  },
];

describe(`killing (FATHOM_KILL_SEED=${SEED})`, function () {
  this.timeout(TIMEOUT_MS);
  /** Side by side, because a compaction waits for seconds in which nothing happens. */
  const runs: Promise<void>[] = [];

  before(() => {
    for (const [index, lane] of LANES.entries()) {
      const run = runLane(lane, new Moments(SEED * LANES.length + index));
      // Whoever waits for it is told.
      run.catch(() => undefined);
      runs.push(run);
    }
  });

  for (const [index, { title, count }] of LANES.entries()) {
    it(`loses at most a chunk and serves again: ${count} kills while ${title}`, () => runs[index]);
  }
});

async function runLane({ work, count, victim, moment }: Lane, moments: Moments): Promise<void> {
  const run = new KillRun();
  try {
    await run.begin();
    for (let n = 0; n < count; n++) await run.kill(work, moment(moments, victim(n, count), n));
  } finally {
    await run.end();
  }
}
