// Starts the index process and carries messages to it and from it; knows nothing of what they say.
import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import type { FromIndexProcess, IndexProcessOptions, ToIndexProcess } from "./indexMessages.ts";

/** What LanceDB reads from its environment when its code is loaded. */
const LANCE_SETTINGS = {
  // Its full-text index deadlocks with fewer (lancedb issue 3568).
  LANCE_CPU_THREADS: "4",
  // Else it warns on stderr each time it is asked how much is not in an index yet.
  LANCE_INCLUDE_VECTOR_CENTROIDS: "false",
};

/** The line with which Node ends on an error, and that of V8 without memory. */
const COMPLAINT = /^(?:\w*Error\b|FATAL ERROR:).*/m;

export interface IndexProcess {
  /** A process that has ended takes no notice. */
  send(message: ToIndexProcess): void;
  /** Ends it whatever it does, which the store bears. Resolves once it has ended. */
  kill(): Promise<void>;
}

/** What the owner of an index process hears. */
export interface IndexProcessListener {
  onMessage: (message: FromIndexProcess) => void;
  /** What it or its native code writes, for the log. */
  onLog: (text: string) => void;
  /** Called once. @param reason Why it ended, for people. */
  onEnd: (reason: string) => void;
}

/**
 * A process and not a thread: the end of a thread that has used LanceDB now and then breaks the memory of its process.
 * It ends when its owner does.
 * @param entry Script of the process.
 */
export function startIndexProcess(
  entry: string,
  options: IndexProcessOptions,
  { onMessage, onLog, onEnd }: IndexProcessListener,
): IndexProcess {
  let child: ChildProcess;
  try {
    child = fork(entry, [JSON.stringify(options)], {
      // Flags of this process (a debugger's port) must not be inherited, and its stdout may be the wire to the editor.
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      serialization: "advanced",
      env: { ...LANCE_SETTINGS, ...process.env },
    });
  } catch (error) {
    // No memory for a process.
    queueMicrotask(() => onEnd(error instanceof Error ? error.message : String(error)));
    return { send() {}, async kill() {} };
  }
  child.on("message", onMessage);
  let complaint: string | undefined;
  child.stderr?.on("data", (data: Buffer) => {
    const text = data.toString();
    onLog(text.trimEnd());
    complaint = COMPLAINT.exec(text)?.[0] ?? complaint;
  });
  // A process that hangs does not hear of its owner's end.
  const onOwnEnd = () => void child.kill("SIGKILL");
  process.once("exit", onOwnEnd);
  const ended = new Promise<string>((resolve) => {
    child.on("error", ({ message }) => resolve(message));
    // Once all that it said is here as well.
    child.once("close", (code, signal) => {
      // V8 and Node abort after their last words; any other signal says itself what there is to say.
      const isExplained = signal === null || signal === "SIGABRT";
      resolve((isExplained ? complaint : undefined) ?? signal ?? `exit code ${code}`);
    });
  });
  const told = ended.then((reason) => {
    process.off("exit", onOwnEnd);
    onEnd(reason);
  });
  const handles = [child, child.channel, child.stderr as Socket | null];
  // Else it alone would keep a finished process alive.
  for (const handle of handles) handle?.unref();
  return {
    send(message) {
      // If it has just ended, its end says what there is to say.
      if (child.connected) child.send(message, () => {});
    },
    kill() {
      for (const handle of handles) handle?.ref();
      child.kill("SIGKILL");
      return told;
    },
  };
}
