// Tests of when a change of the settings is told, with which settings before, also while the first answer is on its way.
import assert from "node:assert/strict";
import type { Connection, InitializeParams } from "vscode-languageserver/node";
import type { FathomSettings } from "../../../server/src/protocol/settings.ts";
import { SettingsStore } from "../../../server/src/settingsStore.ts";

const withModel = (path: string) => ({ model: { path } });

/** A client whose answers come when the test gives them. */
function clientOf({ canAsk }: { canAsk: boolean }) {
  const answers: ((value: unknown) => void)[] = [];
  let changed: (change: { settings: unknown }) => Promise<void> = async () => {};
  const connection = {
    onDidChangeConfiguration: (handler: typeof changed) => {
      changed = handler;
    },
    workspace: { getConfiguration: () => new Promise((answer) => answers.push(answer)) },
    console: { warn() {} },
  };
  const params = { capabilities: { workspace: { configuration: canAsk } } };
  const store = new SettingsStore(connection as unknown as Connection, params as InitializeParams);
  const told: [string, string][] = [];
  store.onChange = (before: FathomSettings, now: FathomSettings) => told.push([before.model.path, now.model.path]);
  return { store, answers, told, change: (settings: unknown = null) => changed({ settings }) };
}

describe("SettingsStore", () => {
  it("compares a change with what was in force when its answer came, not when it was announced", async () => {
    const { store, answers, told, change } = clientOf({ canAsk: true });
    const started = store.refresh();
    const announced = change();
    answers[0]!(withModel("a.gguf"));
    await started;
    answers[1]!(withModel(""));
    await announced;
    assert.deepEqual(told, [["a.gguf", ""]]);
  });

  it("takes the values that a client sends which cannot be asked", async () => {
    const { store, told, change } = clientOf({ canAsk: false });
    await change({ fathom: withModel("a.gguf") });
    await change(withModel("b.gguf"));
    assert.deepEqual(told, [
      ["", "a.gguf"],
      ["a.gguf", "b.gguf"],
    ]);
    assert.equal((await store.latest()).model.path, "b.gguf");
  });
});
