// Asks git for a folder's history and last commit, without running anything that an untrusted repository's settings name.
import { execFile } from "node:child_process";
import { devNull, homedir } from "node:os";
import { sep } from "node:path";

/** History read at most: files not touched in so many commits are all simply old. */
const MAX_COMMITS = 20_000;
/** A very large history on a slow disk must not delay reading, milliseconds. */
const MAX_GIT_MS = 10_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Begins each commit's line in the log; control characters do not occur in the paths of a file set. */
const COMMIT_MARK = "\u0001";

/** What an untrusted repository's settings could make git run, and what could make it wait or use the network. */
const SAFE_SETTINGS = ["log.showSignature=false", "core.fsmonitor=false", `core.hooksPath=${devNull}`];
/** A setting that would hide the files of the first commit. */
const NEEDED_SETTINGS = ["log.showRoot=true"];
const LOG = [
  ...["log", `--max-count=${MAX_COMMITS}`, "--no-renames", "--no-ext-diff", "--ignore-submodules=all"],
  ...["--relative", "--name-only", "-z", "--format=%x01%ct", "--", "."],
];
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

export interface History {
  /** Absolute folder path with a separator at the end. */
  root: string;
  /** Seconds since 1970 of the last commit that touched a path relative to the root. */
  seconds: Map<string, number>;
  /** False if older commits were not read. */
  whole: boolean;
  /** Id of the content that the last commit has at each path; undefined where git does not say. */
  blobs: Map<string, string> | undefined;
}

/**
 * @param folder Absolute path of a folder, inside a repository or not.
 * @param signal Aborting ends git early.
 * @returns What git says, empty without git, repository or commits. Never throws.
 */
export async function readHistory(folder: string, signal: AbortSignal | undefined): Promise<History> {
  const root = folder.endsWith(sep) ? folder : folder + sep;
  const [changes, blobs] = await Promise.all([lastChanges(folder, signal), committedBlobs(folder, signal)]);
  return { root, ...changes, blobs };
}

async function lastChanges(
  folder: string,
  signal: AbortSignal | undefined,
): Promise<{ seconds: Map<string, number>; whole: boolean }> {
  const { output, complete } = await runGit(folder, LOG, signal);
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
  return { seconds, whole: seconds.size === 0 || (complete && nCommits < MAX_COMMITS) };
}

/**
 * The content is compared with these ids by Fathom itself: `git status` and `git diff` would run the clean filters that
 * the repository's settings name.
 */
async function committedBlobs(
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, string> | undefined> {
  const { output, complete } = await runGit(folder, ["ls-tree", "-r", "-z", "HEAD"], signal);
  if (!complete || output === "") return undefined;
  const blobs = new Map<string, string>();
  for (const entry of output.split("\0")) {
    const [, blob, path] = /^\d+ blob ([0-9a-f]+)\t(.+)$/s.exec(entry) ?? [];
    if (blob !== undefined && path !== undefined) blobs.set(path, blob);
  }
  return blobs;
}

/** @returns What git printed, and whether it finished; nothing at all where there is no git or no repository. */
function runGit(
  folder: string,
  command: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ output: string; complete: boolean }> {
  const settings = [...SAFE_SETTINGS, ...NEEDED_SETTINGS].flatMap((setting) => ["-c", setting]);
  const args = ["--no-pager", ...settings, "-C", folder, ...command];
  // Windows looks for a program in the working directory first: that must not be the workspace. Elsewhere a user may have
  // no home.
  const options = {
    cwd: process.platform === "win32" ? homedir() : "/",
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
