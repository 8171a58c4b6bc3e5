// Tests of what all commands share, without a server: the folder that is named, and the bars of a reading.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Options } from "../../../server/src/cli/arguments.ts";
import type { ServerClient } from "../../../server/src/cli/lspClient.ts";
import { silentOutput } from "../../../server/src/cli/output.ts";
import { type CommandContext, readCodebase, workspaceFolder } from "../../../server/src/cli/session.ts";
import type { Status } from "../../../server/src/protocol/messages.ts";

const THIS_FILE = fileURLToPath(import.meta.url);
const OPTIONS = {} as Options;

/** What is shown while these statuses come one after the other, with where a bar ends. */
async function shownOf(statuses: Partial<Status>[]): Promise<string[]> {
  const shown: string[] = [];
  const progress = (title: string) => ({
    update: (share: number, words: string) => void shown.push(`${title}: ${share}, ${words}`),
    finish: () => void shown.push(`end of ${title}`),
  });
  const signal = new AbortController().signal;
  const context = { output: { ...silentOutput(), progress }, signal } as unknown as CommandContext;
  let listener: (status: Status) => void = () => {};
  const [lastStatus, ...others] = statuses.map((status) => ({ message: "", engineRestarts: 0, ...status }) as Status);
  const client = {
    lastStatus,
    onStatus(heard: typeof listener) {
      listener = heard;
      return () => {};
    },
    async request() {
      for (const status of others) listener(status);
    },
  };
  await readCodebase(context, client as unknown as ServerClient, { title: "Reading" });
  return shown;
}

describe("cli session", () => {
  it("says whether a folder is missing or a file", () => {
    assert.throws(
      () => workspaceFolder({ ...OPTIONS, path: "nowhere" }),
      /^UsageError: There is no folder .*nowhere\.$/,
    );
    assert.throws(
      () => workspaceFolder(OPTIONS, THIS_FILE),
      /session\.test\.ts is a file, not a folder; name the folder/,
    );
  });

  it("shows loading and reading as two works", async () => {
    const shown = await shownOf([
      { state: "starting", message: "Fathom is starting." },
      { state: "loading", message: "Loading Some model: 40 %." },
      { state: "ready", message: "Some model is ready." },
    ]);
    assert.deepEqual(shown, [
      "Loading the model: 0.4, Some model",
      "end of Loading the model",
      "Reading: 0, looking for files",
      "end of Reading",
    ]);
  });

  it("leaves what failed to the request, which says it once", async () => {
    assert.deepEqual(await shownOf([{ state: "failed", message: "It is damaged." }, { state: "noModel" }]), []);
  });
});
