// Entry of the parsing thread: answers each file of a batch by a message of its own, so that its caller sees which one hangs.
import { parentPort, workerData } from "node:worker_threads";
import { Analyser } from "./analyser.ts";
import { UnusableGrammar } from "./grammars.ts";
import type { WorkerAnswer, WorkerBatch, WorkerOptions } from "./workerMessages.ts";

const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread only.");

const analyser = new Analyser(workerData as WorkerOptions);
const answer = (message: WorkerAnswer) => port.postMessage(message);

port.on("message", async ({ files }: WorkerBatch) => {
  for (const file of files) {
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
