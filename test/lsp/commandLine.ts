// Runs the built command line as a child process, small and away from the user's own files; knows no test.
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { tinyModelFiles } from "../model/tinyModel.ts";

/** The built command line. */
export const CLI = fileURLToPath(new URL("../../dist/cli.mjs", import.meta.url));
const CONTEXT = "8192";
/** Enough for a snapshot: short texts are read again as fast as restored. The tiny model has a token a character. */
export const LONG_FILE = "export function longFunction(value: number): number {\n  return value + 1;\n}\n".repeat(60);

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Called with a command and its arguments; options that keep a run small follow unless they are given. */
export interface CommandLine {
  start(...args: string[]): ChildProcessWithoutNullStreams;
  run(...args: string[]): Promise<Run>;
  /** Runs with `--json` and checks that there is exactly one object on stdout and nothing on stderr. */
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests assert
  json(code: number, ...args: string[]): Promise<any>;
}

/**
 * @param folder Current folder of the processes.
 * @param storage Folder for models and snapshots.
 */
export function commandLine(folder: string, storage: string): CommandLine {
  const start = (...args: string[]) => {
    // The tour has a storage of its own, so that its first reading is cold.
    const common = [
      ...(args[0] === "tour" || args.includes("--storage") ? [] : ["--storage", storage]),
      ...(args.includes("--model") ? [] : ["--model", tinyModelFiles().model]),
    ];
    const context = args.includes("--context") ? [] : ["--context", CONTEXT];
    // Hints name the npm script when there is one; without colours and npm the output is always the same.
    const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, npm_lifecycle_event: undefined };
    const all = [...args, ...common, ...context, "--cpu"];
    return spawn(process.execPath, ["--no-warnings", CLI, ...all], { cwd: folder, env });
  };
  const run = (...args: string[]) => finished(start(...args));
  const json = async (code: number, ...args: string[]) => {
    const result = await run(...args, "--json");
    assert.equal(result.stderr, "");
    assert.equal(result.code, code, result.stdout);
    const value = JSON.parse(result.stdout);
    assert.equal(value.ok, code === 0);
    assert.equal(value.command, args[0]);
    return value;
  };
  return { start, run, json };
}

/** Waits for the end of a process and collects what it wrote. */
export function finished(child: ChildProcessWithoutNullStreams): Promise<Run> {
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
