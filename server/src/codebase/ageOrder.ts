// Orders files by their last change, oldest first, from git's history where there is one, else from the file system.
import { execFile } from "node:child_process";
import { devNull, homedir } from "node:os";
import { resolve, sep } from "node:path";
import { comparePaths, type WorkspaceFile, type WorkspaceFolder } from "./workspaceFile.ts";

/** History read at most: files not touched in so many commits are all simply old. */
const MAX_COMMITS = 20_000;
/** A very large history on a slow disk must not delay reading, milliseconds. */
const MAX_GIT_MS = 10_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Begins each commit's line in the log; control characters do not occur in the paths of a file set. */
const COMMIT_MARK = "\u0001";

/** What an untrusted repository's settings could make `git log` run, and what could make it wait or use the network. */
const SAFE_SETTINGS = ["log.showSignature=false", "core.fsmonitor=false", `core.hooksPath=${devNull}`];
/** A setting that would hide the files of the first commit. */
const NEEDED_SETTINGS = ["log.showRoot=true"];
const SAFE_ENVIRONMENT = {
  GIT_ALLOW_PROTOCOL: "none",
  GIT_NO_LAZY_FETCH: "1",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C",
};
/** Set inside git hooks; they would point git to another repository than the folder's. */
const REPOSITORY_VARIABLES = new Set([
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_COMMON_DIR",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_NAMESPACE",
  "GIT_PREFIX",
]);

/**
 * Orders files from the least to the most recently changed, so that what changes next stands near the end. A file in the
 * history has the time of its last commit, whatever its time on disk: that differs with every checkout. A file that is
 * not in it has its time on disk; if the history was too long to read whole, it counts as older than what was read.
 * @param folders The workspace folders that the files were collected from.
 * @param files Files of these folders.
 * @param signal Aborting ends git early; the order is then by what was read.
 * @returns A new array; equal times are in the order of the paths. Never throws: without git, by the time on disk.
 */
export async function orderByAge(
  folders: readonly WorkspaceFolder[],
  files: readonly WorkspaceFile[],
  signal?: AbortSignal,
): Promise<WorkspaceFile[]> {
  const histories = await Promise.all(folders.map((folder) => lastChanges(resolve(folder.path), signal)));
  const seconds = new Map<WorkspaceFile, number>();
  for (const file of files) seconds.set(file, lastChange(file, histories));
  return [...files].sort((a, b) => seconds.get(a)! - seconds.get(b)! || comparePaths(a, b));
}

interface History {
  /** Absolute folder path with a separator at the end. */
  root: string;
  /** Seconds since 1970 of the last commit that touched a path relative to the root. */
  seconds: Map<string, number>;
  /** False if older commits were not read. */
  whole: boolean;
}

function lastChange(file: WorkspaceFile, histories: readonly History[]): number {
  // With one folder inside another, the longest root is the file's own.
  let own: History | undefined;
  for (const history of histories) {
    const holds = file.absolutePath.startsWith(history.root);
    if (holds && (own === undefined || history.root.length > own.root.length)) own = history;
  }
  const onDisk = Math.floor(file.mtimeMs / 1000);
  if (own === undefined) return onDisk;
  const path = file.absolutePath.slice(own.root.length).split(sep).join("/");
  return own.seconds.get(path) ?? (own.whole ? onDisk : 0);
}

async function lastChanges(folder: string, signal: AbortSignal | undefined): Promise<History> {
  const root = folder.endsWith(sep) ? folder : folder + sep;
  const { output, complete } = await gitLog(folder, signal);
  const seconds = new Map<string, number>();
  let nCommits = 0;
  let time = 0;
  for (const field of output.split("\0")) {
    // The first path after a commit's line begins with the line's end.
    const value = field.startsWith("\n") ? field.slice(1) : field;
    if (value.startsWith(COMMIT_MARK)) {
      time = Number(value.slice(1));
      nCommits++;
    } else if (value !== "" && !seconds.has(value)) {
      seconds.set(value, time);
    }
  }
  // Nothing read is no history, not a cut one: then the times on disk are all there is.
  return { root, seconds, whole: seconds.size === 0 || (complete && nCommits < MAX_COMMITS) };
}

/** @returns What git printed, and whether it finished; nothing at all where there is no git or no repository. */
function gitLog(folder: string, signal: AbortSignal | undefined): Promise<{ output: string; complete: boolean }> {
  const settings = [...SAFE_SETTINGS, ...NEEDED_SETTINGS].flatMap((setting) => ["-c", setting]);
  const args = [
    ...["--no-pager", ...settings, "-C", folder, "log", `--max-count=${MAX_COMMITS}`],
    ...["--no-renames", "--no-ext-diff", "--ignore-submodules=all", "--relative", "--name-only", "-z"],
    ...["--format=%x01%ct", "--", "."],
  ];
  // Windows looks for a program in the working directory first: that must not be the workspace.
  const options = {
    cwd: homedir(),
    env: gitEnvironment(),
    timeout: MAX_GIT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    windowsHide: true,
    signal,
  };
  return new Promise((done) => {
    try {
      // With an error, what was printed before it still holds: the newest commits come first.
      execFile("git", args, options, (error, stdout) =>
        done({ output: wholeFields(stdout), complete: error === null }),
      );
    } catch {
      // A folder's path with a NUL character or an aborted signal is refused before anything runs: as without git.
      done({ output: "", complete: true });
    }
  });
}

/** Drops a path that was cut short. */
function wholeFields(output: string): string {
  return output.slice(0, output.lastIndexOf("\0") + 1);
}

function gitEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !REPOSITORY_VARIABLES.has(name));
  return { ...Object.fromEntries(entries), ...SAFE_ENVIRONMENT };
}
