// Entry of the parsing threads: answers each file of a batch, and each question about a cursor, by a message of its own.
import { parentPort, workerData } from "node:worker_threads";
import { Analyser } from "./analyser.ts";
import type { CursorAnswer, CursorQuestion } from "./cursorMessages.ts";
import { CursorTrees } from "./cursorTrees.ts";
import { UnusableGrammar } from "./grammars.ts";
import type { WorkerAnswer, WorkerBatch, WorkerOptions } from "./workerMessages.ts";

const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread only.");

const options = workerData as WorkerOptions;
const analyser = new Analyser(options);
const trees = new CursorTrees(options.grammarDir);
const answer = (message: WorkerAnswer | CursorAnswer) => port.postMessage(message);

port.on("message", async (message: WorkerBatch | CursorQuestion) => {
  if ("offset" in message) return answer(await trees.answer(message));
  for (const file of message.files) {
    try {
      answer({ syntax: await analyser.analyse(file) });
    } catch (error) {
      // The runtime aborted (out of its memory or stack): it serves no other file, so the thread ends, and is replaced.
      if (!(error instanceof UnusableGrammar)) throw error;
      answer({ failed: error.message });
    }
  }
});
answer({ ready: true });
