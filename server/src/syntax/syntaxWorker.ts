// Entry of the parsing thread: answers each file of a batch by a message of its own, so that its caller sees which one hangs.
import { parentPort, workerData } from "node:worker_threads";
import { Analyser } from "./analyser.ts";
import type { WorkerAnswer, WorkerBatch, WorkerOptions } from "./workerMessages.ts";

const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread only.");

const analyser = new Analyser((workerData as WorkerOptions).grammarDir);
const answer = (message: WorkerAnswer) => port.postMessage(message);

port.on("message", async ({ files }: WorkerBatch) => {
  for (const file of files) {
    try {
      answer({ syntax: await analyser.analyse(file) });
    } catch (error) {
      answer({ failed: error instanceof Error ? error.message : String(error) });
    }
  }
});
answer({ ready: true });
