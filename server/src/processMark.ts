// Tells in a file which process has something to itself, and whether that one still runs.
import { readFileSync } from "node:fs";

/** Of the fields behind the name in /proc/PID/stat: numbers 3 and 22 of all. */
const STATE_FIELD = 0;
const START_FIELD = 19;
/** Ended, and not yet taken note of by the parent, which in some containers never happens. */
const ENDED_STATES = ["Z", "X"];

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
  const ticks = statOf(pid)?.[START_FIELD];
  return ticks && `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${ticks}`;
}

/** @returns What Linux tells of a process, without its number and name; undefined where nothing is told. */
function statOf(pid: number): string[] | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before it, in brackets, may have blanks and brackets itself.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    // It has just ended, or the system hides the processes of others.
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return !ENDED_STATES.includes(statOf(pid)?.[STATE_FIELD] ?? "");
  } catch (error) {
    // A process of another user's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
