// Measures what a question costs after everything that makes other runtimes read the codebase again: conversations, edits, restarts.
import { EditRequest, RestartEngineRequest } from "../../server/src/protocol/messages.ts";
import { type Bench, codeFile, type Figures, positiveInteger, rounded } from "./measuring.ts";
import { Conversation, type Cost, pathOf, ServerRun } from "./serverRun.ts";

/** About 12,000 tokens: long enough for snapshots, short enough for a minute. */
const DEFAULT_FILES = 8;
const CONTEXT_TOKENS = 65_536;

/** Long conversations are worth keeping on disk, short ones are read again: this one is long. */
const LONG_QUESTION = [
  "Here is the log of the last run. What do the numbers say about the functions that are called most?",
  ...Array.from({ length: 30 }, (_, line) => `12:0${line % 10}:${10 + line} call ${line * 37} took ${line * 13} ms`),
].join("\n");

const QUESTION =
  "Which of the functions in this codebase would have to change if the index were counted from one instead of from zero? " +
  "Name each of them with its file, say what its callers pass today, and say in which order you would change them.";

export const warmBench: Bench = {
  summary: "tokens evaluated / tokens of the question with its framing, in the real server (1 = nothing is read twice)",
  options: { files: `source files of the workspace, about 1,400 tokens each (default: ${DEFAULT_FILES})` },
  async run(values, report) {
    const run = new ServerRun(positiveInteger(values, "files") ?? DEFAULT_FILES, CONTEXT_TOKENS);
    const costs: [name: string, cost: Cost][] = [];
    const measure = async (name: string, work: Promise<Cost>) => {
      const cost = await work;
      costs.push([name, cost]);
      const { evaluatedTokens, ownTokens, promptTokens } = cost;
      report(`${name}: ${evaluatedTokens} evaluated, ${ownTokens} new, ${promptTokens} in the whole prompt`);
    };
    try {
      await run.start();
      await run.read();
      const baseTokens = await run.baseTokens();
      report(`base: ${baseTokens} tokens`);
      const first = new Conversation(run);
      await measure("firstQuestion", first.ask(LONG_QUESTION));
      await measure("secondConversation", new Conversation(run).ask(`${QUESTION}\n${LONG_QUESTION}`));
      await measure("backToFirst", first.ask(QUESTION));
      await refactor(run);
      await measure("afterRefactor", first.ask(`And the other way round? ${QUESTION}`));
      await run.session.connection.sendRequest(RestartEngineRequest.type, null);
      await run.session.ready();
      await measure("afterEngineRestart", askAfterRestart(run));
      await run.stop();
      await run.start();
      await measure("afterFullRestart", askAfterRestart(run));
      return { ...figuresOf(costs), baseTokens };
    } finally {
      await run.end();
    }
  },
};

/** What is read again of the base counts as a cost of the question. */
async function askAfterRestart(run: ServerRun): Promise<Cost> {
  const { figures } = await run.read();
  const cost = await new Conversation(run).ask(QUESTION);
  return { ...cost, evaluatedTokens: cost.evaluatedTokens + figures.evaluatedTokens };
}

/** The tiny model proposes nothing usable, which is an error for the user; the engine has done its work all the same. */
async function refactor(run: ServerRun): Promise<void> {
  const { session } = run;
  const path = pathOf(0);
  await session.open(path, codeFile(0));
  const range = { start: { line: 1, character: 0 }, end: { line: 4, character: 0 } };
  const params = { uri: session.uri(path), range, instruction: "Count from one." };
  await session.connection.sendRequest(EditRequest.type, params).catch(() => undefined);
  await session.close(path);
}

function figuresOf(costs: readonly (readonly [string, Cost])[]): Figures {
  const ratios = costs.map(([name, { evaluatedTokens, ownTokens }]) => [name, rounded(evaluatedTokens / ownTokens, 4)]);
  return {
    ...(Object.fromEntries(ratios) as Record<string, number>),
    evaluatedTokens: costs.map(([, cost]) => cost.evaluatedTokens),
    questionTokens: costs.map(([, cost]) => cost.ownTokens),
    /** What a runtime evaluates that keeps nothing between requests. */
    naiveTokens: costs.map(([, cost]) => cost.promptTokens),
  };
}
