// Tells in a file which process has something to itself, and whether that one still runs.
import { readFileSync } from "node:fs";

/** Of the fields behind the name in /proc/PID/stat: number 22 of all. */
const START_FIELD = 19;

/** The number of this process, and where the system tells it when that began: numbers are given again. */
export function ownMark(): string {
  const start = startOf(process.pid);
  return start === undefined ? String(process.pid) : `${process.pid} ${start}`;
}

/**
 * @param mark What stands in the file; empty or anything else is nobody's.
 * @returns True if it is the mark of another process, and that one runs.
 */
export function isOfAnother(mark: string): boolean {
  const [number, start] = split(mark);
  const pid = Number(number);
  if (pid === process.pid || !isRunning(pid)) return false;
  const now = startOf(pid);
  return start === "" || now === undefined || start === now;
}

function split(mark: string): [number: string, start: string] {
  const end = mark.indexOf(" ");
  return end === -1 ? [mark, ""] : [mark.slice(0, end), mark.slice(end + 1)];
}

/** @returns When a process began, as the kernel counts; undefined where it is not told. */
function startOf(pid: number): string | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before it, in brackets, may have blanks and brackets itself.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[START_FIELD];
    return `${boot} ${ticks}`;
  } catch {
    // It has just ended, or the system hides the processes of others.
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
