// Starts the language server as a child process and ends it; keeps its last words for the case that it fails.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable, Writable } from "node:stream";

/** Lines of stderr that are kept to explain a failure. */
const LAST_LINES = 8;
/** How long a server that was told to exit may take, milliseconds: the engine frees gigabytes first. */
const GRACE_MS = 8000;

export type ServerChild = ChildProcessByStdio<Writable, Readable, Readable>;

export interface ServerProcess {
  child: ServerChild;
  /** Settles when the process has ended, with how it ended: `exit code 1`, `SIGKILL`. */
  ended: Promise<string>;
  /** The newest lines that it wrote to stderr. */
  lastWords(): string;
  /** Waits for the end, and ends it by force if it does not come. */
  waitForEnd(): Promise<void>;
}

/**
 * @param entry Script of the server.
 * @param env Variables of the process; default: those of this one.
 * @param onLine Called for each line on stderr.
 * @throws A sentence when the script is not there.
 */
export function startServer(entry: string, env: NodeJS.ProcessEnv, onLine: (line: string) => void): ServerProcess {
  if (!existsSync(entry)) throw new Error(`Fathom is not built: ${entry} is missing. Run “npm run build” first.`);
  const child = spawn(process.execPath, ["--no-warnings", entry, "--stdio"], {
    stdio: ["pipe", "pipe", "pipe"],
    env,
    // A group of its own: Ctrl+C in the terminal must reach only this process, which then cancels in an orderly way.
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const words: string[] = [];
  eachLine(child.stderr, (line) => {
    words.push(line);
    if (words.length > LAST_LINES) words.shift();
    onLine(line);
  });
  const waitForEnd = async () => {
    const kill = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    await ended;
    clearTimeout(kill);
  };
  return { child, ended, lastWords: () => words.join("\n"), waitForEnd };
}

function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}
