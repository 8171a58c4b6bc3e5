// Entry of the tests inside the extension host: VS Code calls it, mocha runs the suites, a file takes the results.
import { writeFileSync } from "node:fs";
import Mocha from "mocha";

/** Milliseconds for one test; the first waits for the model. */
const TIMEOUT_MS = 60_000;
/** Names the file that takes the results. */
export const RESULTS_VARIABLE = "FATHOM_IN_HOST_RESULTS";

/** How a test came out. */
export interface Result {
  title: string;
  /** Message and stack, if it failed. */
  error?: string;
}

/** Called by VS Code, which ends the window when it settles. */
export async function run(): Promise<void> {
  const mocha = new Mocha({ timeout: TIMEOUT_MS, color: false });
  const results: Result[] = [];
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  await import("./extension.suite.ts");
  await import("./language.suite.ts");
  await new Promise<void>((resolve) => {
    const runner = mocha.run(() => resolve());
    runner.on("pass", (test) => results.push({ title: test.fullTitle() }));
    runner.on("fail", (test, error) => results.push({ title: test.fullTitle(), error: String(error?.stack ?? error) }));
  });
  writeFileSync(process.env[RESULTS_VARIABLE]!, JSON.stringify(results));
}
