// Measures what a question costs after an edit at the front, in the middle and at the end of a long base.
import { FileChangeType } from "vscode-languageserver-protocol";
import { type Bench, codeFile, positiveInteger, rounded } from "./measuring.ts";
import { Conversation, type Cost, pathOf, ServerRun } from "./serverRun.ts";

/** More than 100,000 tokens. */
const DEFAULT_FILES = 78;
const CONTEXT_TOKENS = 196_608;

const QUESTION = "What does the function that was changed last do now, and who calls it?";

export const editBench: Bench = {
  summary:
    "tokens evaluated / tokens of overlay and question after an edit, in the real server (1 = nothing else is read)",
  options: { files: `source files of the workspace, about 1,400 tokens each (default: ${DEFAULT_FILES})` },
  async run(values, report) {
    const nFiles = positiveInteger(values, "files") ?? DEFAULT_FILES;
    const run = new ServerRun(nFiles, CONTEXT_TOKENS);
    try {
      await run.start();
      report("reading the base");
      const { figures } = await run.read();
      const baseTokens = await run.baseTokens();
      report(`base: ${baseTokens} tokens in ${figures.prefillMs.toFixed()} ms`);
      const [first, middle, last] = await editEach(run, [0, nFiles >> 1, nFiles - 1], report);
      return {
        first: ratioOf(first!),
        middle: ratioOf(middle!),
        last: ratioOf(last!),
        evaluatedTokens: [first!, middle!, last!].map((cost) => cost.evaluatedTokens),
        ownTokens: [first!, middle!, last!].map((cost) => cost.ownTokens),
        prefillMs: [first!, middle!, last!].map((cost) => rounded(cost.prefillMs)),
        baseTokens,
        /** Reading the base without anything to begin with: what a changed first file costs elsewhere. */
        coldMs: rounded(figures.prefillMs),
      };
    } finally {
      await run.end();
    }
  },
};

/** Each edit by itself: the one before is undone, which must leave nothing behind. */
async function editEach(run: ServerRun, numbers: number[], report: (line: string) => void): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (const n of numbers) {
    await save(run, n, edited(codeFile(n)));
    const cost = await new Conversation(run).ask(QUESTION);
    await save(run, n, codeFile(n));
    const { evaluatedTokens, ownTokens, prefillMs } = cost;
    report(`file ${n}: ${evaluatedTokens} evaluated, ${ownTokens} new, ${prefillMs.toFixed()} ms`);
    costs.push(cost);
  }
  return costs;
}

async function save(run: ServerRun, n: number, text: string): Promise<void> {
  run.session.write(pathOf(n), text);
  await run.session.fileEvent(pathOf(n), FileChangeType.Changed);
}

function edited(text: string): string {
  return text.replace("return index *", "return (index + 1) *");
}

function ratioOf({ evaluatedTokens, ownTokens }: Cost): number {
  return rounded(evaluatedTokens / ownTokens, 4);
}
